/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The journal's events of a job, copied to a CloudWatch Logs stream: in batches within PutLogEvents' limits, group and stream
 * made when missing, a bounded buffer. An outage or a denial never slows or fails a backup and is said once.
 */
#ifndef REPORT_CLOUDWATCH_H
#define REPORT_CLOUDWATCH_H

#include "aws/client.h"
#include "report/event.h"

struct cloudwatch_options {
    const char *group, *stream; /* copied */
    const char *job;            /* events of this job alone */
    int retention_days;         /* set on a group that we make, or have not yet looked at; 0: untouched */
    int64_t flush_after_ms;     /* 0: 1 s after the first event */
};

struct cloudwatch;

/* `session` (region, credentials) and `reporter` are borrowed and outlive it. */
struct cloudwatch *cloudwatch_new(struct aws_session *session, struct reporter *reporter,
                                  const struct cloudwatch_options *options);

/* Sends what is held, then calls `done` (once, from the loop): at a stop. `limit_ms` at most. */
void cloudwatch_drain(struct cloudwatch *cloudwatch, int64_t limit_ms, void (*done)(void *arg), void *arg);
void cloudwatch_free(struct cloudwatch *cloudwatch);

#endif
