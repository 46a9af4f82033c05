/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One output of a backup into a table: the reader's batches go to the writer as they lie, and a part counts as written when it has been
 * read to its end and every item of it stands in the table.
 */
#ifndef JOB_TRANSFER_H
#define JOB_TRANSFER_H

#include "job/reader.h"
#include "job/tally.h"
#include "job/writer.h"

/* What reader and writer need; `wanted` of the reader's options is called with the events' `arg`. */
struct transfer_options {
    struct reader_options reader;
    struct writer_options writer;
    struct tally
        *tally; /* each item is counted there before it is written; borrowed for the transfer's life. NULL: none */
};

/* All called from the loop, never from inside transfer_start(). */
struct transfer_events {
    bool (*wanted)(void *arg, size_t object, size_t part); /* NULL: every part */
    void (*part)(void *arg, size_t object, size_t part);   /* stands in the table; NULL: not wanted */
    void (*ended)(void *arg, const struct error *error);   /* once; only transfer_free() may follow */
    void *arg;
};

struct transfer;
struct transfer *transfer_start(const struct transfer_options *options, const struct transfer_events *events);

/* Everything under way is dropped. Allowed from inside an event. NULL is fine. */
void transfer_free(struct transfer *transfer);

struct writer_progress transfer_progress(const struct transfer *transfer);

#endif
