/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The story of one drill.
 *
 *     FIND      the newest backup of the job, by S3's clock
 *     OPEN      what it is made of; an output of it that restores exactly
 *     CHECK     that no table has the scratch table's name
 *     PLAN      the name into the state, before CreateTable is sent
 *     MAKE      the table: the keys, on demand, nothing else
 *     NOTE      into the state that it is ours
 *     FILL      reader -> digest -> writer
 *     SCAN      the table -> digest
 *     COMPARE   both, and what the backup says of itself
 *     DELETE    the table: whatever happened, from PLAN on
 *     FORGET    its name
 *     OVER
 */
#include "job/drill.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/encoding.h"
#include "base/memory.h"
#include "base/random.h"
#include "drill_private.h"
#include "job/plan.h"

#define PAGES_MOST 4 /* being counted at one time: the scan waits */

static const char *const state_names[] = {
    [FIND] = "find", [OPEN] = "open", [CHECK] = "check",     [PLAN] = "plan",     [MAKE] = "make",     [NOTE] = "note",
    [FILL] = "fill", [SCAN] = "scan", [COMPARE] = "compare", [DELETE] = "delete", [FORGET] = "forget", [OVER] = "over"};

static void drill_step(struct drill *drill);

void drill_enter(struct drill *drill, enum drill_state state) {
    _cleanup_free_ char *text = x_printf("drill: %s -> %s", state_names[drill->state], state_names[state]);
    report(drill->engine->shared.reporter, EVENT(EVENT_RUN_PROGRESS, .job = drill->job->name, .run = drill->result.run,
                                                 .table = drill->job->table, .message = text));
    drill->state = state;
    drill_step(drill);
}

/* Everything under way is dropped. */
static void drop_all(struct drill *drill) {
    catalog_cancel(take_pointer(drill->catalog));
    source_open_cancel(take_pointer(drill->opening));
    if (drill->call)
        dynamodb_cancel(take_pointer(drill->call));
    state_cancel(take_pointer(drill->noting));
    table_make_cancel(take_pointer(drill->make));
    table_wait_cancel(take_pointer(drill->wait));
    transfer_free(take_pointer(drill->transfer));
    scan_free(take_pointer(drill->scan));
    scratch_remove_cancel(take_pointer(drill->removal));
    tally_free(take_pointer(drill->read_in));
    tally_free(take_pointer(drill->read_back));
}

static void end_story(struct drill *drill, enum run_outcome outcome) {
    drill->result.outcome = outcome;
    drop_all(drill);
    drill_enter(drill, drill->table == TABLE_NONE ? OVER : DELETE);
}

void drill_fail(struct drill *drill, const struct error *error) {
    struct error told = error_copy(error);
    error_keep_first(&drill->result.error, &told);
    end_story(drill, RUN_FAILED);
}

static void fail(struct drill *drill, enum error_code code, char *words) {
    _cleanup_error_ struct error error = {0};
    error_set(&error, code, "%s", words);
    free(words);
    drill_fail(drill, &error);
}

/* ------------------------------------------------------------ FIND, OPEN */

static void on_catalog(void *arg, const struct backup_summary *backups, size_t count, const struct error *error) {
    struct drill *drill = arg;
    _cleanup_error_ struct error none = {0};
    const struct backup_summary *latest = error ? NULL : catalog_latest(backups, count, &none);
    drill->catalog = NULL;
    if (!latest) {
        drill_fail(drill, error ? error : &none);
        return;
    }
    memcpy(drill->result.id, latest->id, sizeof drill->result.id);
    drill_enter(drill, OPEN);
}

/* The region that the job's table is in, or was; the key under which the backup recorded its digest, else a new one. */
static void take_source(struct drill *drill) {
    const struct source *source = drill->source;
    drill->result.uri = x_strdup(source->uri);
    drill->result.table_arn = x_strdup(source->table_arn);
    drill->result.region = engine_region(drill->job);
    if (!drill->result.region)
        drill->result.region = x_strdup(source->region);
    if (source->has_digest && source->run)
        backup_digest_key(drill->digest_key, source->run);
    else
        random_bytes(drill->digest_key, sizeof drill->digest_key);
}

static void judge_source(struct drill *drill) {
    const struct source *source = drill->source;
    _cleanup_error_ struct error refused = {0};
    drill->output = source_restorable(source, &refused);
    if (drill->output != SIZE_MAX && source->outputs[drill->output].size != SOURCE_UNKNOWN)
        drill->result.stored_bytes = source->outputs[drill->output].size;
    if (drill->output == SIZE_MAX)
        drill_fail(drill, &refused);
    else if (!source->definition || !drill->result.region)
        fail(drill, ERROR_INVALID,
             x_printf("%s does not say what its table was: %s is missing", source->uri,
                      source->definition ? "the region" : "the definition"));
    else
        drill_enter(drill, CHECK);
}

static void on_held(void *arg, const char *by) {
    struct drill *drill = arg;
    if (drill->state != OPEN)
        return; /* cancelled meanwhile */
    if (by)
        fail(drill, ERROR_NOT_FOUND, x_printf("%s is being removed by %s", drill->source->uri, by));
    else
        judge_source(drill);
}

/* From now on no prune takes it away. */
static void hold_source(struct drill *drill) {
    _cleanup_free_ char *by = x_printf("the drill of %s", drill->job->name);
    drill->holds = reading_start(drill->engine, drill->source->uri, by, drill->job->name, on_held, drill);
}

static void on_opened(void *arg, struct source *source, const struct error *error) {
    struct drill *drill = arg;
    drill->opening = NULL;
    if (error) {
        drill_fail(drill, error);
        return;
    }
    drill->source = source_ref(source);
    take_source(drill);
    hold_source(drill);
}

static void open_source(struct drill *drill) {
    struct source_request request = {
        .engine = drill->engine, .config = drill->config, .job = drill->job, .id = drill->result.id};
    drill->opening = source_open_start(&request, on_opened, drill);
}

/* ------------------------------------------------------------ FILL */

static void on_filled(void *arg, const struct error *error) {
    struct drill *drill = arg;
    struct writer_progress progress = transfer_progress(drill->transfer);
    drill->written = progress.items;
    drill->result.raw_bytes = progress.bytes;
    transfer_free(take_pointer(drill->transfer));
    if (error)
        drill_fail(drill, error);
    else
        drill_enter(drill, SCAN);
}

static void fill(struct drill *drill) {
    struct engine_shared *shared = &drill->engine->shared;
    drill->read_in = tally_new(shared->loop, drill->digest_key);
    struct transfer_options options = {.reader = {.source = drill->source,
                                                  .output = drill->output,
                                                  .workshop = shared->workshop,
                                                  .loop = shared->loop},
                                       .writer = {.session = drill->session,
                                                  .table = drill->scratch.name,
                                                  .key = drill->key,
                                                  .retry_for = drill->job->retry_for},
                                       .tally = drill->read_in};
    drill->transfer = transfer_start(&options, &(struct transfer_events){.ended = on_filled, .arg = drill});
}

/* ------------------------------------------------------------ SCAN */

/* A page on its way through the count; `drill` is looked at only in done(), which does not come when it is gone. */
struct counted_page {
    struct drill *drill;
    struct scan_page *page;
};

static void settle_scan(struct drill *drill) {
    bool held = drill->pages >= PAGES_MOST;
    if (drill->scan && held != drill->held)
        scan_hold(drill->scan, held);
    drill->held = held;
    if (drill->scanned && !drill->pages)
        drill_enter(drill, COMPARE);
}

static void on_counted(void *arg, size_t which, const struct error *error) {
    struct counted_page *counted = arg;
    struct drill *drill = counted->drill;
    drill->pages--;
    if (!error) {
        settle_scan(drill);
        return;
    }
    struct error told = error_copy(error);
    error_context(&told, "Scan of %s: item %zu of a page", drill->scratch.name, which + 1);
    drill_fail(drill, &told);
    error_clear(&told);
}

static void on_read_through(void *arg) {
    struct counted_page *counted = arg;
    scan_page_free(counted->page);
    free(counted);
}

static void on_page(void *arg, struct scan_page *page) {
    struct drill *drill = arg;
    struct counted_page *counted = x_calloc(1, sizeof *counted);
    *counted = (struct counted_page){drill, page};
    drill->pages++;
    tally_feed(drill->read_back, &(struct tally_piece){.bytes = page->page->data,
                                                       .items = page->index.items,
                                                       .count = page->index.count,
                                                       .done = on_counted,
                                                       .release = on_read_through,
                                                       .arg = counted});
    settle_scan(drill);
}

static void on_scanned(void *arg, const struct error *error) {
    struct drill *drill = arg;
    scan_free(take_pointer(drill->scan));
    if (error) {
        drill_fail(drill, error);
        return;
    }
    drill->scanned = true;
    settle_scan(drill);
}

static void scan(struct drill *drill) {
    struct engine_shared *shared = &drill->engine->shared;
    drill->read_back = tally_new(shared->loop, drill->digest_key);
    struct scan_options options = {.session = drill->session,
                                   .pool = workshop_pool(shared->workshop),
                                   .table = drill->scratch.name,
                                   .segments = plan_segments(drill->result.raw_bytes),
                                   .consistent = true,
                                   .ramp = true};
    drill->scan = scan_start(&options, &(struct scan_events){on_page, on_scanned, drill});
}

/* ------------------------------------------------------------ COMPARE */

/* What is wrong; NULL where all agrees. The caller frees. */
static char *difference(const struct drill *drill, const struct item_digest *in, const struct item_digest *back) {
    uint64_t said = drill->source->items;
    char read[ITEM_DIGEST_TEXT], returned[ITEM_DIGEST_TEXT];
    item_digest_text(read, in);
    item_digest_text(returned, back);
    if (said != SOURCE_UNKNOWN && said != in->items)
        return x_printf("the backup says that it holds %" PRIu64 " items, and %" PRIu64 " were read from it", said,
                        in->items);
    if (drill->source->has_digest && drill->source->run && !item_digest_equal(in, &drill->source->digest)) {
        item_digest_text(returned, &drill->source->digest);
        return x_printf("the %" PRIu64
                        " items that were read from the backup are not the same ones that the table had when the "
                        "backup was made: digest %.16s... was recorded then, %.16s... it is now",
                        in->items, returned, read);
    }
    if (in->items != back->items)
        return x_printf("%" PRIu64 " items were read from the backup, and %" PRIu64
                        " came back from the table that it was restored into",
                        in->items, back->items);
    if (!item_digest_equal(in, back))
        return x_printf("%" PRIu64 " items came back from the scratch table, as many as the backup holds, but not the "
                        "same ones: digest %.16s... of the backup, %.16s... of the table",
                        in->items, read, returned);
    return NULL;
}

static void compare(struct drill *drill) {
    struct item_digest in = tally_digest(drill->read_in), back = tally_digest(drill->read_back);
    char *wrong = difference(drill, &in, &back);
    drill->result.items = back.items;
    if (wrong) {
        _cleanup_error_ struct error error = {0};
        error_set(&error, ERROR_CORRUPT, "%s: %s", drill->source->uri, wrong);
        error_advice(&error, "dynamodb-backupctl verify %s looks at each object", drill->result.id);
        free(wrong);
        drill_fail(drill, &error);
    } else {
        end_story(drill, RUN_SUCCEEDED);
    }
}

/* ------------------------------------------------------------ the frame */

static void on_closed(uv_handle_t *handle) {
    free(handle->data);
}

void drill_free(struct drill *drill) {
    if (!drill)
        return;
    drop_all(drill);
    reading_end(drill->holds);
    source_unref(drill->source);
    if (drill->session)
        aws_session_free(drill->session);
    scratch_table_fini(&drill->scratch);
    json_object_put(drill->missing);
    json_object_put(drill->described);
    run_result_fini(&drill->result);
    config_unref(drill->config);
    engine_unref(drill->engine);
    uv_close((uv_handle_t *)&drill->timer, on_closed);
}

const struct scratch_table *drill_left(const struct drill *drill) {
    return drill->left_behind ? &drill->scratch : NULL;
}

static void on_over(uv_timer_t *timer) {
    struct drill *drill = timer->data;
    struct run_result result = drill->result;
    drill->result = (struct run_result){0};
    result.ended = aws_client_now(drill->engine->client);
    drill->done(drill->arg, &result);
    run_result_fini(&result);
    drill_free(drill);
}

static void on_begin(uv_timer_t *timer) {
    drill_step(timer->data);
}

static void drill_step(struct drill *drill) {
    switch (drill->state) {
    case FIND:
        drill->catalog = catalog_start(drill->engine, drill->config, drill->job, on_catalog, drill);
        return;
    case OPEN:
        open_source(drill);
        return;
    case CHECK:
        drill_check(drill);
        return;
    case PLAN:
        drill_plan(drill);
        return;
    case MAKE:
        drill_make(drill);
        return;
    case NOTE:
        drill_note(drill);
        return;
    case FILL:
        fill(drill);
        return;
    case SCAN:
        scan(drill);
        return;
    case COMPARE:
        compare(drill);
        return;
    case DELETE:
        drill_delete(drill);
        return;
    case FORGET:
        drill_forget(drill);
        return;
    case OVER:
        uv_timer_start(&drill->timer, on_over, 0, 0);
        return;
    }
}

struct drill *drill_start(const struct drill_order *order, drill_done *done, void *arg) {
    struct drill *drill = x_calloc(1, sizeof *drill);
    *drill = (struct drill){.engine = engine_ref(order->engine),
                            .config = config_ref(order->config),
                            .job = order->job,
                            .state_room = order->state,
                            .missing = json_object_new_array(),
                            .done = done,
                            .arg = arg};
    drill->patience = (struct aws_patience){.retry_for = order->job->retry_for, .last_success = clock_monotonic()};
    drill->result = (struct run_result){
        .kind = RUN_DRILL, .table = x_strdup(order->job->table), .started = aws_client_now(order->engine->client)};
    hex_encode(drill->result.run, order->identity, RUN_LENGTH / 2);
    drill->timer.data = drill;
    uv_timer_init(order->engine->shared.loop, &drill->timer);
    uv_timer_start(&drill->timer, on_begin, 0, 0);
    return drill;
}

struct drill_progress drill_progress(const struct drill *drill) {
    struct drill_progress progress = {
        .state = state_names[drill->state], .items_written = drill->written, .started = drill->result.started};
    if (drill->transfer)
        progress.items_written = transfer_progress(drill->transfer).items;
    if (drill->scan)
        progress.items_read = scan_progress(drill->scan).items;
    else if (drill->scanned)
        progress.items_read = drill->written;
    if (drill->source && drill->source->items != SOURCE_UNKNOWN)
        progress.items_total = drill->source->items;
    return progress;
}

void drill_cancel(struct drill *drill, const char *why) {
    _cleanup_error_ struct error error = {0};
    if (drill->state >= DELETE)
        return;
    error_set(&error, ERROR_CANCELLED, "%s", why);
    error_keep_first(&drill->result.error, &error);
    end_story(drill, RUN_CANCELLED);
}
