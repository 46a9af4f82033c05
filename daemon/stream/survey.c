/* SPDX-License-Identifier: Apache-2.0 */
/* The survey by vectors of 64, 32 or 16 bytes. Most hold nothing to look at; what others hold is read byte by byte. */
#include "survey.h"

#include <stddef.h>

#if defined __x86_64__
#include <immintrin.h>
#elif defined __aarch64__
#include <arm_neon.h>
#endif

#include "cursor.h"

#define LOOKAHEAD 3 /* bytes behind a '{' that tell whether it is worth reading */

/* Behind a '{': a name may follow, and a type of interest may be it. Reads on only behind what it knows. False: doubt. */
static bool count_at(const char *at, struct type_counts *counts) {
    if (is_space(at[0]))
        return false;
    if (at[0] != '"')
        return true;
    bool set = at[1] != '"' && at[2] == 'S';
    char kind = at[1];
    if (kind != 'B' && !(set && (kind == 'S' || kind == 'N')))
        return true;
    const char *behind = at + (set ? 3 : 2);
    if (behind[0] != '"')
        return true;
    if (behind[1] != ':')
        return !is_space(behind[1]);
    if (is_space(behind[2]))
        return false;
    if (set && behind[2] == '[') {
        counts->ss += kind == 'S';
        counts->ns += kind == 'N';
        counts->bs += kind == 'B';
    }
    counts->b += !set && behind[2] == '"';
    return true;
}

static inline bool survey_byte(const char *at, struct type_counts *counts) {
    return (unsigned char)*at >= ' ' && (*at != '{' || count_at(at + 1, counts));
}

static bool survey_bytes(const char *from, const char *to, struct type_counts *counts) {
    while (from < to && survey_byte(from, counts))
        from++;
    return from == to;
}

/* Those of a vector that are worth reading, one bit a byte. */
static inline bool survey_mask(const char *from, uint64_t mask, struct type_counts *counts) {
    for (; __builtin_expect(mask, 0); mask &= mask - 1) {
        if (!survey_byte(from + __builtin_ctzll(mask), counts))
            return false;
    }
    return true;
}

/* How far vectors may go: what they look ahead is there too. */
static inline ptrdiff_t reach(const char *from, const char *to, const char *end) {
    return end - to > LOOKAHEAD ? to - from : end - from - LOOKAHEAD;
}

#if defined __x86_64__
#define AVX2   __attribute__((target("avx2")))
#define AVX512 __attribute__((target("avx512f,avx512bw,bmi")))

AVX512 static inline uint64_t equal64(const char *from, char c) {
    return _mm512_cmpeq_epi8_mask(_mm512_loadu_si512(from), _mm512_set1_epi8(c));
}

/* Behind a '{' a control character needs no look: it is found as such. */
AVX512 static inline uint64_t interesting64(const char *from) {
    uint64_t type = (equal64(from + 2, 'B') & equal64(from + 3, '"')) | equal64(from + 3, 'S') | equal64(from + 1, ' ');
    uint64_t control = _mm512_cmplt_epu8_mask(_mm512_loadu_si512(from), _mm512_set1_epi8(' '));
    return (equal64(from, '{') & type) | control;
}

AVX512 static bool widest(const char *from, const char *to, const char *end, struct type_counts *counts) {
    for (ptrdiff_t left = reach(from, to, end); left >= 64; left -= 64, from += 64) {
        if (!survey_mask(from, interesting64(from), counts))
            return false;
    }
    return survey_bytes(from, to, counts);
}

AVX2 static inline __m256i equal32(const char *from, char c) {
    return _mm256_cmpeq_epi8(_mm256_loadu_si256((const __m256i *)(const void *)from), _mm256_set1_epi8(c));
}

AVX2 static inline __m256i interesting32(const char *from) {
    __m256i bytes = _mm256_loadu_si256((const __m256i *)(const void *)from);
    __m256i b = _mm256_and_si256(equal32(from + 2, 'B'), equal32(from + 3, '"'));
    __m256i type = _mm256_or_si256(_mm256_or_si256(b, equal32(from + 3, 'S')), equal32(from + 1, ' '));
    __m256i control = _mm256_cmpeq_epi8(_mm256_min_epu8(bytes, _mm256_set1_epi8(' ' - 1)), bytes);
    return _mm256_or_si256(_mm256_and_si256(equal32(from, '{'), type), control);
}

AVX2 static bool wide(const char *from, const char *to, const char *end, struct type_counts *counts) {
    for (ptrdiff_t left = reach(from, to, end); left >= 64; left -= 64, from += 64) {
        __m256i low = interesting32(from), high = interesting32(from + 32);
        if (__builtin_expect(!_mm256_movemask_epi8(_mm256_or_si256(low, high)), 1))
            continue;
        uint64_t mask = (uint32_t)_mm256_movemask_epi8(low);
        if (!survey_mask(from, mask | (uint64_t)(uint32_t)_mm256_movemask_epi8(high) << 32, counts))
            return false;
    }
    return survey_bytes(from, to, counts);
}

static inline __m128i equal16(const char *from, char c) {
    return _mm_cmpeq_epi8(_mm_loadu_si128((const __m128i *)(const void *)from), _mm_set1_epi8(c));
}

static inline uint32_t interesting16(const char *from) {
    __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)from);
    __m128i type = _mm_or_si128(_mm_and_si128(equal16(from + 2, 'B'), equal16(from + 3, '"')), equal16(from + 3, 'S'));
    __m128i brace = _mm_and_si128(equal16(from, '{'), _mm_or_si128(type, equal16(from + 1, ' ')));
    __m128i control = _mm_cmpeq_epi8(_mm_min_epu8(bytes, _mm_set1_epi8(' ' - 1)), bytes);
    return (uint32_t)_mm_movemask_epi8(_mm_or_si128(brace, control));
}

#elif defined __aarch64__
/* NEON has no cheap mask of bits: where one byte is worth reading, all are read. */
static inline uint32_t interesting16(const char *from) {
    const uint8_t *at = (const uint8_t *)from;
    uint8x16_t bytes = vld1q_u8(at), third = vld1q_u8(at + 3);
    uint8x16_t b = vandq_u8(vceqq_u8(vld1q_u8(at + 2), vdupq_n_u8('B')), vceqq_u8(third, vdupq_n_u8('"')));
    uint8x16_t type = vorrq_u8(b, vceqq_u8(third, vdupq_n_u8('S'))), next = vld1q_u8(at + 1);
    uint8x16_t brace = vandq_u8(vceqq_u8(bytes, vdupq_n_u8('{')), vorrq_u8(type, vceqq_u8(next, vdupq_n_u8(' '))));
    return vmaxvq_u8(vorrq_u8(brace, vcltq_u8(bytes, vdupq_n_u8(' ')))) ? 0xffff : 0;
}

#else
static inline uint32_t interesting16(const char *from) {
    (void)from;
    return 0xffff;
}
#endif

static bool narrow(const char *from, const char *to, const char *end, struct type_counts *counts) {
    for (ptrdiff_t left = reach(from, to, end); left >= 16; left -= 16, from += 16) {
        if (!survey_mask(from, interesting16(from), counts))
            return false;
    }
    return survey_bytes(from, to, counts);
}

static bool all_or_nothing(bool (*look)(const char *, const char *, const char *, struct type_counts *),
                           const char *from, const char *to, const char *end, struct type_counts *counts) {
    struct type_counts found = *counts;
    bool sure = look(from, to, end, &found);
    if (sure)
        *counts = found;
    return sure;
}

bool survey16(const char *from, const char *to, const char *end, struct type_counts *counts) {
    return all_or_nothing(narrow, from, to, end, counts);
}

bool survey32(const char *from, const char *to, const char *end, struct type_counts *counts) {
#if defined __x86_64__
    if (__builtin_cpu_supports("avx2"))
        return all_or_nothing(wide, from, to, end, counts);
#endif
    return survey16(from, to, end, counts);
}

bool survey(const char *from, const char *to, const char *end, struct type_counts *counts) {
#if defined __x86_64__
    if (__builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vbmi"))
        return all_or_nothing(widest, from, to, end, counts);
#endif
    return survey32(from, to, end, counts);
}
