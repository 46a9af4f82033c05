/* SPDX-License-Identifier: Apache-2.0 */
/* The pace of writing, second by second. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "job/pace.h"

#define NOW ((int64_t)1000000)

static void without_a_limit_nothing_waits(void **state) {
    struct write_pace pace;
    (void)state;
    pace_init(&pace, 0, NOW);
    pace_reserve(&pace, 1e9);
    assert_int_equal(pace_wait(&pace, NOW), 0);
    assert_true(pace_fits(&pace, 1e9));
}

static void a_debt_is_waited_for(void **state) {
    struct write_pace pace;
    (void)state;
    pace_init(&pace, 100, NOW);
    assert_int_equal(pace_wait(&pace, NOW), 0);
    pace_reserve(&pace, 100);
    assert_int_equal(pace_wait(&pace, NOW), 1);
    pace_spend(&pace, 100, 150); /* it took more than was thought: half a second of debt */
    assert_int_equal(pace_wait(&pace, NOW), 501);
    assert_int_equal(pace_wait(&pace, NOW + 200), 301);
    assert_int_equal(pace_wait(&pace, NOW + 501), 0);
}

static void no_more_than_a_second_is_saved_up(void **state) {
    struct write_pace pace;
    (void)state;
    pace_init(&pace, 10, NOW);
    assert_int_equal(pace_wait(&pace, NOW + 3600000), 0);
    pace_reserve(&pace, 10);
    assert_true(pace_wait(&pace, NOW + 3600000) > 0);
}

/* Whatever the calls' sizes: over a minute no more goes than a minute's worth, a second's saved up, and one call in debt. */
static void over_a_minute_the_limit_holds(void **state) {
    (void)state;
    for (double rate = 1; rate <= 1000; rate *= 10)
        for (double units = 1; units <= 25; units += 6) {
            struct write_pace pace;
            double sent = 0;
            pace_init(&pace, rate, NOW);
            for (int64_t at = NOW; at < NOW + 60000; at += 7)
                if (pace_wait(&pace, at) == 0) {
                    pace_reserve(&pace, units * 2);
                    pace_spend(&pace, units * 2, units);
                    sent += units;
                }
            assert_true(sent <= 61 * rate + units);
            assert_true(sent >= 59 * (rate < units / 0.007 ? rate : units / 0.007) - units);
        }
}

static void throttles_halve_and_calm_adds(void **state) {
    struct write_pace pace;
    (void)state;
    pace_init(&pace, 0, NOW);
    unsigned first = pace.at_once;
    pace_throttled(&pace, NOW + 10);
    assert_int_equal(pace.at_once, first / 2);
    pace_throttled(&pace, NOW + 900); /* the same burst */
    assert_int_equal(pace.at_once, first / 2);
    for (int i = 0; i < 10; i++)
        pace_throttled(&pace, NOW + 2000 * (i + 1));
    assert_int_equal(pace.at_once, 1);
    pace_succeeded(&pace);
    assert_int_equal(pace.at_once, 1);
    pace_succeeded(&pace);
    assert_int_equal(pace.at_once, 2);
    for (int i = 0; i < 100000; i++)
        pace_succeeded(&pace);
    assert_int_equal(pace.at_once, 32);
}

static void items_are_estimated_by_the_kilobyte(void **state) {
    struct write_pace pace;
    (void)state;
    assert_true(pace_estimate(1) > 0.9 && pace_estimate(1) < 1.1 && pace_estimate(1024) < 1.1 &&
                pace_estimate(1025) > 1.9);
    pace_init(&pace, 10, NOW);
    assert_true(pace_fits(&pace, 10));
    assert_false(pace_fits(&pace, 11));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_limit_nothing_waits),     cmocka_unit_test(a_debt_is_waited_for),
        cmocka_unit_test(no_more_than_a_second_is_saved_up), cmocka_unit_test(over_a_minute_the_limit_holds),
        cmocka_unit_test(throttles_halve_and_calm_adds),     cmocka_unit_test(items_are_estimated_by_the_kilobyte),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
