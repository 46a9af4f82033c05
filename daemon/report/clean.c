/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Secrets are kept out of errors where they enter a request (struct http_header.secret). This is the second fence: whatever
 * text still holds something that looks like a signed query string leaves here without it, on one line, in valid UTF-8.
 */
#include "report/clean.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

#include "base/encoding.h"
#include "base/memory.h"

/* A name, and the characters of which one must follow for it to be a secret and not a word of a sentence. */
static const struct secret_name {
    const char *name, *separators;
} secret_names[] = {
    {"X-Amz-Signature", "=:"},    {"X-Amz-Security-Token", "=:"},   {"X-Amz-Credential", "=:"},
    {"SecretAccessKey", "=:>\""}, {"SessionToken", "=:>\""},        {"SecurityToken", "=:>\""},
    {"Signature", "="},           {"aws_secret_access_key", "= :"}, {"aws_session_token", "= :"},
};

static size_t separators_at(const char *text, const char *separators) {
    size_t length = 0;
    bool found = false;
    for (;;) {
        if (strncasecmp(text + length, "%3D", 3) == 0) {
            length += 3;
            found = true;
        } else if (text[length] && strchr(separators, text[length])) {
            length++;
            found = true;
        } else if (found && (text[length] == ' ' || text[length] == '"')) {
            length++; /* "Name": "value" */
        } else {
            return found ? length : 0;
        }
    }
}

/* A value ends where a parameter, a word or a quoted string ends; "%26" is an '&' of a link within a link. */
static size_t value_length(const char *text) {
    size_t length = 0;
    while (text[length] && !strchr("&;,<>\"' \t\r\n)]}", text[length]) && strncmp(text + length, "%26", 3) != 0)
        length++;
    return length;
}

/* How much of `text` is the name of a secret and what stands between it and its value; 0: none. */
static size_t secret_at(const char *text) {
    for (size_t i = 0; i < array_length(secret_names); i++) {
        size_t length = strlen(secret_names[i].name);
        if (strncasecmp(text, secret_names[i].name, length) != 0)
            continue;
        size_t separators = separators_at(text + length, secret_names[i].separators);
        if (separators && value_length(text + length + separators))
            return length + separators;
    }
    return 0;
}

/* The length of the UTF-8 sequence at `text`, 0 where there is none. */
static size_t sequence_length(const char *text) {
    unsigned char lead = (unsigned char)*text;
    size_t length = lead < 0x80 ? 1 : lead < 0xc2 ? 0 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : lead < 0xf5 ? 4 : 0;
    return length && strnlen(text, length) == length && utf8_valid(text, length) ? length : 0;
}

static bool is_control(const char *text, size_t length) {
    unsigned char first = (unsigned char)text[0], second = length > 1 ? (unsigned char)text[1] : 0;
    return first < 0x20 || first == 0x7f || (first == 0xc2 && second < 0xa0);
}

void clean_text(struct buffer *out, const char *text, size_t limit) {
    size_t end = out->length + limit;
    while (*text) {
        size_t secret = secret_at(text), length = secret ? 1 : sequence_length(text);
        if (out->length + (secret ? secret + 3 : length ? length : 1) > end) {
            buffer_add(out, "...");
            return;
        }
        if (secret) {
            buffer_add_bytes(out, text, secret);
            buffer_add(out, "***");
            text += secret;
            text += value_length(text);
        } else if (!length) {
            buffer_add_char(out, '?');
            text++;
        } else if (is_control(text, length)) {
            buffer_add_char(out, ' ');
            text += length;
        } else {
            buffer_add_bytes(out, text, length);
            text += length;
        }
    }
}
