/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The block scan, written once: a file includes this after defining TARGET (a function attribute or nothing), SCAN (the
 * function's name), `struct masks block_masks(const char *)` and `uint64_t prefix_xor(uint64_t)`.
 *
 * 64 bytes become one bit a byte for each kind of byte that matters. Which quotes are escaped follows from runs of
 * backslashes by one subtraction; which bytes are inside strings from the parity of the quotes before them (prefix xor).
 * Both ideas, and the carry between blocks, are simdjson's (Langdale, Lemire: Parsing Gigabytes of JSON per Second, 2019).
 * Only brackets outside of strings are then looked at one by one.
 */
#include <string.h>

#include "items.h"

#define ODD_BITS UINT64_C(0xAAAAAAAAAAAAAAAA)

__extension__ typedef unsigned __int128 bracket_stack; /* one bit an open bracket, innermost lowest: is it a '{'? */

struct block_scan {
    struct cursor *cursor; /* `at`: the last boundary */
    struct page_index *index;
    uint64_t escaped;   /* 1: the next block's first byte is escaped */
    uint64_t in_string; /* all ones: the next block begins inside a string */
    bracket_stack stack;
    unsigned depth;
    size_t start; /* of the item that is open */
};

/* The bytes that a backslash escapes. Carries into the next block. */
TARGET static inline uint64_t escaped_bytes(struct block_scan *scan, uint64_t backslash) {
    uint64_t carried = scan->escaped;
    if (!backslash) {
        scan->escaped = 0;
        return carried;
    }
    uint64_t starts = backslash & ~carried;
    uint64_t codes = (((starts << 1) | ODD_BITS) - starts) ^ ODD_BITS; /* escapes, and what a run of them ends on */
    scan->escaped = (codes & backslash) >> 63;
    return codes ^ (backslash | carried);
}

/* All open brackets of an item but the first: nothing to know about them but their kind. False: odd. */
TARGET static inline bool opens(struct block_scan *scan, size_t at, bool curly) {
    if (!scan->depth) {
        const char *bytes = scan->cursor->bytes;
        if (!curly || !items_gap(scan->cursor, at, !scan->index->count))
            return false;
        if (at + 1 >= scan->cursor->length || bytes[at + 1] != '"')
            return false;
        scan->start = at;
    }
    scan->stack = scan->stack << 1 | curly;
    return ++scan->depth <= ITEM_DEPTH;
}

TARGET static inline bool closes(struct block_scan *scan, size_t at, bool curly) {
    if ((bool)(scan->stack & 1) != curly)
        return false;
    scan->stack >>= 1;
    if (--scan->depth)
        return true;
    if (!items_add(scan->index, scan->start, at + 1))
        return false;
    scan->cursor->at = at + 1;
    return true;
}

enum block_result { BLOCK_NEXT, BLOCK_END, BLOCK_ODD };

TARGET static inline enum block_result scan_block(struct block_scan *scan, const char *block, size_t offset) {
    struct masks masks = block_masks(block);
    uint64_t quotes = masks.quote & ~escaped_bytes(scan, masks.backslash);
    uint64_t in_string = prefix_xor(quotes) ^ scan->in_string;
    scan->in_string = (uint64_t)((int64_t)in_string >> 63);
    if (masks.backslash & ~in_string)
        return BLOCK_ODD;
    for (uint64_t left = (masks.open | masks.close) & ~in_string; left; left &= left - 1) {
        unsigned bit = (unsigned)__builtin_ctzll(left);
        size_t at = offset + bit;
        bool curly = masks.curly >> bit & 1;
        if (masks.open >> bit & 1) {
            if (!opens(scan, at, curly))
                return BLOCK_ODD;
        } else if (scan->depth) {
            if (!closes(scan, at, curly))
                return BLOCK_ODD;
        } else if (!curly && items_gap(scan->cursor, at, !scan->index->count)) {
            scan->cursor->at = at + 1;
            return BLOCK_END;
        } else {
            return BLOCK_ODD;
        }
    }
    return BLOCK_NEXT;
}

TARGET bool SCAN(struct cursor *cursor, struct page_index *index) {
    struct block_scan scan = {.cursor = cursor, .index = index};
    const char *bytes = cursor->bytes;
    size_t offset = cursor->at, length = cursor->length;
    enum block_result result = BLOCK_NEXT;
    for (; result == BLOCK_NEXT && offset + 64 <= length; offset += 64)
        result = scan_block(&scan, bytes + offset, offset);
    if (result == BLOCK_NEXT && offset < length) {
        char last[64];
        memset(last, ' ', sizeof last);
        memcpy(last, bytes + offset, length - offset);
        result = scan_block(&scan, last, offset);
    }
    return result == BLOCK_END;
}
