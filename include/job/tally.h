/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Items on their way past, counted and digested by workers: what a backup holds, or a table, as one value that no order changes.
 */
#ifndef JOB_TALLY_H
#define JOB_TALLY_H

#include <uv.h>

#include "base/error.h"
#include "stream/item_digest.h"
#include "stream/slicer.h"

struct tally;
struct tally *tally_new(uv_loop_t *loop, const unsigned char key[ITEM_DIGEST_KEY]);

/* What workers have under way is finished, without its `done`. NULL is fine. */
void tally_free(struct tally *tally);

/* Items in one piece of memory, which stays as it is until release(). */
struct tally_piece {
    const char *bytes;
    const struct span *items; /* each one object of typed JSON */
    size_t count;
    /* On the loop, never from inside tally_feed(): these items are counted, or `error` (borrowed) says why item `which`, from 0, is
     * none, and nothing of the piece has been counted. */
    void (*done)(void *arg, size_t which, const struct error *error);
    void (*release)(
        void *arg); /* on the loop, exactly once, behind done() if that comes: the memory is not read any more */
    void *arg;
};
void tally_feed(struct tally *tally, const struct tally_piece *piece);

/* Of all pieces whose done() has come. */
struct item_digest tally_digest(const struct tally *tally);

#endif
