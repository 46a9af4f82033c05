/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A cron expression as sets of bits, and the local times that it names. No zone here: "local" is what a wall clock shows, in
 * seconds as civil_seconds() counts them. schedule.c turns them into instants.
 */
#ifndef SCHEDULE_CRON_H
#define SCHEDULE_CRON_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

/* Bit n stands for the value n; weekdays 0 Sunday ... 6 Saturday. */
struct cron {
    uint64_t seconds, minutes, hours, days, months, weekdays;
    bool every_hour;               /* the hour begins with a star: not fixed */
    bool days_open, weekdays_open; /* begins with a star: then both must match, else either may */
};

/* ERROR_INVALID, as schedule_parse(). */
bool cron_parse(const char *text, struct cron *cron, struct error *error);

/* The first local time in [from, until) that the expression names. */
bool cron_next(const struct cron *cron, int64_t from, int64_t until, int64_t *local);

#endif
