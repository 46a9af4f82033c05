/* SPDX-License-Identifier: Apache-2.0 */
/* The worker's half of a lane: block after block through the checksums and the decoder, until it wants something of the loop. */
#include "reader.h"

/* The next block of the piece. A piece of no bytes is one empty block. False: there is none. */
static bool next_block(struct lane_work *work) {
    if (work->begun && !(work->block && work->block->next))
        return false;
    work->block = work->begun ? work->block->next : work->piece.first;
    work->begun = true;
    const struct block *block = work->block;
    work->input = (struct decode_input){.bytes = block ? block->data : "",
                                        .length = block ? block->length : 0,
                                        .last = work->last && !(block && block->next)};
    if (block) {
        work->crc32 = crc32_update(work->crc32, block->data, block->length);
        digest_update(work->md5, block->data, block->length);
        work->stored += block->length;
    }
    return true;
}

void lane_work(struct lane_work *work) {
    for (;;) {
        work->result = decoder_step(work->decoder, &work->input, work->check_only ? NULL : &work->batch, &work->error);
        if (work->result != DECODE_INPUT || !next_block(work))
            return;
    }
}
