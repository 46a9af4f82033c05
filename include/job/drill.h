/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The story of one drill: the newest backup of a job is restored into a scratch table, which is scanned back; the number of items and
 * an order-independent digest of them must be the same on the way in and on the way out, and the backup's own, where it recorded one.
 * The scratch table is deleted whatever happens.
 */
#ifndef JOB_DRILL_H
#define JOB_DRILL_H

#include "config/config.h"
#include "job/backup.h"
#include "job/engine.h"
#include "state/scratch.h"
#include "state/state.h"

/* Engine and config are referenced; `job` is one of `config`'s. */
struct drill_order {
    struct engine *engine;
    struct config *config;
    const struct job_config *job;
    struct state *state; /* borrowed, outlives the drill: where the scratch table's name stands before it is made */
    const unsigned char *identity; /* 16 random bytes: the run's id, copied */
};

struct drill_progress {
    const char *state; /* "find", "make", "fill", "scan", ...: constant */
    uint64_t items_written, items_read, items_total /* 0: not known yet */;
    int64_t started; /* ms since 1970 */
};

/* `kind` is RUN_DRILL; `id` and `uri` are the backup's, `items` what was compared. What is taken out of `result` must be emptied
 * there. The drill is gone when it returns. */
typedef void drill_done(void *arg, struct run_result *result);

struct drill;

/* `done` fires once, never from inside this call. */
struct drill *drill_start(const struct drill_order *order, drill_done *done, void *arg);

struct drill_progress drill_progress(const struct drill *drill);

/* The scratch table that could not be deleted, and stands in the state; NULL: none. To be asked inside `done`. */
const struct scratch_table *drill_left(const struct drill *drill);

/* Ends the drill and deletes its table; `done` follows with RUN_CANCELLED. `why`: "cancelled by root", "the daemon stops". */
void drill_cancel(struct drill *drill, const char *why);

/* Drops everything at once: no request, no `done`. The table stays, and stands in the state: the next start deletes it. */
void drill_free(struct drill *drill);

#endif
