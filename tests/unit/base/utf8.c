/* SPDX-License-Identifier: Apache-2.0 */
/* Every way to read UTF-8 against arithmetic: a character is the shortest spelling of a scalar value, and nothing else is. */
#include "base/utf8.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/memory.h"

static const char *const ways[] = {"portable", "ssse3", "avx2", "neon"};

/* What follows from the number: its bits, one shape a length, and no shape that a shorter one could spell. */
static size_t character(const unsigned char *text, size_t length) {
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t need = text[0] < 0x80 ? 1 : text[0] >> 5 == 6 ? 2 : text[0] >> 4 == 14 ? 3 : text[0] >> 3 == 30 ? 4 : 0;
    if (!need || need > length)
        return 0;
    uint32_t scalar = need == 1 ? text[0] : text[0] & (0x7fu >> need);
    for (size_t i = 1; i < need; i++) {
        if (text[i] >> 6 != 2)
            return 0;
        scalar = scalar << 6 | (text[i] & 0x3fu);
    }
    bool good = scalar >= least[need] && scalar <= 0x10ffff && (scalar < 0xd800 || scalar > 0xdfff);
    return good ? need : 0;
}

static size_t expected(const char *text, size_t length) {
    size_t at = 0, step = 1;
    for (; at < length && step; at += step)
        step = character((const unsigned char *)text + at, length - at);
    return at;
}

static void check(const char *text, size_t length) {
    size_t wanted = expected(text, length), got;
    for (size_t i = 0; i < array_length(ways); i++) {
        if (utf8_prefix_by(ways[i], &got, text, length) && got != wanted)
            fail_msg("%s: %zu of %zu bytes, not %zu", ways[i], got, length, wanted);
    }
    assert_int_equal(utf8_prefix(text, length), wanted);
    assert_int_equal(utf8_valid(text, length), wanted == length);
}

/* `piece` at each place where it can lie across the end of a vector or a block, between ASCII and between others. */
static void check_everywhere(const unsigned char *piece, size_t length) {
    static const size_t places[] = {0, 13, 14, 15, 16, 45, 61, 62, 63, 64, 125, 126, 127, 128};
    char text[200];
    for (size_t i = 0; i < array_length(places); i++) {
        memset(text, 'a', sizeof text);
        memcpy(text + places[i], piece, length);
        check(text, sizeof text);
        check(text, places[i] + length);
    }
}

static void every_pair_of_bytes(void **state) {
    (void)state;
    for (unsigned pair = 0; pair < 0x10000; pair++) {
        const unsigned char piece[] = {(unsigned char)(pair >> 8), (unsigned char)pair};
        check_everywhere(piece, 2);
    }
}

/* Each first byte before all that can follow: the edges of every range in the table of RFC 3629. */
static void every_edge_of_three_and_four_bytes(void **state) {
    (void)state;
    static const unsigned char edges[] = {0x00, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc2, 0xe0, 0xf4, 0xff};
    size_t n = array_length(edges);
    for (unsigned first = 0xc0; first <= 0xff; first++)
        for (size_t rest = 0; rest < n * n * n; rest++) {
            const unsigned char piece[] = {(unsigned char)first, edges[rest / n / n], edges[rest / n % n],
                                           edges[rest % n]};
            char text[96];
            memset(text, 'a', sizeof text);
            memcpy(text + 62, piece, 4);
            check(text, sizeof text);
            memcpy(text + 46, piece, 4);
            check(text, sizeof text);
        }
}

static size_t put(char *out, uint32_t scalar) {
    if (scalar < 0x80) {
        out[0] = (char)scalar;
        return 1;
    }
    size_t length = scalar < 0x800 ? 2 : scalar < 0x10000 ? 3 : 4;
    for (size_t i = length; --i; scalar >>= 6)
        out[i] = (char)(0x80 | (scalar & 0x3f));
    out[0] = (char)((0xf00u >> length) | scalar);
    return length;
}

static void every_scalar_value_is_text(void **state) {
    (void)state;
    char *text = x_malloc((size_t)5 << 20);
    size_t length = 0;
    for (uint32_t scalar = 0; scalar <= 0x10ffff; scalar++)
        if (scalar < 0xd800 || scalar > 0xdfff)
            length += put(text + length, scalar);
    check(text, length);
    assert_true(utf8_valid(text, length));
    free(text);
}

static uint32_t next(uint32_t *seed) {
    return *seed = *seed * 1664525 + 1013904223;
}

/* Texts of Vietnamese length of characters, with one byte changed: the place is told, wherever it is. */
static void one_wrong_byte_is_found_where_it_is(void **state) {
    (void)state;
    static const uint32_t alphabet[] = {'a', ' ', 0xe0, 0x1ea1, 0x1f600, 0x110};
    uint32_t seed = 1;
    char text[1024];
    for (int round = 0; round < 20000; round++) {
        size_t length = 0, wanted = 1 + next(&seed) % 1000;
        while (length < wanted)
            length += put(text + length, alphabet[(next(&seed) >> 16) % array_length(alphabet)]);
        check(text, length);
        check(text, length - 1);
        text[(next(&seed) >> 8) % length] ^= (char)(1u << (next(&seed) >> 16) % 8);
        check(text, length);
    }
}

static void nothing_behind_the_text_is_read(void **state) {
    (void)state;
    for (size_t length = 0; length < 200; length++) {
        char *text = x_malloc(length + !length); /* the sanitizers and valgrind see a byte too many */
        memset(text, 'x', length);
        if (length)
            text[length - 1] = (char)0xf0;
        check(text, length);
        free(text);
    }
}

static void a_way_that_is_not_there_says_so(void **state) {
    (void)state;
    size_t prefix;
    assert_false(utf8_prefix_by("abacus", &prefix, "a", 1));
    assert_true(utf8_prefix_by("portable", &prefix, "a", 1));
    assert_int_equal(utf8_character("\xe1\xba\xa1", 3), 3);
    assert_int_equal(utf8_character("\xe1\xba\xa1", 2), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_pair_of_bytes),
        cmocka_unit_test(every_edge_of_three_and_four_bytes),
        cmocka_unit_test(every_scalar_value_is_text),
        cmocka_unit_test(one_wrong_byte_is_found_where_it_is),
        cmocka_unit_test(nothing_behind_the_text_is_read),
        cmocka_unit_test(a_way_that_is_not_there_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
