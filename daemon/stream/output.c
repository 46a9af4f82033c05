/* SPDX-License-Identifier: Apache-2.0 */
/* The window's turn-over, and the two outputs that compress nothing. */
#include "output.h"

static struct block *new_block(struct output *output) {
    struct chunk *chunk = output->chunk;
    struct block *block = block_take(output->pool);
    if (chunk->last)
        chunk->last->next = block;
    else
        chunk->first = block;
    chunk->last = block;
    chunk->block_count++;
    return block;
}

struct block *output_block(struct output *output) {
    struct block *last = output->chunk->last;
    return last && last->length < BLOCK_SIZE ? last : new_block(output);
}

void output_store(struct output *output, const char *bytes, size_t length) {
    output->chunk->length += length;
    while (length) {
        struct block *block = output_block(output);
        size_t room = BLOCK_SIZE - block->length, part = length < room ? length : room;
        memcpy(block->data + block->length, bytes, part);
        block->length += part;
        bytes += part;
        length -= part;
    }
}

static void turn_over(struct output *output, bool last) {
    output->chunk->raw_length += (uint64_t)(output->at - output->window);
    output->flush(output, last);
}

void output_flush(struct output *output) {
    turn_over(output, false);
}

void output_finish(struct output *output) {
    turn_over(output, true);
}

void output_put_slow(struct output *output, const char *bytes, size_t length) {
    while (length) {
        if (output->at == output->end)
            output_flush(output);
        size_t room = (size_t)(output->end - output->at), part = length < room ? length : room;
        memcpy(output->at, bytes, part);
        output->at += part;
        bytes += part;
        length -= part;
    }
}

static void none_flush(struct output *output, bool last) {
    struct chunk *chunk = output->chunk;
    if (chunk->last) {
        chunk->last->length = (size_t)(output->at - output->window);
        chunk->length += chunk->last->length;
    }
    if (last)
        return;
    struct block *block = new_block(output);
    output->window = output->at = block->data;
    output->end = block->data + BLOCK_SIZE;
}

/* The first block is taken at the first byte: no bytes, no block. */
void none_begin(struct output *output) {
    output->flush = none_flush;
    output->window = output->at = output->end = NULL;
}

static void discard_flush(struct output *output, bool last) {
    (void)last;
    output->at = output->window;
}

void discard_begin(struct output *output, char *window, size_t size) {
    output->flush = discard_flush;
    output->window = output->at = window;
    output->end = window + size;
}
