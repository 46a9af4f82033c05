/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Create-only objects, settled: a 412, or an answer that was lost after the server had committed, is decided by asking what
 * exists. x-amz-meta-run says whose it is. (Some stores ignore If-None-Match, some refuse it: never relied on alone.)
 */
#ifndef JOB_SETTLE_H
#define JOB_SETTLE_H

#include "aws/s3.h"

/* Exactly one of `etag` (without quotes) and `error` is given; both borrowed. */
typedef void settle_done(void *arg, const char *etag, const struct error *error);

struct settle;

/* PutObject with If-None-Match: *. put->run must be set; all that `put` points to lives until the end. */
struct settle *settle_put(const struct s3_bucket *bucket, const struct s3_put *put, settle_done *done, void *arg);

/* The same in a process that has taken a run up: what stands there of that run may be what the process before it had sent, and
 * is replaced. */
struct settle *settle_put_again(const struct s3_bucket *bucket, const struct s3_put *put, settle_done *done, void *arg);

/* CompleteMultipartUpload; the upload was created with x-amz-meta-run of `run`. Where no such upload exists any more, the
 * object of that run is the success. */
struct settle *settle_complete(const struct s3_bucket *bucket, const struct s3_complete *complete, const char *run,
                               settle_done *done, void *arg);

void settle_cancel(struct settle *settle);

#endif
