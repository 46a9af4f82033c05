/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A job's settings as one text that outlives the configuration they came from: an interrupted run is resumed, or taken back, under
 * the settings that it was started with, whatever the files say by then. Sources, profiles and roles stand in it by name;
 * no secret does.
 *
 *     {"Endpoints":{"S3":["http://127.0.0.1:9000"]},"Job":{"Table":["studentData"],"Schedule":["0 2 * * *","@weekly"]},...}
 */
#ifndef CONFIG_SAVE_H
#define CONFIG_SAVE_H

#include "config/config.h"

/* `job` is one of `config`'s. The caller frees. */
char *config_save_job(const struct config *config, const struct job_config *job);

/*
 * A configuration with that one job under `name`, and the endpoints of then; what else belongs to the process (BufferMemory=, Proxy=,
 * CaBundle=, ...) is `current`'s. One reference is the caller's. NULL with ERROR_INVALID where this version does not take a
 * setting any more.
 */
struct config *config_restore_job(const char *saved, const char *name, const struct config *current,
                                  struct error *error);

#endif
