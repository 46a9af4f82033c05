/* SPDX-License-Identifier: Apache-2.0 */
/* Buffers: they grow, they stop at their ceiling, and what they refuse changes nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buffer.h"
#include "base/memory.h"
#include "death.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer) && !defined(__SANITIZE_ADDRESS__)
#define __SANITIZE_ADDRESS__ 1 /* clang's name for it */
#endif
#endif

static void a_new_buffer_holds_no_memory(void **state) {
    (void)state;
    struct buffer buffer = BUFFER_INIT(10);
    assert_null(buffer.data);
    assert_int_equal(buffer.length, 0);
    buffer_clear(&buffer);
    assert_null(buffer.data);
    buffer_fini(&buffer);
    buffer_fini_secret(&buffer);
    assert_int_equal(buffer.limit, 10);
}

static void it_grows_and_stays_terminated(void **state) {
    (void)state;
    _cleanup_buffer_ struct buffer buffer = BUFFER_INIT(BUFFER_OURS);
    for (int i = 0; i < 10000; i++) {
        assert_true(buffer_append(&buffer, "abc", 3));
        assert_int_equal(buffer.length, strlen(buffer.data));
    }
    assert_int_equal(buffer.length, 30000);
    assert_memory_equal(buffer.data + 29997, "abc", 4);
}

static void the_ceiling_is_exact(void **state) {
    (void)state;
    _cleanup_buffer_ struct buffer buffer = BUFFER_INIT(4);
    assert_true(buffer_append(&buffer, "1234", 4));
    assert_false(buffer_append(&buffer, "5", 1));
    assert_true(buffer_append(&buffer, "", 0));
    assert_string_equal(buffer.data, "1234");
    buffer_clear(&buffer);
    assert_string_equal(buffer.data, "");
    assert_false(buffer_reserve(&buffer, 5));
    assert_false(buffer_reserve(&buffer, SIZE_MAX));
    assert_true(buffer_reserve(&buffer, 4));
    assert_int_equal(buffer.length, 0);
}

static void a_size_that_memory_cannot_hold_is_refused(void **state) {
    (void)state;
    _cleanup_buffer_ struct buffer buffer = BUFFER_INIT(SIZE_MAX - 1);
    assert_true(buffer_append(&buffer, "a", 1));
#ifndef __SANITIZE_ADDRESS__ /* its allocator ends the process instead */
    assert_false(buffer_reserve(&buffer, SIZE_MAX / 8));
#endif
    assert_string_equal(buffer.data, "a");
}

static void text_is_added_in_every_form(void **state) {
    (void)state;
    _cleanup_buffer_ struct buffer buffer = BUFFER_INIT(BUFFER_OURS);
    buffer_add(&buffer, "one ");
    buffer_add_bytes(&buffer, "two, not this", 3);
    buffer_add_char(&buffer, ' ');
    buffer_printf(&buffer, "%d %s", 3, "four");
    assert_string_equal(buffer.data, "one two 3 four");
}

static void add_over_the_ceiling(void) {
    struct buffer buffer = BUFFER_INIT(3);
    buffer_add(&buffer, "four");
}

static void our_own_text_over_its_ceiling_ends_the_process(void **state) {
    (void)state;
    assert_true(dies(add_over_the_ceiling));
}

static void taking_leaves_an_empty_buffer_with_its_ceiling(void **state) {
    (void)state;
    struct buffer buffer = BUFFER_INIT(5);
    buffer_add(&buffer, "taken");
    _cleanup_free_ char *text = buffer_take(&buffer), *nothing = buffer_take(&buffer);
    assert_string_equal(text, "taken");
    assert_string_equal(nothing, "");
    assert_null(buffer.data);
    assert_int_equal(buffer.limit, 5);
}

static void a_secret_can_be_forgotten(void **state) {
    (void)state;
    struct buffer buffer = BUFFER_INIT(BUFFER_OURS);
    buffer_add(&buffer, "secret");
    buffer_fini_secret(&buffer);
    assert_null(buffer.data);
    assert_int_equal(buffer.length, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_buffer_holds_no_memory),
        cmocka_unit_test(it_grows_and_stays_terminated),
        cmocka_unit_test(the_ceiling_is_exact),
        cmocka_unit_test(a_size_that_memory_cannot_hold_is_refused),
        cmocka_unit_test(text_is_added_in_every_form),
        cmocka_unit_test(our_own_text_over_its_ceiling_ends_the_process),
        cmocka_unit_test(taking_leaves_an_empty_buffer_with_its_ceiling),
        cmocka_unit_test(a_secret_can_be_forgotten),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
