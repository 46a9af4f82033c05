/* SPDX-License-Identifier: Apache-2.0 */
/* An answer's headers: what is kept, and where it ends. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "http/head.h"

static struct http_head head;

static int set_up(void **state) {
    (void)state;
    http_head_init(&head);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    http_head_fini(&head);
    return 0;
}

static void hear(const char *line) {
    struct error error = {0};
    assert_true(http_head_line(&head, line, strlen(line), &error));
}

static const char *value_of(const char *name) {
    const struct http_answer answer = {.headers = http_head_list(&head), .header_count = head.count};
    return http_answer_header(&answer, name);
}

static void names_are_lower_case_and_values_trimmed(void **state) {
    (void)state;
    hear("HTTP/1.1 200 OK\r\n");
    hear("Content-Type: \t text/plain \r\n");
    hear("X-Empty:\r\n");
    hear("ETag:\"a:b\"\r\n");
    hear("\r\n");
    assert_string_equal(value_of("content-type"), "text/plain");
    assert_string_equal(value_of("x-empty"), "");
    assert_string_equal(value_of("etag"), "\"a:b\"");
    assert_null(value_of("date"));
}

static void the_first_of_two_counts(void **state) {
    (void)state;
    hear("Date: one\r\n");
    hear("date: two\r\n");
    assert_string_equal(value_of("date"), "one");
    assert_int_equal(head.count, 2);
}

static void an_interim_answer_is_forgotten(void **state) {
    (void)state;
    hear("HTTP/1.1 100 Continue\r\n");
    hear("X-Interim: 1\r\n");
    hear("\r\n");
    hear("HTTP/1.1 200 OK\r\n");
    assert_null(value_of("x-interim"));
}

static void lines_that_are_no_headers_are_ignored(void **state) {
    (void)state;
    hear("");
    hear(": nameless\r\n");
    hear(" folded: line\r\n");
    hear("no colon\r\n");
    assert_int_equal(head.count, 0);
}

static void the_hundred_and_first_header_is_refused(void **state) {
    (void)state;
    _cleanup_error_ struct error error = {0};
    for (int i = 0; i < HTTP_HEADERS_MOST; i++)
        hear("A: b\r\n");
    assert_false(http_head_line(&head, "A: b\r\n", 6, &error));
    assert_int_equal(error.code, ERROR_TOO_LARGE);
    assert_string_equal(error.message, "the answer has more than 100 headers");
}

static void more_than_32_kib_are_refused(void **state) {
    (void)state;
    _cleanup_error_ struct error error = {0};
    char line[20000];
    snprintf(line, sizeof line, "A: %019990d\r\n", 0);
    hear(line);
    assert_false(http_head_line(&head, line, strlen(line), &error));
    assert_int_equal(error.code, ERROR_TOO_LARGE);
    assert_string_equal(error.message, "the answer's headers are longer than 32 KiB");
}

#define WITH_HEAD(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_HEAD(names_are_lower_case_and_values_trimmed), WITH_HEAD(the_first_of_two_counts),
        WITH_HEAD(an_interim_answer_is_forgotten),          WITH_HEAD(lines_that_are_no_headers_are_ignored),
        WITH_HEAD(the_hundred_and_first_header_is_refused), WITH_HEAD(more_than_32_kib_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
