/* SPDX-License-Identifier: Apache-2.0 */
/* 16 bytes at a time with what every x86-64 (SSE2) or 64-bit ARM (NEON) has; byte-wise elsewhere. */
#ifndef STREAM_SCAN16_H
#define STREAM_SCAN16_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#if defined __x86_64__
#include <emmintrin.h>

/* Those that are not plain in a string: quotes, backslashes, controls. */
static inline __m128i special16(__m128i bytes) {
    __m128i quote = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('"'));
    __m128i backslash = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\\'));
    __m128i control = _mm_cmpeq_epi8(_mm_min_epu8(bytes, _mm_set1_epi8(0x1f)), bytes);
    return _mm_or_si128(_mm_or_si128(quote, backslash), control);
}

/* Copies 16 bytes. Gives those that are not plain. */
static inline __m128i copy16(char *to, const char *from) {
    __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)from);
    _mm_storeu_si128((__m128i *)(void *)to, bytes);
    return special16(bytes);
}

/* Copies 16 bytes. Returns how many of them, from the first, are plain. */
static inline unsigned copy_plain16(char *to, const char *from) {
    return (unsigned)__builtin_ctz((unsigned)_mm_movemask_epi8(copy16(to, from)) | 0x10000);
}

/* How many of 16 bytes, from the first, are plain; *comma: there is one among them (else it stays as it was). */
static inline unsigned plain16(const char *from, bool *comma) {
    __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)from);
    unsigned commas = (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(bytes, _mm_set1_epi8(',')));
    unsigned special = (unsigned)_mm_movemask_epi8(special16(bytes)) | 0x10000;
    *comma = *comma || (commas & ((special & -special) - 1));
    return (unsigned)__builtin_ctz(special);
}

/* Copies 64 bytes. Are all plain? */
static inline bool copy_plain64(char *to, const char *from) {
    __m128i low = _mm_or_si128(copy16(to, from), copy16(to + 16, from + 16));
    __m128i high = _mm_or_si128(copy16(to + 32, from + 32), copy16(to + 48, from + 48));
    return !_mm_movemask_epi8(_mm_or_si128(low, high));
}

#elif defined __aarch64__
#include <arm_neon.h>

static inline uint8x16_t special16(uint8x16_t bytes) {
    uint8x16_t special = vorrq_u8(vceqq_u8(bytes, vdupq_n_u8('"')), vceqq_u8(bytes, vdupq_n_u8('\\')));
    return vorrq_u8(special, vcltq_u8(bytes, vdupq_n_u8(0x20)));
}

static inline uint8x16_t copy16(char *to, const char *from) {
    uint8x16_t bytes = vld1q_u8((const uint8_t *)from);
    vst1q_u8((uint8_t *)to, bytes);
    return special16(bytes);
}

/* Four bits a byte: NEON's short way to a mask. */
static inline uint64_t mask16(uint8x16_t found) {
    return vget_lane_u64(vreinterpret_u64_u8(vshrn_n_u16(vreinterpretq_u16_u8(found), 4)), 0);
}

static inline unsigned copy_plain16(char *to, const char *from) {
    uint64_t mask = mask16(copy16(to, from));
    return mask ? (unsigned)__builtin_ctzll(mask) / 4 : 16;
}

static inline unsigned plain16(const char *from, bool *comma) {
    uint8x16_t bytes = vld1q_u8((const uint8_t *)from);
    uint64_t commas = mask16(vceqq_u8(bytes, vdupq_n_u8(','))), special = mask16(special16(bytes));
    *comma = *comma || (commas & (special ? (special & -special) - 1 : UINT64_MAX));
    return special ? (unsigned)__builtin_ctzll(special) / 4 : 16;
}

static inline bool copy_plain64(char *to, const char *from) {
    uint8x16_t low = vorrq_u8(copy16(to, from), copy16(to + 16, from + 16));
    uint8x16_t high = vorrq_u8(copy16(to + 32, from + 32), copy16(to + 48, from + 48));
    return !vmaxvq_u8(vorrq_u8(low, high));
}

#else

static inline unsigned copy_plain16(char *to, const char *from) {
    unsigned plain = 0;
    memcpy(to, from, 16);
    while (plain < 16 && from[plain] != '"' && from[plain] != '\\' && (unsigned char)from[plain] >= ' ')
        plain++;
    return plain;
}

static inline unsigned plain16(const char *from, bool *comma) {
    char bytes[16];
    unsigned plain = copy_plain16(bytes, from);
    *comma = *comma || memchr(bytes, ',', plain);
    return plain;
}

static inline bool copy_plain64(char *to, const char *from) {
    bool plain = true;
    for (unsigned at = 0; at < 64; at += 16)
        plain &= copy_plain16(to + at, from + at) == 16;
    return plain;
}

#endif
#endif
