/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Is any object of a backup under S3's object lock, by retention or by a legal hold? A DELETE would not fail on it: it would hide
 * the object behind a delete marker, where it goes on to cost and is no backup any more.
 */
#ifndef JOB_LOCK_CHECK_H
#define JOB_LOCK_CHECK_H

#include "aws/s3.h"
#include "job/naming.h"

/* `locked` (borrowed): which object, and how long: "object lock (COMPLIANCE until 2026-12-01T00:00:00Z) on s3://b/k"; NULL: none is.
 * With an error nothing is known. */
typedef void lock_check_done(void *arg, const char *locked, const struct error *error);

struct lock_check;

/* `bucket` and `names` outlive it. `now` in seconds since 1970, by the store's clock. `done` is never called from inside. */
struct lock_check *lock_check_start(const struct s3_bucket *bucket, const struct backup_names *names, int64_t now,
                                    lock_check_done *done, void *arg);
void lock_check_cancel(struct lock_check *check); /* NULL is fine */

/* What the headers of a HEAD or GET say; NULL: no lock that still holds. The caller frees. */
char *lock_words(const struct http_answer *answer, int64_t now);

#endif
