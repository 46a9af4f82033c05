/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A settings file as logical lines, by the rules of systemd units: comments (`#`, `;`) and blank lines are left out, a
 * backslash at the end joins the next line with a blank, comments between the two are left out too. Pure.
 */
#ifndef CONFIG_LINES_H
#define CONFIG_LINES_H

#include <stddef.h>

#include "base/buffer.h"

#define CONFIG_LINE_LIMIT ((size_t)64 << 10) /* bytes of a logical line */

enum config_line {
    CONFIG_LINE_NONE,     /* the end */
    CONFIG_LINE_TEXT,     /* `text` holds one, without white space at its ends */
    CONFIG_LINE_TOO_LONG, /* over the limit; it was skipped whole */
    CONFIG_LINE_NOT_TEXT, /* a control character, or not UTF-8; it was skipped whole */
};

struct config_lines {
    const char *at, *end;
    unsigned next;      /* number of the physical line at `at` */
    unsigned line;      /* number of the physical line where the last one began; the first is 1 */
    struct buffer text; /* owned */
};

/* `bytes` are borrowed while lines are read. */
void config_lines_init(struct config_lines *lines, const char *bytes, size_t length);
void config_lines_fini(struct config_lines *lines);

enum config_line config_lines_next(struct config_lines *lines);

#endif
