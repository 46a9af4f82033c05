/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One struct a table that was left:
 *
 *     REMOVE (job/scratch.h) --gone, or not ours--> FORGET -> done
 *       ^   |  could not be deleted: said once
 *       +-- WAIT 1 min ... 1 h
 */
#include "job/sweep.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "job/scratch.h"

#define FIRST_WAIT 20 /* landings: a minute */
#define MOST_WAIT  HOUR_MS

struct swept {
    struct sweep *sweep;
    struct scratch_table table;
    struct aws_session *session;
    struct scratch_removal *removal;
    struct state_op *forgetting;
    uv_timer_t timer;
    int64_t wait;
    bool told; /* that it could not be deleted */
};

struct sweep {
    struct engine *engine;
    struct state *state;
    struct swept **items;
    size_t count;
};

static void say(const struct swept *swept, enum event_kind kind, const struct error *error, char *message) {
    struct event *event = EVENT(kind, .job = swept->table.job, .run = swept->table.run, .message = message);
    event->error = error;
    report(swept->sweep->engine->shared.reporter, event);
    free(message);
}

static void remove_table(struct swept *swept);

static void on_timer(uv_timer_t *timer) {
    remove_table(timer->data);
}

static void wait_for_more(struct swept *swept) {
    uv_timer_start(&swept->timer, on_timer, (uint64_t)swept->wait, 0);
    swept->wait = swept->wait * 2 < MOST_WAIT ? swept->wait * 2 : MOST_WAIT;
}

static void on_forgotten(void *arg, const struct error *error) {
    struct swept *swept = arg;
    (void)error; /* it is looked for once more at the next start */
    swept->forgetting = NULL;
}

static void on_removed(void *arg, const struct error *error) {
    struct swept *swept = arg;
    swept->removal = NULL;
    if (error && error->code != ERROR_EXISTS) {
        if (!swept->told)
            say(swept, EVENT_SCRATCH_LEFT, error,
                x_printf("the scratch table %s in %s, which a drill that was cut off has left, may still be there",
                         swept->table.name, swept->table.region));
        swept->told = true;
        wait_for_more(swept);
        return;
    }
    say(swept, EVENT_SCRATCH_REMOVED, NULL,
        x_printf("the scratch table %s in %s, which a drill had planned, is %s", swept->table.name, swept->table.region,
                 error ? "not ours: left alone" : "gone"));
    swept->forgetting = scratch_forget(swept->sweep->state, &swept->table, on_forgotten, swept);
}

/* The process before may have died with CreateTable on its way, a moment ago. */
static void remove_table(struct swept *swept) {
    swept->removal =
        scratch_remove_start(swept->session, &swept->table, engine_landing(swept->sweep->engine), on_removed, swept);
}

/* ------------------------------------------------------------ life */

static struct aws_session *session_for(struct engine *engine, const struct scratch_table *table) {
    _cleanup_free_ char *name = credential_session_name(table->job);
    struct credential_settings settings = {.source = engine_source_named(table->access.source),
                                           .profile = table->access.profile,
                                           .role_arn = table->access.role_arn,
                                           .external_id = table->access.external_id,
                                           .session_name = name,
                                           .duration_s = HOUR_MS / SECOND_MS,
                                           .region = table->region};
    struct credential_provider *provider = credential_store_get(engine->store, &settings);
    struct aws_session *session = aws_session_new(engine->client, provider, table->region, NULL);
    credential_provider_unref(provider);
    return session;
}

/* Takes the table. */
static struct swept *swept_new(struct sweep *sweep, struct scratch_table *table) {
    struct swept *swept = x_calloc(1, sizeof *swept);
    *swept = (struct swept){.sweep = sweep, .table = *table, .wait = FIRST_WAIT * engine_landing(sweep->engine)};
    swept->session = session_for(sweep->engine, &swept->table);
    swept->timer.data = swept;
    uv_timer_init(sweep->engine->shared.loop, &swept->timer);
    return swept;
}

static void on_closed(uv_handle_t *handle) {
    free(handle->data);
}

static void swept_free(struct swept *swept) {
    scratch_remove_cancel(swept->removal);
    state_cancel(swept->forgetting);
    aws_session_free(swept->session);
    scratch_table_fini(&swept->table);
    uv_close((uv_handle_t *)&swept->timer, on_closed);
}

struct sweep *sweep_start(struct engine *engine, struct state *state, struct error *error) {
    struct scratch_table *tables;
    size_t count;
    if (!scratch_load(state, &tables, &count, error) || !count) {
        free(tables);
        return NULL;
    }
    struct sweep *sweep = x_calloc(1, sizeof *sweep);
    *sweep = (struct sweep){engine_ref(engine), state, x_calloc(count, sizeof(struct swept *)), count};
    for (size_t i = 0; i < count; i++) {
        sweep->items[i] = swept_new(sweep, &tables[i]);
        remove_table(sweep->items[i]);
    }
    free(tables);
    return sweep;
}

struct sweep *sweep_add(struct sweep *sweep, struct engine *engine, struct state *state,
                        const struct scratch_table *table) {
    if (!sweep) {
        sweep = x_calloc(1, sizeof *sweep);
        *sweep = (struct sweep){.engine = engine_ref(engine), .state = state};
    }
    struct scratch_table copy = scratch_table_copy(table);
    struct swept *swept = swept_new(sweep, &copy);
    swept->told = true; /* by its drill */
    sweep->items = x_realloc(sweep->items, (sweep->count + 1) * sizeof(struct swept *));
    sweep->items[sweep->count++] = swept;
    wait_for_more(swept);
    return sweep;
}

void sweep_free(struct sweep *sweep) {
    if (!sweep)
        return;
    for (size_t i = 0; i < sweep->count; i++)
        swept_free(sweep->items[i]);
    free(sweep->items);
    engine_unref(sweep->engine);
    free(sweep);
}
