/* SPDX-License-Identifier: Apache-2.0 */
/* The strict reader for what a page holds beside its items: some hundred bytes, so plain code. (RFC 8259.) */
#include "cursor.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

bool cursor_fail(struct cursor *cursor, size_t at, const char *expected) {
    char found[24] = "the end";
    if (at < cursor->length) {
        unsigned char c = (unsigned char)cursor->bytes[at];
        snprintf(found, sizeof found, c > ' ' && c < 0x7f ? "'%c'" : "byte 0x%02x", c);
    }
    error_set(cursor->error, ERROR_CORRUPT, "not the JSON of %s: expected %s at byte %zu of %zu, found %s",
              cursor->what ? cursor->what : "a page", expected, at, cursor->length, found);
    return false;
}

void cursor_space(struct cursor *cursor) {
    while (cursor->at < cursor->length && is_space(cursor->bytes[cursor->at]))
        cursor->at++;
}

static char peek(const struct cursor *cursor) {
    return cursor->at < cursor->length ? cursor->bytes[cursor->at] : '\0';
}

bool cursor_expect(struct cursor *cursor, char c) {
    cursor_space(cursor);
    if (peek(cursor) != c || cursor->at == cursor->length)
        return cursor_fail(cursor, cursor->at, (char[]){'\'', c, '\'', '\0'});
    cursor->at++;
    return true;
}

static bool escape(struct cursor *cursor) {
    cursor->at++;
    char c = peek(cursor);
    if (!c || !strchr("\"\\/bfnrtu", c))
        return cursor_fail(cursor, cursor->at, "an escape");
    cursor->at++;
    for (int digits = c == 'u' ? 4 : 0; digits; digits--, cursor->at++) {
        if (!peek(cursor) || !strchr("0123456789abcdefABCDEF", peek(cursor)))
            return cursor_fail(cursor, cursor->at, "a hex digit");
    }
    return true;
}

bool cursor_string(struct cursor *cursor, struct span *inside) {
    if (!cursor_expect(cursor, '"'))
        return false;
    size_t start = cursor->at;
    while (peek(cursor) != '"') {
        if ((unsigned char)peek(cursor) < ' ')
            return cursor_fail(cursor, cursor->at, "the rest of a string");
        if (peek(cursor) != '\\')
            cursor->at++;
        else if (!escape(cursor))
            return false;
    }
    *inside = (struct span){(uint32_t)start, (uint32_t)(cursor->at - start)};
    cursor->at++;
    return true;
}

static bool digits(struct cursor *cursor) {
    size_t start = cursor->at;
    while (peek(cursor) >= '0' && peek(cursor) <= '9')
        cursor->at++;
    return cursor->at > start || cursor_fail(cursor, cursor->at, "a digit");
}

static bool number(struct cursor *cursor) {
    if (peek(cursor) == '-')
        cursor->at++;
    if (peek(cursor) == '0')
        cursor->at++;
    else if (!digits(cursor))
        return false;
    if (peek(cursor) == '.') {
        cursor->at++;
        if (!digits(cursor))
            return false;
    }
    if (peek(cursor) != 'e' && peek(cursor) != 'E')
        return true;
    cursor->at++;
    if (peek(cursor) == '+' || peek(cursor) == '-')
        cursor->at++;
    return digits(cursor);
}

bool cursor_number(struct cursor *cursor, double *value) {
    cursor_space(cursor);
    size_t start = cursor->at;
    if (!number(cursor))
        return false;
    char text[64] = "";
    if (cursor->at - start >= sizeof text)
        return cursor_fail(cursor, start, "a number of less than 64 digits");
    memcpy(text, cursor->bytes + start, cursor->at - start);
    *value = strtod(text, NULL);
    return isfinite(*value) || cursor_fail(cursor, start, "a number that is not beyond all bounds");
}

bool cursor_count(struct cursor *cursor, uint64_t *value) {
    cursor_space(cursor);
    size_t start = cursor->at;
    if (!digits(cursor))
        return false;
    *value = 0;
    for (size_t i = start; i < cursor->at; i++)
        *value = *value * 10 + (uint64_t)(cursor->bytes[i] - '0');
    return cursor->at - start < 19 || cursor_fail(cursor, start, "a count");
}

bool cursor_literal(struct cursor *cursor, const char *word) {
    for (size_t i = 0; word[i]; i++) {
        if (cursor->at + i >= cursor->length || cursor->bytes[cursor->at + i] != word[i])
            return cursor_fail(cursor, cursor->at, word);
    }
    cursor->at += strlen(word);
    return true;
}

static bool scalar(struct cursor *cursor) {
    struct span inside;
    switch (peek(cursor)) {
    case '"':
        return cursor_string(cursor, &inside);
    case 't':
        return cursor_literal(cursor, "true");
    case 'f':
        return cursor_literal(cursor, "false");
    case 'n':
        return cursor_literal(cursor, "null");
    default:
        return number(cursor);
    }
}

/* Which brackets are open, innermost first: a '{' is true. */
struct nesting {
    bool object[CURSOR_DEPTH];
    unsigned depth;
};

static bool name_and_colon(struct cursor *cursor) {
    struct span name;
    return cursor_string(cursor, &name) && cursor_expect(cursor, ':');
}

/* Opens what stands at the cursor. `*empty`: it closed at once. */
static bool open_bracket(struct cursor *cursor, struct nesting *nesting, bool *empty) {
    bool object = peek(cursor) == '{';
    if (nesting->depth == CURSOR_DEPTH)
        return cursor_fail(cursor, cursor->at, "fewer levels");
    nesting->object[nesting->depth++] = object;
    cursor->at++;
    cursor_space(cursor);
    *empty = peek(cursor) == (object ? '}' : ']');
    return *empty || !object || name_and_colon(cursor);
}

/* Behind a value: closes what ends here, until a ',' leads to the next value or nothing is open. */
static bool after_value(struct cursor *cursor, struct nesting *nesting) {
    while (nesting->depth) {
        bool object = nesting->object[nesting->depth - 1];
        cursor_space(cursor);
        if (peek(cursor) == ',') {
            cursor->at++;
            return !object || name_and_colon(cursor);
        }
        if (!cursor_expect(cursor, object ? '}' : ']'))
            return false;
        nesting->depth--;
    }
    return true;
}

bool cursor_value(struct cursor *cursor) {
    struct nesting nesting = {.depth = 0};
    do {
        cursor_space(cursor);
        bool opens = peek(cursor) == '{' || peek(cursor) == '[', empty = true;
        if (opens ? !open_bracket(cursor, &nesting, &empty) : !scalar(cursor))
            return false;
        if (empty && !after_value(cursor, &nesting))
            return false;
    } while (nesting.depth);
    return true;
}

bool cursor_object(struct cursor *cursor, cursor_member *member, void *arg) {
    if (!cursor_expect(cursor, '{'))
        return false;
    cursor_space(cursor);
    if (peek(cursor) == '}')
        return cursor_expect(cursor, '}');
    do {
        struct span name;
        if (!cursor_string(cursor, &name) || !cursor_expect(cursor, ':'))
            return false;
        cursor_space(cursor);
        if (!member(cursor, name, arg))
            return false;
        cursor_space(cursor);
    } while (peek(cursor) == ',' && ++cursor->at);
    return cursor_expect(cursor, '}');
}
