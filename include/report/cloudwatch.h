/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The journal's events of a job, copied to a CloudWatch Logs stream: in batches within PutLogEvents' limits, group and stream
 * made when missing, a bounded buffer (report/logbook.h). An outage or a denial never slows or fails a backup and is said once.
 *
 * Each event is one JSON line, which Logs Insights reads field by field:
 *     {"level":"info","event":"run-succeeded","message":"...","job":"...","run":"...","table":"...","items":1000,...}
 */
#ifndef REPORT_CLOUDWATCH_H
#define REPORT_CLOUDWATCH_H

#include <json-c/json.h>

#include "aws/client.h"
#include "report/event.h"

struct cloudwatch_options {
    const char *group, *stream; /* copied; ':' and '*' of the stream, which AWS refuses, become '-' */
    const char *job;            /* copied; events of this job alone */
    int retention_days;         /* PutRetentionPolicy once, when the group is made or first written to; 0: untouched */
    int64_t flush_after_ms;     /* from the first event to the call; 0: 1 s */
};

/* What PutLogEvents says of events that it took and dropped, as a sentence; NULL where it dropped none. Pure. */
const char *cloudwatch_dropped(const struct json_object *answer);

struct cloudwatch;

/* `session` (region, credentials) and `reporter` are borrowed and outlive it. Listens from now on. */
struct cloudwatch *cloudwatch_new(struct aws_session *session, struct reporter *reporter,
                                  const struct cloudwatch_options *options);

/*
 * Sends what is held, then calls `done` (once, from the loop, never from inside this call): at a stop. Gives up at the first
 * failure, and after `limit_ms`. Called at most once; cloudwatch_free() may come before `done`, which then never fires.
 */
void cloudwatch_drain(struct cloudwatch *cw, int64_t limit_ms, void (*done)(void *arg), void *arg);

/* Cancels what is under way; allowed from `done`. The memory goes when the loop has closed its handles. */
void cloudwatch_free(struct cloudwatch *cw);

#endif
