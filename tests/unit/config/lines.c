/* SPDX-License-Identifier: Apache-2.0 */
/* Logical lines: comments, continuation, the numbers that messages need, and what is no text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/memory.h"
#include "config/lines.h"

struct expected {
    unsigned line;
    const char *text; /* NULL: no text; "": too long */
};

static void expect_bytes(const char *bytes, size_t length, const struct expected *expected, size_t count) {
    struct config_lines lines;
    config_lines_init(&lines, bytes, length);
    for (size_t i = 0; i < count; i++) {
        enum config_line kind = config_lines_next(&lines);
        assert_int_equal(lines.line, expected[i].line);
        if (!expected[i].text) {
            assert_int_equal(kind, CONFIG_LINE_NOT_TEXT);
        } else if (!*expected[i].text) {
            assert_int_equal(kind, CONFIG_LINE_TOO_LONG);
        } else {
            assert_int_equal(kind, CONFIG_LINE_TEXT);
            assert_string_equal(lines.text.data, expected[i].text);
            assert_int_equal(lines.text.length, strlen(expected[i].text));
        }
    }
    assert_int_equal(config_lines_next(&lines), CONFIG_LINE_NONE);
    assert_int_equal(config_lines_next(&lines), CONFIG_LINE_NONE);
    config_lines_fini(&lines);
}

#define expect(bytes, ...)                                                                                             \
    expect_bytes(bytes, strlen(bytes), (const struct expected[]){__VA_ARGS__},                                         \
                 sizeof((const struct expected[]){__VA_ARGS__}) / sizeof(struct expected))

static void nothing_has_no_line(void **state) {
    (void)state;
    expect_bytes("", 0, NULL, 0);
    expect_bytes("\n\n \t \n", 6, NULL, 0);
    expect_bytes("# one\n; two", 11, NULL, 0);
}

static void white_space_around_a_line_does_not_count(void **state) {
    (void)state;
    expect("  a = b \t\r\n\r\n[c]", {1, "a = b"}, {3, "[c]"});
}

static void a_comment_stands_at_the_start_of_a_line_only(void **state) {
    (void)state;
    expect("#x\n  ;y\na=b ; c # d\n", {3, "a=b ; c # d"});
}

static void a_backslash_continues_a_line(void **state) {
    (void)state;
    expect("a=1 \\\n   2\\\n3\nb=4", {1, "a=1  2 3"}, {4, "b=4"});
}

static void comments_within_a_continued_line_are_left_out(void **state) {
    (void)state;
    expect("a=1\\\n# why\n  ; more\n2\nb=3", {1, "a=1 2"}, {5, "b=3"});
}

static void a_blank_line_ends_a_continued_one(void **state) {
    (void)state;
    expect("a=1\\\n\nb=2", {1, "a=1"}, {3, "b=2"});
}

static void the_end_of_the_file_ends_a_continued_line(void **state) {
    (void)state;
    expect("a=1\\", {1, "a=1"});
    expect("a=1\\\n", {1, "a=1"});
    expect("a=1\\\n# b\n", {1, "a=1"});
}

static void two_backslashes_are_two_backslashes(void **state) {
    (void)state;
    expect("a=1\\\\\nb=2\\\\\\\n3", {1, "a=1\\\\"}, {2, "b=2\\\\ 3"});
}

static void a_byte_order_mark_is_no_text(void **state) {
    (void)state;
    expect("\xef\xbb\xbf[Job]", {1, "[Job]"});
}

static void control_characters_and_bad_utf8_are_told(void **state) {
    (void)state;
    expect("a=\x01\nb=\x7f\nc=\xff\nd=\tx\ne=\xc3\xbc\nf=\rg", {1, NULL}, {2, NULL}, {3, NULL}, {4, "d=\tx"},
           {5, "e=\xc3\xbc"}, {6, NULL});
    expect_bytes("\0\1", 2, (const struct expected[]){{1, NULL}}, 1);
}

static void a_line_of_64_KiB_is_the_longest(void **state) {
    (void)state;
    size_t most = CONFIG_LINE_LIMIT;
    _cleanup_free_ char *text = x_malloc(most + 8);
    memset(text, 'x', most);
    memcpy(text + most, "\nb", 3);
    struct config_lines lines;
    config_lines_init(&lines, text, most + 2);
    assert_int_equal(config_lines_next(&lines), CONFIG_LINE_TEXT);
    assert_int_equal(lines.text.length, most);
    config_lines_fini(&lines);
    memcpy(text + most, "x\nb", 4);
    expect(text, {1, ""}, {2, "b"});
    memcpy(text + most - 1, "\\\nxx\nb", 7);
    expect(text, {1, ""}, {3, "b"});
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_has_no_line),
        cmocka_unit_test(white_space_around_a_line_does_not_count),
        cmocka_unit_test(a_comment_stands_at_the_start_of_a_line_only),
        cmocka_unit_test(a_backslash_continues_a_line),
        cmocka_unit_test(comments_within_a_continued_line_are_left_out),
        cmocka_unit_test(a_blank_line_ends_a_continued_one),
        cmocka_unit_test(the_end_of_the_file_ends_a_continued_line),
        cmocka_unit_test(two_backslashes_are_two_backslashes),
        cmocka_unit_test(a_byte_order_mark_is_no_text),
        cmocka_unit_test(control_characters_and_bad_utf8_are_told),
        cmocka_unit_test(a_line_of_64_KiB_is_the_longest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
