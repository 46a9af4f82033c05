/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The columns of csv: names of attributes in order, and behind them always `_more`, a JSON object of all that has no column. What they
 * are is settled before the first row is written, and is the same for every row of a backup.
 *
 * An attribute that is itself called `_more` is never a column: it stands within that object, as any other.
 */
#ifndef STREAM_CSV_H
#define STREAM_CSV_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"
#include "base/error.h"
#include "stream/slicer.h"

#define CSV_COLUMNS_MOST 1024  /* beside `_more`: what a page of many names makes of each row is bounded */
#define CSV_NAME_MOST    65535 /* bytes: DynamoDB's own limit */
#define CSV_MORE         "_more"

/* Referenced by who uses it, on the loop's thread; workers read it as long as nothing is added. */
struct csv_columns;
struct csv_columns *csv_columns_new(void); /* `_more` alone; one reference is the caller's */
struct csv_columns *csv_columns_ref(struct csv_columns *columns);
void csv_columns_unref(struct csv_columns *columns); /* NULL is fine */

/* `name`: UTF-8, without escapes. False where it becomes none: it is one already, it is `_more`, or there are as many as may be. */
bool csv_columns_add(struct csv_columns *columns, const char *name, size_t length);

/* The attributes of the page's items, in order of appearance. Of what is no JSON nothing more is taken: an encoder refuses it. */
void csv_columns_add_page(struct csv_columns *columns, const char *page, const struct page_index *index);

/* Cells of a row: `_more` counts. */
size_t csv_columns_cells(const struct csv_columns *columns);

/* The header's row, without what ends it; borrowed. */
const char *csv_columns_header(const struct csv_columns *columns, size_t *length);

/* As a JSON array of names, `_more` the last: for the state and for backup.json. The caller frees. */
char *csv_columns_save(const struct csv_columns *columns);

/* Back from such a text: NULL with ERROR_CORRUPT where it is none. */
struct csv_columns *csv_columns_restore(const char *text, size_t length, struct error *error);

#endif
