/* SPDX-License-Identifier: Apache-2.0 */
/* gzip by ISA-L, which checks each member's CRC-32 and length. What one member leaves in its bit buffer it gives back, so that
 * the next begins at the byte behind. (RFC 1952: members simply follow one another.) */
#include <isa-l/igzip_lib.h>
#include <stdlib.h>

#include "base/memory.h"
#include "unpack.h"

static void *make(void) {
    struct inflate_state *state = x_malloc(sizeof *state);
    isal_inflate_init(state);
    state->crc_flag = ISAL_GZIP;
    return state;
}

static size_t size(void) {
    return sizeof(struct inflate_state);
}

static const char *words(int result) {
    switch (result) {
    case ISAL_INVALID_WRAPPER:
        return "no gzip header stands there";
    case ISAL_INCORRECT_CHECKSUM:
        return "the CRC-32 or length at a gzip member's end does not hold";
    case ISAL_UNSUPPORTED_METHOD:
        return "a gzip header names another method than deflate";
    case ISAL_NEED_DICT:
        return "a gzip member asks for a dictionary";
    default:
        return "the bytes of a gzip member are no deflate";
    }
}

static enum unpack_result step_gzip(void *arg, struct unpack_step *step, struct error *error) {
    struct inflate_state *state = arg;
    if (state->block_state == ISAL_BLOCK_FINISH && step->in_length) {
        isal_inflate_reset(state);
        state->crc_flag = ISAL_GZIP;
    }
    uint32_t most = 1u << 30;
    uint32_t in = step->in_length < most ? (uint32_t)step->in_length : most;
    uint32_t out = step->out_length < most ? (uint32_t)step->out_length : most;
    if (state->block_state == ISAL_BLOCK_FINISH)
        return UNPACK_MORE;
    state->next_in = (uint8_t *)(uintptr_t)step->in;
    state->avail_in = in;
    state->next_out = (uint8_t *)step->out;
    state->avail_out = out;
    int result = isal_inflate(state);
    step->in += in - state->avail_in;
    step->in_length -= in - state->avail_in;
    step->out += out - state->avail_out;
    step->out_length -= out - state->avail_out;
    if (result < 0 || result == ISAL_NEED_DICT) {
        error_set(error, ERROR_CORRUPT, "%s", words(result));
        return UNPACK_DAMAGED;
    }
    return state->block_state == ISAL_BLOCK_FINISH ? UNPACK_MEMBER : UNPACK_MORE;
}

const struct unpack_kind unpack_gzip = {make, free, step_gzip, size};
