/* SPDX-License-Identifier: Apache-2.0 */
/* Alarms on a real timer, with a clock that the test can set and a timer that then says so, as the kernel's does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/memory.h"
#include "schedule/alarm.h"

/* The linker puts these in the place of the real ones. */
int64_t __wrap_clock_wall(void);
int64_t __real_clock_wall(void);
ssize_t __wrap_read(int file, void *bytes, size_t length);
ssize_t __real_read(int file, void *bytes, size_t length);
int __wrap_timerfd_create(int clock, int flags);
int __real_timerfd_create(int clock, int flags);

static int64_t set_back;  /* ms that the clock was set back by */
static bool cancelled;    /* the next read says that the clock was set */
static unsigned wake_ups; /* reads of the timer */
static int no_timer;      /* errno of the next timerfd_create() */
static bool useless;      /* it gives a file that cannot be polled */

int64_t __wrap_clock_wall(void) {
    return __real_clock_wall() - set_back;
}

ssize_t __wrap_read(int file, void *bytes, size_t length) {
    ssize_t got = __real_read(file, bytes, length);
    wake_ups++;
    if (!cancelled)
        return got;
    cancelled = false;
    errno = ECANCELED;
    return -1;
}

int __wrap_timerfd_create(int clock, int flags) {
    errno = no_timer;
    if (useless)
        return open("/dev/null", 0);
    return no_timer ? -1 : __real_timerfd_create(clock, flags);
}

struct world {
    uv_loop_t loop;
    struct alarm_queue *queue;
};

static int set_up(void **state) {
    struct world *world = x_calloc(1, sizeof *world);
    uv_loop_init(&world->loop);
    world->queue = alarm_queue_new(&world->loop, NULL);
    wake_ups = 0;
    *state = world;
    return world->queue ? 0 : -1;
}

static int tear_down(void **state) {
    struct world *world = *state;
    alarm_queue_free(world->queue);
    uv_run(&world->loop, UV_RUN_DEFAULT);
    int status = uv_loop_close(&world->loop);
    free(world);
    return status;
}

static int64_t now(void) {
    return __real_clock_wall();
}

struct heard {
    int times;
    int64_t at, rang; /* what it was set for; when it rang */
    struct alarm_queue *queue;
    struct alarm *other;
    int again;
};

static void on_ring(void *arg, int64_t at) {
    struct heard *heard = arg;
    heard->times++;
    heard->at = at;
    heard->rang = now();
}

static void alarms_ring_in_order_and_not_early(void **state) {
    struct world *world = *state;
    struct heard heard[5] = {0};
    static const int after[5] = {40, 10, 30, 20, 10};
    int64_t start = now();
    for (int i = 0; i < 5; i++)
        alarm_set(world->queue, start + after[i], on_ring, &heard[i]);
    uv_run(&world->loop, UV_RUN_DEFAULT);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(heard[i].times, 1);
        assert_int_equal(heard[i].at, start + after[i]);
        assert_true(heard[i].rang >= start + after[i]);
    }
    assert_true(heard[1].rang <= heard[3].rang && heard[3].rang <= heard[2].rang && heard[2].rang <= heard[0].rang);
    assert_true(wake_ups <= 4);
}

static void one_that_is_due_rings_at_the_next_turn(void **state) {
    struct world *world = *state;
    struct heard heard[3] = {0};
    alarm_set(world->queue, now() - 1000, on_ring, &heard[0]);
    alarm_set(world->queue, 0, on_ring, &heard[1]);
    alarm_set(world->queue, -5, on_ring, &heard[2]);
    assert_int_equal(heard[0].times + heard[1].times + heard[2].times, 0);
    uv_run(&world->loop, UV_RUN_ONCE);
    assert_int_equal(heard[0].times + heard[1].times + heard[2].times, 3);
}

static void a_cancelled_alarm_never_rings(void **state) {
    struct world *world = *state;
    struct heard first = {0}, second = {0};
    int64_t start = now();
    struct alarm *gone = alarm_set(world->queue, start + 5, on_ring, &first);
    alarm_set(world->queue, start + 10, on_ring, &second);
    alarm_cancel(gone);
    uv_run(&world->loop, UV_RUN_DEFAULT);
    assert_int_equal(first.times, 0);
    assert_int_equal(second.times, 1);
}

static void on_ring_again(void *arg, int64_t at) {
    struct heard *heard = arg;
    on_ring(arg, at);
    if (heard->other)
        alarm_cancel(take_pointer(heard->other));
    if (heard->again-- > 0)
        alarm_set(heard->queue, at, on_ring_again, heard);
}

static void a_ring_may_cancel_others_and_set_new_ones(void **state) {
    struct world *world = *state;
    struct heard never = {0}, heard = {.queue = world->queue, .again = 3};
    alarm_set(world->queue, 1, on_ring_again, &heard);
    heard.other = alarm_set(world->queue, 2, on_ring, &never);
    uv_run(&world->loop, UV_RUN_ONCE);
    assert_int_equal(heard.times, 1); /* the one set anew waits for a turn of its own */
    uv_run(&world->loop, UV_RUN_DEFAULT);
    assert_int_equal(heard.times, 4);
    assert_int_equal(never.times, 0);
}

static void on_ring_free(void *arg, int64_t at) {
    struct world *world = arg;
    (void)at;
    alarm_queue_free(take_pointer(world->queue));
}

static void a_ring_may_free_the_queue(void **state) {
    struct world *world = *state;
    alarm_set(world->queue, 1, on_ring_free, world);
    uv_run(&world->loop, UV_RUN_DEFAULT);
    assert_null(world->queue);
}

static void count_call(void *arg) {
    ++*(unsigned *)arg;
}

static void a_clock_set_back_makes_alarms_wait(void **state) {
    struct world *world = *state;
    struct heard heard = {0};
    unsigned told = 0;
    alarm_queue_on_clock_set(world->queue, count_call, &told);
    int64_t at = now() + 10;
    alarm_set(world->queue, at, on_ring, &heard);
    set_back = 60000; /* the timer fires, and the clock says that it is not yet time */
    cancelled = true;
    uv_run(&world->loop, UV_RUN_ONCE);
    assert_int_equal(heard.times, 0);
    assert_int_equal(told, 1);
    set_back = 0;
    uv_run(&world->loop, UV_RUN_DEFAULT);
    assert_int_equal(heard.times, 1);
    assert_int_equal(heard.at, at);
    assert_int_equal(told, 1);
}

static void an_idle_queue_does_not_wake_the_loop(void **state) {
    struct world *world = *state;
    struct heard heard = {0};
    struct alarm *far = alarm_set(world->queue, now() + HOUR_MS, on_ring, &heard);
    for (int i = 0; i < 3; i++)
        uv_run(&world->loop, UV_RUN_NOWAIT);
    assert_true(uv_loop_alive(&world->loop));
    alarm_cancel(far);
    assert_false(uv_loop_alive(&world->loop));
    assert_int_equal(wake_ups, 0);
}

static void count_in_order(void *arg, int64_t at) {
    struct heard *heard = arg;
    assert_true(at >= heard->at);
    heard->at = at;
    heard->times++;
}

static void ten_thousand_alarms_ring_in_order(void **state) {
    struct world *world = *state;
    struct heard heard = {0}, never = {0};
    struct alarm *gone[1000];
    unsigned random = 12345;
    for (int i = 0; i < 10000; i++) {
        random = random * 1103515245 + 12345;
        alarm_set(world->queue, 1 + random % 5000, count_in_order, &heard);
        if (i % 10 == 0)
            gone[i / 10] = alarm_set(world->queue, 1 + random / 7 % 5000, on_ring, &never);
    }
    for (int i = 0; i < 1000; i++)
        alarm_cancel(gone[i]);
    uv_run(&world->loop, UV_RUN_DEFAULT);
    assert_int_equal(heard.times, 10000);
    assert_int_equal(never.times, 0);
}

static void a_timer_that_cannot_be_had_is_an_error(void **state) {
    struct world *world = *state;
    struct error error = {0};
    no_timer = EMFILE;
    assert_null(alarm_queue_new(&world->loop, &error));
    assert_int_equal(error.code, ERROR_SYSTEM);
    assert_non_null(strstr(error.message, "making a timer"));
    error_clear(&error);
    no_timer = 0;
    useless = true;
    assert_null(alarm_queue_new(&world->loop, &error));
    assert_non_null(strstr(error.message, "watching the timer"));
    error_clear(&error);
    useless = false;
    alarm_queue_free(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(alarms_ring_in_order_and_not_early, set_up, tear_down),
        cmocka_unit_test_setup_teardown(one_that_is_due_rings_at_the_next_turn, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_cancelled_alarm_never_rings, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_ring_may_cancel_others_and_set_new_ones, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_ring_may_free_the_queue, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_clock_set_back_makes_alarms_wait, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_idle_queue_does_not_wake_the_loop, set_up, tear_down),
        cmocka_unit_test_setup_teardown(ten_thousand_alarms_ring_in_order, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_timer_that_cannot_be_had_is_an_error, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
