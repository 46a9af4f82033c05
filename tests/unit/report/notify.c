/* SPDX-License-Identifier: Apache-2.0 */
/* What systemd hears, on a socket of our own in its place. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "report/notify.h"

struct world {
    int fd;
    char folder[40], heard[600];
};

static int set_up(void **state) {
    struct world *world = calloc(1, sizeof *world);
    snprintf(world->folder, sizeof world->folder, "/tmp/notify-XXXXXX");
    if (!mkdtemp(world->folder))
        return -1;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s/socket", world->folder);
    world->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (bind(world->fd, (const struct sockaddr *)&address, sizeof address) < 0)
        return -1;
    setenv("NOTIFY_SOCKET", address.sun_path, 1);
    *state = world;
    return 0;
}

static int tear_down(void **state) {
    struct world *world = *state;
    unlink(getenv("NOTIFY_SOCKET"));
    rmdir(world->folder);
    close(world->fd);
    unsetenv("NOTIFY_SOCKET");
    unsetenv("WATCHDOG_USEC");
    free(world);
    return 0;
}

/* The next message, "" where none came. */
static const char *hear(struct world *world) {
    ssize_t n = recv(world->fd, world->heard, sizeof world->heard - 1, 0);
    world->heard[n > 0 ? n : 0] = '\0';
    return world->heard;
}

static void each_word_is_one_message(void **state) {
    struct world *world = *state;
    notify_ready("Serving 3 jobs.");
    assert_string_equal(hear(world), "READY=1\nSTATUS=Serving 3 jobs.");
    notify_ready(NULL);
    assert_string_equal(hear(world), "READY=1");
    notify_status("%s: %d%%\nREADY=1", "studentData", 41);
    assert_string_equal(hear(world), "STATUS=studentData: 41% READY=1");
    notify_stopping();
    assert_string_equal(hear(world), "STOPPING=1\nSTATUS=Stopping.");
}

static void reloading_says_since_when_in_the_same_message(void **state) {
    struct world *world = *state;
    int64_t before = clock_monotonic();
    notify_reloading();
    long long usec = 0;
    assert_int_equal(sscanf(hear(world), "RELOADING=1\nMONOTONIC_USEC=%lld\n", &usec), 1);
    assert_in_range(usec / 1000, before, before + 1000);
}

static void nobody_hears_without_a_socket(void **state) {
    struct world *world = *state;
    char *address = strdup(getenv("NOTIFY_SOCKET"));
    unsetenv("NOTIFY_SOCKET");
    notify_ready("x");
    notify_stopping();
    assert_string_equal(hear(world), "");
    setenv("NOTIFY_SOCKET", address, 1);
    free(address);
}

static void on_stop(uv_timer_t *timer) {
    uv_close((uv_handle_t *)timer, NULL);
}

/* Runs the loop for a while, then until it is empty. */
static void turn(uv_loop_t *loop, uint64_t ms) {
    uv_timer_t timer;
    uv_timer_init(loop, &timer);
    uv_timer_start(&timer, on_stop, ms, 0);
    uv_run(loop, UV_RUN_DEFAULT);
}

static int pings(struct world *world) {
    int count = 0;
    while (*hear(world))
        count += strcmp(world->heard, "WATCHDOG=1") == 0;
    return count;
}

static void a_turning_loop_feeds_the_watchdog_at_half_its_time(void **state) {
    struct world *world = *state;
    setenv("WATCHDOG_USEC", "100000", 1);
    uv_loop_t loop;
    uv_loop_init(&loop);
    struct watchdog *watchdog = watchdog_new(&loop);
    assert_non_null(watchdog);
    turn(&loop, 330);
    assert_in_range(pings(world), 4, 8);
    uv_run(&loop, UV_RUN_DEFAULT); /* the watchdog alone keeps no loop alive */
    watchdog_free(watchdog);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);
}

static void on_stuck(uv_timer_t *timer) {
    usleep(300000);
    uv_close((uv_handle_t *)timer, NULL);
}

static void a_stuck_loop_starves_the_watchdog(void **state) {
    struct world *world = *state;
    setenv("WATCHDOG_USEC", "60000", 1);
    uv_loop_t loop;
    uv_loop_init(&loop);
    struct watchdog *watchdog = watchdog_new(&loop);
    uv_timer_t stuck;
    uv_timer_init(&loop, &stuck);
    uv_timer_start(&stuck, on_stuck, 0, 0);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_in_range(pings(world), 0, 2); /* ten would have been due */
    watchdog_free(watchdog);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);
}

static void no_watchdog_where_none_is_asked_for(void **state) {
    (void)state;
    uv_loop_t loop;
    uv_loop_init(&loop);
    assert_null(watchdog_new(&loop));
    watchdog_free(NULL);
    assert_int_equal(uv_loop_close(&loop), 0);
}

#define WITH_SOCKET(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_SOCKET(each_word_is_one_message),          WITH_SOCKET(reloading_says_since_when_in_the_same_message),
        WITH_SOCKET(nobody_hears_without_a_socket),     WITH_SOCKET(a_turning_loop_feeds_the_watchdog_at_half_its_time),
        WITH_SOCKET(a_stuck_loop_starves_the_watchdog), WITH_SOCKET(no_watchdog_where_none_is_asked_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
