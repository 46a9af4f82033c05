/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From pages to parts: each page is encoded and compressed for every output by one worker task; the chunks are appended in
 * the pages' order of arrival; the planner says when parts close, and when all close together: a cut.
 *
 * Cuts: two at most are open, the one that fills and those that S3 and the state have not yet taken; where a third would open,
 * pages wait. So no more than two cuts' pages can be lost, and read again, when the process dies.
 *
 * Memory: a task starts only under a reservation of the most it can take. Where there is none and nothing of this run is
 * under way that would give some back, one task goes on overdrawn: a run never waits for itself.
 */
#ifndef JOB_ASSEMBLY_H
#define JOB_ASSEMBLY_H

#include <stdbool.h>

#include "job/output.h"
#include "job/scan.h"

struct assembly_options {
    struct output_options output; /* `record` and `which` are not used: each output has its own, of the backup's */
    struct backup_record *record; /* outputs with format and compression; counted, and added to */
};

struct assembly_events {
    void (*pressure)(void *arg, bool held); /* hold the scan, or let it go on */
    void (*recorded)(void *arg);            /* a cut: all before it stands in S3, and the state knows */
    void (*stopped)(void *arg);             /* after assembly_stop(), once */
    void (*stored)(void *arg);              /* after assembly_close(): every part stands, and is recorded */
    void (*completed)(void *arg);           /* after assembly_complete(): every object stands */
    void (*failed)(void *arg, const struct error *error); /* once; only assembly_free() may follow */
    void *arg;
};

struct assembly;
struct assembly *assembly_new(const struct assembly_options *options, const struct assembly_events *events);

/* What a worker still has is given back when it is done; the workshop must live until the loop has been drained. */
void assembly_free(struct assembly *assembly);

/* Comes to a cut as soon as one can be made: of what has been fed, or, where S3 would not take parts so small, of the pages that
 * come next; pressure() says whether it wants any. stopped() follows once it is recorded, never from inside this call, unless
 * assembly_close() comes before. Pages behind that cut are dropped. */
void assembly_stop(struct assembly *assembly);

/* Takes the page. */
void assembly_feed(struct assembly *assembly, struct scan_page *page);

/* A request is under way that makes or changes something in S3. */
bool assembly_writes(const struct assembly *assembly);

/* No more pages. stored() follows, never from inside this call; or stopped(), where pages have been dropped. */
void assembly_close(struct assembly *assembly);

/* Once stored. completed() follows, never from inside this call. */
void assembly_complete(struct assembly *assembly);

#endif
