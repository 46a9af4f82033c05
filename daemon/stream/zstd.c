/* SPDX-License-Identifier: Apache-2.0 */
/* One zstd frame a chunk, at level 1, with its checksum. */
#include <stdio.h>
#include <stdlib.h>
#include <zstd.h>

#include "base/memory.h"
#include "output.h"

#define LEVEL      1
#define WINDOW_LOG 18 /* 256 KiB back: what a page repeats lies near, and tables and history stay in the cache */

struct zstd {
    ZSTD_CCtx *context;
};

/* Our arguments are constants, so what fails is memory, of a fixed amount: as x_malloc(). */
static size_t checked(size_t result) {
    if (ZSTD_isError(result)) {
        fprintf(stderr, "dynamodb-backupd: zstd: %s\n", ZSTD_getErrorName(result));
        abort();
    }
    return result;
}

size_t zstd_size(void) {
    return (size_t)1 << 20; /* ZSTD_sizeof_CCtx() under these parameters, rounded up; a test holds it */
}

void zstd_free(struct zstd *zstd) {
    if (zstd)
        ZSTD_freeCCtx(zstd->context);
    free(zstd);
}

static void zstd_flush(struct output *output, bool last) {
    struct chunk *chunk = output->chunk;
    ZSTD_inBuffer in = {.src = output->window, .size = (size_t)(output->at - output->window)};
    size_t left;
    do {
        struct block *block = chunk->last && chunk->last->length < BLOCK_SIZE ? chunk->last : output_block(output);
        ZSTD_outBuffer out = {.dst = block->data, .size = BLOCK_SIZE, .pos = block->length};
        left = checked(
            ZSTD_compressStream2(output->workspace->zstd->context, &out, &in, last ? ZSTD_e_end : ZSTD_e_continue));
        chunk->length += out.pos - block->length;
        block->length = out.pos;
    } while (in.pos < in.size || (last && left));
    output->at = output->window;
}

static struct zstd *zstd_new(void) {
    struct zstd *zstd = x_malloc(sizeof *zstd);
    zstd->context = ZSTD_createCCtx();
    if (!zstd->context)
        abort();
    checked(ZSTD_CCtx_setParameter(zstd->context, ZSTD_c_compressionLevel, LEVEL));
    checked(ZSTD_CCtx_setParameter(zstd->context, ZSTD_c_windowLog, WINDOW_LOG));
    checked(ZSTD_CCtx_setParameter(zstd->context, ZSTD_c_checksumFlag, 1));
    return zstd;
}

void zstd_begin(struct output *output) {
    struct chunk_workspace *workspace = output->workspace;
    if (!workspace->zstd)
        workspace->zstd = zstd_new();
    checked(ZSTD_CCtx_reset(workspace->zstd->context, ZSTD_reset_session_only));
    output->flush = zstd_flush;
    output->window = output->at = workspace->window;
    output->end = output->window + WINDOW_SIZE;
}
