/* SPDX-License-Identifier: Apache-2.0 */
/* The record of a backup as files: what is written is read back, and DynamoDB's manifests have the members that readers know. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/memory.h"
#include "job/record.h"

static const unsigned char identity[16] = {0x1a, 0x2b, 0x3c, 0x4d};

static void add_object(struct output_record *output, const char *key, size_t parts) {
    struct object_record *object = output_record_add(output, &(struct object_record){.key = x_strdup(key)});
    for (size_t i = 0; i < parts; i++)
        object_record_add(object,
                          &(struct part_record){.length = 100 + i, .items = 10, .crc32 = 1, .etag = x_strdup("e")});
    object->etag = x_strdup("etag");
    object->size = 100 * parts;
    object->items = 10 * parts;
}

static struct backup_record *record_of(void) {
    struct backup_record *record = backup_record_new();
    backup_names_init(&record->names, "bucket", "backups/", 1751767200123, identity);
    record->job = x_strdup("student\"Data");
    record->table = x_strdup("studentData");
    record->table_arn = x_strdup("arn:aws:dynamodb:us-east-1:123456789012:table/studentData");
    record->table_id = x_strdup("id");
    record->started = record->scan_started = 1751767200123;
    record->ended = record->scan_ended = 1751767260000;
    record->items = 40;
    record->definition = json_object_new_object();
    json_put_string(record->definition, "note", ",\n\"table\":");
    record->output_count = 2;
    record->outputs[0] = (struct output_record){.format = FORMAT_DYNAMODB_JSON, .compression = COMPRESSION_GZIP};
    record->outputs[1] = (struct output_record){.format = FORMAT_JSON};
    add_object(&record->outputs[0], "backups/AWSDynamoDB/x/data/00001.json.gz", 1);
    add_object(&record->outputs[0], "backups/AWSDynamoDB/x/data/00002.json.gz", 1);
    add_object(&record->outputs[1], "backups/backup.json", 20);
    backup_record_cut(record, &(struct cut_record){.items = 20, .parts = {1, 10}});
    backup_record_cut(record, &(struct cut_record){.items = 40, .parts = {2, 20}});
    return record;
}

static void a_backup_file_is_json_and_holds_every_part(void **state) {
    (void)state;
    struct backup_record *record = record_of();
    struct buffer text = BUFFER_INIT(BUFFER_OURS);
    struct error error = {0};
    record_write_backup(record, &text);
    struct json_object *root = json_parse(text.data, text.length, &error);
    assert_non_null(root);
    assert_int_equal(json_integer(root, "version", 0), 1);
    assert_string_equal(json_string(root, "job"), "student\"Data");
    struct json_object *outputs = json_array_at(root, "outputs");
    struct json_object *json = json_object_array_get_idx(outputs, 1);
    struct json_object *object = json_object_array_get_idx(json_array_at(json, "objects"), 0);
    struct json_object *parts = json_array_at(object, "parts");
    assert_int_equal(json_object_array_length(parts), 20);
    assert_int_equal(json_integer(json_object_array_get_idx(parts, 2), "offset", 0), 100 + 101);
    assert_int_equal(json_object_array_length(json_array_at(root, "cuts")), 2);
    json_object_put(root);
    buffer_fini(&text);
    backup_record_unref(record);
}

static void assert_summary(const struct backup_summary *summary) {
    assert_string_equal(summary->id, "01751767200123-1a2b3c4d");
    assert_string_equal(summary->job, "student\"Data");
    assert_string_equal(summary->table, "studentData");
    assert_int_equal(summary->items, 40);
    assert_int_equal(summary->objects, 3);
    assert_int_equal(summary->stored_bytes, 2200);
    assert_int_equal(summary->started, 1751767200000);
    assert_int_equal(summary->formats, 1u << FORMAT_DYNAMODB_JSON | 1u << FORMAT_JSON);
    assert_false(summary->resumed);
}

static void its_head_is_enough_for_a_list(void **state) {
    (void)state;
    struct backup_record *record = record_of();
    struct buffer text = BUFFER_INIT(BUFFER_OURS);
    struct backup_summary summary;
    record_write_backup(record, &text);
    size_t head = (size_t)((char *)memmem(text.data, text.length, "\"outputs\"", 9) - text.data);
    assert_true(backup_summary_parse(&summary, text.data, head, false, NULL));
    assert_summary(&summary);
    backup_summary_fini(&summary);
    assert_true(backup_summary_parse(&summary, text.data, text.length, true, NULL));
    assert_summary(&summary);
    backup_summary_fini(&summary);
    buffer_fini(&text);
    backup_record_unref(record);
}

static void a_broken_head_is_an_error(void **state) {
    (void)state;
    struct backup_summary summary;
    struct error error = {0};
    assert_false(backup_summary_parse(&summary, "{\"id\":\"x\"", 9, false, &error));
    assert_int_equal(error.code, ERROR_CORRUPT);
    error_clear(&error);
    assert_false(backup_summary_parse(&summary, "{\"id\":\"x\"}", 10, true, &error));
    assert_non_null(strstr(error.message, "job"));
    error_clear(&error);
    assert_false(backup_summary_parse(&summary, "[]", 2, true, &error));
    error_clear(&error);
}

static void the_manifests_are_those_of_an_export(void **state) {
    (void)state;
    struct backup_record *record = record_of();
    struct buffer files = BUFFER_INIT(BUFFER_OURS), summary = BUFFER_INIT(BUFFER_OURS);
    char checksum[25];
    record_write_manifest_files(record, &files);
    record_write_manifest_summary(record, &summary);
    char *second = strchr(files.data, '\n') + 1;
    struct json_object *line = json_parse(files.data, (size_t)(second - files.data), NULL);
    assert_string_equal(json_string(line, "dataFileS3Key"), "backups/AWSDynamoDB/x/data/00001.json.gz");
    assert_int_equal(json_integer(line, "itemCount", 0), 10);
    json_object_put(line);
    struct json_object *root = json_parse(summary.data, summary.length, NULL);
    assert_string_equal(json_string(root, "version"), "2020-06-30");
    assert_string_equal(json_string(root, "exportArn"),
                        "arn:aws:dynamodb:us-east-1:123456789012:table/studentData/export/01751767200123-1a2b3c4d");
    assert_string_equal(json_string(root, "manifestFilesS3Key"),
                        "backups/AWSDynamoDB/01751767200123-1a2b3c4d/manifest-files.json");
    assert_string_equal(json_string(root, "outputFormat"), "DYNAMODB_JSON");
    json_object_put(root);
    record_checksum(checksum, &files);
    assert_int_equal(strlen(checksum), 24);
    buffer_fini(&files);
    buffer_fini(&summary);
    backup_record_unref(record);
}

static void the_first_object_says_whose_it_is(void **state) {
    (void)state;
    struct backup_record *record = record_of();
    struct buffer text = BUFFER_INIT(BUFFER_OURS);
    record_write_started(record, &text);
    struct json_object *root = json_parse(text.data, text.length, NULL);
    assert_string_equal(json_string(root, "software"), "dynamodb-backupd");
    assert_string_equal(json_string(root, "run"), record->names.run);
    assert_string_equal(json_string(root, "table_arn"), record->table_arn);
    json_object_put(root);
    buffer_fini(&text);
    backup_record_unref(record);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_backup_file_is_json_and_holds_every_part),
        cmocka_unit_test(its_head_is_enough_for_a_list),
        cmocka_unit_test(a_broken_head_is_an_error),
        cmocka_unit_test(the_manifests_are_those_of_an_export),
        cmocka_unit_test(the_first_object_says_whose_it_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
