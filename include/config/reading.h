/* SPDX-License-Identifier: Apache-2.0 */
/* One assignment's value into its slot: a function a kind. Pure but for time zones, which are loaded once a reader. */
#ifndef CONFIG_READING_H
#define CONFIG_READING_H

#include "base/error.h"
#include "config/keys.h"
#include "schedule/zone.h"

/* Zones that jobs share: ten thousand of them load one file. */
struct config_zones {
    struct zone **items;
    size_t count;
};
void config_zones_fini(struct config_zones *zones);

/*
 * Reads `value` into `base` (struct config or struct job_config) as `key` says. Kinds that repeat are called once an
 * assignment and add to what is there. False with ERROR_INVALID: what was found, what is accepted.
 */
bool config_read_value(const struct config_key *key, const char *value, void *base, struct config_zones *zones,
                       struct error *error);

#endif
