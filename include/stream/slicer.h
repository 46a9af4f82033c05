/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A Scan page cut into items without a parse tree: where each item stands, where LastEvaluatedKey stands, the counts.
 * Pure. SIMD chosen at run time (AVX-512, AVX2, SSE2 or NEON), and a portable twin that gives the same on every input.
 *
 * What it checks: members, strings and brackets are well-formed and at most 96 deep, Items and Count are there, none that we
 * know is there twice, each item is an object that is not empty, Count is the number of items, nothing but white space
 * follows, and all of it is UTF-8. Members may come in any order; unknown ones are skipped. Inside an item it looks at
 * brackets and strings' ends alone: what stands between them is the encoder's to judge; but the vectors, which see all bytes
 * anyway, tell it of a whole page whether lines can be made of it as it is (`plain`).
 */
#ifndef STREAM_SLICER_H
#define STREAM_SLICER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct span {
    uint32_t offset, length;
};

/* How often values of these types occurred, at any depth: a plain json backup restores exactly where all are zero. */
struct type_counts {
    uint64_t b, ss, ns, bs;
};

static inline void type_counts_add(struct type_counts *to, const struct type_counts *more) {
    to->b += more->b;
    to->ss += more->ss;
    to->ns += more->ns;
    to->bs += more->bs;
}

/* Zero-initialised before the first use; the memory is used again by the next page_slice(). */
struct page_index {
    struct span *items;
    size_t count, capacity;
    size_t length;          /* of the page: what an encoder may read */
    struct span last_key;   /* the object of LastEvaluatedKey, byte for byte; length 0: the segment's last page */
    uint64_t scanned_count; /* ScannedCount; the items' number where not sent */
    double read_units;      /* ConsumedCapacity.CapacityUnits, 0 where not sent */
    bool plain; /* no item holds a control character, and `types` is known. False: not so, or not known: where a scan
                 * had doubt (a blank at a type, more than 60 brackets open) or does not look */
    struct type_counts types; /* of all items, where `plain` */
};

/* False with ERROR_CORRUPT: at which byte, what was expected. `bytes` at most PAGE_MAX. */
bool page_slice(struct page_index *index, const char *bytes, size_t length, struct error *error);
void page_index_fini(struct page_index *index);

/* For tests and the bench: by name "avx512", "avx2", "sse2", "neon", "portable" (which leaves it at `plain` false); false
 * where this machine has it not. */
bool page_slice_by(const char *implementation, struct page_index *index, const char *bytes, size_t length,
                   struct error *error);
const char *page_slice_implementation(void); /* the one page_slice() uses */

#endif
