/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes to text and back. Pure; the decoders accept one spelling only, so that what is compared as text is equal as bytes. */
#include "base/encoding.h"

#include <string.h>

static const char hex_digits[] = "0123456789abcdef";
static const char base64_digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void hex_encode(char *text, const void *bytes, size_t length) {
    const unsigned char *from = bytes;
    for (size_t i = 0; i < length; i++) {
        *text++ = hex_digits[from[i] >> 4];
        *text++ = hex_digits[from[i] & 15];
    }
    *text = '\0';
}

static int hex_value(char c) {
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

bool hex_decode(void *bytes, size_t length, const char *text) {
    unsigned char *to = bytes;
    if (strnlen(text, 2 * length + 1) != 2 * length)
        return false;
    for (size_t i = 0; i < length; i++) {
        int high = hex_value(text[2 * i]), low = hex_value(text[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        to[i] = (unsigned char)(high << 4 | low);
    }
    return true;
}

void base64_encode(char *text, const void *bytes, size_t length) {
    const unsigned char *from = bytes;
    for (size_t i = 0; i < length; i += 3) {
        size_t left = length - i;
        unsigned group = (unsigned)from[i] << 16;
        group |= left > 1 ? (unsigned)from[i + 1] << 8 : 0;
        group |= left > 2 ? (unsigned)from[i + 2] : 0;
        *text++ = base64_digits[group >> 18];
        *text++ = base64_digits[group >> 12 & 63];
        *text++ = left > 1 ? base64_digits[group >> 6 & 63] : '=';
        *text++ = left > 2 ? base64_digits[group & 63] : '=';
    }
    *text = '\0';
}

static int base64_value(char c) {
    const char *at = c ? strchr(base64_digits, c) : NULL;
    return at ? (int)(at - base64_digits) : -1;
}

/* One group of four; how many bytes it holds, 0 where it is none. Unused bits must be zero. */
static size_t decode_group(unsigned char bytes[3], const char *text, bool last) {
    size_t count = 3;
    if (last && text[3] == '=')
        count = text[2] == '=' ? 1 : 2;
    unsigned group = 0;
    for (size_t i = 0; i < 4; i++) {
        int value = i <= count ? base64_value(text[i]) : 0;
        if (value < 0)
            return 0;
        group = group << 6 | (unsigned)value;
    }
    bytes[0] = (unsigned char)(group >> 16);
    bytes[1] = (unsigned char)(group >> 8);
    bytes[2] = (unsigned char)group;
    bool unused = (count < 3 && bytes[2]) || (count < 2 && bytes[1]);
    return unused ? 0 : count;
}

bool base64_decode(struct buffer *bytes, const char *text, size_t length) {
    if (length % 4 || !buffer_reserve(bytes, length / 4 * 3))
        return false;
    size_t before = bytes->length;
    for (size_t i = 0; i < length; i += 4) {
        unsigned char group[3];
        size_t count = decode_group(group, text + i, i + 4 == length);
        if (!count || !buffer_append(bytes, group, count)) {
            bytes->length = before;
            return false;
        }
    }
    return true;
}

static bool is_unreserved(char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
           c == '_' || c == '~';
}

void percent_encode(struct buffer *out, const char *text, size_t length, const char *keep) {
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)text[i];
        if (is_unreserved(text[i]) || (c && strchr(keep, c))) {
            buffer_add_char(out, text[i]);
            continue;
        }
        char encoded[4] = {'%', "0123456789ABCDEF"[c >> 4], "0123456789ABCDEF"[c & 15]};
        buffer_add(out, encoded);
    }
}

bool percent_decode(struct buffer *out, const char *text, size_t length) {
    for (size_t i = 0; i < length; i++) {
        char c = text[i];
        if (c == '%') {
            int high = i + 2 < length ? hex_value(text[i + 1]) : -1;
            int low = i + 2 < length ? hex_value(text[i + 2]) : -1;
            if (high < 0 || low < 0)
                return false;
            c = (char)(high << 4 | low);
            i += 2;
        }
        if (!buffer_append(out, &c, 1))
            return false;
    }
    return true;
}

void markup_escape(struct buffer *out, const char *text) {
    for (; *text; text++) {
        switch (*text) {
        case '&':
            buffer_add(out, "&amp;");
            break;
        case '<':
            buffer_add(out, "&lt;");
            break;
        case '>':
            buffer_add(out, "&gt;");
            break;
        case '"':
            buffer_add(out, "&quot;");
            break;
        case '\'':
            buffer_add(out, "&#39;");
            break;
        default:
            buffer_add_char(out, *text);
        }
    }
}

static void quote_ascii(struct buffer *out, char c) {
    switch (c) {
    case '"':
        buffer_add(out, "\\\"");
        return;
    case '\\':
        buffer_add(out, "\\\\");
        return;
    case '\n':
        buffer_add(out, "\\n");
        return;
    case '\r':
        buffer_add(out, "\\r");
        return;
    case '\t':
        buffer_add(out, "\\t");
        return;
    default:
        if ((unsigned char)c < 0x20 || c == 0x7f)
            buffer_printf(out, "\\u%04x", (unsigned)c);
        else
            buffer_add_char(out, c);
    }
}

void json_quote(struct buffer *out, const char *text) {
    size_t left = strlen(text);
    buffer_add_char(out, '"');
    while (left) {
        size_t step = utf8_character(text, left);
        if (step == 1)
            quote_ascii(out, *text);
        else if (step)
            buffer_add_bytes(out, text, step);
        else
            buffer_add(out, "\xef\xbf\xbd");
        step = step ? step : 1;
        text += step;
        left -= step;
    }
    buffer_add_char(out, '"');
}
