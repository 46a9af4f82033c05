/* SPDX-License-Identifier: Apache-2.0 */
/* Times as a person writes them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/memory.h"
#include "times.h"

static void each_form_is_understood(void **state) {
    (void)state;
    static const struct {
        const char *text;
        int64_t at;
    } known[] = {{"2026-11-20T02:00:00Z", 1795140000}, {"2026-11-20T02:00:00+07:00", 1795114800},
                 {"2026-11-20", 1795132800},           {"2026-11-20 02:00", 1795140000},
                 {"2026-11-20T02:00", 1795140000},     {"2026-11-20 02:00:05", 1795140005}};
    struct zone *utc = zone_load("UTC", NULL);
    for (size_t i = 0; i < array_length(known); i++) {
        int64_t got = 0;
        assert_true(times_parse(known[i].text, utc, &got, NULL));
        assert_int_equal(got, known[i].at);
    }
    zone_unref(utc);
}

static void a_time_without_a_zone_is_the_zones(void **state) {
    (void)state;
    struct zone *zone = zone_load("Asia/Ho_Chi_Minh", NULL);
    int64_t got = 0;
    if (!zone)
        skip();
    assert_true(times_parse("2026-11-20 09:00", zone, &got, NULL));
    assert_int_equal(got, 1795140000);
    zone_unref(zone);
}

static void what_is_no_time_is_refused(void **state) {
    (void)state;
    static const char *const bad[] = {"",
                                      "tomorrow",
                                      "2026-13-01",
                                      "2026-11-20 25:00",
                                      "20261120",
                                      "2026-11-20T02:00:00Zx",
                                      "2026-11-20 02:00 and much more than any time has"};
    struct zone *utc = zone_load("UTC", NULL);
    for (size_t i = 0; i < array_length(bad); i++) {
        struct error error = {0};
        int64_t got;
        assert_false(times_parse(bad[i], utc, &got, &error));
        assert_int_equal(error.code, ERROR_INVALID);
        error_clear(&error);
    }
    zone_unref(utc);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_form_is_understood),
        cmocka_unit_test(a_time_without_a_zone_is_the_zones),
        cmocka_unit_test(what_is_no_time_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
