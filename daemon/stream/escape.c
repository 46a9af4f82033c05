/* SPDX-License-Identifier: Apache-2.0 */
/* Escapes of JSON (RFC 8259, section 7) to characters, and those to UTF-8. */
#include "escape.h"

#include <string.h>

static uint32_t digit_value(char digit) {
    return digit <= '9' ? (uint32_t)(digit - '0') : (uint32_t)((digit | 0x20) - 'a' + 10);
}

static uint32_t code_unit(const char *digits) {
    uint32_t unit = 0;
    for (int i = 0; i < 4; i++)
        unit = unit << 4 | digit_value(digits[i]);
    return unit;
}

uint32_t escape_read(const char **at, const char *end) {
    static const char letters[] = "bfnrt", meant[] = "\b\f\n\r\t";
    const char *text = *at;
    char letter = text[1];
    if (letter != 'u') {
        const char *found = strchr(letters, letter);
        *at += 2;
        return (unsigned char)(found ? meant[found - letters] : letter);
    }
    uint32_t unit = code_unit(text + 2);
    *at += 6;
    if (unit < 0xd800 || unit >= 0xdc00 || end - *at < 6 || memcmp(*at, "\\u", 2) != 0)
        return unit;
    uint32_t low = code_unit(*at + 2);
    if (low < 0xdc00 || low >= 0xe000)
        return unit;
    *at += 6;
    return 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
}

unsigned escape_put(char *out, uint32_t character) {
    static const unsigned char lead[] = {0, 0xc0, 0xe0, 0xf0};
    if (character < 0x80) {
        *out = (char)character;
        return 1;
    }
    unsigned more = character < 0x800 ? 1 : character < 0x10000 ? 2 : 3;
    *out++ = (char)(lead[more] | character >> (6 * more));
    for (unsigned left = more; left--;)
        *out++ = (char)(0x80 | (character >> (6 * left) & 0x3f));
    return more + 1;
}
