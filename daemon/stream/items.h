/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How the array of items is cut. The portable scan reads byte by byte and is the judge of what is well-formed; a block
 * scan reads 64 bytes at a time by bit masks, takes what it finds in order, and where anything is odd leaves the rest to the
 * portable scan from the last boundary between items. So all give the same on every input, errors included.
 */
#ifndef STREAM_ITEMS_H
#define STREAM_ITEMS_H

#include "cursor.h"

#define ITEM_DEPTH (CURSOR_DEPTH - 2) /* inside the page's object and its array */

/* Room for `more` items. False: no memory. */
bool items_grow(struct page_index *index, size_t more);

static inline bool items_reserve(struct page_index *index, size_t more) {
    return __builtin_expect(index->capacity - index->count >= more, 1) || items_grow(index, more);
}

/*
 * From a boundary (behind '[', or behind an item) to behind the ']'. True where it came there. A block scan that returns
 * true has found that the items are UTF-8, too, and has set the index's `plain` and `types`; one that returns false has left
 * the cursor at the last boundary it was sure of.
 */
typedef bool items_scan(struct cursor *cursor, struct page_index *index);

items_scan items_portable; /* false: the cursor's error is set */
items_scan items_avx512, items_avx2, items_sse2, items_neon;

/* What stands from a boundary up to `to`, which holds a '{' or ']', is right: one comma before a further item. */
static inline bool items_gap(const char *bytes, size_t at, size_t to, bool first) {
    bool comma = !first && bytes[to] == '{';
    if (at + comma == to)
        return !comma || bytes[at] == ',';
    for (; at < to; at++) {
        if (bytes[at] == ',' && comma)
            comma = false;
        else if (!is_space(bytes[at]))
            return false;
    }
    return !comma;
}

#endif
