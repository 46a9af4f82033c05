/* SPDX-License-Identifier: Apache-2.0 */
/* The tables `restores` and `restored_parts`: one row a restore under way or interrupted, one row a part that it has written. */
#include "state/restores.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "sql.h"
#include "tables.h"

const char state_schema_restores[] = "CREATE TABLE restores(source TEXT NOT NULL, target TEXT NOT NULL, table_id TEXT "
                                     "NOT NULL, created INTEGER NOT NULL,"
                                     " overwrite INTEGER NOT NULL, noted INTEGER NOT NULL,"
                                     " PRIMARY KEY(source, target)) WITHOUT ROWID;"
                                     "CREATE TABLE restored_parts(source TEXT NOT NULL, target TEXT NOT NULL, object "
                                     "INTEGER NOT NULL, part INTEGER NOT NULL,"
                                     " PRIMARY KEY(source, target, object, part)) WITHOUT ROWID;";

/* One operation of any kind. */
struct order {
    char *source, *target, *table_id;
    bool created, overwrite, goes_on;
    int64_t now;                 /* or when it was noted */
    struct restored_part *parts; /* found, or to be noted */
    size_t count, capacity;
    restores_found *found;
    state_done *done;
    void *arg;
};

static struct order *order_new(const struct restore_key *key, state_done *done, void *arg) {
    struct order *order = x_calloc(1, sizeof *order);
    order->source = x_strdup(key->source);
    order->target = x_strdup(key->target);
    order->done = done;
    order->arg = arg;
    return order;
}

static void order_release(void *arg) {
    struct order *order = arg;
    free(order->source);
    free(order->target);
    free(order->table_id);
    free(order->parts);
    free(order);
}

static void order_done(void *arg, const struct error *error) {
    const struct order *order = arg;
    if (order->done)
        order->done(order->arg, error);
}

static struct state_op *start(struct state *state, struct order *order, state_work *work) {
    return state_do(state, &(struct state_order){work, order_done, order_release, order});
}

/* ------------------------------------------------------------ find */

static bool take_restore(sqlite3_stmt *row, void *arg, struct error *error) {
    struct order *order = arg;
    (void)error;
    order->table_id = sql_text(row, 0);
    order->created = sqlite3_column_int64(row, 1);
    order->overwrite = sqlite3_column_int64(row, 2);
    order->now = sqlite3_column_int64(row, 3);
    return true;
}

static bool take_part(sqlite3_stmt *row, void *arg, struct error *error) {
    struct order *order = arg;
    (void)error;
    if (order->count == order->capacity) {
        order->capacity = order->capacity ? 2 * order->capacity : 64;
        order->parts = x_realloc(order->parts, order->capacity * sizeof *order->parts);
    }
    order->parts[order->count++] =
        (struct restored_part){(uint64_t)sqlite3_column_int64(row, 0), (uint64_t)sqlite3_column_int64(row, 1)};
    return true;
}

static bool find_work(sqlite3 *db, void *arg, struct error *error) {
    struct order *order = arg;
    return sql_each(db, error, &(struct sql_reader){take_restore, order},
                    "SELECT table_id, created, overwrite, noted FROM restores WHERE source = ? AND target = ?", "tt",
                    order->source, order->target) &&
           sql_each(db, error, &(struct sql_reader){take_part, order},
                    "SELECT object, part FROM restored_parts WHERE source = ? AND target = ? ORDER BY object, part",
                    "tt", order->source, order->target);
}

static void find_done(void *arg, const struct error *error) {
    const struct order *order = arg;
    struct restore_memory memory = {.table_id = order->table_id,
                                    .created = order->created,
                                    .overwrite = order->overwrite,
                                    .noted = order->now,
                                    .parts = order->parts,
                                    .part_count = order->count};
    order->found(order->arg, error ? NULL : &memory, error);
}

struct state_op *restores_find(struct state *state, const struct restore_key *key, restores_found *done, void *arg) {
    struct order *order = order_new(key, NULL, arg);
    order->found = done;
    return state_do(state, &(struct state_order){find_work, find_done, order_release, order});
}

/* ------------------------------------------------------------ begin, part, end */

/* Other restores into the table, under whatever name: what they had written is replaced from now on. */
static bool forget_others(sqlite3 *db, const struct order *order, struct error *error) {
    static const char others[] = "NOT (source = ?1 AND target = ?2) AND (target = ?2 OR (table_id = ?3 AND ?3 <> ''))";
    _cleanup_free_ char *parts = x_printf(
        "DELETE FROM restored_parts WHERE (source, target) IN (SELECT source, target FROM restores WHERE %s)", others);
    _cleanup_free_ char *restores = x_printf("DELETE FROM restores WHERE %s", others);
    return sql_run(db, error, parts, "ttt", order->source, order->target, order->table_id) &&
           sql_run(db, error, restores, "ttt", order->source, order->target, order->table_id);
}

static bool begin_work(sqlite3 *db, void *arg, struct error *error) {
    const struct order *order = arg;
    return forget_others(db, order, error) &&
           sql_run(db, error,
                   "DELETE FROM restored_parts WHERE source = ?1 AND target = ?2 AND NOT (?4 AND EXISTS"
                   " (SELECT 1 FROM restores WHERE source = ?1 AND target = ?2 AND table_id = ?3))",
                   "ttti", order->source, order->target, order->table_id, (int64_t)order->goes_on) &&
           sql_run(db, error,
                   "INSERT OR REPLACE INTO restores(source, target, table_id, created, overwrite, noted)"
                   " VALUES(?, ?, ?, ?, ?, ?)",
                   "tttiii", order->source, order->target, order->table_id, (int64_t)order->created,
                   (int64_t)order->overwrite, order->now);
}

struct state_op *restores_begin(struct state *state, const struct restore_key *key, const struct restore_begin *begin,
                                state_done *done, void *arg) {
    struct order *order = order_new(key, done, arg);
    order->table_id = x_strdup(begin->table_id);
    order->created = begin->created;
    order->overwrite = begin->overwrite;
    order->goes_on = begin->goes_on;
    order->now = begin->now;
    return start(state, order, begin_work);
}

static bool parts_work(sqlite3 *db, void *arg, struct error *error) {
    const struct order *order = arg;
    for (size_t i = 0; i < order->count; i++)
        if (!sql_run(db, error, "INSERT OR IGNORE INTO restored_parts(source, target, object, part) VALUES(?, ?, ?, ?)",
                     "ttii", order->source, order->target, (int64_t)order->parts[i].object,
                     (int64_t)order->parts[i].part))
            return false;
    return sql_run(db, error, "UPDATE restores SET noted = ? WHERE source = ? AND target = ?", "itt", order->now,
                   order->source, order->target);
}

struct state_op *restores_parts(struct state *state, const struct restore_key *key, const struct restored_parts *parts,
                                state_done *done, void *arg) {
    struct order *order = order_new(key, done, arg);
    order->parts = x_calloc(parts->count + 1, sizeof *order->parts);
    order->count = parts->count;
    order->now = parts->now;
    if (parts->count)
        memcpy(order->parts, parts->items, parts->count * sizeof *order->parts);
    return start(state, order, parts_work);
}

static bool end_work(sqlite3 *db, void *arg, struct error *error) {
    const struct order *order = arg;
    return sql_run(db, error, "DELETE FROM restored_parts WHERE source = ? AND target = ?", "tt", order->source,
                   order->target) &&
           sql_run(db, error, "DELETE FROM restores WHERE source = ? AND target = ?", "tt", order->source,
                   order->target);
}

struct state_op *restores_end(struct state *state, const struct restore_key *key, state_done *done, void *arg) {
    return start(state, order_new(key, done, arg), end_work);
}
