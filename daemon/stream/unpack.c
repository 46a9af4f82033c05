/* SPDX-License-Identifier: Apache-2.0 */
/* The table of ways to unpack, and the one that changes nothing. */
#include "unpack.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

struct unpacker {
    const struct unpack_kind *kind;
    void *state;
    bool inside; /* a member has begun and not ended */
};

static enum unpack_result step_none(void *state, struct unpack_step *step, struct error *error) {
    (void)state;
    (void)error;
    size_t length = step->in_length < step->out_length ? step->in_length : step->out_length;
    if (length)
        memcpy(step->out, step->in, length);
    step->in += length;
    step->in_length -= length;
    step->out += length;
    step->out_length -= length;
    return UNPACK_MEMBER; /* it may end after any byte */
}

static const struct unpack_kind unpack_none = {.step = step_none};

static const struct unpack_kind *const kinds[] = {
    [COMPRESSION_NONE] = &unpack_none, [COMPRESSION_GZIP] = &unpack_gzip, [COMPRESSION_ZSTD] = &unpack_zstd};

struct unpacker *unpacker_new(enum stream_compression compression) {
    struct unpacker *unpacker = x_calloc(1, sizeof *unpacker);
    unpacker->kind = kinds[compression];
    if (unpacker->kind->make)
        unpacker->state = unpacker->kind->make();
    return unpacker;
}

void unpacker_free(struct unpacker *unpacker) {
    if (!unpacker)
        return;
    if (unpacker->kind->drop)
        unpacker->kind->drop(unpacker->state);
    free(unpacker);
}

size_t unpacker_size(enum stream_compression compression) {
    return sizeof(struct unpacker) + (kinds[compression]->size ? kinds[compression]->size() : 0);
}

enum unpack_result unpack(struct unpacker *unpacker, struct unpack_step *step, struct error *error) {
    size_t before = step->in_length;
    enum unpack_result result = unpacker->kind->step(unpacker->state, step, error);
    if (result == UNPACK_MEMBER)
        unpacker->inside = false;
    else if (step->in_length < before)
        unpacker->inside = true;
    return result;
}

bool unpacker_may_end(const struct unpacker *unpacker) {
    return !unpacker->inside;
}
