/* SPDX-License-Identifier: Apache-2.0 */
/* JSON behind bounds: one strict value and nothing else; getters that never fail, and those that say what they need. */
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"

static struct json_object *parse(const char *text) {
    _cleanup_error_ struct error error = {0};
    struct json_object *value = json_parse(text, strlen(text), &error);
    if (value)
        assert_int_equal(error.code, ERROR_NONE);
    else
        assert_int_equal(error.code, ERROR_CORRUPT);
    return value;
}

static void every_kind_of_value_is_read(void **state) {
    (void)state;
    static const char *const good[] = {"{}",         "[]", "\"x\"", "1", "-1.5e3", "true", " {\"a\": [1, null]} \n",
                                       "\"\\u00fc\""};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        _cleanup_json_ struct json_object *value = parse(good[i]);
        assert_non_null(value);
    }
}

static void a_text_with_a_nul_in_it_is_no_text(void **state) {
    (void)state;
    _cleanup_error_ struct error error = {0};
    _cleanup_json_ struct json_object *object = parse("{\"name\":\"orders\\u0000x\",\"whole\":\"orders\"}");
    assert_null(json_string(object, "name"));
    assert_null(json_need_string(object, "name", &error));
    assert_int_equal(error.code, ERROR_CORRUPT);
    assert_string_equal(json_string(object, "whole"), "orders");
}

static void where_it_is_wrong_is_told(void **state) {
    (void)state;
    static const struct {
        const char *text, *words;
    } cases[] = {
        {"{\"a\":1}x", "JSON at byte 7: what stands there is no JSON"},
        {"{\"a\":\"\xe1\xba\xa1\xba\"}", "JSON at byte 9: what stands there is not UTF-8"},
        {"{\"\xff\":'", "JSON at byte 2: what stands there is not UTF-8"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        _cleanup_error_ struct error error = {0};
        assert_null(json_parse(cases[i].text, strlen(cases[i].text), &error));
        assert_string_equal(error.message, cases[i].words);
    }
}

static void what_is_not_strictly_json_is_refused(void **state) {
    (void)state;
    static const char *const bad[] = {"",
                                      " ",
                                      "{",
                                      "[1,]",
                                      "{\"a\":1,}",
                                      "{'a':1}",
                                      "nul",
                                      "{} {}",
                                      "{}x",
                                      "1 2",
                                      "\"open",
                                      "{\"a\"}",
                                      "\x01",
                                      "\"\xff\"",
                                      "NaN",
                                      "[1 2]",
                                      "\"a\nb",
                                      "/* c */ 1",
                                      "tru",
                                      "{\"a\":",
                                      "01x",
                                      "]",
                                      "\"\xed\xa0\x80\"",
                                      "null",
                                      "1.",
                                      "[1.]",
                                      ".5",
                                      "+1",
                                      "1e",
                                      "-",
                                      "Infinity",
                                      "[-Infinity]",
                                      "TRUE",
                                      "\"\x01\"",
                                      "\"\t\"",
                                      "\"\\x\"",
                                      "\"\\\n\"",
                                      "{\"a\nb\":1}"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_null(parse(bad[i]));
}

static void a_nul_inside_is_no_end(void **state) {
    (void)state;
    struct error error = {0};
    assert_null(json_parse("{}\0x", 4, &error));
    error_clear(&error);
    assert_null(json_parse("{\0}", 3, &error));
    error_clear(&error);
}

static void depth_is_bounded(void **state) {
    (void)state;
    char text[2 * (JSON_DEPTH + 1) + 1];
    for (size_t depth = JSON_DEPTH - 1; depth <= JSON_DEPTH + 1; depth++) {
        memset(text, '[', depth);
        memset(text + depth, ']', depth);
        text[2 * depth] = '\0';
        _cleanup_json_ struct json_object *value = parse(text);
        assert_int_equal(value != NULL, depth <= JSON_DEPTH);
    }
}

static void length_is_bounded(void **state) {
    (void)state;
    _cleanup_error_ struct error error = {0};
    assert_null(json_parse("{}", (size_t)INT_MAX, &error));
    assert_int_equal(error.code, ERROR_CORRUPT);
}

static void the_error_says_where(void **state) {
    (void)state;
    _cleanup_error_ struct error error = {0};
    assert_null(json_parse("{\"a\": x}", 8, &error));
    assert_non_null(strstr(error.message, "byte 6"));
}

static void getters_find_what_is_there(void **state) {
    (void)state;
    _cleanup_json_ struct json_object *object = parse(
        "{\"s\": \"text\", \"n\": 12345678901, \"b\": true, \"o\": {\"x\": 1}, \"a\": [1], \"z\": null, \"f\": 1.5}");
    assert_string_equal(json_string(object, "s"), "text");
    assert_int_equal(json_integer(object, "n", 0), 12345678901);
    assert_true(json_boolean(object, "b", false));
    assert_int_equal(json_integer(json_object_at(object, "o"), "x", 0), 1);
    assert_int_equal(json_object_array_length(json_array_at(object, "a")), 1);
    assert_string_equal(json_need_string(object, "s", NULL), "text");
}

static void getters_bear_what_is_not(void **state) {
    (void)state;
    _cleanup_json_ struct json_object *object = parse("{\"s\": 1, \"n\": \"x\", \"z\": null, \"f\": 1.5}");
    assert_null(json_string(object, "s"));
    assert_null(json_string(object, "absent"));
    assert_null(json_string(NULL, "s"));
    assert_null(json_string(object, "z"));
    assert_null(json_object_at(object, "s"));
    assert_null(json_array_at(object, "s"));
    assert_int_equal(json_integer(object, "n", -7), -7);
    assert_int_equal(json_integer(object, "f", -7), -7);
    assert_true(json_boolean(object, "s", true));
    assert_int_equal(json_count(object, "n"), 0);
    assert_int_equal(json_count(object, "absent"), 0);
    _cleanup_json_ struct json_object *list = parse("[1]");
    assert_null(json_string(list, "s"));
}

/* As unsigned numbers they would be of exabytes. */
static void a_count_below_zero_is_none(void **state) {
    (void)state;
    _cleanup_json_ struct json_object *object = parse("{\"a\":-1,\"b\":-99999999999999999999,\"c\":5000000000}");
    assert_int_equal(json_count(object, "a"), 0);
    assert_int_equal(json_count(object, "b"), 0);
    assert_int_equal(json_count(object, "c"), 5000000000);
}

static void a_needed_text_that_lacks_is_named(void **state) {
    (void)state;
    _cleanup_error_ struct error error = {0};
    assert_null(json_need_string(NULL, "Token", &error));
    assert_int_equal(error.code, ERROR_CORRUPT);
    assert_non_null(strstr(error.message, "\"Token\""));
}

static void building_leaves_out_what_is_absent(void **state) {
    (void)state;
    _cleanup_json_ struct json_object *object = json_object_new_object();
    json_put_string(object, "s", "x");
    json_put_string(object, "none", NULL);
    json_put_integer(object, "n", INT64_C(1) << 53);
    json_put_boolean(object, "b", false);
    assert_string_equal(json_object_to_json_string_ext(object, JSON_C_TO_STRING_PLAIN),
                        "{\"s\":\"x\",\"n\":9007199254740992,\"b\":false}");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_of_value_is_read),
        cmocka_unit_test(where_it_is_wrong_is_told),
        cmocka_unit_test(what_is_not_strictly_json_is_refused),
        cmocka_unit_test(a_text_with_a_nul_in_it_is_no_text),
        cmocka_unit_test(a_nul_inside_is_no_end),
        cmocka_unit_test(depth_is_bounded),
        cmocka_unit_test(length_is_bounded),
        cmocka_unit_test(the_error_says_where),
        cmocka_unit_test(getters_find_what_is_there),
        cmocka_unit_test(getters_bear_what_is_not),
        cmocka_unit_test(a_count_below_zero_is_none),
        cmocka_unit_test(a_needed_text_that_lacks_is_named),
        cmocka_unit_test(building_leaves_out_what_is_absent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
