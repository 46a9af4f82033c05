/* SPDX-License-Identifier: Apache-2.0 */
/* What systemd hears: sd_notify(3). Does nothing where NOTIFY_SOCKET is not set. */
#ifndef REPORT_NOTIFY_H
#define REPORT_NOTIFY_H

#include <uv.h>

void notify_ready(const char *status);
void notify_status(const char *format, ...) __attribute__((format(printf, 1, 2)));
void notify_reloading(void); /* RELOADING=1 and MONOTONIC_USEC= in one message */
void notify_stopping(void);

/* Pings at half of WATCHDOG_USEC, from a timer that a check handle of the loop re-arms, so that a loop that is stuck, or that
 * only turns without serving its callbacks, starves it. NULL where no watchdog is asked for. */
struct watchdog;
struct watchdog *watchdog_new(uv_loop_t *loop);
void watchdog_free(struct watchdog *watchdog); /* NULL is fine; the memory goes when the loop has closed its handles */

#endif
