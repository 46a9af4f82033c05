/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Alarms at instants of the wall clock: ten thousand of them on one timerfd, without a wake-up between two. Notices when
 * the clock is set (TFD_TIMER_CANCEL_ON_SET) and when the host slept, and looks at all alarms anew.
 */
#ifndef SCHEDULE_ALARM_H
#define SCHEDULE_ALARM_H

#include <stdint.h>
#include <uv.h>

#include "base/error.h"

struct alarm_queue;
struct alarm;

struct alarm_queue *alarm_queue_new(uv_loop_t *loop, struct error *error);
void alarm_queue_free(
    struct alarm_queue *queue); /* alarms must be gone; memory goes when the loop has closed its handle */

/* `clock_set` is called from the loop when the clock has been set, after those that are due then have rung: what was set for an instant that
 * was computed by the clock as it was is to be set anew. (Noticed while an alarm is set.) NULL: nobody is told. */
void alarm_queue_on_clock_set(struct alarm_queue *queue, void (*clock_set)(void *arg), void *arg);

/*
 * `ring` is called from the loop at or after `at` (ms since 1970), once; never from inside alarm_set(). The clock was set back:
 * it waits for its instant. One that is due already rings at the next turn of the loop.
 */
typedef void alarm_ring(void *arg, int64_t at);
struct alarm *alarm_set(struct alarm_queue *queue, int64_t at, alarm_ring *ring, void *arg);

/* It will not ring, and is gone. An alarm that has rung is gone by itself. */
void alarm_cancel(struct alarm *alarm);

#endif
