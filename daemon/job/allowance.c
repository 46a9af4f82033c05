/* SPDX-License-Identifier: Apache-2.0 */
/* A token bucket that may be in debt. */
#include "job/allowance.h"

#include "base/clock.h"

void allowance_init(struct allowance *allowance, double units_a_second, int64_t now) {
    *allowance = (struct allowance){.rate = units_a_second, .units = units_a_second, .at = now};
}

int64_t allowance_wait(struct allowance *allowance, int64_t now) {
    if (allowance->rate <= 0)
        return 0;
    /* what is spoken for is as good as gone: it must not keep a full bucket from filling */
    double most = allowance->rate + allowance->reserved;
    allowance->units += allowance->rate * (double)(now - allowance->at) / (double)SECOND_MS;
    allowance->at = now;
    if (allowance->units > most)
        allowance->units = most;
    double left = allowance->units - allowance->reserved;
    if (left > 0)
        return 0;
    return 1 + (int64_t)(-left / allowance->rate * (double)SECOND_MS);
}

void allowance_reserve(struct allowance *allowance, double units) {
    allowance->reserved += units;
}

void allowance_spend(struct allowance *allowance, double reserved, double units) {
    allowance->reserved -= reserved;
    allowance->units -= units;
}
