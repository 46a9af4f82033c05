/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stored bytes become text again, piece by piece, in bounded memory: gzip members and zstd frames, any number one after the
 * other, or bytes as they are. The mirror of chunk.h's compressions. Runs on a worker thread.
 */
#ifndef STREAM_UNPACK_H
#define STREAM_UNPACK_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "stream/chunk.h"

/* The largest window that a zstd frame may ask for: what `zstd -19` writes. Ours take 512 KiB. */
#define UNPACK_WINDOW_LOG 23

struct unpacker;

struct unpacker *unpacker_new(enum stream_compression compression);
void unpacker_free(struct unpacker *unpacker); /* NULL is fine */

/* About what one takes for data of our own writing. */
size_t unpacker_size(enum stream_compression compression);

/* What one step works on; it moves both forward by what it has taken and given. */
struct unpack_step {
    const char *in;
    size_t in_length;
    char *out;
    size_t out_length;
};

enum unpack_result {
    UNPACK_MORE, /* all input is taken, or all room is filled: in the latter case call again before more input comes */
    UNPACK_MEMBER,  /* a member or frame has just ended, its own checksum held; more may follow */
    UNPACK_DAMAGED, /* ERROR_CORRUPT; nothing can follow */
};
enum unpack_result unpack(struct unpacker *unpacker, struct unpack_step *step, struct error *error);

/* May the input end here? True between members, and before the first. */
bool unpacker_may_end(const struct unpacker *unpacker);

#endif
