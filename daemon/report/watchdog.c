/* SPDX-License-Identifier: Apache-2.0 */
/*
 * WATCHDOG=1, fed by the loop's own turning.
 *
 *     timer fires: a ping is due --> check handle, after the poll: ping, timer again
 *
 * A thread, or a timer that fires though nothing else does, would keep a dead daemon looking alive.
 */
#include <stdbool.h>
#include <systemd/sd-daemon.h>

#include "base/memory.h"
#include "report/notify.h"

struct watchdog {
    uv_timer_t timer;
    uv_check_t check;
    uint64_t every_ms;
    int open; /* handles not yet closed */
};

static void on_check(uv_check_t *check);

static void on_due(uv_timer_t *timer) {
    struct watchdog *watchdog = timer->data;
    uv_check_start(&watchdog->check, on_check);
    /* The check runs when the poll ends, and something must end it. (Not 0 ms: libuv 1.44 would fire it again at once.) */
    uv_timer_start(&watchdog->timer, on_due, 1, 0);
}

static void on_check(uv_check_t *check) {
    struct watchdog *watchdog = check->data;
    sd_notify(0, "WATCHDOG=1");
    uv_check_stop(check);
    uv_timer_start(&watchdog->timer, on_due, watchdog->every_ms, 0);
}

struct watchdog *watchdog_new(uv_loop_t *loop) {
    uint64_t usec;
    if (sd_watchdog_enabled(0, &usec) <= 0)
        return NULL;
    struct watchdog *watchdog = x_calloc(1, sizeof *watchdog);
    watchdog->every_ms = usec / 2000 ? usec / 2000 : 1;
    watchdog->timer.data = watchdog->check.data = watchdog;
    watchdog->open = 2;
    uv_timer_init(loop, &watchdog->timer); /* these cannot fail */
    uv_check_init(loop, &watchdog->check);
    uv_unref((uv_handle_t *)&watchdog->timer);
    uv_unref((uv_handle_t *)&watchdog->check);
    uv_timer_start(&watchdog->timer, on_due, 0, 0);
    return watchdog;
}

static void on_closed(uv_handle_t *handle) {
    struct watchdog *watchdog = handle->data;
    if (--watchdog->open == 0)
        free(watchdog);
}

void watchdog_free(struct watchdog *watchdog) {
    if (!watchdog)
        return;
    uv_close((uv_handle_t *)&watchdog->timer, on_closed);
    uv_close((uv_handle_t *)&watchdog->check, on_closed);
}
