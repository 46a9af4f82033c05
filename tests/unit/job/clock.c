/* SPDX-License-Identifier: Apache-2.0 */
/* A clock that was wrong, and is set while the daemon runs: the next times are those of the right one. */
#include "processes.h"

#include <sys/timerfd.h>

static int64_t ahead;   /* of the true clock, in ms */
static int64_t stopped; /* at this time; 0: it goes */
static void (*clock_set)(void *arg);
static void *clock_arg;

int64_t __wrap_clock_wall(void);
int64_t __real_clock_wall(void);
void __wrap_alarm_queue_on_clock_set(struct alarm_queue *queue, void (*set)(void *arg), void *arg);

int64_t __wrap_clock_wall(void) {
    return stopped ? stopped : __real_clock_wall() + ahead;
}

/* The clock goes on from where it was stopped. */
static void go_on(void) {
    ahead = stopped - __real_clock_wall();
    stopped = 0;
}

/* In time of its own. */
int __wrap_timerfd_settime(int file, int flags, const struct itimerspec *when, struct itimerspec *old);
int __real_timerfd_settime(int file, int flags, const struct itimerspec *when, struct itimerspec *old);

int __wrap_timerfd_settime(int file, int flags, const struct itimerspec *when, struct itimerspec *old) {
    struct itimerspec mine = *when;
    int64_t at = when->it_value.tv_sec * SECOND_MS + when->it_value.tv_nsec / 1000000;
    at -= __wrap_clock_wall() - __real_clock_wall();
    if (when->it_value.tv_sec)
        mine.it_value = (struct timespec){.tv_sec = at / SECOND_MS, .tv_nsec = at % SECOND_MS * 1000000};
    return __real_timerfd_settime(file, flags, &mine, old);
}

/* (That the queue notices is tests/unit/schedule/alarm.c's.) */
void __wrap_alarm_queue_on_clock_set(struct alarm_queue *queue, void (*set)(void *arg), void *arg) {
    (void)queue;
    clock_set = set;
    clock_arg = arg;
}

static int64_t next_of(struct town *town, bool drill) {
    _cleanup_json_ struct json_object *status = jobs_status(town->jobs, "j");
    const char *text = json_string(drill ? json_object_at(status, "drill") : status, "next");
    int64_t next;
    assert_non_null(text);
    assert_true(time_parse_iso(text, &next));
    return next;
}

#define HOURLY "[Job]\nSchedule=0 * * * *\n[Drill]\nSchedule=30 * * * *\n"

static void a_clock_that_was_a_month_ahead_holds_nothing_up(void **state) {
    struct town *town = *state;
    ahead = 40 * DAY_MS;
    begin_process(town, HOURLY, true);
    assert_true(next_of(town, false) >= now() && next_of(town, true) >= now()); /* by the clock as it is */
    ahead = 0;
    clock_set(clock_arg);
    assert_true(next_of(town, false) <= now() + 3600 && next_of(town, true) <= now() + 3600);
    assert_true(world_has_said(town->world, "clock-set"));
}

static void a_clock_that_goes_back_a_little_makes_nothing_due_twice(void **state) {
    struct town *town = *state;
    int64_t hour = (now() / 3600 + 1) * 3600;
    stopped = hour * SECOND_MS - 100; /* however long the start takes */
    begin_process(town, HOURLY, true);
    assert_int_equal(next_of(town, false), hour);
    go_on();
    wait_until_said(town, "run-succeeded");
    assert_int_equal(next_of(town, false), hour + 3600);
    ahead -= 10 * MINUTE_MS;
    clock_set(clock_arg);
    assert_int_equal(next_of(town, false), hour + 3600);
    ahead -= 5 * 60 * MINUTE_MS; /* by hours it was wrong before */
    clock_set(clock_arg);
    assert_int_equal(next_of(town, false), hour - 5 * 3600);
}

static int set_up(void **state) {
    ahead = stopped = 0;
    return town_set_up(state);
}

static int tear_down(void **state) {
    int status = town_tear_down(state);
    ahead = stopped = 0;
    return status ? status : clock_set ? -1 : 0; /* jobs that have gone are told nothing more */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_clock_that_was_a_month_ahead_holds_nothing_up, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_clock_that_goes_back_a_little_makes_nothing_due_twice, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
