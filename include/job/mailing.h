/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The mail about a run, until it is sent or a day is over. Apart from the backup's story: a mail that cannot be sent never
 * makes a good backup bad. Each try signs its links anew.
 */
#ifndef JOB_MAILING_H
#define JOB_MAILING_H

#include "config/config.h"
#include "job/backup.h"
#include "job/engine.h"

/* Each is called from the loop. After sent() or given_up() the mailing is gone. */
struct mailing_events {
    void (*sent)(void *arg, const char *message_id, bool link_cut_short);
    void (*failed)(void *arg, const struct error *error, int64_t next_ms); /* tried again in so many ms */
    void (*given_up)(void *arg, const struct error *error);
    void *arg;
};

struct mailing;

/* Does this job want a mail about such an outcome? */
bool mailing_wanted(const struct job_config *job, enum run_outcome outcome);

/* Engine and config are referenced; what is needed of `result` is copied. `since`: the first try's time, ms since 1970, where
 * an earlier process has tried already; 0: this is the first. */
struct mailing_order {
    struct engine *engine;
    struct config *config;
    const struct job_config *job;
    const struct run_result *result;
    int64_t since;
};
struct mailing *mailing_start(const struct mailing_order *order, const struct mailing_events *events);

/* No event comes any more. NULL is fine. */
void mailing_free(struct mailing *mailing);

#endif
