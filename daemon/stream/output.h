/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where encoded bytes go: a window to write into, and what happens when it is full. Uncompressed, the window is the chunk's
 * newest block, so that bytes are written once; else it is a buffer in the workspace that the compressor reads.
 */
#ifndef STREAM_OUTPUT_H
#define STREAM_OUTPUT_H

#include <string.h>

#include "stream/chunk.h"

#define WINDOW_SIZE ((size_t)512 << 10) /* what a compressor gets at once; zstd 3 % faster than with half of it */
#define OUTPUT_ROOM 128                 /* what output_room() promises; blocks may end with less than this unused */

struct chunk_workspace {
    char *window;
    struct gzip *gzip; /* made at first use, as zstd */
    struct zstd *zstd;
    struct csv_room *csv;
};

struct output {
    char *at, *end; /* the free part of the window */
    char *window;
    void (*flush)(struct output *output, bool last); /* takes window..at; unless last, makes room */
    struct chunk *chunk;
    struct pool *pool;
    struct chunk_workspace *workspace;
};

/* The chunk's last block if it has room, else one more. */
struct block *output_block(struct output *output);

/* Finished bytes, into the chunk's blocks. */
void output_store(struct output *output, const char *bytes, size_t length);

/* Take the bytes from `window` to `at`; the window is free again. */
void output_flush(struct output *output);
void output_finish(struct output *output);

void none_begin(struct output *output);
void gzip_begin(struct output *output);
void zstd_begin(struct output *output);

/* Bytes that nobody wants: for a reader that only counts and checks. */
void discard_begin(struct output *output, char *window, size_t size);

void gzip_free(struct gzip *gzip);
void zstd_free(struct zstd *zstd);
size_t gzip_size(void);
size_t zstd_size(void);

/* OUTPUT_ROOM bytes behind `at`. */
static inline void output_room(struct output *output) {
    if (__builtin_expect(output->end - output->at < OUTPUT_ROOM, 0))
        output_flush(output);
}

/* More bytes than the window has room for. */
void output_put_slow(struct output *output, const char *bytes, size_t length);

/* Any number of bytes. */
static inline void output_put(struct output *output, const char *bytes, size_t length) {
    if (__builtin_expect((size_t)(output->end - output->at) < length, 0)) {
        output_put_slow(output, bytes, length);
        return;
    }
    memcpy(output->at, bytes, length);
    output->at += length;
}

#endif
