/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One output of a backup, read back: ranged GETs, several in flight, decompressed and cut into items by workers, delivered in
 * batches. The writing half's mirror; what a person calls an item is a line of its object.
 *
 *     object, part -> GET piece by piece -> checksum -> decompress -> slice (-> plain becomes typed) -> batch
 *
 * What is delivered is written into tables: a part's stored bytes are held until its checksum is known to be right, and only then decoded.
 * A part that BufferMemory has no room for beside pages and two batches (plan.c makes none over a quarter of BufferMemory, or 5 MiB; an
 * export's files may be anything, and only S3 knows how long they are) is read twice, or, unless `twice`, delivered as it comes; an
 * error that follows then says that wrong items may stand in the table.
 *
 * Parts are read side by side; batches of one part come in order, those of different parts mixed. All memory is the pool's
 * (BufferMemory): what the receiver has not given back is not used for the next batch, and neither a long line nor a bomb
 * grows it: a line over READER_LINE_MOST is damage.
 */
#ifndef JOB_READER_H
#define JOB_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "job/source.h"
#include "job/workshop.h"
#include "stream/slicer.h"

#define READER_LINE_MOST ((size_t)16 << 20) /* PAGE_MAX: no Scan ever gave a longer item */
#define READER_NO_PART   SIZE_MAX

/* Borrowed but for `source`, which is referenced. */
struct reader_options {
    struct source *source;
    size_t output; /* which of the source's */
    struct workshop *workshop;
    uv_loop_t *loop;
    unsigned lanes; /* parts at once; 0: 4 */

    /* Parts to leave out, for who goes on where it had stopped: asked once a part, before it is read. NULL: all. */
    bool (*wanted)(void *arg, size_t object, size_t part);

    /* Verify: items are checked and counted, not delivered: no batch() comes, and plain json with any types is read. */
    bool check_only;

    /* A part that cannot be held is read twice, first to be checked. For who writes over something that was good. */
    bool twice;
};

/* Items of one part that follow each other. The receiver ends it with reader_batch_free(), at any time, also after the
 * reader's end; it must be able to do so without another batch. */
struct reader_batch {
    size_t object, part;
    uint64_t
        first; /* number of the first item, from 1, within its object where all parts before tell their items; else its part */
    const char *bytes;
    const struct span
        *items;   /* each {"id":{"S":"1"},...}: DynamoDB's typed JSON, without {"Item":} around it; checked */
    size_t count; /* at least one */
    struct reader_batch *next; /* the holder's */
};
void reader_batch_free(struct reader_batch *batch);

/* A part has been read to its end, after its last batch was delivered, and is what it should be. */
struct reader_part {
    size_t object, part;
    uint64_t items, raw_bytes /* decompressed */, stored_bytes;
    struct type_counts types;
    uint32_t crc32;                /* of the stored bytes */
    unsigned char md5[MD5_LENGTH]; /* the same */
};

/* Something is not what it should be. */
struct reader_damage {
    size_t object, part; /* part READER_NO_PART: of the object as a whole */
    uint64_t first_line,
        last_line;             /* which lines of the object are in doubt, from 1; 0: not known, or all of the part */
    const struct error *error; /* ERROR_CORRUPT; ERROR_NOT_FOUND where the object is missing; ERROR_TOO_LARGE a line */
};

/* All called from the loop, never from inside reader_start(). */
struct reader_events {
    void (*batch)(void *arg, struct reader_batch *batch);    /* takes it */
    void (*part)(void *arg, const struct reader_part *part); /* NULL: not wanted */
    /* Reading goes on with what is still readable. NULL: the first damage is the end, by ended(). */
    void (*damage)(void *arg, const struct reader_damage *damage);
    /* Once: all has been delivered, or `error` (borrowed) ended it: S3 could not be read. Batches may still be out, and the
     * reader is still to be freed. */
    void (*ended)(void *arg, const struct error *error);
    void *arg;
};

struct reader_progress {
    uint64_t items, raw_bytes, stored_bytes; /* read so far */
    uint64_t parts, damages;
};

struct reader;
struct reader *reader_start(const struct reader_options *options, const struct reader_events *events);

/* No event will come; requests under way are dropped. Allowed from inside an event. Batches that are out stay good. */
void reader_free(struct reader *reader);

/* While held no batch is delivered and no new request starts: back-pressure of the receiver. */
void reader_hold(struct reader *reader, bool held);

struct reader_progress reader_progress(const struct reader *reader);

#endif
