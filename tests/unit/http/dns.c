/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A DNS server that never answers: calls that end while it is being asked must not hold the loop. The process moves into a
 * network and a mount namespace of its own, where /etc/resolv.conf names a server of ours that is silent; without the right
 * to do so the test is skipped.
 */
#include "slow.h"
#include "world.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define MOST_MS 100 /* the longest stall of the loop that is allowed ... */
#define TRIES   3 /* ... in the best of so many tries: a resolver that is joined holds the loop each time, for seconds */

static int silent_server = -1;

static bool raise_loopback(void) {
    struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    bool good = fd >= 0 && ioctl(fd, SIOCSIFFLAGS, &request) == 0;
    if (fd >= 0)
        close(fd);
    return good;
}

static bool replace_resolv_conf(void) {
    static const char text[] = "nameserver 127.0.0.53\noptions timeout:5 attempts:3\n";
    char path[] = "/tmp/dns-test-XXXXXX";
    int fd = mkstemp(path);
    bool good = fd >= 0 && write(fd, text, sizeof text - 1) == (ssize_t)sizeof text - 1 && fchmod(fd, 0644) == 0 &&
                mount("none", "/", "none", MS_REC | MS_PRIVATE, NULL) == 0 &&
                mount(path, "/etc/resolv.conf", "none", MS_BIND, NULL) == 0;
    if (fd >= 0) {
        close(fd);
        unlink(path);
    }
    return good;
}

/* Questions arrive, and nothing goes back. */
static bool listen_and_be_silent(void) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(53)};
    inet_pton(AF_INET, "127.0.0.53", &address.sin_addr);
    silent_server = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    return silent_server >= 0 && bind(silent_server, (const struct sockaddr *)&address, sizeof address) == 0;
}

/* How long the loop was away at most, seen by a timer of 2 ms. */
struct gauge {
    uv_timer_t timer;
    uint64_t last, longest;
};

static void on_tick(uv_timer_t *timer) {
    struct gauge *gauge = timer->data;
    uint64_t now = uv_hrtime();
    if (now - gauge->last > gauge->longest)
        gauge->longest = now - gauge->last;
    gauge->last = now;
}

/* Calls that end by time-out and by cancel while their name is being looked up. The longest stall meanwhile, in ns. */
static uint64_t longest_stall(struct world *world) {
    struct gauge gauge = {.last = uv_hrtime()};
    struct outcome outcomes[4] = {0}, cancelled = {0};
    gauge.timer.data = &gauge;
    uv_timer_init(&world->loop, &gauge.timer);
    uv_timer_start(&gauge.timer, on_tick, 2, 2);
    const struct http_request request = {
        .method = "GET", .url = "http://never-answered.example/", .connect_timeout_ms = 150};
    struct http_request patient = request; /* it is cancelled long before its time is over, however slow the machine */
    patient.connect_timeout_ms = 60000;
    struct http_call *call = http_start(world->client, &patient, on_done, &cancelled);
    for (size_t i = 0; i < array_length(outcomes); i++)
        http_start(world->client, &request, on_done, &outcomes[i]);
    run_for(&world->loop, 50);
    http_cancel(call);
    http_client_refresh(world->client);
    for (size_t i = 0; i < array_length(outcomes); i++) {
        run_until(&world->loop, &outcomes[i].over);
        assert_int_equal(outcomes[i].code, ERROR_TRANSIENT);
        assert_non_null(strstr(outcomes[i].message, "http://never-answered.example:80: Resolving timed out"));
        outcome_fini(&outcomes[i]);
    }
    run_for(&world->loop, 50);
    on_tick(&gauge.timer);
    assert_int_equal(cancelled.times, 0);
    uv_close((uv_handle_t *)&gauge.timer, NULL);
    run_for(&world->loop, 1);
    return gauge.longest;
}

/* Where every instruction takes fifty times as long, a stall of the resolver's seconds still shows. */
static uint64_t most_ns(void) {
    return (uint64_t)(is_under_valgrind() ? 20 * MOST_MS : MOST_MS) * 1000000;
}

static void a_silent_dns_server_does_not_stall_the_loop(void **state) {
    uint64_t stall = UINT64_MAX;
    char question[512];
    if (unshare(CLONE_NEWNET | CLONE_NEWNS) != 0 || !raise_loopback() || !replace_resolv_conf() ||
        !listen_and_be_silent())
        skip();
    for (int i = 0; i < TRIES && stall >= most_ns(); i++) {
        stall = longest_stall(*state);
        print_message("longest stall of the loop: %.2f ms\n", (double)stall / 1e6);
    }
    assert_true(stall < most_ns());
    assert_true(recv(silent_server, question, sizeof question, 0) > 0); /* it was asked */
    close(silent_server);
}

int main(void) {
    const struct CMUnitTest tests[] = {WITH_WORLD(a_silent_dns_server_does_not_stall_the_loop)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
