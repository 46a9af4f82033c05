/* SPDX-License-Identifier: Apache-2.0 */
/* The block scan with what every x86-64 has, or every 64-bit ARM: 16 bytes at a time. */
#include <stdbool.h>
#include <stdint.h>

#define TARGET
#define SURVEY survey_on16

struct masks {
    uint64_t quote, open, close; /* '{', '}' */
    uint64_t rare;               /* not 0: there is a backslash, '[' or ']' */
};
struct rare_masks {
    uint64_t backslash, open, close; /* '[', ']' */
};

#if defined __x86_64__
#include <emmintrin.h>
#define SCAN items_sse2
typedef __m128i vector;

static inline vector load(const char *bytes) {
    return _mm_loadu_si128((const __m128i *)(const void *)bytes);
}

static inline uint64_t equal16(vector bytes, char c) {
    return (uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(bytes, _mm_set1_epi8(c)));
}

#elif defined __aarch64__
#include <arm_neon.h>
#define SCAN items_neon
typedef uint8x16_t vector;

static inline vector load(const char *bytes) {
    return vld1q_u8((const uint8_t *)bytes);
}

/* NEON has no movemask: each byte keeps the bit of its place, and the bits of each half are summed. */
static inline uint64_t mask16(uint8x16_t ones) {
    static const uint8_t places[16] = {1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128};
    uint8x16_t bits = vandq_u8(ones, vld1q_u8(places));
    return vaddv_u8(vget_low_u8(bits)) | (uint64_t)vaddv_u8(vget_high_u8(bits)) << 8;
}

static inline uint64_t equal16(vector bytes, char c) {
    return mask16(vceqq_u8(bytes, vdupq_n_u8((uint8_t)c)));
}

#endif

#ifdef SCAN
static inline uint64_t equal(const char *block, char c) {
    return equal16(load(block), c) | equal16(load(block + 16), c) << 16 | equal16(load(block + 32), c) << 32 |
           equal16(load(block + 48), c) << 48;
}

static inline struct rare_masks rare_masks(const char *block) {
    return (struct rare_masks){.backslash = equal(block, '\\'), .open = equal(block, '['), .close = equal(block, ']')};
}

static inline struct masks block_masks(const char *block) {
    struct rare_masks rare = rare_masks(block);
    return (struct masks){.quote = equal(block, '"'),
                          .open = equal(block, '{'),
                          .close = equal(block, '}'),
                          .rare = rare.backslash | rare.open | rare.close};
}

/* Bit i of the result: the parity of bits 0 to i. */
static inline uint64_t prefix_xor(uint64_t bits) {
    for (unsigned shift = 1; shift < 64; shift *= 2)
        bits ^= bits << shift;
    return bits;
}

#include "items_blocks.h"
#endif
