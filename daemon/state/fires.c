/* SPDX-License-Identifier: Apache-2.0 */
/* The table `fires`: one row a job. A time may go back: the clock that wrote it may have been wrong. */
#include "state/fires.h"

#include <stdlib.h>

#include "base/memory.h"
#include "sql.h"
#include "tables.h"

const char state_schema_fires[] = "CREATE TABLE fires(job TEXT PRIMARY KEY, at INTEGER NOT NULL) WITHOUT ROWID;";

bool fires_write(sqlite3 *db, const char *job, int64_t at, struct error *error) {
    return sql_run(db, error, "REPLACE INTO fires(job, at) VALUES(?, ?)", "ti", job, at);
}

struct notes {
    char **jobs;
    int64_t *at;
    size_t count;
    state_done *done;
    void *arg;
};

static bool note_work(sqlite3 *db, void *arg, struct error *error) {
    const struct notes *notes = arg;
    for (size_t i = 0; i < notes->count; i++)
        if (!fires_write(db, notes->jobs[i], notes->at[i], error))
            return false;
    return true;
}

static void note_done(void *arg, const struct error *error) {
    const struct notes *notes = arg;
    if (notes->done)
        notes->done(notes->arg, error);
}

static void note_release(void *arg) {
    struct notes *notes = arg;
    for (size_t i = 0; i < notes->count; i++)
        free(notes->jobs[i]);
    free(notes->jobs);
    free(notes->at);
    free(notes);
}

void fires_note(struct state *state, const struct fire_note *noted, size_t count, state_done *done, void *arg) {
    struct notes *notes = x_calloc(1, sizeof *notes);
    *notes = (struct notes){.jobs = x_calloc(count + 1, sizeof *notes->jobs),
                            .at = x_calloc(count + 1, sizeof *notes->at),
                            .count = count,
                            .done = done,
                            .arg = arg};
    for (size_t i = 0; i < count; i++) {
        notes->jobs[i] = x_strdup(noted[i].job);
        notes->at[i] = noted[i].at;
    }
    state_do(state, &(struct state_order){note_work, note_done, note_release, notes, true});
}

struct loading {
    struct fire_row *rows;
    size_t count;
};

static bool take_row(sqlite3_stmt *row, void *arg, struct error *error) {
    struct loading *loading = arg;
    (void)error;
    loading->rows = x_realloc(loading->rows, (loading->count + 1) * sizeof *loading->rows);
    loading->rows[loading->count++] = (struct fire_row){.job = sql_text(row, 0), .at = sqlite3_column_int64(row, 1)};
    return true;
}

static bool load_work(sqlite3 *db, void *arg, struct error *error) {
    return sql_each(db, error, &(struct sql_reader){take_row, arg}, "SELECT job, at FROM fires ORDER BY job", "");
}

bool fires_load(struct state *state, struct fire_row **rows, size_t *count, struct error *error) {
    struct loading loading = {0};
    bool loaded = state_do_now(state, load_work, &loading, error);
    *rows = loading.rows;
    *count = loading.count;
    return loaded;
}

void fire_rows_free(struct fire_row *rows, size_t count) {
    for (size_t i = 0; i < count; i++)
        free(rows[i].job);
    free(rows);
}
