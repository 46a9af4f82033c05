/* SPDX-License-Identifier: Apache-2.0 */
/* A part on its way: sealed by a worker (checksums over all its blocks), then a body of slices that point into the blocks. */
#include "output_part.h"

#include <stdlib.h>

#include "base/encoding.h"
#include "base/memory.h"

static void give_memory(struct output_part *part) {
    struct pool *pool = workshop_pool(part->workshop);
    size_t reserved = part->reserved;
    chunk_fini(&part->chunk, pool);
    free(part->slices);
    free(part->ending);
    free(part->etag);
    free(part);
    pool_release(pool, reserved);
}

static void cut_into_slices(struct output_part *part) {
    part->slices = x_calloc(part->chunk.block_count + 1, sizeof *part->slices);
    for (const struct block *block = part->chunk.first; block; block = block->next)
        if (block->length)
            part->slices[part->slice_count++] = (struct http_slice){block->data, block->length};
}

/* On a worker thread. */
static void seal_work(uv_work_t *work) {
    struct output_part *part = container_of(work, struct output_part, work);
    if (part->ending) {
        struct chunk_workspace *workspace = workshop_take(part->workshop);
        struct chunk ending = {0};
        chunk_literal(&ending, workshop_pool(part->workshop), workspace, part->compression, part->ending);
        chunk_join(&part->chunk, &ending);
        workshop_give(part->workshop, workspace);
    }
    chunk_seal(&part->seal, &part->chunk, part->want_md5, part->want_sha256);
    if (part->want_sha256)
        hex_encode(part->sha256, part->seal.sha256, SHA256_LENGTH);
    cut_into_slices(part);
}

/* On a worker thread. */
static void sum_work(uv_work_t *work) {
    struct output_part *part = container_of(work, struct output_part, work);
    chunk_seal(&part->seal, &part->chunk, true, false); /* its CRC-32 comes out the same */
}

static void on_worked(uv_work_t *work, int status) {
    struct output_part *part = container_of(work, struct output_part, work);
    (void)status;
    part->state = part->state == PART_SEALING ? PART_SEALED : PART_SENDING;
    if (part->output)
        part->worked(part);
    else
        give_memory(part);
}

/* uv_queue_work() fails only without a work function. */
void part_sum(struct output_part *part, uv_loop_t *loop, void (*summed)(struct output_part *part)) {
    part->state = PART_SUMMING;
    part->worked = summed;
    uv_queue_work(loop, &part->work, sum_work, on_worked);
}

void part_seal(struct output_part *part, uv_loop_t *loop, void (*sealed)(struct output_part *part)) {
    part->state = PART_SEALING;
    part->reserved = part->chunk.block_count * BLOCK_SIZE;
    if (part->ending) {
        size_t bytes = chunk_literal_bound(part->compression, part->ending) * BLOCK_SIZE;
        pool_overdraw(workshop_pool(part->workshop), bytes);
        part->reserved += bytes;
    }
    part->worked = sealed;
    uv_queue_work(loop, &part->work, seal_work, on_worked);
}

struct s3_body part_body(const struct output_part *part) {
    return (struct s3_body){.slices = part->slices,
                            .slice_count = part->slice_count,
                            .sha256 = part->want_sha256 ? part->sha256 : NULL,
                            .md5 = part->want_md5 ? part->seal.md5 : NULL,
                            .has_crc32 = true,
                            .crc32 = part->seal.crc32};
}

void part_free(struct output_part *part) {
    if (part->call)
        s3_cancel(part->call);
    settle_cancel(part->settle);
    part->call = NULL;
    part->settle = NULL;
    part->output = NULL;
    if (part->state != PART_SEALING && part->state != PART_SUMMING)
        give_memory(part);
}
