/* SPDX-License-Identifier: Apache-2.0 */
/* PutLogEvents' limits, and what becomes of events that do not fit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/memory.h"
#include "report/logbook.h"

static void add(struct logbook *book, int64_t time, size_t length) {
    char *line = x_malloc(length + 1);
    memset(line, 'x', length);
    line[length] = '\0';
    logbook_add(book, time, line);
}

static void expect_written(const struct logbook *book, const char *json) {
    _cleanup_buffer_ struct buffer out = BUFFER_INIT(BUFFER_OURS);
    logbook_write(book, &out);
    assert_string_equal(out.data, json);
}

static void a_batch_holds_ten_thousand_events(void **state) {
    (void)state;
    struct logbook book;
    logbook_init(&book, "a");
    for (int i = 0; i < LOGBOOK_BATCH_EVENTS + 1; i++)
        add(&book, i, 1);
    assert_int_equal(logbook_take(&book), LOGBOOK_BATCH_EVENTS);
    logbook_sent(&book);
    assert_int_equal(logbook_take(&book), 1);
    logbook_fini(&book);
}

static void a_batch_holds_a_mebibyte_with_what_each_event_counts_beyond_its_own(void **state) {
    (void)state;
    struct logbook book;
    logbook_init(&book, "a");
    add(&book, 1, LOGBOOK_BATCH_BYTES / 2 - LOGBOOK_EVENT_OVERHEAD);
    add(&book, 2, LOGBOOK_BATCH_BYTES / 2 - LOGBOOK_EVENT_OVERHEAD);
    assert_int_equal(logbook_take(&book), 2);
    add(&book, 3, 1);
    logbook_sent(&book);
    assert_int_equal(logbook_take(&book), 1);
    logbook_fini(&book);
}

static void a_batch_spans_a_day_at_most(void **state) {
    (void)state;
    struct logbook book;
    logbook_init(&book, "a");
    add(&book, 1000, 1);
    add(&book, 1000 + LOGBOOK_BATCH_SPAN_MS, 1);
    add(&book, 999, 1); /* the clock was set back */
    assert_int_equal(logbook_take(&book), 2);
    logbook_sent(&book);
    assert_int_equal(logbook_take(&book), 1);
    logbook_fini(&book);
}

static void events_are_written_in_order_of_time(void **state) {
    (void)state;
    struct logbook book;
    logbook_init(&book, "a");
    logbook_add(&book, 5, x_strdup("b"));
    logbook_add(&book, 5, x_strdup("c"));
    logbook_add(&book, 4, x_strdup("\"a\""));
    assert_int_equal(logbook_take(&book), 3);
    const char *json = "[{\"timestamp\":4,\"message\":\"\\\"a\\\"\"},{\"timestamp\":5,\"message\":\"b\"},"
                       "{\"timestamp\":5,\"message\":\"c\"}]";
    expect_written(&book, json);
    logbook_put_back(&book);
    expect_written(&book, "[]");
    assert_int_equal(logbook_take(&book), 3);
    expect_written(&book, json);
    logbook_drop(&book);
    assert_int_equal(book.lost_total, 3);
    assert_int_equal(logbook_take(&book), 0);
    logbook_fini(&book);
}

static void a_full_book_loses_the_oldest_and_says_so_once(void **state) {
    (void)state;
    struct logbook book;
    logbook_init(&book, "a");
    for (int i = 0; i < 12; i++)
        add(&book, i, 100000);
    assert_true(book.held <= LOGBOOK_BYTES);
    assert_int_equal(book.lost, 2);
    assert_int_equal(logbook_take(&book), 11); /* with the line about the two */
    _cleanup_buffer_ struct buffer out = BUFFER_INIT(BUFFER_OURS);
    logbook_write(&book, &out);
    assert_ptr_equal(strstr(out.data, "[{\"timestamp\":2,\"message\":\"{\\\"level\\\":\\\"warning\\\""), out.data);
    assert_non_null(strstr(out.data, "a: 2 events before this one were lost"));
    assert_int_equal(book.lost, 0);
    /* The line itself stands for two where it falls out in its turn. */
    for (int i = 12; i < 24; i++)
        add(&book, i, 100000);
    logbook_put_back(&book);
    assert_int_equal(book.lost, 14);
    assert_int_equal(book.lost_total, 16);
    logbook_fini(&book);
}

static void a_line_is_json_with_what_the_event_has(void **state) {
    (void)state;
    _cleanup_free_ char *line = logbook_line(EVENT(EVENT_RUN_PROGRESS, .message = "x", .items = 0), "t");
    assert_string_equal(line, "{\"level\":\"debug\",\"event\":\"run-progress\",\"message\":\"t\",\"items\":0}");
    _cleanup_free_ char *other = logbook_line(EVENT(EVENT_RUN_WARNING, .job = "a", .run = "r"), "t");
    assert_string_equal(
        other, "{\"level\":\"warning\",\"event\":\"run-warning\",\"message\":\"t\",\"job\":\"a\",\"run\":\"r\"}");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_batch_holds_ten_thousand_events),
        cmocka_unit_test(a_batch_holds_a_mebibyte_with_what_each_event_counts_beyond_its_own),
        cmocka_unit_test(a_batch_spans_a_day_at_most),
        cmocka_unit_test(events_are_written_in_order_of_time),
        cmocka_unit_test(a_full_book_loses_the_oldest_and_says_so_once),
        cmocka_unit_test(a_line_is_json_with_what_the_event_has),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
