/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Plain JSON becomes DynamoDB's typed JSON: "a":"x" becomes "a":{"S":"x"}. What json-format lost when it was written (B and the
 * sets) cannot come back here: who restores has looked at the counts first. The input is known to be JSON, so a token needs only
 * its first byte.
 */
#include <string.h>

#include "decode.h"

struct retyping {
    const char *at, *to;
    char *out;
    const char *end;
    bool full;
    bool name;        /* a string that comes now is an attribute's name */
    unsigned depth;   /* of brackets open */
    uint64_t maps[2]; /* a bit a bracket: is it an object? */
};

static void put(struct retyping *r, const char *bytes, size_t length) {
    if ((size_t)(r->end - r->out) < length) {
        r->full = true;
        return;
    }
    memcpy(r->out, bytes, length);
    r->out += length;
}

static void put_text(struct retyping *r, const char *text) {
    put(r, text, strlen(text));
}

static bool in_map(const struct retyping *r) {
    unsigned level = r->depth - 1;
    return r->depth && r->maps[level / 64] >> level % 64 & 1;
}

static void open_bracket(struct retyping *r) {
    bool map = *r->at++ == '{';
    if (r->depth)
        put_text(r, map ? "{\"M\":" : "{\"L\":");
    put_text(r, map ? "{" : "[");
    unsigned level = r->depth++;
    uint64_t bit = (uint64_t)1 << level % 64;
    r->maps[level / 64] = map ? r->maps[level / 64] | bit : r->maps[level / 64] & ~bit;
    r->name = map;
}

static void close_bracket(struct retyping *r) {
    put(r, r->at++, 1);
    if (--r->depth)
        put_text(r, "}");
    r->name = false;
}

static void string(struct retyping *r) {
    const char *from = r->at++;
    while (*r->at != '"')
        r->at += *r->at == '\\' ? 2 : 1;
    r->at++;
    if (!r->name)
        put_text(r, "{\"S\":");
    put(r, from, (size_t)(r->at - from));
    if (!r->name)
        put_text(r, "}");
}

static void scalar(struct retyping *r) {
    const char *from = r->at;
    while (!is_space(*r->at) && !strchr(",]}", *r->at))
        r->at++;
    bool number = *from == '-' || (*from >= '0' && *from <= '9');
    put_text(r, number ? "{\"N\":\"" : *from == 'n' ? "{\"NULL\":" : "{\"BOOL\":");
    if (*from == 'n')
        put_text(r, "true");
    else
        put(r, from, (size_t)(r->at - from));
    put_text(r, number ? "\"}" : "}");
}

static void token(struct retyping *r) {
    switch (*r->at) {
    case ' ':
    case '\t':
    case '\r':
    case '\n':
        r->at++;
        return;
    case '{':
    case '[':
        open_bracket(r);
        return;
    case '}':
    case ']':
        close_bracket(r);
        return;
    case ',':
    case ':':
        r->name = *r->at == ',' && in_map(r);
        put(r, r->at++, 1);
        return;
    case '"':
        string(r);
        return;
    default:
        scalar(r);
    }
}

_Static_assert(CURSOR_DEPTH <= 128, "a bit a bracket");

bool retype(const char *item, size_t length, char **out, const char *end) {
    struct retyping r = {.at = item, .to = item + length, .out = *out, .end = end};
    while (r.at < r.to && !r.full)
        token(&r);
    if (!r.full)
        *out = r.out;
    return !r.full;
}
