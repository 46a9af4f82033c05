/* SPDX-License-Identifier: Apache-2.0 */
/* Is it UTF-8 (RFC 3629: no surrogates, no overlong forms, nothing over U+10FFFF), and where not? Pages are megabytes: 16 bytes at
 * a time where the processor can, with a portable twin. */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>

/* How many of the first bytes are whole characters of UTF-8: `length`, or where the first that is none begins. */
size_t utf8_prefix(const char *text, size_t length);

bool utf8_valid(const char *text, size_t length);

/* The length of the one character at the start of `text` (at least one byte), 0 where none stands there. */
size_t utf8_character(const char *text, size_t length);

/* For tests: by the way of that name ("portable", "ssse3", "neon"). False where this processor has it not. */
bool utf8_prefix_by(const char *name, size_t *prefix, const char *text, size_t length);

#endif
