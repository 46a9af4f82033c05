/* SPDX-License-Identifier: Apache-2.0 */
/* Slips of the pen and what they were meant to be. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/nearest.h"

static void a_slip_is_one_step(void **state) {
    (void)state;
    assert_int_equal(nearest_distance("Format", "Format"), 0);
    assert_int_equal(nearest_distance("format", "FORMAT"), 0);
    assert_int_equal(nearest_distance("Fromat", "Format"), 1);
    assert_int_equal(nearest_distance("Forma", "Format"), 1);
    assert_int_equal(nearest_distance("Formatt", "Format"), 1);
    assert_int_equal(nearest_distance("Firmat", "Format"), 1);
    assert_int_equal(nearest_distance("kitten", "sitting"), 3);
    assert_int_equal(nearest_distance("", "abc"), 3);
    assert_int_equal(nearest_distance("abc", ""), 3);
    assert_int_equal(nearest_distance("ca", "abc"), 3);
}

static void long_names_are_far_from_everything(void **state) {
    (void)state;
    char name[66];
    memset(name, 'a', 65);
    name[65] = '\0';
    assert_int_equal(nearest_distance(name, "a"), NEAREST_NONE);
    assert_int_equal(nearest_distance("a", name), NEAREST_NONE);
    assert_int_equal(nearest_distance(name + 1, name + 1), 0);
}

static const char *nearest_of(const char *wanted) {
    static const char *const names[] = {"Table", "TimeZone", "Timeout", "Region", "Schedule"};
    struct nearest nearest = NEAREST_TO(wanted);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        nearest_try(&nearest, names[i]);
    return nearest.name;
}

static void the_nearest_of_several_is_named(void **state) {
    (void)state;
    assert_string_equal(nearest_of("Tabel"), "Table");
    assert_string_equal(nearest_of("Schedul"), "Schedule");
    assert_string_equal(nearest_of("timezone"), "TimeZone");
    assert_string_equal(nearest_of("Time0ut"), "Timeout");
}

static void what_is_near_to_nothing_gets_no_suggestion(void **state) {
    (void)state;
    assert_null(nearest_of("Bogus"));
    assert_null(nearest_of("x"));
    assert_null(nearest_of(""));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_slip_is_one_step),
        cmocka_unit_test(long_names_are_far_from_everything),
        cmocka_unit_test(the_nearest_of_several_is_named),
        cmocka_unit_test(what_is_near_to_nothing_gets_no_suggestion),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
