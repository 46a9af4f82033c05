/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dynamodb-json: {"Item":...} a line, the item's bytes as they came. Only a raw newline between tokens, which DynamoDB never
 * sends, becomes a space, for a line is an item. The items of a page that the slicer found plain are copied unread; else
 * each is read by json's exact reader, for its types, and byte by byte.
 */
#include <stdlib.h>

#include "base/error.h"
#include "cursor.h"
#include "encode.h"

#define SMALL 512 /* up to here our loop beats a call of memcpy() */
#define STEP  64  /* what the loop copies at once, past the item's end too */

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

/* The slicer has seen to it that there is nothing to look at. */
static void put_plain_page(struct output *output, const struct chunk_encode *encode, struct type_counts *counts) {
    const struct page_index *index = encode->index;
    for (size_t i = 0; i < index->count; i++)
        put_plain(output, encode, index->items[i]);
    if (counts)
        type_counts_add(counts, &index->types);
}

bool encode_dynamodb(struct output *output, const struct chunk_encode *encode, struct type_counts *counts,
                     struct error *error) {
    if (encode->index->plain) {
        put_plain_page(output, encode, counts);
        return true;
    }
    for (size_t i = 0; i < encode->index->count; i++) {
        if (!put_doubtful(output, encode, i, counts, error))
            return false;
    }
    return true;
}
