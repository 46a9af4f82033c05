/* SPDX-License-Identifier: Apache-2.0 */
/* Columns that line up, and text that a terminal may show. Pure. */
#ifndef CTL_TABLE_H
#define CTL_TABLE_H

#include <stdint.h>

#include "base/buffer.h"

#define TABLE_COLUMNS 8

/* Cells are added row by row, left to right; the first row is the head. */
struct table {
    unsigned columns;
    unsigned right; /* bit n: column n is a number, set to the right */
    char **cells;
    size_t count;
};

/* Takes `text` (NULL: an empty cell). */
void table_add(struct table *table, char *text);
void table_print(const struct table *table, struct buffer *out);
void table_fini(struct table *table);

/* `text` with a '?' for each control character: what comes from outside never steers the terminal. NULL is "". */
void add_plain(struct buffer *out, const char *text);
char *plain_text(const char *text); /* the caller frees */

/* How many columns a terminal needs for it, one a character of UTF-8. */
size_t text_width(const char *text);

#endif
