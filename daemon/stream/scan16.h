/* SPDX-License-Identifier: Apache-2.0 */
/* 16 bytes at a time with what every x86-64 (SSE2) or 64-bit ARM (NEON) has; byte-wise elsewhere. */
#ifndef STREAM_SCAN16_H
#define STREAM_SCAN16_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#if defined __x86_64__
#include <emmintrin.h>

/* Copies 16 bytes. Returns how many of them, from the first, are plain in a string: no quote, backslash or control. */
static inline unsigned copy_plain16(char *to, const char *from) {
    __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)from);
    _mm_storeu_si128((__m128i *)(void *)to, bytes);
    __m128i quote = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('"'));
    __m128i backslash = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\\'));
    __m128i control = _mm_cmpeq_epi8(_mm_min_epu8(bytes, _mm_set1_epi8(0x1f)), bytes);
    int mask = _mm_movemask_epi8(_mm_or_si128(_mm_or_si128(quote, backslash), control));
    return (unsigned)__builtin_ctz((unsigned)mask | 0x10000);
}

#elif defined __aarch64__
#include <arm_neon.h>

static inline unsigned copy_plain16(char *to, const char *from) {
    uint8x16_t bytes = vld1q_u8((const uint8_t *)from);
    vst1q_u8((uint8_t *)to, bytes);
    uint8x16_t special = vorrq_u8(vceqq_u8(bytes, vdupq_n_u8('"')), vceqq_u8(bytes, vdupq_n_u8('\\')));
    special = vorrq_u8(special, vcltq_u8(bytes, vdupq_n_u8(0x20)));
    /* Four bits a byte: NEON's short way to a mask. */
    uint64_t mask = vget_lane_u64(vreinterpret_u64_u8(vshrn_n_u16(vreinterpretq_u16_u8(special), 4)), 0);
    return mask ? (unsigned)__builtin_ctzll(mask) / 4 : 16;
}

#else

static inline unsigned copy_plain16(char *to, const char *from) {
    unsigned plain = 0;
    memcpy(to, from, 16);
    while (plain < 16 && from[plain] != '"' && from[plain] != '\\' && (unsigned char)from[plain] >= ' ')
        plain++;
    return plain;
}

#endif
#endif
