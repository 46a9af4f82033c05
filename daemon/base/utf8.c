/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two ways to the same answer. The portable one walks from character to character. The vectors look at each byte together
 * with the three before it, 16 at a time, and know only whether something is wrong; what and where, the portable way then says,
 * from the last character that began before.
 *
 * The vectors' way is Keiser's and Lemire's (Validating UTF-8 In Less Than One Instruction Per Byte, 2021): whatever two bytes
 * in a row can do wrong has a bit of its own, and three tables of 16, by half a byte each, agree on the bits that apply. That
 * a third or fourth byte is there where the first asks for it is compared apart.
 */
#include "base/utf8.h"

#include <stdint.h>
#include <string.h>

#if defined __x86_64__
#include <immintrin.h>
#elif defined __aarch64__
#include <arm_neon.h>
#endif

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

#if defined __x86_64__
#define NAME      "ssse3"
#define TARGET    __attribute__((target("ssse3")))
#define SUPPORTED __builtin_cpu_supports("ssse3")

typedef __m128i vector;

TARGET static inline vector load(const void *bytes) {
    return _mm_loadu_si128((const __m128i *)bytes);
}

/* The byte `count` before each: of `now`, and at its start of `before`. */
#define BEFORE(now, before, count) _mm_alignr_epi8(now, before, 16 - (count))

TARGET static inline vector look_up(vector table, vector index) {
    return _mm_shuffle_epi8(table, index);
}

TARGET static inline vector high_half(vector bytes) {
    return _mm_and_si128(_mm_srli_epi16(bytes, 4), _mm_set1_epi8(0x0f));
}

TARGET static inline vector low_half(vector bytes) {
    return _mm_and_si128(bytes, _mm_set1_epi8(0x0f));
}

/* 0x80 where the byte is `least` or more; `least` over 0x80. */
TARGET static inline vector at_least(vector bytes, unsigned char least) {
    return _mm_and_si128(_mm_subs_epu8(bytes, _mm_set1_epi8((char)(least - 0x80))), _mm_set1_epi8((char)0x80));
}

#define AND(a, b)   _mm_and_si128(a, b)
#define OR(a, b)    _mm_or_si128(a, b)
#define XOR(a, b)   _mm_xor_si128(a, b)
#define ZERO        _mm_setzero_si128()
#define IS_ASCII(v) (!_mm_movemask_epi8(v))
#define IS_ZERO(v)  (_mm_movemask_epi8(_mm_cmpeq_epi8(v, ZERO)) == 0xffff)

#elif defined __aarch64__
#define NAME      "neon"
#define TARGET    /* every 64-bit ARM has it */
#define SUPPORTED true

typedef uint8x16_t vector;

static inline vector load(const void *bytes) {
    return vld1q_u8(bytes);
}

#define BEFORE(now, before, count) vextq_u8(before, now, 16 - (count))

static inline vector look_up(vector table, vector index) {
    return vqtbl1q_u8(table, index);
}

static inline vector high_half(vector bytes) {
    return vshrq_n_u8(bytes, 4);
}

static inline vector low_half(vector bytes) {
    return vandq_u8(bytes, vdupq_n_u8(0x0f));
}

static inline vector at_least(vector bytes, unsigned char least) {
    return vandq_u8(vcgeq_u8(bytes, vdupq_n_u8(least)), vdupq_n_u8(0x80));
}

#define AND(a, b)   vandq_u8(a, b)
#define OR(a, b)    vorrq_u8(a, b)
#define XOR(a, b)   veorq_u8(a, b)
#define ZERO        vdupq_n_u8(0)
#define IS_ASCII(v) (vmaxvq_u8(v) < 0x80)
#define IS_ZERO(v)  (!vmaxvq_u8(v))
#endif

#ifdef NAME
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

/* Not zero where something is wrong with a byte of `now`, seen with those before it. */
TARGET static inline vector wrong(vector now, vector before) {
    vector one = BEFORE(now, before, 1), two = BEFORE(now, before, 2), three = BEFORE(now, before, 3);
    vector pairs = AND(AND(look_up(load(first_high), high_half(one)), look_up(load(first_low), low_half(one))),
                       look_up(load(second_high), high_half(now)));
    return XOR(pairs, OR(at_least(two, 0xe0), at_least(three, 0xf0)));
}

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

TARGET static size_t vectors(const char *text, size_t length) {
    vector before = ZERO;
    size_t at = 0;
    for (; length - at >= 64; at += 64) {
        vector a = load(text + at), b = load(text + at + 16), c = load(text + at + 32), d = load(text + at + 48);
        vector all = OR(OR(a, b), OR(c, d));
        /* (A character that the block before left open is seen at this one's first bytes.) */
        if (IS_ASCII(OR(all, before)))
            continue;
        if (!IS_ZERO(OR(OR(wrong(a, before), wrong(b, a)), OR(wrong(c, b), wrong(d, c)))))
            break;
        before = d;
    }
    return walk(text, length, character_start(text, at));
}

static bool supported(void) {
    return SUPPORTED;
}
#else
#define NAME "none"

static size_t vectors(const char *text, size_t length) {
    return portable(text, length);
}

static bool supported(void) {
    return false;
}
#endif

size_t utf8_prefix(const char *text, size_t length) {
    return length >= 64 && supported() ? vectors(text, length) : portable(text, length);
}

bool utf8_valid(const char *text, size_t length) {
    return utf8_prefix(text, length) == length;
}

bool utf8_prefix_by(const char *name, size_t *prefix, const char *text, size_t length) {
    bool wide = strcmp(name, NAME) == 0;
    if (wide ? !supported() : strcmp(name, "portable") != 0)
        return false;
    *prefix = wide ? vectors(text, length) : portable(text, length);
    return true;
}
