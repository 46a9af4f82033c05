/* SPDX-License-Identifier: Apache-2.0 */
/* Strings and lists in blocks: each keeps what was put into it, whatever its size and whatever came before. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"

static void what_is_put_in_stays(void **state) {
    (void)state;
    static const size_t sizes[] = {0, 1, 7, 8, 100, 16383, 16384, 16385, 65535, 65536, 200000};
    struct arena arena = {0};
    char *kept[400];
    for (size_t i = 0; i < 400; i++) {
        size_t size = sizes[i % (sizeof sizes / sizeof *sizes)];
        kept[i] = arena_get(&arena, size);
        assert_int_equal((uintptr_t)kept[i] % 8, 0);
        memset(kept[i], (int)i, size);
        assert_memory_equal(arena_strndup(&arena, "odd", 3), "odd", 4);
    }
    for (size_t i = 0; i < 400; i++)
        for (size_t k = 0; k < sizes[i % (sizeof sizes / sizeof *sizes)]; k++)
            assert_int_equal((unsigned char)kept[i][k], (unsigned char)i);
    arena_fini(&arena);
    assert_null(arena.blocks);
}

static void texts_are_copied(void **state) {
    (void)state;
    struct arena arena = {0};
    char *large = malloc(100001);
    memset(large, 'x', 100000);
    large[100000] = 0;
    assert_string_equal(arena_strdup(&arena, large), large); /* the first of all */
    assert_string_equal(arena_strdup(&arena, "key"), "key");
    assert_string_equal(arena_strndup(&arena, "key", 2), "ke");
    assert_string_equal(arena_strdup(&arena, large), large);
    assert_string_equal(arena_strdup(&arena, ""), "");
    assert_null(arena_strdup(&arena, NULL));
    free(large);
    arena_fini(&arena);
    arena_fini(&arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_put_in_stays),
        cmocka_unit_test(texts_are_copied),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
