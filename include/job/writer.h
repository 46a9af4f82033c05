/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Items into a table by BatchWriteItem: several calls in flight, as many as the table takes without a throttle; what comes back as
 * unprocessed is sent again after a full-jitter wait; at most so many write units a second where asked for.
 *
 * An item's bytes go as they are, from the batch that the caller holds; no parse tree is built of them. Two puts on one key
 * never go in one call. (In two calls that are in flight together either may be the last: no backup has a key twice.)
 */
#ifndef JOB_WRITER_H
#define JOB_WRITER_H

#include <stdint.h>
#include <sys/queue.h>

#include "aws/dynamodb.h"
#include "stream/batch.h"

/* All borrowed for the writer's life. */
struct writer_options {
    struct aws_session *session;
    const char *table;     /* a name or an ARN */
    struct key_names key;  /* of the table */
    double units_a_second; /* write units; 0: no limit but the table's own */
    int64_t retry_for;     /* ms without one item written after which it gives up */
};

/* Items that lie in one piece of memory. The caller's, untouched and alive until written(), or the writer's end. */
struct write_batch {
    const char *bytes;
    const struct span *items; /* each one object of typed JSON */
    size_t count;             /* at least one */
    uint64_t first;           /* for errors: the number of the first item there */
    const char *where;        /* for errors: what the items were read from, "data/00001.json.gz" */
    void (*written)(
        struct write_batch *batch); /* every item stands in the table. Called from the loop, not from writer_feed() */
    void *arg;
    /* the writer's */
    size_t sent, left;
    TAILQ_ENTRY(write_batch) entry;
};

struct writer_progress {
    uint64_t items, bytes /* of their JSON */, calls, throttles, unprocessed /* items that came back, each time */;
    double units; /* write units consumed, as the answers say */
    unsigned in_flight;
};

struct writer_events {
    void (*failed)(void *arg, const struct error *error); /* once; borrowed; only writer_free() may follow */
    void *arg;
};

struct writer;
struct writer *writer_new(const struct writer_options *options, const struct writer_events *events);

/* Calls under way are dropped (some of their items may still come to stand in the table). No event follows. NULL is fine. */
void writer_free(struct writer *writer);

/* Takes the batch on. No copy is made. */
void writer_feed(struct writer *writer, struct write_batch *batch);

struct writer_progress writer_progress(const struct writer *writer);

#endif
