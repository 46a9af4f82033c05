/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The block scan, written once: a file includes this after defining TARGET (a function attribute or nothing), SCAN (the
 * function's name), SURVEY (its survey), block_masks(), rare_masks() and prefix_xor(); and GATHER, SPREAD and LOW_BITS where the processor moves
 * bits.
 *
 * 64 bytes become one bit a byte for each kind of byte that matters. Which quotes are escaped follows from runs of
 * backslashes by one subtraction; which bytes are inside strings from the parity of the quotes before them (prefix xor).
 * Both ideas, and the carry between blocks, are simdjson's (Langdale, Lemire: Parsing Gigabytes of JSON per Second, 2019).
 * Only brackets outside of strings are then looked at: one by one, or, with GATHER, all of a block at once.
 *
 * What the items hold besides is the survey's to see, every STRETCH bytes.
 */
#include <string.h>

#include "items.h"
#include "survey.h"

#define INLINE      TARGET static inline __attribute__((always_inline))
#define ODD_BITS    UINT64_C(0xAAAAAAAAAAAAAAAA)
#define TURNS       UINT64_C(0x5555555555555555) /* one opens, the next closes */
#define ROUNDS      4
#define STRETCH     4096 /* bytes: a part of the first-level cache */
#define BLOCK_DEPTH 60   /* one bit a bracket in a word; what is deeper is odd, for the portable scan */

struct block_scan {
    const char *bytes;
    size_t length, at; /* `at`: the last boundary */
    struct page_index *index;
    uint64_t escaped;   /* 1: the next block's first byte is escaped */
    uint64_t in_string; /* all ones: the next block begins inside a string */
    uint64_t square;    /* one bit an open bracket, innermost lowest: is it a '['? */
    uint64_t depth;
    bool unusual; /* see usual_block() */
    size_t start; /* of the item that is open */
    struct survey survey;
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
            scan->at = at;
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

/* An item ends, and ,{" follows at once. Else false, and nothing has changed. */
INLINE bool ends_before_next(struct block_scan *scan, size_t end) {
    if (end + 2 >= scan->length || memcmp(scan->bytes + end, ",{\"", 3) != 0 || !ends(scan, end))
        return false;
    scan->start = end + 1;
    return true;
}

/* Without pairs: no more close than are open; and if an item ends, the next begins at once. (A pair between two items was
 * taken away too, but then the comma is not followed by the bracket that is left.) Else false, and nothing has changed. */
INLINE bool take_the_rest(struct block_scan *scan, const struct brackets *left, size_t offset) {
    uint64_t depth = scan->depth;
    uint64_t closing = (uint64_t)__builtin_popcountll(left->close),
             opening = (uint64_t)__builtin_popcountll(left->open);
    if (closing > depth)
        return false;
    if (closing == depth) {
        size_t end = offset + 64 - (size_t)__builtin_clzll(left->close | 1);
        if (!left->close || !left->open || offset + (size_t)__builtin_ctzll(left->open) != end + 1 ||
            !ends_before_next(scan, end))
            return false;
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
    bool alike = scan->depth + (uint64_t)__builtin_popcountll(open) <= BLOCK_DEPTH; /* else one by one will tell */
    for (unsigned round = 0; alike && has_pairs(&left) && round < ROUNDS; round++)
        alike = take_pairs_away(&left);
    if (!alike || has_pairs(&left) || !kinds_match(scan, &left) || !take_the_rest(scan, &left, offset))
        return each_bracket(scan, open, close, squares, offset);
    note_kinds(scan, &left);
    return BLOCK_NEXT;
}
#else
#define nested_brackets each_bracket
#endif

/* Which of a block's bytes are inside of strings. Carries into the next block. */
INLINE uint64_t bytes_in_strings(struct block_scan *scan, uint64_t quotes) {
    uint64_t in_string = prefix_xor(quotes) ^ scan->in_string;
    scan->in_string = (uint64_t)((int64_t)in_string >> 63);
    return in_string;
}

INLINE enum block_result any_block(struct block_scan *scan, const struct masks *masks, const struct rare_masks *rare,
                                   size_t offset) {
    uint64_t in_string = bytes_in_strings(scan, masks->quote & ~escaped_bytes(scan, rare->backslash));
    uint64_t open = (masks->open | rare->open) & ~in_string, close = (masks->close | rare->close) & ~in_string;
    uint64_t squares = (rare->open | rare->close) & ~in_string;
    if (rare->backslash & ~in_string)
        return BLOCK_ODD;
    enum block_result result = open | close ? nested_brackets(scan, open, close, squares, offset) : BLOCK_NEXT;
    uint64_t lists = rare->open & ~in_string;
    if (result == BLOCK_END) /* what follows is no item's */
        lists &= (UINT64_C(1) << (scan->at - offset)) - 1;
    for (; lists; lists &= lists - 1)
        survey_list(&scan->survey, offset + (unsigned)__builtin_ctzll(lists));
    return result;
}

#ifdef GATHER
/* As usual an item is open, or one value in it: no list, and neither less nor more. */
INLINE void note_what_is_open(struct block_scan *scan) {
    scan->unusual = scan->square || scan->depth < 1 || scan->depth > 2;
}

TARGET static __attribute__((noinline)) enum block_result unusual_order(struct block_scan *scan, uint64_t open,
                                                                        uint64_t close, size_t offset) {
    enum block_result result = nested_brackets(scan, open, close, 0, offset);
    note_what_is_open(scan);
    return result;
}

/* Has one item ended, and the next begun, and nothing else? `swapped`: which of the brackets are not by `turns`. (Where the
 * block ends between the two, only the first is there: no.) */
INLINE bool next_item(struct block_scan *scan, uint64_t swapped, uint64_t turns, uint64_t brackets, size_t offset) {
    uint64_t first = swapped & -swapped, second = first << 1;
    size_t end = offset + (size_t)__builtin_ctzll(SPREAD(first, brackets)) + 1;
    return second && swapped == (first | second) && (turns & first) && ends_before_next(scan, end);
}

/*
 * The usual block: no list, and all that is open is an item, or one value in it. Then brackets open and close by turns,
 * {"S":"x"} after {"S":"x"}, but where an item ends and the next begins: there the two that are next have changed places,
 * }},{"a":{ for },"a":{} and so on.
 */
INLINE enum block_result usual_block(struct block_scan *scan, const struct masks *masks, uint64_t backslash,
                                     size_t offset) {
    uint64_t in_string = bytes_in_strings(scan, masks->quote & ~escaped_bytes(scan, backslash));
    uint64_t open = masks->open & ~in_string, close = masks->close & ~in_string, brackets = open | close;
    if (backslash & ~in_string)
        return BLOCK_ODD;
    if (!brackets)
        return BLOCK_NEXT;
    uint64_t count = (uint64_t)__builtin_popcountll(brackets);
    uint64_t turns = LOW_BITS(TURNS << (scan->depth - 1), count), swapped = GATHER(open, brackets) ^ turns;
    if (__builtin_expect_with_probability(swapped != 0, 1, 0.4) && !next_item(scan, swapped, turns, brackets, offset))
        return unusual_order(scan, open, close, offset);
    scan->depth = ((scan->depth - 1) ^ (count & 1)) + 1;
    return BLOCK_NEXT;
}

INLINE enum block_result scan_block(struct block_scan *scan, const char *block, size_t offset) {
    struct masks masks = block_masks(block);
    struct rare_masks rare = {0};
    if (__builtin_expect(masks.rare, 0))
        rare = rare_masks(block);
    if (__builtin_expect(!(rare.open | rare.close | scan->unusual), 1))
        return usual_block(scan, &masks, rare.backslash, offset);
    enum block_result result = any_block(scan, &masks, &rare, offset);
    note_what_is_open(scan);
    return result;
}
#else
INLINE void note_what_is_open(struct block_scan *scan) {
    (void)scan;
}

INLINE enum block_result scan_block(struct block_scan *scan, const char *block, size_t offset) {
    struct masks masks = block_masks(block);
    struct rare_masks rare = {0};
    if (__builtin_expect(masks.rare, 0))
        rare = rare_masks(block);
    return any_block(scan, &masks, &rare, offset);
}
#endif

/* Less than a block, with `blanks` before it: for the first one, so that the carries behind it are right; else none, so that
 * those before it are. */
INLINE enum block_result scan_part(struct block_scan *scan, size_t offset, size_t length, size_t blanks) {
    char block[64];
    memset(block, ' ', sizeof block);
    memcpy(block + blanks, scan->bytes + offset, length);
    return scan_block(scan, block, offset - blanks);
}

/* All blocks of a stretch, and then a look at it, while it is in the first-level cache. */
TARGET static inline enum block_result scan_stretch(struct block_scan *scan, size_t from, size_t to) {
    do {
        enum block_result result = scan_block(scan, scan->bytes + from, from);
        if (result != BLOCK_NEXT)
            return result;
    } while ((from += 64) < to);
    SURVEY(&scan->survey, to); /* (it looks ahead: another block is there) */
    return BLOCK_NEXT;
}

/* The survey's rest, up to the ']'. False: the items are not UTF-8. */
static bool end_survey(struct block_scan *scan) {
    SURVEY(&scan->survey, scan->at);
    if (scan->survey.text < scan->at)
        return false;
    scan->index->plain = !scan->survey.doubt;
    scan->index->types = scan->survey.types;
    return true;
}

/* Blocks are aligned as the processor's cache lines are: a vector across two takes twice the time. What is no text is left
 * before the ']', where the portable scan finds no more to do and the slicer says what is wrong. */
TARGET bool SCAN(struct cursor *cursor, struct page_index *index) {
    size_t offset = cursor->at, left = cursor->length - offset;
    struct block_scan scan = {.bytes = cursor->bytes,
                              .length = cursor->length,
                              .at = offset,
                              .index = index,
                              .survey = {.bytes = cursor->bytes, .at = offset, .text = offset}};
    size_t first = -(uintptr_t)(scan.bytes + offset) % 64;
    note_what_is_open(&scan);
    enum block_result result = scan_part(&scan, offset, first < left ? first : left, 64 - first);
    for (offset += first; result == BLOCK_NEXT && offset + STRETCH + 64 <= scan.length; offset += STRETCH)
        result = scan_stretch(&scan, offset, offset + STRETCH);
    for (; result == BLOCK_NEXT && offset + 64 <= scan.length; offset += 64)
        result = scan_block(&scan, scan.bytes + offset, offset);
    if (result == BLOCK_NEXT && offset < scan.length)
        result = scan_part(&scan, offset, scan.length - offset, 0);
    bool whole = result == BLOCK_END && end_survey(&scan);
    cursor->at = scan.at + whole;
    return whole;
}
