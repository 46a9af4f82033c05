/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside state/: SQL with its parameters in one line. `types` has a letter a parameter: t text (const char *, NULL is NULL),
 * i integer (int64_t), d double, b blob (const void *, size_t); "" for none. All are for worker threads.
 */
#ifndef STATE_SQL_H
#define STATE_SQL_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

/* One statement that gives no rows. */
bool sql_run(sqlite3 *db, struct error *error, const char *text, const char *types, ...);

/* Several statements without parameters: a schema. */
bool sql_script(sqlite3 *db, struct error *error, const char *text);

/* `row` for each row; false from it (with an error, or none: enough) ends the reading. The columns are read with sqlite3_column_*. */
struct sql_reader {
    bool (*row)(sqlite3_stmt *row, void *arg, struct error *error);
    void *arg;
};
bool sql_each(sqlite3 *db, struct error *error, const struct sql_reader *reader, const char *text, const char *types,
              ...);

/* The first column of the first row as an integer; `fallback` where there is no row or it is NULL. */
bool sql_integer(sqlite3 *db, struct error *error, int64_t *value, int64_t fallback, const char *text);

/* A column's text, copied: NULL where it is NULL. The caller frees. */
char *sql_text(sqlite3_stmt *row, int column);

/* "KIND of state: WHAT: MESSAGE". */
void sql_error(sqlite3 *db, struct error *error, const char *what);

#endif
