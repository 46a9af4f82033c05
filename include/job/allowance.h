/* SPDX-License-Identifier: Apache-2.0 */
/*
 * So many capacity units a second, for requests whose cost only their answers tell. Pure, with time as an argument (monotonic, ms).
 *
 * A bucket that holds a second's worth. A request may go while the bucket is not empty, and may empty it deeper than it is full: the
 * debt is waited for. What requests in flight will take is reserved by estimate until their answers tell it: of several at once
 * only the error of their estimates can go too far, and that is paid back too.
 */
#ifndef JOB_ALLOWANCE_H
#define JOB_ALLOWANCE_H

#include <stdint.h>

struct allowance {
    double rate;            /* units a second; 0: no limit */
    double units, reserved; /* in the bucket, below 0 a debt; spoken for */
    int64_t at;             /* when `units` was true */
};

void allowance_init(struct allowance *allowance, double units_a_second, int64_t now); /* full */

/* Milliseconds until the next request may go; 0: now. */
int64_t allowance_wait(struct allowance *allowance, int64_t now);

void allowance_reserve(struct allowance *allowance, double units);
void allowance_spend(struct allowance *allowance, double reserved,
                     double units); /* gives the reservation back, takes the units */

#endif
