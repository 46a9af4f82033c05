/* SPDX-License-Identifier: Apache-2.0 */
/* Keys that are the same however they are spelled, and what an answer gives back. */
#include "test.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "stream/batch.h"

static const struct key_names hash_alone = {"id", NULL}, both = {"id", "at"};

/* The key as text; NULL with the error's words in *words. */
static char *key(const struct key_names *names, const char *item, char **words) {
    struct buffer out = BUFFER_INIT(BUFFER_OURS);
    struct error error = {0};
    bool good = item_key(&out, names, item, strlen(item), &error);
    assert_int_equal(good, !error.code);
    if (!good) {
        assert_int_equal(error.code, ERROR_CORRUPT);
        assert_int_equal(out.length, 0);
    }
    if (words)
        *words = x_strdup(error.message);
    error_clear(&error);
    char *text = good ? buffer_take(&out) : NULL;
    buffer_fini(&out);
    return text;
}

static void assert_same(const struct key_names *names, const char *a, const char *b, bool same) {
    _cleanup_free_ char *first = key(names, a, NULL), *second = key(names, b, NULL);
    assert_non_null(first);
    assert_non_null(second);
    if ((strcmp(first, second) == 0) != same)
        fail_msg("%s and %s: \"%s\" and \"%s\"", a, b, first, second);
}

static void the_key_does_not_depend_on_the_place_or_the_spelling(void **state) {
    (void)state;
    assert_same(&hash_alone, "{\"id\":{\"S\":\"a\"},\"x\":{\"N\":\"1\"}}",
                "{ \"x\" : {\"L\":[]} , \"id\" : { \"S\" : \"a\" } }", true);
    assert_same(&hash_alone, "{\"\\u0069d\":{\"S\":\"a\"}}", "{\"id\":{\"S\":\"\\u0061\"}}", true);
    assert_same(&hash_alone, "{\"id\":{\"S\":\"\\uD83C\\uDF93\"}}", "{\"id\":{\"S\":\"\xf0\x9f\x8e\x93\"}}", true);
    assert_same(&hash_alone, "{\"id\":{\"S\":\"\\u0110\\n\\/\"}}", "{\"id\":{\"S\":\"\xc4\x90\\u000a/\"}}", true);
    assert_same(&hash_alone, "{\"id\":{\"S\":\"a\"}}", "{\"id\":{\"S\":\"b\"}}", false);
    assert_same(&hash_alone, "{\"id\":{\"S\":\"1\"}}", "{\"id\":{\"N\":\"1\"}}", false);
    assert_same(&hash_alone, "{\"id\":{\"B\":\"AQ==\"}}", "{\"id\":{\"S\":\"AQ==\"}}", false);
    assert_same(&both, "{\"id\":{\"S\":\"ab\"},\"at\":{\"S\":\"c\"}}", "{\"id\":{\"S\":\"a\"},\"at\":{\"S\":\"bc\"}}",
                false);
    assert_same(&both, "{\"at\":{\"N\":\"7\"},\"id\":{\"S\":\"a\"}}", "{\"id\":{\"S\":\"a\"},\"at\":{\"N\":\"7.0\"}}",
                true);
}

static void numbers_are_keys_by_value(void **state) {
    (void)state;
    static const char *const equal[][2] = {{"1", "1.0"},           {"100", "1E2"}, {"-0", "0"},    {"0.010", "1e-2"},
                                           {"-17.50", "-1.75E+1"}, {"007", "7"},   {"0.0", "0E5"}, {"+3", "3"},
                                           {"1E-130", "0.1e-129"}};
    static const char *const different[][2] = {
        {"1", "10"}, {"1", "-1"}, {"0.1", "0.01"}, {"12", "21"}, {"1E2", "1E-2"}};
    for (size_t i = 0; i < array_length(equal); i++) {
        _cleanup_free_ char *a = x_printf("{\"id\":{\"N\":\"%s\"}}", equal[i][0]);
        _cleanup_free_ char *b = x_printf("{\"id\":{\"N\":\"%s\"}}", equal[i][1]);
        assert_same(&hash_alone, a, b, true);
    }
    for (size_t i = 0; i < array_length(different); i++) {
        _cleanup_free_ char *a = x_printf("{\"id\":{\"N\":\"%s\"}}", different[i][0]);
        _cleanup_free_ char *b = x_printf("{\"id\":{\"N\":\"%s\"}}", different[i][1]);
        assert_same(&hash_alone, a, b, false);
    }
}

static void an_item_without_its_key_is_named(void **state) {
    (void)state;
    static const struct {
        const char *item, *words;
    } cases[] = {
        {"{\"x\":{\"S\":\"a\"},\"at\":{\"N\":\"1\"}}", "lacks the key's attribute \"id\""},
        {"{\"id\":{\"S\":\"a\"}}", "lacks the key's attribute \"at\""},
        {"{\"id\":{\"BOOL\":true},\"at\":{\"N\":\"1\"}}", "\"id\" is not one of type S, N or B"},
        {"{\"id\":{\"S\":\"a\"},\"at\":{\"SS\":[\"a\"]}}", "\"at\" is not one of type S, N or B"},
        {"{\"id\":{\"S\":\"a\",\"N\":\"1\"},\"at\":{\"N\":\"1\"}}", "\"id\" is not one of type S, N or B"},
        {"{\"id\":{\"S\":\"a\"},\"at\":{\"N\":\"1\"", "expected"},
        {"[]", "expected"},
        {"", "expected"},
    };
    for (size_t i = 0; i < array_length(cases); i++) {
        _cleanup_free_ char *words = NULL;
        _cleanup_free_ char *text = key(&both, cases[i].item, &words);
        if (text || !strstr(words, cases[i].words))
            fail_msg("%s: %s, \"%s\"", cases[i].item, text ? text : "refused", words ? words : "");
    }
}

/* ------------------------------------------------------------ answers */

static bool answer(struct batch_answer *into, const char *text, char **words) {
    struct error error = {0};
    bool good = batch_answer_read(into, text, strlen(text), &error);
    if (words)
        *words = x_strdup(error.message);
    error_clear(&error);
    return good;
}

static void an_answer_tells_what_came_back_and_what_it_cost(void **state) {
    (void)state;
    static const char text[] =
        "{\"UnprocessedItems\":{\"tab\":[{\"PutRequest\":{\"Item\":{\"id\":{\"S\":\"a\"}}}},"
        " {\"PutRequest\" : {\"Item\":{\"id\":{\"S\":\"}{\"}}} } ]},\"ConsumedCapacity\":[{\"TableName\":\"tab\","
        "\"CapacityUnits\":12.5,\"Table\":{\"CapacityUnits\":3}},{\"CapacityUnits\":1}],\"ItemCollectionMetrics\":{}}";
    struct batch_answer got = {0};
    assert_true(answer(&got, text, NULL));
    assert_int_equal(got.count, 2);
    assert_memory_equal(text + got.items[1].offset, "{\"id\":{\"S\":\"}{\"}}", got.items[1].length);
    assert_true(got.units > 13.49 && got.units < 13.51);
    assert_true(answer(&got, "{\"UnprocessedItems\":{}}", NULL)); /* and is forgotten by the next one */
    assert_true(got.count == 0 && got.units == 0);
    assert_true(answer(&got, "{\"UnprocessedItems\":null,\"ConsumedCapacity\":null}", NULL));
    assert_true(answer(&got, " {} ", NULL));
    batch_answer_fini(&got);
}

static void an_answer_that_is_none_is_refused(void **state) {
    (void)state;
    static const char *const cases[] = {"",
                                        "{",
                                        "[]",
                                        "{}x",
                                        "{\"UnprocessedItems\":[]}",
                                        "{\"UnprocessedItems\":{\"t\":{}}}",
                                        "{\"UnprocessedItems\":{\"t\":[{\"PutRequest\":{\"Item\":[]}}]}}",
                                        "{\"ConsumedCapacity\":{}}",
                                        "{\"ConsumedCapacity\":[{\"CapacityUnits\":\"1\"}]}"};
    struct batch_answer got = {0};
    for (size_t i = 0; i < array_length(cases); i++) {
        _cleanup_free_ char *words = NULL;
        if (answer(&got, cases[i], &words) || !words || !strstr(words, "expected"))
            fail_msg("%s was read", cases[i]);
    }
    batch_answer_fini(&got);
}

static void more_items_than_a_call_has_are_no_answer(void **state) {
    (void)state;
    struct batch_answer got = {0};
    for (unsigned count = BATCH_ITEMS; count <= BATCH_ITEMS + 1; count++) {
        struct buffer text = BUFFER_INIT(BUFFER_OURS);
        buffer_add(&text, "{\"UnprocessedItems\":{\"t\":[");
        for (unsigned i = 0; i < count; i++)
            buffer_printf(&text, "%s{\"PutRequest\":{\"Item\":{}}}", i ? "," : "");
        buffer_add(&text, "]}}");
        assert_int_equal(answer(&got, text.data, NULL), count == BATCH_ITEMS);
        buffer_fini(&text);
    }
    batch_answer_fini(&got);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_key_does_not_depend_on_the_place_or_the_spelling),
        cmocka_unit_test(numbers_are_keys_by_value),
        cmocka_unit_test(an_item_without_its_key_is_named),
        cmocka_unit_test(an_answer_tells_what_came_back_and_what_it_cost),
        cmocka_unit_test(an_answer_that_is_none_is_refused),
        cmocka_unit_test(more_items_than_a_call_has_are_no_answer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
