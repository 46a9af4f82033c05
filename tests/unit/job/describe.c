/* SPDX-License-Identifier: Apache-2.0 */
/* What is read out of a table's description, whoever answered. */
#include "job/describe.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"

#define NAMED "{\"Table\":{\"TableName\":\"tab\",\"TableArn\":\"arn:aws:dynamodb:eu-west-1:123456789012:table/tab\""

static struct json_object *definition(const char *text) {
    struct json_object *object = json_parse(text, strlen(text), NULL);
    assert_non_null(object);
    return object;
}

static void all_that_is_there_is_read(void **state) {
    (void)state;
    _cleanup_json_ struct json_object *object = definition(
        NAMED ",\"TableId\":\"id-1\",\"TableStatus\":\"ACTIVE\",\"ItemCount\":3,\"TableSizeBytes\":5000000000}}");
    struct table_description table;
    assert_true(table_description_read(&table, object, NULL));
    assert_string_equal(table.name, "tab");
    assert_string_equal(table.arn, "arn:aws:dynamodb:eu-west-1:123456789012:table/tab");
    assert_string_equal(table.id, "id-1");
    assert_string_equal(table.status, "ACTIVE");
    assert_int_equal(table.items, 3);
    assert_int_equal(table.bytes, 5000000000);
    assert_ptr_equal(table.definition, object);
}

static void what_is_missing_is_none_and_nought(void **state) {
    (void)state;
    _cleanup_json_ struct json_object *object = definition(NAMED "}}");
    struct table_description table;
    assert_true(table_description_read(&table, object, NULL));
    assert_null(table.id);
    assert_null(table.status);
    assert_int_equal(table.items, 0);
    assert_int_equal(table.bytes, 0);
}

/* As a huge unsigned number it would have planned files of exabytes. */
static void a_size_or_count_below_zero_is_nought(void **state) {
    (void)state;
    static const char *const counts[] = {
        "-1", "-9223372036854775808", "-99999999999999999999", "\"12\"", "null", "1.5", "[]",
    };
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        char text[512];
        struct table_description table;
        snprintf(text, sizeof text, "%s,\"ItemCount\":%s,\"TableSizeBytes\":%s}}", NAMED, counts[i], counts[i]);
        _cleanup_json_ struct json_object *object = definition(text);
        assert_true(table_description_read(&table, object, NULL));
        assert_int_equal(table.items, 0);
        assert_int_equal(table.bytes, 0);
    }
}

static void a_table_that_no_backup_could_name_is_refused(void **state) {
    (void)state;
    static const char *const tables[] = {
        "{}",
        "{\"Table\":null}",
        "{\"Table\":[]}",
        "{\"Table\":{\"TableName\":\"tab\"}}",
        "{\"Table\":{\"TableArn\":\"arn\"}}",
        "{\"Table\":{\"TableName\":1,\"TableArn\":\"arn\"}}",
        "{\"Table\":{\"TableName\":\"t\\u0000ab\",\"TableArn\":\"arn\"}}",
    };
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) {
        struct table_description table;
        _cleanup_error_ struct error error = {0};
        _cleanup_json_ struct json_object *object = definition(tables[i]);
        assert_false(table_description_read(&table, object, &error));
        assert_int_equal(error.code, ERROR_CORRUPT);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_that_is_there_is_read),
        cmocka_unit_test(what_is_missing_is_none_and_nought),
        cmocka_unit_test(a_size_or_count_below_zero_is_nought),
        cmocka_unit_test(a_table_that_no_backup_could_name_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
