/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tables of runs under way, written. checkpoint_load.c reads them.
 *
 *     checkpoint            one row a run
 *       checkpoint_segment  where each segment's scan goes on; no row: from its start; no key: it has ended
 *       checkpoint_object   names of uploads and plain objects, before they are used
 *       checkpoint_part     what stands before the last cut; a file is one part
 *       checkpoint_cut      one row a cut
 */
#include "state/checkpoint.h"

#include <sqlite3.h>
#include <stdlib.h>

#include "base/memory.h"
#include "sql.h"

const char checkpoint_schema[] =
    "CREATE TABLE checkpoint (id INTEGER PRIMARY KEY, run TEXT NOT NULL UNIQUE, job TEXT NOT NULL,"
    " settings TEXT NOT NULL, table_name TEXT NOT NULL, table_arn TEXT NOT NULL, table_id TEXT, region TEXT NOT NULL,"
    " bucket TEXT NOT NULL, prefix TEXT NOT NULL, s3_endpoint TEXT, kms_key_id TEXT, formats TEXT NOT NULL,"
    " definition TEXT, started INTEGER NOT NULL, segments INTEGER NOT NULL, table_bytes INTEGER NOT NULL,"
    " part_size INTEGER NOT NULL, csv_header TEXT, given_up TEXT, scan_started INTEGER NOT NULL,"
    " scan_ended INTEGER NOT NULL DEFAULT 0, last_cut INTEGER NOT NULL DEFAULT 0, cuts INTEGER NOT NULL DEFAULT 0,"
    " deaths INTEGER NOT NULL DEFAULT 0, resumed INTEGER NOT NULL DEFAULT 0, numbers INTEGER NOT NULL,"
    " stopped INTEGER NOT NULL DEFAULT 0, complete INTEGER NOT NULL DEFAULT 0, cancelled INTEGER NOT NULL DEFAULT 0,"
    " items INTEGER NOT NULL DEFAULT 0, pages INTEGER NOT NULL DEFAULT 0, scanned_bytes INTEGER NOT NULL DEFAULT 0, b "
    "INTEGER NOT NULL DEFAULT 0,"
    " ss INTEGER NOT NULL DEFAULT 0, ns INTEGER NOT NULL DEFAULT 0, bs INTEGER NOT NULL DEFAULT 0,"
    " read_units REAL NOT NULL DEFAULT 0, item_digest TEXT);"
    "CREATE TABLE checkpoint_segment (run INTEGER NOT NULL, segment INTEGER NOT NULL, key TEXT,"
    " PRIMARY KEY (run, segment)) WITHOUT ROWID;"
    "CREATE TABLE checkpoint_object (run INTEGER NOT NULL, output INTEGER NOT NULL, object INTEGER NOT NULL,"
    " key TEXT NOT NULL, upload_id TEXT, single INTEGER NOT NULL DEFAULT 0, closed INTEGER NOT NULL DEFAULT 0,"
    " PRIMARY KEY (run, output, object)) WITHOUT ROWID;"
    "CREATE TABLE checkpoint_part (run INTEGER NOT NULL, output INTEGER NOT NULL, object INTEGER NOT NULL,"
    " part INTEGER NOT NULL, length INTEGER NOT NULL, items INTEGER NOT NULL, crc32 INTEGER NOT NULL,"
    " etag TEXT NOT NULL, md5 BLOB NOT NULL, PRIMARY KEY (run, output, object, part)) WITHOUT ROWID;"
    "CREATE TABLE checkpoint_cut (run INTEGER NOT NULL, cut INTEGER NOT NULL, items INTEGER NOT NULL,"
    " parts_1 INTEGER NOT NULL, parts_2 INTEGER NOT NULL, recorded INTEGER NOT NULL,"
    " PRIMARY KEY (run, cut)) WITHOUT ROWID;";

const char checkpoint_change_2[] = "ALTER TABLE checkpoint_cut ADD COLUMN parts_3 INTEGER NOT NULL DEFAULT 0;";

/* The run of ?1, inside other statements. */
#define THIS "(SELECT id FROM checkpoint WHERE run = ?1)"

void checkpoint_run_fini(struct checkpoint_run *run) {
    char *const texts[] = {run->run,        run->job,     run->settings,   run->table,      run->table_arn,
                           run->table_id,   run->region,  run->bucket,     run->prefix,     run->s3_endpoint,
                           run->kms_key_id, run->formats, run->definition, run->csv_header, run->given_up};
    for (size_t i = 0; i < array_length(texts); i++)
        free(texts[i]);
    *run = (struct checkpoint_run){0};
}

static void positions_free(struct checkpoint_position *positions, size_t count) {
    for (size_t i = 0; i < count; i++)
        free(positions[i].key);
    free(positions);
}

static void parts_free(struct checkpoint_part *parts, size_t count) {
    for (size_t i = 0; i < count; i++)
        free(parts[i].etag);
    free(parts);
}

static void objects_free(struct checkpoint_object *objects, size_t count) {
    for (size_t i = 0; i < count; i++) {
        free(objects[i].key);
        free(objects[i].upload_id);
    }
    free(objects);
}

void checkpoint_step_free(struct checkpoint_step *step) {
    if (!step)
        return;
    positions_free(step->positions, step->position_count);
    parts_free(step->parts, step->part_count);
    objects_free(step->closed, step->closed_count);
    free(step->csv_header);
    free(step);
}

void checkpoint_fini(struct checkpoint *checkpoint) {
    checkpoint_run_fini(&checkpoint->run);
    positions_free(checkpoint->positions, checkpoint->position_count);
    objects_free(checkpoint->objects, checkpoint->object_count);
    parts_free(checkpoint->parts, checkpoint->part_count);
    free(checkpoint->cuts);
    *checkpoint = (struct checkpoint){0};
}

void checkpoint_list_fini(struct checkpoint_list *list) {
    for (size_t i = 0; i < list->count; i++)
        checkpoint_run_fini(&list->items[i]);
    free(list->items);
    *list = (struct checkpoint_list){0};
}

/* ------------------------------------------------------------ the run */

/* A change of a run that is not there is an error: what it was to keep would be lost without a word. */
static bool changed(sqlite3 *db, const char *run, struct error *error) {
    if (sqlite3_changes(db) == 1)
        return true;
    error_set(error, ERROR_NOT_FOUND, "the state knows no run %s", run);
    return false;
}

bool checkpoint_begin(sqlite3 *db, const struct checkpoint_run *run, struct error *error) {
    return sql_run(
        db, error,
        "INSERT INTO checkpoint (run, job, settings, table_name, table_arn, table_id, region, bucket, prefix,"
        " s3_endpoint, kms_key_id, formats, definition, started, segments, table_bytes, part_size,"
        " scan_started, numbers)"
        " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19)",
        "tttttttttttttiiiiii", run->run, run->job, run->settings, run->table, run->table_arn, run->table_id,
        run->region, run->bucket, run->prefix, run->s3_endpoint, run->kms_key_id, run->formats, run->definition,
        run->started, (int64_t)run->segments, (int64_t)run->table_bytes, (int64_t)run->part_size, run->scan_started,
        (int64_t)run->numbers);
}

bool checkpoint_name(sqlite3 *db, const char *run, const struct checkpoint_object *object, struct error *error) {
    return sql_run(db, error,
                   "INSERT OR REPLACE INTO checkpoint_object (run, output, object, key, upload_id)"
                   " SELECT id, ?2, ?3, ?4, ?5 FROM checkpoint WHERE run = ?1",
                   "tiitt", run, (int64_t)object->output, (int64_t)object->number, object->key, object->upload_id) &&
           changed(db, run, error);
}

bool checkpoint_reserve(sqlite3 *db, const char *run, unsigned numbers, struct error *error) {
    return sql_run(db, error, "UPDATE checkpoint SET numbers = ?2 WHERE run = ?1", "ti", run, (int64_t)numbers) &&
           changed(db, run, error);
}

bool checkpoint_stop(sqlite3 *db, const char *run, struct error *error) {
    return sql_run(db, error, "UPDATE checkpoint SET stopped = 1 WHERE run = ?1", "t", run) && changed(db, run, error);
}

bool checkpoint_take_up(sqlite3 *db, const char *run, struct error *error) {
    return sql_run(db, error, "UPDATE checkpoint SET stopped = 0 WHERE run = ?1", "t", run) && changed(db, run, error);
}

bool checkpoint_resume(sqlite3 *db, const char *run, unsigned numbers, struct error *error) {
    return sql_run(db, error, "UPDATE checkpoint SET resumed = resumed + 1, stopped = 0, numbers = ?2 WHERE run = ?1",
                   "ti", run, (int64_t)numbers) &&
           changed(db, run, error) &&
           sql_run(db, error,
                   "DELETE FROM checkpoint_object WHERE run = " THIS " AND NOT EXISTS (SELECT 1 FROM checkpoint_part"
                   " WHERE checkpoint_part.run = checkpoint_object.run"
                   " AND checkpoint_part.output = checkpoint_object.output"
                   " AND checkpoint_part.object = checkpoint_object.object)",
                   "t", run);
}

bool checkpoint_give_up(sqlite3 *db, const char *run, const char *why, bool cancelled, struct error *error) {
    return sql_run(db, error, "UPDATE checkpoint SET given_up = ?2, cancelled = ?3 WHERE run = ?1", "tti", run, why,
                   (int64_t)cancelled) &&
           changed(db, run, error);
}

static bool take_deaths(sqlite3_stmt *row, void *arg, struct error *error) {
    (void)error;
    *(unsigned *)arg = (unsigned)sqlite3_column_int64(row, 0);
    return true;
}

bool checkpoint_count_death(sqlite3 *db, const char *run, unsigned *deaths, struct error *error) {
    *deaths = 0;
    return sql_each(db, error, &(struct sql_reader){take_deaths, deaths},
                    "UPDATE checkpoint SET deaths = deaths + (stopped = 0), stopped = 1 WHERE run = ?1"
                    " RETURNING deaths",
                    "t", run) &&
           changed(db, run, error);
}

bool checkpoint_end(sqlite3 *db, const char *run, struct error *error) {
    return sql_run(db, error, "DELETE FROM checkpoint_segment WHERE run = " THIS, "t", run) &&
           sql_run(db, error, "DELETE FROM checkpoint_object WHERE run = " THIS, "t", run) &&
           sql_run(db, error, "DELETE FROM checkpoint_part WHERE run = " THIS, "t", run) &&
           sql_run(db, error, "DELETE FROM checkpoint_cut WHERE run = " THIS, "t", run) &&
           sql_run(db, error, "DELETE FROM checkpoint WHERE run = ?1", "t", run);
}

/* ------------------------------------------------------------ a cut */

static bool write_position(sqlite3 *db, const char *run, const struct checkpoint_position *position,
                           struct error *error) {
    return sql_run(db, error, "INSERT OR REPLACE INTO checkpoint_segment (run, segment, key) VALUES (" THIS ", ?2, ?3)",
                   "tit", run, (int64_t)position->segment, position->key);
}

static bool write_part(sqlite3 *db, const char *run, const struct checkpoint_part *part, struct error *error) {
    return sql_run(db, error,
                   "INSERT INTO checkpoint_part (run, output, object, part, length, items, crc32, etag, md5)"
                   " VALUES (" THIS ", ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
                   "tiiiiiitb", run, (int64_t)part->output, (int64_t)part->object, (int64_t)part->number,
                   (int64_t)part->length, (int64_t)part->items, (int64_t)part->crc32, part->etag, part->md5,
                   (size_t)MD5_LENGTH);
}

static bool write_closed(sqlite3 *db, const char *run, const struct checkpoint_object *object, struct error *error) {
    return sql_run(db, error,
                   "UPDATE checkpoint_object SET closed = 1, single = ?4 WHERE run = " THIS
                   " AND output = ?2 AND object = ?3",
                   "tiii", run, (int64_t)object->output, (int64_t)object->number, (int64_t)object->single) &&
           changed(db, run, error);
}

static bool write_counts(sqlite3 *db, const char *run, const struct checkpoint_step *step, struct error *error) {
    const struct checkpoint_counts *counts = &step->counts;
    char digest[ITEM_DIGEST_TEXT];
    item_digest_text(digest, &counts->digest);
    return sql_run(db, error,
                   "UPDATE checkpoint SET cuts = cuts + 1, deaths = 0, last_cut = ?2, scan_started = ?3,"
                   " scan_ended = ?4, complete = ?5, csv_header = coalesce(?6, csv_header), items = ?7, pages = ?8,"
                   " scanned_bytes = ?9, b = ?10, ss = ?11, ns = ?12, bs = ?13, read_units = ?14, item_digest = ?16"
                   " WHERE run = ?1 AND cuts = ?15",
                   "tiiiitiiiiiiidit", run, step->at, step->scan_started, step->scan_ended, (int64_t)step->complete,
                   step->csv_header, (int64_t)counts->items, (int64_t)counts->pages, (int64_t)counts->scanned_bytes,
                   (int64_t)counts->b, (int64_t)counts->ss, (int64_t)counts->ns, (int64_t)counts->bs,
                   counts->read_units, (int64_t)step->number - 1,
                   counts->digest.items == counts->items ? digest : NULL) &&
           changed(db, run, error);
}

bool checkpoint_record(sqlite3 *db, const char *run, const struct checkpoint_step *step, struct error *error) {
    bool good = write_counts(db, run, step, error);
    for (size_t i = 0; good && i < step->position_count; i++)
        good = write_position(db, run, &step->positions[i], error);
    for (size_t i = 0; good && i < step->part_count; i++)
        good = write_part(db, run, &step->parts[i], error);
    for (size_t i = 0; good && i < step->closed_count; i++)
        good = write_closed(db, run, &step->closed[i], error);
    return good && sql_run(db, error,
                           "INSERT INTO checkpoint_cut (run, cut, items, parts_1, parts_2, recorded, parts_3)"
                           " SELECT id, cuts, ?2, ?3, ?4, ?5, ?6 FROM checkpoint WHERE run = ?1",
                           "tiiiii", run, (int64_t)step->cut.items, (int64_t)step->cut.parts[0],
                           (int64_t)step->cut.parts[1], step->at, (int64_t)step->cut.parts[2]);
}
