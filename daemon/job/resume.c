/* SPDX-License-Identifier: Apache-2.0 */
/* A run as the state knows it: judged against how things are now, and put together again. */
#include "job/resume.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/memory.h"
#include "config/lists.h"

/* ------------------------------------------------------------ the outputs */

void record_plan_outputs(struct backup_record *record, const struct job_config *job) {
    static const enum stream_compression chosen[] = {[CONFIG_COMPRESSION_NONE] = COMPRESSION_NONE,
                                                     [CONFIG_COMPRESSION_GZIP] = COMPRESSION_GZIP,
                                                     [CONFIG_COMPRESSION_ZSTD] = COMPRESSION_ZSTD};
    bool as_default = job->compression == CONFIG_COMPRESSION_DEFAULT;
    if (job->formats & CONFIG_DYNAMODB_JSON)
        record->outputs[record->output_count++] = (struct output_record){
            .format = FORMAT_DYNAMODB_JSON, .compression = as_default ? COMPRESSION_GZIP : chosen[job->compression]};
    if (job->formats & CONFIG_JSON)
        record->outputs[record->output_count++] = (struct output_record){
            .format = FORMAT_JSON, .compression = as_default ? COMPRESSION_NONE : chosen[job->compression]};
    if (job->formats & CONFIG_CSV)
        record->outputs[record->output_count++] = (struct output_record){
            .format = FORMAT_CSV, .compression = as_default ? COMPRESSION_NONE : chosen[job->compression]};
}

/* As csv_columns_save() has them; NULL where the job does not say. */
static char *columns_of(const struct job_config *job) {
    if (!(job->formats & CONFIG_CSV) || !job->columns || !job->columns[0])
        return NULL;
    struct csv_columns *columns = csv_columns_new();
    for (size_t i = 0; job->columns[i]; i++)
        csv_columns_add(columns, job->columns[i], strlen(job->columns[i]));
    char *text = csv_columns_save(columns);
    csv_columns_unref(columns);
    return text;
}

void record_take_columns(struct backup_record *record, const struct job_config *job) {
    if (!record->csv_header && backup_record_output(record, FORMAT_CSV))
        record->csv_header = columns_of(job);
}

char *record_formats(const struct backup_record *record) {
    struct buffer text = BUFFER_INIT(BUFFER_OURS);
    for (size_t i = 0; i < record->output_count; i++)
        buffer_printf(&text, "%s%s/%s", i ? " " : "", format_name(record->outputs[i].format),
                      compression_name(record->outputs[i].compression));
    return buffer_take(&text);
}

/* One word of record_formats(); false where it is none. */
static bool read_output(struct output_record *output, const char *text, size_t length) {
    for (enum stream_format format = FORMAT_DYNAMODB_JSON; format <= FORMAT_CSV; format++)
        for (enum stream_compression by = COMPRESSION_NONE; by <= COMPRESSION_ZSTD; by++) {
            _cleanup_free_ char *word = x_printf("%s/%s", format_name(format), compression_name(by));
            if (strlen(word) == length && strncmp(word, text, length) == 0) {
                *output = (struct output_record){.format = format, .compression = by};
                return true;
            }
        }
    return false;
}

static bool read_outputs(struct backup_record *record, const char *text) {
    while (*(text += strspn(text, " "))) {
        size_t length = strcspn(text, " ");
        if (record->output_count == RECORD_OUTPUTS ||
            !read_output(&record->outputs[record->output_count], text, length))
            return false;
        record->output_count++;
        text += length;
    }
    return record->output_count > 0;
}

/* ------------------------------------------------------------ the verdict */

static bool same(const char *a, const char *b) {
    return a == b || (a && b && strcmp(a, b) == 0);
}

static char *formats_of(const struct job_config *job) {
    struct backup_record *record = backup_record_new();
    record_plan_outputs(record, job);
    char *text = record_formats(record);
    backup_record_unref(record);
    return text;
}

static bool differs(const char *what, const char *then, const char *now, struct error *why) {
    if (same(then, now))
        return false;
    error_set(why, ERROR_INVALID, "its %s was %s and is %s now", what, then && *then ? then : "none",
              now && *now ? now : "none");
    return true;
}

/* As they were asked for, not as the first page had them. */
static bool other_columns(const struct checkpoint_run *run, const struct job_config *job, struct error *why) {
    _cleanup_json_ struct json_object *settings =
        run->settings ? json_parse(run->settings, strlen(run->settings), NULL) : NULL;
    struct json_object *list = json_array_at(json_object_at(settings, "Destination"), "Columns");
    const char *then = list ? json_object_get_string(json_object_array_get_idx(list, 0)) : NULL;
    _cleanup_buffer_ struct buffer now = BUFFER_INIT(BUFFER_OURS);
    if (!(job->formats & CONFIG_CSV))
        return false;
    if (job->columns)
        config_columns_format(job->columns, &now);
    return differs("list of columns", then, now.length ? now.data : NULL, why);
}

/* What S3 holds of the run would not be what the job asks for now. (Whether it is the same table is seen when it is described.) */
static bool is_another(const struct checkpoint_run *run, const struct resume_now *now, struct error *why) {
    const struct job_config *job = now->job;
    _cleanup_free_ char *formats = formats_of(job);
    return differs("table", run->table, job->table, why) ||
           (job->region && differs("region", run->region, job->region, why)) ||
           differs("bucket", run->bucket, job->bucket, why) || differs("prefix", run->prefix, job->prefix, why) ||
           differs("format and compression", run->formats, formats, why) || other_columns(run, job, why) ||
           differs("KMS key", run->kms_key_id, job->kms_key_id, why) ||
           differs("S3 endpoint", run->s3_endpoint, now->s3_endpoint, why);
}

/* No cut yet: it is as old as its scan. */
static bool is_too_old(const struct checkpoint_run *run, const struct resume_now *now, struct error *why) {
    int64_t last = run->last_cut ? run->last_cut : run->scan_started, age = now->now - last;
    if (age <= now->job->resume_within)
        return false;
    _cleanup_buffer_ struct buffer words = BUFFER_INIT(BUFFER_OURS);
    format_duration(&words, age);
    buffer_add(&words, " ago, and ResumeWithin= is ");
    format_duration(&words, now->job->resume_within);
    error_set(why, ERROR_INVALID, "its last recorded cut was %s", words.data);
    return true;
}

enum resume_verdict resume_judge(const struct checkpoint_run *run, const struct resume_now *now, struct error *why) {
    if (run->given_up) {
        error_set(why, run->cancelled ? ERROR_CANCELLED : ERROR_SYSTEM, "%s", run->given_up);
        return run->cancelled ? RESUME_ABANDON : RESUME_FAIL;
    }
    if (!now->job || !now->job->enabled) {
        error_set(why, ERROR_CANCELLED, now->job ? "its job %s is disabled" : "its job %s is no longer configured",
                  run->job);
        return RESUME_ABANDON;
    }
    if (run->deaths >= CHECKPOINT_DEATHS) {
        error_set(why, ERROR_SYSTEM,
                  "the process died %u times under this run without reaching another cut; it is not resumed again: "
                  "see the journal for what ended the process",
                  run->deaths);
        return RESUME_FAIL;
    }
    return is_another(run, now, why) || is_too_old(run, now, why) ? RESUME_START_OVER : RESUME_GO_ON;
}

/* ------------------------------------------------------------ the record */

static bool corrupt(struct error *error, const char *what) {
    error_set(error, ERROR_CORRUPT, "what the state holds of the run does not fit together: %s", what);
    return false;
}

/* Rows that stand in S3 have them. */
static bool take_columns(struct backup_record *record, const struct checkpoint_run *run) {
    if (!backup_record_output(record, FORMAT_CSV))
        return true;
    if (!run->csv_header)
        return !run->counts.items;
    struct csv_columns *columns = csv_columns_restore(run->csv_header, strlen(run->csv_header), NULL);
    csv_columns_unref(columns);
    record->csv_header = x_strdup(run->csv_header);
    return columns;
}

static bool take_run(struct backup_record *record, const struct checkpoint_run *run, struct error *error) {
    if (!backup_names_restore(&record->names, run->run, run->bucket, run->prefix, run->started))
        return corrupt(error, "its id");
    if (!read_outputs(record, run->formats))
        return corrupt(error, "its formats");
    if (!run->segments || run->segments > 1000000 || !run->numbers)
        return corrupt(error, "its segments");
    record->job = x_strdup(run->job);
    record->table_arn = x_strdup(run->table_arn);
    record->table_id = x_strdup(run->table_id);
    record->region = x_strdup(run->region);
    record->kms_key_id = x_strdup(run->kms_key_id);
    if (!take_columns(record, run))
        return corrupt(error, "the columns of csv");
    record->definition = run->definition ? json_parse(run->definition, strlen(run->definition), error) : NULL;
    record->table = x_strdup(json_string(json_object_at(record->definition, "Table"), "TableName"));
    if (!record->table)
        return corrupt(error, "the table's definition");
    record->started = run->started;
    record->scan_started = run->scan_started;
    record->scan_ended = run->scan_ended;
    record->resumed = run->resumed;
    record->segments = run->segments;
    record->table_size_bytes = run->table_bytes;
    const struct checkpoint_counts *counts = &run->counts;
    record->items = counts->items;
    record->pages = counts->pages;
    record->scanned_bytes = counts->scanned_bytes;
    record->read_units = counts->read_units;
    record->digest = counts->digest;
    record->types = (struct type_counts){counts->b, counts->ss, counts->ns, counts->bs};
    return true;
}

/* The upload or plain object of a part; objects are numbered from 1 without a gap among those that have parts. */
static const struct checkpoint_object *object_of(const struct checkpoint *checkpoint,
                                                 const struct checkpoint_part *part) {
    for (size_t i = 0; i < checkpoint->object_count; i++)
        if (checkpoint->objects[i].output == part->output && checkpoint->objects[i].number == part->object)
            return &checkpoint->objects[i];
    return NULL;
}

static bool begin_object(struct backup_record *record, const struct checkpoint *checkpoint,
                         const struct checkpoint_part *part, struct error *error) {
    struct output_record *output = &record->outputs[part->output];
    struct object_record object = {.number = part->object, .closed = true};
    if (output->format == FORMAT_DYNAMODB_JSON) {
        object.key = backup_data_key(&record->names, part->object, output->compression);
        object.etag = x_strdup(part->etag);
        memcpy(object.md5, part->md5, MD5_LENGTH);
    } else {
        const struct checkpoint_object *known = object_of(checkpoint, part);
        if (!known || part->object != output->object_count + 1)
            return corrupt(error, "a part whose upload is not known");
        object.key = backup_plain_key(&record->names, part->object, output->format, output->compression);
        object.upload_id = x_strdup(known->upload_id);
        object.named = true;
        object.single = known->single;
        object.closed = known->closed;
        object.etag = known->single ? x_strdup(part->etag) : NULL;
    }
    output_record_add(output, &object);
    return true;
}

/* The object that the part belongs to: the last one, or the next. NULL where it is neither. */
static struct object_record *object_for(struct backup_record *record, const struct checkpoint *checkpoint,
                                        const struct checkpoint_part *part, struct error *error) {
    struct output_record *output = &record->outputs[part->output];
    struct object_record *last = output->object_count ? &output->objects[output->object_count - 1] : NULL;
    if (!last || last->number != part->object) {
        if (part->number != 1 || (last && (last->number > part->object || !last->closed)) ||
            !begin_object(record, checkpoint, part, error))
            return NULL;
        last = &output->objects[output->object_count - 1];
    }
    bool is_file = output->format == FORMAT_DYNAMODB_JSON;
    return part->number == last->part_count + 1 && (!is_file || part->number == 1) ? last : NULL;
}

static bool take_part(struct backup_record *record, const struct checkpoint *checkpoint,
                      const struct checkpoint_part *part, struct error *error) {
    if (part->output >= record->output_count)
        return corrupt(error, "a part of no output");
    struct object_record *object = object_for(record, checkpoint, part, error);
    if (!object) {
        if (!error->code)
            corrupt(error, "parts that do not follow one another");
        return false;
    }
    object_record_add(
        object, &(struct part_record){
                    .length = part->length, .items = part->items, .crc32 = part->crc32, .etag = x_strdup(part->etag)});
    return true;
}

/* At its last cut every output holds all items that were counted, in the parts that the cut says. */
static bool adds_up(const struct backup_record *record, const struct checkpoint *checkpoint, struct error *error) {
    const struct checkpoint_cut *last = checkpoint->cut_count ? &checkpoint->cuts[checkpoint->cut_count - 1] : NULL;
    if (checkpoint->run.cuts != checkpoint->cut_count || (last ? last->items : 0) != record->items)
        return corrupt(error, "the last cut");
    for (size_t i = 0; i < record->output_count; i++) {
        const struct output_record *output = &record->outputs[i];
        uint64_t items = 0, parts = 0;
        for (size_t k = 0; k < output->object_count; k++) {
            items += output->objects[k].items;
            parts += output->objects[k].part_count;
        }
        if (items != record->items || parts != (last ? last->parts[i] : 0))
            return corrupt(error, "the parts of the last cut");
    }
    return true;
}

static void take_cuts(struct backup_record *record, const struct checkpoint *checkpoint) {
    for (size_t i = 0; i < checkpoint->cut_count; i++) {
        struct cut_record cut = {.items = checkpoint->cuts[i].items};
        for (size_t k = 0; k < record->output_count; k++)
            cut.parts[k] = checkpoint->cuts[i].parts[k];
        backup_record_cut(record, &cut);
    }
}

static bool has_parts(const struct checkpoint *checkpoint, const struct checkpoint_object *object) {
    for (size_t i = 0; i < checkpoint->part_count; i++)
        if (checkpoint->parts[i].output == object->output && checkpoint->parts[i].object == object->number)
            return true;
    return false;
}

static void take_loose(const struct checkpoint *checkpoint, struct checkpoint_object **loose, size_t *count) {
    *loose = x_calloc(checkpoint->object_count + 1, sizeof **loose);
    *count = 0;
    for (size_t i = 0; i < checkpoint->object_count; i++)
        if (!has_parts(checkpoint, &checkpoint->objects[i]))
            (*loose)[(*count)++] = checkpoint->objects[i];
}

bool record_resume(struct backup_record *record, const struct checkpoint *checkpoint, struct checkpoint_object **loose,
                   size_t *loose_count, struct error *error) {
    take_loose(checkpoint, loose, loose_count);
    if (!take_run(record, &checkpoint->run, error))
        return false;
    for (size_t i = 0; i < checkpoint->part_count; i++)
        if (!take_part(record, checkpoint, &checkpoint->parts[i], error))
            return false;
    for (size_t i = 0; i < record->output_count; i++)
        for (size_t k = 0; k < record->outputs[i].object_count; k++)
            object_record_sum(&record->outputs[i].objects[k]);
    take_cuts(record, checkpoint);
    return adds_up(record, checkpoint, error);
}
