/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The room's engine: a queue of transactions, one of them at a time with a worker.
 *
 *     state_do() -> queue -> working (BEGIN IMMEDIATE, work(), COMMIT or ROLLBACK; worker) -> over: done, release (loop)
 *
 * A COMMIT waits for the disk, some milliseconds, and a thousand runs that end together have thousands of them: what may share a
 * transaction does, each in a SAVEPOINT. Where the shared one fails as a whole, each is tried again alone.
 */
#include "state/state.h"

#include <sqlite3.h>
#include <stdlib.h>
#include <sys/queue.h>
#include <unistd.h>

#include "base/memory.h"
#include "file.h"
#include "sql.h"

#define TOGETHER_MOST 64

struct state_op {
    STAILQ_ENTRY(state_op) entry;
    struct state_order order;
    struct error error;
};

STAILQ_HEAD(state_ops, state_op);

struct state {
    uv_loop_t *loop;
    sqlite3 *db;
    struct state_lock lock;
    struct state_ops queue, working, over; /* over: to be told, within this turn of the loop */
    bool closing;
    uv_mutex_t busy; /* one transaction at a time: the worker's, or one of state_do_now() */
    uv_work_t worker, closer;
};

struct state *state_open(uv_loop_t *loop, const char *directory, struct error *set_aside, struct error *error) {
    struct state_lock lock;
    if (!state_file_lock(&lock, directory, error))
        return NULL;
    sqlite3 *db = state_file_open(directory, set_aside, error);
    if (!db) {
        state_file_unlock(&lock);
        return NULL;
    }
    struct state *state = x_calloc(1, sizeof *state);
    state->loop = loop;
    state->db = db;
    state->lock = lock;
    STAILQ_INIT(&state->queue);
    STAILQ_INIT(&state->working);
    STAILQ_INIT(&state->over);
    uv_mutex_init(&state->busy);
    return state;
}

static void roll_back(sqlite3 *db) {
    if (!sqlite3_get_autocommit(db)) /* a full disk may have rolled it back already */
        sql_script(db, NULL, "ROLLBACK");
}

static bool transact_alone(sqlite3 *db, state_work *work, void *arg, struct error *error) {
    if (!sql_script(db, error, "BEGIN IMMEDIATE"))
        return false;
    if (work(db, arg, error) && sql_script(db, error, "COMMIT"))
        return true;
    roll_back(db);
    return false;
}

static bool transact(struct state *state, state_work *work, void *arg, struct error *error) {
    uv_mutex_lock(&state->busy);
    bool done = transact_alone(state->db, work, arg, error);
    uv_mutex_unlock(&state->busy);
    return done;
}

/* False where the transaction around it is gone, or can be trusted no more. */
static bool work_within(sqlite3 *db, struct state_op *op) {
    if (!sql_script(db, NULL, "SAVEPOINT one"))
        return false;
    if (op->order.work(db, op->order.arg, &op->error))
        return sql_script(db, NULL, "RELEASE one");
    return !sqlite3_get_autocommit(db) && sql_script(db, NULL, "ROLLBACK TO one; RELEASE one");
}

static bool transact_together(sqlite3 *db, struct state_ops *ops) {
    struct state_op *op;
    bool good = sql_script(db, NULL, "BEGIN IMMEDIATE");
    STAILQ_FOREACH(op, ops, entry)
    good = good && work_within(db, op);
    if (good && sql_script(db, NULL, "COMMIT"))
        return true;
    roll_back(db);
    return false;
}

static void do_work(uv_work_t *work) {
    struct state *state = container_of(work, struct state, worker);
    struct state_op *op = STAILQ_FIRST(&state->working);
    uv_mutex_lock(&state->busy);
    if (!STAILQ_NEXT(op, entry) || !transact_together(state->db, &state->working))
        STAILQ_FOREACH(op, &state->working, entry) {
            error_clear(&op->error);
            transact_alone(state->db, op->order.work, op->order.arg, &op->error);
        }
    uv_mutex_unlock(&state->busy);
}

static void start_next(struct state *state);

static void close_file(uv_work_t *work) {
    struct state *state = container_of(work, struct state, closer);
    sqlite3_close(state->db);
    state_file_unlock(&state->lock);
}

static void on_file_closed(uv_work_t *work, int status) {
    (void)status;
    struct state *state = container_of(work, struct state, closer);
    uv_mutex_destroy(&state->busy);
    free(state);
}

static void on_worked(uv_work_t *work, int status) {
    struct state *state = container_of(work, struct state, worker);
    struct state_op *op;
    (void)status;
    STAILQ_CONCAT(&state->over, &state->working);
    start_next(state);
    while ((op = STAILQ_FIRST(&state->over))) {
        STAILQ_REMOVE_HEAD(&state->over, entry);
        if (op->order.done)
            op->order.done(op->order.arg, op->error.code ? &op->error : NULL);
        if (op->order.release)
            op->order.release(op->order.arg);
        error_clear(&op->error);
        free(op);
    }
}

/* The first of the queue, and as many behind it as may go with it. */
static void take_next(struct state *state) {
    struct state_op *op = STAILQ_FIRST(&state->queue);
    unsigned count = 0;
    bool together;
    do {
        STAILQ_REMOVE_HEAD(&state->queue, entry);
        STAILQ_INSERT_TAIL(&state->working, op, entry);
        together = op->order.again && ++count < TOGETHER_MOST;
        op = STAILQ_FIRST(&state->queue);
    } while (together && op && op->order.again);
}

/* With nothing at work. */
static void start_next(struct state *state) {
    if (!STAILQ_EMPTY(&state->queue)) {
        take_next(state);
        uv_queue_work(state->loop, &state->worker, do_work, on_worked);
    } else if (state->closing) {
        uv_queue_work(state->loop, &state->closer, close_file, on_file_closed);
    }
}

struct state_op *state_do(struct state *state, const struct state_order *order) {
    struct state_op *op = x_calloc(1, sizeof *op);
    op->order = *order;
    STAILQ_INSERT_TAIL(&state->queue, op, entry);
    if (STAILQ_EMPTY(&state->working))
        start_next(state);
    return op;
}

void state_cancel(struct state_op *op) {
    if (op)
        op->order.done = NULL;
}

void state_free(struct state *state) {
    if (!state)
        return;
    struct state_ops *const all[] = {&state->queue, &state->working, &state->over};
    struct state_op *op;
    for (size_t i = 0; i < array_length(all); i++)
        STAILQ_FOREACH(op, all[i], entry)
    op->order.done = NULL;
    state->closing = true;
    if (STAILQ_EMPTY(&state->working))
        start_next(state);
}

bool state_do_now(struct state *state, state_work *work, void *arg, struct error *error) {
    return transact(state, work, arg, error);
}
