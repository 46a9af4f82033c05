/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pace of writing into a table: how many calls at once, as the throttles have it, and how many write units a second where a person
 * set a limit (job/allowance.h). Pure, with time as an argument (monotonic, ms).
 */
#ifndef JOB_PACE_H
#define JOB_PACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "job/allowance.h"

struct write_pace {
    unsigned at_once; /* calls that may be in flight */
    unsigned calls_since_change;
    int64_t last_halved;
    struct allowance allowance;
};

void pace_init(struct write_pace *pace, double units_a_second, int64_t now);

/* Write units that an item of so many bytes of JSON takes at most: one a KB, begun ones count. */
double pace_estimate(size_t length);

/* May one call take so many units? One of a single item always may. */
bool pace_fits(const struct write_pace *pace, double units);

/* Milliseconds until the next call may go; 0: now. */
int64_t pace_wait(struct write_pace *pace, int64_t now);

void pace_reserve(struct write_pace *pace, double units);
void pace_spend(struct write_pace *pace, double reserved,
                double units); /* gives the reservation back, takes the units */

/* A throttle, or items given back: half as many at once, once a second at most. Calls without: slowly more. */
void pace_throttled(struct write_pace *pace, int64_t now);
void pace_succeeded(struct write_pace *pace);

#endif
