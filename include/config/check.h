/* SPDX-License-Identifier: Apache-2.0 */
/* What no key can say of itself: keys that need one another, or must agree. Pure. */
#ifndef CONFIG_CHECK_H
#define CONFIG_CHECK_H

#include "config/config.h"
#include "config/settings.h"

/* A job whose keys have all been read, and where they stand. All borrowed. */
struct config_check {
    const struct config *config; /* [Daemon], [Endpoints] */
    const struct job_config *job;
    const struct config_settings *own, *defaults; /* the job's file, the main file */
    struct config_problems *problems;
};

void config_check_job(const struct config_check *check);

/* The least BufferMemory with which this job can run: two smallest parts an output, and the pages' own. In bytes. */
uint64_t config_job_memory(const struct job_config *job);

#endif
