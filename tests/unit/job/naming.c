/* SPDX-License-Identifier: Apache-2.0 */
/* Names of runs and backups: their order, their forms, and addresses taken apart. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "job/naming.h"

static const unsigned char identity[16] = {0x1a, 0x2b, 0x3c, 0x4d, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};

static void assert_key(char *key, const char *expected) {
    assert_string_equal(key, expected);
    free(key);
}

static void a_backup_is_named_by_its_start_and_its_run(void **state) {
    (void)state;
    struct backup_names names;
    backup_names_init(&names, "student-backup-20250706", "backups/", 1751767200123, identity);
    assert_string_equal(names.run, "1a2b3c4d05060708090a0b0c0d0e0f10");
    assert_string_equal(names.id, "01751767200123-1a2b3c4d");
    assert_string_equal(names.stamp, "20250706-020000");
    assert_string_equal(names.uri, "s3://student-backup-20250706/backups/AWSDynamoDB/01751767200123-1a2b3c4d/");
    assert_true(backup_id_valid(names.id));
    assert_int_equal(backup_id_time(names.id), 1751767200123);
    backup_names_fini(&names);
}

static void keys_follow_the_contract(void **state) {
    (void)state;
    struct backup_names names;
    backup_names_init(&names, "b", "", 1751767200123, identity);
    assert_key(backup_key(&names, "_started"), "AWSDynamoDB/01751767200123-1a2b3c4d/_started");
    assert_key(backup_data_prefix(&names), "AWSDynamoDB/01751767200123-1a2b3c4d/data/");
    assert_key(backup_data_key(&names, 1, COMPRESSION_GZIP), "AWSDynamoDB/01751767200123-1a2b3c4d/data/00001.json.gz");
    assert_key(backup_data_key(&names, 123456, COMPRESSION_NONE),
               "AWSDynamoDB/01751767200123-1a2b3c4d/data/123456.json");
    assert_key(backup_plain_key(&names, 1, FORMAT_JSON, COMPRESSION_NONE), "backup-20250706-020000-1a2b3c4d.json");
    assert_key(backup_plain_key(&names, 2, FORMAT_JSON, COMPRESSION_ZSTD),
               "backup-20250706-020000-1a2b3c4d.2.json.zst");
    assert_key(backup_plain_key(&names, 1, FORMAT_CSV, COMPRESSION_GZIP), "backup-20250706-020000-1a2b3c4d.csv.gz");
    backup_names_fini(&names);
}

static void ids_stand_in_the_order_of_time(void **state) {
    (void)state;
    struct backup_names before, after;
    backup_names_init(&before, "b", "", 999999999999, identity); /* 2001: 12 digits */
    backup_names_init(&after, "b", "", 1000000000000, identity);
    assert_true(strcmp(before.id, after.id) < 0);
    backup_names_fini(&before);
    backup_names_fini(&after);
}

static void content_types_say_what_is_stored(void **state) {
    (void)state;
    assert_string_equal(backup_content_type(FORMAT_JSON, COMPRESSION_NONE), "application/json");
    assert_string_equal(backup_content_type(FORMAT_DYNAMODB_JSON, COMPRESSION_NONE), "application/x-ndjson");
    assert_string_equal(backup_content_type(FORMAT_CSV, COMPRESSION_NONE), "text/csv; charset=utf-8");
    assert_string_equal(backup_content_type(FORMAT_JSON, COMPRESSION_GZIP), "application/gzip");
    assert_string_equal(backup_content_type(FORMAT_JSON, COMPRESSION_ZSTD), "application/zstd");
}

static void assert_address(const char *uri, const char *bucket, const char *prefix) {
    char *got_bucket = NULL, *got_prefix = NULL, id[ID_LENGTH + 1];
    struct error error = {0};
    assert_true(backup_uri_parse(uri, &got_bucket, &got_prefix, id, &error));
    assert_string_equal(got_bucket, bucket);
    assert_string_equal(got_prefix, prefix);
    assert_string_equal(id, "01751767200123-1a2b3c4d");
    free(got_bucket);
    free(got_prefix);
}

static void addresses_are_taken_apart(void **state) {
    (void)state;
    assert_address("s3://b/AWSDynamoDB/01751767200123-1a2b3c4d/", "b", "");
    assert_address("s3://b/AWSDynamoDB/01751767200123-1a2b3c4d", "b", "");
    assert_address("s3://b/a/x/AWSDynamoDB/01751767200123-1a2b3c4d/", "b", "a/x/");
}

static void what_is_no_address_is_refused(void **state) {
    (void)state;
    static const char *const bad[] = {
        "",
        "s3://",
        "s3://b",
        "s3:///AWSDynamoDB/01751767200123-1a2b3c4d/",
        "http://b/AWSDynamoDB/01751767200123-1a2b3c4d/",
        "s3://b/xAWSDynamoDB/01751767200123-1a2b3c4d/",
        "s3://b/AWSDynamoDB/01751767200123-1a2b3c4X/",
        "s3://b/AWSDynamoDB/01751767200123_1a2b3c4d/",
        "s3://b/AWSDynamoDB/01751767200123-1a2b3c4d/data/",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char *bucket = NULL, *prefix = NULL, id[ID_LENGTH + 1];
        struct error error = {0};
        assert_false(backup_uri_parse(bad[i], &bucket, &prefix, id, &error));
        assert_int_equal(error.code, ERROR_INVALID);
        assert_non_null(strstr(error.message, "s3://BUCKET/PREFIX/AWSDynamoDB/ID/"));
        error_clear(&error);
    }
}

/* Whose upload or object it is decides what is aborted and deleted: no key that merely begins alike. */
static void the_very_keys_of_a_run_are_known(void **state) {
    (void)state;
    struct backup_names names, again;
    backup_names_init(&names, "b", "p/", 1751767200123, identity);
    static const char *const ours[] = {"", ".2", ".10000"}, *const ends[] = {".json", ".json.gz", ".csv", ".csv.zst"};
    for (size_t i = 0; i < array_length(ours); i++)
        for (size_t k = 0; k < array_length(ends); k++) {
            _cleanup_free_ char *key = x_printf("p/backup-20250706-020000-1a2b3c4d%s%s", ours[i], ends[k]);
            assert_true(backup_plain_key_is(&names, key));
        }
    static const char *const others[] = {
        "p/backup-20250706-020000-1a2b3c4d.1.json",         "p/backup-20250706-020000-1a2b3c4d.02.json",
        "p/backup-20250706-020000-1a2b3c4d.json.bak",       "p/backup-20250706-020000-1a2b3c4d.txt",
        "p/backup-20250706-020001-1a2b3c4d.json",           "backup-20250706-020000-1a2b3c4d.json",
        "p/backup-20250706-020000-1a2b3c4e.json",           "p/backup-20250706-020000-1a2b3c4d.",
        "p/backup-20250706-020000-1a2b3c4d.4294967298.json"};
    for (size_t i = 0; i < array_length(others); i++)
        assert_false(backup_plain_key_is(&names, others[i]));
    assert_true(backup_names_restore(&again, names.run, "b", "p/", 1751767200123));
    assert_string_equal(again.uri, names.uri);
    backup_names_fini(&again);
    assert_false(backup_names_restore(&again, "1a2b", "b", "p/", 1));
    assert_false(backup_names_restore(&again, "1a2b3c4d05060708090a0b0c0d0e0fxx", "b", "p/", 1));
    backup_names_fini(&names);
}

static void a_scratch_tables_name_fits_whatever_its_prefix(void **state) {
    (void)state;
    static const unsigned char random[] = {0xde, 0xad, 0xbe, 0xef}, other[] = {0xde, 0xad, 0xbe, 0xee};
    assert_key(scratch_table_name("studentData-drill-", 1751767200123, random),
               "studentData-drill-20250706-020000-deadbeef");
    char prefix[256] = "";
    memset(prefix, 'p', 231);
    _cleanup_free_ char *most = scratch_table_name(prefix, 1751767200123, random);
    assert_int_equal(strlen(most), 255);
    assert_string_equal(most + 231, "20250706-020000-deadbeef");
    memset(prefix, 'p', 255);
    _cleanup_free_ char *cut = scratch_table_name(prefix, 1751767200123, random);
    _cleanup_free_ char *another = scratch_table_name(prefix, 1751767200123, other);
    assert_int_equal(strlen(cut), 255);
    assert_int_equal(cut[246], '-');
    assert_int_equal(strspn(cut + 247, "0123456789abcdef"), 8);
    assert_string_not_equal(cut, another);
}

static void a_tables_arn_names_its_region(void **state) {
    (void)state;
    assert_key(table_arn_region("arn:aws:dynamodb:eu-west-1:123456789012:table/t"), "eu-west-1");
    assert_null(table_arn_region("studentData"));
    assert_null(table_arn_region("arn:aws"));
    assert_null(table_arn_region("arn:aws:dynamodb::1:table/t"));
    assert_key(table_home_region("arn:aws:dynamodb:eu-west-1:123456789012:table/t"), "eu-west-1");
    assert_null(table_home_region("arn:aws:dynamodb:ddblocal:000000000000:table/t"));
    assert_null(table_home_region("arn:scylla:alternator:alternator_t:scylla:table/t"));
    assert_null(table_home_region("studentData"));
}

/* Broke: the backup that had just been made was "dated after now", because a Date has no milliseconds. */
static void what_was_just_made_is_not_of_the_future(void **state) {
    (void)state;
    assert_false(backup_id_after("01751767200999-1a2b3c4d", 1751767200));
    assert_false(backup_id_after("01751767206000-1a2b3c4d", 1751767200)); /* our clock may be 5 s ahead */
    assert_true(backup_id_after("01751767206001-1a2b3c4d", 1751767200));
    assert_false(backup_id_after("01751767206001-1a2b3c4d", 0)); /* the store sent no Date */
    assert_false(backup_id_after("00000000000000-1a2b3c4d", 1751767200));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_backup_is_named_by_its_start_and_its_run),
        cmocka_unit_test(keys_follow_the_contract),
        cmocka_unit_test(ids_stand_in_the_order_of_time),
        cmocka_unit_test(content_types_say_what_is_stored),
        cmocka_unit_test(addresses_are_taken_apart),
        cmocka_unit_test(what_is_no_address_is_refused),
        cmocka_unit_test(the_very_keys_of_a_run_are_known),
        cmocka_unit_test(a_tables_arn_names_its_region),
        cmocka_unit_test(a_scratch_tables_name_fits_whatever_its_prefix),
        cmocka_unit_test(what_was_just_made_is_not_of_the_future),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
