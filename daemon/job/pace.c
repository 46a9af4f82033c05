/* SPDX-License-Identifier: Apache-2.0 */
/* Additive increase, multiplicative decrease for the calls in flight; an allowance for the units. */
#include "job/pace.h"

#include "base/clock.h"

#define FIRST_AT_ONCE 4u
#define MOST_AT_ONCE  32u
#define CALLS_A_STEP  2               /* calls for each one in flight, without a throttle, before one more is added */
#define CALM_MS       (1 * SECOND_MS) /* one burst of throttles halves once */

void pace_init(struct write_pace *pace, double units_a_second, int64_t now) {
    *pace = (struct write_pace){.at_once = FIRST_AT_ONCE, .last_halved = now - CALM_MS};
    allowance_init(&pace->allowance, units_a_second, now);
}

double pace_estimate(size_t length) {
    size_t units = (length + 1023) / 1024; /* a write unit is a KB, and any part of one */
    return (double)units;
}

bool pace_fits(const struct write_pace *pace, double units) {
    return pace->allowance.rate <= 0 || units <= pace->allowance.rate;
}

int64_t pace_wait(struct write_pace *pace, int64_t now) {
    return allowance_wait(&pace->allowance, now);
}

void pace_reserve(struct write_pace *pace, double units) {
    allowance_reserve(&pace->allowance, units);
}

void pace_spend(struct write_pace *pace, double reserved, double units) {
    allowance_spend(&pace->allowance, reserved, units);
}

void pace_throttled(struct write_pace *pace, int64_t now) {
    pace->calls_since_change = 0;
    if (now - pace->last_halved < CALM_MS)
        return;
    pace->last_halved = now;
    pace->at_once = pace->at_once > 1 ? pace->at_once / 2 : 1;
}

void pace_succeeded(struct write_pace *pace) {
    if (++pace->calls_since_change < pace->at_once * CALLS_A_STEP || pace->at_once >= MOST_AT_ONCE)
        return;
    pace->at_once++;
    pace->calls_since_change = 0;
}
