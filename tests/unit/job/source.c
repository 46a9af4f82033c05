/* SPDX-License-Identifier: Apache-2.0 */
/* What a backup says of itself, taken or refused: backup.json with its seal, an export's manifests. */
#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"
#include "base/memory.h"
#include "job/record.h"
#include "job/seal.h"
#include "job/source.h"
#include "slow.h"

#define HEAD "{\"version\":1,\n\"id\":\"01751767200123-1a2b3c4d\",\n\"job\":\"students\",\n\"run\":\"r\",\n\"items\":3"
#define OBJECT(parts)                                                                                                  \
    ",\n\"outputs\":[{\"format\":\"dynamodb-json\",\"compression\":\"gzip\",\"objects\":[{\"key\":\"k\",\"size\":30,"  \
    "\"items\":3,"                                                                                                     \
    "\"etag\":\"e\",\"crc32\":\"AAAAAQ==\",\"parts\":[" parts "]}]}]"
#define PART(offset, length, items)                                                                                    \
    "{\"number\":1,\"offset\":" #offset ",\"length\":" #length ",\"items\":" #items ",\"crc32\":\"AAAAAg==\"}"

static struct source *parse_sealed(const char *text, bool lenient, struct error *error) {
    struct buffer sealed = BUFFER_INIT(BUFFER_OURS);
    buffer_add(&sealed, text);
    seal_add(&sealed);
    struct source *source = source_parse_backup(sealed.data, sealed.length, lenient, error);
    buffer_fini(&sealed);
    return source;
}

static void expect_refused(const char *text, const char *words) {
    struct error error = {0};
    assert_null(parse_sealed(text, false, &error));
    assert_int_equal(error.code, ERROR_CORRUPT);
    if (!strstr(error.message, words))
        fail_msg("\"%s\" is not in: %s", words, error.message);
    error_clear(&error);
}

static void a_whole_record_is_taken(void **state) {
    (void)state;
    struct error error = {0};
    struct source *source = parse_sealed(HEAD OBJECT(PART(0, 10, 1) "," PART(10, 20, 2)), false, &error);
    assert_non_null(source);
    assert_int_equal(source->kind, BACKUP_OURS);
    assert_string_equal(source->job, "students");
    assert_int_equal(source->outputs[0].compression, COMPRESSION_GZIP);
    const struct source_object *object = &source->outputs[0].objects[0];
    assert_int_equal(object->part_count, 2);
    assert_int_equal(object->parts[1].offset, 10);
    assert_int_equal(object->crc32, 1);
    assert_true(object->has_crc32 && !object->has_md5);
    assert_int_equal(source_restorable(source, &error), 0);
    source_unref(source);
}

static void what_does_not_add_up_is_refused(void **state) {
    (void)state;
    expect_refused(HEAD OBJECT(PART(0, 10, 1) "," PART(11, 20, 2)), "do not follow each other");
    expect_refused(HEAD OBJECT(PART(0, 10, 1) "," PART(10, 19, 2)), "sums");
    expect_refused(HEAD OBJECT(PART(0, 10, 1) "," PART(10, 20, 3)), "sums");
    expect_refused(HEAD OBJECT(PART(0, -30, 3)), "do not follow each other");
    expect_refused(HEAD OBJECT(""), "sums");
    expect_refused(HEAD, "0 outputs");
    expect_refused(HEAD ",\"outputs\":[{\"format\":\"ion\",\"compression\":\"gzip\",\"objects\":[]}]", "does not know");
    expect_refused(HEAD ",\"outputs\":[{\"format\":\"json\",\"compression\":\"gzip\",\"objects\":[]}]", "not 3");
    expect_refused("{\"version\":1,\n\"id\":\"x\"", "no record of a backup");
}

#define CSV(columns)                                                                                                   \
    HEAD                                                                                                               \
        ",\n\"outputs\":[{\"format\":\"csv\",\"compression\":\"none\",\"columns\":" columns                            \
        ",\"objects\":[{\"key\":\"k\",\"size\":30,\"items\":3,\"etag\":\"e\",\"crc32\":\"AAAAAQ==\",\"parts\":[" PART( \
            0, 30, 3) "]}]}]"

static void csv_has_columns_and_does_not_restore(void **state) {
    (void)state;
    struct error error = {0};
    size_t length;
    struct source *source = parse_sealed(CSV("[\"id\",\"a/b,c\",\"_more\"]"), false, &error);
    assert_non_null(source);
    assert_string_equal(csv_columns_header(source->outputs[0].columns, &length), "id,\"a/b,c\",_more");
    assert_int_equal(source_restorable(source, &error), SIZE_MAX);
    assert_int_equal(error.code, ERROR_INVALID);
    assert_non_null(strstr(error.message, "csv alone"));
    error_clear(&error);
    source_unref(source);
    expect_refused(CSV("[\"id\"]"), "no list of names");
    expect_refused(CSV("[1,\"_more\"]"), "no list of names");
}

static void a_lenient_reader_keeps_what_is_wrong_as_damage(void **state) {
    (void)state;
    struct error error = {0};
    struct source *source = parse_sealed(HEAD OBJECT(PART(0, 10, 1)), true, &error);
    assert_non_null(source);
    assert_int_equal(error.code, ERROR_NONE);
    assert_non_null(strstr(source->damage.message, "sums"));
    source_unref(source);
    source = parse_sealed(
        HEAD ",\"outputs\":[{\"format\":\"json\",\"compression\":\"none\",\"objects\":[{\"kez\":\"k\",\"size\":30,"
             "\"items\":3,\"parts\":[" PART(0, 30, 3) "]}]}]",
        true, &error);
    assert_non_null(strstr(source->damage.message, "lacks key"));
    assert_int_equal(source->outputs[0].objects[0].part_count, 0); /* nobody asks for it */
    source_unref(source);
    static const char unsealed[] = HEAD OBJECT(PART(0, 30, 3)) "}\n";
    source = source_parse_backup(unsealed, sizeof unsealed - 1, true, &error);
    assert_non_null(strstr(source->damage.message, "checksum of itself"));
    assert_int_equal(source->outputs[0].object_count, 1);
    source_unref(source);
    assert_null(source_parse_backup(unsealed, sizeof unsealed - 1, false, &error));
    error_clear(&error);
}

static void any_changed_byte_breaks_the_seal(void **state) {
    (void)state;
    struct buffer text = BUFFER_INIT(BUFFER_OURS);
    buffer_add(&text, HEAD);
    seal_add(&text);
    assert_true(seal_check(text.data, text.length, NULL));
    for (size_t i = 0; i < text.length; i++) {
        for (unsigned bit = 1; bit < 256; bit <<= 1) {
            text.data[i] = (char)((unsigned char)text.data[i] ^ bit);
            assert_false(seal_check(text.data, text.length, NULL));
            text.data[i] = (char)((unsigned char)text.data[i] ^ bit);
        }
        assert_false(seal_check(text.data, i, NULL));
    }
    buffer_add_char(&text, '\n');
    assert_false(seal_check(text.data, text.length, NULL));
    buffer_fini(&text);
}

/* The daemon's own record, written and read back. */
static void what_a_run_writes_is_what_is_read(void **state) {
    (void)state;
    static const unsigned char identity[16] = {0x1a, 0x2b, 0x3c, 0x4d};
    struct backup_record *record = backup_record_new();
    struct buffer text = BUFFER_INIT(BUFFER_OURS), started = BUFFER_INIT(BUFFER_OURS);
    struct error error = {0};
    backup_names_init(&record->names, "b", "p/", 1751767200123, identity);
    record->job = x_strdup("students");
    record->table_arn = x_strdup("arn:aws:dynamodb:eu-west-1:123456789012:table/studentData");
    record->items = 7;
    record->types.ss = 2;
    record->output_count = 1;
    record->outputs[0] = (struct output_record){.compression = COMPRESSION_ZSTD};
    struct object_record *object = output_record_add(
        &record->outputs[0], &(struct object_record){.key = x_strdup("p/AWSDynamoDB/x/data/00001.json.zst"),
                                                     .etag = x_strdup("e"),
                                                     .size = 9,
                                                     .items = 7,
                                                     .md5 = {7}});
    object_record_add(object, &(struct part_record){.length = 9, .items = 7, .crc32 = 0x01020304});
    record_write_backup(record, &text);
    record_write_started(record, &started);
    assert_true(seal_check(started.data, started.length, &error));
    struct source *source = source_parse_backup(text.data, text.length, false, &error);
    if (!source)
        fail_msg("%s", error.message);
    assert_string_equal(source->run, record->names.run);
    assert_string_equal(source->region, "eu-west-1");
    assert_int_equal(source->types.ss, 2);
    assert_int_equal(source->outputs[0].objects[0].parts[0].crc32, 0x01020304);
    assert_true(source->outputs[0].objects[0].has_md5);
    assert_int_equal(source->outputs[0].objects[0].md5[0], 7);
    assert_int_equal(source->manifest_count, 2);
    struct buffer files = BUFFER_INIT(BUFFER_OURS);
    record_write_manifest_files(record, &files);
    assert_string_equal(source->manifests[0].name, "manifest-files.json");
    assert_int_equal(source->manifests[0].size, files.length);
    source_unref(source);
    buffer_fini(&files);
    buffer_fini(&text);
    buffer_fini(&started);
    backup_record_unref(record);
}

/* ------------------------------------------------------------ in pieces */

/* All that is taken of it, as words. */
static char *describe(const struct source *source) {
    struct buffer out = BUFFER_INIT(BUFFER_OURS);
    buffer_printf(&out, "%s %s %zu", source->job, json_object_to_json_string(source->document), source->output_count);
    for (size_t i = 0; i < source->output_count; i++)
        for (size_t k = 0; k < source->outputs[i].object_count; k++) {
            const struct source_object *object = &source->outputs[i].objects[k];
            buffer_printf(&out, " %s %s %d %u", object->key, object->etag, (int)object->size, object->crc32);
            for (size_t j = 0; j < object->part_count; j++)
                buffer_printf(&out, " %d+%d", (int)object->parts[j].offset, (int)object->parts[j].length);
        }
    return buffer_take(&out);
}

static void a_record_is_the_same_however_it_is_cut(void **state) {
    (void)state;
    struct buffer text = BUFFER_INIT(BUFFER_OURS);
    struct error error = {0};
    buffer_add(&text, HEAD ",\"cuts\":[{\"items\":1},{\"items\":3}]" OBJECT(PART(0, 10, 1) "," PART(10, 20, 2)));
    seal_add(&text);
    struct source *whole = source_parse_backup(text.data, text.length, false, &error);
    assert_non_null(whole);
    _cleanup_free_ char *wanted = describe(whole);
    assert_non_null(strstr(wanted, "\"parts\": [ { \"number\": 1, \"offset\": 0"));
    assert_non_null(strstr(wanted, "{ \"items\": 3 }"));
    for (size_t cut = 0; cut <= text.length; cut++) {
        struct backup_feed *feed = backup_feed_new(false);
        assert_true(backup_feed_add(feed, text.data, cut));
        assert_true(backup_feed_add(feed, text.data + cut, text.length - cut));
        struct source *source = backup_feed_end(feed, &error);
        assert_non_null(source);
        _cleanup_free_ char *told = describe(source);
        assert_string_equal(told, wanted);
        source_unref(source);
    }
    source_unref(whole);
    buffer_fini(&text);
}

static void a_record_that_ends_in_the_middle_is_none(void **state) {
    (void)state;
    struct buffer text = BUFFER_INIT(BUFFER_OURS);
    buffer_add(&text, HEAD OBJECT(PART(0, 30, 3)));
    seal_add(&text);
    for (size_t length = 0; length < text.length - 1; length++) { /* the last byte is a newline */
        struct error error = {0};
        struct backup_feed *feed = backup_feed_new(true);
        backup_feed_add(feed, text.data, length);
        assert_null(backup_feed_end(feed, &error));
        assert_int_equal(error.code, ERROR_CORRUPT);
        error_clear(&error);
    }
    struct backup_feed *feed = backup_feed_new(true);
    backup_feed_add(feed, text.data, 100);
    backup_feed_free(feed);
    backup_feed_free(NULL);
    buffer_fini(&text);
}

static size_t memory_in_use(void) {
    struct mallinfo2 info = mallinfo2();
    return info.uordblks + info.hblkhd;
}

#define FILES      files_made()        /* fewer where each instruction takes its time */
#define SHOWN_MOST (16 * SOURCE_SHOWN) /* json-c's tree of what `show` is to have */

static unsigned files_made(void) {
    static unsigned made;
    if (!made)
        made = 300000 / stride(10, 100);
    return made;
}

/* As a run of ten terabytes leaves it: one part a file. */
static struct backup_record *large_record(void) {
    static const unsigned char identity[16] = {0x1a, 0x2b, 0x3c, 0x4d};
    struct backup_record *record = backup_record_new();
    backup_names_init(&record->names, "student-backup-20250706", "backups/", 1751767200123, identity);
    record->job = x_strdup("students");
    record->table_arn = x_strdup("arn:aws:dynamodb:eu-west-1:123456789012:table/studentData");
    record->items = (uint64_t)FILES * 5;
    record->output_count = 1;
    for (unsigned i = 1; i <= FILES; i++) {
        _cleanup_free_ char *name = x_printf("data/%05u.json", i);
        struct object_record *object =
            output_record_add(&record->outputs[0], &(struct object_record){.number = i,
                                                                           .key = backup_key(&record->names, name),
                                                                           .etag = x_printf("%032x", i),
                                                                           .size = 33554432,
                                                                           .items = 5,
                                                                           .crc32 = i});
        object_record_add(object, &(struct part_record){.length = 33554432, .items = 5, .crc32 = i});
        backup_record_cut(record, &(struct cut_record){.items = i * 5, .parts = {i}});
    }
    return record;
}

/* backup.json of over 64 MiB could not be read back by what wrote it, and json-c's tree took 4.8 kB a file. */
static void a_record_of_three_hundred_thousand_files_is_read_in_little_memory(void **state) {
    (void)state;
    struct buffer text = BUFFER_INIT(SIZE_MAX / 2);
    struct error error = {0};
    struct backup_record *record = large_record();
    record_write_backup(record, &text);
    assert_true(FILES < 300000 || text.length > (size_t)64 << 20);
    size_t before = memory_in_use(), most;
    struct backup_feed *feed = backup_feed_new(false);
    for (size_t at = 0, piece; at < text.length; at += piece) {
        piece = text.length - at < (size_t)1 << 20 ? text.length - at : (size_t)1 << 20;
        assert_true(backup_feed_add(feed, text.data + at, piece));
    }
    most = memory_in_use();
    struct source *source = backup_feed_end(feed, &error);
    assert_non_null(source);
    const struct source_output *output = &source->outputs[0];
    assert_int_equal(output->object_count, FILES);
    assert_string_equal(output->objects[FILES - 1].key, record->outputs[0].objects[FILES - 1].key);
    assert_string_equal(output->objects[FILES - 1].etag, record->outputs[0].objects[FILES - 1].etag);
    assert_int_equal(output->objects[FILES - 1].parts[0].crc32, FILES);
    size_t grown = most > before ? most - before : 0;
    print_message("%zu MiB of text: %zu bytes a file\n", text.length >> 20, grown / FILES);
    assert_true(grown < SHOWN_MOST + (size_t)FILES * 240);
    struct json_object *shown = json_object_array_get_idx(json_array_at(source->document, "outputs"), 0);
    size_t objects = json_object_array_length(json_array_at(shown, "objects"));
    assert_in_range(objects, 500, 5000);
    assert_int_equal(json_count(shown, "objects_left_out"), FILES - objects);
    source_unref(source);
    backup_record_unref(record);
    buffer_fini(&text);
}

/* ------------------------------------------------------------ exports */

#define ARN "arn:aws:dynamodb:eu-west-1:123456789012:table/studentData"
#define SUMMARY(more)                                                                                                  \
    "{\"version\":\"2020-06-30\",\"tableArn\":\"" ARN "\",\"manifestFilesS3Key\":\"k\",\"itemCount\":5" more "}"

static void expect_export_refused(const char *text, enum error_code code, const char *words) {
    struct error error = {0};
    assert_null(source_parse_summary(text, strlen(text), &error));
    assert_int_equal(error.code, code);
    assert_non_null(strstr(error.message, words));
    error_clear(&error);
}

static void exports_that_hold_no_table_are_refused_by_name(void **state) {
    (void)state;
    expect_export_refused(SUMMARY(",\"exportType\":\"INCREMENTAL_EXPORT\""), ERROR_INVALID, "incremental export");
    expect_export_refused("{\"version\":\"2023-08-01\",\"tableArn\":\"a\"}", ERROR_INVALID, "incremental export");
    expect_export_refused(SUMMARY(",\"outputFormat\":\"ION\""), ERROR_INVALID, "ION");
    expect_export_refused(SUMMARY(",\"exportType\":\"OTHER\""), ERROR_INVALID, "OTHER");
    expect_export_refused("{}", ERROR_CORRUPT, "tableArn");
}

static void an_export_is_its_files(void **state) {
    (void)state;
    static const char summary[] = SUMMARY(",\"exportType\":\"FULL_EXPORT\",\"outputFormat\":\"DYNAMODB_JSON\"");
    static const char files[] = "{\"itemCount\":2,\"md5Checksum\":\"AAAAAAAAAAAAAAAAAAAAAQ==\",\"etag\":\"\\\"e-"
                                "1\\\"\",\"dataFileS3Key\":\"x/a.json.gz\"}\n"
                                "{\"itemCount\":3,\"dataFileS3Key\":\"x/b.json.gz\"}\n";
    struct error error = {0};
    struct source *source = source_parse_summary(summary, sizeof summary - 1, &error);
    assert_non_null(source);
    assert_true(source_parse_files(source, files, sizeof files - 1, &error));
    assert_string_equal(source->table, "studentData");
    assert_null(source->definition);
    const struct source_output *output = &source->outputs[0];
    assert_int_equal(output->object_count, 2);
    assert_int_equal(output->items, 5);
    assert_int_equal(output->compression, COMPRESSION_GZIP);
    assert_string_equal(output->objects[0].etag, "e-1");
    assert_true(output->objects[0].has_md5 && !output->objects[1].has_md5);
    assert_true(output->objects[0].parts[0].length == SOURCE_UNKNOWN);
    assert_int_equal(source_restorable(source, &error), 0);
    source_unref(source);
}

static void a_bad_line_of_an_exports_files_is_named(void **state) {
    (void)state;
    static const struct {
        const char *files, *words;
    } rows[] = {
        {"{\"itemCount\":2,\"dataFileS3Key\":\"a.json.gz\"}\nnonsense\n", "line 2"},
        {"{\"itemCount\":2}\n", "line 1: "},
        {"{\"dataFileS3Key\":\"a.json.gz\"}\n{\"dataFileS3Key\":\"b.json\"}\n", "not compressed as"},
    };
    for (size_t i = 0; i < array_length(rows); i++) {
        struct error error = {0};
        struct source *source = source_parse_summary(SUMMARY(""), strlen(SUMMARY("")), &error);
        assert_false(source_parse_files(source, rows[i].files, strlen(rows[i].files), &error));
        if (!strstr(error.message, rows[i].words))
            fail_msg("\"%s\" is not in: %s", rows[i].words, error.message);
        error_clear(&error);
        source_unref(source);
    }
}

static void plain_json_restores_only_where_nothing_is_lost(void **state) {
    (void)state;
    static const char outputs[] = ",\n\"outputs\":[{\"format\":\"json\",\"compression\":\"none\",\"objects\":[{\"key\":"
                                  "\"k\",\"size\":0,\"items\":0,\"parts\":[]}]}]";
    for (int b = 0; b < 2; b++) {
        struct error error = {0};
        struct buffer text = BUFFER_INIT(BUFFER_OURS);
        buffer_add(&text, b ? "{\"id\":\"01751767200123-1a2b3c4d\",\"job\":\"j\",\"items\":0,\"types\":{\"B\":4,\"SS\":"
                              "0,\"NS\":0,\"BS\":0}"
                            : "{\"id\":\"01751767200123-1a2b3c4d\",\"job\":\"j\",\"items\":0,\"types\":{\"B\":0,\"SS\":"
                              "0,\"NS\":0,\"BS\":0}");
        buffer_add(&text, outputs);
        struct source *source = parse_sealed(text.data, false, &error);
        assert_non_null(source);
        assert_int_equal(source_restorable(source, &error) == 0, b == 0);
        if (b)
            assert_non_null(strstr(error.message, "4 B, 0 SS"));
        error_clear(&error);
        source_unref(source);
        buffer_fini(&text);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_whole_record_is_taken),
        cmocka_unit_test(what_does_not_add_up_is_refused),
        cmocka_unit_test(csv_has_columns_and_does_not_restore),
        cmocka_unit_test(a_lenient_reader_keeps_what_is_wrong_as_damage),
        cmocka_unit_test(any_changed_byte_breaks_the_seal),
        cmocka_unit_test(what_a_run_writes_is_what_is_read),
        cmocka_unit_test(a_record_is_the_same_however_it_is_cut),
        cmocka_unit_test(a_record_that_ends_in_the_middle_is_none),
        cmocka_unit_test(a_record_of_three_hundred_thousand_files_is_read_in_little_memory),
        cmocka_unit_test(exports_that_hold_no_table_are_refused_by_name),
        cmocka_unit_test(an_export_is_its_files),
        cmocka_unit_test(a_bad_line_of_an_exports_files_is_named),
        cmocka_unit_test(plain_json_restores_only_where_nothing_is_lost),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
