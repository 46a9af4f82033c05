/* SPDX-License-Identifier: Apache-2.0 */
/* What an escape in a JSON string means, for those who read strings that were checked before. */
#ifndef STREAM_ESCAPE_H
#define STREAM_ESCAPE_H

#include <stdint.h>

/*
 * The character of the escape at *at, which ends before `end` and is one that JSON knows; moves *at behind it. Two halves of a pair are
 * one character; half of one that stands alone is given as it is (U+D800 to U+DFFF), which is no character.
 */
uint32_t escape_read(const char **at, const char *end);

/* As UTF-8 would have it, half of a pair too: 1 to 4 bytes; how many. */
unsigned escape_put(char *out, uint32_t character);

/* The same where only characters will do: half of a pair becomes the replacement character. */
static inline uint32_t escape_read_whole(const char **at, const char *end) {
    uint32_t character = escape_read(at, end);
    return character >= 0xd800 && character < 0xe000 ? 0xfffd : character;
}

#endif
