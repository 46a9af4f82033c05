/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Events on their way to CloudWatch Logs: a bounded queue, and batches within PutLogEvents' limits out of it. Pure. For
 * report/cloudwatch.c.
 */
#ifndef REPORT_LOGBOOK_H
#define REPORT_LOGBOOK_H

#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/buffer.h"
#include "report/event.h"

/* What is held while CloudWatch cannot be reached; past it the oldest events go, and are counted. */
#define LOGBOOK_BYTES ((size_t)1 << 20)

/* PutLogEvents' limits (API reference): a call's events and bytes, the bytes that each event counts beyond its own, and the
 * time from the first to the last. */
#define LOGBOOK_BATCH_EVENTS   10000
#define LOGBOOK_BATCH_BYTES    ((size_t)1048576)
#define LOGBOOK_EVENT_OVERHEAD 26
#define LOGBOOK_BATCH_SPAN_MS  ((int64_t)24 * 3600 * 1000)

struct log_event;
TAILQ_HEAD(log_events, log_event);

struct logbook {
    char *job;
    struct log_events waiting, sending;
    size_t held;         /* bytes of `waiting`, as PutLogEvents counts them */
    uint64_t lost;       /* dropped, and not yet told of in the stream */
    uint64_t lost_total; /* dropped since the caller last set it to 0 */
};

/* `job` is copied: its name is in the line that tells of lost events. */
void logbook_init(struct logbook *book, const char *job);
void logbook_fini(struct logbook *book);

/* {"level":"info","event":"run-succeeded","message":TEXT,...}; the caller frees. `text` is clean (event_text()). */
char *logbook_line(const struct event *event, const char *text);

/* Takes `line`. `time` in ms since 1970. The oldest go where the book is full. */
void logbook_add(struct logbook *book, int64_t time, char *line);

/* Makes a batch of the oldest, as many as one call takes, and says how many. Where events were lost, the first says so. The
 * batch before must have been sent, put back or dropped. */
size_t logbook_take(struct logbook *book);

/* The batch as JSON, in order of time: [{"timestamp":1,"message":"..."}]. */
void logbook_write(const struct logbook *book, struct buffer *out);

void logbook_sent(struct logbook *book);     /* the batch is gone for good */
void logbook_put_back(struct logbook *book); /* to the front of the queue */
void logbook_drop(struct logbook *book);     /* the batch is lost, and counted */

#endif
