/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When a job runs: an expression and a zone in, instants out. Pure: no clock, no TZ variable, no localtime.
 *
 * Five fields as cron(5) has them, or six with seconds first; names, lists, ranges, steps; @hourly @daily @midnight @weekly
 * @monthly @yearly @annually. Where day-of-month and day-of-week are both restricted either may match (Vixie cron).
 */
#ifndef SCHEDULE_SCHEDULE_H
#define SCHEDULE_SCHEDULE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "schedule/zone.h"

struct schedule;

/* ERROR_INVALID says which field, what was found and what is accepted. The caller frees. */
struct schedule *schedule_parse(const char *text, struct error *error);
void schedule_free(struct schedule *schedule);

/* The expression as it was written. Borrowed. */
const char *schedule_text(const struct schedule *schedule);

/*
 * The first instant after `after` (both in seconds since 1970). False where there is none within 50 years ("30 Feb").
 * Daylight saving, as Debian's cron does it: a fixed time within a skipped hour runs at the first instant after the gap,
 * once; one within a repeated hour runs at the first of the two. A schedule whose hour is not fixed (a star, a step over a
 * star) goes by what clocks show: it runs in both, and a time that is skipped does not exist.
 */
bool schedule_next(const struct schedule *schedule, const struct zone *zone, int64_t after, int64_t *next);

/* Several add up; none at all never comes. Zero-initialised before the first. */
struct schedule_list {
    struct schedule **items;
    size_t count;
};
void schedule_list_take(struct schedule_list *list, struct schedule *schedule);
void schedule_list_fini(struct schedule_list *list);

/* The earliest of all: as schedule_next(). */
bool schedule_list_next(const struct schedule_list *list, const struct zone *zone, int64_t after, int64_t *next);

#endif
