/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A DNS server that never answers: calls that end while it is being asked must not hold the loop. The process moves into a
 * network and a mount namespace of its own, where /etc/resolv.conf names a server of ours that is silent; without the right
 * to do so the test is skipped.
 */
#include "world.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define MOST_MS 100 /* the longest stall of the loop that is allowed */

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
                mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
                mount(path, "/etc/resolv.conf", NULL, MS_BIND, NULL) == 0;
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

static void a_silent_dns_server_does_not_stall_the_loop(void **state) {
    struct world *world = *state;
    struct gauge gauge = {.last = uv_hrtime()};
    struct outcome outcomes[4] = {0}, cancelled = {0};
    if (unshare(CLONE_NEWNET | CLONE_NEWNS) != 0 || !raise_loopback() || !replace_resolv_conf() ||
        !listen_and_be_silent())
        skip();
    gauge.timer.data = &gauge;
    uv_timer_init(&world->loop, &gauge.timer);
    uv_timer_start(&gauge.timer, on_tick, 2, 2);
    const struct http_request request = {
        .method = "GET", .url = "http://never-answered.example/", .connect_timeout_ms = 150};
    struct http_call *call = http_start(world->client, &request, on_done, &cancelled);
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
    print_message("longest stall of the loop: %.2f ms\n", (double)gauge.longest / 1e6);
    assert_true(gauge.longest < (uint64_t)MOST_MS * 1000000);
    char question[512];
    assert_true(recv(silent_server, question, sizeof question, 0) > 0); /* it was asked */
    assert_int_equal(cancelled.times, 0);
    uv_close((uv_handle_t *)&gauge.timer, NULL);
    run_for(&world->loop, 1);
    close(silent_server);
}

int main(void) {
    const struct CMUnitTest tests[] = {WITH_WORLD(a_silent_dns_server_does_not_stall_the_loop)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
