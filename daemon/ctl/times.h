/* SPDX-License-Identifier: Apache-2.0 */
/* Times that a person writes, and times in JSON. Pure. */
#ifndef CTL_TIMES_H
#define CTL_TIMES_H

#include <json-c/json.h>

#include "base/error.h"
#include "schedule/zone.h"

/* "2026-11-20T02:00:00Z", or with an offset; "2026-11-20", "2026-11-20 02:00", "2026-11-20T02:00:00" as clocks of `zone` show it.
 * Seconds since 1970. ERROR_INVALID. */
bool times_parse(const char *text, const struct zone *zone, int64_t *seconds, struct error *error);

/* Appends the ISO form, UTC. */
void times_add_json(struct json_object *array, int64_t seconds);

#endif
