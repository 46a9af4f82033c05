/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The room's engine: a queue of transactions, one of them at a time with a worker.
 *
 *     state_do() -> WAITING -> WORKING (BEGIN IMMEDIATE, work(), COMMIT or ROLLBACK; worker) -> done, release (loop)
 */
#include "state/state.h"

#include <sqlite3.h>
#include <stdlib.h>
#include <sys/queue.h>
#include <unistd.h>

#include "base/memory.h"
#include "file.h"
#include "sql.h"

struct state_op {
    STAILQ_ENTRY(state_op) entry;
    struct state *state;
    struct state_order order;
    struct error error;
    uv_work_t work;
};

struct state {
    uv_loop_t *loop;
    sqlite3 *db;
    int lock;
    STAILQ_HEAD(, state_op) queue; /* the first one is with the worker */
    bool closing;
    uv_mutex_t busy; /* one transaction at a time: the worker's, or one of state_do_now() */
    uv_work_t closer;
};

struct state *state_open(uv_loop_t *loop, const char *directory, struct error *set_aside, struct error *error) {
    int lock = state_file_lock(directory, error);
    if (lock < 0)
        return NULL;
    sqlite3 *db = state_file_open(directory, set_aside, error);
    if (!db) {
        close(lock);
        return NULL;
    }
    struct state *state = x_calloc(1, sizeof *state);
    state->loop = loop;
    state->db = db;
    state->lock = lock;
    STAILQ_INIT(&state->queue);
    uv_mutex_init(&state->busy);
    return state;
}

static bool transact_alone(sqlite3 *db, state_work *work, void *arg, struct error *error) {
    if (!sql_script(db, error, "BEGIN IMMEDIATE"))
        return false;
    if (work(db, arg, error) && sql_script(db, error, "COMMIT"))
        return true;
    if (!sqlite3_get_autocommit(db)) /* a full disk may have rolled it back already */
        sql_script(db, NULL, "ROLLBACK");
    return false;
}

static bool transact(struct state *state, state_work *work, void *arg, struct error *error) {
    uv_mutex_lock(&state->busy);
    bool done = transact_alone(state->db, work, arg, error);
    uv_mutex_unlock(&state->busy);
    return done;
}

static void start_first(struct state *state);

static void close_file(uv_work_t *work) {
    struct state *state = container_of(work, struct state, closer);
    sqlite3_close(state->db);
    close(state->lock);
}

static void on_file_closed(uv_work_t *work, int status) {
    (void)status;
    struct state *state = container_of(work, struct state, closer);
    uv_mutex_destroy(&state->busy);
    free(state);
}

static void on_worked(uv_work_t *work, int status) {
    struct state_op *op = container_of(work, struct state_op, work);
    struct state *state = op->state;
    (void)status;
    STAILQ_REMOVE_HEAD(&state->queue, entry);
    start_first(state);
    if (op->order.done)
        op->order.done(op->order.arg, op->error.code ? &op->error : NULL);
    if (op->order.release)
        op->order.release(op->order.arg);
    error_clear(&op->error);
    free(op);
}

static void do_work(uv_work_t *work) {
    struct state_op *op = container_of(work, struct state_op, work);
    transact(op->state, op->order.work, op->order.arg, &op->error);
}

static void start_first(struct state *state) {
    struct state_op *op = STAILQ_FIRST(&state->queue);
    if (op)
        uv_queue_work(state->loop, &op->work, do_work, on_worked);
    else if (state->closing)
        uv_queue_work(state->loop, &state->closer, close_file, on_file_closed);
}

struct state_op *state_do(struct state *state, const struct state_order *order) {
    struct state_op *op = x_calloc(1, sizeof *op);
    bool idle = STAILQ_EMPTY(&state->queue);
    op->state = state;
    op->order = *order;
    STAILQ_INSERT_TAIL(&state->queue, op, entry);
    if (idle)
        start_first(state);
    return op;
}

void state_cancel(struct state_op *op) {
    if (op)
        op->order.done = NULL;
}

void state_free(struct state *state) {
    if (!state)
        return;
    struct state_op *op;
    STAILQ_FOREACH(op, &state->queue, entry)
    op->order.done = NULL;
    state->closing = true;
    if (STAILQ_EMPTY(&state->queue))
        start_first(state);
}

bool state_do_now(struct state *state, state_work *work, void *arg, struct error *error) {
    return transact(state, work, arg, error);
}
