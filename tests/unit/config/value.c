/* SPDX-License-Identifier: Apache-2.0 */
/* Values as people write them, and the forms that are refused rather than guessed. */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/memory.h"
#include "config/config.h"
#include "config/value.h"

static void expect_span(const char *text, int64_t wanted) {
    int64_t ms = -1;
    assert_true(value_span(text, &ms));
    assert_int_equal(ms, wanted);
}

static void spans_are_those_of_systemd(void **state) {
    (void)state;
    expect_span("0", 0);
    expect_span("90", 90 * SECOND_MS);
    expect_span("90s", 90 * SECOND_MS);
    expect_span("5min", 5 * MINUTE_MS);
    expect_span("5m", 5 * MINUTE_MS);
    expect_span("1h 30min", 90 * MINUTE_MS);
    expect_span(" 1h30min ", 90 * MINUTE_MS);
    expect_span("1 hour 30 minutes 1 second", 90 * MINUTE_MS + SECOND_MS);
    expect_span("7d", 7 * DAY_MS);
    expect_span("2weeks", 14 * DAY_MS);
    expect_span("1M", INT64_C(2629800000));
    expect_span("1y", INT64_C(31557600000));
    expect_span("1.5h", 90 * MINUTE_MS);
    expect_span("0.25 d", 6 * HOUR_MS);
    expect_span("500ms", 500);
    expect_span("1500us", 1);
    expect_span("2000\u00b5s", 2);
    expect_span("1.0000000000000001s", 1000);
}

static void what_is_no_span_is_refused(void **state) {
    (void)state;
    static const char *const bad[] = {"",
                                      " ",
                                      "s",
                                      "h1",
                                      "1x",
                                      "1.s",
                                      "1.",
                                      ".5h",
                                      "1..5h",
                                      "-1s",
                                      "1h,2m",
                                      "1 h x",
                                      "1sec2x",
                                      "1S",
                                      "infinity",
                                      "1e3",
                                      "0x10",
                                      "99999999999999999999",
                                      "999999999999999y",
                                      "9223372036854775807h",
                                      "18446744073709551615us 1us",
                                      "18446744073709.9s",
                                      "18446744073709551615.9us 1s"};
    for (size_t i = 0; i < array_length(bad); i++) {
        int64_t ms = -1;
        if (value_span(bad[i], &ms))
            fail_msg("%s was taken for %" PRId64, bad[i], ms);
        assert_int_equal(ms, -1);
    }
}

static void expect_period(const char *text, int years, int months, int days, int64_t ms) {
    struct config_period period;
    assert_true(value_period(text, &period));
    assert_int_equal(period.years, years);
    assert_int_equal(period.months, months);
    assert_int_equal(period.days, days);
    assert_int_equal(period.ms, ms);
}

/* What is written is read back as the same. */
static void expect_period_text(const char *text, const char *wanted) {
    struct config_period period = {0}, again = {0};
    _cleanup_buffer_ struct buffer out = BUFFER_INIT(BUFFER_OURS);
    assert_true(value_period(text, &period));
    value_format_period(&out, &period);
    assert_string_equal(out.data, wanted);
    assert_true(value_period(out.data, &again));
    assert_memory_equal(&again, &period, sizeof period);
}

static void a_period_keeps_the_calendars_units_apart(void **state) {
    (void)state;
    expect_period("30d", 0, 0, 30, 0);
    expect_period("1y 6months", 1, 6, 0, 0);
    expect_period("2y5M7d3h", 2, 5, 7, 3 * HOUR_MS);
    expect_period(" 4 w 1day ", 0, 0, 29, 0);
    expect_period("36h", 0, 0, 0, 36 * HOUR_MS);
    expect_period_text("1y 6months 2w 36h 1s", "1y 6M 14d 36h 1s");
    expect_period_text("90min", "1h 30min");
    expect_period_text("1s", "1s");
    expect_period("90min 5s", 0, 0, 0, 90 * MINUTE_MS + 5 * SECOND_MS);
}

/* restic's "5m" are months, systemd's minutes: who means the one must not get the other. */
static void what_is_no_period_is_refused(void **state) {
    (void)state;
    static const char *const bad[] = {"",
                                      " ",
                                      "0",
                                      "0d",
                                      "7",
                                      "5m",
                                      "1y5m",
                                      "d",
                                      "1.5d",
                                      "1d,2h",
                                      "1x",
                                      "100001d",
                                      "-1d",
                                      "1d 2",
                                      "1 d x",
                                      "0us",
                                      "1us",
                                      "1y m",
                                      "1D",
                                      "unlimited",
                                      "1e3",
                                      "0x10d",
                                      "1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d"};
    for (size_t i = 0; i < array_length(bad); i++) {
        struct config_period period;
        if (value_period(bad[i], &period))
            fail_msg("%s was taken for a period", bad[i]);
    }
}

static void expect_size(const char *text, uint64_t wanted) {
    uint64_t bytes = 7;
    assert_true(value_size(text, &bytes));
    assert_int_equal(bytes, wanted);
}

static void sizes_are_powers_of_1024(void **state) {
    (void)state;
    expect_size("0", 0);
    expect_size("65536", 65536);
    expect_size("64K", 65536);
    expect_size("64M", 67108864);
    expect_size("5G", UINT64_C(5368709120));
    expect_size("1T", UINT64_C(1) << 40);
    expect_size("17179869183G", UINT64_C(17179869183) << 30);
}

static void what_is_no_size_is_refused(void **state) {
    (void)state;
    static const char *const bad[] = {"",     "M",  "64m",  "64MB",         "64 M",
                                      "1.5G", "-1", "64MM", "17179869184G", "99999999999999999999"};
    uint64_t bytes = 7;
    for (size_t i = 0; i < array_length(bad); i++)
        assert_false(value_size(bad[i], &bytes));
    assert_int_equal(bytes, 7);
}

static void numbers_are_digits(void **state) {
    (void)state;
    uint64_t number = 7;
    assert_true(value_number("0042", &number) && number == 42);
    assert_true(value_number("18446744073709551615", &number) && number == UINT64_MAX);
    assert_false(value_number("", &number));
    assert_false(value_number("18446744073709551616", &number));
    assert_false(value_number("1 ", &number));
    assert_false(value_number("+1", &number));
    assert_true(value_percent("20%", &number) && number == 20);
    assert_false(value_percent("20", &number));
    assert_false(value_percent("20%%", &number));
    assert_false(value_percent("%", &number));
    assert_int_equal(number, 20);
}

static void booleans_have_eight_words(void **state) {
    (void)state;
    static const char *const yes[] = {"yes", "true", "on", "1", "YES", "True"};
    static const char *const no[] = {"no", "false", "off", "0", "No"};
    static const char *const bad[] = {"", "y", "n", "2", "maybe", "yes ", "enabled"};
    bool value;
    for (size_t i = 0; i < array_length(yes); i++)
        assert_true(value_boolean(yes[i], &value) && value);
    for (size_t i = 0; i < array_length(no); i++)
        assert_true(value_boolean(no[i], &value) && !value);
    for (size_t i = 0; i < array_length(bad); i++)
        assert_false(value_boolean(bad[i], &value));
}

static void expect_span_text(int64_t ms, const char *wanted) {
    _cleanup_buffer_ struct buffer out = BUFFER_INIT(BUFFER_OURS);
    value_format_span(&out, ms);
    assert_string_equal(out.data, wanted);
    expect_span(wanted, ms);
}

static void expect_size_text(uint64_t bytes, const char *wanted) {
    _cleanup_buffer_ struct buffer out = BUFFER_INIT(BUFFER_OURS);
    value_format_size(&out, bytes);
    assert_string_equal(out.data, wanted);
    expect_size(wanted, bytes);
}

static void what_is_written_is_read_back(void **state) {
    (void)state;
    expect_span_text(0, "0");
    expect_span_text(1, "1ms");
    expect_span_text(90 * MINUTE_MS, "1h 30min");
    expect_span_text(7 * DAY_MS, "7d");
    expect_span_text(DAY_MS + 1001, "1d 1s 1ms");
    expect_size_text(0, "0");
    expect_size_text(1023, "1023");
    expect_size_text(1024, "1K");
    expect_size_text(64 << 20, "64M");
    expect_size_text(UINT64_C(1) << 50, "1024T");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(spans_are_those_of_systemd),   cmocka_unit_test(what_is_no_span_is_refused),
        cmocka_unit_test(sizes_are_powers_of_1024),     cmocka_unit_test(what_is_no_size_is_refused),
        cmocka_unit_test(numbers_are_digits),           cmocka_unit_test(booleans_have_eight_words),
        cmocka_unit_test(what_is_written_is_read_back), cmocka_unit_test(a_period_keeps_the_calendars_units_apart),
        cmocka_unit_test(what_is_no_period_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
