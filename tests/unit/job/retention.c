/* SPDX-License-Identifier: Apache-2.0 */
/* The rules by hand: what each keeps, where zones and calendars are odd, and the words for it. Random histories, and restic as the
 * judge: tests/integration/test_retention.py. */
#include "job/retention.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/memory.h"

#define MOST 8

struct story {
    struct retention_backup backups[MOST];
    size_t count;
    struct retention_rules rules;
    struct retention_verdict verdicts[MOST];
    struct zone *zone;
    int64_t now;
};

static int64_t at(const char *iso) {
    int64_t seconds;
    assert_true(time_parse_iso(iso, &seconds));
    return seconds * SECOND_MS;
}

/* Backups "a", "b", ... that started then. */
static struct story story_of(const char *zone, const char *now, const char *const *starts) {
    static const char *const names[MOST] = {"a", "b", "c", "d", "e", "f", "g", "h"};
    struct story story = {.zone = zone_load(zone, NULL), .now = at(now)};
    assert_non_null(story.zone);
    for (; starts[story.count]; story.count++)
        story.backups[story.count] = (struct retention_backup){names[story.count], at(starts[story.count]), true};
    return story;
}

#define STORY(zone, now, ...) story_of(zone, now, (const char *const[]){__VA_ARGS__, NULL})

/* Decides; `kept` are the names that must stay. */
static void expect(struct story *story, const char *kept) {
    struct retention_history history = {story->backups, story->count, story->zone, story->now};
    char found[MOST + 1] = "";
    size_t length = 0;
    retention_decide(&story->rules, &history, story->verdicts);
    for (size_t i = 0; i < story->count; i++)
        if (story->verdicts[i].keep)
            found[length++] = story->backups[i].id[0];
    assert_string_equal(found, kept);
}

static void expect_words(const struct story *story, size_t i, const char *words) {
    struct buffer out = BUFFER_INIT(BUFFER_OURS);
    retention_explain(&out, &story->rules, &story->verdicts[i], story->backups[i].started, story->zone);
    assert_string_equal(out.data, words);
    buffer_fini(&out);
}

static void story_fini(struct story *story) {
    zone_unref(story->zone);
}

static void without_a_rule_all_are_kept(void **state) {
    (void)state;
    struct story story = STORY("UTC", "2026-11-20T12:00:00Z", "2020-01-01T00:00:00Z", "2026-11-20T00:00:00Z");
    assert_false(retention_has_rules(&story.rules));
    expect(&story, "ab");
    expect_words(&story, 0, "no Keep key is set: all are kept");
    expect_words(&story, 1, "no Keep key is set: all are kept");
    story_fini(&story);
}

static void rules_come_from_the_jobs_keys(void **state) {
    (void)state;
    struct job_config job = {.keep_last = 1,
                             .keep_hourly = 2,
                             .keep_daily = 3,
                             .keep_weekly = 4,
                             .keep_monthly = 5,
                             .keep_yearly = 6,
                             .keep_within = {.days = 7}};
    struct retention_rules rules = retention_rules_of(&job);
    for (unsigned i = 0; i < RETENTION_COUNTED; i++)
        assert_int_equal(rules.keep[i], i + 1);
    assert_int_equal(rules.within.days, 7);
    assert_true(retention_has_rules(&rules));
    job = (struct job_config){.keep_within = {.ms = 1}};
    rules = retention_rules_of(&job);
    assert_true(retention_has_rules(&rules));
}

static void each_rule_counts_on_its_own(void **state) {
    (void)state;
    struct story story = STORY("UTC", "2026-11-20T12:00:00Z", "2026-11-18T10:00:00Z", "2026-11-18T12:00:00Z",
                               "2026-11-19T10:00:00Z", "2026-11-20T10:00:00Z", "2026-11-20T10:30:00Z");
    story.rules.keep[RETENTION_LAST] = 1;
    story.rules.keep[RETENTION_DAILY] = 3;
    expect(&story, "bce");
    expect_words(&story, 0, "KeepLast=1: all 1 are newer; KeepDaily=3: 2026-11-18 has a newer one");
    expect_words(&story, 1, "KeepDaily=3: newest of 2026-11-18, 3 of 3");
    expect_words(&story, 4, "KeepLast=1: 1 of 1; KeepDaily=3: newest of 2026-11-20, 1 of 3");
    story.rules.keep[RETENTION_DAILY] = 0;
    story.rules.keep[RETENTION_HOURLY] = 2;
    expect(&story, "ce");
    expect_words(&story, 2, "KeepHourly=2: newest of 2026-11-19 10h, 2 of 2");
    story_fini(&story);
}

/* 23:30 in UTC is the next morning in Viet Nam. */
static void days_are_those_of_the_jobs_zone(void **state) {
    (void)state;
    struct story story = STORY("Asia/Ho_Chi_Minh", "2026-11-20T12:00:00Z", "2026-11-18T16:30:00Z",
                               "2026-11-18T17:30:00Z", "2026-11-19T16:30:00Z");
    story.rules.keep[RETENTION_DAILY] = 9;
    expect(&story, "ac");
    expect_words(&story, 1, "KeepDaily=9: 2026-11-19 has a newer one");
    story_fini(&story);
}

/* 2027-01-01 is a Friday: its week is 2026's 53rd. */
static void weeks_are_iso_weeks(void **state) {
    (void)state;
    struct story story = STORY("UTC", "2027-02-01T00:00:00Z", "2026-12-27T10:00:00Z", "2026-12-28T10:00:00Z",
                               "2027-01-03T10:00:00Z", "2027-01-04T10:00:00Z");
    story.rules.keep[RETENTION_WEEKLY] = 9;
    expect(&story, "acd");
    expect_words(&story, 0, "KeepWeekly=9: newest of 2026-W52, 3 of 9");
    expect_words(&story, 1, "KeepWeekly=9: 2026-W53 has a newer one");
    expect_words(&story, 3, "KeepWeekly=9: newest of 2027-W01, 1 of 9");
    story_fini(&story);
}

static void months_and_years_are_the_calendars(void **state) {
    (void)state;
    struct story story = STORY("UTC", "2026-11-20T12:00:00Z", "2024-12-31T23:59:59Z", "2025-01-01T00:00:00Z",
                               "2026-10-31T10:00:00Z", "2026-11-01T10:00:00Z");
    story.rules.keep[RETENTION_MONTHLY] = 2;
    expect(&story, "cd");
    expect_words(&story, 0, "KeepMonthly=2: all 2 are newer");
    expect_words(&story, 2, "KeepMonthly=2: newest of 2026-10, 2 of 2");
    story.rules.keep[RETENTION_MONTHLY] = 0;
    story.rules.keep[RETENTION_YEARLY] = 3;
    expect(&story, "abd");
    expect_words(&story, 0, "KeepYearly=3: newest of 2024, 3 of 3");
    story_fini(&story);
}

/* In Berlin 02:00 to 03:00 came twice on 2026-10-25. */
static void an_hour_that_comes_twice_is_one(void **state) {
    (void)state;
    struct story story = STORY("Europe/Berlin", "2026-11-20T12:00:00Z", "2026-10-24T23:30:00Z", "2026-10-25T00:30:00Z",
                               "2026-10-25T01:30:00Z", "2026-10-25T02:30:00Z");
    story.rules.keep[RETENTION_HOURLY] = 9;
    expect(&story, "acd");
    story_fini(&story);
}

static void within_counts_back_from_the_newest(void **state) {
    (void)state;
    struct story story = STORY("UTC", "2026-11-20T12:00:00Z", "2026-02-28T10:00:00Z", "2026-03-03T10:00:00Z",
                               "2026-03-03T10:00:01Z", "2026-03-31T10:00:00Z");
    story.rules.within = (struct config_period){.months = 1}; /* 31 February is 3 March, as in restic */
    expect(&story, "cd");
    expect_words(&story, 1, "KeepWithin=1M: too old");
    expect_words(&story, 2, "KeepWithin=1M: young enough");
    story.rules.within = (struct config_period){.years = 1, .days = 2, .ms = 3 * HOUR_MS};
    expect(&story, "abcd");
    expect_words(&story, 0, "KeepWithin=1y 2d 3h: young enough");
    story_fini(&story);
}

/* A day less is the same time of day before, though that day had 25 hours. */
static void a_day_of_within_is_the_calendars(void **state) {
    (void)state;
    struct story story = STORY("Europe/Berlin", "2026-11-20T12:00:00Z", "2026-10-24T11:00:00Z", "2026-10-24T11:00:01Z",
                               "2026-10-25T12:00:00Z");
    story.rules.within = (struct config_period){.days = 1};
    expect(&story, "bc");
    story.rules.within = (struct config_period){.ms = 24 * HOUR_MS};
    expect(&story, "c");
    story_fini(&story);
}

static void the_newest_good_one_survives_any_rule(void **state) {
    (void)state;
    struct story story =
        STORY("UTC", "2026-11-20T12:00:00Z", "2026-11-17T10:00:00Z", "2026-11-18T10:00:00Z", "2026-11-19T10:00:00Z");
    story.rules.keep[RETENTION_LAST] = 1;
    story.backups[2].good = false;
    expect(&story, "bc");
    expect_words(&story, 1, "the newest good backup: never removed");
    story.backups[1].good = false;
    expect(&story, "ac");
    story.backups[0].good = false;
    expect(&story, "c");
    story_fini(&story);
}

/* A host whose clock ran ahead left them: the rules must not give them the places of true ones. */
static void what_is_dated_after_now_takes_no_ones_place(void **state) {
    (void)state;
    struct story story = STORY("UTC", "2026-11-20T12:00:00Z", "2026-11-17T10:00:00Z", "2026-11-18T10:00:00Z",
                               "2026-11-20T12:00:00Z", "2026-12-20T12:00:00Z", "2026-12-21T12:00:00Z");
    story.rules.keep[RETENTION_LAST] = 1;
    expect(&story, "cde");
    expect_words(&story, 3, "dated after now: kept, and takes no other's place");
    story.rules.keep[RETENTION_LAST] = 0;
    story.rules.within.days = 3;
    expect(&story, "bcde");
    story_fini(&story);
}

static void what_started_together_is_in_order_of_id(void **state) {
    (void)state;
    struct story story = STORY("UTC", "2026-11-20T12:00:00Z", "2026-11-18T10:00:00Z", "2026-11-18T10:00:00Z");
    story.rules.keep[RETENTION_LAST] = 1;
    expect(&story, "b");
    story_fini(&story);
}

static void an_empty_history_has_nothing_to_decide(void **state) {
    (void)state;
    struct story story = {.zone = zone_load("UTC", NULL), .rules.within.days = 1};
    expect(&story, "");
    story_fini(&story);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_rule_all_are_kept),
        cmocka_unit_test(rules_come_from_the_jobs_keys),
        cmocka_unit_test(each_rule_counts_on_its_own),
        cmocka_unit_test(days_are_those_of_the_jobs_zone),
        cmocka_unit_test(weeks_are_iso_weeks),
        cmocka_unit_test(months_and_years_are_the_calendars),
        cmocka_unit_test(an_hour_that_comes_twice_is_one),
        cmocka_unit_test(within_counts_back_from_the_newest),
        cmocka_unit_test(a_day_of_within_is_the_calendars),
        cmocka_unit_test(the_newest_good_one_survives_any_rule),
        cmocka_unit_test(what_is_dated_after_now_takes_no_ones_place),
        cmocka_unit_test(what_started_together_is_in_order_of_id),
        cmocka_unit_test(an_empty_history_has_nothing_to_decide),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
