/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One struct a run:
 *
 *     WAIT --> LOAD its rows --none there--> done
 *      ^         |
 *      |         v
 *      |       TAKE BACK (job/abandon.c) --nothing is left, or a person must do something--> FORGET its rows -> done
 *      +-- 1 min ... 1 h --+ what may pass: the network, the store
 */
#include "job/remains.h"

#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "base/memory.h"
#include "state/history.h"

#define FIRST_WAIT MINUTE_MS
#define MOST_WAIT  HOUR_MS

/* The rows on their way from the state; outlives the run where it must. */
struct loading {
    struct rest *rest;
    char *run;
    struct checkpoint checkpoint;
};

struct rest {
    LIST_ENTRY(rest) entry;
    struct remains *remains;
    char *run, *table;
    struct engine *engine;
    struct config *config;
    const struct job_config *job;
    struct state_op *op;
    struct abandon *abandon;
    uv_timer_t timer;
    int64_t wait;
};

struct remains {
    struct state *state;
    state_done *written;
    void *arg;
    LIST_HEAD(, rest) rests;
};

bool remains_of(const struct run_result *result) {
    if (result->kind != RUN_BACKUP)
        return false;
    switch (result->undo_error.code) {
    case ERROR_THROTTLED:
    case ERROR_TRANSIENT:
    case ERROR_EXPIRED:
    case ERROR_SKEW:
    case ERROR_REGION:
    case ERROR_MEMORY:
    case ERROR_SYSTEM:
        return true;
    default:
        return false;
    }
}

static void say(const struct rest *rest, enum event_kind kind, const struct error *error, const char *message) {
    struct event *event = EVENT(kind, .job = rest->job->name, .run = rest->run, .table = rest->table);
    event->error = error;
    event->message = message;
    report(rest->engine->shared.reporter, event);
}

static void on_closed(uv_handle_t *handle) {
    free(handle->data);
}

static void rest_free(struct rest *rest) {
    LIST_REMOVE(rest, entry);
    state_cancel(rest->op);
    backup_abandon_cancel(rest->abandon);
    config_unref(rest->config);
    engine_unref(rest->engine);
    free(rest->run);
    free(rest->table);
    uv_close((uv_handle_t *)&rest->timer, on_closed);
}

static void on_timer(uv_timer_t *timer);

static void wait_longer(struct rest *rest) {
    uv_timer_start(&rest->timer, on_timer, (uint64_t)rest->wait, 0);
    rest->wait = rest->wait * 2 < MOST_WAIT ? rest->wait * 2 : MOST_WAIT;
}

/* ------------------------------------------------------------ taking it back */

static void on_abandoned(void *arg, bool stands, const struct error *error) {
    struct rest *rest = arg;
    struct remains *remains = rest->remains;
    struct run_result result = {.undo_error = error ? *error : (struct error){0}}; /* borrowed */
    rest->abandon = NULL;
    if (remains_of(&result)) {
        wait_longer(rest);
        return;
    }
    if (stands)
        say(rest, EVENT_RUN_WARNING, NULL, "the run was told to have failed, but its backup stands, whole: it is kept");
    else
        say(rest, error ? EVENT_UNDO_FAILED : EVENT_UNDO_DONE, error,
            error ? "what an earlier run has left can not be removed: it is not tried again"
                  : "what an earlier run had left has been removed");
    history_drop_run(remains->state, rest->run, remains->written, remains->arg);
    rest_free(rest);
}

/* ------------------------------------------------------------ loading it */

static bool load_work(struct sqlite3 *db, void *arg, struct error *error) {
    struct loading *loading = arg;
    return checkpoint_load_names(db, loading->run, &loading->checkpoint, error);
}

static void on_loaded(void *arg, const struct error *error) {
    struct loading *loading = arg;
    struct rest *rest = loading->rest;
    rest->op = NULL;
    if (error && error->code == ERROR_NOT_FOUND) { /* it had not come so far as to be kept */
        rest_free(rest);
        return;
    }
    if (error) {
        wait_longer(rest);
        return;
    }
    struct backup_order order = {
        .engine = rest->engine, .config = rest->config, .job = rest->job, .resume = &loading->checkpoint};
    rest->abandon = backup_abandon_start(&order, on_abandoned, rest);
}

static void load_release(void *arg) {
    struct loading *loading = arg;
    checkpoint_fini(&loading->checkpoint);
    free(loading->run);
    free(loading);
}

static void on_timer(uv_timer_t *timer) {
    struct rest *rest = timer->data;
    struct loading *loading = x_calloc(1, sizeof *loading);
    loading->rest = rest;
    loading->run = x_strdup(rest->run);
    rest->op =
        state_do(rest->remains->state,
                 &(struct state_order){.work = load_work, .done = on_loaded, .release = load_release, .arg = loading});
}

/* ------------------------------------------------------------ life */

void remains_add(struct remains *remains, const struct remains_order *order) {
    struct rest *rest = x_calloc(1, sizeof *rest);
    int64_t again = order->engine->shared.again;
    *rest = (struct rest){.remains = remains,
                          .run = x_strdup(order->run),
                          .table = x_strdup(order->table),
                          .engine = engine_ref(order->engine),
                          .config = config_ref(order->config),
                          .job = order->job,
                          .wait = again ? again : FIRST_WAIT};
    rest->timer.data = rest;
    uv_timer_init(order->engine->shared.loop, &rest->timer);
    LIST_INSERT_HEAD(&remains->rests, rest, entry);
    if (order->at_once)
        uv_timer_start(&rest->timer, on_timer, 0, 0);
    else
        wait_longer(rest);
}

struct remains *remains_new(struct state *state, state_done *written, void *arg) {
    struct remains *remains = x_calloc(1, sizeof *remains);
    *remains = (struct remains){.state = state, .written = written, .arg = arg};
    LIST_INIT(&remains->rests);
    return remains;
}

void remains_free(struct remains *remains) {
    struct rest *rest;
    if (!remains)
        return;
    while ((rest = LIST_FIRST(&remains->rests)))
        rest_free(rest);
    free(remains);
}
