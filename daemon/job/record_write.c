/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The record of a backup as files: backup.json (ours; its short members first, so that the head of it is enough for a list),
 * _started, and the manifests of DynamoDB's own export, which Athena, Glue and ImportTable's users know.
 * https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/S3DataExport.Output.html
 */
#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "base/encoding.h"
#include "base/json.h"
#include "base/memory.h"
#include "job/record.h"
#include "job/seal.h"

/* Where the long members begin: backup_summary_parse() looks for it. */
#define LONG_MEMBERS ",\n\"table\":"

static void put_text(struct buffer *out, const char *name, const char *value) {
    if (!value)
        return;
    buffer_printf(out, ",\n\"%s\":", name);
    json_quote(out, value);
}

static void put_number(struct buffer *out, const char *name, uint64_t value) {
    buffer_printf(out, ",\n\"%s\":%" PRIu64, name, value);
}

static void put_time(struct buffer *out, const char *name, int64_t ms) {
    char text[TIME_TEXT];
    buffer_printf(out, ",\n\"%s\":\"%s\"", name, time_format_iso_ms(text, ms));
}

static void crc_text(char text[9], uint32_t crc) {
    unsigned char bytes[4] = {(unsigned char)(crc >> 24), (unsigned char)(crc >> 16), (unsigned char)(crc >> 8),
                              (unsigned char)crc};
    base64_encode(text, bytes, sizeof bytes);
}

static void write_part(struct buffer *out, const struct part_record *part, size_t number, uint64_t offset) {
    char crc[9];
    crc_text(crc, part->crc32);
    buffer_printf(
        out, "%s{\"number\":%zu,\"offset\":%" PRIu64 ",\"length\":%" PRIu64 ",\"items\":%" PRIu64 ",\"crc32\":\"%s\"}",
        number > 1 ? ",\n   " : "", number, offset, part->length, part->items, crc);
}

static void write_object(struct buffer *out, const struct object_record *object, bool has_md5) {
    char crc[9], md5_text[BASE64_LENGTH(MD5_LENGTH) + 1];
    crc_text(crc, object->crc32);
    buffer_add(out, "{\"key\":");
    json_quote(out, object->key);
    buffer_printf(out, ",\"size\":%" PRIu64 ",\"items\":%" PRIu64 ",\"etag\":", object->size, object->items);
    json_quote(out, object->etag ? object->etag : "");
    buffer_printf(out, ",\"crc32\":\"%s\"", crc);
    if (has_md5) {
        base64_encode(md5_text, object->md5, MD5_LENGTH);
        buffer_printf(out, ",\"md5\":\"%s\"", md5_text);
    }
    buffer_add(out, ",\n  \"parts\":[");
    uint64_t offset = 0;
    for (size_t i = 0; i < object->part_count; i++) {
        write_part(out, &object->parts[i], i + 1, offset);
        offset += object->parts[i].length;
    }
    buffer_add(out, "]}");
}

/* The header of csv: its cells, in order. */
static void write_columns(struct buffer *out, const struct backup_record *record) {
    struct csv_columns *columns = record_columns(record);
    _cleanup_free_ char *text = csv_columns_save(columns);
    csv_columns_unref(columns);
    buffer_printf(out, "\"columns\":%s,", text);
}

static void write_output(struct buffer *out, const struct backup_record *record, const struct output_record *output) {
    buffer_printf(out, "{\"format\":\"%s\",\"compression\":\"%s\",", format_name(output->format),
                  compression_name(output->compression));
    if (output->format == FORMAT_CSV)
        write_columns(out, record);
    buffer_add(out, "\"objects\":[");
    for (size_t i = 0; i < output->object_count; i++) {
        buffer_add(out, i ? ",\n " : "\n ");
        write_object(out, &output->objects[i], output->format == FORMAT_DYNAMODB_JSON);
    }
    buffer_add(out, "]}");
}

static void write_cuts(struct buffer *out, const struct backup_record *record) {
    buffer_add(out, ",\n\"cuts\":[");
    for (size_t i = 0; i < record->cut_count; i++) {
        buffer_printf(out, "%s{\"items\":%" PRIu64 ",\"parts\":{", i ? ",\n " : "", record->cuts[i].items);
        for (size_t k = 0; k < record->output_count; k++)
            buffer_printf(out, "%s\"%s\":%zu", k ? "," : "", format_name(record->outputs[k].format),
                          record->cuts[i].parts[k]);
        buffer_add(out, "}}");
    }
    buffer_add(out, "]");
}

static void write_formats(struct buffer *out, const struct backup_record *record) {
    buffer_add(out, ",\n\"formats\":[");
    for (size_t i = 0; i < record->output_count; i++)
        buffer_printf(out, "%s\"%s\"", i ? "," : "", format_name(record->outputs[i].format));
    buffer_add(out, "]");
}

static void write_digest(struct buffer *out, const struct backup_record *record) {
    char text[ITEM_DIGEST_TEXT];
    if (!record->digests || record->digest.items != record->items)
        return;
    item_digest_text(text, &record->digest);
    put_text(out, "item_digest", text);
}

static void write_origin(struct buffer *out, const struct backup_record *record) {
    put_text(out, "job", record->job);
    put_text(out, "run", record->names.run);
    put_text(out, "host", record->host);
    put_text(out, "machine_id", record->machine_id);
    put_text(out, "table_name", record->table);
    put_text(out, "table_arn", record->table_arn);
    put_text(out, "table_id", record->table_id);
}

void record_write_started(const struct backup_record *record, struct buffer *out) {
    buffer_add(out, "{\"software\":\"dynamodb-backupd\"");
    put_text(out, "version", VERSION);
    write_origin(out, record);
    seal_add(out);
}

/* Of manifest-files.json. */
static void write_file_line(struct buffer *out, const struct object_record *object) {
    char md5_text[BASE64_LENGTH(MD5_LENGTH) + 1];
    base64_encode(md5_text, object->md5, MD5_LENGTH);
    buffer_printf(out, "{\"itemCount\":%" PRIu64 ",\"md5Checksum\":\"%s\",\"etag\":", object->items, md5_text);
    json_quote(out, object->etag ? object->etag : "");
    buffer_add(out, ",\"dataFileS3Key\":");
    json_quote(out, object->key);
    buffer_add(out, "}\n");
}

/* What the manifests hold that were written before: a changed byte is then known to be theirs, and not their checksums'. */
static void write_manifest(struct buffer *out, const char *name, size_t length, struct digest *digest_take) {
    unsigned char value[MD5_LENGTH];
    char checksum[BASE64_LENGTH(MD5_LENGTH) + 1];
    digest_final(digest_take, value);
    base64_encode(checksum, value, MD5_LENGTH);
    buffer_printf(out, "{\"name\":\"%s\",\"size\":%zu,\"md5\":\"%s\"}", name, length, checksum);
}

/* Line by line: the whole text is a third of backup.json's once more. */
static void write_files_manifest(struct buffer *out, const struct output_record *output) {
    _cleanup_buffer_ struct buffer line = BUFFER_INIT(BUFFER_OURS);
    struct digest *digest = digest_new_md5();
    size_t length = 0;
    for (size_t i = 0; i < output->object_count; i++) {
        buffer_clear(&line);
        write_file_line(&line, &output->objects[i]);
        digest_update(digest, line.data, line.length);
        length += line.length;
    }
    write_manifest(out, "manifest-files.json", length, digest);
}

static void write_summary_manifest(struct buffer *out, const struct backup_record *record) {
    _cleanup_buffer_ struct buffer text = BUFFER_INIT(BUFFER_OURS);
    struct digest *digest = digest_new_md5();
    record_write_manifest_summary(record, &text);
    digest_update(digest, text.data, text.length);
    write_manifest(out, "manifest-summary.json", text.length, digest);
}

static void write_manifests(struct buffer *out, const struct backup_record *record) {
    const struct output_record *files = backup_record_output(record, FORMAT_DYNAMODB_JSON);
    buffer_add(out, ",\n\"manifests\":[");
    if (files) {
        write_files_manifest(out, files);
        buffer_add(out, ",\n ");
        write_summary_manifest(out, record);
    }
    buffer_add(out, "]");
}

/* A text that grows is copied, and is there twice for so long: room for all of a large one is made at once. A guess that is too small costs
 * no more than that; pages of one that is too large are never touched. */
static void make_room(struct buffer *out, const struct backup_record *record) {
    size_t bytes = 64 * record->cut_count;
    for (size_t i = 0; i < record->output_count; i++)
        for (size_t k = 0; k < record->outputs[i].object_count; k++)
            bytes += 256 + strlen(record->outputs[i].objects[k].key) + 128 * record->outputs[i].objects[k].part_count;
    if (!buffer_reserve(out, bytes))
        return; /* it grows as it can */
}

void record_write_backup(const struct backup_record *record, struct buffer *out) {
    make_room(out, record);
    buffer_add(out, "{\"version\":1");
    put_text(out, "software", "dynamodb-backupd " VERSION);
    put_text(out, "id", record->names.id);
    write_origin(out, record);
    put_time(out, "started", record->started);
    put_time(out, "ended", record->ended);
    put_time(out, "scan_started", record->scan_started);
    put_time(out, "scan_ended", record->scan_ended);
    put_number(out, "resumed", record->resumed);
    put_number(out, "items", record->items);
    put_number(out, "pages", record->pages);
    put_number(out, "scanned_bytes", record->scanned_bytes);
    put_number(out, "stored_bytes", backup_record_stored(record));
    put_number(out, "objects", backup_record_objects(record));
    buffer_printf(out, ",\n\"read_units\":%.1f", record->read_units);
    put_number(out, "segments", record->segments);
    buffer_printf(out, ",\n\"types\":{\"B\":%" PRIu64 ",\"SS\":%" PRIu64 ",\"NS\":%" PRIu64 ",\"BS\":%" PRIu64 "}",
                  record->types.b, record->types.ss, record->types.ns, record->types.bs);
    write_digest(out, record);
    write_formats(out, record);
    buffer_add(out, LONG_MEMBERS);
    buffer_add(out, record->definition
                        ? json_object_to_json_string_ext(record->definition,
                                                         JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE)
                        : "null");
    write_cuts(out, record);
    buffer_add(out, ",\n\"outputs\":[");
    for (size_t i = 0; i < record->output_count; i++) {
        buffer_add(out, i ? ",\n" : "\n");
        write_output(out, record, &record->outputs[i]);
    }
    buffer_add(out, "]");
    write_manifests(out, record);
    seal_add(out);
}

void record_write_manifest_files(const struct backup_record *record, struct buffer *out) {
    const struct output_record *output = backup_record_output(record, FORMAT_DYNAMODB_JSON);
    for (size_t i = 0; output && i < output->object_count; i++)
        write_file_line(out, &output->objects[i]);
}

static void summary_text(struct buffer *out, const char *name, const char *value) {
    buffer_printf(out, ",\"%s\":", name);
    if (value)
        json_quote(out, value);
    else
        buffer_add(out, "null");
}

static void summary_key(struct buffer *out, const char *name, const struct backup_record *record, const char *file) {
    _cleanup_free_ char *key = backup_key(&record->names, file);
    summary_text(out, name, key);
}

void record_write_manifest_summary(const struct backup_record *record, struct buffer *out) {
    char text[TIME_TEXT];
    _cleanup_free_ char *arn = x_printf("%s/export/%s", record->table_arn, record->names.id);
    buffer_add(out, "{\"version\":\"2020-06-30\"");
    summary_text(out, "exportArn", arn);
    summary_text(out, "startTime", time_format_iso_ms(text, record->started));
    summary_text(out, "endTime", time_format_iso_ms(text, record->ended));
    summary_text(out, "tableArn", record->table_arn);
    summary_text(out, "tableId", record->table_id);
    summary_text(out, "exportTime", time_format_iso_ms(text, record->scan_started));
    summary_text(out, "s3Bucket", record->names.bucket);
    summary_text(out, "s3Prefix", record->names.prefix);
    summary_text(out, "s3SseAlgorithm", record->kms_key_id ? "KMS" : "AES256");
    summary_text(out, "s3SseKmsKeyId", record->kms_key_id);
    summary_key(out, "manifestFilesS3Key", record, "manifest-files.json");
    buffer_printf(out, ",\"billedSizeBytes\":%" PRIu64 ",\"itemCount\":%" PRIu64, record->table_size_bytes,
                  record->items);
    summary_text(out, "outputFormat", "DYNAMODB_JSON");
    summary_text(out, "exportType", "FULL_EXPORT");
    buffer_add(out, "}\n");
}

void record_checksum(char text[25], const struct buffer *manifest) {
    unsigned char value[MD5_LENGTH];
    md5(value, manifest->data ? manifest->data : "", manifest->length);
    base64_encode(text, value, MD5_LENGTH);
}

static unsigned format_bits(struct json_object *root) {
    unsigned bits = 0;
    struct json_object *formats = json_array_at(root, "formats");
    for (size_t i = 0; formats && i < json_object_array_length(formats); i++) {
        const char *name = json_object_get_string(json_object_array_get_idx(formats, i));
        for (enum stream_format format = FORMAT_DYNAMODB_JSON; name && format <= FORMAT_CSV; format++)
            if (strcmp(name, format_name(format)) == 0)
                bits |= 1u << format;
    }
    return bits;
}

static int64_t time_of(struct json_object *root, const char *name) {
    const char *text = json_string(root, name);
    int64_t seconds = 0;
    return text && time_parse_iso(text, &seconds) ? seconds * SECOND_MS : 0;
}

static bool read_summary(struct backup_summary *summary, struct json_object *root, struct error *error) {
    const char *id = json_need_string(root, "id", error);
    const char *job = id ? json_need_string(root, "job", error) : NULL;
    const char *arn = job ? json_need_string(root, "table_arn", error) : NULL;
    if (!arn)
        return false;
    *summary = (struct backup_summary){
        .id = x_strdup(id),
        .job = x_strdup(job),
        .run = x_strdup(json_string(root, "run")),
        .table_arn = x_strdup(arn),
        .table = x_strdup(json_string(root, "table_name")),
        .started = time_of(root, "started"),
        .ended = time_of(root, "ended"),
        .items = json_count(root, "items"),
        .stored_bytes = json_count(root, "stored_bytes"),
        .objects = json_count(root, "objects"),
        .formats = format_bits(root),
        .resumed = json_integer(root, "resumed", 0) > 0,
    };
    return true;
}

bool backup_summary_parse(struct backup_summary *summary, const char *text, size_t length, bool whole,
                          struct error *error) {
    _cleanup_buffer_ struct buffer head = BUFFER_INIT(BUFFER_OURS);
    const char *rest = memmem(text, length, LONG_MEMBERS, strlen(LONG_MEMBERS));
    if (rest) {
        buffer_add_bytes(&head, text, (size_t)(rest - text));
        buffer_add(&head, "}");
    } else if (whole) {
        buffer_add_bytes(&head, text, length);
    } else {
        error_set(error, ERROR_CORRUPT, "no summary within the first %zu bytes", length);
        return false;
    }
    _cleanup_json_ struct json_object *root = json_parse(head.data ? head.data : "", head.length, error);
    return root && read_summary(summary, root, error);
}
