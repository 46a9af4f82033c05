/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Scan of one table: all its segments, several in flight, each page delivered whole, checked and sliced, in order of
 * arrival. How many are in flight follows the throttles, the memory that is left and ReadCapacity=; how many segments there are never
 * changes.
 */
#ifndef JOB_SCAN_H
#define JOB_SCAN_H

#include <stdbool.h>
#include <stdint.h>

#include "aws/dynamodb.h"
#include "state/checkpoint.h"
#include "stream/pool.h"
#include "stream/slicer.h"

/* Borrowed; `session` and `pool` outlive the scan. */
struct scan_options {
    struct aws_session *session;
    struct pool *pool;
    const char *table;
    unsigned segments; /* 1 to 1,000,000 */
    bool consistent;
    const struct checkpoint_position *positions; /* where segments go on; those that are not named begin. Copied */
    size_t position_count;
    double units_a_second; /* read units that it takes at most; 0: no limit */
    double item_bytes;     /* what an item takes in the table on average; 0: not known */
    bool ramp; /* start with one segment in flight and add as pages come without a throttle; else with all */
};

/* One page. The receiver ends it with scan_page_free(), at any time before the scan's end, or after it. */
struct scan_page {
    struct page *page;
    struct page_index index;
    unsigned segment;
    uint32_t crc32;         /* of the bytes so far */
    char *next_key;         /* LastEvaluatedKey, byte for byte; NULL: the segment has ended */
    struct scan_page *next; /* the holder's */
};
void scan_page_free(struct scan_page *page);

struct scan_events {
    /* Takes the page. Called from the loop, never from inside scan_start(). */
    void (*page)(void *arg, struct scan_page *page);
    /* Once: every page of every segment has been delivered, or `error` ended it (borrowed). The scan is still to be freed. */
    void (*ended)(void *arg, const struct error *error);
    void *arg;
};

struct scan_progress {
    uint64_t pages, items, bytes, throttles, refetched /* pages given back for want of memory */;
    double read_units;
    unsigned segments_done, in_flight, most_in_flight;
};

struct scan;
struct scan *scan_start(const struct scan_options *options, const struct scan_events *events);

/* No event will come; requests under way are dropped. Allowed from inside an event. */
void scan_free(struct scan *scan);

/* While held no new request starts: back-pressure of who receives the pages. */
void scan_hold(struct scan *scan, bool held);

struct scan_progress scan_progress(const struct scan *scan);

#endif
