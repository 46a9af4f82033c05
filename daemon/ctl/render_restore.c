/* SPDX-License-Identifier: Apache-2.0 */
/* A restore as a person reads it: how far it is, what it did, what the table lacks. */
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/memory.h"
#include "render.h"
#include "render_parts.h"
#include "table.h"

/* The line of a backup's progress: a restore that writes streams, and what it has written is what a person can watch. */
void render_restore_progress(const char *table, const struct json_object *progress, int64_t now, size_t columns,
                             struct buffer *out) {
    _cleanup_json_ struct json_object *line = json_object_new_object();
    const char *state = json_string(progress, "state");
    bool writes = state && strcmp(state, "write") == 0;
    int64_t before = json_integer(progress, "items_before", 0),
            estimated = json_integer(progress, "estimated_items", 0);
    json_put_string(line, "state", writes ? "stream" : state);
    json_put_integer(line, "items", json_integer(progress, "items", 0) - before);
    json_put_integer(line, "estimated_items", estimated > before ? estimated - before : 0);
    json_put_integer(line, writes ? "raw_bytes" : "stored_bytes", json_integer(progress, "bytes", 0));
    json_put_integer(line, "throttles",
                     json_integer(progress, "throttles", 0) + json_integer(progress, "unprocessed", 0));
    json_put_string(line, "started", json_string(progress, "started"));
    render_progress(table, line, now, columns, out);
}

static void add_sentences(struct buffer *out, const char *head, const struct json_object *sentences) {
    size_t count = sentences ? json_object_array_length(sentences) : 0;
    for (size_t i = 0; i < count; i++) {
        if (i == 0)
            buffer_printf(out, "%s\n", head);
        buffer_add(out, "  ");
        add_plain(out, json_object_get_string(json_object_array_get_idx(sentences, i)));
        buffer_add_char(out, '\n');
    }
}

static void add_numbers(struct buffer *out, const struct json_object *result) {
    _cleanup_free_ char *items = cell_count(result, "items"), *size = cell_size(result, "bytes");
    int64_t took = json_integer(result, "duration_ms", 0), count = json_integer(result, "items", 0);
    buffer_printf(out, "%s items, %s in ", items, size);
    format_duration(out, took);
    if (took >= SECOND_MS) {
        buffer_add(out, ", ");
        format_count(out, (uint64_t)(count * SECOND_MS / took));
        buffer_add(out, " items/s");
    }
    if (json_integer(result, "items_before", 0)) {
        _cleanup_free_ char *before = cell_count(result, "items_before");
        buffer_printf(out, "; %s stood there already", before);
    }
}

void render_restore(const struct json_object *result, struct buffer *out) {
    const char *wrong = json_string(result, "error");
    bool dry = json_boolean(result, "dry_run", false);
    add_plain(out, json_string(result, "table"));
    if (wrong) {
        buffer_add(out, ": failure: ");
        add_plain(out, wrong);
        buffer_add_char(out, '\n');
        if (json_integer(result, "items", 0)) {
            buffer_add(out, "written until then: ");
            add_numbers(out, result);
            buffer_add(out, "; the same restore, asked for again, goes on from there\n");
        }
        return;
    }
    if (dry) {
        buffer_add(out, ": nothing was changed. ");
    } else {
        buffer_add(out, ": success: ");
        add_numbers(out, result);
        buffer_add_char(out, '\n');
        if (json_string(result, "table_arn"))
            add_lines(out, "", json_string(result, "table_arn"));
    }
    if (dry)
        add_sentences(out, "The restore would do this:", json_array_at(result, "plan"));
    add_sentences(
        out, dry ? "What the table would lack that the original had:" : "What the table lacks that the original had:",
        json_array_at(result, "missing"));
}
