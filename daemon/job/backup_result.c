/* SPDX-License-Identifier: Apache-2.0 */
/* What is told of a run: while it goes on, and when it is over. */
#include <stdlib.h>
#include <string.h>

#include "backup_private.h"
#include "base/memory.h"

static void list_output(const struct output_record *output, struct run_result *result) {
    for (size_t i = 0; i < output->object_count; i++) {
        if (result->key_count == RESULT_KEYS) {
            result->keys_left_out++;
            continue;
        }
        result->keys[result->key_count] = x_strdup(output->objects[i].key);
        result->sizes[result->key_count++] = output->objects[i].size;
    }
}

/* json and csv are what a person opens; without either, the data files. */
void run_result_list_keys(struct run_result *result, const struct backup_record *record) {
    const struct output_record *json = backup_record_output(record, FORMAT_JSON);
    const struct output_record *csv = backup_record_output(record, FORMAT_CSV);
    free(result->keys); /* empty ones, of a copy */
    free(result->sizes);
    result->keys = x_calloc(RESULT_KEYS + 1, sizeof *result->keys);
    result->sizes = x_calloc(RESULT_KEYS + 1, sizeof *result->sizes);
    result->key_count = result->keys_left_out = 0;
    if (json)
        list_output(json, result);
    if (csv)
        list_output(csv, result);
    if (!json && !csv)
        list_output(&record->outputs[0], result);
}

void backup_fill_result(const struct backup *backup, struct run_result *result) {
    const struct backup_record *record = backup->record;
    memcpy(result->run, backup->run, sizeof result->run);
    memcpy(result->id, record->names.id, sizeof result->id);
    result->table = x_strdup(backup->job->table);
    result->table_arn = x_strdup(record->table_arn);
    result->region = x_strdup(backup->region);
    result->uri = x_strdup(record->names.uri);
    result->started = record->started ? record->started : backup->started + backup->clock_offset;
    result->ended = backup_now(backup);
    result->items = record->items;
    result->raw_bytes = record->scanned_bytes;
    result->resumed = record->resumed;
    result->read_first = record->scan_started;
    result->read_last = record->scan_ended;
    if (backup->stopped) {
        result->outcome = RUN_STOPPED;
        return;
    }
    if (backup->failure.code) {
        result->outcome = backup->cancelled ? RUN_CANCELLED : backup->starts_over ? RUN_STARTS_OVER : RUN_FAILED;
        result->error = error_copy(&backup->failure);
        result->undo_error = error_copy(&backup->undo_failure);
        return;
    }
    if (backup->counts_are_old)
        run_result_warn(result, x_strdup(COUNTS_ARE_OLD));
    if (backup->warning)
        run_result_warn(result, x_strdup(backup->warning));
    result->stored_bytes = backup_record_stored(record);
    run_result_list_keys(result, record);
}

const char *backup_run(const struct backup *backup) {
    return backup->run;
}

struct backup_progress backup_progress(const struct backup *backup) {
    struct backup_progress progress = {.state = backup_state_name(backup->state),
                                       .segments_total = backup->record->segments,
                                       .items = backup->record->items,
                                       .estimated_items = backup->estimated_items,
                                       .retries = backup->patience.retries,
                                       .started = backup->record->started ? backup->record->started : backup->started,
                                       .resumed = backup->record->resumed,
                                       .stored_bytes = backup_record_stored(backup->record),
                                       .cuts = backup->record->cut_count,
                                       .objects = backup_record_objects(backup->record),
                                       .read_rate = backup->read_rate};
    if (backup->scan)
        progress.scan = scan_progress(backup->scan);
    const struct checkpoint_counts *before = &backup->checkpoint.run.counts;
    progress.scan.pages += before->pages;
    progress.scan.items += before->items;
    progress.scan.bytes += before->scanned_bytes;
    progress.scan.read_units += before->read_units;
    return progress;
}
