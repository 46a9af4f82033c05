/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CRC-32 by ISA-L, and the CRC of a whole from its parts'. Each byte of a table is summed twice or three times on its
 * way (page, gzip's lines, part). ISA-L 2.30 multiplies 64 bytes at once with AVX-512, else 16; where the processor can
 * do 32, most of a long text is folded here, twice as fast, into 128 bytes whose CRC is the same.
 *
 * Folding: Gopal et al., Fast CRC Computation for Generic Polynomials Using PCLMULQDQ Instruction, Intel 2009.
 */
#include <isa-l/crc.h>

#include "base/digest.h"

#ifdef __x86_64__
#include <immintrin.h>

#define TARGET __attribute__((target("avx2,pclmul,vpclmulqdq")))
#define VECTOR 32
#define FOLDED (4 * VECTOR) /* bytes that a step takes */

/* x^(1024+32) and x^(1024-32) modulo the polynomial, mirrored and one bit up (which the product of mirrored factors
 * lacks): what moves the lower and upper 8 of 16 bytes on by 1,024 bits. */
#define LOW_ON  INT64_C(0x1e88ef372)
#define HIGH_ON INT64_C(0x14a7fe880)

TARGET static inline __m256i load(const char *bytes) {
    return _mm256_loadu_si256((const __m256i *)(const void *)bytes);
}

TARGET static inline __m256i fold(__m256i sum, __m256i on, const char *next) {
    __m256i low = _mm256_clmulepi64_epi128(sum, on, 0x00), high = _mm256_clmulepi64_epi128(sum, on, 0x11);
    return _mm256_xor_si256(_mm256_xor_si256(low, high), load(next));
}

/* Whole steps. (The CRC so far is added to the text's start, as division goes.) */
TARGET static uint32_t by_folding(uint32_t crc, const char *bytes, size_t length) {
    const __m256i on = _mm256_set_epi64x(HIGH_ON, LOW_ON, HIGH_ON, LOW_ON);
    const char *end = bytes + length;
    char folded[FOLDED];
    __m256i a = _mm256_xor_si256(load(bytes), _mm256_set_epi64x(0, 0, 0, (int64_t)(uint32_t)~crc));
    __m256i b = load(bytes + VECTOR), c = load(bytes + 2 * VECTOR), d = load(bytes + 3 * VECTOR);
    for (bytes += FOLDED; bytes < end; bytes += FOLDED) {
        a = fold(a, on, bytes);
        b = fold(b, on, bytes + VECTOR);
        c = fold(c, on, bytes + 2 * VECTOR);
        d = fold(d, on, bytes + 3 * VECTOR);
    }
    _mm256_storeu_si256((__m256i *)(void *)folded, a);
    _mm256_storeu_si256((__m256i *)(void *)(folded + VECTOR), b);
    _mm256_storeu_si256((__m256i *)(void *)(folded + 2 * VECTOR), c);
    _mm256_storeu_si256((__m256i *)(void *)(folded + 3 * VECTOR), d);
    return crc32_gzip_refl(UINT32_MAX, (const unsigned char *)folded, FOLDED); /* of a register of zeros */
}

/* Takes whole steps off the start, where it pays. Their length. */
static size_t fold_most(uint32_t *crc, const char *bytes, size_t length) {
    if (length < 2 * FOLDED || !__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("vpclmulqdq") ||
        __builtin_cpu_supports("avx512vl"))
        return 0;
    *crc = by_folding(*crc, bytes, length / FOLDED * FOLDED);
    return length / FOLDED * FOLDED;
}
#else
static size_t fold_most(uint32_t *crc, const char *bytes, size_t length) {
    (void)crc;
    (void)bytes;
    (void)length;
    return 0;
}
#endif

uint32_t crc32_update(uint32_t crc, const void *bytes, size_t length) {
    size_t folded = fold_most(&crc, bytes, length);
    return length > folded ? crc32_gzip_refl(crc, (const unsigned char *)bytes + folded, length - folded) : crc;
}

/*
 * Appending n zero bytes multiplies the CRC by x^(8n) modulo the polynomial: square and multiply, as in zlib's
 * crc32_combine(). Reflected: bit 31 is x^0.
 */
#define POLYNOMIAL 0xedb88320u

static uint32_t multiply(uint32_t a, uint32_t b) {
    uint32_t product = 0;
    for (uint32_t bit = 1u << 31; bit; bit >>= 1) {
        if (a & bit)
            product ^= b;
        b = b & 1 ? (b >> 1) ^ POLYNOMIAL : b >> 1;
    }
    return product;
}

uint32_t crc32_join(uint32_t a, uint32_t b, uint64_t b_length) {
    uint32_t power = 1u << 23; /* x^8 */
    uint32_t shift = 1u << 31; /* x^0 */
    for (; b_length; b_length >>= 1) {
        if (b_length & 1)
            shift = multiply(shift, power);
        power = multiply(power, power);
    }
    return multiply(shift, a) ^ b;
}
