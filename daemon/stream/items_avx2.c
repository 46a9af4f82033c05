/* SPDX-License-Identifier: Apache-2.0 */
/* The block scan with AVX2 and carry-less multiplication. Called only where the processor has both. */
#ifdef __x86_64__
#include <immintrin.h>
#include <stdint.h>

#define TARGET __attribute__((target("avx2,bmi,bmi2,lzcnt,popcnt,pclmul")))
#define SCAN   items_avx2

struct masks {
    uint64_t quote, backslash, open, close, curly;
};

TARGET static inline uint64_t equal(__m256i low, __m256i high, char c) {
    __m256i wanted = _mm256_set1_epi8(c);
    uint32_t first = (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(low, wanted));
    uint32_t second = (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(high, wanted));
    return first | (uint64_t)second << 32;
}

TARGET static inline struct masks block_masks(const char *block) {
    __m256i low = _mm256_loadu_si256((const __m256i *)(const void *)block);
    __m256i high = _mm256_loadu_si256((const __m256i *)(const void *)(block + 32));
    __m256i bit5 = _mm256_set1_epi8(0x20); /* all that tells '{' from '[' and '}' from ']' */
    __m256i low_curly = _mm256_or_si256(low, bit5), high_curly = _mm256_or_si256(high, bit5);
    uint32_t first = (uint32_t)_mm256_movemask_epi8(_mm256_slli_epi16(low, 2));
    uint32_t second = (uint32_t)_mm256_movemask_epi8(_mm256_slli_epi16(high, 2));
    return (struct masks){
        .quote = equal(low, high, '"'),
        .backslash = equal(low, high, '\\'),
        .open = equal(low_curly, high_curly, '{'),
        .close = equal(low_curly, high_curly, '}'),
        .curly = first | (uint64_t)second << 32,
    };
}

/* Bit i of the result: the parity of bits 0 to i. A carry-less product with all ones is just that. */
TARGET static inline uint64_t prefix_xor(uint64_t bits) {
    __m128i product = _mm_clmulepi64_si128(_mm_set_epi64x(0, (int64_t)bits), _mm_set1_epi8((char)0xff), 0);
    return (uint64_t)_mm_cvtsi128_si64(product);
}

#include "items_blocks.h"
#endif
