/* SPDX-License-Identifier: Apache-2.0 */
/* The worker's half of a lane: block after block through the checksums and the decoder, until it wants something of the loop. */
#include "reader.h"

static void sum_block(struct lane_work *work, const struct block *block) {
    work->crc32 = crc32_update(work->crc32, block->data, block->length);
    digest_update(work->md5, block->data, block->length);
    work->stored += block->length;
}

static void sum_piece(struct lane_work *work) {
    for (const struct block *block = work->piece.first; block; block = block->next)
        sum_block(work, block);
    work->begun = true;
}

/* It has been decoded: others wait for its memory. */
static void give_block(struct lane_work *work) {
    struct block *block = work->piece.first;
    work->piece.first = block->next;
    work->piece.length -= block->length;
    if (!work->piece.first)
        work->piece.last = NULL;
    block->next = NULL;
    block_give(work->pool, block);
}

/* The next block of the piece. A piece of no bytes is one empty block. False: there is none. */
static bool next_block(struct lane_work *work) {
    if (work->begun && work->piece.first)
        give_block(work);
    const struct block *block = work->piece.first;
    if (work->begun && !block)
        return false;
    work->begun = true;
    work->input = (struct decode_input){.bytes = block ? block->data : "",
                                        .length = block ? block->length : 0,
                                        .last = work->last && !(block && block->next)};
    if (block && !work->summed)
        sum_block(work, block);
    return true;
}

void lane_work(struct lane_work *work) {
    if (!work->decode) {
        sum_piece(work);
        work->result = DECODE_INPUT;
        return;
    }
    for (;;) {
        work->result = decoder_step(work->decoder, &work->input, work->check_only ? NULL : &work->batch, &work->error);
        if (work->result != DECODE_INPUT || !next_block(work))
            return;
    }
}
