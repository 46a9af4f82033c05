/* SPDX-License-Identifier: Apache-2.0 */
/* A job's bucket, ready to be asked: region found, credentials and session of the destination. Listing, links and reading begin here. */
#ifndef JOB_PLACE_H
#define JOB_PLACE_H

#include "aws/s3.h"
#include "config/config.h"
#include "job/engine.h"

struct place {
    struct engine *engine;
    struct config *config;
    const struct job_config *job;
    struct credential_provider *provider;
    struct s3_bucket bucket;
    struct aws_patience patience;
    struct region_lookup *lookup;
    void (*ready)(void *arg, const struct error *error);
    void *arg;
    uv_timer_t soon;
};

/* References engine and config. ready() comes once, never from inside this call; with an error only place_close() may follow. */
struct place *place_open(struct engine *engine, struct config *config, const struct job_config *job,
                         void (*ready)(void *arg, const struct error *error), void *arg);

/* The same for long work: its requests are given up as a run's are, when none of them has succeeded for the job's RetryFor. */
struct place *place_open_patient(struct engine *engine, struct config *config, const struct job_config *job,
                                 void (*ready)(void *arg, const struct error *error), void *arg);

/* Calls on its bucket must have ended or been cancelled. At any time; NULL is fine. */
void place_close(struct place *place);

#endif
