/* SPDX-License-Identifier: Apache-2.0 */
/*
 *     stored bytes -> unpack -> text -> cut -> check -> batch
 *
 * Text waits in the room that was lent, from `cut.at` to `cut.to`. When no whole item is left in it, the rest moves to the front
 * and more is unpacked behind it.
 */
#include "decode.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "encode.h"
#include "stream/unpack.h"

struct decoder {
    struct decode_options options;
    struct unpacker *unpacker;
    struct decode_text room;
    struct cut_text cut;
    struct decode_figures figures;
    unsigned faults;
    bool lost, stalled /* the last unpack() gave nothing, and wants input */;
    bool member_ended; /* all text that is here came from members that have ended well */
};

struct decoder *decoder_new(const struct decode_options *options) {
    struct decoder *decoder = x_calloc(1, sizeof *decoder);
    decoder->options = *options;
    decoder->unpacker = unpacker_new(options->compression);
    decoder->cut.state = options->format == FORMAT_CSV ? cut_row_begin(options->first, options->last)
                                                       : cut_member_begin(options->first, options->last);
    if (options->columns) {
        decoder->cut.columns = (unsigned)csv_columns_cells(options->columns);
        decoder->cut.header = csv_columns_header(options->columns, &decoder->cut.header_length);
    }
    return decoder;
}

void decoder_free(struct decoder *decoder) {
    if (!decoder)
        return;
    unpacker_free(decoder->unpacker);
    free(decoder);
}

/* The rest of the text moves to the front of `to`. */
static void move_text(struct decoder *decoder, char *to) {
    struct cut_text *cut = &decoder->cut;
    size_t length = cut->to - cut->at;
    if (length)
        memmove(to, cut->bytes + cut->at, length);
    cut->searched = cut->searched > cut->at ? cut->searched - cut->at : 0;
    cut->bytes = to;
    cut->at = 0;
    cut->to = length;
}

struct decode_text decoder_lend_text(struct decoder *decoder, struct decode_text text) {
    struct decode_text old = decoder->room;
    assert(text.capacity > decoder->cut.to - decoder->cut.at);
    move_text(decoder, text.bytes);
    decoder->room = text;
    return old;
}

struct decode_figures decoder_figures(const struct decoder *decoder) {
    return decoder->figures;
}

/* ------------------------------------------------------------ text */

enum fill { FILLED, FILL_INPUT, FILL_ROOM, FILL_ENDED, FILL_LOST };

static enum fill end_of_input(struct decoder *decoder, struct error *error) {
    if (unpacker_may_end(decoder->unpacker)) {
        decoder->cut.last = true;
        return FILL_ENDED;
    }
    error_set(error, ERROR_CORRUPT, "the part ends in the middle of its compressed data");
    return FILL_LOST;
}

/* More text behind what is left. */
static enum fill fill(struct decoder *decoder, struct decode_input *input, struct error *error) {
    struct cut_text *cut = &decoder->cut;
    size_t most = decoder->room.capacity;
    if (cut->at)
        move_text(decoder, decoder->room.bytes);
    if (cut->to == most)
        return FILL_ROOM;
    if (decoder->stalled && !input->length)
        return input->last ? end_of_input(decoder, error) : FILL_INPUT;
    struct unpack_step step = {input->bytes, input->length, decoder->room.bytes + cut->to, most - cut->to};
    enum unpack_result result = unpack(decoder->unpacker, &step, error);
    size_t got = most - cut->to - step.out_length;
    decoder->stalled = !step.in_length && step.out_length;
    bool consumed = step.in != input->bytes;
    input->bytes = step.in;
    input->length = step.in_length;
    cut->to += got;
    decoder->figures.raw_bytes += got;
    if (got || consumed)
        decoder->member_ended = result == UNPACK_MEMBER;
    return result == UNPACK_DAMAGED ? FILL_LOST : FILLED;
}

/* ------------------------------------------------------------ items */

/* Is the item DynamoDB's? Its types are counted. */
static bool check_typed(struct decoder *decoder, struct span item, struct error *error) {
    char window[1024];
    struct chunk nothing = {0};
    struct output nowhere = {.chunk = &nothing};
    struct page_index index = {.items = &item, .count = 1, .length = decoder->cut.to};
    struct chunk_encode encode = {.page = decoder->cut.bytes, .index = &index};
    struct item_fault fault;
    discard_begin(&nowhere, window, sizeof window);
    if (encode_checked_item(&nowhere, &encode, 0, &decoder->figures.types, &fault))
        return true;
    error_set(error, ERROR_CORRUPT, "an item that is not DynamoDB's typed JSON: expected %s at byte %zu of %u",
              fault.expected, fault.at - item.offset, (unsigned)item.length);
    return false;
}

/* False: there is no room for it. */
static bool put_item(const struct decoder *decoder, struct decode_batch *batch, struct span item) {
    const char *from = decoder->cut.bytes + item.offset;
    char *out = batch->bytes + batch->length, *end = batch->bytes + batch->capacity;
    if (batch->count == batch->most)
        return false;
    if (decoder->options.format == FORMAT_JSON) {
        if (!retype(from, item.length, &out, end))
            return false;
    } else {
        if ((size_t)(end - out) < item.length)
            return false;
        memcpy(out, from, item.length);
        out += item.length;
    }
    batch->items[batch->count++] =
        (struct span){(uint32_t)batch->length, (uint32_t)(out - batch->bytes - batch->length)};
    batch->length = (size_t)(out - batch->bytes);
    return true;
}

static enum decode_result lose(struct decoder *decoder) {
    decoder->lost = true;
    return DECODE_LOST;
}

/* The text is what was written, as far as it is told: only what stands from here on is lost. */
static enum decode_result lose_rest(struct decoder *decoder) {
    decoder->figures.sound = decoder->figures.lines;
    return lose(decoder);
}

static enum decode_result fault(struct decoder *decoder) {
    decoder->figures.lines++;
    return ++decoder->faults < DECODE_FAULTS_MOST ? DECODE_FAULT : lose(decoder);
}

/* A row of csv holds no item that could be given to anybody: it is counted. */
static bool is_delivered(const struct decoder *decoder) {
    return !decoder->options.check_only && decoder->options.format != FORMAT_CSV;
}

/* A cut item goes into the batch; where there is no room, it is as if it had not been cut. */
static bool take_item(struct decoder *decoder, struct decode_batch *batch, struct span item,
                      const struct cut_text *before, enum decode_result *result, struct error *error) {
    struct type_counts types = decoder->figures.types;
    if (decoder->options.format == FORMAT_DYNAMODB_JSON && !check_typed(decoder, item, error)) {
        decoder->figures.types = types;
        *result = fault(decoder);
        return false;
    }
    if (is_delivered(decoder) && !put_item(decoder, batch, item)) {
        decoder->figures.types = types;
        decoder->cut = *before;
        *result = batch->count ? DECODE_BATCH : DECODE_BATCH_ROOM;
        if (*result == DECODE_BATCH || batch->capacity < DECODE_LINE_MOST)
            return false;
        error_set(error, ERROR_TOO_LARGE, "an item that takes more than %zu MiB", DECODE_LINE_MOST >> 20);
        *result = lose_rest(decoder);
        return false;
    }
    decoder->figures.lines++;
    decoder->figures.items++;
    return true;
}

static enum cut_result cut(struct decoder *decoder, struct span *item, struct error *error) {
    switch (decoder->options.format) {
    case FORMAT_DYNAMODB_JSON:
        return cut_line(&decoder->cut, item, error);
    case FORMAT_JSON:
        return cut_member(&decoder->cut, item, error);
    case FORMAT_CSV:
        break;
    }
    return cut_row(&decoder->cut, item, error);
}

/* Items as long as there are whole ones. True: more text is wanted. */
static bool cut_all(struct decoder *decoder, struct decode_batch *batch, enum decode_result *result,
                    struct error *error) {
    for (;;) {
        struct cut_text before = decoder->cut;
        struct span item;
        switch (cut(decoder, &item, error)) {
        case CUT_ITEM:
            if (!take_item(decoder, batch, item, &before, result, error))
                return false;
            break;
        case CUT_MORE:
            return true;
        case CUT_FAULT:
            *result = fault(decoder);
            return false;
        case CUT_LOST:
            *result = lose_rest(decoder);
            return false;
        case CUT_END:
            *result = DECODE_END;
            return false;
        }
    }
}

static enum decode_result want_room(struct decoder *decoder, struct error *error) {
    if (decoder->room.capacity < DECODE_LINE_MOST)
        return DECODE_TEXT_ROOM;
    error_set(error, ERROR_TOO_LARGE, "a line of more than %zu MiB", DECODE_LINE_MOST >> 20);
    return lose_rest(decoder);
}

enum decode_result decoder_step(struct decoder *decoder, struct decode_input *input, struct decode_batch *batch,
                                struct error *error) {
    enum decode_result result;
    if (decoder->lost) {
        error_set(error, ERROR_CORRUPT, "nothing behind can be read");
        return DECODE_LOST;
    }
    for (;;) {
        if (!cut_all(decoder, batch, &result, error))
            return result;
        if (decoder->member_ended)
            decoder->figures.sound = decoder->figures.lines;
        switch (fill(decoder, input, error)) {
        case FILLED:
        case FILL_ENDED:
            break;
        case FILL_INPUT:
            return DECODE_INPUT;
        case FILL_ROOM:
            return want_room(decoder, error);
        case FILL_LOST:
            return lose(decoder);
        }
    }
}
