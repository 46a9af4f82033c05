/* SPDX-License-Identifier: Apache-2.0 */
/* Sizes and cuts. See the header for the rules and ../tests/unit/job/plan.c for them at 1 byte, 160 GB and 10 TB. */
#include "job/plan.h"

#define FILES_AIM      40000u /* of the 50,000 that ImportTable takes: TableSizeBytes is only a hint */
#define FILES_A_DOUBLE 10000u
#define PARTS_A_DOUBLE 800u /* 5 MiB doubling every 800 parts: 10,000 of them would hold 17 TB */
#define SMALL_MEMORY   ((uint64_t)64 << 20)
#define SEGMENT_BYTES  ((uint64_t)64 * 1000 * 1000)
#define SEGMENTS_MOST  4096u

static uint64_t least(uint64_t a, uint64_t b) {
    return a < b ? a : b;
}

/* One part filling and one on its way, of each output, in half the memory: the other half is for pages. */
uint64_t plan_largest(const struct plan *plan) {
    uint64_t share = plan->buffer_memory / 4 / (plan->outputs ? plan->outputs : 1);
    return share > PLAN_PART_MIN ? share : PLAN_PART_MIN;
}

static uint64_t doubled(uint64_t size, unsigned times, uint64_t most) {
    while (times-- && size < most)
        size *= 2;
    return least(size, most);
}

uint64_t plan_file_size(const struct plan *plan, unsigned number) {
    uint64_t first = plan->buffer_memory < SMALL_MEMORY ? PLAN_FILE_MIN : 2 * PLAN_FILE_MIN;
    if (plan->part_size)
        first = plan->part_size;
    else if (plan->table_bytes / FILES_AIM > first)
        first = plan->table_bytes / FILES_AIM;
    return doubled(first, (number - 1) / FILES_A_DOUBLE, plan_largest(plan));
}

uint64_t plan_part_size(const struct plan *plan, unsigned number) {
    uint64_t first = plan->part_size > PLAN_PART_MIN ? plan->part_size : PLAN_PART_MIN;
    return doubled(first, (number - 1) / PARTS_A_DOUBLE, plan_largest(plan));
}

size_t plan_reserve(size_t files, size_t multiparts) {
    return 2 * (files * PLAN_FILE_MIN + multiparts * PLAN_PART_MIN);
}

unsigned plan_segments(uint64_t table_bytes) {
    uint64_t segments = table_bytes / SEGMENT_BYTES;
    return segments < 1 ? 1 : (unsigned)least(segments, SEGMENTS_MOST);
}

static bool may_close(const struct plan_pending *pending) {
    return pending->multipart ? pending->bytes >= PLAN_PART_MIN : pending->bytes >= pending->target;
}

static bool is_full(const struct plan_pending *pending) {
    return pending->bytes >= pending->target;
}

/*
 * A cut needs every output ready to close and one of them full. An output that is full while another is not ready sends a
 * part in between; a multipart one then holds 5 MiB back, because at the cut it must close with a part that S3 takes.
 */
enum plan_step plan_next(const struct plan_pending *pending, size_t count, size_t *which) {
    bool ready = true, full = false;
    for (size_t i = 0; i < count; i++) {
        ready = ready && may_close(&pending[i]);
        full = full || is_full(&pending[i]);
    }
    if (ready && full)
        return PLAN_CUT;
    for (size_t i = 0; i < count; i++) {
        uint64_t held_back = pending[i].multipart ? PLAN_PART_MIN : 0;
        if (is_full(&pending[i]) && pending[i].rest >= held_back) {
            *which = i;
            return PLAN_SPLIT;
        }
    }
    return PLAN_WAIT;
}
