/* SPDX-License-Identifier: Apache-2.0 */
/* For the room alone: a job that did not come into a configuration. */
#ifndef CONFIG_FREE_H
#define CONFIG_FREE_H

#include "config/config.h"

void job_config_free(struct job_config *job);

#endif
