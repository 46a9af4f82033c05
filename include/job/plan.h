/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How large files and parts are, and when parts close together: the planner. Pure functions of counts and sizes.
 *
 * Files (dynamodb-json) start at 8 MiB stored, 4 where BufferMemory is under 64 MiB, or at TableSizeBytes / 40,000 where that is
 * larger, and double every 10,000 files, as far as memory allows: ImportTable takes 50,000 objects. Parts (json, csv) start at
 * 5 MiB and grow so that 10,000 of them hold what S3 lets an object hold.
 */
#ifndef JOB_PLAN_H
#define JOB_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifndef PLAN_PART_MIN /* set where a test makes backups by the hundred: tests/unit/job/meson.build */
#define PLAN_PART_MIN ((uint64_t)5 << 20) /* S3: every part but the last */
#define PLAN_FILE_MIN ((uint64_t)4 << 20)
#endif
#define PLAN_PARTS_MAX 10000u /* S3: of one upload */
#define PLAN_OUTPUTS   3

struct plan {
    uint64_t buffer_memory, table_bytes /* a hint, hours old */, part_size /* PartSize=; 0: auto */;
    size_t outputs;
    unsigned parts_most; /* of one upload; 0: PLAN_PARTS_MAX */
};

/* The stored size at which file `number` (from 1) closes. */
uint64_t plan_file_size(const struct plan *plan, unsigned number);

/* The stored size at which part `number` (from 1) closes. */
uint64_t plan_part_size(const struct plan *plan, unsigned number);

/* What a job reserves before it starts: two smallest parts an output. `multipart` of its `outputs` are. */
size_t plan_reserve(size_t files, size_t multiparts);

/* How far the total of one output's open parts may go before the others must catch up. */
uint64_t plan_largest(const struct plan *plan);

/* TotalSegments where Segments=auto: 1 below 64 MB, then about one a 64 MB, at most 4,096. */
unsigned plan_segments(uint64_t table_bytes);

/* What one output holds that is not yet in a part. It comes in whole chunks, a page's each. */
struct plan_pending {
    bool multipart;
    uint64_t bytes;  /* stored */
    uint64_t target; /* the size at which it closes */
    uint64_t rest;   /* what stays behind when the first chunks that make `target` are sent; 0 where it is not full */
};

enum plan_step {
    PLAN_WAIT,  /* for more pages */
    PLAN_CUT,   /* every output closes all it holds, now, together */
    PLAN_SPLIT, /* output *which sends one part, and holds back PLAN_PART_MIN where it is a multipart one */
};

/* After a page has been appended to all outputs: what to do. Call again after PLAN_SPLIT. */
enum plan_step plan_next(const struct plan_pending *pending, size_t count, size_t *which);

#endif
