/* SPDX-License-Identifier: Apache-2.0 */
/* The calendar against libc's over eight hundred years, and each way of writing an instant there and back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/clock.h"

static void the_calendar_agrees_with_libc(void **state) {
    (void)state;
    for (int64_t seconds = -11676096000; seconds < 14000000000; seconds += 86400 * 3 + 12345) {
        time_t time = seconds;
        struct tm tm;
        gmtime_r(&time, &tm);
        struct civil civil = civil_from_seconds(seconds);
        assert_int_equal(civil.year, tm.tm_year + 1900);
        assert_int_equal(civil.month, tm.tm_mon + 1);
        assert_int_equal(civil.day, tm.tm_mday);
        assert_int_equal(civil.hour, tm.tm_hour);
        assert_int_equal(civil.minute, tm.tm_min);
        assert_int_equal(civil.second, tm.tm_sec);
        assert_int_equal(civil_seconds(&civil), seconds);
        int64_t days = civil_days(civil.year, civil.month, civil.day);
        assert_int_equal(civil_weekday(days), tm.tm_wday);
    }
}

static void february_knows_its_leap_years(void **state) {
    (void)state;
    assert_int_equal(civil_month_days(2024, 2), 29);
    assert_int_equal(civil_month_days(2025, 2), 28);
    assert_int_equal(civil_month_days(2000, 2), 29);
    assert_int_equal(civil_month_days(1900, 2), 28);
    assert_int_equal(civil_month_days(1900, 4), 30);
    assert_int_equal(civil_month_days(1900, 12), 31);
}

#define INSTANT INT64_C(1751767200) /* 2025-07-06 02:00:00 UTC, a Sunday */

static void an_instant_is_written_in_each_form(void **state) {
    (void)state;
    char text[TIME_TEXT];
    assert_string_equal(time_format_basic(text, INSTANT), "20250706T020000Z");
    assert_string_equal(time_format_iso(text, INSTANT), "2025-07-06T02:00:00Z");
    assert_string_equal(time_format_iso_ms(text, INSTANT * 1000 + 7), "2025-07-06T02:00:00.007Z");
    assert_string_equal(time_format_iso_ms(text, -1), "1969-12-31T23:59:59.999Z");
    assert_string_equal(time_format_http(text, INSTANT), "Sun, 06 Jul 2025 02:00:00 GMT");
    assert_string_equal(time_format_http(text, -1), "Wed, 31 Dec 1969 23:59:59 GMT");
}

static void each_form_is_read_back(void **state) {
    (void)state;
    char text[TIME_TEXT];
    for (int64_t seconds = 0; seconds < 8000000000; seconds += 86399 * 37) {
        int64_t read = -1;
        assert_true(time_parse_basic(time_format_basic(text, seconds), &read) && read == seconds);
        assert_true(time_parse_iso(time_format_iso(text, seconds), &read) && read == seconds);
        assert_true(time_parse_http(time_format_http(text, seconds), &read) && read == seconds);
    }
}

static void expect_iso(const char *text, int64_t wanted) {
    int64_t seconds = -1;
    assert_true(time_parse_iso(text, &seconds));
    assert_int_equal(seconds, wanted);
}

static void iso_takes_fractions_and_offsets(void **state) {
    (void)state;
    expect_iso("2025-07-06T02:00:00.5Z", INSTANT);
    expect_iso("2025-07-06T02:00:00.123456789Z", INSTANT);
    expect_iso("2025-07-06T09:00:00+07:00", INSTANT);
    expect_iso("2025-07-05T22:30:00-03:30", INSTANT);
    expect_iso("2016-12-31T23:59:60Z", 1483228800);
}

static void what_is_no_instant_is_refused(void **state) {
    (void)state;
    static const char *const iso[] = {
        "",
        "2025",
        "2025-",
        "2025-07",
        "2025-07-06",
        "2025-07-06 02:00:00Z",
        "2025-07-06T02",
        "2025-07-06T02:00",
        "2025-07-06T02:00:0",
        "2025-07-06T02:00:00",
        "2025-07-06T02:00:00.Z",
        "2025-07-06T02:00:00Zx",
        "2025-07-06T02:00:00+",
        "2025-07-06T02:00:00+07",
        "2025-07-06T02:00:00+0700",
        "2025-07-06T02:00:00+24:00",
        "2025-07-06T02:00:00+07:60",
        "2025-07-06T02:00:00+07:6",
        "2025-13-06T02:00:00Z",
        "2025-00-06T02:00:00Z",
        "2025-02-29T02:00:00Z",
        "2025-07-00T02:00:00Z",
        "2025-07-06T24:00:00Z",
        "2025-07-06T02:60:00Z",
        "2025-07-06T02:00:61Z",
        "+025-07-06T02:00:00Z",
    };
    static const char *const basic[] = {"",
                                        "2025",
                                        "202507",
                                        "20250706",
                                        "20250706T",
                                        "20250706T02",
                                        "20250706T0200",
                                        "20250706T020000",
                                        "20250706T020000Zx",
                                        "20251306T020000Z",
                                        "20250706x020000Z"};
    static const char *const http[] = {"",
                                       "Sun",
                                       "Sunday, 06 Jul 2025 02:00:00 GMT",
                                       "Sun,06 Jul 2025 02:00:00 GMT",
                                       "Sun, 6 Jul 2025 02:00:00 GMT",
                                       "Sun, 06 July 2025 02:00:00 GMT",
                                       "Sun, 06 Foo 2025 02:00:00 GMT",
                                       "Sun, 06 Jul 25 02:00:00 GMT",
                                       "Sun, 06 Jul 2025",
                                       "Sun, 06 Jul 2025 02",
                                       "Sun, 06 Jul 2025 02:00",
                                       "Sun, 06 Jul 2025 02:00:00",
                                       "Sun, 06 Jul 2025 02:00:00 UTC",
                                       "Sun, 32 Jul 2025 02:00:00 GMT"};
    int64_t seconds = 7;
    for (size_t i = 0; i < sizeof iso / sizeof *iso; i++)
        assert_false(time_parse_iso(iso[i], &seconds));
    for (size_t i = 0; i < sizeof basic / sizeof *basic; i++)
        assert_false(time_parse_basic(basic[i], &seconds));
    for (size_t i = 0; i < sizeof http / sizeof *http; i++)
        assert_false(time_parse_http(http[i], &seconds));
    assert_int_equal(seconds, 7);
}

static void expect_text(void (*format)(struct buffer *, int64_t), int64_t value, const char *wanted) {
    _cleanup_buffer_ struct buffer out = BUFFER_INIT(BUFFER_OURS);
    format(&out, value);
    assert_string_equal(out.data, wanted);
}

static void size_of(struct buffer *out, int64_t bytes) {
    format_size(out, (uint64_t)bytes);
}

static void count_of(struct buffer *out, int64_t count) {
    format_count(out, (uint64_t)count);
}

static void durations_sizes_and_counts_are_for_a_person(void **state) {
    (void)state;
    expect_text(format_duration, 0, "0 ms");
    expect_text(format_duration, 999, "999 ms");
    expect_text(format_duration, 45300, "45.3 s");
    expect_text(format_duration, 60000, "1min 0s");
    expect_text(format_duration, 5400000, "1h 30min");
    expect_text(format_duration, 90000000, "1d 1h");
    expect_text(size_of, 0, "0 B");
    expect_text(size_of, 1023, "1023 B");
    expect_text(size_of, 1024, "1.0 KiB");
    expect_text(size_of, 13002342, "12.3 MiB");
    expect_text(size_of, -1, "15.9 EiB");
    expect_text(count_of, 0, "0");
    expect_text(count_of, 999, "999");
    expect_text(count_of, 1234567, "1,234,567");
    expect_text(count_of, -1, "18,446,744,073,709,551,615");
}

static void clocks_go_forward(void **state) {
    (void)state;
    int64_t before = clock_monotonic();
    assert_true(clock_monotonic() >= before);
    assert_true(clock_wall() > INSTANT * 1000);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_calendar_agrees_with_libc),
        cmocka_unit_test(february_knows_its_leap_years),
        cmocka_unit_test(an_instant_is_written_in_each_form),
        cmocka_unit_test(each_form_is_read_back),
        cmocka_unit_test(iso_takes_fractions_and_offsets),
        cmocka_unit_test(what_is_no_instant_is_refused),
        cmocka_unit_test(durations_sizes_and_counts_are_for_a_person),
        cmocka_unit_test(clocks_go_forward),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
