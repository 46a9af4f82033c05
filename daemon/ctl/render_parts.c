/* SPDX-License-Identifier: Apache-2.0 */
/* Cells and fields, errors in words, and the progress line. */
#include "render_parts.h"

#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/memory.h"
#include "render.h"
#include "schedule/zone.h"
#include "table.h"

char *cell_count(const struct json_object *object, const char *name) {
    struct buffer out = BUFFER_INIT(BUFFER_OURS);
    int64_t value = json_integer(object, name, -1);
    if (value < 0)
        return x_strdup("-");
    format_count(&out, (uint64_t)value);
    return buffer_take(&out);
}

char *cell_size(const struct json_object *object, const char *name) {
    struct buffer out = BUFFER_INIT(BUFFER_OURS);
    int64_t value = json_integer(object, name, -1);
    if (value < 0)
        return x_strdup("-");
    format_size(&out, (uint64_t)value);
    return buffer_take(&out);
}

void add_time(struct buffer *out, const char *zone_name_, const char *iso) {
    int64_t at;
    if (!iso || !time_parse_iso(iso, &at)) {
        buffer_add(out, "-");
        return;
    }
    struct zone *zone = zone_load(zone_name_ ? zone_name_ : "UTC", NULL);
    if (!zone)
        zone = zone_load("UTC", NULL);
    zone_format(zone, at, out);
    zone_unref(zone);
}

char *cell_time(const struct json_object *object, const char *name) {
    struct buffer out = BUFFER_INIT(BUFFER_OURS);
    add_time(&out, NULL, json_string(object, name));
    return buffer_take(&out);
}

void add_field(struct buffer *out, const char *name, const char *value) {
    if (!value || !*value)
        return;
    buffer_printf(out, "%-10s ", name);
    add_plain(out, value);
    buffer_add_char(out, '\n');
}

void add_lines(struct buffer *out, const char *prefix, const char *text) {
    while (*text) {
        size_t length = strcspn(text, "\n");
        _cleanup_free_ char *line = x_strndup(text, length);
        buffer_add(out, prefix);
        add_plain(out, line);
        buffer_add_char(out, '\n');
        text += length + (text[length] == '\n');
    }
}

const char *job_zone_name(const struct json_object *job) {
    return json_string(job, "timezone");
}

/* Errors. */

static void add_problems(const struct json_object *parameters, struct buffer *out) {
    const struct json_object *problems = json_array_at(parameters, "problems");
    buffer_add(out, "the configuration is wrong; the one before it goes on");
    for (size_t i = 0; problems && i < json_object_array_length(problems); i++) {
        buffer_add(out, "\n  ");
        add_plain(out, json_object_get_string(json_object_array_get_idx(problems, i)));
    }
}

static void add_failed(const struct json_object *parameters, struct buffer *out) {
    const char *message = json_string(parameters, "message");
    add_plain(out, message ? message : "the daemon failed and does not say why");
}

static const struct {
    const char *error, *format; /* one %s: the parameter */
    const char *parameter;
} phrases[] = {
    {CONTROL_NO_SUCH_JOB, "no job \"%s\"", "job"},
    {CONTROL_NO_SUCH_BACKUP, "no backup \"%s\": dynamodb-backupctl list shows those that exist", "backup"},
    {CONTROL_ALREADY_RUNNING, "%s runs already: dynamodb-backupctl status shows how far", "job"},
    {CONTROL_NOT_RUNNING, "%s does not run", "job"},
    {CONTROL_JOB_DISABLED, "%s is disabled: set Enabled=yes in its file and reload", "job"},
    {VARLINK_METHOD_NOT_FOUND, "the daemon does not know %s: it is of another version than this tool", "method"},
    {VARLINK_INTERFACE_NOT_FOUND, "what listens there does not know %s: is it dynamodb-backupd?", "interface"},
    {VARLINK_INVALID_PARAMETER, "the daemon refuses the parameter %s", "parameter"},
};

/* Like printf with the one %s, but the value is plain. */
static void add_phrase(struct buffer *out, const char *format, const char *value) {
    const char *place = strstr(format, "%s");
    buffer_add_bytes(out, format, (size_t)(place - format));
    add_plain(out, value ? value : "?");
    buffer_add(out, place + 2);
}

void render_error(const struct control_answer *answer, struct buffer *out) {
    const struct json_object *parameters = answer->parameters;
    for (size_t i = 0; i < array_length(phrases); i++)
        if (strcmp(phrases[i].error, answer->error) == 0) {
            add_phrase(out, phrases[i].format, json_string(parameters, phrases[i].parameter));
            if (json_string(parameters, "nearest"))
                add_phrase(out, "; did you mean %s?", json_string(parameters, "nearest"));
            return;
        }
    if (strcmp(answer->error, CONTROL_CONFIG_INVALID) == 0)
        add_problems(parameters, out);
    else if (strcmp(answer->error, CONTROL_FAILED) == 0 || strcmp(answer->error, CONTROL_PERMISSION_DENIED) == 0)
        add_failed(parameters, out);
    else if (strcmp(answer->error, CONTROL_STOPPING) == 0)
        buffer_add(out, "the daemon stops: no run starts any more");
    else
        add_phrase(out, "the daemon answers %s", answer->error);
}

/* Progress. */

#define BAR 24

static void add_bar(struct buffer *out, int percent) {
    int filled = percent * BAR / 100;
    buffer_add(out, " [");
    for (int i = 0; i < BAR; i++)
        buffer_add_char(out, i < filled ? '=' : i == filled ? '>' : ' ');
    buffer_printf(out, "] %d%%", percent);
}

/* Seconds that the run has taken so far; 0 where it is not known. */
static double elapsed(const struct json_object *progress, int64_t now) {
    const char *started = json_string(progress, "started");
    int64_t at;
    if (!started || !time_parse_iso(started, &at) || now <= at * SECOND_MS)
        return 0;
    return (double)(now - at * SECOND_MS) / SECOND_MS;
}

static void add_rate(struct buffer *out, double rate, int64_t left) {
    buffer_add(out, "  ");
    format_count(out, (uint64_t)rate);
    buffer_add(out, " items/s");
    if (left <= 0)
        return;
    buffer_add(out, "  ");
    format_duration(out, (int64_t)((double)left / rate) * SECOND_MS);
    buffer_add(out, " left");
}

/* Cut between characters. */
static void cut(struct buffer *out, size_t from, size_t columns) {
    size_t at = from;
    for (size_t width = 0; at < out->length; at++) {
        width += ((unsigned char)out->data[at] & 0xc0) != 0x80;
        if (width > columns)
            break;
    }
    out->length = at;
    if (out->data)
        out->data[at] = '\0';
}

/* A run that is slow because somebody wanted it so. */
static void add_pace(const struct json_object *progress, struct buffer *out) {
    struct json_object *rate;
    if (json_object_object_get_ex(progress, "read_capacity", &rate) && json_object_get_double(rate) > 0)
        buffer_printf(out, "  at most %.4g read units/s", json_object_get_double(rate));
}

void render_progress(const char *job, const struct json_object *progress, int64_t now, size_t columns,
                     struct buffer *out) {
    size_t from = out->length;
    int64_t items = json_integer(progress, "items", 0), estimated = json_integer(progress, "estimated_items", 0);
    int64_t throttles = json_integer(progress, "throttles", 0);
    const char *state = json_string(progress, "state");
    double seconds = elapsed(progress, now);
    bool streaming = state && strcmp(state, "stream") == 0;
    add_plain(out, job);
    if (streaming && estimated > 0)
        add_bar(out, (int)(items >= estimated ? 99 : items * 100 / estimated));
    else if (state) {
        buffer_add(out, ": ");
        add_plain(out, state);
    }
    buffer_add(out, "  ");
    format_count(out, (uint64_t)items);
    buffer_add(out, " items  ");
    /* What stands in S3 only moves when a part closes: while pages come, those are what a person can watch. */
    format_size(out, (uint64_t)json_integer(progress, streaming ? "raw_bytes" : "stored_bytes", 0));
    if (streaming && items > 0 && seconds >= 1)
        add_rate(out, (double)items / seconds, estimated - items);
    add_pace(progress, out);
    if (throttles)
        buffer_printf(out, "  %lld throttled", (long long)throttles);
    cut(out, from, columns);
}
