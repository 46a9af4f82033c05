/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which backups something of this process works on now: who restores, verifies or drills one holds it while it reads, and what is
 * held is not pruned; what is being pruned is not read. And which tables a restore has alone. One set a process, on the loop's thread;
 * job/reading.h tells other processes too.
 */
#ifndef JOB_IN_USE_H
#define JOB_IN_USE_H

#include <stdbool.h>

#include "job/naming.h"

/* What is held is named by its address: of a backup as backup_names.uri has it, "s3://BUCKET/PREFIXAWSDynamoDB/ID/"; of one object
 * "s3://BUCKET/KEY". Where one begins with the other, the one is of the other. */
struct in_use;

struct in_use *in_use_new(void);
void in_use_free(struct in_use *set); /* whatever is still held; NULL is fine */

/* Holds the backup for reading. `by` says who, as in "the restore into table copy". False where it is being pruned: read nothing.
 * As often as it was held it must be let go. A NULL set holds everything. */
bool in_use_hold(struct in_use *set, const char *uri, const char *by) __attribute__((warn_unused_result));
void in_use_let_go(struct in_use *set, const char *uri, const char *by);

/* Takes the backup's folder alone; or what a restore calls its table ("table ..."). False where somebody holds it, or removes it already. */
bool in_use_take_alone(struct in_use *set, const char *uri) __attribute__((warn_unused_result));
void in_use_give_back(struct in_use *set, const char *uri);

/* The whole of a backup, its plain objects included, which lie beside its folder: to remove it. False as above. */
bool in_use_take_backup_alone(struct in_use *set, const struct backup_names *names) __attribute__((warn_unused_result));
void in_use_give_backup_back(struct in_use *set, const struct backup_names *names);

/* Who holds any of it; as below. */
const char *in_use_backup_by(const struct in_use *set, const struct backup_names *names);

/* Who holds it: the first, borrowed until it is let go; "a prune" where it is being removed; NULL where nobody does. */
const char *in_use_by(const struct in_use *set, const char *uri);

#endif
