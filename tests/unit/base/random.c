/* SPDX-License-Identifier: Apache-2.0 */
/* Randomness: within its bound, over all of it, and never twice the same. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/random.h"

static void numbers_stay_below_their_bound(void **state) {
    (void)state;
    bool seen[7] = {false};
    assert_int_equal(random_uniform(0), 0);
    assert_int_equal(random_uniform(1), 0);
    for (int i = 0; i < 2000; i++) {
        uint64_t number = random_uniform(7);
        assert_true(number < 7);
        seen[number] = true;
    }
    for (int i = 0; i < 7; i++)
        assert_true(seen[i]);
}

/* Half of all draws of 64 bits are over the last whole multiple, and are drawn again. */
static void a_large_bound_is_kept_too(void **state) {
    (void)state;
    uint64_t bound = (UINT64_C(1) << 63) + 1;
    for (int i = 0; i < 200; i++)
        assert_true(random_uniform(bound) < bound);
}

static void bytes_differ(void **state) {
    (void)state;
    unsigned char a[1000] = {0}, b[1000] = {0};
    random_bytes(a, sizeof a);
    random_bytes(b, sizeof b);
    assert_memory_not_equal(a, b, sizeof a);
    random_bytes(NULL, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_stay_below_their_bound),
        cmocka_unit_test(a_large_bound_is_kept_too),
        cmocka_unit_test(bytes_differ),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
