/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dynamodb-json: {"Item":...} a line, the item's bytes as they came. Only a raw newline between tokens, which DynamoDB never
 * sends, becomes a space, for a line is an item.
 *
 * Counting types needs no parser where JSON is compact: the bytes {"B":" and {"SS":[ cannot stand inside a string, whose
 * quotes are escaped, nor can an attribute called B be followed by anything but {"B":{. Where a '{' is followed by something
 * else than a name or its own end, or a name by white space, the whole item is read by the exact reader.
 */
#include <stdlib.h>

#include "base/error.h"
#include "cursor.h"
#include "encode.h"

/* Counts into `counts`. False: not compact; nothing can be said. */
static bool count_compact(const char *item, size_t length, struct type_counts *counts) {
    const char *at = item, *end = item + length;
    while ((at = memchr(at, '{', (size_t)(end - at)))) {
        at++;
        if (end - at < 6)
            continue; /* no value is as short */
        if (at[0] != '"' && at[0] != '}')
            return false;
        if (at[1] == 'B' && at[2] == '"') {
            if (at[3] != ':' || (at[4] != '"' && at[4] != '{'))
                return false;
            counts->b += at[4] == '"';
        } else if (at[2] == 'S' && at[3] == '"' && (at[1] == 'S' || at[1] == 'N' || at[1] == 'B')) {
            if (at[4] != ':' || (at[5] != '[' && at[5] != '{'))
                return false;
            bool set = at[5] == '[';
            counts->ss += set && at[1] == 'S';
            counts->ns += set && at[1] == 'N';
            counts->bs += set && at[1] == 'B';
        }
    }
    return true;
}

static bool count_item(const struct chunk_encode *encode, size_t number, struct type_counts *counts,
                       struct error *error) {
    struct span span = encode->index->items[number];
    struct type_counts found = {0};
    bool counted = count_compact(encode->page + span.offset, span.length, &found);
    if (!counted) {
        char window[1024];
        struct chunk nothing = {0};
        struct output nowhere = {.chunk = &nothing};
        discard_begin(&nowhere, window, sizeof window);
        found = (struct type_counts){0};
        counted = encode_json_item(&nowhere, encode, number, &found, error);
    }
    counts->b += found.b;
    counts->ss += found.ss;
    counts->ns += found.ns;
    counts->bs += found.bs;
    return counted;
}

static bool has_control(const char *item, size_t length) {
    unsigned char found = 0;
    for (size_t i = 0; i < length; i++)
        found |= (unsigned char)item[i] < ' ';
    return found;
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

bool encode_dynamodb(struct output *output, const struct chunk_encode *encode, struct type_counts *counts,
                     struct error *error) {
    for (size_t i = 0; i < encode->index->count; i++) {
        struct span span = encode->index->items[i];
        const char *item = encode->page + span.offset;
        if (counts && !count_item(encode, i, counts, error))
            return false;
        output_put(output, "{\"Item\":", 8);
        if (!has_control(item, span.length))
            output_put(output, item, span.length);
        else if (!put_one_line(output, encode, i, error))
            return false;
        output_put(output, "}\n", 2);
    }
    return true;
}
