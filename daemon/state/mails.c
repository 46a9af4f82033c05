/* SPDX-License-Identifier: Apache-2.0 */
/* The table `mails`: one row a mail on its way. */
#include "state/mails.h"

#include <stdlib.h>

#include "base/memory.h"
#include "sql.h"
#include "tables.h"

const char state_schema_mails[] =
    "CREATE TABLE mails(run TEXT PRIMARY KEY, job TEXT NOT NULL, text TEXT NOT NULL) WITHOUT ROWID;";

void mail_row_fini(struct mail_row *row) {
    free(row->run);
    free(row->job);
    free(row->text);
    *row = (struct mail_row){0};
}

bool mails_write(sqlite3 *db, const char *run, const char *job, const char *text, struct error *error) {
    return sql_run(db, error, "REPLACE INTO mails(run, job, text) VALUES(?, ?, ?)", "ttt", run, job, text);
}

struct forgetting {
    char *run;
    state_done *done;
    void *arg;
};

static bool forget_work(sqlite3 *db, void *arg, struct error *error) {
    const struct forgetting *forgetting = arg;
    return sql_run(db, error, "DELETE FROM mails WHERE run = ?", "t", forgetting->run);
}

static void forget_done(void *arg, const struct error *error) {
    const struct forgetting *forgetting = arg;
    if (forgetting->done)
        forgetting->done(forgetting->arg, error);
}

static void forget_release(void *arg) {
    struct forgetting *forgetting = arg;
    free(forgetting->run);
    free(forgetting);
}

void mails_forget(struct state *state, const char *run, state_done *done, void *arg) {
    struct forgetting *forgetting = x_calloc(1, sizeof *forgetting);
    *forgetting = (struct forgetting){.run = x_strdup(run), .done = done, .arg = arg};
    state_do(state, &(struct state_order){forget_work, forget_done, forget_release, forgetting, true});
}

struct loading {
    struct mail_row *rows;
    size_t count;
};

static bool take_row(sqlite3_stmt *row, void *arg, struct error *error) {
    struct loading *loading = arg;
    (void)error;
    loading->rows = x_realloc(loading->rows, (loading->count + 1) * sizeof *loading->rows);
    loading->rows[loading->count++] =
        (struct mail_row){.run = sql_text(row, 0), .job = sql_text(row, 1), .text = sql_text(row, 2)};
    return true;
}

static bool load_work(sqlite3 *db, void *arg, struct error *error) {
    return sql_each(db, error, &(struct sql_reader){take_row, arg}, "SELECT run, job, text FROM mails ORDER BY run",
                    "");
}

bool mails_load(struct state *state, struct mail_row **rows, size_t *count, struct error *error) {
    struct loading loading = {0};
    bool loaded = state_do_now(state, load_work, &loading, error);
    *rows = loading.rows;
    *count = loading.count;
    return loaded;
}
