/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The story of one backup.
 *
 *     REGION    where the job names none: the credentials' source, or IMDS, knows
 *     DESCRIBE  the table: its keys, its size, whether it exists at all
 *     BEGIN     the run's row in the state: from here on another process can go on with it
 *     OPEN      _started: the first object, the last that is ever deleted
 *     STREAM    Scan -> pages -> parts, until the last part of the last page stands in S3
 *     COMPLETE  the multipart objects
 *     SWEEP     where there were uploads: one whose creation was answered into the void is aborted
 *     CONFIRM   the table, once more: still the one whose scan began?
 *     CHECK     of a resumed run: what the files are, once more, before manifests name them
 *     MANIFEST  DynamoDB's own manifests and their checksums
 *     COMMIT    backup.json, create-only: from here on the backup exists
 *     OVER
 *
 * A run that was interrupted goes DESCRIBE -> AUDIT (S3 is asked what it holds) -> TAKE_UP (the state knows that it goes on) -> OPEN,
 * or, where its scan had been over, AUDIT -> TAKE_UP -> COMPLETE. Instead of any state but COMMIT: STOP, at a stop of the
 * process; or GIVE_UP (the state knows that it must never be resumed) -> UNDO, a failure or a cancel: all that was made is taken back,
 * unless it was COMMIT that failed, and the backup stands after all.
 *
 * One function, step(), starts what a state does; the answers move on with backup_enter().
 */
#include <stdlib.h>
#include <string.h>

#include "backup_private.h"
#include "base/encoding.h"
#include "base/memory.h"
#include "job/definition.h"
#include "job/resume.h"

static const char *const state_names[] = {
    [REGION] = "region", [DESCRIBE] = "describe", [BEGIN] = "begin",       [AUDIT] = "audit", [TAKE_UP] = "take-up",
    [OPEN] = "open",     [STREAM] = "stream",     [COMPLETE] = "complete", [SWEEP] = "sweep", [CONFIRM] = "confirm",
    [CHECK] = "check",   [MANIFEST] = "manifest", [COMMIT] = "commit",     [STOP] = "stop",   [GIVE_UP] = "give-up",
    [UNDO] = "undo",     [OVER] = "over"};

const char *backup_state_name(enum backup_state state) {
    return state_names[state];
}

static void step(struct backup *backup);

void backup_say(const struct backup *backup, enum event_kind kind, const char *message, const struct error *error) {
    struct event *event = EVENT(kind, .job = backup->job->name, .run = backup->run, .table = backup->job->table);
    event->message = message;
    event->error = error;
    report(backup->engine->shared.reporter, event);
}

/* What a stopping run has not begun yet stays undone. */
void backup_enter(struct backup *backup, enum backup_state state) {
    if (backup->stopping && state >= AUDIT && state <= STREAM)
        state = STOP;
    _cleanup_free_ char *text = x_printf("%s -> %s", state_names[backup->state], state_names[state]);
    backup_say(backup, EVENT_RUN_PROGRESS, text, NULL);
    backup->state = state;
    step(backup);
}

int64_t backup_now(const struct backup *backup) {
    return aws_client_now(backup->engine->client) + backup->clock_offset;
}

/* ------------------------------------------------------------ failing */

/* Everything under way is dropped; what it made is undo's. */
static void drop_all(struct backup *backup) {
    if (backup->lookup)
        region_lookup_cancel(take_pointer(backup->lookup));
    ledger_silence(backup->ledger);
    uv_timer_stop(&backup->timer);
    describe_cancel(take_pointer(backup->describe));
    if (backup->confirm)
        dynamodb_cancel(take_pointer(backup->confirm));
    audit_cancel(take_pointer(backup->audit));
    publish_cancel(take_pointer(backup->publish));
    scan_free(take_pointer(backup->scan));
    assembly_free(take_pointer(backup->assembly));
    undo_cancel(take_pointer(backup->undo));
    if (backup->asking)
        s3_cancel(take_pointer(backup->asking));
}

/* A request whose connection is dropped now may still be carried out: undo must look after it, not before. */
static bool may_land(const struct backup *backup) {
    return backup->resumed || backup->publish || backup->state == COMMIT ||
           (backup->assembly && assembly_writes(backup->assembly));
}

void backup_fail(struct backup *backup, const struct error *error) {
    if (backup->state >= GIVE_UP)
        return;
    error_clear(&backup->failure);
    backup->failure = error_copy(error);
    backup->may_land = may_land(backup);
    backup->may_stand = backup->state == COMMIT;
    drop_all(backup);
    uv_timer_stop(&backup->limit);
    bool refused_at_once =
        backup->state == OPEN && !backup->resumed && error->http_status >= 400 && error->http_status < 500;
    bool made_something = backup->named && backup->state != BEGIN && !refused_at_once;
    /* one that starts over may be interrupted again, and then finds the same again */
    backup_enter(backup, !made_something ? OVER : backup->starts_over ? UNDO : GIVE_UP);
}

static void on_limit(uv_timer_t *timer) {
    _cleanup_error_ struct error error = {0};
    error_set(&error, ERROR_TRANSIENT, "Timeout= of the job is over");
    backup_fail(timer->data, &error);
}

void backup_cancel(struct backup *backup, const char *why) {
    if (backup->state >= COMMIT)
        return;
    _cleanup_error_ struct error error = {0};
    backup->cancelled = true;
    error_set(&error, ERROR_CANCELLED, "%s", why);
    backup_fail(backup, &error);
}

void backup_stop(struct backup *backup, const char *why) {
    if (!ledger_holds(backup->ledger) && !ledger_keeps(backup->ledger)) {
        backup_cancel(backup, why);
        return;
    }
    if (backup->stopping)
        return;
    backup->stopping = true;
    if (backup->state == STREAM)
        backup_stop_stream(backup);
}

/* ------------------------------------------------------------ REGION, DESCRIBE, OPEN */

static void on_region(void *arg, const char *region, const struct error *error) {
    struct backup *backup = arg;
    backup->lookup = NULL;
    if (error) {
        struct error told = error_copy(error);
        error_context(&told, "looking for the region, since the job has no Region=");
        backup_fail(backup, &told);
        error_clear(&told);
        return;
    }
    backup->region = x_strdup(region);
    backup_enter(backup, DESCRIBE);
}

static void look_for_region(struct backup *backup) {
    struct credential_settings settings = {.profile = backup->job->profile};
    backup->lookup = region_lookup_start(backup->engine->store, &settings, on_region, backup);
}

static void open_sessions(struct backup *backup) {
    if (backup->table_session)
        return;
    struct credential_provider *table = engine_provider(backup->engine, backup->job, false);
    struct credential_provider *bucket = engine_provider(backup->engine, backup->job, true);
    backup->table_session = aws_session_new(backup->engine->client, table, backup->region, &backup->patience);
    backup->bucket_session = aws_session_new(backup->engine->client, bucket, backup->region, &backup->patience);
    credential_provider_unref(table);
    credential_provider_unref(bucket);
    backup->bucket = (struct s3_bucket){.session = backup->bucket_session,
                                        .name = backup->job->bucket,
                                        .expected_owner = backup->job->expected_bucket_owner};
    backup->objects = (struct s3_object_options){
        .storage_class = backup->job->storage_class, .kms_key_id = backup->job->kms_key_id, .tags = backup->job->tags};
}

static void begin_record(struct backup *backup, const struct table_description *table) {
    struct backup_record *record = backup->record;
    const struct job_config *job = backup->job;
    record->started = backup_now(backup);
    backup_names_init(&record->names, job->bucket, job->prefix, record->started, backup->identity);
    backup->named = true;
    record->job = x_strdup(job->name);
    record->table = x_strdup(table->name);
    record->table_arn = x_strdup(table->arn);
    record->table_id = x_strdup(table->id);
    record->region = x_strdup(backup->region);
    record->host = x_strdup(backup->engine->host);
    record->machine_id = x_strdup(backup->engine->machine_id);
    record->kms_key_id = x_strdup(job->kms_key_id);
    record->table_size_bytes = table->bytes;
    record->definition = json_object_get(table->definition);
    record->segments = job->segments ? job->segments : plan_segments(table->bytes);
    record->scan_started = record->started;
    record_plan_outputs(record, job);
    backup->plan.table_bytes = table->bytes;
    backup->plan.part_size = job->part_size;
}

/* What the credentials' source has to tell: a Duration= that AWS cut to an hour. */
static void say_notice(const struct backup *backup, const struct aws_session *session) {
    const char *notice = credential_provider_notice(aws_session_provider(session));
    if (!notice)
        return;
    backup_say(backup, EVENT_RUN_WARNING, notice, NULL);
}

/* ReadCapacity=, of the table as it is now. */
static double read_rate(struct backup *backup, const struct table_description *table) {
    const struct config_capacity *capacity = &backup->job->read_capacity;
    double has = definition_read_capacity(json_object_at(table->definition, "Table"));
    if (!capacity->percent)
        return capacity->value;
    if (has > 0)
        return has * capacity->value / 100;
    free(backup->warning);
    backup->warning =
        x_printf("ReadCapacity=%u%%: table %s is on demand and has no maximum throughput to take a share of: "
                 "it is read without a limit; a number of read units a second would be one",
                 capacity->value, table->name);
    backup_say(backup, EVENT_RUN_WARNING, backup->warning, NULL);
    return 0;
}

static void on_described(void *arg, const struct table_description *table, const struct error *error) {
    struct backup *backup = arg;
    backup->describe = NULL;
    if (error) {
        backup_fail(backup, error);
        return;
    }
    say_notice(backup, backup->table_session);
    backup->clock_offset = table->clock_offset;
    backup->estimated_items = table->items;
    backup->item_bytes = table->items ? (double)table->bytes / (double)table->items : 0;
    backup->read_rate = read_rate(backup, table);
    if (!backup->resumed) {
        begin_record(backup, table);
        backup_enter(backup, BEGIN);
    } else if (backup_is_same_table(backup, table)) {
        backup_enter(backup, AUDIT);
    }
}

static void on_published(void *arg, const struct error *error) {
    struct backup *backup = arg;
    backup->publish = NULL;
    if (error) {
        backup_fail(backup, error);
        return;
    }
    backup_enter(backup, backup->state == COMMIT ? OVER : backup->state + 1); /* OPEN -> STREAM, MANIFEST -> COMMIT */
}

static void publish(struct backup *backup, enum publish_what what) {
    struct publish_options options = {.loop = backup->engine->shared.loop,
                                      .bucket = &backup->bucket,
                                      .objects = &backup->objects,
                                      .record = backup->record,
                                      .resumed = backup->resumed,
                                      .attested = &backup->attested,
                                      .size = &backup->published_size};
    backup->publish = publish_start(&options, what, on_published, backup);
}

/* ------------------------------------------------------------ STREAM, COMPLETE */

static void on_page(void *arg, struct scan_page *page) {
    struct backup *backup = arg;
    assembly_feed(backup->assembly, page);
    backup_drain(backup);
}

static void on_scan_ended(void *arg, const struct error *error) {
    struct backup *backup = arg;
    if (error) {
        backup_fail(backup, error);
        return;
    }
    backup->record->scan_ended = backup_now(backup);
    backup->draining = false;
    assembly_close(backup->assembly);
}

static void on_pressure(void *arg, bool held) {
    struct backup *backup = arg;
    if (backup->scan)
        scan_hold(backup->scan, held || backup->draining);
}

static void on_recorded(void *arg) {
    struct backup *backup = arg;
    _cleanup_free_ char *text = x_printf("cut %zu is recorded", backup->record->cut_count);
    backup_say(backup, EVENT_RUN_PROGRESS, text, NULL);
}

static void on_stopped(void *arg) {
    backup_enter(arg, STOP);
}

static void on_stored(void *arg) {
    backup_enter(arg, COMPLETE);
}

void backup_confirmed(struct backup *backup) {
    bool has_files = backup_record_output(backup->record, FORMAT_DYNAMODB_JSON);
    backup->record->ended = backup_now(backup);
    backup_enter(backup, !has_files ? COMMIT : backup->resumed ? CHECK : MANIFEST);
}

/* An upload that stays holds no part: it is worth a word, not the backup. */
static void on_swept(void *arg, const struct error *error) {
    struct backup *backup = arg;
    backup->undo = NULL;
    if (error)
        backup_say(backup, EVENT_RUN_WARNING, "an upload of this run may have stayed behind, empty", error);
    backup_enter(backup, CONFIRM);
}

/* An object of one part was one PUT; but what the process before may have begun is not known. */
static bool had_uploads(const struct backup_record *record, bool resumed) {
    for (size_t i = 0; i < record->output_count; i++) {
        const struct output_record *output = &record->outputs[i];
        if (output->format == FORMAT_DYNAMODB_JSON)
            continue;
        bool several = resumed;
        for (size_t k = 0; k < output->object_count; k++)
            several = several || output->objects[k].part_count > 1;
        if (several)
            return true;
    }
    return false;
}

/* Retries are no sign: curl itself sends a request again, unseen, where a connection that it had kept open breaks. */
static void on_completed(void *arg) {
    struct backup *backup = arg;
    backup_enter(backup, had_uploads(backup->record, backup->resumed) ? SWEEP : CONFIRM);
}

/* An upload that a resumed run relied on and that is gone, or holds something else, is no reason to be without a backup. */
static void on_assembly_failed(void *arg, const struct error *error) {
    struct backup *backup = arg;
    bool is_gone = error->code == ERROR_NOT_FOUND;
    bool is_other = backup->state == COMPLETE && (error->code == ERROR_INVALID || error->code == ERROR_EXISTS);
    if (backup->resumed && (is_gone || is_other))
        backup_start_over(backup, error);
    else
        backup_fail(backup, error);
}

void backup_assemble(struct backup *backup) {
    struct assembly_options options = {
        .output = {.loop = backup->engine->shared.loop,
                   .workshop = backup->engine->shared.workshop,
                   .bucket = &backup->bucket,
                   .objects = &backup->objects,
                   .names = &backup->record->names,
                   .plan = &backup->plan,
                   .ledger = backup->ledger,
                   .first_number = backup->checkpoint.run.numbers,
                   .resumed = backup->resumed,
                   .hash_bodies = !engine_s3_is_tls(backup->engine, backup->job, backup->region),
                   .attested = backup->attested},
        .record = backup->record};
    struct assembly_events events = {on_pressure,  on_recorded,        on_stopped, on_stored,
                                     on_completed, on_assembly_failed, backup};
    record_take_columns(backup->record, backup->job);
    backup->plan.buffer_memory = pool_stats(workshop_pool(backup->engine->shared.workshop)).limit;
    backup->plan.outputs = backup->record->output_count;
    backup->assembly = assembly_new(&options, &events);
}

static void stream(struct backup *backup) {
    struct scan_options scan = {.session = backup->table_session,
                                .pool = workshop_pool(backup->engine->shared.workshop),
                                .table = backup->job->table,
                                .segments = backup->record->segments,
                                .consistent = backup->job->consistent_read,
                                .units_a_second = backup->read_rate,
                                .item_bytes = backup->item_bytes,
                                .positions = backup->checkpoint.positions,
                                .position_count = backup->checkpoint.position_count,
                                .ramp = !backup->job->segments};
    struct scan_events scanned = {on_page, on_scan_ended, backup};
    if (!backup->record->cut_count)
        backup->record->scan_started = backup_now(backup);
    backup_assemble(backup);
    backup->scan = scan_start(&scan, &scanned);
}

/* ------------------------------------------------------------ OVER */

static void on_handle_closed(uv_handle_t *handle) {
    struct backup *backup = handle->data;
    if (--backup->handles == 0)
        free(backup);
}

void backup_free(struct backup *backup) {
    drop_all(backup);
    backup->state = OVER;
    if (backup->table_session)
        aws_session_free(backup->table_session);
    if (backup->bucket_session)
        aws_session_free(backup->bucket_session);
    backup_record_unref(backup->record);
    ledger_free(backup->ledger);
    backup_resume_fini(backup);
    error_clear(&backup->failure);
    error_clear(&backup->undo_failure);
    free(backup->region);
    free(backup->warning);
    config_unref(backup->config);
    engine_unref(backup->engine);
    uv_close((uv_handle_t *)&backup->timer, on_handle_closed);
    uv_close((uv_handle_t *)&backup->limit, on_handle_closed);
}

static void on_over(uv_timer_t *timer) {
    struct backup *backup = timer->data;
    struct run_result result = {.outcome = RUN_SUCCEEDED};
    backup_fill_result(backup, &result);
    drop_all(backup);
    backup->done(backup->arg, &result);
    run_result_fini(&result);
    backup_free(backup);
}

static void on_begin(uv_timer_t *timer) {
    struct backup *backup = timer->data;
    if (backup->state == OVER)
        return;
    if (backup->resumed && (backup->checkpoint.run.complete || !backup->named))
        backup_enter(backup, AUDIT);
    else
        backup_enter(backup, backup->region ? DESCRIBE : REGION);
}

static void step(struct backup *backup) {
    switch (backup->state) {
    case REGION:
        look_for_region(backup);
        return;
    case DESCRIBE:
        open_sessions(backup);
        backup->describe = describe_start(backup->table_session, backup->job->table, on_described, backup);
        return;
    case BEGIN:
        backup_write_begin(backup);
        return;
    case AUDIT:
        open_sessions(backup);
        backup_compare(backup);
        return;
    case TAKE_UP:
        backup_take_up(backup);
        return;
    case OPEN:
        publish(backup, PUBLISH_STARTED);
        return;
    case STREAM:
        stream(backup);
        return;
    case COMPLETE:
        if (!backup->assembly)
            backup_assemble(backup);
        assembly_complete(backup->assembly);
        return;
    case SWEEP:
        backup->undo = undo_uploads_start(&backup->bucket, &backup->record->names, on_swept, backup);
        return;
    case CONFIRM:
        backup_confirm(backup);
        return;
    case CHECK:
        backup_check_files(backup);
        return;
    case MANIFEST:
        publish(backup, PUBLISH_MANIFESTS);
        return;
    case COMMIT:
        uv_timer_stop(&backup->limit); /* a backup that may already be there is not given up for its time */
        publish(backup, PUBLISH_BACKUP);
        return;
    case STOP:
        backup_write_stop(backup);
        return;
    case GIVE_UP:
        backup_write_give_up(backup);
        return;
    case UNDO:
        open_sessions(backup);
        backup_take_back(backup);
        return;
    case OVER:
        uv_timer_start(&backup->timer, on_over, 0, 0);
        return;
    }
}

struct backup *backup_start(const struct backup_order *order, backup_done *done, void *arg) {
    struct backup *backup = x_calloc(1, sizeof *backup);
    struct engine *engine = engine_ref(order->engine);
    const struct job_config *job = order->job;
    backup->engine = engine;
    backup->config = config_ref(order->config);
    backup->job = job;
    backup->done = done;
    backup->arg = arg;
    backup->record = backup_record_new();
    backup->record->digests = order->job->drill_schedules.count; /* costs time: only for who drills */
    if (!order->resume) {
        memcpy(backup->identity, order->identity, sizeof backup->identity);
        hex_encode(backup->run, backup->identity, sizeof backup->identity);
        backup->region = engine_region(job);
    }
    backup_resume_init(backup, order);
    backup->patience = (struct aws_patience){.retry_for = job->retry_for, .last_success = clock_monotonic()};
    backup->started = aws_client_now(engine->client);
    backup->handles = 2;
    backup->timer.data = backup;
    backup->limit.data = backup;
    uv_timer_init(engine->shared.loop, &backup->timer);
    uv_timer_init(engine->shared.loop, &backup->limit);
    uv_timer_start(&backup->timer, on_begin, 0, 0);
    if (job->timeout)
        uv_timer_start(&backup->limit, on_limit, (uint64_t)job->timeout, 0);
    return backup;
}
