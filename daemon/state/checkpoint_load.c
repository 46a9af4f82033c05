/* SPDX-License-Identifier: Apache-2.0 */
/* The tables of runs under way, read: all that a resume needs. */
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "sql.h"
#include "state/checkpoint.h"

/* ------------------------------------------------------------ the run's row */

#define RUN_COLUMNS                                                                                                    \
    "run, job, settings, table_name, table_arn, table_id, region, bucket, prefix, s3_endpoint, kms_key_id, formats,"   \
    " csv_header, given_up, started, segments, table_bytes, part_size, scan_started, scan_ended, last_cut, cuts,"      \
    " deaths, resumed, numbers, stopped, complete, cancelled, items, pages, scanned_bytes, b, ss, ns, bs, "            \
    "read_units, item_digest"

static uint64_t next_number(sqlite3_stmt *row, int *column) {
    return (uint64_t)sqlite3_column_int64(row, (*column)++);
}

static void read_texts(struct checkpoint_run *run, sqlite3_stmt *row, int *column) {
    char **const slots[] = {&run->run,        &run->job,     &run->settings,   &run->table,   &run->table_arn,
                            &run->table_id,   &run->region,  &run->bucket,     &run->prefix,  &run->s3_endpoint,
                            &run->kms_key_id, &run->formats, &run->csv_header, &run->given_up};
    for (size_t i = 0; i < array_length(slots); i++)
        *slots[i] = sql_text(row, (*column)++);
}

static void read_counts(struct checkpoint_counts *counts, sqlite3_stmt *row, int *column) {
    uint64_t *const slots[] = {&counts->items, &counts->pages, &counts->scanned_bytes, &counts->b, &counts->ss,
                               &counts->ns,    &counts->bs};
    for (size_t i = 0; i < array_length(slots); i++)
        *slots[i] = next_number(row, column);
    counts->read_units = sqlite3_column_double(row, (*column)++);
    const char *digest = (const char *)sqlite3_column_text(row, (*column)++);
    if (!digest || !item_digest_read(&counts->digest, digest, counts->items))
        counts->digest = (struct item_digest){.items = 0};
}

static void read_run(struct checkpoint_run *run, sqlite3_stmt *row) {
    int column = 0;
    *run = (struct checkpoint_run){0};
    read_texts(run, row, &column);
    run->started = (int64_t)next_number(row, &column);
    run->segments = (unsigned)next_number(row, &column);
    run->table_bytes = next_number(row, &column);
    run->part_size = next_number(row, &column);
    run->scan_started = (int64_t)next_number(row, &column);
    run->scan_ended = (int64_t)next_number(row, &column);
    run->last_cut = (int64_t)next_number(row, &column);
    run->cuts = (unsigned)next_number(row, &column);
    run->deaths = (unsigned)next_number(row, &column);
    run->resumed = (unsigned)next_number(row, &column);
    run->numbers = (unsigned)next_number(row, &column);
    run->stopped = next_number(row, &column);
    run->complete = next_number(row, &column);
    run->cancelled = next_number(row, &column);
    read_counts(&run->counts, row, &column);
}

static bool add_run(sqlite3_stmt *row, void *arg, struct error *error) {
    struct checkpoint_list *list = arg;
    (void)error;
    list->items = x_grow(list->items, list->count, sizeof *list->items);
    read_run(&list->items[list->count++], row);
    return true;
}

bool checkpoint_list(sqlite3 *db, struct checkpoint_list *list, struct error *error) {
    *list = (struct checkpoint_list){0};
    if (sql_each(db, error, &(struct sql_reader){add_run, list}, "SELECT " RUN_COLUMNS " FROM checkpoint ORDER BY id",
                 ""))
        return true;
    checkpoint_list_fini(list);
    return false;
}

static bool take_run(sqlite3_stmt *row, void *arg, struct error *error) {
    struct checkpoint_run *run = arg;
    (void)error;
    read_run(run, row);
    run->definition = sql_text(row, sqlite3_column_count(row) - 1);
    return true;
}

/* ------------------------------------------------------------ what belongs to it */

static bool add_position(sqlite3_stmt *row, void *arg, struct error *error) {
    struct checkpoint *checkpoint = arg;
    (void)error;
    checkpoint->positions = x_grow(checkpoint->positions, checkpoint->position_count, sizeof *checkpoint->positions);
    checkpoint->positions[checkpoint->position_count++] =
        (struct checkpoint_position){.segment = (unsigned)sqlite3_column_int64(row, 0), .key = sql_text(row, 1)};
    return true;
}

static bool add_object(sqlite3_stmt *row, void *arg, struct error *error) {
    struct checkpoint *checkpoint = arg;
    (void)error;
    checkpoint->objects = x_grow(checkpoint->objects, checkpoint->object_count, sizeof *checkpoint->objects);
    checkpoint->objects[checkpoint->object_count++] =
        (struct checkpoint_object){.output = (unsigned)sqlite3_column_int64(row, 0),
                                   .number = (unsigned)sqlite3_column_int64(row, 1),
                                   .key = sql_text(row, 2),
                                   .upload_id = sql_text(row, 3),
                                   .single = sqlite3_column_int64(row, 4),
                                   .closed = sqlite3_column_int64(row, 5)};
    return true;
}

static bool add_part(sqlite3_stmt *row, void *arg, struct error *error) {
    struct checkpoint *checkpoint = arg;
    checkpoint->parts = x_grow(checkpoint->parts, checkpoint->part_count, sizeof *checkpoint->parts);
    struct checkpoint_part *part = &checkpoint->parts[checkpoint->part_count];
    *part = (struct checkpoint_part){.output = (unsigned)sqlite3_column_int64(row, 0),
                                     .object = (unsigned)sqlite3_column_int64(row, 1),
                                     .number = (unsigned)sqlite3_column_int64(row, 2),
                                     .length = (uint64_t)sqlite3_column_int64(row, 3),
                                     .items = (uint64_t)sqlite3_column_int64(row, 4),
                                     .crc32 = (uint32_t)sqlite3_column_int64(row, 5)};
    if (part->output >= CHECKPOINT_OUTPUTS || sqlite3_column_bytes(row, 7) != MD5_LENGTH) {
        error_set(error, ERROR_CORRUPT, "the state holds a part that no output can have (output %u)", part->output);
        return false;
    }
    part->etag = sql_text(row, 6);
    memcpy(part->md5, sqlite3_column_blob(row, 7), MD5_LENGTH);
    checkpoint->part_count++;
    return true;
}

static bool add_cut(sqlite3_stmt *row, void *arg, struct error *error) {
    struct checkpoint *checkpoint = arg;
    (void)error;
    checkpoint->cuts = x_grow(checkpoint->cuts, checkpoint->cut_count, sizeof *checkpoint->cuts);
    checkpoint->cuts[checkpoint->cut_count++] = (struct checkpoint_cut){
        .items = (uint64_t)sqlite3_column_int64(row, 0),
        .parts = {(uint64_t)sqlite3_column_int64(row, 1), (uint64_t)sqlite3_column_int64(row, 2),
                  (uint64_t)sqlite3_column_int64(row, 3)}};
    return true;
}

#define OF_RUN " WHERE run = (SELECT id FROM checkpoint WHERE run = ?1) "

static bool load_names(sqlite3 *db, const char *run, struct checkpoint *checkpoint, struct error *error) {
    return sql_each(db, error, &(struct sql_reader){take_run, &checkpoint->run},
                    "SELECT " RUN_COLUMNS ", definition FROM checkpoint WHERE run = ?1", "t", run) &&
           sql_each(db, error, &(struct sql_reader){add_object, checkpoint},
                    "SELECT output, object, key, upload_id, single, closed FROM checkpoint_object" OF_RUN
                    "ORDER BY output, object",
                    "t", run);
}

static bool load_cuts(sqlite3 *db, const char *run, struct checkpoint *checkpoint, struct error *error) {
    return sql_each(db, error, &(struct sql_reader){add_position, checkpoint},
                    "SELECT segment, key FROM checkpoint_segment" OF_RUN "ORDER BY segment", "t", run) &&
           sql_each(db, error, &(struct sql_reader){add_part, checkpoint},
                    "SELECT output, object, part, length, items, crc32, etag, md5 FROM checkpoint_part" OF_RUN
                    "ORDER BY output, object, part",
                    "t", run) &&
           sql_each(db, error, &(struct sql_reader){add_cut, checkpoint},
                    "SELECT items, parts_1, parts_2, parts_3 FROM checkpoint_cut" OF_RUN "ORDER BY cut", "t", run);
}

bool checkpoint_load_names(sqlite3 *db, const char *run, struct checkpoint *checkpoint, struct error *error) {
    *checkpoint = (struct checkpoint){0};
    bool good = load_names(db, run, checkpoint, error);
    if (good && !checkpoint->run.run) {
        error_set(error, ERROR_NOT_FOUND, "the state knows no run %s", run);
        good = false;
    }
    if (!good)
        checkpoint_fini(checkpoint);
    return good;
}

bool checkpoint_load(sqlite3 *db, const char *run, struct checkpoint *checkpoint, struct error *error) {
    if (!checkpoint_load_names(db, run, checkpoint, error))
        return false;
    bool good = load_cuts(db, run, checkpoint, error);
    if (!good)
        checkpoint_fini(checkpoint);
    return good;
}
