/* SPDX-License-Identifier: Apache-2.0 */
/* What systemd hears: sd_notify(3). Does nothing where NOTIFY_SOCKET is not set. Thread: the loop's. */
#ifndef REPORT_NOTIFY_H
#define REPORT_NOTIFY_H

#include <uv.h>

/* READY=1, with a status line where one is given: at start, and after each reload, good or bad (it ends RELOADING). */
void notify_ready(const char *status);

/* The line of `systemctl status`; cleaned and cut to 200 bytes. */
void notify_status(const char *format, ...) __attribute__((format(printf, 1, 2)));
void notify_reloading(void); /* RELOADING=1 and MONOTONIC_USEC= in one message */
void notify_stopping(void);

/*
 * Pings at half of WATCHDOG_USEC. A timer of the loop says that a ping is due, a check handle, which runs only after the loop
 * has polled, sends it: a loop that is stuck in a callback, or that no longer reaches its poll, starves it. The first ping
 * goes at the loop's first turn. NULL where no watchdog is asked for. Does not keep the loop alive.
 */
struct watchdog;
struct watchdog *watchdog_new(uv_loop_t *loop);
void watchdog_free(struct watchdog *watchdog); /* NULL is fine; the memory goes when the loop has closed its handles */

#endif
