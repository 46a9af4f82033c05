/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs that are over, and of which not all could be taken back: the network was away for longer than RetryFor=. Their uploads would be
 * nobody's, and cost money for ever. Their rows stay in the state until the rest has gone too; it is tried again for as long as the
 * process lives, and by the next one.
 */
#ifndef JOB_REMAINS_H
#define JOB_REMAINS_H

#include "job/backup.h"

struct remains;

/* `state` outlives it, and hears of each that has gone; `written` of how that went. */
struct remains *remains_new(struct state *state, state_done *written, void *arg);

/* What is under way is dropped; what is not gone yet still stands in the state. NULL is fine. */
void remains_free(struct remains *remains);

/* Is there something of this run that may go when it is tried again? (Not where a person must do something first.) */
bool remains_of(const struct run_result *result);

/* Engine and config are referenced: the run's own, of one job or whose jobs hold `job`. The rest is copied. */
struct remains_order {
    const char *run, *table;
    struct engine *engine;
    struct config *config;
    const struct job_config *job;
    bool at_once; /* else after a while: it has just been tried */
};
void remains_add(struct remains *remains, const struct remains_order *order);

#endif
