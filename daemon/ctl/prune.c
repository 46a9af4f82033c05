/* SPDX-License-Identifier: Apache-2.0 */
/* `prune`: what retention decided, what was done of it, and what could not be. */
#include <string.h>

#include "backend.h"
#include "base/json.h"
#include "base/memory.h"
#include "render.h"
#include "render_parts.h"
#include "say.h"
#include "table.h"

/* "keep", "remove"; what was done of it where that is another thing. */
static const char *action(const struct json_object *one, bool dry_run) {
    const char *decision = json_string(one, "decision"), *outcome = json_string(one, "outcome");
    bool decided = dry_run || !outcome || strcmp(outcome, "left") == 0;
    return decided ? decision : outcome;
}

static void add_row(struct table *table, const struct json_object *one, const char *zone, bool dry_run) {
    const char *kind = json_string(one, "kind"), *wrong = json_string(one, "error");
    struct buffer started = BUFFER_INIT(BUFFER_OURS), why = BUFFER_INIT(BUFFER_OURS);
    add_time(&started, zone, json_string(one, "started"));
    add_plain(&why, json_string(one, "why"));
    if (wrong) {
        buffer_add(&why, ": ");
        add_plain(&why, wrong);
    }
    table_add(table, plain_text(json_string(one, "id")));
    table_add(table, plain_text(kind));
    table_add(table, buffer_take(&started));
    table_add(table, cell_size(one, "bytes"));
    table_add(table, plain_text(action(one, dry_run)));
    table_add(table, buffer_take(&why));
}

static void add_line(struct buffer *out, const char *job, const char *words) {
    add_plain(out, job);
    buffer_add(out, ": ");
    add_plain(out, words);
    buffer_add_char(out, '\n');
}

static void add_sum(struct buffer *out, const struct json_object *job, size_t to_go) {
    bool dry_run = json_boolean(job, "dry_run", false);
    add_plain(out, json_string(job, "job"));
    if (dry_run)
        buffer_printf(out, ": a dry run: %zu to remove", to_go);
    else
        buffer_printf(out, ": %lld removed", (long long)json_integer(job, "removed", 0));
    if (json_integer(job, "failed", 0))
        buffer_printf(out, ", %lld could not be removed", (long long)json_integer(job, "failed", 0));
    if (json_integer(job, "foreign", 0))
        buffer_printf(out, "; %lld folders beside them are not this job's", (long long)json_integer(job, "foreign", 0));
    buffer_add_char(out, '\n');
}

static void render_job_pruned(const struct json_object *job, struct buffer *out) {
    static const char *const head[] = {"ID", "KIND", "STARTED", "SIZE", "ACTION", "WHY"};
    struct table table = {.columns = 6, .right = 1 << 3};
    const struct json_object *list = json_array_at(job, "backups");
    const char *name = json_string(job, "job"), *wrong = json_string(job, "error");
    size_t count = list ? json_object_array_length(list) : 0, to_go = 0;
    if (wrong) {
        add_line(out, name, wrong);
        return;
    }
    for (unsigned i = 0; count && i < table.columns; i++)
        table_add(&table, x_strdup(head[i]));
    for (size_t i = 0; i < count; i++) {
        const struct json_object *one = json_object_array_get_idx(list, i);
        const char *decision = json_string(one, "decision");
        to_go += decision && strcmp(decision, "remove") == 0;
        add_row(&table, one, job_zone_name(job), json_boolean(job, "dry_run", false));
    }
    table_print(&table, out);
    table_fini(&table);
    add_sum(out, job, to_go);
    if (json_string(job, "held"))
        add_line(out, name, json_string(job, "held"));
}

void render_pruned(const struct json_object *reply, struct buffer *out) {
    const struct json_object *jobs = json_array_at(reply, "jobs");
    for (size_t i = 0; jobs && i < json_object_array_length(jobs); i++) {
        buffer_add(out, i ? "\n" : "");
        render_job_pruned(json_object_array_get_idx(jobs, i), out);
    }
}

/* A job that could not be looked at, a clock that is wrong, or a backup that would not go is a failure. */
static enum status status_of(const struct json_object *reply) {
    const struct json_object *jobs = json_array_at(reply, "jobs");
    for (size_t i = 0; jobs && i < json_object_array_length(jobs); i++) {
        const struct json_object *job = json_object_array_get_idx(jobs, i);
        bool held = json_string(job, "held") && !json_boolean(job, "dry_run", false);
        if (held || json_string(job, "error") || json_integer(job, "failed", 0))
            return STATUS_FAILED;
    }
    return STATUS_DONE;
}

static enum status show(const struct options *options, const struct control_answer *answer) {
    _cleanup_buffer_ struct buffer out = BUFFER_INIT(BUFFER_OURS);
    if (answer->error)
        return say_refusal(answer, options->json);
    if (options->json) {
        say_json(answer->parameters);
    } else {
        render_pruned(answer->parameters, &out);
        say_text(&out);
    }
    return status_of(answer->parameters);
}

enum status command_prune(const struct options *options) {
    enum status status = STATUS_FAILED;
    struct control_answer answer;
    struct backend *backend = backend_open(options, &status);
    if (!backend)
        return status;
    struct json_object *parameters = json_object_new_object();
    json_put_string(parameters, "job", options->argument);
    json_put_boolean(parameters, "dry_run", options->dry_run);
    if (backend_ask(backend, CONTROL_PRUNE, parameters, &answer, &status))
        status = show(options, &answer);
    control_answer_fini(&answer);
    backend_close(backend);
    return status;
}
