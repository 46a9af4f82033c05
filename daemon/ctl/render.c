/* SPDX-License-Identifier: Apache-2.0 */
/* Tables and lines out of the daemon's JSON. A member that is missing is an empty cell: an older or newer daemon is still read. */
#include "render.h"

#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/memory.h"
#include "render_parts.h"
#include "table.h"

/* Status. */

static void add_head(struct table *table, const char *const *names) {
    for (unsigned i = 0; i < table->columns; i++)
        table_add(table, x_strdup(names[i]));
}

static char *cell_last(const struct json_object *job) {
    const struct json_object *last = json_object_at(job, "last");
    struct buffer out = BUFFER_INIT(BUFFER_OURS);
    if (!last)
        return x_strdup("-");
    add_plain(&out, json_string(last, "result"));
    buffer_add_char(&out, ' ');
    add_time(&out, job_zone_name(job), json_string(last, "ended"));
    return buffer_take(&out);
}

static char *cell_next(const struct json_object *job) {
    struct buffer out = BUFFER_INIT(BUFFER_OURS);
    const char *next = json_string(job, "next");
    if (next)
        add_time(&out, job_zone_name(job), next);
    else
        buffer_add(&out, json_boolean(job, "enabled", true) ? "-" : "disabled");
    return buffer_take(&out);
}

static void add_job_row(struct table *table, const struct json_object *job) {
    const struct json_object *last = json_object_at(job, "last");
    table_add(table, plain_text(json_string(job, "name")));
    table_add(table, plain_text(json_string(job, "state")));
    table_add(table, cell_next(job));
    table_add(table, cell_last(job));
    table_add(table, last ? cell_count(last, "items") : NULL);
    table_add(table, last ? cell_size(last, "bytes") : NULL);
}

/* What a table has no room for: what runs now, why the last run failed, why its mail did not go. */
static void add_job_lines(const struct json_object *job, int64_t now, struct buffer *out) {
    const struct json_object *last = json_object_at(job, "last"), *progress = json_object_at(job, "progress");
    const char *name = json_string(job, "name");
    if (progress) {
        _cleanup_buffer_ struct buffer line = BUFFER_INIT(BUFFER_OURS);
        render_progress(name ? name : "", progress, now, 160, &line);
        buffer_printf(out, "%s\n", line.data);
    }
    static const char *const members[][2] = {
        {"error", "last run failed"}, {"left_behind", "left behind in S3"}, {"mail_error", "mail not sent"}};
    for (size_t i = 0; last && i < array_length(members); i++)
        if (json_string(last, members[i][0])) {
            add_plain(out, name);
            buffer_printf(out, ": %s: ", members[i][1]);
            add_plain(out, json_string(last, members[i][0]));
            buffer_add_char(out, '\n');
        }
}

/* The drill that runs, and what is wrong with the last one. */
static void add_drill_lines(const struct json_object *job, int64_t now, struct buffer *out) {
    static const char *const members[][2] = {{"error", "last drill failed"}, {"left_behind", "its drill left behind"}};
    const struct json_object *drill = json_object_at(job, "drill"), *progress = json_object_at(drill, "progress");
    const struct json_object *last = json_object_at(drill, "last");
    const char *name = json_string(job, "name");
    if (progress) {
        _cleanup_free_ char *who = x_printf("%s: drill", name ? name : "");
        _cleanup_buffer_ struct buffer line = BUFFER_INIT(BUFFER_OURS);
        render_progress(who, progress, now, 160, &line);
        buffer_printf(out, "%s\n", line.data);
    }
    for (size_t i = 0; last && i < array_length(members); i++)
        if (json_string(last, members[i][0])) {
            add_plain(out, name);
            buffer_printf(out, ": %s: ", members[i][1]);
            add_plain(out, json_string(last, members[i][0]));
            buffer_add_char(out, '\n');
        }
}

static void add_daemon(const struct json_object *daemon, int64_t now, struct buffer *out) {
    const struct json_object *memory = json_object_at(daemon, "memory");
    const char *wrong = json_string(daemon, "config_error"), *started = json_string(daemon, "started");
    int64_t since;
    buffer_add(out, "dynamodb-backupd ");
    add_plain(out, json_string(daemon, "version"));
    buffer_printf(out, ", pid %lld", (long long)json_integer(daemon, "pid", 0));
    if (started && time_parse_iso(started, &since)) {
        buffer_add(out, ", up ");
        format_duration(out, now > since * SECOND_MS ? now - since * SECOND_MS : 0);
    }
    buffer_printf(out, ", %lld running, buffers ", (long long)json_integer(daemon, "jobs_running", 0));
    format_size(out, (uint64_t)json_integer(memory, "used", 0));
    buffer_add(out, " of ");
    format_size(out, (uint64_t)json_integer(memory, "limit", 0));
    buffer_add(out, " (most ");
    format_size(out, (uint64_t)json_integer(memory, "peak", 0));
    buffer_add(out, ")\n");
    if (wrong) {
        buffer_add(out, "The configuration on disk is wrong; what runs is the one before it:\n");
        add_lines(out, "  ", wrong);
    }
    if (json_string(daemon, "state_error")) {
        buffer_add(out, "The state could not be used at the start:\n");
        add_lines(out, "  ", json_string(daemon, "state_error"));
    }
    buffer_add_char(out, '\n');
}

void render_status(const struct json_object *reply, int64_t now, struct buffer *out) {
    static const char *const head[] = {"JOB", "STATE", "NEXT", "LAST", "ITEMS", "SIZE"};
    struct table table = {.columns = 6, .right = 1 << 4 | 1 << 5};
    const struct json_object *jobs = json_array_at(reply, "jobs");
    size_t count = jobs ? json_object_array_length(jobs) : 0;
    add_daemon(json_object_at(reply, "daemon"), now, out);
    if (!count)
        buffer_add(out, "No jobs: each file jobs.d/NAME.conf beside the configuration is one.\n");
    else
        add_head(&table, head);
    for (size_t i = 0; i < count; i++)
        add_job_row(&table, json_object_array_get_idx(jobs, i));
    table_print(&table, out);
    table_fini(&table);
    for (size_t i = 0; i < count; i++) {
        add_job_lines(json_object_array_get_idx(jobs, i), now, out);
        add_drill_lines(json_object_array_get_idx(jobs, i), now, out);
    }
}

static void add_schedules(const struct json_object *of, const struct json_object *job, struct buffer *out) {
    const struct json_object *schedules = json_array_at(of, "schedules");
    size_t count = schedules ? json_object_array_length(schedules) : 0;
    for (size_t i = 0; i < count; i++) {
        buffer_add(out, i ? "; " : "");
        add_plain(out, json_object_get_string(json_object_array_get_idx(schedules, i)));
    }
    buffer_add(out, count ? "" : "none: only on demand");
    if (count && job_zone_name(job)) {
        buffer_add(out, " in ");
        add_plain(out, job_zone_name(job));
    }
}

/* "0 5 * * 0 in UTC; next 2026-...; last success 2026-..." */
static void add_drill(const struct json_object *job, struct buffer *out) {
    const struct json_object *drill = json_object_at(job, "drill"), *last = json_object_at(drill, "last");
    _cleanup_buffer_ struct buffer text = BUFFER_INIT(BUFFER_OURS);
    if (!drill)
        return;
    add_schedules(drill, job, &text);
    if (json_string(drill, "next")) {
        buffer_add(&text, "; next ");
        add_time(&text, job_zone_name(job), json_string(drill, "next"));
    }
    if (last) {
        buffer_add(&text, "; last ");
        add_plain(&text, json_string(last, "result"));
        buffer_add_char(&text, ' ');
        add_time(&text, job_zone_name(job), json_string(last, "ended"));
    }
    add_field(out, "Drill", text.data);
}

void render_job(const struct json_object *job, int64_t now, struct buffer *out) {
    const struct json_object *last = json_object_at(job, "last");
    _cleanup_free_ char *next = cell_next(job);
    _cleanup_free_ char *before = cell_last(job);
    _cleanup_buffer_ struct buffer schedules = BUFFER_INIT(BUFFER_OURS);
    add_schedules(job, job, &schedules);
    add_field(out, "Job", json_string(job, "name"));
    add_field(out, "Table", json_string(job, "table"));
    add_field(out, "Schedule", schedules.data);
    add_field(out, "State", json_string(job, "state"));
    add_field(out, "Next", next);
    add_field(out, "Last", before);
    if (last) {
        _cleanup_free_ char *items = cell_count(last, "items"), *size = cell_size(last, "bytes");
        add_field(out, "Backup", json_string(last, "id"));
        add_field(out, "Run", json_string(last, "run"));
        add_field(out, "Stands in", json_string(last, "uri"));
        add_field(out, "Items", items);
        add_field(out, "Size", size);
        add_field(out, "Mail", json_string(last, "mail"));
    }
    add_drill(job, out);
    add_job_lines(job, now, out);
    add_drill_lines(job, now, out);
}

/* Backups. */

static char *cell_formats(const struct json_object *backup) {
    struct buffer out = BUFFER_INIT(BUFFER_OURS);
    const struct json_object *formats = json_array_at(backup, "formats");
    for (size_t i = 0; formats && i < json_object_array_length(formats); i++) {
        buffer_add(&out, i ? " " : "");
        add_plain(&out, json_object_get_string(json_object_array_get_idx(formats, i)));
    }
    return buffer_take(&out);
}

/* A job whose own table nobody knows is listed with those of every table of that name: then names do not tell them apart. */
static bool tables_need_arns(const struct json_object *backups, size_t count) {
    for (size_t i = 1; i < count; i++) {
        const struct json_object *a = json_object_array_get_idx(backups, i - 1),
                                 *b = json_object_array_get_idx(backups, i);
        const char *job = json_string(a, "job"), *other = json_string(b, "job");
        const char *arn = json_string(a, "table_arn"), *other_arn = json_string(b, "table_arn");
        if (job && other && arn && other_arn && strcmp(job, other) == 0 && strcmp(arn, other_arn) != 0)
            return true;
    }
    return false;
}

void render_list(const struct json_object *reply, struct buffer *out) {
    static const char *const head[] = {"ID", "JOB", "TABLE", "STARTED", "ITEMS", "SIZE", "FORMATS"};
    struct table table = {.columns = 7, .right = 1 << 4 | 1 << 5};
    const struct json_object *backups = json_array_at(reply, "backups");
    size_t count = backups ? json_object_array_length(backups) : 0;
    const char *table_key = tables_need_arns(backups, count) ? "table_arn" : "table";
    if (!count)
        buffer_add(out, "No backups.\n");
    else
        add_head(&table, head);
    for (size_t i = 0; i < count; i++) {
        const struct json_object *backup = json_object_array_get_idx(backups, i);
        table_add(&table, plain_text(json_string(backup, "id")));
        table_add(&table, plain_text(json_string(backup, "job")));
        table_add(&table, plain_text(json_string(backup, table_key)));
        table_add(&table, cell_time(backup, "started"));
        table_add(&table, cell_count(backup, "items"));
        table_add(&table, cell_size(backup, "bytes"));
        table_add(&table, cell_formats(backup));
    }
    table_print(&table, out);
    table_fini(&table);
}

static void add_object_rows(struct table *table, const struct json_object *output) {
    const struct json_object *objects = json_array_at(output, "objects");
    for (size_t i = 0; objects && i < json_object_array_length(objects); i++) {
        const struct json_object *object = json_object_array_get_idx(objects, i),
                                 *parts = json_array_at(object, "parts");
        table_add(table, plain_text(json_string(object, "key")));
        table_add(table, plain_text(json_string(output, "format")));
        table_add(table, plain_text(json_string(output, "compression")));
        table_add(table, cell_count(object, "items"));
        table_add(table, cell_size(object, "size"));
        size_t count = parts ? json_object_array_length(parts) : 0;
        table_add(table, x_printf("%" PRIu64, count + json_count(object, "parts_left_out")));
    }
}

/* A large backup's answer names the first thousand or so. */
static void add_left_out(const struct json_object *outputs, struct buffer *out) {
    uint64_t count = 0;
    for (size_t i = 0; outputs && i < json_object_array_length(outputs); i++)
        count += json_count(json_object_array_get_idx(outputs, i), "objects_left_out");
    if (count)
        buffer_printf(out, "and %" PRIu64 " more objects\n", count);
}

static void add_times(const struct json_object *backup, struct buffer *out) {
    _cleanup_free_ char *started = cell_time(backup, "started"), *ended = cell_time(backup, "ended");
    _cleanup_buffer_ struct buffer took = BUFFER_INIT(BUFFER_OURS);
    int64_t from, until;
    if (json_string(backup, "started") && json_string(backup, "ended") &&
        time_parse_iso(json_string(backup, "started"), &from) && time_parse_iso(json_string(backup, "ended"), &until))
        format_duration(&took, (until - from) * SECOND_MS);
    add_field(out, "Started", started);
    add_field(out, "Ended", ended);
    add_field(out, "Took", took.data);
}

void render_show(const struct json_object *reply, struct buffer *out) {
    static const char *const head[] = {"OBJECT", "FORMAT", "COMPRESSION", "ITEMS", "SIZE", "PARTS"};
    struct table table = {.columns = 6, .right = 1 << 3 | 1 << 4 | 1 << 5};
    const struct json_object *backup = json_object_at(reply, "backup"), *outputs = json_array_at(backup, "outputs");
    _cleanup_free_ char *items = cell_count(backup, "items"), *scanned = cell_size(backup, "scanned_bytes");
    add_field(out, "Backup", json_string(backup, "id"));
    add_field(out, "Job", json_string(backup, "job"));
    add_field(out, "Table", json_string(backup, "table_arn"));
    add_field(out, "Stands in", json_string(reply, "uri"));
    add_times(backup, out);
    add_field(out, "Items", items);
    add_field(out, "Scanned", scanned);
    add_field(out, "Run", json_string(backup, "run"));
    add_field(out, "Host", json_string(backup, "host"));
    add_field(out, "Software", json_string(backup, "software"));
    buffer_add_char(out, '\n');
    add_head(&table, head);
    for (size_t i = 0; outputs && i < json_object_array_length(outputs); i++)
        add_object_rows(&table, json_object_array_get_idx(outputs, i));
    table_print(&table, out);
    add_left_out(outputs, out);
    table_fini(&table);
}

/* What a row has no room for: why it failed, what a person should look at. */
static void add_past_lines(const struct json_object *past, struct buffer *out) {
    static const char *const members[] = {"error", "warning"};
    for (size_t i = 0; i < array_length(members); i++)
        if (json_string(past, members[i])) {
            buffer_add(out, "  ");
            add_plain(out, json_string(past, members[i]));
            buffer_add_char(out, '\n');
        }
}

static char *cell_duration(const struct json_object *past) {
    struct buffer out = BUFFER_INIT(BUFFER_OURS);
    format_duration(&out, json_integer(past, "duration_ms", 0));
    return buffer_take(&out);
}

/* A table of one row at a time would not line up: the reasons follow below it, by run. */
void render_history(const struct json_object *reply, struct buffer *out) {
    static const char *const head[] = {"STARTED", "JOB", "KIND", "RESULT", "TOOK", "ITEMS", "SIZE", "RUN"};
    struct table table = {.columns = 8, .right = 1 << 4 | 1 << 5 | 1 << 6};
    const struct json_object *runs = json_array_at(reply, "runs");
    size_t count = runs ? json_object_array_length(runs) : 0;
    if (!count)
        buffer_add(out, "No past runs.\n");
    else
        add_head(&table, head);
    for (size_t i = 0; i < count; i++) {
        const struct json_object *past = json_object_array_get_idx(runs, i);
        table_add(&table, cell_time(past, "started"));
        table_add(&table, plain_text(json_string(past, "job")));
        table_add(&table, plain_text(json_string(past, "kind")));
        table_add(&table, plain_text(json_string(past, "result")));
        table_add(&table, cell_duration(past));
        table_add(&table, cell_count(past, "items"));
        table_add(&table, cell_size(past, "bytes"));
        table_add(&table, json_string(past, "run") ? x_printf("%.8s", json_string(past, "run")) : NULL);
    }
    table_print(&table, out);
    table_fini(&table);
    for (size_t i = 0; i < count; i++) {
        const struct json_object *past = json_object_array_get_idx(runs, i);
        if (!json_string(past, "error") && !json_string(past, "warning"))
            continue;
        buffer_printf(out, "%.8s:", json_string(past, "run") ? json_string(past, "run") : "");
        add_past_lines(past, out);
    }
}

/* An URL stands alone on its line, whole: to be copied. */
void render_links(const struct json_object *reply, int64_t now, struct buffer *out) {
    const struct json_object *links = json_array_at(reply, "links");
    for (size_t i = 0; links && i < json_object_array_length(links); i++) {
        const struct json_object *link = json_object_array_get_idx(links, i);
        const char *expires = json_string(link, "expires");
        int64_t end;
        add_plain(out, json_string(link, "key"));
        buffer_add(out, ", until ");
        add_time(out, NULL, expires);
        if (expires && time_parse_iso(expires, &end) && end * SECOND_MS > now) {
            buffer_add(out, " (");
            format_duration(out, end * SECOND_MS - now);
            buffer_add_char(out, ')');
        }
        buffer_add_char(out, '\n');
        if (json_string(link, "url")) {
            add_plain(out, json_string(link, "url"));
            buffer_add_char(out, '\n');
        }
    }
    if (json_boolean(reply, "cut_short", false))
        buffer_add(out, "The links end early: the credentials that signed them end before LinkExpires=.\n");
}

void render_next(const struct json_object *reply, struct buffer *out) {
    const struct json_object *jobs = json_array_at(reply, "jobs");
    for (size_t i = 0; jobs && i < json_object_array_length(jobs); i++) {
        const struct json_object *job = json_object_array_get_idx(jobs, i), *times = json_array_at(job, "next");
        size_t count = times ? json_object_array_length(times) : 0;
        add_plain(out, json_string(job, "name"));
        buffer_add(out, count ? "\n" : ": only on demand\n");
        for (size_t j = 0; j < count; j++) {
            buffer_add(out, "  ");
            add_time(out, job_zone_name(job), json_object_get_string(json_object_array_get_idx(times, j)));
            buffer_add_char(out, '\n');
        }
    }
}

/* "success: 1,000 items, 120.0 KiB in 12.4 s"; "failure after 2.5 s: Scan of ...". */
static void add_outcome(const struct json_object *result, struct buffer *out) {
    const char *word = json_string(result, "result"), *wrong = json_string(result, "error");
    _cleanup_free_ char *items = cell_count(result, "items"), *size = cell_size(result, "bytes");
    int64_t took = json_integer(result, "duration_ms", -1);
    add_plain(out, word ? word : "unknown");
    if (!wrong)
        buffer_printf(out, ": %s items, %s", items, size);
    if (took >= 0) {
        buffer_add(out, wrong ? " after " : " in ");
        format_duration(out, took);
    }
    if (wrong) {
        buffer_add(out, ": ");
        add_plain(out, wrong);
    }
    buffer_add_char(out, '\n');
}

static bool is_drill(const struct json_object *result) {
    const char *kind = json_string(result, "kind");
    return kind && strcmp(kind, "drill") == 0;
}

void render_result(const char *job, const struct json_object *reply, int64_t now, struct buffer *out) {
    const struct json_object *result = json_object_at(reply, "result");
    const char *word = json_string(result, "result");
    add_plain(out, job);
    buffer_add(out, is_drill(result) ? ": drill: " : ": ");
    add_outcome(result, out);
    if (word && strcmp(word, "success") == 0 && json_string(result, "uri"))
        add_lines(out, "", json_string(result, "uri"));
    if (json_string(result, "left_behind"))
        add_lines(out, is_drill(result) ? "left behind: " : "left behind in S3: ", json_string(result, "left_behind"));
    render_links(reply, now, out);
}
