/* SPDX-License-Identifier: Apache-2.0 */
/* The items of a page, byte by byte: what every other scan must agree with. */
#include <stdlib.h>

#include "base/error.h"
#include "items.h"

bool items_grow(struct page_index *index, size_t more) {
    size_t capacity = index->capacity * 2 + more + 256;
    struct span *items = realloc(index->items, capacity * sizeof *items);
    if (!items)
        return false;
    index->items = items;
    index->capacity = capacity;
    return true;
}

/* Behind the closing quote of the string whose inside begins at `at`; `length` or more where it never ends. */
static size_t string_end(const struct cursor *cursor, size_t at) {
    while (at < cursor->length && cursor->bytes[at] != '"')
        at += cursor->bytes[at] == '\\' ? 2 : 1;
    return at + 1;
}

/* From an item's '{' to behind its '}'. */
static bool item(struct cursor *cursor) {
    char closers[ITEM_DEPTH];
    unsigned depth = 0;
    size_t at = cursor->at;
    do {
        if (at >= cursor->length)
            return cursor_fail(cursor, cursor->length, "the end of an item");
        char c = cursor->bytes[at++];
        switch (c) {
        case '"':
            at = string_end(cursor, at);
            break;
        case '{':
        case '[':
            if (depth == ITEM_DEPTH)
                return cursor_fail(cursor, at - 1, "fewer levels");
            closers[depth++] = c == '{' ? '}' : ']';
            break;
        case '}':
        case ']':
            if (!depth || closers[--depth] != c)
                return cursor_fail(cursor, at - 1, c == '}' ? "']'" : "'}'");
            break;
        case '\\':
            return cursor_fail(cursor, at - 1, "no '\\' outside of a string");
        default:
            break;
        }
    } while (depth);
    cursor->at = at;
    return true;
}

static bool first_name(const struct cursor *at_brace) {
    struct cursor peek = *at_brace;
    peek.at++;
    cursor_space(&peek);
    return (peek.at < peek.length && peek.bytes[peek.at] == '"') || cursor_fail(&peek, peek.at, "an attribute's name");
}

bool items_portable(struct cursor *cursor, struct page_index *index) {
    for (;;) {
        cursor_space(cursor);
        if (cursor->at < cursor->length && cursor->bytes[cursor->at] == ']') {
            cursor->at++;
            return true;
        }
        if (index->count && !cursor_expect(cursor, ','))
            return false;
        cursor_space(cursor);
        size_t start = cursor->at;
        if (start >= cursor->length || cursor->bytes[start] != '{')
            return cursor_fail(cursor, start, "an item's '{'");
        if (!first_name(cursor) || !item(cursor))
            return false;
        if (!items_reserve(index, 1)) {
            error_set(cursor->error, ERROR_MEMORY, "no memory for the places of %zu items", index->count);
            return false;
        }
        index->items[index->count++] = (struct span){(uint32_t)start, (uint32_t)(cursor->at - start)};
    }
}
