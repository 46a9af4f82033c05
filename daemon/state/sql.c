/* SPDX-License-Identifier: Apache-2.0 */
/* Statements are prepared anew each time: SQLite takes some microseconds for it, a transaction's fsync some thousands. */
#include "sql.h"

#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include "base/memory.h"

/* A damaged file is told apart from a full disk or a missing permission: what to do is another. */
static enum error_code code_of(int result) {
    int primary = result & 0xff;
    return primary == SQLITE_CORRUPT || primary == SQLITE_NOTADB ? ERROR_CORRUPT : ERROR_SYSTEM;
}

void sql_error(sqlite3 *db, struct error *error, const char *what) {
    int result = db ? sqlite3_extended_errcode(db) : SQLITE_NOMEM;
    const char *file = db ? sqlite3_db_filename(db, "main") : NULL;
    error_set(error, code_of(result), "state %s: %.40s: %s (SQLite %d)", file ? file : "", what,
              db ? sqlite3_errmsg(db) : "no memory", result);
}

/* The analyzer of clang 14 does not see that the caller has begun the list. */
/* NOLINTBEGIN(clang-analyzer-valist.Uninitialized) */
static bool bind_all(sqlite3_stmt *statement, const char *types, va_list values) {
    int result = SQLITE_OK;
    for (int at = 1; result == SQLITE_OK && types[at - 1]; at++) {
        char type = types[at - 1];
        if (type == 't') {
            result = sqlite3_bind_text(statement, at, va_arg(values, const char *), -1, SQLITE_TRANSIENT);
        } else if (type == 'i') {
            result = sqlite3_bind_int64(statement, at, va_arg(values, int64_t));
        } else if (type == 'd') {
            result = sqlite3_bind_double(statement, at, va_arg(values, double));
        } else {
            const void *bytes = va_arg(values, const void *);
            size_t length = va_arg(values, size_t);
            result = sqlite3_bind_blob64(statement, at, bytes, length, SQLITE_TRANSIENT);
        }
    }
    return result == SQLITE_OK;
}
/* NOLINTEND(clang-analyzer-valist.Uninitialized) */

static sqlite3_stmt *prepare(sqlite3 *db, struct error *error, const char *text, const char *types, va_list values) {
    sqlite3_stmt *statement = NULL;
    if (sqlite3_prepare_v2(db, text, -1, &statement, NULL) == SQLITE_OK && bind_all(statement, types, values))
        return statement;
    sql_error(db, error, text);
    sqlite3_finalize(statement);
    return NULL;
}

static bool step_all(sqlite3 *db, sqlite3_stmt *statement, const struct sql_reader *reader, const char *text,
                     struct error *error) {
    int result;
    while ((result = sqlite3_step(statement)) == SQLITE_ROW) {
        struct error refused = {0};
        if (!reader || reader->row(statement, reader->arg, &refused))
            continue;
        bool enough = !refused.code;
        error_keep_first(error, &refused);
        return enough;
    }
    if (result == SQLITE_DONE)
        return true;
    sql_error(db, error, text);
    return false;
}

bool sql_run(sqlite3 *db, struct error *error, const char *text, const char *types, ...) {
    va_list values;
    va_start(values, types);
    sqlite3_stmt *statement = prepare(db, error, text, types, values);
    va_end(values);
    bool good = statement && step_all(db, statement, NULL, text, error);
    sqlite3_finalize(statement);
    return good;
}

bool sql_each(sqlite3 *db, struct error *error, const struct sql_reader *reader, const char *text, const char *types,
              ...) {
    va_list values;
    va_start(values, types);
    sqlite3_stmt *statement = prepare(db, error, text, types, values);
    va_end(values);
    bool good = statement && step_all(db, statement, reader, text, error);
    sqlite3_finalize(statement);
    return good;
}

bool sql_script(sqlite3 *db, struct error *error, const char *text) {
    if (sqlite3_exec(db, text, NULL, NULL, NULL) == SQLITE_OK)
        return true;
    sql_error(db, error, text);
    return false;
}

static bool take_integer(sqlite3_stmt *row, void *arg, struct error *error) {
    (void)error;
    if (sqlite3_column_type(row, 0) != SQLITE_NULL)
        *(int64_t *)arg = sqlite3_column_int64(row, 0);
    return false; /* one row is enough */
}

bool sql_integer(sqlite3 *db, struct error *error, int64_t *value, int64_t fallback, const char *text) {
    *value = fallback;
    return sql_each(db, error, &(struct sql_reader){take_integer, value}, text, "");
}

char *sql_text(sqlite3_stmt *row, int column) {
    return x_strdup((const char *)sqlite3_column_text(row, column));
}
