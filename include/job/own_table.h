/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ARN of a job's own table, by which its backups are told from those that a job of the same name makes of another region's or
 * account's table. DynamoDB says it; where it does not (gone, not allowed, not to be reached), the job's last run in our history.
 */
#ifndef JOB_OWN_TABLE_H
#define JOB_OWN_TABLE_H

#include "job/engine.h"

/* `arn` is borrowed until it returns; NULL: nobody knows. */
typedef void own_table_done(void *arg, const char *arn);

struct own_table;

/* References the engine; `job`, whose Table= is a name, outlives it; `region` (copied) is where the table is. `done` fires once, never from
 * inside. */
struct own_table *own_table_start(struct engine *engine, const struct job_config *job, const char *region,
                                  own_table_done *done, void *arg);

/* Nothing else is waited for now: a DynamoDB that does not answer soon is done without. `done` does not fire from inside. */
void own_table_hurry(struct own_table *own);

void own_table_cancel(struct own_table *own); /* NULL is fine */

#endif
