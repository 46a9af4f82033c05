/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a run has to do with the state: it begins there, and can be stopped and taken up again. Its cuts are job/cuts.c's.
 *
 * A state that cannot be written is said once; the run goes on without it.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "backup_private.h"
#include "base/memory.h"
#include "config/save.h"
#include "job/resume.h"

#define S3_ENDPOINT 1    /* of config.endpoints */
#define DRAIN_MS    2000 /* that a stop waits for pages in flight: a cut with them is better, any cut is good */

static void on_lost(void *arg, const struct error *error) {
    struct backup *backup = arg;
    backup_say(
        backup, EVENT_RUN_WARNING,
        ledger_keeps(backup->ledger)
            ? "the state cannot be written: the backup goes on, but could only be resumed from its last recorded cut"
            : "the state cannot be written: the backup goes on, but could not be resumed if it were interrupted",
        error);
    if (backup->stopping && backup->state == STREAM && !ledger_keeps(backup->ledger))
        backup_cancel(backup, "the daemon stops, and the state cannot be written");
}

static void on_regained(void *arg) {
    backup_say(arg, EVENT_RUN_PROGRESS, "the state is written again: the backup could be resumed from its newest cut",
               NULL);
}

static void take_checkpoint(struct backup *backup, struct checkpoint *checkpoint) {
    backup->resumed = true;
    backup->checkpoint = *checkpoint;
    *checkpoint = (struct checkpoint){0};
    const struct checkpoint_run *run = &backup->checkpoint.run;
    snprintf(backup->run, sizeof backup->run, "%s", run->run);
    backup->region = x_strdup(run->region);
    backup->record->host = x_strdup(backup->engine->host);
    backup->record->machine_id = x_strdup(backup->engine->machine_id);
    backup->plan.table_bytes = run->table_bytes;
    backup->plan.part_size = run->part_size;
    backup->named =
        record_resume(backup->record, &backup->checkpoint, &backup->loose, &backup->loose_count, &backup->failure);
}

void backup_resume_init(struct backup *backup, const struct backup_order *order) {
    if (order->resume)
        take_checkpoint(backup, order->resume);
    backup->ledger = ledger_new(order->state, backup->run, on_lost, backup);
    ledger_on_regained(backup->ledger, on_regained);
    if (backup->resumed)
        ledger_has_row(backup->ledger);
}

void backup_resume_fini(struct backup *backup) {
    free(backup->loose);
    checkpoint_fini(&backup->checkpoint);
}

/* ------------------------------------------------------------ BEGIN */

static void on_begun(void *arg) {
    backup_enter(arg, OPEN);
}

void backup_write_begin(struct backup *backup) {
    const struct backup_record *record = backup->record;
    const char *definition = json_object_to_json_string_ext(record->definition, JSON_C_TO_STRING_PLAIN);
    struct checkpoint_run run = {.run = x_strdup(backup->run),
                                 .job = x_strdup(record->job),
                                 .settings = config_save_job(backup->config, backup->job),
                                 .table = x_strdup(backup->job->table),
                                 .table_arn = x_strdup(record->table_arn),
                                 .table_id = x_strdup(record->table_id),
                                 .region = x_strdup(backup->region),
                                 .bucket = x_strdup(record->names.bucket),
                                 .prefix = x_strdup(record->names.prefix),
                                 .s3_endpoint = x_strdup(backup->config->endpoints[S3_ENDPOINT]),
                                 .kms_key_id = x_strdup(record->kms_key_id),
                                 .formats = record_formats(record),
                                 .definition = x_strdup(definition),
                                 .started = record->started,
                                 .scan_started = record->scan_started,
                                 .segments = record->segments,
                                 .table_bytes = backup->plan.table_bytes,
                                 .part_size = backup->plan.part_size,
                                 .numbers = FILE_NUMBERS};
    if (!ledger_begin(backup->ledger, &run, on_begun, backup))
        backup_enter(backup, OPEN);
}

/* ------------------------------------------------------------ AUDIT, TAKE_UP */

void backup_start_over(struct backup *backup, const struct error *why) {
    backup->starts_over = true;
    backup_fail(backup, why);
}

bool backup_is_same_table(struct backup *backup, const struct table_description *table) {
    const char *then = backup->record->table_id;
    if (backup_is_table(backup, json_object_at(table->definition, "Table")))
        return true;
    _cleanup_error_ struct error why = {0};
    error_set(&why, ERROR_INVALID, "the table is another one now: its id was %s and is %s", then ? then : "not known",
              table->id ? table->id : "not known");
    backup_start_over(backup, &why);
    return false;
}

static void on_compared(void *arg, enum audit_result result, const struct error *error) {
    struct backup *backup = arg;
    backup->audit = NULL;
    switch (result) {
    case AUDIT_AGREES:
        backup_enter(backup, backup->state == CHECK ? MANIFEST : TAKE_UP);
        return;
    case AUDIT_COMMITTED:
        backup_say(backup, EVENT_RUN_PROGRESS, "its backup.json stands already", NULL);
        backup->counts_are_old = !backup->checkpoint.run.complete;
        backup_enter(backup, OVER);
        return;
    case AUDIT_DIFFERS:
        backup_start_over(backup, error);
        return;
    case AUDIT_FAILED:
        backup_fail(backup, error);
        return;
    }
}

static struct audit_options audit_options(const struct backup *backup) {
    return (struct audit_options){.bucket = &backup->bucket,
                                  .record = backup->record,
                                  .complete = backup->checkpoint.run.complete,
                                  .loose = backup->loose,
                                  .loose_count = backup->loose_count};
}

void backup_compare(struct backup *backup) {
    if (!backup->named) { /* what the state holds does not fit together */
        struct error why = error_take(&backup->failure);
        backup->named = backup->record->names.root;
        backup_start_over(backup, &why);
        error_clear(&why);
        return;
    }
    struct audit_options options = audit_options(backup);
    backup->taken_up = clock_monotonic();
    backup->audit = audit_start(&options, on_compared, backup);
}

static void say_resumed(const struct backup *backup) {
    const struct backup_record *record = backup->record;
    _cleanup_buffer_ struct buffer text = BUFFER_INIT(BUFFER_OURS);
    buffer_printf(&text, "goes on from cut %zu: ", record->cut_count);
    format_count(&text, backup->checkpoint.part_count);
    buffer_add(&text, " parts (");
    format_size(&text, backup_record_stored(record));
    buffer_add(&text, ") of ");
    format_count(&text, record->items);
    buffer_add(&text, " items and ");
    format_count(&text, record->pages);
    buffer_add(&text, " pages are kept; ");
    buffer_add(&text, backup->checkpoint.run.complete ? "all had been read" : "pages read after it are read again");
    backup_say(backup, EVENT_RUN_RESUMED, text.data, NULL);
}

/* All names of the run that the process before may have used are behind us now. */
static void on_taken_up(void *arg) {
    struct backup *backup = arg;
    say_resumed(backup);
    free(take_pointer(backup->loose));
    backup->loose_count = 0;
    backup_enter(backup, backup->checkpoint.run.complete ? COMPLETE : OPEN);
}

void backup_take_up(struct backup *backup) {
    backup->record->resumed++;
    if (!ledger_resume(backup->ledger, backup->checkpoint.run.numbers + FILE_NUMBERS, on_taken_up, backup))
        on_taken_up(backup);
}

/* ------------------------------------------------------------ CHECK */

static void on_time_to_check(uv_timer_t *timer) {
    struct backup *backup = timer->data;
    struct audit_options options = audit_options(backup);
    backup->audit = audit_files_start(&options, on_compared, backup);
}

/* A file that the process before had sent may land late: not later than this look. */
void backup_check_files(struct backup *backup) {
    int64_t left = backup->taken_up + engine_landing(backup->engine) - clock_monotonic();
    uv_timer_start(&backup->timer, on_time_to_check, left > 0 ? (uint64_t)left : 0, 0);
}

/* ------------------------------------------------------------ STOP */

static void stop_now(struct backup *backup) {
    if (!backup->draining)
        return;
    uv_timer_stop(&backup->timer);
    backup->draining = false;
    assembly_stop(backup->assembly);
}

static void on_drained(uv_timer_t *timer) {
    stop_now(timer->data);
}

void backup_stop_stream(struct backup *backup) {
    backup->draining = true;
    scan_hold(backup->scan, true);
    uv_timer_start(&backup->timer, on_drained, DRAIN_MS, 0);
    backup_drain(backup);
}

void backup_drain(struct backup *backup) {
    if (backup->draining && backup->scan && !scan_progress(backup->scan).in_flight)
        stop_now(backup);
}

/* Where its end in peace could not be written either, it looks as if the process had died under it, once. */
static void on_stop_written(void *arg) {
    struct backup *backup = arg;
    if (ledger_keeps(backup->ledger)) {
        backup->stopped = true;
        backup_enter(backup, OVER);
        return;
    }
    _cleanup_error_ struct error error = {0};
    backup->cancelled = true;
    error_set(&error, ERROR_CANCELLED, "the daemon stops, and the state cannot be written");
    backup_fail(backup, &error);
}

/* Nothing is dropped that is still to be recorded: the last cut is. */
void backup_write_stop(struct backup *backup) {
    scan_free(take_pointer(backup->scan));
    if (!ledger_stop(backup->ledger, on_stop_written, backup))
        on_stop_written(backup);
}

/* ------------------------------------------------------------ GIVE_UP */

static void on_given_up(void *arg) {
    backup_enter(arg, UNDO);
}

void backup_write_give_up(struct backup *backup) {
    if (!ledger_give_up(backup->ledger, backup->failure.message, backup->cancelled, on_given_up, backup))
        backup_enter(backup, UNDO);
}
