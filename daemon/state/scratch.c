/* SPDX-License-Identifier: Apache-2.0 */
/* The table `scratch`: one row a table that a drill has made, or is about to. */
#include "state/scratch.h"

#include <stdlib.h>

#include "base/memory.h"
#include "sql.h"
#include "tables.h"

const char state_schema_scratch[] =
    "CREATE TABLE scratch("
    "name TEXT NOT NULL, region TEXT NOT NULL, job TEXT NOT NULL, run TEXT NOT NULL, source TEXT, profile TEXT,"
    " role_arn TEXT, external_id TEXT, planned INTEGER NOT NULL, arn TEXT, PRIMARY KEY(name, region)) WITHOUT ROWID;";

#define TEXTS 9

/* In the order of the columns, but for `planned`, which comes last. */
static void texts_of(struct scratch_table *table, char **texts[TEXTS]) {
    char **const all[TEXTS] = {&table->name,
                               &table->region,
                               &table->job,
                               &table->run,
                               &table->access.source,
                               &table->access.profile,
                               &table->access.role_arn,
                               &table->access.external_id,
                               &table->arn};
    for (size_t i = 0; i < TEXTS; i++)
        texts[i] = all[i];
}

void scratch_table_fini(struct scratch_table *table) {
    char **texts[TEXTS];
    texts_of(table, texts);
    for (size_t i = 0; i < TEXTS; i++)
        free(*texts[i]);
    *table = (struct scratch_table){0};
}

struct scratch_table scratch_table_copy(const struct scratch_table *table) {
    struct scratch_table copy = *table;
    char **texts[TEXTS];
    texts_of(&copy, texts);
    for (size_t i = 0; i < TEXTS; i++)
        *texts[i] = x_strdup(*texts[i]);
    return copy;
}

/* ------------------------------------------------------------ one change */

struct change {
    struct scratch_table table;
    state_done *done;
    void *arg;
};

static void change_done(void *arg, const struct error *error) {
    struct change *change = arg;
    if (change->done)
        change->done(change->arg, error);
}

static void change_release(void *arg) {
    struct change *change = arg;
    scratch_table_fini(&change->table);
    free(change);
}

static struct state_op *start(struct state *state, state_work *work, const struct scratch_table *table,
                              state_done *done, void *arg) {
    struct change *change = x_calloc(1, sizeof *change);
    *change = (struct change){scratch_table_copy(table), done, arg};
    return state_do(state, &(struct state_order){work, change_done, change_release, change});
}

static bool plan_work(sqlite3 *db, void *arg, struct error *error) {
    const struct scratch_table *table = &((struct change *)arg)->table;
    return sql_run(db, error,
                   "INSERT INTO scratch(name, region, job, run, source, profile, role_arn, external_id, planned) "
                   "VALUES(?,?,?,?,?,?,?,?,?)",
                   "tttttttti", table->name, table->region, table->job, table->run, table->access.source,
                   table->access.profile, table->access.role_arn, table->access.external_id, table->planned);
}

struct state_op *scratch_plan(struct state *state, const struct scratch_table *table, state_done *done, void *arg) {
    return start(state, plan_work, table, done, arg);
}

static bool made_work(sqlite3 *db, void *arg, struct error *error) {
    const struct scratch_table *table = &((struct change *)arg)->table;
    return sql_run(db, error, "UPDATE scratch SET arn = ? WHERE name = ? AND region = ?", "ttt", table->arn,
                   table->name, table->region);
}

struct state_op *scratch_made(struct state *state, const struct scratch_table *table, const char *arn, state_done *done,
                              void *arg) {
    struct scratch_table made = *table; /* borrowed, and copied by start() */
    made.arn = x_strdup(arn);
    struct state_op *op = start(state, made_work, &made, done, arg);
    free(made.arn);
    return op;
}

static bool forget_work(sqlite3 *db, void *arg, struct error *error) {
    const struct scratch_table *table = &((struct change *)arg)->table;
    return sql_run(db, error, "DELETE FROM scratch WHERE name = ? AND region = ?", "tt", table->name, table->region);
}

struct state_op *scratch_forget(struct state *state, const struct scratch_table *table, state_done *done, void *arg) {
    return start(state, forget_work, table, done, arg);
}

/* ------------------------------------------------------------ all */

struct loading {
    struct scratch_table *tables;
    size_t count;
};

static bool take_row(sqlite3_stmt *row, void *arg, struct error *error) {
    struct loading *loading = arg;
    struct scratch_table table = {.planned = sqlite3_column_int64(row, TEXTS)};
    char **texts[TEXTS];
    (void)error;
    texts_of(&table, texts);
    for (size_t i = 0; i < TEXTS; i++)
        *texts[i] = sql_text(row, (int)i);
    loading->tables = x_realloc(loading->tables, (loading->count + 1) * sizeof *loading->tables);
    loading->tables[loading->count++] = table;
    return true;
}

static bool load_work(sqlite3 *db, void *arg, struct error *error) {
    return sql_each(db, error, &(struct sql_reader){take_row, arg},
                    "SELECT name, region, job, run, source, profile, role_arn, external_id, arn, planned FROM scratch "
                    "ORDER BY planned, name",
                    "");
}

bool scratch_load(struct state *state, struct scratch_table **tables, size_t *count, struct error *error) {
    struct loading loading = {0};
    bool loaded = state_do_now(state, load_work, &loading, error);
    *tables = loading.tables;
    *count = loading.count;
    return loaded;
}
