/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two ways to the same answer. The portable one walks from character to character. The vectors (utf8_vectors.h) look at each
 * byte together with the three before it, 16 or 32 at a time, and know only whether something is wrong; what and where, the
 * portable way then says, from the last character that began before.
 *
 * The vectors' way is Keiser's and Lemire's (Validating UTF-8 In Less Than One Instruction Per Byte, 2021): whatever two bytes
 * in a row can do wrong has a bit of its own, and three tables of 16, by half a byte each, agree on the bits that apply. That
 * a third or fourth byte is there where the first asks for it is compared apart.
 */
#include "base/utf8.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#if defined __x86_64__
#include <immintrin.h>
#elif defined __aarch64__
#include <arm_neon.h>
#endif

#define SHORT 64 /* bytes that are not worth a vector */

/* (RFC 3629, section 4.) */
size_t utf8_character(const char *text, size_t length) {
    const unsigned char *at = (const unsigned char *)text;
    unsigned char c = at[0], low = 0x80, high = 0xbf;
    size_t need = c < 0x80                 ? 1
                  : c >= 0xc2 && c <= 0xdf ? 2
                  : c >= 0xe0 && c <= 0xef ? 3
                  : c >= 0xf0 && c <= 0xf4 ? 4
                                           : 0;
    if (!need || need > length)
        return 0;
    if (c == 0xe0)
        low = 0xa0; /* overlong */
    else if (c == 0xed)
        high = 0x9f; /* surrogates */
    else if (c == 0xf0)
        low = 0x90; /* overlong */
    else if (c == 0xf4)
        high = 0x8f; /* over U+10FFFF */
    for (size_t i = 1; i < need; i++, low = 0x80, high = 0xbf)
        if (at[i] < low || at[i] > high)
            return 0;
    return need;
}

/* How many of the first bytes are ASCII, in eights. */
static size_t ascii_length(const char *text, size_t length) {
    size_t at = 0;
    uint64_t word;
    for (; at + sizeof word <= length; at += sizeof word) {
        memcpy(&word, text + at, sizeof word);
        if (word & 0x8080808080808080u)
            break;
    }
    return at;
}

/* From `at`, where a character begins. */
static size_t walk(const char *text, size_t length, size_t at) {
    for (;;) {
        at += ascii_length(text + at, length - at);
        size_t step = at < length ? utf8_character(text + at, length - at) : 0;
        if (!step)
            return at;
        at += step;
    }
}

static size_t portable(const char *text, size_t length) {
    return walk(text, length, 0);
}

#if defined __x86_64__ || defined __aarch64__
/* What two bytes in a row can do wrong. */
enum {
    TOO_SHORT = 1 << 0,  /* a first byte, and no second */
    TOO_LONG = 1 << 1,   /* ASCII, and then a second byte */
    OVERLONG_3 = 1 << 2, /* e0 80..9f */
    TOO_LARGE = 1 << 3,  /* f4 90..bf, and f5..ff 90..bf */
    SURROGATE = 1 << 4,  /* ed a0..bf */
    OVERLONG_2 = 1 << 5, /* c0, c1 */
    OVERLONG_4 = 1 << 6, /* f0 80..8f, and f5..ff 80..8f */
    TWO_CONT = 1 << 7,   /* a second byte behind another: right where it is a third or fourth */
    ANY = TOO_SHORT | TOO_LONG | TWO_CONT,
    OVER = ANY | TOO_LARGE | OVERLONG_4, /* f5 and up */
    SECOND = TOO_LONG | TWO_CONT | OVERLONG_2,
};

/* By the high half of the first byte, its low half, and the high half of the second. */
#define FOUR(x)  x, x, x, x
#define EIGHT(x) FOUR(x), FOUR(x)
/* clang-format off */
static const uint8_t first_high[16] = {
    EIGHT(TOO_LONG), FOUR(TWO_CONT), TOO_SHORT | OVERLONG_2, TOO_SHORT,
    TOO_SHORT | OVERLONG_3 | SURROGATE, TOO_SHORT | TOO_LARGE | OVERLONG_4,
};
static const uint8_t first_low[16] = {
    ANY | OVERLONG_2 | OVERLONG_3 | OVERLONG_4, ANY | OVERLONG_2, ANY, ANY,
    ANY | TOO_LARGE, EIGHT(OVER), OVER | SURROGATE, OVER, OVER,
};
static const uint8_t second_high[16] = {
    EIGHT(TOO_SHORT), SECOND | OVERLONG_3 | OVERLONG_4, SECOND | OVERLONG_3 | TOO_LARGE,
    SECOND | SURROGATE | TOO_LARGE, SECOND | SURROGATE | TOO_LARGE, FOUR(TOO_SHORT),
};
/* clang-format on */

/* The start of the character that the byte before `at` belongs to. What lies before `at` was found right, but may end in the
 * middle of a character. */
static size_t character_start(const char *text, size_t at) {
    size_t start = at;
    while (start && at - start < 4) {
        unsigned char c = (unsigned char)text[--start];
        if ((c & 0xc0) != 0x80)
            return start;
    }
    return start;
}
#endif

#if defined __x86_64__
#define TARGET __attribute__((target("ssse3")))
#define CHECK  check_ssse3
#define WRONG  wrong_ssse3
#define VECTOR __m128i
/* The byte `count` before each: of `now`, and at its start of `before`. */
#define BEFORE(now, before, count) _mm_alignr_epi8(now, before, 16 - (count))
#define LOAD(bytes)                _mm_loadu_si128((const __m128i *)(const void *)(bytes))
#define TABLE(bytes)               LOAD(bytes)
#define LOOK_UP(table, index)      _mm_shuffle_epi8(table, index)
#define HIGH_HALF(v)               _mm_and_si128(_mm_srli_epi16(v, 4), _mm_set1_epi8(0x0f))
#define LOW_HALF(v)                _mm_and_si128(v, _mm_set1_epi8(0x0f))
/* 0x80 where the byte is `least` or more; `least` over 0x80. */
#define AT_LEAST(v, least)                                                                                             \
    _mm_and_si128(_mm_subs_epu8(v, _mm_set1_epi8((char)((least)-0x80))), _mm_set1_epi8((char)0x80))
#define AND(a, b)   _mm_and_si128(a, b)
#define OR(a, b)    _mm_or_si128(a, b)
#define XOR(a, b)   _mm_xor_si128(a, b)
#define ZERO        _mm_setzero_si128()
#define IS_ASCII(v) (!_mm_movemask_epi8(v))
#define IS_ZERO(v)  (_mm_movemask_epi8(_mm_cmpeq_epi8(v, ZERO)) == 0xffff)
#include "utf8_vectors.h"

#define TARGET                     __attribute__((target("avx2")))
#define CHECK                      check_avx2
#define WRONG                      wrong_avx2
#define VECTOR                     __m256i
#define BEFORE(now, before, count) _mm256_alignr_epi8(now, _mm256_permute2x128_si256(before, now, 0x21), 16 - (count))
#define LOAD(bytes)                _mm256_loadu_si256((const __m256i *)(const void *)(bytes))
#define TABLE(bytes)               _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)(const void *)(bytes)))
#define LOOK_UP(table, index)      _mm256_shuffle_epi8(table, index)
#define HIGH_HALF(v)               _mm256_and_si256(_mm256_srli_epi16(v, 4), _mm256_set1_epi8(0x0f))
#define LOW_HALF(v)                _mm256_and_si256(v, _mm256_set1_epi8(0x0f))
#define AT_LEAST(v, least)                                                                                             \
    _mm256_and_si256(_mm256_subs_epu8(v, _mm256_set1_epi8((char)((least)-0x80))), _mm256_set1_epi8((char)0x80))
#define AND(a, b)   _mm256_and_si256(a, b)
#define OR(a, b)    _mm256_or_si256(a, b)
#define XOR(a, b)   _mm256_xor_si256(a, b)
#define ZERO        _mm256_setzero_si256()
#define IS_ASCII(v) (!_mm256_movemask_epi8(v))
#define IS_ZERO(v)  _mm256_testz_si256(v, v)
#include "utf8_vectors.h"

static bool has_ssse3(void) {
    return __builtin_cpu_supports("ssse3");
}

static bool has_avx2(void) {
    return __builtin_cpu_supports("avx2");
}

#elif defined __aarch64__
#define TARGET                     /* every 64-bit ARM has it */
#define CHECK                      check_neon
#define WRONG                      wrong_neon
#define VECTOR                     uint8x16_t
#define BEFORE(now, before, count) vextq_u8(before, now, 16 - (count))
#define LOAD(bytes)                vld1q_u8((const uint8_t *)(const void *)(bytes))
#define TABLE(bytes)               LOAD(bytes)
#define LOOK_UP(table, index)      vqtbl1q_u8(table, index)
#define HIGH_HALF(v)               vshrq_n_u8(v, 4)
#define LOW_HALF(v)                vandq_u8(v, vdupq_n_u8(0x0f))
#define AT_LEAST(v, least)         vandq_u8(vcgeq_u8(v, vdupq_n_u8(least)), vdupq_n_u8(0x80))
#define AND(a, b)                  vandq_u8(a, b)
#define OR(a, b)                   vorrq_u8(a, b)
#define XOR(a, b)                  veorq_u8(a, b)
#define ZERO                       vdupq_n_u8(0)
#define IS_ASCII(v)                (vmaxvq_u8(v) < 0x80)
#define IS_ZERO(v)                 (!vmaxvq_u8(v))
#include "utf8_vectors.h"
#endif

static bool always(void) {
    return true;
}

/* Best first. */
static const struct {
    const char *name;
    size_t (*check)(const char *text, size_t length);
    bool (*here)(void);
} ways[] = {
#if defined __x86_64__
    {"avx2", check_avx2, has_avx2},
    {"ssse3", check_ssse3, has_ssse3},
#elif defined __aarch64__
    {"neon", check_neon, always},
#endif
    {"portable", portable, always},
};

size_t utf8_prefix(const char *text, size_t length) {
    size_t way = 0;
    if (length < SHORT)
        return portable(text, length);
    while (!ways[way].here())
        way++;
    return ways[way].check(text, length);
}

bool utf8_valid(const char *text, size_t length) {
    return utf8_prefix(text, length) == length;
}

bool utf8_prefix_by(const char *name, size_t *prefix, const char *text, size_t length) {
    size_t way = 0;
    while (way < sizeof ways / sizeof *ways && strcmp(ways[way].name, name) != 0)
        way++;
    if (way == sizeof ways / sizeof *ways || !ways[way].here())
        return false;
    *prefix = ways[way].check(text, length);
    return true;
}
