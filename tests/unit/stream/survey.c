/* SPDX-License-Identifier: Apache-2.0 */
/* What the slicer tells of a page's items besides where they stand: by vectors of every width, and by every way of slicing. */
#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/utf8.h"
#include "pages.h"
#include "stream/slicer.h"
#include "survey.h"

typedef void surveyor(struct survey *survey, size_t to);

static const struct {
    surveyor *on;
    const char *needs; /* "" : every processor has it */
} widths[] = {
    {survey_on16, ""},
#ifdef __x86_64__
    {survey_on32, "avx2"},
    {survey_on64, "avx512"},
#endif
};
static const char *const scans[] = {"avx512", "avx2", "sse2", "neon"};

static bool here(const char *scan) {
    struct page_index index = {0};
    bool sliced = page_slice_by(scan, &index, "{\"Items\":[],\"Count\":0}", 22, NULL);
    page_index_fini(&index);
    return sliced;
}

static bool has(const char *needs) {
    return !*needs || here(needs);
}

/* In stretches of `step`, so that vectors and characters are cut at all places. */
static struct survey survey_by(surveyor *on, const char *page, size_t from, size_t to, size_t step) {
    struct survey survey = {.bytes = page, .at = from, .text = from};
    while (survey.at < to)
        on(&survey, to - survey.at > step ? survey.at + step : to);
    return survey;
}

/* As page_make() counted them. (Lists are the scan's to count.) */
static void every_width_of_vector_sees_the_same(void **state) {
    (void)state;
    struct dice dice = {15};
    for (unsigned round = 0; round < 60; round++) {
        struct made_page made;
        page_make(&made, &dice, &(struct recipe){.items = 1 + roll_below(&dice, 30)});
        size_t from = made.items[0].offset, last = made.count - 1;
        size_t to = made.items[last].offset + made.items[last].length;
        for (size_t i = 0; i < array_length(widths) && has(widths[i].needs); i++) {
            struct survey seen = survey_by(widths[i].on, made.page.data, from, to, 1 + roll_below(&dice, 300));
            assert_int_equal(seen.text, to);
            assert_false(seen.doubt);
            assert_int_equal(seen.types.b, made.counts.b);
        }
        made_page_fini(&made);
    }
}

/* One byte is damaged; what is then no UTF-8 stands where utf8_prefix() says. */
static void what_is_no_text_is_found_by_every_width(void **state) {
    (void)state;
    struct dice dice = {16};
    unsigned wrong = 0;
    for (unsigned round = 0; round < 3000; round++) {
        static const char *const pieces[] = {"plain text of some length", "\xc3\xa9", "\xe1\xba\xa1",
                                             "\xf0\x9f\x98\x80", "a"};
        _cleanup_buffer_ struct buffer page = BUFFER_INIT(BUFFER_OURS);
        buffer_add(&page, "{\"Items\":[");
        size_t from = page.length;
        while (page.length < 64 + round % 400)
            buffer_add(&page, pieces[roll_below(&dice, array_length(pieces))]);
        size_t to = page.length;
        buffer_add(&page, "]}");
        char *text = page.data;
        text[from + roll_below(&dice, (unsigned)(to - from))] ^= (char)(1 << roll_below(&dice, 8));
        size_t whole = from + utf8_prefix(text + from, to - from);
        wrong += whole < to;
        for (size_t i = 0; i < array_length(widths) && has(widths[i].needs); i++) {
            struct survey seen = survey_by(widths[i].on, text, from, to, 1 + roll_below(&dice, 200));
            assert_int_equal(seen.text, whole);
        }
    }
    assert_in_range(wrong, 500, 2500);
}

/* ------------------------------------------------------------ by way of a page */

struct expected {
    const char *items;
    bool plain;
    struct type_counts types;
};

/* At each place within a block. */
static void check(const char *scan, const struct expected *expected) {
    struct page_index index = {0};
    for (unsigned blanks = 0; blanks < 64; blanks++) {
        _cleanup_free_ char *page = x_printf("%*s{\"Items\":[%s],\"Count\":1}", (int)blanks, "", expected->items);
        if (!page_slice_by(scan, &index, page, strlen(page), NULL))
            fail_msg("%s refuses \"%s\"", scan, page);
        if (index.plain != expected->plain ||
            (index.plain && memcmp(&index.types, &expected->types, sizeof index.types) != 0))
            fail_msg("%s, %u blanks: plain %d, B %d SS %d NS %d BS %d in %s", scan, blanks, index.plain,
                     (int)index.types.b, (int)index.types.ss, (int)index.types.ns, (int)index.types.bs,
                     expected->items);
    }
    page_index_fini(&index);
}

static void types_are_counted_where_they_are_types(void **state) {
    (void)state;
    static const struct expected all[] = {
        {"{\"a\":{\"S\":\"x\"}}", true, {0}},
        {"{\"a\":{\"B\":\"eA==\"}}", true, {.b = 1}},
        {"{\"a\":{\"L\":[{\"B\":\"eA==\"},{\"M\":{\"b\":{\"B\":\"\"}}}]}}", true, {.b = 2}},
        {"{\"a\":{\"SS\":[\"x\"]},\"b\":{\"NS\":[\"1\"]},\"c\":{\"BS\":[\"eA==\"]}}",
         true,
         {.ss = 1, .ns = 1, .bs = 1}},
        {"{\"B\":{\"S\":\"x\"},\"SS\":{\"L\":[]}}", true, {0}},
        {"{\"B\":{\"B\":\"B\"},\"BS\":{\"BS\":[\"B\"]}}", true, {.b = 1, .bs = 1}},
        {"{\"a\":{\"S\":\"{\\\"B\\\":\\\"x\\\"}{\\\"SS\\\":[\"}}", true, {0}},
        {"{\"a\":{\"S\":\"B\"},\"b\":{\"S\":\"x\\\\\\\"B\"},\"c\":{\"S\":\"\\\"B\"}}", true, {0}},
        {"{\"a\":{\"S\":\"x y\"}, \"b\":{\"B\":\"\"}}", true, {.b = 1}},
        {"{\"a\":{\"S\":\"\x7f\"}}", true, {0}},
        /* what stands behind the items is none of theirs */
        {"{\"a\":{\"S\":\"\"}}],\"O\":[{\"SS\":[]},{\"NS\":[]},{\"BS\":[]},{\"B\":\"\"}", true, {0}},
        {"{\"a\":{\"SS\":[\"x\"]}}],\"O\":[ {\"SS\": [ ]},{ \"B\": \"\"}", true, {.ss = 1}},
        /* where white space stands at a type, or a control character anywhere, it is not decided here */
        {"{\"a\":{ \"B\":\"\"}}", false, {0}},
        {"{\"a\":{\"B\" :\"\"}}", false, {0}},
        {"{\"a\":{\"B\": \"\"}}", false, {0}},
        {"{\"a\":{ \"SS\":[\"x\"]}}", false, {0}},
        {"{\"a\":{\"SS\" :[\"x\"]}}", false, {0}},
        {"{\"a\":{\"SS\": [\"x\"]}}", false, {0}},
        {"{\"a\":{\"S\":\"x\"},\n\"b\":{\"S\":\"x\"}}", false, {0}},
        {"{\"a\":{\"S\":\"x\ty\"}}", false, {0}},
        {"{\"a\":{\"S\":\"x\x1fy\"}}", false, {0}},
    };
    for (size_t i = 0; i < array_length(scans); i++)
        for (size_t k = 0; here(scans[i]) && k < array_length(all); k++)
            check(scans[i], &all[k]);
}

/* Whatever an item holds, and wherever its blocks begin: `plain` says what page_make() counted. */
static void a_plain_page_is_counted_right(void **state) {
    (void)state;
    struct dice dice = {17};
    struct page_index index = {0};
    unsigned plain = 0;
    for (unsigned round = 0; round < 200; round++) {
        struct made_page made;
        bool spaced = round % 4 == 3;
        page_make(&made, &dice, &(struct recipe){.items = 1 + roll_below(&dice, 60), .spaced = spaced});
        for (size_t i = 0; i < array_length(scans); i++) {
            if (!here(scans[i]))
                continue;
            assert_true(page_slice_by(scans[i], &index, made.page.data, made.page.length, NULL));
            assert_true(index.plain || spaced);
            plain += index.plain;
            if (index.plain)
                assert_memory_equal(&index.types, &made.counts, sizeof index.types);
        }
        made_page_fini(&made);
    }
    assert_true(plain > 0 || !here("sse2"));
    page_index_fini(&index);
}

/* Whether they are looked at one by one or all of a block at once. */
static void depth_leaves_the_same_doubt_everywhere(void **state) {
    (void)state;
    for (unsigned depth = 50; depth < 70; depth++)
        for (unsigned blanks = 0; blanks < 64; blanks++) {
            struct page_index index = {0};
            _cleanup_buffer_ struct buffer page = BUFFER_INIT(BUFFER_OURS);
            buffer_printf(&page, "%*s{\"Count\":1,\"Items\":[{\"\":", (int)blanks, "");
            for (unsigned i = 1; i < depth; i++)
                buffer_add_char(&page, '{');
            for (unsigned i = 0; i < depth; i++)
                buffer_add_char(&page, '}');
            buffer_add(&page, "]}");
            for (size_t i = 0; i < array_length(scans); i++) {
                assert_int_equal(page_slice_by(scans[i], &index, page.data, page.length, NULL), here(scans[i]));
                assert_int_equal(index.plain, here(scans[i]) && depth <= 60);
                page_index_fini(&index);
            }
        }
}

static void a_page_that_is_no_text_is_refused(void **state) {
    (void)state;
    static const char *const pages[] = {
        "{\"Items\":[{\"a\":{\"S\":\"x\xffy\"}}],\"Count\":1}",
        "{\"Items\":[{\"a\":{\"S\":\"\xe1\xba\"}}],\"Count\":1}",
        "{\"\xff\":0,\"Items\":[{\"a\":{\"S\":\"x\"}}],\"Count\":1}",
        "{\"Items\":[{\"a\":{\"S\":\"x\"}}],\"Count\":1,\"LastEvaluatedKey\":{\"a\":{\"S\":\"\xc3\"}}}",
    };
    static const char *const all[] = {"portable", "avx512", "avx2", "sse2", "neon"};
    for (size_t i = 0; i < array_length(pages); i++)
        for (size_t k = 0; k < array_length(all); k++) {
            char words[64];
            snprintf(words, sizeof words, "is not UTF-8 at byte %zu", utf8_prefix(pages[i], strlen(pages[i])));
            struct page_index index = {0};
            _cleanup_error_ struct error error = {0};
            if (!here(all[k]))
                continue;
            assert_false(page_slice_by(all[k], &index, pages[i], strlen(pages[i]), &error));
            assert_int_equal(error.code, ERROR_CORRUPT);
            assert_non_null(strstr(error.message, words));
            page_index_fini(&index);
        }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_width_of_vector_sees_the_same),
        cmocka_unit_test(what_is_no_text_is_found_by_every_width),
        cmocka_unit_test(types_are_counted_where_they_are_types),
        cmocka_unit_test(a_plain_page_is_counted_right),
        cmocka_unit_test(depth_leaves_the_same_doubt_everywhere),
        cmocka_unit_test(a_page_that_is_no_text_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
