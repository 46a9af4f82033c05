/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dynamodb-json: {"Item":...} a line, the item's bytes as they came. Only a raw newline between tokens, which DynamoDB never
 * sends, becomes a space, for a line is an item. Items are looked at in runs (survey.h) and then copied; a run that leaves
 * doubt is taken item by item, and an item that does is read by json's exact reader.
 */
#include <stdlib.h>

#include "base/error.h"
#include "cursor.h"
#include "encode.h"
#include "survey.h"

#define RUN_BYTES 8192 /* looked at, then copied: still in the first-level cache */
#define SMALL     512  /* up to here our loop beats a call of memcpy() */
#define STEP      64   /* what the loop copies at once, past the item's end too */

static const char line_head[8] = {'{', '"', 'I', 't', 'e', 'm', '"', ':'}, line_tail[2] = {'}', '\n'};

static bool count_exactly(const struct chunk_encode *encode, size_t number, struct type_counts *counts,
                          struct error *error) {
    char window[1024];
    struct chunk nothing = {0};
    struct output nowhere = {.chunk = &nothing};
    discard_begin(&nowhere, window, sizeof window);
    return encode_json_item(&nowhere, encode, number, counts, error);
}

/* White space other than blanks becomes blanks, between tokens; inside a string it is no JSON. */
static bool put_one_line(struct output *output, const struct chunk_encode *encode, size_t number, struct error *error) {
    struct span span = encode->index->items[number];
    const char *item = encode->page + span.offset;
    bool in_string = false, escaped = false;
    for (size_t i = 0; i < span.length; i++) {
        char c = item[i];
        if ((unsigned char)c < ' ' && (in_string || !is_space(c))) {
            error_set(error, ERROR_CORRUPT, "item %zu of %zu in a page holds the control character 0x%02x at byte %zu",
                      number + 1, encode->index->count, (unsigned)c, span.offset + i);
            return false;
        }
        output_put(output, is_space(c) ? " " : &c, 1);
        in_string ^= c == '"' && !escaped;
        escaped = c == '\\' && !escaped;
    }
    return true;
}

static inline void put_plain(struct output *output, const struct chunk_encode *encode, struct span span) {
    const char *item = encode->page + span.offset;
    char *at = output->at;
    size_t reach = span.length + STEP;
    if (span.length > SMALL || (size_t)(output->end - at) < reach + 16 || span.offset + reach > encode->index->length) {
        output_put(output, line_head, sizeof line_head);
        output_put(output, item, span.length);
        output_put(output, line_tail, sizeof line_tail);
        return;
    }
    memcpy(at, line_head, sizeof line_head);
    at += sizeof line_head;
    for (size_t i = 0; i < span.length; i += STEP)
        memcpy(at + i, item + i, STEP);
    memcpy(at + span.length, line_tail, sizeof line_tail);
    output->at = at + span.length + sizeof line_tail;
}

static bool has_control(const char *item, size_t length) {
    bool found = false;
    for (size_t i = 0; i < length; i++)
        found |= (unsigned char)item[i] < ' ';
    return found;
}

static bool put_doubtful(struct output *output, const struct chunk_encode *encode, size_t number,
                         struct type_counts *counts, struct error *error) {
    struct span span = encode->index->items[number];
    if (counts && !count_exactly(encode, number, counts, error))
        return false;
    if (!has_control(encode->page + span.offset, span.length)) {
        put_plain(output, encode, span);
        return true;
    }
    output_put(output, line_head, sizeof line_head);
    if (!put_one_line(output, encode, number, error))
        return false;
    output_put(output, line_tail, sizeof line_tail);
    return true;
}

/* A run of items, `first` up to `end`. */
static bool put_run(struct output *output, const struct chunk_encode *encode, size_t first, size_t end,
                    struct type_counts *counts, struct error *error) {
    const struct page_index *index = encode->index;
    const char *from = encode->page + index->items[first].offset;
    const char *to = encode->page + index->items[end - 1].offset + index->items[end - 1].length;
    struct type_counts unwanted = {0};
    if (survey(from, to, encode->page + index->length, counts ? counts : &unwanted)) {
        for (; first < end; first++)
            put_plain(output, encode, index->items[first]);
        return true;
    }
    if (end - first == 1)
        return put_doubtful(output, encode, first, counts, error);
    for (; first < end; first++) {
        if (!put_run(output, encode, first, first + 1, counts, error))
            return false;
    }
    return true;
}

/* The items from `first` up to `end`, no more than RUN_BYTES of them but at least one. */
static size_t run_end(const struct page_index *index, size_t first) {
    size_t end = first + 1, limit = index->items[first].offset + RUN_BYTES;
    while (end < index->count && index->items[end].offset + index->items[end].length <= limit)
        end++;
    return end;
}

bool encode_dynamodb(struct output *output, const struct chunk_encode *encode, struct type_counts *counts,
                     struct error *error) {
    for (size_t first = 0, end; first < encode->index->count; first = end) {
        end = run_end(encode->index, first);
        if (!put_run(output, encode, first, end, counts, error))
            return false;
    }
    return true;
}
