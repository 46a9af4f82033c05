/* SPDX-License-Identifier: Apache-2.0 */
/* The table `runs`: one row a run that is over. */
#include "state/history.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "sql.h"
#include "state/checkpoint.h"
#include "tables.h"

const char state_schema_history[] =
    "CREATE TABLE runs("
    "run TEXT PRIMARY KEY, kind TEXT NOT NULL, job TEXT NOT NULL, table_name TEXT, table_arn TEXT, region TEXT, id "
    "TEXT,"
    " uri TEXT, outcome TEXT NOT NULL, error TEXT, error_code TEXT, request_id TEXT, warning TEXT, started INTEGER NOT "
    "NULL,"
    " ended INTEGER NOT NULL, items INTEGER, stored_bytes INTEGER, raw_bytes INTEGER, resumed INTEGER) WITHOUT ROWID;"
    "CREATE INDEX runs_of_job ON runs(job, kind, ended);"
    "CREATE INDEX runs_in_time ON runs(ended);";

#define COLUMNS                                                                                                        \
    "run, kind, job, table_name, table_arn, region, id, uri, outcome, error, error_code, request_id, warning, "        \
    "started, "                                                                                                        \
    "ended, items, stored_bytes, raw_bytes, resumed"

void history_row_fini(struct history_row *row) {
    char *texts[] = {row->run, row->kind,    row->job,   row->table,      row->table_arn,  row->region, row->id,
                     row->uri, row->outcome, row->error, row->error_code, row->request_id, row->warning};
    for (size_t i = 0; i < array_length(texts); i++)
        free(texts[i]);
    *row = (struct history_row){0};
}

static struct history_row row_copy(const struct history_row *row) {
    struct history_row copy = *row;
    char **texts[] = {&copy.run, &copy.kind,    &copy.job,   &copy.table,      &copy.table_arn,  &copy.region, &copy.id,
                      &copy.uri, &copy.outcome, &copy.error, &copy.error_code, &copy.request_id, &copy.warning};
    for (size_t i = 0; i < array_length(texts); i++)
        *texts[i] = x_strdup(*texts[i]);
    return copy;
}

static void row_read(sqlite3_stmt *from, struct history_row *row) {
    char **texts[] = {&row->run, &row->kind,    &row->job,   &row->table,      &row->table_arn,  &row->region, &row->id,
                      &row->uri, &row->outcome, &row->error, &row->error_code, &row->request_id, &row->warning};
    int64_t *numbers[] = {&row->started, &row->ended, &row->items, &row->stored_bytes, &row->raw_bytes, &row->resumed};
    for (size_t i = 0; i < array_length(texts); i++)
        *texts[i] = sql_text(from, (int)i);
    for (size_t i = 0; i < array_length(numbers); i++)
        *numbers[i] = sqlite3_column_int64(from, (int)(array_length(texts) + i));
}

/* ------------------------------------------------------------ a run's end */

struct ending {
    struct history_row row;
    char *mail;
    int64_t fired, now, keep;
    bool left;
    state_done *done;
    void *arg;
};

static bool row_write(sqlite3 *db, const struct history_row *row, struct error *error) {
    return sql_run(db, error, "REPLACE INTO runs(" COLUMNS ") VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
                   "tttttttttttttiiiiii", row->run, row->kind, row->job, row->table, row->table_arn, row->region,
                   row->id, row->uri, row->outcome, row->error, row->error_code, row->request_id, row->warning,
                   row->started, row->ended, row->items, row->stored_bytes, row->raw_bytes, row->resumed);
}

/* It may not have come so far as to be kept. */
static bool leave(sqlite3 *db, const struct history_row *row, struct error *error) {
    _cleanup_error_ struct error failure = {0};
    bool cancelled = strcmp(row->outcome, "cancelled") == 0;
    if (checkpoint_give_up(db, row->run, row->error ? row->error : row->outcome, cancelled, &failure) ||
        failure.code == ERROR_NOT_FOUND)
        return true;
    *error = error_take(&failure);
    return false;
}

static bool forget_old(sqlite3 *db, const struct ending *ending, struct error *error) {
    return sql_run(db, error,
                   "DELETE FROM runs WHERE ended < ?1 AND EXISTS (SELECT 1 FROM runs"
                   " WHERE outcome = 'success' AND run <> ?2 AND ended BETWEEN ?3 AND ?4)",
                   "itii", ending->now - ending->keep, ending->row.run, ending->now - HISTORY_GAP,
                   ending->now + HISTORY_GAP);
}

static bool end_work(sqlite3 *db, void *arg, struct error *error) {
    struct ending *ending = arg;
    const struct history_row *row = &ending->row;
    return (ending->left ? leave(db, row, error) : checkpoint_end(db, row->run, error)) && row_write(db, row, error) &&
           (!ending->fired || fires_write(db, row->job, ending->fired, error)) &&
           (!ending->mail || mails_write(db, row->run, row->job, ending->mail, error)) &&
           (!ending->keep || forget_old(db, ending, error));
}

static void end_done(void *arg, const struct error *error) {
    struct ending *ending = arg;
    if (ending->done)
        ending->done(ending->arg, error);
}

static void end_release(void *arg) {
    struct ending *ending = arg;
    history_row_fini(&ending->row);
    free(ending->mail);
    free(ending);
}

struct state_op *history_end_run(struct state *state, const struct history_end *end, state_done *done, void *arg) {
    struct ending *ending = x_calloc(1, sizeof *ending);
    *ending = (struct ending){.row = row_copy(end->row),
                              .mail = x_strdup(end->mail),
                              .fired = end->fired,
                              .now = end->now,
                              .keep = end->keep,
                              .left = end->left,
                              .done = done,
                              .arg = arg};
    return state_do(state, &(struct state_order){end_work, end_done, end_release, ending, true});
}

/* ------------------------------------------------------------ a run that does not end by itself */

enum row_act { ROW_DROP, ROW_STOP, ROW_TAKE_UP, ROW_GIVE_UP };

struct row_change {
    enum row_act act;
    char *run, *why;
    bool cancelled;
    state_done *done;
    void *arg;
};

static bool change(sqlite3 *db, const struct row_change *change, struct error *error) {
    switch (change->act) {
    case ROW_DROP:
        return checkpoint_end(db, change->run, error);
    case ROW_STOP:
        return checkpoint_stop(db, change->run, error);
    case ROW_TAKE_UP:
        return checkpoint_take_up(db, change->run, error);
    case ROW_GIVE_UP:
        break;
    }
    return checkpoint_give_up(db, change->run, change->why, change->cancelled, error);
}

/* A run that had not come so far as to be kept has nothing to change. */
static bool change_work(sqlite3 *db, void *arg, struct error *error) {
    _cleanup_error_ struct error failure = {0};
    if (change(db, arg, &failure) || failure.code == ERROR_NOT_FOUND)
        return true;
    *error = error_take(&failure);
    return false;
}

static void change_done(void *arg, const struct error *error) {
    const struct row_change *change = arg;
    if (change->done)
        change->done(change->arg, error);
}

static void change_release(void *arg) {
    struct row_change *change = arg;
    free(change->run);
    free(change->why);
    free(change);
}

static void start_change(struct state *state, const struct row_change *what) {
    struct row_change *copy = x_calloc(1, sizeof *copy);
    *copy = *what;
    copy->run = x_strdup(what->run);
    copy->why = x_strdup(what->why);
    state_do(state, &(struct state_order){change_work, change_done, change_release, copy, true});
}

static char *borrowed(const char *text) {
    return (char *)(uintptr_t)text; /* start_change() copies it */
}

void history_drop_run(struct state *state, const char *run, state_done *done, void *arg) {
    start_change(state, &(struct row_change){.act = ROW_DROP, .run = borrowed(run), .done = done, .arg = arg});
}

void history_stop_run(struct state *state, const char *run, state_done *done, void *arg) {
    start_change(state, &(struct row_change){.act = ROW_STOP, .run = borrowed(run), .done = done, .arg = arg});
}

void history_take_up_run(struct state *state, const char *run, state_done *done, void *arg) {
    start_change(state, &(struct row_change){.act = ROW_TAKE_UP, .run = borrowed(run), .done = done, .arg = arg});
}

void history_give_up_run(struct state *state, const struct history_give_up *given_up, state_done *done, void *arg) {
    start_change(state, &(struct row_change){.act = ROW_GIVE_UP,
                                             .run = borrowed(given_up->run),
                                             .why = borrowed(given_up->why),
                                             .cancelled = given_up->cancelled,
                                             .done = done,
                                             .arg = arg});
}

/* ------------------------------------------------------------ reading */

static bool on_known(sqlite3_stmt *row, void *arg, struct error *error) {
    (void)row;
    (void)error;
    *(bool *)arg = true;
    return true;
}

bool history_knows(sqlite3 *db, const char *run, bool *known, struct error *error) {
    *known = false;
    return sql_each(db, error, &(struct sql_reader){on_known, known}, "SELECT 1 FROM runs WHERE run = ?1", "t", run);
}

struct listing {
    char *job;
    unsigned most;
    struct history_row *rows;
    size_t count;
    history_done *done;
    void *arg;
};

static bool take_row(sqlite3_stmt *row, void *arg, struct error *error) {
    struct listing *listing = arg;
    (void)error;
    row_read(row, &listing->rows[listing->count++]);
    return listing->count < listing->most;
}

static bool list_work(sqlite3 *db, void *arg, struct error *error) {
    struct listing *listing = arg;
    struct sql_reader reader = {take_row, listing};
    listing->rows = x_calloc(listing->most, sizeof *listing->rows);
    if (listing->job)
        return sql_each(db, error, &reader, "SELECT " COLUMNS " FROM runs WHERE job = ? ORDER BY ended DESC", "t",
                        listing->job);
    return sql_each(db, error, &reader, "SELECT " COLUMNS " FROM runs ORDER BY ended DESC", "");
}

static void list_done(void *arg, const struct error *error) {
    struct listing *listing = arg;
    listing->done(listing->arg, error ? NULL : listing->rows, error ? 0 : listing->count, error);
}

static void list_release(void *arg) {
    struct listing *listing = arg;
    for (size_t i = 0; i < listing->count; i++)
        history_row_fini(&listing->rows[i]);
    free(listing->rows);
    free(listing->job);
    free(listing);
}

struct state_op *history_list(struct state *state, const char *job, unsigned most, history_done *done, void *arg) {
    struct listing *listing = x_calloc(1, sizeof *listing);
    *listing = (struct listing){.job = x_strdup(job), .most = most, .done = done, .arg = arg};
    return state_do(state, &(struct state_order){list_work, list_done, list_release, listing});
}

/* Two statements, used once a job: ten thousand jobs are read in one go. */
struct last {
    const struct history_reader *reader;
    const char *const *jobs;
    size_t count;
};

static bool step_for(sqlite3_stmt *statement, const char *job, const char *kind) {
    sqlite3_reset(statement);
    sqlite3_bind_text(statement, 1, job, -1, SQLITE_STATIC);
    sqlite3_bind_text(statement, 2, kind ? kind : "backup", -1, SQLITE_STATIC);
    return sqlite3_step(statement) == SQLITE_ROW;
}

static void read_last(const struct last *last, sqlite3_stmt *newest, sqlite3_stmt *good) {
    for (size_t i = 0; i < last->count; i++) {
        struct history_row row = {0};
        if (!step_for(newest, last->jobs[i], last->reader->kind))
            continue;
        row_read(newest, &row);
        int64_t items = step_for(good, last->jobs[i], last->reader->kind) ? sqlite3_column_int64(good, 0) : -1;
        last->reader->last(last->reader->arg, i, &row, items);
        history_row_fini(&row);
    }
}

static bool last_work(sqlite3 *db, void *arg, struct error *error) {
    static const char newest_text[] =
        "SELECT " COLUMNS " FROM runs WHERE job = ? AND kind = ? ORDER BY ended DESC LIMIT 1";
    static const char good_text[] =
        "SELECT items FROM runs WHERE job = ? AND kind = ? AND outcome = 'success' ORDER BY ended DESC LIMIT 1";
    sqlite3_stmt *newest = NULL, *good = NULL;
    bool prepared = sqlite3_prepare_v2(db, newest_text, -1, &newest, NULL) == SQLITE_OK &&
                    sqlite3_prepare_v2(db, good_text, -1, &good, NULL) == SQLITE_OK;
    if (prepared)
        read_last(arg, newest, good);
    else
        sql_error(db, error, newest_text);
    bool ended = sqlite3_finalize(newest) == SQLITE_OK && sqlite3_finalize(good) == SQLITE_OK;
    if (prepared && !ended)
        sql_error(db, error, newest_text);
    return prepared && ended;
}

bool history_last(struct state *state, const char *const *jobs, size_t count, const struct history_reader *reader,
                  struct error *error) {
    struct last last = {reader, jobs, count};
    return state_do_now(state, last_work, &last, error);
}
