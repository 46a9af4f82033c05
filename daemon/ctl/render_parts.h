/* SPDX-License-Identifier: Apache-2.0 */
/* The small pieces that render.c puts together. */
#ifndef CTL_RENDER_PARTS_H
#define CTL_RENDER_PARTS_H

#include <json-c/json.h>

#include "base/buffer.h"

/* Cells; the caller frees. "-" where the member is missing. */
char *cell_count(const struct json_object *object, const char *name);
char *cell_size(const struct json_object *object, const char *name);
char *cell_time(const struct json_object *object, const char *name);

/* An ISO time in a zone: "2026-11-24 02:00:00 +07"; in UTC where `zone` is NULL or unknown here; "-" for NULL. */
void add_time(struct buffer *out, const char *zone, const char *iso);

/* "Started    2026-..."; nothing where `value` is NULL or empty. */
void add_field(struct buffer *out, const char *name, const char *value);

/* Each line of `text` behind `prefix`. */
void add_lines(struct buffer *out, const char *prefix, const char *text);

const char *job_zone_name(const struct json_object *job); /* borrowed; NULL where the daemon does not say */

#endif
