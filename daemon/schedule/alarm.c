/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A binary heap of alarms over one timerfd that is armed for the earliest. Absolute time of the wall clock: a sleep of the host ends
 * with the alarms that came due in it. A clock that is set wakes the queue (ECANCELED): it arms itself anew, and tells whoever computed
 * instants from the clock as it was.
 */
#include "schedule/alarm.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/memory.h"

struct alarm {
    struct alarm_queue *queue;
    int64_t at;
    uint64_t number; /* order of setting: equals ring in it */
    size_t place;    /* in the heap */
    alarm_ring *ring;
    void *arg;
};

struct alarm_queue {
    int timer;
    uv_poll_t poll;
    struct alarm **heap; /* the parent of i is (i - 1) / 2, and is due no later */
    size_t count, room;
    uint64_t numbers;
    int64_t armed; /* the instant that the timer waits for, or one of those below */
    void (*clock_set)(void *arg);
    void *arg;
    bool closing;
};

#define NOT_ARMED INT64_MIN
#define UNKNOWN   (INT64_MIN + 1) /* it has fired, or was cancelled by a clock that was set */

/* The heap. */

static bool is_before(const struct alarm *a, const struct alarm *b) {
    return a->at != b->at ? a->at < b->at : a->number < b->number;
}

static void put(struct alarm_queue *queue, size_t place, struct alarm *alarm) {
    queue->heap[place] = alarm;
    alarm->place = place;
}

static void rise(struct alarm_queue *queue, struct alarm *alarm) {
    size_t place = alarm->place;
    for (; place && is_before(alarm, queue->heap[(place - 1) / 2]); place = (place - 1) / 2)
        put(queue, place, queue->heap[(place - 1) / 2]);
    put(queue, place, alarm);
}

static void sink(struct alarm_queue *queue, struct alarm *alarm) {
    size_t place = alarm->place, child;
    for (; (child = place * 2 + 1) < queue->count; place = child) {
        if (child + 1 < queue->count && is_before(queue->heap[child + 1], queue->heap[child]))
            child++;
        if (!is_before(queue->heap[child], alarm))
            break;
        put(queue, place, queue->heap[child]);
    }
    put(queue, place, alarm);
}

static void take_out(struct alarm *alarm) {
    struct alarm_queue *queue = alarm->queue;
    struct alarm *last = queue->heap[--queue->count];
    if (last == alarm)
        return;
    put(queue, alarm->place, last);
    rise(queue, last);
    sink(queue, last);
}

/* The timer. */

/* It keeps the loop alive only while an alarm is set. A time of 0 would disarm it: the least is a nanosecond. */
static void arm(struct alarm_queue *queue) {
    int64_t at = queue->count ? queue->heap[0]->at : NOT_ARMED;
    if (at == queue->armed || queue->closing)
        return;
    struct itimerspec when = {0};
    if (at > 0)
        when.it_value = (struct timespec){.tv_sec = at / SECOND_MS, .tv_nsec = at % SECOND_MS * 1000000};
    else if (queue->count)
        when.it_value.tv_nsec = 1;
    timerfd_settime(queue->timer, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &when, NULL);
    queue->armed = at;
    if (queue->count)
        uv_ref((uv_handle_t *)&queue->poll);
    else
        uv_unref((uv_handle_t *)&queue->poll);
}

/* Those that a ring sets anew wait for the next turn, though they be due: the loop turns in between. */
static void ring_due(struct alarm_queue *queue) {
    uint64_t until = queue->numbers;
    int64_t now = clock_wall();
    while (queue->count && queue->heap[0]->at <= now && queue->heap[0]->number < until) {
        struct alarm *alarm = queue->heap[0];
        alarm_ring *ring = alarm->ring;
        void *arg = alarm->arg;
        int64_t at = alarm->at;
        take_out(alarm);
        free(alarm);
        ring(arg, at);
    }
}

static void on_readable(uv_poll_t *poll, int status, int events) {
    struct alarm_queue *queue = poll->data;
    uint64_t expirations;
    (void)status; /* a timer has no errors of its own */
    (void)events;
    bool expired = read(queue->timer, &expirations, sizeof expirations) >= 0, was_set = !expired && errno == ECANCELED;
    if (!expired && !was_set)
        return;
    queue->armed = UNKNOWN;
    ring_due(queue);
    if (was_set && queue->clock_set)
        queue->clock_set(queue->arg);
    arm(queue);
}

static bool open_timer(struct alarm_queue *queue, uv_loop_t *loop, struct error *error) {
    queue->timer = timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK | TFD_CLOEXEC);
    if (queue->timer < 0) {
        error_set_errno(error, errno, "making a timer for the schedules");
        return false;
    }
    int status = uv_poll_init(loop, &queue->poll, queue->timer);
    if (status == 0 && (status = uv_poll_start(&queue->poll, UV_READABLE, on_readable)) == 0)
        return true;
    error_set(error, ERROR_SYSTEM, "watching the timer of the schedules: %s", uv_strerror(status));
    close(queue->timer);
    return false;
}

struct alarm_queue *alarm_queue_new(uv_loop_t *loop, struct error *error) {
    struct alarm_queue *queue = x_calloc(1, sizeof *queue);
    queue->armed = NOT_ARMED;
    queue->poll.data = queue;
    if (!open_timer(queue, loop, error)) {
        free(queue);
        return NULL;
    }
    uv_unref((uv_handle_t *)&queue->poll);
    return queue;
}

void alarm_queue_on_clock_set(struct alarm_queue *queue, void (*clock_set)(void *arg), void *arg) {
    queue->clock_set = clock_set;
    queue->arg = arg;
}

static void on_closed(uv_handle_t *handle) {
    struct alarm_queue *queue = handle->data;
    close(queue->timer);
    free(queue->heap);
    free(queue);
}

void alarm_queue_free(struct alarm_queue *queue) {
    if (!queue)
        return;
    queue->closing = true;
    uv_close((uv_handle_t *)&queue->poll, on_closed);
}

struct alarm *alarm_set(struct alarm_queue *queue, int64_t at, alarm_ring *ring, void *arg) {
    struct alarm *alarm = x_malloc(sizeof *alarm);
    *alarm = (struct alarm){queue, at, queue->numbers++, queue->count, ring, arg};
    if (queue->count == queue->room) {
        queue->room = queue->room ? queue->room * 2 : 16;
        queue->heap = x_realloc(queue->heap, queue->room * sizeof *queue->heap);
    }
    queue->heap[queue->count++] = alarm;
    rise(queue, alarm);
    arm(queue);
    return alarm;
}

void alarm_cancel(struct alarm *alarm) {
    struct alarm_queue *queue = alarm->queue;
    take_out(alarm);
    free(alarm);
    arm(queue);
}
