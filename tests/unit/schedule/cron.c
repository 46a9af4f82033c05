/* SPDX-License-Identifier: Apache-2.0 */
/* Expressions: what is understood, what is refused and in which words, and the local times that they name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "cron.h"

static struct cron parsed(const char *text) {
    struct cron cron;
    struct error error = {0};
    if (!cron_parse(text, &cron, &error))
        fail_msg("%s", error.message);
    return cron;
}

static void fields_become_bits(void **state) {
    (void)state;
    struct cron cron = parsed("5,10-12,*/30 0-23/6 1,31 jan-MAR,12 Mon-fri");
    assert_int_equal(cron.seconds, 1);
    assert_int_equal(cron.minutes, 1 << 5 | 1 << 10 | 1 << 11 | 1 << 12 | 1 | 1 << 30);
    assert_int_equal(cron.hours, 1 | 1 << 6 | 1 << 12 | 1 << 18);
    assert_int_equal(cron.days, 1 << 1 | 1U << 31);
    assert_int_equal(cron.months, 1 << 1 | 1 << 2 | 1 << 3 | 1 << 12);
    assert_int_equal(cron.weekdays, 0x3e);
    assert_false(cron.every_hour || cron.days_open || cron.weekdays_open);
}

static void six_fields_begin_with_seconds(void **state) {
    (void)state;
    struct cron cron = parsed("  */20\t7 * * * *  ");
    assert_int_equal(cron.seconds, 1 | 1 << 20 | (int64_t)1 << 40);
    assert_int_equal(cron.minutes, 1 << 7);
    assert_true(cron.every_hour && cron.days_open && cron.weekdays_open);
}

static void sunday_is_0_and_7_and_ends_a_range(void **state) {
    (void)state;
    assert_int_equal(parsed("0 0 * * 7").weekdays, 1);
    assert_int_equal(parsed("0 0 * * 0-7").weekdays, 0x7f);
    assert_int_equal(parsed("0 0 * * 5-7").weekdays, 1 << 5 | 1 << 6 | 1);
    assert_int_equal(parsed("0 0 * * sat-sun").weekdays, 1 << 6 | 1);
    assert_int_equal(parsed("0 0 * * */2").weekdays, 1 | 1 << 2 | 1 << 4 | 1 << 6);
}

static void shorthands_are_expressions(void **state) {
    (void)state;
    static const char *const same[][2] = {
        {"@hourly", "0 * * * *"},  {"@Daily", "0 0 * * *"},  {" @midnight ", "0 0 * * *"}, {"@weekly", "0 0 * * 0"},
        {"@monthly", "0 0 1 * *"}, {"@yearly", "0 0 1 1 *"}, {"@annually", "0 0 1 1 *"}};
    for (size_t i = 0; i < array_length(same); i++) {
        struct cron a = parsed(same[i][0]), b = parsed(same[i][1]);
        assert_memory_equal(&a, &b, sizeof a);
    }
}

static void expect_refusal(const char *text, const char *words) {
    struct cron cron;
    struct error error = {0};
    if (cron_parse(text, &cron, &error))
        fail_msg("accepted: %s", text);
    assert_int_equal(error.code, ERROR_INVALID);
    if (!strstr(error.message, words))
        fail_msg("\"%s\" is not in: %s", words, error.message);
    error_clear(&error);
}

static void what_is_wrong_is_named_with_its_field(void **state) {
    (void)state;
    expect_refusal("", "0 fields");
    expect_refusal("0 2 * *", "4 fields; accepted are five");
    expect_refusal("0 2 * * * * 2026", "7 fields");
    expect_refusal("60 2 * * *", "minute \"60\": 60 is out of range; accepted are *, 0-59");
    expect_refusal("60 0 2 * * *", "second \"60\"");
    expect_refusal("0 24 * * *", "hour \"24\"");
    expect_refusal("0 2 0 * *", "day of month \"0\"");
    expect_refusal("0 2 * 13 *", "month \"13\": 13 is out of range; accepted are *, 1-12 or jan-dec");
    expect_refusal("0 2 * * 8", "day of week \"8\"");
    expect_refusal("0 2 * foo *", "month \"foo\": not understood");
    expect_refusal("0 2 * * mond", "not understood");
    expect_refusal("0 5-1 * * *", "backwards");
    expect_refusal("*/0 * * * *", "a step is from 1 to 60");
    expect_refusal("*/61 * * * *", "a step is from 1 to 60");
    expect_refusal("* * * * */8", "a step is from 1 to 7");
    expect_refusal("*/ * * * *", "not understood");
    expect_refusal("*/2x * * * *", "not understood");
    expect_refusal("5/15 * * * *", "a step needs a range or a star: 5-59/15");
    expect_refusal("1, * * * *", "minute \"\": not understood");
    expect_refusal("1- * * * *", "not understood");
    expect_refusal("*5 * * * *", "not understood");
    expect_refusal("-1 * * * *", "not understood");
    expect_refusal("99999999999999999999 * * * *", "out of range");
    expect_refusal("@reboot", "\"@reboot\" is no schedule; accepted are @hourly");
    expect_refusal("0 24 * * *", "\"0 24 * * *\": hour");
}

static int64_t at(int year, int month, int day, int hour, int minute, int second) {
    return civil_seconds(&(struct civil){year, month, day, hour, minute, second});
}

static void expect_next(const char *text, int64_t from, int64_t next) {
    struct cron cron = parsed(text);
    int64_t local = 0;
    bool found = cron_next(&cron, from, from + (int64_t)50 * 366 * 86400, &local);
    char wanted[TIME_TEXT], got[TIME_TEXT];
    if (!found || local != next)
        fail_msg("%s: %s, not %s", text, found ? time_format_iso(got, local) : "none", time_format_iso(wanted, next));
}

static void the_next_time_is_found_by_fields(void **state) {
    (void)state;
    int64_t from = at(2025, 7, 6, 2, 0, 0);
    expect_next("0 2 * * *", from, from);
    expect_next("0 2 * * *", from + 1, from + 86400);
    expect_next("59 59 23 31 12 *", from, at(2025, 12, 31, 23, 59, 59));
    expect_next("0 0 29 2 *", from, at(2028, 2, 29, 0, 0, 0));
    expect_next("0 0 31 * *", at(2025, 9, 1, 0, 0, 0), at(2025, 10, 31, 0, 0, 0));
    expect_next("*/7 * * * * *", from + 58, from + 60);
    expect_next("30 5 2 * * *", from + 5 * 60 + 31, at(2025, 7, 7, 2, 5, 30));
    expect_next("30 5,9 2,4 * * *", from + 5 * 60 + 31, at(2025, 7, 6, 2, 9, 30));
    expect_next("30 5,9 2,4 * * *", from + 9 * 60 + 31, at(2025, 7, 6, 4, 5, 30));
    expect_next("0 12 * * *", at(1960, 2, 29, 13, 0, 0), at(1960, 3, 1, 12, 0, 0));
}

static void restricted_days_match_either_way_and_stars_both(void **state) {
    (void)state;
    int64_t from = at(2025, 7, 1, 0, 0, 0);                   /* a Tuesday */
    expect_next("0 0 13 * 5", from, at(2025, 7, 4, 0, 0, 0)); /* the first Friday, or the 13th */
    expect_next("0 0 13 * 5", at(2025, 7, 12, 0, 0, 0), at(2025, 7, 13, 0, 0, 0));
    expect_next("0 0 * * 5", from, at(2025, 7, 4, 0, 0, 0));
    expect_next("0 0 13 * *", from, at(2025, 7, 13, 0, 0, 0));
    expect_next("0 0 */2 * 5", from, at(2025, 7, 11, 0, 0, 0)); /* begins with a star: odd days that are Fridays */
    expect_next("0 0 1 1 1", at(2025, 2, 1, 0, 0, 0), at(2026, 1, 1, 0, 0, 0));
}

static void there_may_be_none(void **state) {
    (void)state;
    struct cron cron = parsed("0 0 30 2 *");
    int64_t local, from = at(2025, 1, 1, 0, 0, 0);
    assert_false(cron_next(&cron, from, from + (int64_t)50 * 366 * 86400, &local));
    cron = parsed("0 2 * * *");
    assert_false(cron_next(&cron, from + 7201, from + 86400, &local));
    assert_false(cron_next(&cron, from + 7201, from + 86400 + 7200, &local));
    assert_true(cron_next(&cron, from + 7201, from + 86400 + 7201, &local));
    assert_false(cron_next(&cron, from, from, &local));
    assert_false(cron_next(&cron, from, from - 86400, &local));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_become_bits),
        cmocka_unit_test(six_fields_begin_with_seconds),
        cmocka_unit_test(sunday_is_0_and_7_and_ends_a_range),
        cmocka_unit_test(shorthands_are_expressions),
        cmocka_unit_test(what_is_wrong_is_named_with_its_field),
        cmocka_unit_test(the_next_time_is_found_by_fields),
        cmocka_unit_test(restricted_days_match_either_way_and_stars_both),
        cmocka_unit_test(there_may_be_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
