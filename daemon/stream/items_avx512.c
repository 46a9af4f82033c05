/* SPDX-License-Identifier: Apache-2.0 */
/* The block scan with AVX-512: a block is one vector, and comparing gives the mask of bits at once. */
#ifdef __x86_64__
#include <immintrin.h>
#include <stdbool.h>
#include <stdint.h>

#define TARGET                __attribute__((target("avx512f,avx512bw,bmi,bmi2,popcnt,pclmul")))
#define SCAN                  items_avx512
#define SURVEY                survey_on64
#define GATHER                _pext_u64
#define SPREAD                _pdep_u64
#define LOW_BITS(bits, count) _bzhi_u64(bits, (unsigned)(count))

struct masks {
    uint64_t quote, open, close; /* '{', '}' */
    uint64_t rare;               /* not 0: there is a backslash, '[' or ']' */
};
struct rare_masks {
    uint64_t backslash, open, close; /* '[', ']' */
};

TARGET static inline uint64_t equal(__m512i bytes, char c) {
    return _mm512_cmpeq_epi8_mask(bytes, _mm512_set1_epi8(c));
}

TARGET static inline struct masks block_masks(const char *block) {
    __m512i bytes = _mm512_loadu_si512(block);
    return (struct masks){.quote = equal(bytes, '"'),
                          .open = equal(bytes, '{'),
                          .close = equal(bytes, '}'),
                          .rare = equal(bytes, '\\') | equal(bytes, '[') | equal(bytes, ']')};
}

TARGET static inline struct rare_masks rare_masks(const char *block) {
    __m512i bytes = _mm512_loadu_si512(block);
    return (struct rare_masks){.backslash = equal(bytes, '\\'), .open = equal(bytes, '['), .close = equal(bytes, ']')};
}

/* Bit i of the result: the parity of bits 0 to i. A carry-less product with all ones is just that. */
TARGET static inline uint64_t prefix_xor(uint64_t bits) {
    __m128i product = _mm_clmulepi64_si128(_mm_set_epi64x(0, (int64_t)bits), _mm_set1_epi8((char)0xff), 0);
    return (uint64_t)_mm_cvtsi128_si64(product);
}

#include "items_blocks.h"
#endif
