/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The story of one backup.
 *
 *     REGION    where the job names none: the credentials' source, or IMDS, knows
 *     DESCRIBE  the table: its keys, its size, whether it exists at all
 *     OPEN      _started: the first object, the last that is ever deleted
 *     STREAM    Scan -> pages -> parts, until the last part of the last page stands in S3
 *     COMPLETE  the multipart objects
 *     SWEEP     where there were uploads: one whose creation was answered into the void is aborted
 *     MANIFEST  DynamoDB's own manifests and their checksums
 *     COMMIT    backup.json, create-only: from here on the backup exists
 *     UNDO      instead of any of these: a failure or a cancel; all that was made is taken back
 *     OVER
 *
 * One function, backup_step(), starts what a state does; the answers move on with enter().
 */
#include "job/backup.h"

#include <stdlib.h>
#include <string.h>

#include "base/encoding.h"
#include "base/memory.h"
#include "job/assembly.h"
#include "job/describe.h"
#include "job/publish.h"
#include "job/undo.h"

#define LANDING_MS 3000 /* for a request that was dropped on its way: S3 carries it out soon or not at all */

enum backup_state { REGION, DESCRIBE, OPEN, STREAM, COMPLETE, SWEEP, MANIFEST, COMMIT, UNDO, OVER };

static const char *const state_names[] = {
    [REGION] = "region", [DESCRIBE] = "describe", [OPEN] = "open",     [STREAM] = "stream", [COMPLETE] = "complete",
    [SWEEP] = "sweep",   [MANIFEST] = "manifest", [COMMIT] = "commit", [UNDO] = "undo",     [OVER] = "over"};

struct backup {
    enum backup_state state;
    struct engine *engine;
    struct config *config;
    const struct job_config *job;
    backup_done *done;
    void *arg;

    char run[RUN_LENGTH + 1];
    unsigned char identity[RUN_LENGTH / 2];
    char *region;
    struct aws_patience patience;
    struct aws_session *table_session, *bucket_session;
    struct s3_bucket bucket;
    struct s3_object_options objects;
    struct plan plan;
    struct backup_record *record;
    bool named; /* the record has its names: there may be something to undo */
    int64_t started, clock_offset;
    uint64_t estimated_items;

    /* what is under way; NULL where nothing is */
    struct region_lookup *lookup;
    struct describe *describe;
    struct publish *publish;
    struct scan *scan;
    struct assembly *assembly;
    struct undo *undo;
    uv_timer_t timer; /* the begin and the end, outside of the caller's own call */
    uv_timer_t limit; /* Timeout= */

    struct error failure, undo_failure;
    bool cancelled;
    bool may_land;    /* of what was dropped something may still come to be in S3 */
    unsigned handles; /* not yet closed */
};

static void backup_step(struct backup *backup);

static struct event run_event(const struct backup *backup, enum event_kind kind, const char *message) {
    struct event event = *EVENT(kind, .job = backup->job->name, .run = backup->run, .table = backup->job->table);
    event.message = message;
    return event;
}

static void enter(struct backup *backup, enum backup_state state) {
    _cleanup_free_ char *text = x_printf("%s -> %s", state_names[backup->state], state_names[state]);
    struct event event = run_event(backup, EVENT_RUN_PROGRESS, text);
    report(backup->engine->shared.reporter, &event);
    backup->state = state;
    backup_step(backup);
}

/* ------------------------------------------------------------ failing */

/* Everything under way is dropped; what it made is undo's. */
static void drop_all(struct backup *backup) {
    if (backup->lookup)
        region_lookup_cancel(take_pointer(backup->lookup));
    describe_cancel(take_pointer(backup->describe));
    publish_cancel(take_pointer(backup->publish));
    scan_free(take_pointer(backup->scan));
    assembly_free(take_pointer(backup->assembly));
    undo_cancel(take_pointer(backup->undo));
}

/* A request whose connection is dropped now may still be carried out: undo must look after it, not before. */
static bool may_land(const struct backup *backup) {
    return backup->publish || backup->state == COMMIT || (backup->assembly && assembly_writes(backup->assembly));
}

static void fail(struct backup *backup, const struct error *error) {
    if (backup->state >= UNDO)
        return;
    backup->failure = error_copy(error);
    backup->may_land = may_land(backup);
    drop_all(backup);
    uv_timer_stop(&backup->limit);
    bool refused_at_once = backup->state == OPEN && error->http_status >= 400 && error->http_status < 500;
    enter(backup, backup->named && !refused_at_once ? UNDO : OVER);
}

static void on_limit(uv_timer_t *timer) {
    _cleanup_error_ struct error error = {0};
    error_set(&error, ERROR_TRANSIENT, "Timeout= of the job is over");
    fail(timer->data, &error);
}

void backup_cancel(struct backup *backup, const char *why) {
    if (backup->state >= COMMIT)
        return;
    _cleanup_error_ struct error error = {0};
    backup->cancelled = true;
    error_set(&error, ERROR_CANCELLED, "%s", why);
    fail(backup, &error);
}

/* ------------------------------------------------------------ REGION, DESCRIBE, OPEN */

static void on_region(void *arg, const char *region, const struct error *error) {
    struct backup *backup = arg;
    backup->lookup = NULL;
    if (error) {
        struct error told = error_copy(error);
        error_context(&told, "looking for the region, since the job has no Region=");
        fail(backup, &told);
        error_clear(&told);
        return;
    }
    backup->region = x_strdup(region);
    enter(backup, DESCRIBE);
}

static void look_for_region(struct backup *backup) {
    struct credential_settings settings = {.profile = backup->job->profile};
    backup->lookup = region_lookup_start(backup->engine->store, &settings, on_region, backup);
}

static void open_sessions(struct backup *backup) {
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

static int64_t now(const struct backup *backup) {
    return aws_client_now(backup->engine->client) + backup->clock_offset;
}

/* The outputs that the job asks for, dynamodb-json first. */
static void plan_outputs(struct backup *backup) {
    static const enum stream_compression chosen[] = {[CONFIG_COMPRESSION_NONE] = COMPRESSION_NONE,
                                                     [CONFIG_COMPRESSION_GZIP] = COMPRESSION_GZIP,
                                                     [CONFIG_COMPRESSION_ZSTD] = COMPRESSION_ZSTD};
    const struct job_config *job = backup->job;
    struct backup_record *record = backup->record;
    bool as_default = job->compression == CONFIG_COMPRESSION_DEFAULT;
    if (job->formats & CONFIG_DYNAMODB_JSON)
        record->outputs[record->output_count++] = (struct output_record){
            .format = FORMAT_DYNAMODB_JSON, .compression = as_default ? COMPRESSION_GZIP : chosen[job->compression]};
    if (job->formats & CONFIG_JSON)
        record->outputs[record->output_count++] = (struct output_record){
            .format = FORMAT_JSON, .compression = as_default ? COMPRESSION_NONE : chosen[job->compression]};
}

static void begin_record(struct backup *backup, const struct table_description *table) {
    struct backup_record *record = backup->record;
    const struct job_config *job = backup->job;
    backup->clock_offset = table->clock_offset;
    backup->estimated_items = table->items;
    record->started = now(backup);
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
    plan_outputs(backup);
    backup->plan = (struct plan){.buffer_memory = pool_stats(workshop_pool(backup->engine->shared.workshop)).limit,
                                 .table_bytes = table->bytes,
                                 .part_size = job->part_size,
                                 .outputs = record->output_count};
}

/* What the credentials' source has to tell: a Duration= that AWS cut to an hour. */
static void say_notice(const struct backup *backup, const struct aws_session *session) {
    const char *notice = credential_provider_notice(aws_session_provider(session));
    if (!notice)
        return;
    struct event event = run_event(backup, EVENT_RUN_WARNING, notice);
    report(backup->engine->shared.reporter, &event);
}

static void on_described(void *arg, const struct table_description *table, const struct error *error) {
    struct backup *backup = arg;
    backup->describe = NULL;
    if (error) {
        fail(backup, error);
        return;
    }
    begin_record(backup, table);
    say_notice(backup, backup->table_session);
    enter(backup, OPEN);
}

static void on_published(void *arg, const struct error *error) {
    struct backup *backup = arg;
    backup->publish = NULL;
    if (error) {
        fail(backup, error);
        return;
    }
    enter(backup, backup->state == COMMIT ? OVER : backup->state + 1); /* OPEN -> STREAM, MANIFEST -> COMMIT */
}

static void publish(struct backup *backup, enum publish_what what) {
    struct publish_options options = {.loop = backup->engine->shared.loop,
                                      .bucket = &backup->bucket,
                                      .objects = &backup->objects,
                                      .record = backup->record};
    backup->publish = publish_start(&options, what, on_published, backup);
}

/* ------------------------------------------------------------ STREAM, COMPLETE */

static void on_page(void *arg, struct scan_page *page) {
    struct backup *backup = arg;
    assembly_feed(backup->assembly, page);
}

static void on_scan_ended(void *arg, const struct error *error) {
    struct backup *backup = arg;
    if (error) {
        fail(backup, error);
        return;
    }
    backup->record->scan_ended = now(backup);
    assembly_close(backup->assembly);
}

static void on_pressure(void *arg, bool held) {
    struct backup *backup = arg;
    if (backup->scan)
        scan_hold(backup->scan, held);
}

static void on_stored(void *arg) {
    enter(arg, COMPLETE);
}

static void go_on_to_manifests(struct backup *backup) {
    bool has_manifests = backup_record_output(backup->record, FORMAT_DYNAMODB_JSON);
    backup->record->ended = now(backup);
    enter(backup, has_manifests ? MANIFEST : COMMIT);
}

/* An upload that stays holds no part: it is worth a word, not the backup. */
static void on_swept(void *arg, const struct error *error) {
    struct backup *backup = arg;
    backup->undo = NULL;
    if (error) {
        struct event event =
            run_event(backup, EVENT_RUN_WARNING, "an upload of this run may have stayed behind, empty");
        event.error = error;
        report(backup->engine->shared.reporter, &event);
    }
    go_on_to_manifests(backup);
}

/* An object of one part was one PUT. */
static bool had_uploads(const struct backup_record *record) {
    const struct output_record *output = backup_record_output(record, FORMAT_JSON);
    for (size_t i = 0; output && i < output->object_count; i++)
        if (output->objects[i].part_count > 1)
            return true;
    return false;
}

/* Retries are no sign: curl itself sends a request again, unseen, where a connection that it had kept open breaks. */
static void on_completed(void *arg) {
    struct backup *backup = arg;
    if (had_uploads(backup->record))
        enter(backup, SWEEP);
    else
        go_on_to_manifests(backup);
}

static void on_assembly_failed(void *arg, const struct error *error) {
    fail(arg, error);
}

static void stream(struct backup *backup) {
    struct assembly_options options = {
        .output = {.loop = backup->engine->shared.loop,
                   .workshop = backup->engine->shared.workshop,
                   .bucket = &backup->bucket,
                   .objects = &backup->objects,
                   .names = &backup->record->names,
                   .plan = &backup->plan,
                   .hash_bodies = !engine_s3_is_tls(backup->engine, backup->job, backup->region)},
        .record = backup->record};
    struct assembly_events assembled = {on_pressure, on_stored, on_completed, on_assembly_failed, backup};
    struct scan_options scan = {.session = backup->table_session,
                                .pool = workshop_pool(backup->engine->shared.workshop),
                                .table = backup->job->table,
                                .segments = backup->record->segments,
                                .consistent = backup->job->consistent_read,
                                .ramp = !backup->job->segments};
    struct scan_events scanned = {on_page, on_scan_ended, backup};
    backup->record->scan_started = now(backup);
    backup->assembly = assembly_new(&options, &assembled);
    backup->scan = scan_start(&scan, &scanned);
}

/* ------------------------------------------------------------ UNDO, OVER */

static void on_undone(void *arg, const struct error *error) {
    struct backup *backup = arg;
    backup->undo = NULL;
    if (error)
        backup->undo_failure = error_copy(error);
    enter(backup, OVER);
}

/* Undo has a patience of its own: the run's may be what ended it. */
static void take_back(struct backup *backup);

static void on_landed(uv_timer_t *timer) {
    take_back(timer->data);
}

static void take_back(struct backup *backup) {
    if (backup->may_land) {
        backup->may_land = false;
        int64_t landing = backup->engine->shared.landing ? backup->engine->shared.landing : LANDING_MS;
        uv_timer_start(&backup->timer, on_landed, (uint64_t)landing, 0);
        return;
    }
    backup->patience.last_success = clock_monotonic();
    backup->undo = undo_start(&backup->bucket, &backup->record->names, on_undone, backup);
}

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
    error_clear(&backup->failure);
    error_clear(&backup->undo_failure);
    free(backup->region);
    config_unref(backup->config);
    engine_unref(backup->engine);
    uv_close((uv_handle_t *)&backup->timer, on_handle_closed);
    uv_close((uv_handle_t *)&backup->limit, on_handle_closed);
}

/* The plain object is what a person opens; without one, the data files. */
static void list_keys(const struct backup *backup, struct run_result *result) {
    const struct backup_record *record = backup->record;
    const struct output_record *output = backup_record_output(record, FORMAT_JSON);
    if (!output)
        output = &record->outputs[0];
    size_t most = output->object_count < RESULT_KEYS ? output->object_count : RESULT_KEYS;
    result->keys = x_calloc(most + 1, sizeof *result->keys);
    result->sizes = x_calloc(most + 1, sizeof *result->sizes);
    for (size_t i = 0; i < most; i++) {
        result->keys[i] = x_strdup(output->objects[i].key);
        result->sizes[i] = output->objects[i].size;
    }
    result->key_count = most;
    result->keys_left_out = output->object_count - most;
}

static void fill_result(const struct backup *backup, struct run_result *result) {
    const struct backup_record *record = backup->record;
    memcpy(result->run, backup->run, sizeof result->run);
    memcpy(result->id, record->names.id, sizeof result->id);
    result->table = x_strdup(backup->job->table);
    result->table_arn = x_strdup(record->table_arn);
    result->region = x_strdup(backup->region);
    result->uri = x_strdup(record->names.uri);
    result->started = backup->started + backup->clock_offset;
    result->ended = now(backup);
    result->items = record->items;
    result->raw_bytes = record->scanned_bytes;
    if (backup->failure.code) {
        result->outcome = backup->cancelled ? RUN_CANCELLED : RUN_FAILED;
        result->error = error_copy(&backup->failure);
        result->undo_error = error_copy(&backup->undo_failure);
        return;
    }
    result->stored_bytes = backup_record_stored(record);
    list_keys(backup, result);
}

static void on_over(uv_timer_t *timer) {
    struct backup *backup = timer->data;
    struct run_result result = {.outcome = RUN_SUCCEEDED};
    fill_result(backup, &result);
    drop_all(backup);
    backup->done(backup->arg, &result);
    run_result_fini(&result);
    backup_free(backup);
}

static void on_begin(uv_timer_t *timer) {
    struct backup *backup = timer->data;
    if (backup->state == OVER)
        return;
    enter(backup, backup->region ? DESCRIBE : REGION);
}

static void backup_step(struct backup *backup) {
    switch (backup->state) {
    case REGION:
        look_for_region(backup);
        return;
    case DESCRIBE:
        open_sessions(backup);
        backup->describe = describe_start(backup->table_session, backup->job->table, on_described, backup);
        return;
    case OPEN:
        publish(backup, PUBLISH_STARTED);
        return;
    case STREAM:
        stream(backup);
        return;
    case COMPLETE:
        assembly_complete(backup->assembly);
        return;
    case SWEEP:
        backup->undo = undo_uploads_start(&backup->bucket, &backup->record->names, on_swept, backup);
        return;
    case MANIFEST:
        publish(backup, PUBLISH_MANIFESTS);
        return;
    case COMMIT:
        uv_timer_stop(&backup->limit); /* a backup that may already be there is not given up for its time */
        publish(backup, PUBLISH_BACKUP);
        return;
    case UNDO:
        take_back(backup);
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
    memcpy(backup->identity, order->identity, sizeof backup->identity);
    hex_encode(backup->run, backup->identity, sizeof backup->identity);
    backup->region = engine_region(job);
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

const char *backup_run(const struct backup *backup) {
    return backup->run;
}

struct backup_progress backup_progress(const struct backup *backup) {
    struct backup_progress progress = {.state = state_names[backup->state],
                                       .segments_total = backup->record->segments,
                                       .items = backup->record->items,
                                       .estimated_items = backup->estimated_items,
                                       .retries = backup->patience.retries,
                                       .started = backup->started,
                                       .stored_bytes = backup_record_stored(backup->record),
                                       .objects = backup_record_objects(backup->record)};
    if (backup->scan)
        progress.scan = scan_progress(backup->scan);
    return progress;
}
