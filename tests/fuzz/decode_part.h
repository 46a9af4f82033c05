/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a part of an object, read as verify and restore read it: in pieces, into rooms that start small. */
#ifndef FUZZ_DECODE_PART_H
#define FUZZ_DECODE_PART_H

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "stream/decode.h"

#define SPANS 64

struct part_room {
    struct decode_text text;
    struct decode_batch batch;
};

static inline void lend_text(struct decoder *decoder, struct part_room *room, size_t capacity) {
    struct decode_text text = {x_malloc(capacity), capacity};
    if (capacity > 2 * DECODE_LINE_MOST)
        abort();
    free(decoder_lend_text(decoder, text).bytes);
    room->text = text;
}

static inline void lend_batch(struct part_room *room, size_t capacity) {
    if (room->batch.count || capacity > 2 * DECODE_LINE_MOST)
        abort();
    free(room->batch.bytes);
    room->batch.bytes = x_malloc(capacity);
    room->batch.capacity = capacity;
}

/* Items lie in the batch, one behind the other, each an object. */
static inline void check_batch(struct part_room *room) {
    struct decode_batch *batch = &room->batch;
    size_t at = 0;
    for (size_t i = 0; i < batch->count; i++) {
        struct span item = batch->items[i];
        if (item.offset != at || item.length < 2 || batch->bytes[at] != '{' ||
            batch->bytes[at + item.length - 1] != '}')
            abort();
        at += item.length;
    }
    if (at != batch->length)
        abort();
    batch->count = batch->length = 0;
}

/* What was read, faults and all. */
static inline struct decode_figures decode_part(const struct decode_options *options, const uint8_t *bytes,
                                                size_t length, size_t piece) {
    struct span items[SPANS];
    struct part_room room = {.batch = {.items = items, .most = SPANS}};
    struct decoder *decoder = decoder_new(options);
    struct decode_input input = {.bytes = NULL};
    size_t given = 0;
    char *part = NULL;
    lend_text(decoder, &room, 32);
    lend_batch(&room, 16);
    for (bool over = false; !over;) {
        struct error error = {0};
        enum decode_result result = decoder_step(decoder, &input, &room.batch, &error);
        if ((result == DECODE_FAULT || result == DECODE_LOST) != (error.code != ERROR_NONE))
            abort();
        error_clear(&error);
        over = result == DECODE_LOST || result == DECODE_END;
        if (result == DECODE_TEXT_ROOM)
            lend_text(decoder, &room, 2 * room.text.capacity);
        else if (result == DECODE_BATCH_ROOM)
            lend_batch(&room, 2 * room.batch.capacity);
        else if (result == DECODE_BATCH || over)
            check_batch(&room);
        else if (result == DECODE_INPUT) {
            if (input.length || input.last)
                abort();
            size_t more = length - given < piece ? length - given : piece;
            free(part);
            part = x_malloc(more + !more); /* so that a byte read past its end is seen */
            if (more)
                memcpy(part, bytes + given, more);
            given += more;
            input = (struct decode_input){part, more, given == length};
        }
    }
    struct decode_figures figures = decoder_figures(decoder);
    decoder_free(decoder);
    free(room.text.bytes);
    free(room.batch.bytes);
    free(part);
    return figures;
}

/* Pieces of other sizes give the same. */
static inline void check_part(const struct decode_options *options, const uint8_t *bytes, size_t length) {
    struct decode_figures whole = decode_part(options, bytes, length, length + !length);
    struct decode_figures pieces = decode_part(options, bytes, length, 3);
    if (whole.items != pieces.items || whole.lines != pieces.lines ||
        memcmp(&whole.types, &pieces.types, sizeof whole.types) != 0)
        abort();
}

#endif
