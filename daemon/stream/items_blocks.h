/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The block scan, written once: a file includes this after defining TARGET (a function attribute or nothing), SCAN (the
 * function's name), block_masks(), square_masks() and prefix_xor(); and GATHER and SPREAD where the processor moves bits.
 *
 * 64 bytes become one bit a byte for each kind of byte that matters. Which quotes are escaped follows from runs of
 * backslashes by one subtraction; which bytes are inside strings from the parity of the quotes before them (prefix xor).
 * Both ideas, and the carry between blocks, are simdjson's (Langdale, Lemire: Parsing Gigabytes of JSON per Second, 2019).
 * Only brackets outside of strings are then looked at: one by one, or, with GATHER, in pairs all at once.
 */
#include <string.h>

#include "items.h"

#define ODD_BITS    UINT64_C(0xAAAAAAAAAAAAAAAA)
#define INLINE      TARGET static inline __attribute__((always_inline))
#define BLOCK_DEPTH 60 /* one bit a bracket in a word; what is deeper is odd, for the portable scan */

struct block_scan {
    const char *bytes;
    size_t length, at; /* `at`: the last boundary */
    struct page_index *index;
    uint64_t escaped;   /* 1: the next block's first byte is escaped */
    uint64_t in_string; /* all ones: the next block begins inside a string */
    uint64_t square;    /* one bit an open bracket, innermost lowest: is it a '['? */
    uint64_t depth;
    size_t start; /* of the item that is open */
};

/* The bytes that a backslash escapes. Carries into the next block. */
INLINE uint64_t escaped_bytes(struct block_scan *scan, uint64_t backslash) {
    uint64_t carried = scan->escaped;
    if (__builtin_expect(!backslash, 1)) {
        scan->escaped = 0;
        return carried;
    }
    uint64_t starts = backslash & ~carried;
    uint64_t codes = (((starts << 1) | ODD_BITS) - starts) ^ ODD_BITS; /* escapes, and what a run of them ends on */
    scan->escaped = (codes & backslash) >> 63;
    return codes ^ (backslash | carried);
}

/* An item begins: right where one may, and not empty. */
INLINE bool begins(struct block_scan *scan, size_t at) {
    scan->start = at;
    return items_gap(scan->bytes, scan->at, at, !scan->index->count) && at + 1 < scan->length &&
           scan->bytes[at + 1] == '"';
}

INLINE bool ends(struct block_scan *scan, size_t end) {
    struct page_index *index = scan->index;
    if (!items_reserve(index, 1))
        return false;
    index->items[index->count++] = (struct span){(uint32_t)scan->start, (uint32_t)(end - scan->start)};
    scan->at = end;
    return true;
}

enum block_result { BLOCK_NEXT, BLOCK_END, BLOCK_ODD };

INLINE bool open_bracket(struct block_scan *scan, size_t at, bool square) {
    if (!scan->depth && (square || !begins(scan, at)))
        return false;
    scan->square = scan->square << 1 | square;
    return ++scan->depth <= BLOCK_DEPTH;
}

INLINE bool close_bracket(struct block_scan *scan, size_t at, bool square) {
    if ((bool)(scan->square & 1) != square)
        return false;
    scan->square >>= 1;
    return --scan->depth || ends(scan, at + 1);
}

/* One bracket after the other. `squares`: which of them are '[' or ']'. */
TARGET static enum block_result each_bracket(struct block_scan *scan, uint64_t opening, uint64_t closing,
                                             uint64_t squares, size_t offset) {
    for (uint64_t left = opening | closing; left; left &= left - 1) {
        unsigned bit = (unsigned)__builtin_ctzll(left);
        size_t at = offset + bit;
        bool square = squares >> bit & 1;
        if (opening >> bit & 1) {
            if (!open_bracket(scan, at, square))
                return BLOCK_ODD;
        } else if (scan->depth) {
            if (!close_bracket(scan, at, square))
                return BLOCK_ODD;
        } else if (square && items_gap(scan->bytes, scan->at, at, !scan->index->count)) {
            scan->at = at + 1;
            return BLOCK_END;
        } else {
            return BLOCK_ODD;
        }
    }
    return BLOCK_NEXT;
}

#ifdef GATHER
/*
 * Takes away the brackets that close right where they opened, with nothing but strings between: {"S":"x"} is most of an
 * item. With only the brackets left in a row, that is an opening bit before a closing one.
 */
INLINE uint64_t without_pairs(uint64_t open, uint64_t close) {
    uint64_t brackets = open | close;
    uint64_t pairs = GATHER(open, brackets) & (GATHER(close, brackets) >> 1);
    return brackets & ~SPREAD(pairs | pairs << 1, brackets);
}

/*
 * All brackets of a block at once, in the usual case: all are '{' and '}', as all that are open; without pairs there are
 * some that close, then some that open; and if an item ends here, ,{" follows at once. False: not so; nothing has changed.
 *
 * A pair between two items is taken away too, but then the comma is not followed by the bracket that is left.
 */
INLINE bool usual_brackets(struct block_scan *scan, uint64_t open, uint64_t close, size_t offset) {
    uint64_t left = without_pairs(open, close);
    open &= left;
    close &= left;
    uint64_t closing = (uint64_t)__builtin_popcountll(close), opening = (uint64_t)__builtin_popcountll(open);
    if ((close & -(open & -open)) || closing > scan->depth || scan->depth > BLOCK_DEPTH - 32)
        return false;
    if (__builtin_expect_with_probability(closing == scan->depth, 1, 0.4)) {
        size_t behind = offset + 64 - (size_t)__builtin_clzll(close | 1);
        if (!close || !open || offset + (size_t)__builtin_ctzll(open) != behind + 1 || behind + 2 >= scan->length ||
            memcmp(scan->bytes + behind, ",{\"", 3) != 0 || !ends(scan, behind))
            return false;
        scan->start = behind + 1;
    }
    scan->depth = scan->depth - closing + opening;
    return true;
}
#else
INLINE bool usual_brackets(struct block_scan *scan, uint64_t open, uint64_t close, size_t offset) {
    (void)scan;
    (void)open;
    (void)close;
    (void)offset;
    return false;
}
#endif

INLINE enum block_result scan_block(struct block_scan *scan, const char *block, size_t offset) {
    struct masks masks = block_masks(block);
    uint64_t quotes = masks.quote & ~escaped_bytes(scan, masks.backslash);
    uint64_t in_string = prefix_xor(quotes) ^ scan->in_string;
    uint64_t open = masks.open & ~in_string, close = masks.close & ~in_string, squares = 0;
    scan->in_string = (uint64_t)((int64_t)in_string >> 63);
    if (__builtin_expect(masks.square, 0)) {
        struct squares found = square_masks(block);
        squares = (found.open | found.close) & ~in_string;
        open |= found.open & ~in_string;
        close |= found.close & ~in_string;
    }
    if (masks.backslash & ~in_string)
        return BLOCK_ODD;
    if (!(squares | scan->square) && (!(open | close) || usual_brackets(scan, open, close, offset)))
        return BLOCK_NEXT;
    return each_bracket(scan, open, close, squares, offset);
}

/* Less than a block, with `blanks` before it: for the first one, so that the carries behind it are right; else none, so that
 * those before it are. */
INLINE enum block_result scan_part(struct block_scan *scan, size_t offset, size_t length, size_t blanks) {
    char block[64];
    memset(block, ' ', sizeof block);
    memcpy(block + blanks, scan->bytes + offset, length);
    return scan_block(scan, block, offset - blanks);
}

/* Blocks are aligned as the processor's cache lines are: a vector across two takes twice the time. */
TARGET bool SCAN(struct cursor *cursor, struct page_index *index) {
    struct block_scan scan = {.bytes = cursor->bytes, .length = cursor->length, .at = cursor->at, .index = index};
    size_t offset = cursor->at, left = cursor->length - offset;
    size_t first = -(uintptr_t)(scan.bytes + offset) % 64;
    enum block_result result = scan_part(&scan, offset, first < left ? first : left, 64 - first);
    for (offset += first; result == BLOCK_NEXT && offset + 64 <= scan.length; offset += 64)
        result = scan_block(&scan, scan.bytes + offset, offset);
    if (result == BLOCK_NEXT && offset < scan.length)
        result = scan_part(&scan, offset, scan.length - offset, 0);
    cursor->at = scan.at;
    return result == BLOCK_END;
}
