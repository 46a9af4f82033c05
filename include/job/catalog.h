/* SPDX-License-Identifier: Apache-2.0 */
/* The backups that exist in S3, from their backup.json: what `list`, `show` and `link` look at. A folder without one is none. */
#ifndef JOB_CATALOG_H
#define JOB_CATALOG_H

#include "config/config.h"
#include "job/engine.h"
#include "job/record.h"

/* Of one job, in order of ID, oldest first. Borrowed until it returns. With an error these are all that could be read: none
 * where the folder could not be listed; else a backup.json could not be read, and may be the newest. */
typedef void catalog_done(void *arg, const struct backup_summary *backups, size_t count, const struct error *error);

struct catalog;

/*
 * All below the job's Bucket and Prefix that are this job's own: by its name, and the ARN of its table (job/own_table.h). Where nobody
 * knows the ARN, those of every table of that name. References engine and config.
 */
struct catalog *catalog_start(struct engine *engine, struct config *config, const struct job_config *job,
                              catalog_done *done, void *arg);
void catalog_cancel(struct catalog *catalog); /* NULL is fine */

/* The newest, of what a catalog gave, but for such as are dated in the future or of a table in another region. NULL with ERROR_NOT_FOUND:
 * there is none; with ERROR_INVALID: nobody knows the job's table, and there are those of several in its region, or of other regions alone.
 * Pure. */
const struct backup_summary *catalog_latest(const struct backup_summary *backups, size_t count, struct error *error);

#endif
