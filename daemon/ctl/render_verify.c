/* SPDX-License-Identifier: Apache-2.0 */
/* A verify as a person reads it: how far it is, and what is not what was written. */
#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/memory.h"
#include "render.h"
#include "render_parts.h"
#include "table.h"

/* The line of a backup's progress: what has been read is what a person can watch. */
void render_verify_progress(const char *backup, const struct json_object *progress, int64_t now, size_t columns,
                            struct buffer *out) {
    _cleanup_json_ struct json_object *line = json_object_new_object();
    const char *state = json_string(progress, "state");
    bool reads = state && strcmp(state, "data") == 0;
    int64_t damages = json_integer(progress, "damages", 0);
    _cleanup_free_ char *name = damages ? x_printf("%s (%" PRId64 " damaged)", backup, damages) : x_strdup(backup);
    json_put_string(line, "state", reads ? "stream" : state);
    json_put_integer(line, "items", json_integer(progress, "items", 0));
    json_put_integer(line, "estimated_items", json_integer(progress, "estimated_items", 0));
    json_put_integer(line, reads ? "raw_bytes" : "stored_bytes",
                     json_integer(progress, reads ? "raw_bytes" : "stored_bytes", 0));
    json_put_string(line, "started", json_string(progress, "started"));
    render_progress(name, line, now, columns, out);
}

static void add_count(struct buffer *out, const char *before, int64_t count) {
    buffer_add(out, before);
    format_count(out, (uint64_t)count);
}

static void add_damage(struct buffer *out, const struct json_object *damage) {
    int64_t part = json_integer(damage, "part", 0), first = json_integer(damage, "first_line", 0),
            last = json_integer(damage, "last_line", 0);
    add_plain(out, json_string(damage, "object"));
    if (part)
        add_count(out, ": part ", part);
    if (first)
        add_count(out, first == last ? ", line " : ", lines ", first);
    if (first && last != first && last)
        add_count(out, " to ", last);
    else if (first && !last)
        buffer_add(out, " and behind");
    buffer_add(out, ": ");
    add_plain(out, json_string(damage, "message"));
    buffer_add_char(out, '\n');
}

static void add_numbers(struct buffer *out, const struct json_object *result) {
    _cleanup_free_ char *items = cell_count(result, "items"), *objects = cell_count(result, "objects"),
                        *size = cell_size(result, "bytes");
    buffer_printf(out, "%s items, %s objects, %s in ", items, objects, size);
    format_duration(out, json_integer(result, "duration_ms", 0));
}

void render_verify(const struct json_object *result, struct buffer *out) {
    const struct json_object *damages = json_array_at(result, "damages");
    size_t count = damages ? json_object_array_length(damages) : 0;
    int64_t left_out = json_integer(result, "damages_left_out", 0);
    for (size_t i = 0; i < count; i++)
        add_damage(out, json_object_array_get_idx(damages, i));
    if (left_out) {
        add_count(out, "and ", left_out);
        buffer_add(out, " more\n");
    }
    add_plain(out, json_string(result, "uri"));
    if (count)
        add_count(out, ": DAMAGED: ", (int64_t)count + left_out);
    buffer_add(out, count ? (count + (size_t)left_out == 1 ? " thing is" : " things are") : ": good: all is");
    buffer_add(out, count ? " not what was written: " : " what was written: ");
    add_numbers(out, result);
    buffer_add_char(out, '\n');
}
