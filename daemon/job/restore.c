/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The story of one restore.
 *
 *     OPEN      the backup: what it is made of, and whether an output of it restores exactly
 *     REGION    of the table, where neither the order, nor the backup, nor the job knows: the credentials' source does
 *     RECALL    was this restore begun before? which parts stand in the table?
 *     LOOK      at the table: does it exist, is its key the backup's?
 *     CREATE    it, where it does not
 *     EMPTY     a table that holds something is refused, unless told, or it is our own interrupted work
 *     NOTE      that this table is written to from now on (before the first item)
 *     WRITE     reader -> writer, each part noted once it stands in the table
 *     SETTLE    a table that we made: encryption, tags, TTL, point-in-time recovery, deletion protection
 *     FORGET    what was noted
 *     OVER
 *
 * What changes something in AWS or in the state begins with CREATE: a dry run ends there, or behind EMPTY.
 */
#include "job/restore.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/memory.h"
#include "job/table.h"
#include "restore_private.h"
#include "state/restores.h"

static const char *const state_names[] = {
    [OPEN] = "open",     [REGION] = "region", [RECALL] = "recall", [LOOK] = "look",
    [CREATE] = "create", [EMPTY] = "empty",   [NOTE] = "note",     [WRITE] = "write",
    [SETTLE] = "settle", [FORGET] = "forget", [OVER] = "over"};

static void restore_step(struct restore *restore);

void restore_enter(struct restore *restore, enum restore_state state) {
    _cleanup_free_ char *text =
        x_printf("restore into %s: %s -> %s", restore->table, state_names[restore->state], state_names[state]);
    report(restore->engine->shared.reporter,
           EVENT(EVENT_RUN_PROGRESS, .job = restore->job->name, .table = restore->table, .message = text));
    restore->state = state;
    restore_step(restore);
}

/* Everything under way is dropped. */
static void drop_all(struct restore *restore) {
    source_open_cancel(take_pointer(restore->opening));
    if (restore->lookup)
        region_lookup_cancel(take_pointer(restore->lookup));
    state_cancel(take_pointer(restore->noting));
    if (restore->call)
        dynamodb_cancel(take_pointer(restore->call));
    table_make_cancel(take_pointer(restore->make));
    table_finish_cancel(take_pointer(restore->finish));
    transfer_free(take_pointer(restore->transfer));
}

void restore_fail(struct restore *restore, const struct error *error) {
    if (restore->state == OVER)
        return;
    restore->result.error = error_copy(error);
    restore->result.outcome = RUN_FAILED;
    drop_all(restore);
    restore_enter(restore, OVER);
}

void restore_refuse(struct restore *restore, char *words) {
    _cleanup_error_ struct error error = {0};
    error_set(&error, ERROR_INVALID, "%s", words);
    free(words);
    restore_fail(restore, &error);
}

void restore_plan(struct restore *restore, char *sentence) {
    json_object_array_add(restore->result.plan, json_object_new_string(sentence));
    free(sentence);
}

int64_t restore_now(const struct restore *restore) {
    return aws_client_now(restore->engine->client);
}

/* ------------------------------------------------------------ OPEN, REGION */

/* What of the source may be read: the backup as its record describes it, and in a form that restores exactly. */
static bool judge_source(struct restore *restore, struct error *error) {
    const struct source *source = restore->source;
    if (source->damage.code) {
        *error = error_copy(&source->damage);
        error_context(error, "%s is damaged", source->uri);
        error_advice(error, "see dynamodb-backupctl verify; an older backup may be whole");
        return false;
    }
    restore->output = source_restorable(source, error);
    return restore->output != SIZE_MAX;
}

static void on_held(void *arg, const char *by) {
    struct restore *restore = arg;
    _cleanup_error_ struct error error = {0};
    if (!by) {
        restore_enter(restore, restore->region ? RECALL : REGION);
        return;
    }
    error_set(&error, ERROR_NOT_FOUND, "%s is being removed by %s", restore->source->uri, by);
    restore_fail(restore, &error);
}

/* From now on no prune takes it away. */
static void hold_source(struct restore *restore) {
    _cleanup_free_ char *by = x_printf("the restore into table %s", restore->table);
    restore->holds = reading_start(restore->engine, restore->source->uri, by, restore->job->name, on_held, restore);
}

static void take_source(struct restore *restore) {
    _cleanup_error_ struct error refused = {0};
    restore->result.source = x_strdup(restore->source->uri);
    if (!judge_source(restore, &refused)) {
        restore_fail(restore, &refused);
        return;
    }
    if (!restore->region)
        restore->region = x_strdup(restore->source->region);
    if (!restore->region)
        restore->region = engine_region(restore->job);
    hold_source(restore);
}

static void on_opened(void *arg, struct source *source, const struct error *error) {
    struct restore *restore = arg;
    restore->opening = NULL;
    if (error) {
        restore_fail(restore, error);
        return;
    }
    restore->source = source_ref(source);
    take_source(restore);
}

static void open_source(struct restore *restore) {
    struct source_request request = {.engine = restore->engine,
                                     .config = restore->config,
                                     .job = restore->job,
                                     .prefix = restore->prefix,
                                     .id = restore->id};
    if (restore->source)
        take_source(restore);
    else
        restore->opening = source_open_start(&request, on_opened, restore);
}

static void on_region(void *arg, const char *region, const struct error *error) {
    struct restore *restore = arg;
    restore->lookup = NULL;
    if (error) {
        struct error told = error_copy(error);
        error_context(&told, "looking for the region of the table; --to-region names it");
        restore_fail(restore, &told);
        error_clear(&told);
        return;
    }
    restore->region = x_strdup(region);
    restore_enter(restore, RECALL);
}

/* ------------------------------------------------------------ RECALL */

/* Who only looks disturbs nobody. */
bool restore_claim(struct restore *restore, const char *what) {
    if (restore->dry_run)
        return true;
    char *claim = x_printf("table %s;", what); /* what one begins with is no other */
    if (in_use_take_alone(restore->engine->shared.in_use, claim)) {
        restore->claims[restore->claim_count++] = claim;
        return true;
    }
    _cleanup_error_ struct error error = {0};
    error_set(&error, ERROR_EXISTS, "a restore into table %s is under way", restore->table);
    free(claim);
    restore_fail(restore, &error);
    return false;
}

struct restore_key restore_key_of(const struct restore *restore) {
    return (struct restore_key){restore->source->uri, restore->target};
}

static void on_recalled(void *arg, const struct restore_memory *memory, const struct error *error) {
    struct restore *restore = arg;
    restore->noting = NULL;
    if (error) {
        restore_fail(restore, error);
        return;
    }
    restore->remembered_id = x_strdup(memory->table_id);
    restore->remembered_overwrite = memory->overwrite;
    restore->remembered_at = memory->noted;
    restore->result.created = memory->created;
    restore->parts = x_calloc(memory->part_count + 1, sizeof *restore->parts);
    restore->part_count = memory->part_count;
    if (memory->part_count)
        memcpy(restore->parts, memory->parts, memory->part_count * sizeof *restore->parts);
    restore_enter(restore, LOOK);
}

static void recall(struct restore *restore) {
    struct credential_provider *provider =
        restore->to_role_arn ? engine_role_provider(restore->engine, restore->job, restore->to_role_arn)
                             : engine_provider(restore->engine, restore->job, false);
    restore->session = aws_session_new(restore->engine->client, provider, restore->region, &restore->patience);
    credential_provider_unref(provider);
    restore->patience.last_success = clock_monotonic();
    restore->result.region = x_strdup(restore->region);
    restore->target = x_printf("%s %s%s%s", restore->region, restore->to_role_arn ? restore->to_role_arn : "",
                               restore->to_role_arn ? " " : "", restore->table);
    struct restore_key key = restore_key_of(restore);
    if (!restore_claim(restore, restore->target))
        return;
    if (restore->state_room)
        restore->noting = restores_find(restore->state_room, &key, on_recalled, restore);
    else
        on_recalled(restore, &(struct restore_memory){0}, NULL);
}

/* ------------------------------------------------------------ NOTE */

/* The units a second that the writer may take; negative: the restore has failed. */
static double units_a_second(struct restore *restore) {
    double provisioned = definition_write_capacity(restore->described);
    if (!restore->capacity.percent)
        return restore->capacity.value;
    if (provisioned <= 0) {
        restore_refuse(restore,
                       x_printf("--write-capacity %g%%: table %s is on demand, it has no provisioned capacity to "
                                "take a share of: give a number of write units a second",
                                restore->capacity.value, restore->table));
        return -1;
    }
    return provisioned * restore->capacity.value / 100;
}

static void on_noted(void *arg, const struct error *error) {
    struct restore *restore = arg;
    restore->noting = NULL;
    if (error)
        restore_fail(restore, error);
    else
        restore_enter(restore, WRITE);
}

static void note(struct restore *restore) {
    struct restore_key key = restore_key_of(restore);
    struct restore_begin begin = restore_begin_of(restore);
    restore->units_a_second = units_a_second(restore);
    if (restore->state == OVER)
        return;
    restore->result.resumed = restore_is_our_work(restore);
    restore_prepare_writing(restore);
    if (restore->dry_run)
        restore_enter(restore, OVER);
    else if (restore->state_room)
        restore->noting = restores_begin(restore->state_room, &key, &begin, on_noted, restore);
    else
        restore_enter(restore, WRITE);
}

/* ------------------------------------------------------------ SETTLE, FORGET, OVER */

static void on_finished(void *arg, struct json_object *table, const struct error *error) {
    struct restore *restore = arg;
    (void)table;
    restore->finish = NULL;
    if (error)
        restore_fail(restore, error);
    else
        restore_enter(restore, FORGET);
}

static void settle(struct restore *restore) {
    if (!restore->result.created) {
        restore_enter(restore, FORGET);
        return;
    }
    struct table_make_options options = restore_table_options(restore);
    definition_lost(&options.use, options.missing);
    restore->finish = table_finish_start(&options, restore->result.table_arn, on_finished, restore);
}

/* What stays noted does no harm: the table is complete. */
static void on_forgotten(void *arg, const struct error *error) {
    struct restore *restore = arg;
    restore->noting = NULL;
    if (error)
        report(restore->engine->shared.reporter,
               EVENT(EVENT_RUN_WARNING, .job = restore->job->name, .table = restore->table, .error = error,
                     .message = "the restore is complete, but its notes could not be removed from the state"));
    restore_enter(restore, OVER);
}

static void forget(struct restore *restore) {
    struct restore_key key = restore_key_of(restore);
    if (restore->state_room)
        restore->noting = restores_end(restore->state_room, &key, on_forgotten, restore);
    else
        restore_enter(restore, OVER);
}

static void on_closed(uv_handle_t *handle) {
    free(handle->data);
}

void restore_cancel(struct restore *restore) {
    if (!restore)
        return;
    restore->state = OVER;
    drop_all(restore);
    reading_end(restore->holds);
    while (restore->claim_count) {
        char *claim = restore->claims[--restore->claim_count];
        in_use_give_back(restore->engine->shared.in_use, claim);
        free(claim);
    }
    source_unref(restore->source);
    if (restore->session)
        aws_session_free(restore->session);
    json_object_put(restore->described);
    restore_result_fini(&restore->result);
    free(restore->prefix);
    free(restore->id);
    free(restore->table);
    free(restore->region);
    free(restore->to_role_arn);
    free(restore->target);
    free(restore->table_id);
    free(restore->remembered_id);
    error_clear(&restore->refusal);
    free(restore->parts);
    free(restore->to_note);
    config_unref(restore->config);
    engine_unref(restore->engine);
    uv_close((uv_handle_t *)&restore->timer, on_closed);
}

static void on_over(uv_timer_t *timer) {
    struct restore *restore = timer->data;
    struct restore_result result = restore->result;
    restore->result = (struct restore_result){0};
    result.ended = restore_now(restore);
    result.table = x_strdup(restore->table);
    restore->done(restore->arg, &result);
    restore_result_fini(&result);
    restore_cancel(restore);
}

static void on_begin(uv_timer_t *timer) {
    struct restore *restore = timer->data;
    restore_step(restore);
}

static void restore_step(struct restore *restore) {
    switch (restore->state) {
    case OPEN:
        open_source(restore);
        return;
    case REGION:
        restore->lookup =
            region_lookup_start(restore->engine->store, &(struct credential_settings){.profile = restore->job->profile},
                                on_region, restore);
        return;
    case RECALL:
        recall(restore);
        return;
    case LOOK:
        restore_look(restore);
        return;
    case CREATE:
        restore_create(restore);
        return;
    case EMPTY:
        restore_look_inside(restore);
        return;
    case NOTE:
        note(restore);
        return;
    case WRITE:
        restore_write(restore);
        return;
    case SETTLE:
        settle(restore);
        return;
    case FORGET:
        forget(restore);
        return;
    case OVER:
        uv_timer_start(&restore->timer, on_over, 0, 0);
        return;
    }
}

struct restore *restore_start(const struct restore_order *order, restore_done *done, void *arg) {
    struct restore *restore = x_calloc(1, sizeof *restore);
    *restore = (struct restore){.engine = engine_ref(order->engine),
                                .config = config_ref(order->config),
                                .job = order->job,
                                .state_room = order->engine->shared.state,
                                .prefix = x_strdup(order->prefix),
                                .id = x_strdup(order->id),
                                .source = order->source ? source_ref(order->source) : NULL,
                                .table = x_strdup(order->table),
                                .region = x_strdup(order->to_region),
                                .to_role_arn = x_strdup(order->to_role_arn),
                                .capacity = order->capacity,
                                .create = order->create,
                                .overwrite = order->overwrite,
                                .dry_run = order->dry_run,
                                .done = done,
                                .arg = arg};
    if (!restore->region)
        restore->region = table_arn_region(order->table);
    restore->foreign = order->foreign && !restore->region && !restore->to_role_arn;
    restore->patience = (struct aws_patience){.retry_for = order->job->retry_for, .last_success = clock_monotonic()};
    restore->result = (struct restore_result){.outcome = RUN_SUCCEEDED,
                                              .started = restore_now(restore),
                                              .dry_run = order->dry_run,
                                              .missing = json_object_new_array(),
                                              .plan = json_object_new_array()};
    restore->began = restore->result.started;
    restore->timer.data = restore;
    uv_timer_init(order->engine->shared.loop, &restore->timer);
    uv_timer_start(&restore->timer, on_begin, 0, 0);
    return restore;
}

struct restore_progress restore_progress(const struct restore *restore) {
    uint64_t total = restore->source ? restore->source->items : SOURCE_UNKNOWN;
    struct restore_progress progress = {.state = state_names[restore->state],
                                        .items = restore->result.items_before + restore->result.items,
                                        .items_total = total == SOURCE_UNKNOWN ? 0 : total,
                                        .items_before = restore->result.items_before,
                                        .started = restore->began};
    if (restore->transfer) {
        progress.writer = transfer_progress(restore->transfer);
        progress.items = restore->result.items_before + progress.writer.items;
    }
    return progress;
}
