/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A backup is read, or is removed: held towards whatever else works on it, in this process (job/in_use.h) and in others of this host
 * (job/reading_lock.h). The files are for a worker, so that it takes a moment.
 *
 * Where other processes cannot be told (a tool of a user who may not write into the daemon's state directory) a warning says so, and
 * the work goes on.
 */
#ifndef JOB_READING_H
#define JOB_READING_H

#include "job/engine.h"
#include "job/reading_lock.h"

struct reading;

/* Once, never from inside the start: it is held; or `by` (borrowed) says who has it, and it is not. Only reading_end() may follow. */
typedef void reading_done(void *arg, const char *by);

/* Holds the backup, or the one plain object, at `uri` for reading. `by` as in_use_hold() has it; `job` (NULL: none) is whose warning
 * it would be. Both are copied. */
struct reading *reading_start(struct engine *engine, const char *uri, const char *by, const char *job,
                              reading_done *done, void *arg);

/* Takes the whole of a backup alone: for a prune. */
struct reading *reading_start_alone(struct engine *engine, const struct backup_names *names, reading_done *done,
                                    void *arg);

/* Lets it go, held or not yet; `done` does not come any more. NULL is fine. */
void reading_end(struct reading *reading);

/* What other processes read now, for a prune that has to explain itself. The list may be taken; `unknown` (NULL: nothing is) says what could
 * not be learnt. */
struct reading_look;
typedef void reading_seen(void *arg, struct reading_list *list, const struct error *unknown);
struct reading_look *reading_look_start(struct engine *engine, reading_seen *seen, void *arg);
void reading_look_cancel(struct reading_look *look);

/* Who reads any of the backup; NULL: nobody. Borrowed from the list, which may be NULL. */
const char *reading_backup_by(const struct reading_list *list, const struct backup_names *names);

#endif
