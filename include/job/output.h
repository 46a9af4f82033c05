/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One output of a run: chunks in, objects in S3 out. Two kinds behind one face: files (dynamodb-json: each part is an object of its
 * own, one PUT) and an upload (json, csv: one multipart object, or one PUT where it is small).
 *
 * Chunks stay in the blocks that they were encoded into until S3 has acknowledged their part; then the blocks and their
 * reservation go back to the pool.
 */
#ifndef JOB_OUTPUT_H
#define JOB_OUTPUT_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "aws/s3.h"
#include "job/ledger.h"
#include "job/plan.h"
#include "job/record.h"
#include "job/workshop.h"

/* Borrowed by the output for its whole life. */
struct output_options {
    uv_loop_t *loop;
    struct workshop *workshop;
    const struct s3_bucket *bucket;
    const struct s3_object_options *objects;
    const struct backup_names *names;
    const struct plan *plan;
    struct output_record *record; /* format and compression are set; objects are added to those of a resumed run */
    unsigned which;               /* of the run's outputs */
    struct ledger *ledger;        /* names are written there before they are used; NULL: nowhere */
    unsigned first_number;        /* of the next file; 0: 1 */
    bool resumed;                 /* under a name of this run something of the process before may stand */
    bool hash_bodies;             /* SHA-256: the transport is not TLS */
    bool attested;                /* a file's MD5 is its ETag, until one of the store's answers does not attest it */
};

/* All called from the loop. After failed() only output_free() may follow. */
struct output_events {
    void (*acknowledged)(void *arg);                      /* a part stands in S3; memory came back */
    void (*completed)(void *arg);                         /* after output_complete() */
    void (*failed)(void *arg, const struct error *error); /* once; borrowed */
    void *arg;
};

#define FILE_NUMBERS 100 /* that the state grants at a time; a resumed run begins with the next such number */

struct output;

/* Goes on with the record's last upload where that is not closed. */
struct output *output_new(const struct output_options *options, const struct output_events *events);

/* Requests under way are dropped. What S3 holds stays: job/undo.h. NULL is fine. */
void output_free(struct output *output);

/* Takes the chunk; its blocks' reservation with it. */
void output_append(struct output *output, struct chunk *chunk);

struct plan_pending output_pending(const struct output *output);

/* Closes a part of the first whole chunks that hold `bytes`; UINT64_MAX: of all there are. Nothing where there are none. */
void output_send(struct output *output, uint64_t bytes);

/* No more chunks: the rest becomes the last part, with what ends the format. `columns`, borrowed: csv's, for an object that holds none. */
void output_close(struct output *output, const struct csv_columns *columns);

/* The object has no room for the parts that `pages` more, which are on their way to it, may close: it takes no others, and once
 * they are appended it must be closed with output_roll(), if it is full still, and the next chunk opens another. Always false
 * for files. */
bool output_full(const struct output *output, size_t pages);
void output_roll(struct output *output);

/* Parts closed but not yet acknowledged. */
unsigned output_outstanding(const struct output *output);

/* A request is under way that makes or changes something in S3, or what one has made is being summed. */
bool output_writes(const struct output *output);

/* Parts closed so far, over all objects; how many of the first of them S3 has acknowledged. */
size_t output_parts(const struct output *output);
size_t output_acknowledged(const struct output *output);

/* The next chunk with items is the first of its object. */
bool output_opens(const struct output *output);

/* All that is held could be closed as a part now: S3 takes no small one before others. */
bool output_may_close(const struct output *output);

/* Once closed with nothing outstanding: completes the uploads. completed() follows, never from inside this call. */
void output_complete(struct output *output);

#endif
