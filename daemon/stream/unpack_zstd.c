/* SPDX-License-Identifier: Apache-2.0 */
/* zstd frames. A frame that asks for a larger window than UNPACK_WINDOW_LOG is refused before memory is taken for it. */
#include <stdio.h>
#include <stdlib.h>
#include <zstd.h>

#include "unpack.h"

static void *make(void) {
    ZSTD_DCtx *context = ZSTD_createDCtx();
    if (!context || ZSTD_isError(ZSTD_DCtx_setParameter(context, ZSTD_d_windowLogMax, UNPACK_WINDOW_LOG))) {
        fputs("dynamodb-backupd: no memory to unpack zstd\n", stderr); /* of a fixed amount: as x_malloc() */
        abort();
    }
    return context;
}

static void drop(void *context) {
    ZSTD_freeDCtx(context);
}

static size_t size(void) {
    return (size_t)768 << 10; /* ZSTD_sizeof_DCtx() with a window of 512 KiB is 733 KiB */
}

static enum unpack_result step_zstd(void *context, struct unpack_step *step, struct error *error) {
    ZSTD_inBuffer in = {step->in, step->in_length, 0};
    ZSTD_outBuffer out = {step->out, step->out_length, 0};
    size_t result = ZSTD_decompressStream(context, &out, &in);
    step->in += in.pos;
    step->in_length -= in.pos;
    step->out += out.pos;
    step->out_length -= out.pos;
    if (ZSTD_isError(result)) {
        error_set(error, ERROR_CORRUPT, "the bytes of a zstd frame are none: %s", ZSTD_getErrorName(result));
        return UNPACK_DAMAGED;
    }
    return result == 0 ? UNPACK_MEMBER : UNPACK_MORE;
}

const struct unpack_kind unpack_zstd = {make, drop, step_zstd, size};
