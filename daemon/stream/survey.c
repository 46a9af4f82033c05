/* SPDX-License-Identifier: Apache-2.0 */
/* The survey by vectors of 64, 32 or 16 bytes: what bits all bytes have and which is the least tells whether there are others
 * than plain ASCII; where a string is just B, its surroundings are read. */
#include "survey.h"

#include <string.h>

#if defined __x86_64__
#include <immintrin.h>
#elif defined __aarch64__
#include <arm_neon.h>
#endif

#include "base/utf8.h"

/* What a stretch holds somewhere. */
struct stretch {
    bool foreign; /* bytes that are not ASCII */
    bool control; /* control characters */
};

/* `quote`: the one behind a string that is just B. */
static void count_b(struct survey *survey, const char *quote) {
    bool named = quote[1] == ':';
    survey->doubt |= is_space(quote[-3]) || is_space(quote[1]) || (named && is_space(quote[2]));
    survey->types.b += quote[-3] == '{' && named && quote[2] == '"';
}

/* One bit a byte. */
static inline void count_all_b(struct survey *survey, const char *from, uint64_t quotes) {
    for (; __builtin_expect(quotes != 0, 0); quotes &= quotes - 1)
        count_b(survey, from + __builtin_ctzll(quotes));
}

static struct stretch look_at_bytes(struct survey *survey, const char *from, const char *to) {
    unsigned char all = 0, least = UINT8_MAX;
    for (; from < to; from++) {
        unsigned char c = (unsigned char)*from;
        all |= c;
        least = c < least ? c : least;
        if (c == '"' && from[-1] == 'B' && from[-2] == '"')
            count_b(survey, from);
    }
    return (struct stretch){.foreign = all >= 0x80, .control = least < ' '};
}

/* Behind the vectors. */
static struct stretch and_the_rest(struct survey *survey, const char *from, const char *to, struct stretch before) {
    struct stretch rest = look_at_bytes(survey, from, to);
    return (struct stretch){.foreign = before.foreign || rest.foreign, .control = before.control || rest.control};
}

#if defined __x86_64__
#define AVX2   __attribute__((target("avx2")))
#define AVX512 __attribute__((target("avx512f,avx512bw,bmi")))

AVX512 static inline uint64_t equal64(const char *from, char c) {
    return _mm512_cmpeq_epi8_mask(_mm512_loadu_si512(from), _mm512_set1_epi8(c));
}

AVX512 static struct stretch widest(struct survey *survey, const char *from, const char *to) {
    __m512i all = _mm512_setzero_si512(), least = _mm512_set1_epi8(-1);
    for (; to - from >= 64; from += 64) {
        __m512i bytes = _mm512_loadu_si512(from);
        all = _mm512_or_si512(all, bytes);
        least = _mm512_min_epu8(least, bytes);
        count_all_b(survey, from, equal64(from, '"') & equal64(from - 1, 'B') & equal64(from - 2, '"'));
    }
    struct stretch seen = {.foreign = _mm512_movepi8_mask(all) != 0,
                           .control = _mm512_cmplt_epu8_mask(least, _mm512_set1_epi8(' ')) != 0};
    return and_the_rest(survey, from, to, seen);
}

AVX2 static inline __m256i load32(const char *from) {
    return _mm256_loadu_si256((const __m256i *)(const void *)from);
}

AVX2 static inline __m256i equal32(const char *from, char c) {
    return _mm256_cmpeq_epi8(load32(from), _mm256_set1_epi8(c));
}

AVX2 static inline __m256i behind_b32(const char *from) {
    return _mm256_and_si256(equal32(from, '"'), _mm256_and_si256(equal32(from - 1, 'B'), equal32(from - 2, '"')));
}

AVX2 static struct stretch wide(struct survey *survey, const char *from, const char *to) {
    __m256i all = _mm256_setzero_si256(), least = _mm256_set1_epi8(-1);
    for (; to - from >= 64; from += 64) {
        __m256i low = load32(from), high = load32(from + 32), b = behind_b32(from), high_b = behind_b32(from + 32);
        all = _mm256_or_si256(all, _mm256_or_si256(low, high));
        least = _mm256_min_epu8(least, _mm256_min_epu8(low, high));
        if (__builtin_expect(_mm256_movemask_epi8(_mm256_or_si256(b, high_b)), 0)) {
            count_all_b(survey, from, (uint32_t)_mm256_movemask_epi8(b));
            count_all_b(survey, from + 32, (uint32_t)_mm256_movemask_epi8(high_b));
        }
    }
    __m256i control = _mm256_cmpeq_epi8(_mm256_min_epu8(least, _mm256_set1_epi8(' ' - 1)), least);
    struct stretch seen = {.foreign = _mm256_movemask_epi8(all), .control = _mm256_movemask_epi8(control)};
    return and_the_rest(survey, from, to, seen);
}

static inline __m128i load16(const char *from) {
    return _mm_loadu_si128((const __m128i *)(const void *)from);
}

static inline __m128i equal16(const char *from, char c) {
    return _mm_cmpeq_epi8(load16(from), _mm_set1_epi8(c));
}

static struct stretch narrow(struct survey *survey, const char *from, const char *to) {
    __m128i all = _mm_setzero_si128(), least = _mm_set1_epi8(-1);
    for (; to - from >= 16; from += 16) {
        __m128i bytes = load16(from), b = _mm_and_si128(equal16(from, '"'), equal16(from - 1, 'B'));
        all = _mm_or_si128(all, bytes);
        least = _mm_min_epu8(least, bytes);
        count_all_b(survey, from, (uint32_t)_mm_movemask_epi8(_mm_and_si128(b, equal16(from - 2, '"'))));
    }
    __m128i control = _mm_cmpeq_epi8(_mm_min_epu8(least, _mm_set1_epi8(' ' - 1)), least);
    struct stretch seen = {.foreign = _mm_movemask_epi8(all), .control = _mm_movemask_epi8(control)};
    return and_the_rest(survey, from, to, seen);
}

#elif defined __aarch64__
static inline uint8x16_t equal16(const char *from, char c) {
    return vceqq_u8(vld1q_u8((const uint8_t *)from), vdupq_n_u8((uint8_t)c));
}

/* NEON has no cheap mask of bits: where one byte is worth reading, all are read. */
static struct stretch narrow(struct survey *survey, const char *from, const char *to) {
    uint8x16_t all = vdupq_n_u8(0), least = vdupq_n_u8(UINT8_MAX);
    for (; to - from >= 16; from += 16) {
        uint8x16_t bytes = vld1q_u8((const uint8_t *)from);
        all = vorrq_u8(all, bytes);
        least = vminq_u8(least, bytes);
        uint8x16_t b = vandq_u8(equal16(from, '"'), vandq_u8(equal16(from - 1, 'B'), equal16(from - 2, '"')));
        if (__builtin_expect(vmaxvq_u8(b) != 0, 0))
            look_at_bytes(survey, from, from + 16);
    }
    struct stretch seen = {.foreign = vmaxvq_u8(all) >= 0x80, .control = vminvq_u8(least) < ' '};
    return and_the_rest(survey, from, to, seen);
}

#else
#define narrow look_at_bytes
#endif

static void look(struct survey *survey, struct stretch (*at)(struct survey *, const char *, const char *), size_t to) {
    struct stretch seen = at(survey, survey->bytes + survey->at, survey->bytes + to);
    if (seen.foreign || survey->text < survey->at)
        survey->text += utf8_prefix(survey->bytes + survey->text, to - survey->text);
    else
        survey->text = to;
    survey->doubt |= seen.control;
    survey->at = to;
}

void survey_on16(struct survey *survey, size_t to) {
    look(survey, narrow, to);
}

#if defined __x86_64__
void survey_on32(struct survey *survey, size_t to) {
    look(survey, wide, to);
}

void survey_on64(struct survey *survey, size_t to) {
    look(survey, widest, to);
}
#endif
