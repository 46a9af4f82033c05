/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Takes a run back: aborts its uploads and deletes its objects, backup.json first (where that fails, no other), `_started` last. Knows what to delete from the run's names
 * alone, by asking what exists: it needs no memory of how far the run had come.
 */
#ifndef JOB_UNDO_H
#define JOB_UNDO_H

#include "aws/s3.h"
#include "job/naming.h"

/* `error`: the first thing that could not be removed, NULL where all is gone. What is left begins with names->root. */
typedef void undo_done(void *arg, const struct error *error);

struct undo;

/* `bucket` and `names` outlive it. Uploads are aborted under the very keys that the names give, none else. */
struct undo *undo_start(const struct s3_bucket *bucket, const struct backup_names *names, undo_done *done, void *arg);

/* Uploads whose ids are known are aborted first, whether or not the store would list them: to be called before the loop turns. */
void undo_add_upload(struct undo *undo, const char *key, const char *id);

/* Only the uploads: one that was created without our hearing of it stays behind a run that succeeded. `names` as above. */
struct undo *undo_uploads_start(const struct s3_bucket *bucket, const struct backup_names *names, undo_done *done,
                                void *arg);

/*
 * A backup that stood, or what is left of one: its backup.json, and only where that has gone all the rest. No upload is touched.
 * `refused` hears of each object that the store would not delete; `_started` then stays. */
typedef void undo_refused(void *arg, const char *key, const char *why);
struct undo *undo_backup_start(const struct s3_bucket *bucket, const struct backup_names *names, undo_refused *refused,
                               undo_done *done, void *arg);

void undo_cancel(struct undo *undo); /* NULL is fine */

#endif
