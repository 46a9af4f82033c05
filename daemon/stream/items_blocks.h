/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The block scan, written once: a file includes this after defining TARGET (a function attribute or nothing), SCAN (the
 * function's name), block_masks(), rare_masks() and prefix_xor(); and GATHER and SPREAD where the processor moves bits.
 *
 * 64 bytes become one bit a byte for each kind of byte that matters. Which quotes are escaped follows from runs of
 * backslashes by one subtraction; which bytes are inside strings from the parity of the quotes before them (prefix xor).
 * Both ideas, and the carry between blocks, are simdjson's (Langdale, Lemire: Parsing Gigabytes of JSON per Second, 2019).
 * Only brackets outside of strings are then looked at: one by one, or, with GATHER, all of a block at once.
 */
#include <string.h>

#include "items.h"

#define ODD_BITS    UINT64_C(0xAAAAAAAAAAAAAAAA)
#define INLINE      TARGET static inline __attribute__((always_inline))
#define ROUNDS      4
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
TARGET static __attribute__((noinline)) enum block_result
each_bracket(struct block_scan *scan, uint64_t opening, uint64_t closing, uint64_t squares, size_t offset) {
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
/* The brackets of a block, one bit each; `squares`: which are '[' or ']'. */
struct brackets {
    uint64_t open, close, squares;
};

/*
 * Takes away those that close right where they opened, with nothing but strings between: {"S":"x"} is most of an item.
 * With only the brackets in a row, that is an opening bit before a closing one. False: a pair of two kinds.
 */
INLINE bool take_pairs_away(struct brackets *left) {
    uint64_t all = left->open | left->close, kinds = GATHER(left->squares, all);
    uint64_t pairs = GATHER(left->open, all) & GATHER(left->close, all) >> 1;
    uint64_t gone = SPREAD(pairs | pairs << 1, all);
    left->open &= ~gone;
    left->close &= ~gone;
    return !(pairs & (kinds ^ kinds >> 1));
}

/* Does one still close behind one that opens? */
INLINE bool has_pairs(const struct brackets *left) {
    return left->close & -(left->open & -left->open);
}

/* Does the item end before the first that opens? Then what closes behind that is another's. */
INLINE bool has_end(const struct block_scan *scan, const struct brackets *left) {
    return (uint64_t)__builtin_popcountll(left->close & ((left->open & -left->open) - 1)) == scan->depth;
}

/* Without pairs: no more close than are open; and if the item ends, ,{" follows at once. (A pair between two items
 * was taken away too, but then the comma is not followed by the bracket that is left.) Else false, and nothing has
 * changed. */
INLINE bool take_the_rest(struct block_scan *scan, const struct brackets *left, size_t offset) {
    uint64_t depth = scan->depth;
    uint64_t closing = (uint64_t)__builtin_popcountll(left->close),
             opening = (uint64_t)__builtin_popcountll(left->open);
    if (closing > depth || depth + opening > BLOCK_DEPTH)
        return false;
    if (__builtin_expect_with_probability(closing == depth, 1, 0.4)) {
        size_t behind = offset + 64 - (size_t)__builtin_clzll(left->close | 1);
        if (!left->close || !left->open || offset + (size_t)__builtin_ctzll(left->open) != behind + 1 ||
            behind + 2 >= scan->length || memcmp(scan->bytes + behind, ",{\"", 3) != 0 || !ends(scan, behind))
            return false;
        scan->start = behind + 1;
    }
    scan->depth = depth - closing + opening;
    return true;
}

/* Is what closes of the kinds that are open? (The innermost is the lowest bit, and closes first.) */
INLINE bool kinds_match(const struct block_scan *scan, const struct brackets *left) {
    uint64_t kinds = GATHER(left->squares, left->close), closing = GATHER(left->close, left->close);
    return !((scan->square ^ kinds) & closing);
}

INLINE void note_kinds(struct block_scan *scan, const struct brackets *left) {
    scan->square >>= __builtin_popcountll(left->close); /* no more than are open: less than 64 */
    for (uint64_t open = left->open; open; open &= open - 1)
        scan->square = scan->square << 1 | (left->squares >> __builtin_ctzll(open) & 1);
}

/* All but the usual: lists and sets, and maps in maps. What is nested deeper than ROUNDS within a block is rare, and
 * taken one by one. */
TARGET static __attribute__((noinline)) enum block_result
nested_brackets(struct block_scan *scan, uint64_t open, uint64_t close, uint64_t squares, size_t offset) {
    struct brackets left = {open, close, squares};
    bool alike = true;
    for (unsigned round = 0; alike && has_pairs(&left) && round < ROUNDS; round++)
        alike = take_pairs_away(&left);
    if (!alike || has_pairs(&left) || !kinds_match(scan, &left) || !take_the_rest(scan, &left, offset))
        return each_bracket(scan, open, close, squares, offset);
    note_kinds(scan, &left);
    return BLOCK_NEXT;
}

/* The usual block: only '{' and '}', as all that is open, and no pair but {"S":"x"}. */
INLINE enum block_result block_brackets(struct block_scan *scan, uint64_t open, uint64_t close, uint64_t squares,
                                        size_t offset) {
    struct brackets left = {open, close, 0};
    if (squares | scan->square)
        return nested_brackets(scan, open, close, squares, offset);
    take_pairs_away(&left);
    if (has_pairs(&left) && !has_end(scan, &left))
        return nested_brackets(scan, open, close, 0, offset);
    return !has_pairs(&left) && take_the_rest(scan, &left, offset) ? BLOCK_NEXT
                                                                   : each_bracket(scan, open, close, 0, offset);
}
#else
#define block_brackets each_bracket
#endif

INLINE enum block_result scan_block(struct block_scan *scan, const char *block, size_t offset) {
    struct masks masks = block_masks(block);
    struct rare_masks rare = {0};
    if (__builtin_expect(masks.rare, 0))
        rare = rare_masks(block);
    uint64_t quotes = masks.quote & ~escaped_bytes(scan, rare.backslash);
    uint64_t in_string = prefix_xor(quotes) ^ scan->in_string;
    uint64_t open = (masks.open | rare.open) & ~in_string, close = (masks.close | rare.close) & ~in_string;
    uint64_t squares = (rare.open | rare.close) & ~in_string;
    scan->in_string = (uint64_t)((int64_t)in_string >> 63);
    if (rare.backslash & ~in_string)
        return BLOCK_ODD;
    return open | close ? block_brackets(scan, open, close, squares, offset) : BLOCK_NEXT;
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
