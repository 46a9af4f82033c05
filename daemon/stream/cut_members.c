/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A plain JSON array cut into its members, which are objects. A part of it is whole members: the first has the '[', the last the ']',
 * all others begin with a ','.
 */
#include <string.h>

#include "base/encoding.h"
#include "base/error.h"
#include "decode.h"

enum place {
    BEFORE,       /* the '[' */
    OPENED,       /* behind it: a member or ']' */
    BEHIND_COMMA, /* a member */
    BEHIND,       /* a member, or at the start of a further part: ',' or ']' */
    CLOSED,
};
#define LAST_PART 16 /* a bit beside the place */

int cut_member_begin(bool first, bool last) {
    return (first ? BEFORE : BEHIND) | (last ? LAST_PART : 0);
}

static enum place place_of(const struct cut_text *text) {
    return (enum place)(text->state & ~LAST_PART);
}

static void go_to(struct cut_text *text, enum place place) {
    text->state = (text->state & LAST_PART) | (int)place;
}

static enum cut_result lost(const struct cut_text *text, const char *expected, struct error *error) {
    struct cursor cursor = {.bytes = text->bytes + text->at,
                            .length = text->to - text->at < 16 ? text->to - text->at : 16,
                            .error = error,
                            .what = "an array of items"};
    cursor_fail(&cursor, 0, expected);
    return CUT_LOST;
}

/* One token between members. False: `expected` says what should stand there. */
static bool take_token(struct cut_text *text, const char **expected) {
    char c = text->bytes[text->at++];
    bool may_close = text->state & LAST_PART;
    switch (place_of(text)) {
    case BEFORE:
        *expected = "'['";
        go_to(text, OPENED);
        return c == '[';
    case OPENED:
    case BEHIND:
        *expected = place_of(text) == OPENED ? (may_close ? "an item's '{' or ']'" : "an item's '{'")
                                             : (may_close ? "',' or ']'" : "','");
        if (c == ',' && place_of(text) == BEHIND) {
            go_to(text, BEHIND_COMMA);
            return true;
        }
        go_to(text, CLOSED);
        return c == ']' && may_close;
    case BEHIND_COMMA:
        *expected = "an item's '{'";
        return false;
    case CLOSED:
        *expected = "nothing behind ']'";
        return false;
    }
    return false;
}

/* Where the object that begins at `at` ends, behind its '}'; `to` where the text ends before. */
static size_t object_end(const char *bytes, size_t at, size_t to) {
    unsigned depth = 0;
    bool in_string = false;
    for (; at < to; at++) {
        char c = bytes[at];
        if (c == '\\' && in_string)
            at++;
        else if (c == '"')
            in_string = !in_string;
        else if (!in_string && (c == '{' || c == '['))
            depth++;
        else if (!in_string && (c == '}' || c == ']') && --depth == 0)
            return at + 1;
    }
    return to + 1;
}

static bool is_empty(const char *item, size_t length) {
    size_t at = 1;
    while (at < length && is_space(item[at]))
        at++;
    return at < length && item[at] == '}';
}

static enum cut_result take_member(struct cut_text *text, struct span *item, struct error *error) {
    size_t start = text->at, end = object_end(text->bytes, start, text->to);
    if (end > text->to) {
        if (!text->last)
            return CUT_MORE;
        text->at = text->to;
        error_set(error, ERROR_CORRUPT, "the text ends in the middle of an item");
        return CUT_LOST;
    }
    struct cursor cursor = {
        .bytes = text->bytes + start, .length = end - start, .error = error, .what = "an item of an array"};
    *item = (struct span){(uint32_t)start, (uint32_t)(end - start)};
    text->at = end;
    go_to(text, BEHIND);
    if (!cursor_value(&cursor))
        return CUT_FAULT;
    if (cursor.at != cursor.length) { /* a ']' for a '}' */
        cursor_fail(&cursor, cursor.at, "the item's end");
        return CUT_FAULT;
    }
    if (!utf8_valid(cursor.bytes, cursor.length) || is_empty(cursor.bytes, cursor.length)) {
        error_set(error, ERROR_CORRUPT, "an item that is empty, or not UTF-8");
        return CUT_FAULT;
    }
    return CUT_ITEM;
}

static enum cut_result at_end(const struct cut_text *text, struct error *error) {
    if (!text->last)
        return CUT_MORE;
    enum place place = place_of(text);
    if (text->state & LAST_PART ? place == CLOSED : place == BEHIND)
        return CUT_END;
    return lost(text, text->state & LAST_PART ? "the array's ']'" : "an item", error);
}

enum cut_result cut_member(struct cut_text *text, struct span *item, struct error *error) {
    for (;;) {
        while (text->at < text->to && is_space(text->bytes[text->at]))
            text->at++;
        if (text->at == text->to)
            return at_end(text, error);
        enum place place = place_of(text);
        if (text->bytes[text->at] == '{' && (place == OPENED || place == BEHIND_COMMA))
            return take_member(text, item, error);
        const char *expected = NULL;
        if (!take_token(text, &expected)) {
            text->at--;
            return lost(text, expected, error);
        }
    }
}
