/* SPDX-License-Identifier: Apache-2.0 */
/* The block scan with AVX2 and carry-less multiplication. Called only where the processor has both. */
#ifdef __x86_64__
#include <immintrin.h>
#include <stdbool.h>
#include <stdint.h>

#define TARGET                __attribute__((target("avx2,bmi,bmi2,popcnt,pclmul")))
#define SCAN                  items_avx2
#define SURVEY                survey_on32
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

TARGET static inline __m256i load(const char *bytes) {
    return _mm256_loadu_si256((const __m256i *)(const void *)bytes);
}

TARGET static inline uint64_t mask(__m256i low, __m256i high) {
    return (uint32_t)_mm256_movemask_epi8(low) | (uint64_t)(uint32_t)_mm256_movemask_epi8(high) << 32;
}

TARGET static inline uint64_t equal(__m256i low, __m256i high, char c) {
    __m256i wanted = _mm256_set1_epi8(c);
    return mask(_mm256_cmpeq_epi8(low, wanted), _mm256_cmpeq_epi8(high, wanted));
}

/* What a byte must be to be rare, by its low four bits. (For other bits no byte is what stands there.) */
TARGET static inline __m256i rare_bytes(__m256i bytes) {
    const __m256i wanted =
        _mm256_broadcastsi128_si256(_mm_setr_epi8(1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, '[', '\\', ']', 0, 0));
    return _mm256_cmpeq_epi8(_mm256_shuffle_epi8(wanted, bytes), bytes);
}

TARGET static inline struct masks block_masks(const char *block) {
    __m256i low = load(block), high = load(block + 32);
    return (struct masks){.quote = equal(low, high, '"'),
                          .open = equal(low, high, '{'),
                          .close = equal(low, high, '}'),
                          .rare = (uint32_t)_mm256_movemask_epi8(_mm256_or_si256(rare_bytes(low), rare_bytes(high)))};
}

TARGET static inline struct rare_masks rare_masks(const char *block) {
    __m256i low = load(block), high = load(block + 32);
    uint64_t backslash = equal(low, high, '\\'), squares = mask(rare_bytes(low), rare_bytes(high)) ^ backslash;
    uint64_t open = squares ? equal(low, high, '[') : 0;
    return (struct rare_masks){.backslash = backslash, .open = open, .close = squares ^ open};
}

/* Bit i of the result: the parity of bits 0 to i. A carry-less product with all ones is just that. */
TARGET static inline uint64_t prefix_xor(uint64_t bits) {
    __m128i product = _mm_clmulepi64_si128(_mm_set_epi64x(0, (int64_t)bits), _mm_set1_epi8((char)0xff), 0);
    return (uint64_t)_mm_cvtsi128_si64(product);
}

#include "items_blocks.h"
#endif
