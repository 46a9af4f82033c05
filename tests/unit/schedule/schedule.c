/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Schedules in zones, against a judge that shares nothing with them: it walks minute by minute through what libc says that clocks
 * show, and looks each up in a set of its own.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/memory.h"
#include "schedule/schedule.h"

static struct zone *zone_of(const char *name) {
    struct zone *zone = zone_load(name, NULL);
    if (!zone && access("/usr/share/zoneinfo/Europe/Berlin", R_OK) != 0)
        skip();
    assert_non_null(zone);
    return zone;
}

static struct schedule *schedule_of(const char *text) {
    struct error error = {0};
    struct schedule *schedule = schedule_parse(text, &error);
    if (!schedule)
        fail_msg("%s", error.message);
    assert_string_equal(schedule_text(schedule), text);
    return schedule;
}

static int64_t utc(int year, int month, int day, int hour, int minute) {
    return civil_seconds(&(struct civil){year, month, day, hour, minute, 0});
}

/* The judge. A rule is written twice: as an expression, and as a predicate on a broken-down time. */

struct rule {
    const char *expression;
    bool (*runs)(const struct tm *tm);
    bool fixed; /* its hour begins without a star */
};

static bool at_two(const struct tm *tm) {
    return tm->tm_hour == 2 && tm->tm_min == 0;
}

static bool at_half_past_two(const struct tm *tm) {
    return tm->tm_hour == 2 && tm->tm_min == 30;
}

static bool every_quarter_at_night(const struct tm *tm) {
    return tm->tm_hour <= 3 && tm->tm_min % 15 == 0;
}

static bool every_ten_minutes(const struct tm *tm) {
    return tm->tm_min % 10 == 0;
}

static bool every_second_hour(const struct tm *tm) {
    return tm->tm_hour % 2 == 0 && tm->tm_min == 15;
}

static bool at_midnight(const struct tm *tm) {
    return tm->tm_hour == 0 && tm->tm_min == 0;
}

static bool sunday_or_the_first(const struct tm *tm) {
    return tm->tm_hour == 1 && tm->tm_min == 45 && (tm->tm_wday == 0 || tm->tm_mday == 1);
}

static bool spring_and_autumn(const struct tm *tm) {
    int month = tm->tm_mon + 1;
    return (month == 3 || month == 4 || month == 10 || month == 11) && tm->tm_wday == 0 && tm->tm_hour == 2 &&
           tm->tm_min == 10;
}

static const struct rule rules[] = {
    {"0 2 * * *", at_two, true},
    {"30 2 * * *", at_half_past_two, true},
    {"*/15 0-3 * * *", every_quarter_at_night, true},
    {"*/10 * * * *", every_ten_minutes, false},
    {"15 */2 * * *", every_second_hour, false},
    {"@daily", at_midnight, true},
    {"45 1 1 * sun", sunday_or_the_first, true},
    {"10 2 * mar,apr,oct,nov 7", spring_and_autumn, true},
};

/* What clocks show, in minutes since 1970 as if it were UTC. */
static int64_t shown_at(int64_t at, struct tm *tm) {
    time_t time = at;
    localtime_r(&time, tm);
    return (at + tm->tm_gmtoff) / 60;
}

/* Does `rule` run in a skipped stretch of local minutes? */
static bool skipped_one(const struct rule *rule, int64_t from, int64_t until) {
    for (int64_t minute = from; minute < until; minute++) {
        time_t as_utc = minute * 60;
        struct tm tm;
        gmtime_r(&as_utc, &tm);
        if (rule->runs(&tm))
            return true;
    }
    return false;
}

/* Compares with each instant at which the judge says that it runs; asked from anywhere before it, the answer is the same. */
static void compare(const struct schedule *schedule, const struct zone *zone, int64_t expected, int64_t at) {
    for (int64_t after = at - 1; after >= expected;
         after = after > expected && after - 7411 < expected ? expected : after - 7411) {
        int64_t next = 0;
        if (!schedule_next(schedule, zone, after, &next) || next != at)
            fail_msg("%s in %s after %lld: %lld, not %lld", schedule_text(schedule), zone_name(zone), (long long)after,
                     (long long)next, (long long)at);
    }
}

/* All rules over all minutes of [from, until); how often they ran. */
static size_t judge(const struct zone *zone, int64_t from, int64_t until) {
    struct schedule *schedules[array_length(rules)];
    int64_t expected[array_length(rules)];
    struct tm tm;
    size_t runs = 0;
    for (size_t i = 0; i < array_length(rules); i++) {
        schedules[i] = schedule_of(rules[i].expression);
        expected[i] = from - 1;
    }
    int64_t furthest = shown_at(from - 60, &tm);
    for (int64_t at = from; at < until; at += 60) {
        int64_t shown = shown_at(at, &tm);
        for (size_t i = 0; i < array_length(rules); i++) {
            const struct rule *rule = &rules[i];
            bool run = rule->runs(&tm) && (!rule->fixed || shown > furthest);
            if (rule->fixed && shown > furthest + 1)
                run = run || skipped_one(rule, furthest + 1, shown);
            if (!run)
                continue;
            compare(schedules[i], zone, expected[i], at);
            expected[i] = at;
            runs++;
        }
        furthest = shown > furthest ? shown : furthest;
    }
    for (size_t i = 0; i < array_length(rules); i++)
        schedule_free(schedules[i]);
    return runs;
}

static void every_run_is_the_judges(void **state) {
    (void)state;
    static const char *const zones[] = {"Asia/Ho_Chi_Minh",    "Europe/Berlin",     "America/New_York",
                                        "Australia/Lord_Howe", "Africa/Casablanca", "UTC",
                                        "America/St_Johns",    "Pacific/Chatham",   "America/Scoresbysund",
                                        "Antarctica/Troll",    "Atlantic/Azores"};
    for (size_t i = 0; i < array_length(zones); i++) {
        struct zone *zone = zone_of(zones[i]);
        setenv("TZ", zones[i], 1);
        tzset();
        assert_true(judge(zone, utc(2026, 1, 1, 0, 0), utc(2027, 1, 1, 0, 0)) > 60000);
        assert_true(judge(zone, utc(2045, 3, 1, 0, 0), utc(2045, 5, 1, 0, 0)) > 10000); /* by the footer's rule */
        zone_unref(zone);
    }
    unsetenv("TZ");
    tzset();
}

static void a_skipped_day_runs_once_when_it_is_over(void **state) {
    (void)state;
    struct zone *zone = zone_of("Pacific/Apia");
    setenv("TZ", "Pacific/Apia", 1);
    tzset();
    assert_true(judge(zone, utc(2011, 12, 1, 0, 0), utc(2012, 2, 1, 0, 0)) > 10000);
    zone_unref(zone);
    unsetenv("TZ");
    tzset();
}

static void expect(const char *expression, const char *zone_name_, int64_t after, int64_t wanted) {
    struct zone *zone = zone_of(zone_name_);
    struct schedule *schedule = schedule_of(expression);
    int64_t next = 0;
    assert_true(schedule_next(schedule, zone, after, &next));
    assert_int_equal(next, wanted);
    schedule_free(schedule);
    zone_unref(zone);
}

static void a_skipped_time_runs_at_the_end_of_the_gap(void **state) {
    (void)state;
    expect("30 2 * * *", "Europe/Berlin", utc(2026, 3, 28, 12, 0), utc(2026, 3, 29, 1, 0));
    expect("30 2 * * *", "Europe/Berlin", utc(2026, 3, 29, 1, 0), utc(2026, 3, 30, 0, 30));
    expect("* 2 * * *", "Europe/Berlin", utc(2026, 3, 29, 0, 30), utc(2026, 3, 29, 1, 0)); /* sixty become one */
    expect("* 2 * * *", "Europe/Berlin", utc(2026, 3, 29, 1, 0), utc(2026, 3, 30, 0, 0));
}

static void a_repeated_time_runs_once_unless_its_hour_is_a_star(void **state) {
    (void)state;
    expect("30 2 * * *", "Europe/Berlin", utc(2026, 10, 24, 12, 0), utc(2026, 10, 25, 0, 30));
    expect("30 2 * * *", "Europe/Berlin", utc(2026, 10, 25, 0, 30), utc(2026, 10, 26, 1, 30));
    expect("30 2 * * *", "Europe/Berlin", utc(2026, 10, 25, 1, 10),
           utc(2026, 10, 26, 1, 30)); /* asked in the second pass */
    expect("30 * * * *", "Europe/Berlin", utc(2026, 10, 25, 0, 30), utc(2026, 10, 25, 1, 30));
    expect("30 * * * *", "Europe/Berlin", utc(2026, 3, 29, 0, 30), utc(2026, 3, 29, 1, 30));
    expect("* * 2 * * *", "Europe/Berlin", utc(2026, 10, 25, 1, 0), utc(2026, 10, 26, 1, 0));
}

static void seconds_count(void **state) {
    (void)state;
    expect("*/20 * * * * *", "UTC", 1000000001, 1000000020);
    expect("5 0 2 * * *", "Asia/Ho_Chi_Minh", utc(2025, 7, 5, 12, 0), utc(2025, 7, 5, 19, 0) + 5);
}

static void there_may_be_no_time(void **state) {
    (void)state;
    struct zone *zone = zone_of("Europe/Berlin");
    struct schedule *schedule = schedule_of("0 0 30 2 *");
    int64_t next;
    assert_false(schedule_next(schedule, zone, utc(2026, 1, 1, 0, 0), &next));
    assert_false(schedule_next(schedule, zone, INT64_MAX, &next));
    assert_false(schedule_next(schedule, zone, INT64_MIN, &next));
    schedule_free(schedule);
    expect("0 0 29 2 *", "Europe/Berlin", utc(2096, 3, 1, 0, 0), utc(2104, 2, 28, 23, 0));
    zone_unref(zone);
    schedule_free(NULL);
    struct error error = {0};
    assert_null(schedule_parse("never", &error));
    assert_int_equal(error.code, ERROR_INVALID);
    error_clear(&error);
}

static void several_schedules_add_up(void **state) {
    (void)state;
    struct zone *zone = zone_of("UTC");
    struct schedule_list list = {0};
    int64_t next;
    assert_false(schedule_list_next(&list, zone, 0, &next));
    schedule_list_take(&list, schedule_of("0 0 30 2 *"));
    assert_false(schedule_list_next(&list, zone, 0, &next));
    schedule_list_take(&list, schedule_of("0 4 * * *"));
    schedule_list_take(&list, schedule_of("0 2 1 * *"));
    assert_true(schedule_list_next(&list, zone, utc(2026, 1, 1, 0, 0), &next));
    assert_int_equal(next, utc(2026, 1, 1, 2, 0));
    assert_true(schedule_list_next(&list, zone, utc(2026, 1, 1, 2, 0), &next));
    assert_int_equal(next, utc(2026, 1, 1, 4, 0));
    schedule_list_fini(&list);
    assert_int_equal(list.count, 0);
    zone_unref(zone);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_run_is_the_judges),
        cmocka_unit_test(a_skipped_day_runs_once_when_it_is_over),
        cmocka_unit_test(a_skipped_time_runs_at_the_end_of_the_gap),
        cmocka_unit_test(a_repeated_time_runs_once_unless_its_hour_is_a_star),
        cmocka_unit_test(seconds_count),
        cmocka_unit_test(there_may_be_no_time),
        cmocka_unit_test(several_schedules_add_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
