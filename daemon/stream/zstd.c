/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One zstd frame a window, at level 1. Whole frames in one call are a tenth faster than a stream, which copies all input into
 * a buffer of its own, and the ratio is the same: a page repeats itself within much less than a window. No checksum of the
 * content (a fifteenth of the time): parts have their own.
 */
#include <stdio.h>
#include <stdlib.h>
#include <zstd.h>

#include "base/memory.h"
#include "output.h"

#define FRAME_BOUND ZSTD_COMPRESSBOUND(WINDOW_SIZE)

struct zstd {
    ZSTD_CCtx *context;
    char frame[FRAME_BOUND];
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
    return sizeof(struct zstd) + ((size_t)640 << 10); /* ZSTD_sizeof_CCtx() under these parameters is 540 KiB */
}

void zstd_free(struct zstd *zstd) {
    if (zstd)
        ZSTD_freeCCtx(zstd->context);
    free(zstd);
}

/* No bytes are a frame only where they are all that the chunk holds. */
static void zstd_flush(struct output *output, bool last) {
    struct zstd *zstd = output->workspace->zstd;
    size_t length = (size_t)(output->at - output->window);
    if (length || (last && !output->chunk->length))
        output_store(output, zstd->frame,
                     checked(ZSTD_compress2(zstd->context, zstd->frame, FRAME_BOUND, output->window, length)));
    output->at = output->window;
}

/* Level 1's for large input, with a hash table that stays in the first-level cache; what zstd would choose for a
 * short frame is half as fast on long texts. */
static struct zstd *zstd_new(void) {
    struct zstd *zstd = x_malloc(sizeof *zstd);
    zstd->context = ZSTD_createCCtx();
    if (!zstd->context)
        abort();
    checked(ZSTD_CCtx_setParameter(zstd->context, ZSTD_c_compressionLevel, 1));
    checked(ZSTD_CCtx_setParameter(zstd->context, ZSTD_c_hashLog, 13));
    checked(ZSTD_CCtx_setParameter(zstd->context, ZSTD_c_minMatch, 7));
    return zstd;
}

void zstd_begin(struct output *output) {
    struct chunk_workspace *workspace = output->workspace;
    if (!workspace->zstd)
        workspace->zstd = zstd_new();
    output->flush = zstd_flush;
    output->window = output->at = workspace->window;
    output->end = output->window + WINDOW_SIZE;
}
