/* SPDX-License-Identifier: Apache-2.0 */
/* The digest of a set of items: what is the same to a table is the same here, and nothing else is. test_item_digest.py has another
 * implementation judge it on thousands of items. */
#include "test.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "pages.h"
#include "stream/item_digest.h"

static const unsigned char key[ITEM_DIGEST_KEY] = "thirty-two bytes that are a key";

/* In memory of exactly its size, so that a byte read too far is seen. */
static bool add(struct item_digest *digest, const char *item, size_t length, struct error *error) {
    struct item_digester *digester = item_digester_new(key);
    char *copy = x_malloc(length);
    memcpy(copy, item, length);
    bool added = item_digester_add(digester, digest, copy, length, error);
    free(copy);
    item_digester_free(digester);
    return added;
}

static struct item_digest digest_of(const char *item) {
    struct item_digest digest = {.items = 0};
    struct error error = {0};
    if (!add(&digest, item, strlen(item), &error))
        fail_msg("%s: %s", item, error.message);
    return digest;
}

static bool same(const char *a, const char *b) {
    struct item_digest first = digest_of(a), second = digest_of(b);
    return item_digest_equal(&first, &second);
}

/* Two values, as an attribute's and deep inside. */
static bool same_values(const char *a, const char *b) {
    _cleanup_free_ char *plain_a = x_printf("{\"v\":%s}", a), *plain_b = x_printf("{\"v\":%s}", b);
    _cleanup_free_ char *deep_a = x_printf("{\"k\":{\"L\":[{\"M\":{\"m\":%s,\"z\":{\"S\":\"\"}}}]}}", a);
    _cleanup_free_ char *deep_b = x_printf("{\"k\":{\"L\":[{\"M\":{\"z\":{\"S\":\"\"},\"m\":%s}}]}}", b);
    bool equal = same(plain_a, plain_b);
    assert_int_equal(same(deep_a, deep_b), equal);
    return equal;
}

static void assert_same(const char *a, const char *b) {
    if (!same_values(a, b))
        fail_msg("%s and %s should be the same", a, b);
}

static void assert_different(const char *a, const char *b) {
    if (same_values(a, b))
        fail_msg("%s and %s should differ", a, b);
}

static void attributes_and_sets_have_no_order(void **state) {
    (void)state;
    assert_true(
        same("{\"a\":{\"S\":\"1\"},\"b\":{\"N\":\"2\"}}", " { \"b\" : {\"N\": \"2\"} , \"a\":{\"S\":\"1\"}\n} "));
    assert_same("{\"SS\":[\"x\",\"y\",\"z\"]}", "{\"SS\":[\"z\",\"x\",\"y\"]}");
    assert_same("{\"NS\":[\"1\",\"10\",\"2\"]}", "{\"NS\":[\"2.0\",\"1e1\",\"1\"]}");
    assert_same("{\"BS\":[\"AAE=\",\"AA==\"]}", "{\"BS\":[\"AA==\",\"AAE=\"]}");
    assert_same("{\"M\":{\"a\":{\"L\":[]},\"aa\":{\"M\":{}}}}", "{\"M\":{\"aa\":{\"M\":{}},\"a\":{\"L\":[]}}}");
    assert_different("{\"L\":[{\"N\":\"1\"},{\"N\":\"2\"}]}", "{\"L\":[{\"N\":\"2\"},{\"N\":\"1\"}]}");
}

/* More members than are sorted one by one, shuffled. */
static void large_sets_have_no_order(void **state) {
    (void)state;
    _cleanup_buffer_ struct buffer up = BUFFER_INIT(BUFFER_OURS), down = BUFFER_INIT(BUFFER_OURS);
    for (unsigned i = 0; i < 1000; i++) {
        buffer_printf(&up, "%s\"%u\"", i ? "," : "{\"NS\":[", i);
        buffer_printf(&down, "%s\"%u.0\"", i ? "," : "{\"NS\":[", (i * 617 + 3) % 1000);
    }
    buffer_add(&up, "]}");
    buffer_add(&down, "]}");
    assert_same(up.data, down.data);
}

static void numbers_count_by_value(void **state) {
    (void)state;
    static const char *const same_numbers[][2] = {
        {"1", "1.0"},
        {"1", "10E-1"},
        {"1", "0.1e1"},
        {"1", "1.000e+00"},
        {"0", "-0"},
        {"0", "0.000e55"},
        {"-5", "-5.00"},
        {"100", "1E+2"},
        {"1E125", "100000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"
                  "000000000000000000000000000"},
        {"1E-130", "0.000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"
                   "0000000000000000000000000000000001"},
        {"9.9999999999999999999999999999999999999E+125", "99999999999999999999999999999999999999E88"},
    };
    for (size_t i = 0; i < array_length(same_numbers); i++) {
        _cleanup_free_ char *a = x_printf("{\"N\":\"%s\"}", same_numbers[i][0]);
        _cleanup_free_ char *b = x_printf("{\"N\":\"%s\"}", same_numbers[i][1]);
        assert_same(a, b);
    }
    static const char *const others[][2] = {
        {"1", "-1"},
        {"1", "10"},
        {"1", "0"},
        {"12", "21"},
        {"1.1", "11"},
        {"1E10", "1E-10"},
        {"12345678901234567890123456789012345678", "12345678901234567890123456789012345679"},
        {"1E-130", "1E-129"},
        {"0.1", "0.10000000000000000000000000000000000001"},
    };
    for (size_t i = 0; i < array_length(others); i++) {
        _cleanup_free_ char *a = x_printf("{\"N\":\"%s\"}", others[i][0]);
        _cleanup_free_ char *b = x_printf("{\"N\":\"%s\"}", others[i][1]);
        assert_different(a, b);
    }
}

static void strings_count_by_their_characters(void **state) {
    (void)state;
    assert_same("{\"S\":\"\\u00e9\"}", "{\"S\":\"é\"}");
    assert_same("{\"S\":\"\\u00E9t\\u00e9\"}", "{\"S\":\"été\"}");
    assert_same("{\"S\":\"\\ud83d\\ude00\"}", "{\"S\":\"😀\"}");
    assert_same("{\"S\":\"a\\/b\"}", "{\"S\":\"a/b\"}");
    assert_same("{\"S\":\"\\n\\t\\b\\f\\r\\\"\\\\\"}", "{\"S\":\"\\u000a\\u0009\\u0008\\u000c\\u000d\\u0022\\u005c\"}");
    assert_true(same("{\"\\u00e9\":{\"NULL\":true}}", "{\"é\":{\"NULL\":true}}"));
    assert_different("{\"S\":\"é\"}", "{\"S\":\"e\\u0301\"}"); /* composed or not: other characters */
    assert_different("{\"S\":\"a\"}", "{\"S\":\"a\\u0000\"}");
    assert_different("{\"S\":\"\\ud83d\"}", "{\"S\":\"\\ud83d\\ude00\"}");
    assert_different("{\"S\":\"\\\\u00e9\"}", "{\"S\":\"é\"}");
    assert_different("{\"S\":\"\"}", "{\"S\":\" \"}");
}

static void binary_counts_by_its_bytes(void **state) {
    (void)state;
    assert_same("{\"B\":\"QQ==\"}", "{\"B\":\"QR==\"}"); /* bits that are in no byte */
    assert_same("{\"B\":\"\\u0051Q==\"}", "{\"B\":\"QQ==\"}");
    assert_same("{\"B\":\"++\\/\\/\"}", "{\"B\":\"++//\"}");
    assert_different("{\"B\":\"QQ==\"}", "{\"B\":\"Qg==\"}");
    assert_different("{\"B\":\"QQ==\"}", "{\"B\":\"QQA=\"}");
    assert_different("{\"B\":\"\"}", "{\"B\":\"AA==\"}");
}

static void types_do_not_mix(void **state) {
    (void)state;
    static const char *const values[] = {
        "{\"S\":\"1\"}",        "{\"N\":\"1\"}",       "{\"B\":\"MQ==\"}", "{\"SS\":[\"1\"]}",
        "{\"NS\":[\"1\"]}",     "{\"BS\":[\"MQ==\"]}", "{\"BOOL\":true}",  "{\"BOOL\":false}",
        "{\"NULL\":true}",      "{\"L\":[]}",          "{\"M\":{}}",       "{\"L\":[{\"L\":[]}]}",
        "{\"L\":[{\"M\":{}}]}", "{\"S\":\"\"}",        "{\"B\":\"\"}",     "{\"N\":\"0\"}",
    };
    for (size_t i = 0; i < array_length(values); i++)
        for (size_t j = 0; j < i; j++)
            assert_different(values[i], values[j]);
}

/* Bytes that move from one place to the next are seen. */
static void borders_count(void **state) {
    (void)state;
    assert_false(same("{\"ab\":{\"S\":\"c\"}}", "{\"a\":{\"S\":\"bc\"}}"));
    assert_different("{\"SS\":[\"ab\",\"c\"]}", "{\"SS\":[\"a\",\"bc\"]}");
    assert_different("{\"L\":[{\"S\":\"a\"},{\"S\":\"b\"}]}", "{\"L\":[{\"S\":\"ab\"}]}");
    assert_different("{\"L\":[{\"L\":[]},{\"L\":[]}]}", "{\"L\":[{\"L\":[{\"L\":[]}]}]}");
    assert_different("{\"M\":{\"a\":{\"M\":{\"b\":{\"M\":{}}}}}}", "{\"M\":{\"a\":{\"M\":{}},\"b\":{\"M\":{}}}}");
    assert_false(same("{\"a\":{\"S\":\"x\"}}", "{\"a\":{\"S\":\"x\"},\"b\":{\"S\":\"\"}}"));
}

static void the_set_has_no_order_and_twins_count(void **state) {
    (void)state;
    const char *const items[] = {"{\"k\":{\"N\":\"1\"}}", "{\"k\":{\"N\":\"2\"}}", "{\"k\":{\"N\":\"3\"}}"};
    struct item_digest one = digest_of(items[0]), two = digest_of(items[1]), three = digest_of(items[2]);
    struct item_digest up = {.items = 0}, down = {.items = 0}, twice = {.items = 0}, other = {.items = 0};
    item_digest_join(&up, &one);
    item_digest_join(&up, &two);
    item_digest_join(&up, &three);
    item_digest_join(&down, &three);
    item_digest_join(&two, &one);
    item_digest_join(&down, &two);
    assert_true(item_digest_equal(&up, &down));
    item_digest_join(&twice, &three);
    item_digest_join(&twice, &one);
    item_digest_join(&twice, &one);
    assert_int_equal(twice.items, 3);
    assert_false(item_digest_equal(&up, &twice));
    item_digest_join(&other, &three);
    assert_false(item_digest_equal(&other, &twice)); /* what is there twice does not cancel out */
}

static void the_sum_carries(void **state) {
    (void)state;
    struct item_digest sum = {.sum = {UINT64_MAX, UINT64_MAX, UINT64_MAX, 7}}, one = {.sum = {1}, .items = 1};
    item_digest_join(&sum, &one);
    assert_memory_equal(sum.sum, ((uint64_t[]){0, 0, 0, 8}), sizeof sum.sum);
    sum = (struct item_digest){.sum = {UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX}};
    one = (struct item_digest){.sum = {UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX}};
    item_digest_join(&sum, &one);
    assert_memory_equal(sum.sum, ((uint64_t[]){UINT64_MAX - 1, UINT64_MAX, UINT64_MAX, UINT64_MAX}), sizeof sum.sum);
    char text[ITEM_DIGEST_TEXT];
    item_digest_text(text, &(struct item_digest){.sum = {0xab, 0, 0, (uint64_t)1 << 60}});
    assert_string_equal(text, "10000000000000000000000000000000000000000000000000000000000000ab");
}

static void another_key_gives_another_digest(void **state) {
    (void)state;
    static const char item[] = "{\"k\":{\"N\":\"1\"}}";
    static const unsigned char other[ITEM_DIGEST_KEY] = "another key";
    struct item_digester *digester = item_digester_new(other);
    struct item_digest digest = {.items = 0}, first = digest_of(item);
    assert_true(item_digester_add(digester, &digest, item, sizeof item - 1, NULL));
    assert_false(item_digest_equal(&digest, &first));
    item_digester_free(digester);
}

static void assert_refused(const char *item, const char *expected) {
    struct item_digest digest = {.items = 0};
    _cleanup_error_ struct error error = {0};
    if (add(&digest, item, strlen(item), &error))
        fail_msg("%s should be refused", item);
    assert_int_equal(error.code, ERROR_CORRUPT);
    assert_int_equal(digest.items, 0);
    if (!strstr(error.message, expected))
        fail_msg("%s: \"%s\" does not say \"%s\"", item, error.message, expected);
}

static void what_is_no_item_is_refused(void **state) {
    (void)state;
    static const char *const cases[][2] = {
        {"", "a map's '{' at byte 0"},
        {"[]", "a map's '{' at byte 0"},
        {"{", "an attribute's name at byte 1"},
        {"{\"a\":{\"S\":\"x\"}", "',' or '}' at byte 14 of 14"},
        {"{\"a\":{\"S\":\"x\"}} x", "nothing behind the item"},
        {"{\"a\":{\"S\":\"x\"},}", "an attribute's name"},
        {"{\"a\" {\"S\":\"x\"}}", "':'"},
        {"{\"a\":{\"X\":\"x\"}}", "a type of DynamoDB's at byte 7"},
        {"{\"a\":{\"SN\":[\"x\"]}}", "a type of DynamoDB's"},
        {"{\"a\":{\"S\":1}}", "a string"},
        {"{\"a\":{\"S\":\"x}}", "the end of a string"},
        {"{\"a\":{\"S\":\"\n\"}}", "no control character"},
        {"{\"a\":{\"S\":\"\\x\"}}", "an escape"},
        {"{\"a\":{\"S\":\"\\u12g4\"}}", "four hex digits"},
        {"{\"a\":{\"N\":1}}", "a number in quotes"},
        {"{\"a\":{\"N\":\"\"}}", "a digit"},
        {"{\"a\":{\"N\":\"1.\"}}", "a digit"},
        {"{\"a\":{\"N\":\"1e\"}}", "an exponent"},
        {"{\"a\":{\"N\":\"1e99999999999999999999\"}}", "an exponent"},
        {"{\"a\":{\"N\":\"NaN\"}}", "a digit"},
        {"{\"a\":{\"N\":\"1 \"}}", "the end of a number"},
        {"{\"a\":{\"B\":\"QQ=\"}}", "base64"},
        {"{\"a\":{\"B\":\"Q===\"}}", "base64"},
        {"{\"a\":{\"B\":\"QQ==QQ==\"}}", "base64"},
        {"{\"a\":{\"BOOL\":\"true\"}}", "true or false"},
        {"{\"a\":{\"NULL\":false}}", "true"},
        {"{\"a\":{\"SS\":[]}}", "a string"},
        {"{\"a\":{\"SS\":[\"x\" \"y\"]}}", "',' or ']'"},
        {"{\"a\":{\"SS\":[\"x\",\"\\u0078\"]}}", "a member is there twice"},
        {"{\"a\":{\"NS\":[\"1\",\"2\",\"1.0\"]}}", "a member is there twice"},
        {"{\"a\":{\"S\":\"x\"},\"\\u0061\":{\"S\":\"y\"}}", "one is there twice"},
        {"{\"a\":{\"S\":\"x\",\"N\":\"1\"}}", "the '}' of a typed value"},
    };
    for (size_t i = 0; i < array_length(cases); i++)
        assert_refused(cases[i][0], cases[i][1]);
}

/* Every piece of an item that is cut off somewhere is refused, and nothing behind its end is read. */
static void no_beginning_of_an_item_passes(void **state) {
    (void)state;
    static const char item[] =
        "{\"a\":{\"S\":\"a text of more than sixteen bytes \\ud83d\\ude00\"},\"n\":{\"NS\":[\"-1.5e-7\",\"2\"]},"
        "\"m\":{\"M\":{\"l\":{\"L\":[{\"BOOL\":false},{\"NULL\":true}]}}},\"b\":{\"B\":\"AAEC\"}}";
    for (size_t length = 0; length < sizeof item - 1; length++) {
        struct item_digest digest = {.items = 0};
        assert_false(add(&digest, item, length, NULL));
    }
}

static char *nest(unsigned levels) {
    struct buffer text = BUFFER_INIT(BUFFER_OURS);
    buffer_add(&text, "{\"a\":");
    for (unsigned i = 0; i < levels; i++)
        buffer_add(&text, "{\"L\":[");
    buffer_add(&text, "{\"S\":\"\"}");
    for (unsigned i = 0; i < levels; i++)
        buffer_add(&text, "]}");
    buffer_add(&text, "}");
    return buffer_take(&text);
}

static void depth_is_bounded(void **state) {
    (void)state;
    _cleanup_free_ char *allowed = nest(32), *deep = nest(100), *endless = nest(50000); /* 32: DynamoDB's own limit */
    struct item_digest digest = {.items = 0};
    assert_true(add(&digest, allowed, strlen(allowed), NULL));
    assert_refused(deep, "less deep");
    assert_refused(endless, "less deep");
}

/* Whole pages as the slicer leaves them, with and without white space: the same items. (Some of those made here hold a name or a
 * set's member twice, which no table does: refused in either spelling.) */
static void the_spacing_of_a_page_does_not_count(void **state) {
    (void)state;
    struct item_digester *digester = item_digester_new(key);
    struct item_digest spaced = {.items = 0}, compact = {.items = 0};
    struct dice dice = {7};
    for (unsigned round = 0; round < 60; round++) {
        struct made_page made;
        page_make(&made, &dice, &(struct recipe){.items = 8, .spaced = round & 1});
        struct page_index index = {0};
        assert_true(page_slice(&index, made.page.data, made.page.length, NULL));
        const char *line = made.lines.data;
        for (size_t i = 0; i < index.count; i++, line = strchr(line, '\n') + 1) {
            const struct span *item = &index.items[i];
            const char *bytes = line + strlen("{\"Item\":");
            size_t length = (size_t)(strchr(line, '\n') - 1 - bytes);
            bool added = item_digester_add(digester, &spaced, made.page.data + item->offset, item->length, NULL);
            assert_int_equal(item_digester_add(digester, &compact, bytes, length, NULL), added);
            assert_true(item_digest_equal(&spaced, &compact));
        }
        page_index_fini(&index);
        made_page_fini(&made);
    }
    assert_true(spaced.items > 200);
    item_digester_free(digester);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(attributes_and_sets_have_no_order),
        cmocka_unit_test(large_sets_have_no_order),
        cmocka_unit_test(numbers_count_by_value),
        cmocka_unit_test(strings_count_by_their_characters),
        cmocka_unit_test(binary_counts_by_its_bytes),
        cmocka_unit_test(types_do_not_mix),
        cmocka_unit_test(borders_count),
        cmocka_unit_test(the_set_has_no_order_and_twins_count),
        cmocka_unit_test(the_sum_carries),
        cmocka_unit_test(another_key_gives_another_digest),
        cmocka_unit_test(what_is_no_item_is_refused),
        cmocka_unit_test(no_beginning_of_an_item_passes),
        cmocka_unit_test(depth_is_bounded),
        cmocka_unit_test(the_spacing_of_a_page_does_not_count),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
