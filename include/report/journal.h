/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The thread that writes: entries made of NAME=value fields go through a bounded queue to journald, or to stderr as one
 * <level> line each (to a person's: a line with words). Where the other end hangs, the queue fills, what does not fit is dropped and counted, and the count is
 * written as soon as the end takes entries again. For report/event.c; the rooms above use report/event.h.
 */
#ifndef REPORT_JOURNAL_H
#define REPORT_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "base/buffer.h"

#define JOURNAL_QUEUE_ENTRIES 4096
#define JOURNAL_QUEUE_BYTES   ((size_t)1 << 20)
#define JOURNAL_FIELDS        16

/* Writes one entry; called from the journal's thread alone, may block. */
typedef void journal_write(void *arg, const struct iovec *fields, size_t count);

journal_write journal_write_sd;    /* sd_journal_sendv(3) */
journal_write journal_write_line;  /* `arg`: a pointer to the file descriptor; NULL: stderr */
journal_write journal_write_words; /* the same for a person: no <level>, but a word for it */

struct journal;

/* `lost_id`: the MESSAGE_ID of the entry that counts the dropped ones; borrowed for good, as `arg` is until the thread ends
 * (with journal_free(), or later where that gave up waiting). */
struct journal *journal_new(journal_write *write, void *arg, const char *lost_id);

/* Waits until all is written, at most `wait_ms`; a thread that still hangs is left behind and cleans up after itself. */
void journal_free(struct journal *journal, int64_t wait_ms);

/* Copies; never blocks. False: the queue is full, the entry is dropped and counted. At most JOURNAL_FIELDS fields. */
bool journal_put(struct journal *journal, const struct iovec *fields, size_t count);

/* "<6>studentData: backup succeeded (RUN_ID=...)\n" out of the fields, appended. Pure. */
void journal_line(struct buffer *out, const struct iovec *fields, size_t count);

/* "error: studentData: backup failed (RUN_ID=...)\n"; "warning: ", "debug: ", or no such word where all is well. Pure. */
void journal_words(struct buffer *out, const struct iovec *fields, size_t count);

#endif
