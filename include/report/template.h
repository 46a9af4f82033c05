/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A small part of Mustache: {{name}}, {{#name}}...{{/name}}, {{^name}}...{{/name}}, {{! comment}}. Pure. A template is checked
 * once, when it is loaded; rendering one that was checked can only fail by its size.
 */
#ifndef REPORT_TEMPLATE_H
#define REPORT_TEMPLATE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"
#include "base/error.h"

#define TEMPLATE_DEPTH 8 /* sections within sections */

/* What names stand for. `arg` and results are borrowed. Within a section that repeats, `index` is its turn, else 0. */
struct template_values {
    /* NULL: not set, or no such name. */
    const char *(*value)(void *arg, const char *name, size_t index);
    /* How often a section is written: 0 where its name is not set, 1 where it is, more for a list. */
    size_t (*repeat)(void *arg, const char *name, size_t index);
    void *arg;
};

/* ERROR_INVALID as "FILE:LINE: what is wrong". `names`: those that may stand in a template, NULL-terminated. */
bool template_check(const char *file, const char *text, const char *const *names, struct error *error);

/* Appends; `html`: values are escaped. False: over `out`'s limit. A section that stands alone on its line leaves no empty
 * line behind. */
bool template_render(struct buffer *out, const char *text, const struct template_values *values, bool html)
    __attribute__((warn_unused_result));

#endif
