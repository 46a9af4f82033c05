/* SPDX-License-Identifier: Apache-2.0 */
/* A loop, a client, a peer and what calls brought: the ground that the tests of http/ stand on. */
#ifndef UNIT_HTTP_WORLD_H
#define UNIT_HTTP_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "http/client.h"
#include "peer.h"

struct world {
    uv_loop_t loop;
    struct http_client *client;
    struct peer *peer;
    char *texts[8]; /* of replies, freed at the end */
    size_t text_count;
};

/* What a call brought; `over` once it has. */
struct outcome {
    bool over;
    int times, status;
    enum error_code code;
    char *message, *body;
    uint64_t received;
};

static inline void on_done(void *arg, const struct http_answer *answer, const struct error *error) {
    struct outcome *outcome = arg;
    outcome->over = true;
    outcome->times++;
    outcome->status = answer ? answer->status : 0;
    outcome->received = answer ? answer->received : 0;
    outcome->code = error ? error->code : ERROR_NONE;
    x_replace(&outcome->message, error ? error->message : NULL);
    x_replace(&outcome->body, answer ? answer->body : NULL);
}

static inline void outcome_fini(struct outcome *outcome) {
    free(outcome->message);
    free(outcome->body);
}

#define _cleanup_outcome_ __attribute__((cleanup(outcome_fini)))

static inline int set_up(void **state) {
    struct world *world = x_calloc(1, sizeof *world);
    struct error error = {0};
    signal(SIGPIPE, SIG_IGN);
    uv_loop_init(&world->loop);
    world->client = http_client_new(&world->loop, &(struct http_options){.user_agent = "test/1"}, &error);
    assert_non_null(world->client);
    *state = world;
    return 0;
}

/* Every test that owns a loop ends by proving it empty. */
static inline int tear_down(void **state) {
    struct world *world = *state;
    assert_int_equal(http_client_stats(world->client).in_flight, 0);
    http_client_free(world->client);
    if (world->peer)
        peer_free(world->peer);
    uv_run(&world->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&world->loop), 0);
    for (size_t i = 0; i < world->text_count; i++)
        free(world->texts[i]);
    free(world);
    return 0;
}

/* peer_answer() that lives as long as the world. */
static inline const char *says(struct world *world, int status, const char *head, const char *body) {
    return world->texts[world->text_count++] = peer_answer(status, head, body);
}

#define PEER(world, ...)                                                                                               \
    const struct peer_reply replies_[] = {__VA_ARGS__};                                                                \
    (world)->peer = peer_new(&(world)->loop, replies_, array_length(replies_))

static inline struct http_request get(const struct world *world) {
    return (struct http_request){.method = "GET", .url = peer_url(world->peer), .stall_timeout_ms = 2000};
}

static inline void fetch(struct world *world, const struct http_request *request, struct outcome *outcome) {
    http_start(world->client, request, on_done, outcome);
    assert_int_equal(outcome->times, 0);
    run_until(&world->loop, &outcome->over);
    assert_int_equal(outcome->times, 1);
}

#define WITH_WORLD(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

#endif
