/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the environment says where the files say nothing: systemd's directories, and the SDKs' variables for endpoints and
 * certificates (AWS SDKs and Tools Reference Guide, "Service-specific endpoints"). Pure: getenv(3) is an argument.
 */
#ifndef CONFIG_ENVIRONMENT_H
#define CONFIG_ENVIRONMENT_H

#include "config/config.h"

/* Fills what is still NULL of directories, endpoints and ca_bundle. An empty variable counts as none. */
void config_environment_apply(struct config *config, config_getenv *environment, struct config_problems *problems);

#endif
