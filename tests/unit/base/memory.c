/* SPDX-License-Identifier: Apache-2.0 */
/* Small memory: copies, hand-overs, and the end of the process where there is none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/memory.h"
#include "death.h"

static void memory_of_no_bytes_is_memory(void **state) {
    (void)state;
    _cleanup_free_ void *a = x_malloc(0), *b = x_calloc(0, 8), *c = x_calloc(8, 0);
    assert_non_null(a);
    assert_non_null(b);
    assert_non_null(c);
    _cleanup_free_ void *d = x_realloc(x_malloc(8), 0);
    assert_non_null(d);
}

static void calloc_is_zeroed(void **state) {
    (void)state;
    static const char zeros[64];
    _cleanup_free_ char *bytes = x_calloc(8, 8);
    assert_memory_equal(bytes, zeros, 64);
}

static void copies_are_their_own_and_null_stays_null(void **state) {
    (void)state;
    _cleanup_free_ char *whole = x_strdup("text"), *half = x_strndup("text", 2), *printed = x_printf("%d-%s", 7, "x");
    assert_string_equal(whole, "text");
    assert_string_equal(half, "te");
    assert_string_equal(printed, "7-x");
    assert_null(x_strdup(NULL));
    assert_null(x_strndup(NULL, 3));
}

static void replacing_bears_what_was_there(void **state) {
    (void)state;
    char *slot = NULL;
    x_replace(&slot, "one");
    assert_string_equal(slot, "one");
    x_replace(&slot, slot + 1);
    assert_string_equal(slot, "ne");
    x_replace(&slot, NULL);
    assert_null(slot);
}

static void secrets_are_zeroed(void **state) {
    (void)state;
    char secret[8] = "secret";
    secret_zero(secret, sizeof secret);
    assert_memory_equal(secret, "\0\0\0\0\0\0\0", 8);
    secret_zero(NULL, 8);
    secret_free(NULL);
    _cleanup_secret_ char *freed = x_strdup("secret");
    assert_non_null(freed);
}

static void a_taken_pointer_leaves_null(void **state) {
    (void)state;
    char *slot = x_strdup("x");
    _cleanup_free_ char *taken = take_pointer(slot);
    assert_null(slot);
    assert_string_equal(taken, "x");
}

struct outer {
    int first;
    int inner;
};

static void the_struct_around_a_member_is_found(void **state) {
    (void)state;
    struct outer outer;
    assert_ptr_equal(container_of(&outer.inner, struct outer, inner), &outer);
    int three[3];
    assert_int_equal(array_length(three), 3);
}

static volatile size_t too_much = SIZE_MAX / 2;

static void ask_for_too_much(void) {
    x_malloc(too_much);
}

static void ask_for_a_product_that_overflows(void) {
    x_calloc(too_much, 4);
}

static void without_memory_the_process_ends(void **state) {
    (void)state;
    assert_true(dies(ask_for_too_much));
    assert_true(dies(ask_for_a_product_that_overflows));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_of_no_bytes_is_memory),
        cmocka_unit_test(calloc_is_zeroed),
        cmocka_unit_test(copies_are_their_own_and_null_stays_null),
        cmocka_unit_test(replacing_bears_what_was_there),
        cmocka_unit_test(secrets_are_zeroed),
        cmocka_unit_test(a_taken_pointer_leaves_null),
        cmocka_unit_test(the_struct_around_a_member_is_found),
        cmocka_unit_test(without_memory_the_process_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
