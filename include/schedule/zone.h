/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Time zones out of the system's own TZif files (RFC 8536), with the POSIX TZ rule of their footer for the years after
 * their tables. libc's localtime knows one zone a process and is no choice for a daemon with a zone a job.
 */
#ifndef SCHEDULE_ZONE_H
#define SCHEDULE_ZONE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/error.h"

struct zone;

/* Pure: the bytes of a TZif file. ERROR_CORRUPT. One reference is the caller's. */
struct zone *zone_parse(const char *name, const char *bytes, size_t length, struct error *error);

/* Reads /usr/share/zoneinfo/NAME (or $TZDIR): blocking, for start-up and worker threads. "UTC" always works, without a
 * file. ERROR_INVALID where there is none of that name, with the nearest; "..", absolute paths are refused. */
struct zone *zone_load(const char *name, struct error *error);
struct zone *zone_ref(const struct zone *zone); /* thread-safe */
void zone_unref(struct zone *zone);

const char *zone_name(const struct zone *zone);

/* Seconds east of UTC at an instant; *abbreviation (may be NULL) is borrowed: "+07", "CEST". */
int32_t zone_offset(const struct zone *zone, int64_t utc, const char **abbreviation);

/*
 * The instants at which clocks of the zone show `local` (as civil_seconds()): 1 normally, 2 in a repeated hour (earlier
 * one first), 0 in a skipped hour, and then instants[0] is the first instant after the gap.
 */
int zone_instants(const struct zone *zone, int64_t local, int64_t instants[2]);

/* "2025-07-06 09:00:00 +07", as `next` prints it. */
void zone_format(const struct zone *zone, int64_t utc, struct buffer *out);

#endif
