/* SPDX-License-Identifier: Apache-2.0 */
/* The slicer on pages whose items are known, and on pages that are none. Every implementation of this machine in turn. */
#include "test.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "pages.h"

static const char *const implementations[] = {"portable", "sse2", "neon", "avx2", "avx512"};

static bool here(const char *implementation) {
    struct page_index index = {0};
    bool sliced = page_slice_by(implementation, &index, "{\"Items\":[],\"Count\":0}", 22, NULL);
    page_index_fini(&index);
    return sliced;
}

static void assert_sliced(const char *implementation, const struct made_page *made, const char *bytes, size_t shift) {
    struct page_index index = {0};
    struct error error = {0};
    if (!page_slice_by(implementation, &index, bytes, made->page.length + shift, &error))
        fail_msg("%s: %s", implementation, error.message);
    assert_int_equal(index.count, made->count);
    for (size_t i = 0; i < made->count; i++) {
        assert_int_equal(index.items[i].offset, made->items[i].offset + shift);
        assert_int_equal(index.items[i].length, made->items[i].length);
    }
    assert_int_equal(index.last_key.length, made->key.length);
    if (made->key.length)
        assert_memory_equal(bytes + index.last_key.offset, made->key.data, made->key.length);
    assert_int_equal(index.scanned_count, made->count);
    assert_int_equal(index.length, made->page.length + shift);
    page_index_fini(&index);
}

/* The page in memory of exactly its size (for the sanitizers), behind `shift` blanks. */
static char *exact_copy(const struct made_page *made, size_t shift) {
    char *copy = x_malloc(made->page.length + shift);
    memset(copy, ' ', shift);
    memcpy(copy + shift, made->page.data, made->page.length);
    return copy;
}

static void every_item_is_found_at_every_alignment(void **state) {
    (void)state;
    struct dice dice = {1};
    for (unsigned round = 0; round < 130; round++) {
        struct made_page made;
        page_make(
            &made, &dice,
            &(struct recipe){
                .items = roll_below(&dice, 12), .spaced = round % 3 == 0, .key = round & 1, .shuffled = round & 2});
        char *copy = exact_copy(&made, round);
        for (size_t i = 0; i < array_length(implementations); i++) {
            if (here(implementations[i]))
                assert_sliced(implementations[i], &made, copy, round);
        }
        free(copy);
        made_page_fini(&made);
    }
}

static void real_shapes_are_sliced(void **state) {
    (void)state;
    struct dice dice = {2};
    for (enum kind_of_items kind = ITEMS_SMALL; kind <= ITEMS_HUGE; kind++) {
        struct made_page made;
        page_make(&made, &dice, &(struct recipe){.kind = kind, .items = kind == ITEMS_HUGE ? 2 : 50, .key = true});
        for (size_t i = 0; i < array_length(implementations); i++) {
            if (here(implementations[i]))
                assert_sliced(implementations[i], &made, made.page.data, 0);
        }
        made_page_fini(&made);
    }
}

static void the_counts_are_read(void **state) {
    (void)state;
    static const char page[] =
        " { \"ConsumedCapacity\" : {\"TableName\":\"t\",\"CapacityUnits\": 12.5 , \"x\":[{}]} ,\"Items\":[],"
        "\"ScannedCount\":77,\"Count\":0 , \"LastEvaluatedKey\" : null } \n";
    struct page_index index = {0};
    assert_true(page_slice(&index, page, sizeof page - 1, NULL));
    assert_int_equal(index.scanned_count, 77);
    assert_true(index.read_units == 12.5);
    assert_int_equal(index.last_key.length, 0);
    page_index_fini(&index);
}

/* Numbers that only other servers write so. */
static void every_spelling_of_a_number_is_one(void **state) {
    (void)state;
    static const char *const numbers[] = {"0", "-0", "12.50", "1e5", "1E+05", "25.0e-1", "-1.5E-7"};
    for (size_t i = 0; i < array_length(numbers); i++) {
        _cleanup_free_ char *page = x_printf(
            "{\"Items\":[],\"Count\":0,\"x\":%s,\"ConsumedCapacity\":{\"CapacityUnits\":%s}}", numbers[i], numbers[i]);
        struct page_index index = {0};
        assert_true(page_slice(&index, page, strlen(page), NULL));
        assert_true(index.read_units == strtod(numbers[i], NULL));
        page_index_fini(&index);
    }
}

/* Places are of 32 bits. (Nothing of it is read.) */
static void a_page_of_4_gib_is_refused(void **state) {
    (void)state;
    struct page_index index = {0};
    struct error error = {0};
    assert_false(page_slice(&index, "{", (size_t)UINT32_MAX + 1, &error));
    assert_int_equal(error.code, ERROR_CORRUPT);
    assert_non_null(strstr(error.message, "less than 4 GiB"));
    error_clear(&error);
    page_index_fini(&index);
}

static void an_index_is_used_again(void **state) {
    (void)state;
    struct page_index index = {0};
    static const char first[] =
        "{\"Items\":[{\"a\":{\"S\":\"\"}}],\"Count\":1,\"LastEvaluatedKey\":{\"a\":{\"S\":\"\"}},"
        "\"ConsumedCapacity\":{\"CapacityUnits\":1}}";
    static const char second[] = "{\"Items\":[],\"Count\":0}";
    assert_true(page_slice(&index, first, sizeof first - 1, NULL));
    assert_int_equal(index.count, 1);
    assert_int_equal(index.last_key.length, 14);
    assert_true(page_slice(&index, second, sizeof second - 1, NULL));
    assert_int_equal(index.count, 0);
    assert_int_equal(index.last_key.length, 0);
    assert_int_equal(index.scanned_count, 0);
    assert_true(index.read_units == 0);
    page_index_fini(&index);
}

#define ITEM "{\"a\":{\"S\":\"x\"}}"

static const struct {
    const char *page, *message;
} refused[] = {
    {"", "expected '{' at byte 0 of 0, found the end"},
    {"[]", "expected '{' at byte 0"},
    {"{}", "has no Items"},
    {"{\"Count\":0}", "has no Items"},
    {"{\"Items\":[]}", "has no Count"},
    {"{\"Items\":[],\"Count\":0}x", "expected the end at byte 22 of 23, found 'x'"},
    {"{\"Items\":[],\"Count\":0,}", "expected '\"' at byte 22"},
    {"{\"Items\":[],\"Count\":0,\"Count\":0}", "each member once"},
    {"{\"Items\":[" ITEM "],\"Items\":[],\"Count\":0}", "each member once"},
    {"{\"Items\":[],\"Count\":0,\"LastEvaluatedKey\":{},\"LastEvaluatedKey\":{}}", "each member once"},
    {"{\"Items\":[" ITEM "],\"Count\":2}", "says Count 2 and holds 1"},
    {"{\"Items\":[" ITEM "],\"Count\":-1}", "a digit"},
    {"{\"Items\":[" ITEM "],\"Count\":12345678901234567890}", "a count"},
    {"{\"Items\":{},\"Count\":0}", "expected '['"},
    {"{\"Items\":[{}],\"Count\":1}", "an attribute's name at byte 11"},
    {"{\"Items\":[{ }],\"Count\":1}", "an attribute's name"},
    {"{\"Items\":[{1}],\"Count\":1}", "an attribute's name"},
    {"{\"Items\":[1],\"Count\":1}", "an item's '{'"},
    {"{\"Items\":[,],\"Count\":0}", "an item's '{'"},
    {"{\"Items\":[" ITEM ",],\"Count\":1}", "an item's '{'"},
    {"{\"Items\":[" ITEM ITEM "],\"Count\":2}", "expected ','"},
    {"{\"Items\":[" ITEM ",," ITEM "],\"Count\":2}", "an item's '{'"},
    {"{\"Items\":[" ITEM "\"\"," ITEM "],\"Count\":2}", "expected ','"},
    {"{\"Items\":[" ITEM ",[]],\"Count\":2}", "an item's '{'"},
    {"{\"Items\":[" ITEM "},\"Count\":1}", "expected ','"},
    {"{\"Items\":[{\"a\":[}],\"Count\":1}", "expected ']' at byte 16"},
    {"{\"Items\":[{\"a\":{]],\"Count\":1}", "expected '}' at byte 16"},
    {"{\"Items\":[{\"a\":\\\"S\\\"}],\"Count\":1}", "no '\\' outside"},
    {"{\"Items\":[{\"a\":{\"S\":\"x}}],\"Count\":1}", "the end of an item"},
    {"{\"Items\":[{\"a\":{\"S\":\"x\\", "the end of an item"},
    {"{\"Items\":[", "an item's '{'"},
    {"{\"Items\":[" ITEM, "expected ','"},
    {"{\"Items\":[" ITEM ",", "an item's '{'"},
    {"{\"Items\":[],\"Count\":0,\"LastEvaluatedKey\":[]}", "LastEvaluatedKey's '{'"},
    {"{\"Items\":[],\"Count\":0,\"LastEvaluatedKey\":{\"a\"}}", "expected ':'"},
    {"{\"Items\":[],\"Count\":0,\"LastEvaluatedKey\":{\"a\":tru}}", "expected true"},
    {"{\"Items\":[],\"Count\":0,\"LastEvaluatedKey\":{\"a\":\"\x01\"}}", "found byte 0x01"},
    {"{\"Items\":[],\"Count\":0,\"x\":\"\\q\"}", "an escape"},
    {"{\"Items\":[],\"Count\":0,\"x\":\"\\u12g4\"}", "a hex digit"},
    {"{\"Items\":[],\"Count\":0,\"x\":1.}", "a digit"},
    {"{\"Items\":[],\"Count\":0,\"x\":1e}", "a digit"},
    {"{\"Items\":[],\"Count\":0,\"x\":01}", "expected '}'"},
    {"{\"Items\":[],\"Count\":0,\"x\":[1 2]}", "expected ']'"},
    {"{\"Items\":[],\"Count\":0,\"x\":{1:2}}", "expected '\"'"},
    {"{\"Items\":[],\"Count\":0,\"x\":}", "a digit"},
    {"{\"Items\":[],\"Count\":0,\"x\":fals", "expected false"},
    {"{\"Items\":[],\"Count\":0,\"ConsumedCapacity\":[]}", "expected '{'"},
    {"{\"Items\":[],\"Count\":0,\"ConsumedCapacity\":{\"CapacityUnits\":\"1\"}}", "a digit"},
    {"{\"Items\":[],\"Count\":0,\"ConsumedCapacity\":{\"CapacityUnits\":1e999}}", "beyond all bounds"},
    {"{\"Items\":[],\"Count\":0,\"ConsumedCapacity\":{\"CapacityUnits\":"
     "1111111111111111111111111111111111111111111111111111111111111111}}",
     "less than 64 digits"},
};

static void what_is_no_page_is_refused_with_its_place(void **state) {
    (void)state;
    for (size_t i = 0; i < array_length(refused) * array_length(implementations); i++) {
        const char *page = refused[i % array_length(refused)].page;
        const char *message = refused[i % array_length(refused)].message;
        const char *implementation = implementations[i / array_length(refused)];
        struct page_index index = {0};
        struct error error = {0};
        if (!here(implementation))
            continue;
        assert_false(page_slice_by(implementation, &index, page, strlen(page), &error));
        assert_int_equal(error.code, ERROR_CORRUPT);
        if (!strstr(error.message, message))
            fail_msg("%s on %s: \"%s\", not \"%s\"", implementation, page, error.message, message);
        error_clear(&error);
        page_index_fini(&index);
    }
}

static void a_page_cut_anywhere_is_refused(void **state) {
    (void)state;
    struct dice dice = {3};
    struct made_page made;
    page_make(&made, &dice, &(struct recipe){.items = 6, .key = true});
    struct page_index index = {0};
    for (size_t length = 0; length < made.page.length; length++) {
        char *cut = x_malloc(length + 1);
        memcpy(cut, made.page.data, length);
        for (size_t i = 0; i < array_length(implementations); i++) {
            if (here(implementations[i]))
                assert_false(page_slice_by(implementations[i], &index, cut, length, NULL));
        }
        free(cut);
    }
    page_index_fini(&index);
    made_page_fini(&made);
}

/* An item of `levels` brackets, in a page: two more are open around it. */
static struct buffer nested(unsigned levels) {
    struct buffer page = BUFFER_INIT(BUFFER_OURS);
    buffer_add(&page, "{\"Items\":[{\"a\":");
    for (unsigned i = 1; i < levels; i++)
        buffer_add_char(&page, '[');
    for (unsigned i = 1; i < levels; i++)
        buffer_add_char(&page, ']');
    buffer_add(&page, "}],\"Count\":1}");
    return page;
}

static void depth_is_bounded(void **state) {
    (void)state;
    struct page_index index = {0};
    for (size_t i = 0; i < array_length(implementations); i++) {
        struct error error = {0};
        if (!here(implementations[i]))
            continue;
        struct buffer deep = nested(94), deeper = nested(95);
        assert_true(page_slice_by(implementations[i], &index, deep.data, deep.length, NULL));
        assert_false(page_slice_by(implementations[i], &index, deeper.data, deeper.length, &error));
        assert_non_null(strstr(error.message, "fewer levels"));
        error_clear(&error);
        buffer_fini(&deep);
        buffer_fini(&deeper);
    }
    struct buffer skipped = BUFFER_INIT(BUFFER_OURS);
    buffer_add(&skipped, "{\"x\":");
    for (unsigned i = 0; i < 97; i++)
        buffer_add_char(&skipped, '[');
    assert_false(page_slice(&index, skipped.data, skipped.length, NULL));
    buffer_fini(&skipped);
    page_index_fini(&index);
}

static void an_implementation_of_another_machine_is_refused(void **state) {
    (void)state;
    struct page_index index = {0};
    struct error error = {0};
    assert_false(page_slice_by("sve2", &index, "{}", 2, &error));
    assert_int_equal(error.code, ERROR_INVALID);
    error_clear(&error);
    assert_true(here(page_slice_implementation()));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_item_is_found_at_every_alignment),
        cmocka_unit_test(real_shapes_are_sliced),
        cmocka_unit_test(the_counts_are_read),
        cmocka_unit_test(every_spelling_of_a_number_is_one),
        cmocka_unit_test(a_page_of_4_gib_is_refused),
        cmocka_unit_test(an_index_is_used_again),
        cmocka_unit_test(what_is_no_page_is_refused_with_its_place),
        cmocka_unit_test(a_page_cut_anywhere_is_refused),
        cmocka_unit_test(depth_is_bounded),
        cmocka_unit_test(an_implementation_of_another_machine_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
