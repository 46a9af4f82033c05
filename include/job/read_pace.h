/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pace of a Scan, ReadCapacity=: pages so large, and so seldom, that the table's read units are taken evenly. Pure, with time as an
 * argument (monotonic, ms).
 *
 * A page of 1 MB is 128 units at once (256 if consistent). Where a second's worth is less, Limit= cuts pages to about that: the
 * table's other readers get their share of each second, and any minute comes out within 5 %. (A single item may still cost more.)
 */
#ifndef JOB_READ_PACE_H
#define JOB_READ_PACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "job/allowance.h"

struct read_pace {
    struct allowance allowance;
    double block_units;                       /* of 4 KB */
    double item_units, page_units, page_most; /* what one costs, of late; the most that a page can */
    bool seen;                                /* an item: until then `item_units` is hearsay */
};

/* `item_bytes`: what an item takes in the table on average; 0: not known. `units_a_second` 0: no limit. */
void read_pace_init(struct read_pace *pace, double units_a_second, bool consistent, double item_bytes, int64_t now);

/* Milliseconds until the next request may go; 0: now. */
int64_t read_pace_wait(struct read_pace *pace, int64_t now);

/* The Limit of the next request; 0: a whole page. */
unsigned read_pace_limit(const struct read_pace *pace);

/* Reserves what a request with that Limit is likely to take, and returns it. */
double read_pace_reserve(struct read_pace *pace, unsigned limit);

/* A page, and what its answer says that it took; `units` 0: the server does not tell, and its size does. */
struct read_pace_page {
    unsigned limit; /* that it was asked for with */
    size_t items, bytes;
    double units;
    bool last; /* of its segment: maybe not full */
};
void read_pace_take(struct read_pace *pace, double reserved, const struct read_pace_page *page);

/* A request that comes to nothing: its reservation goes back. */
void read_pace_drop(struct read_pace *pace, double reserved);

/* The table has read so many units for an answer that is not used. */
void read_pace_waste(struct read_pace *pace, double units);

#endif
