/* SPDX-License-Identifier: Apache-2.0 */
/* Requests and answers when all goes well: what is sent, what is kept, what is shared. faults.c has the rest. */
#include "world.h"

static void an_answer_comes_with_its_headers(void **state) {
    struct world *world = *state;
    _cleanup_outcome_ struct outcome outcome = {0};
    PEER(world, {.bytes = says(world, 404, "X-Amz-Id: 7\r\n", "gone")});
    struct http_request request = get(world);
    fetch(world, &request, &outcome);
    assert_int_equal(outcome.status, 404);
    assert_string_equal(outcome.body, "gone");
    assert_int_equal(outcome.received, 4);
    assert_non_null(strstr(peer_request(world->peer, 0), "GET / HTTP/1.1\r\n"));
    assert_non_null(strstr(peer_request(world->peer, 0), "\r\nUser-Agent: test/1\r\n"));
    assert_null(strstr(peer_request(world->peer, 0), "Accept"));
}

static void one_connection_serves_many_calls(void **state) {
    struct world *world = *state;
    PEER(world, {.bytes = says(world, 200, "", "ok")});
    struct http_request request = get(world);
    for (int i = 0; i < 10; i++) {
        _cleanup_outcome_ struct outcome outcome = {0};
        fetch(world, &request, &outcome);
        assert_string_equal(outcome.body, "ok");
    }
    assert_int_equal(peer_connections(world->peer), 1);
    struct http_stats stats = http_client_stats(world->client);
    assert_int_equal(stats.calls, 10);
    assert_int_equal(stats.connections, 1);
    assert_true(stats.bytes_sent > 0 && stats.bytes_received > 20);
}

static void a_refresh_leaves_old_connections_behind(void **state) {
    struct world *world = *state;
    _cleanup_outcome_ struct outcome before = {0}, during = {0}, after = {0};
    PEER(world, {.bytes = says(world, 200, "", "ok")});
    struct http_request request = get(world);
    fetch(world, &request, &before);
    http_start(world->client, &request, on_done, &during);
    http_client_refresh(world->client);
    fetch(world, &request, &after);
    run_until(&world->loop, &during.over);
    assert_int_equal(during.status, 200);
    assert_int_equal(after.status, 200);
    assert_int_equal(peer_connections(world->peer), 2);
}

static void the_path_and_headers_go_as_they_are(void **state) {
    struct world *world = *state;
    _cleanup_outcome_ struct outcome outcome = {0};
    PEER(world, {.bytes = says(world, 200, "", "")});
    _cleanup_free_ char *url = x_printf("%s/a/../b//c%%2F./?x=%%20&y", peer_url(world->peer));
    const struct http_header headers[] = {{"x-one", "1", false}, {"x-empty", "", false}, {"authorization", "s", true}};
    const struct http_request request = {.method = "DELETE", .url = url, .headers = headers, .header_count = 3};
    fetch(world, &request, &outcome);
    const char *sent = peer_request(world->peer, 0);
    assert_ptr_equal(strstr(sent, "DELETE /a/../b//c%2F./?x=%20&y HTTP/1.1\r\n"), sent);
    assert_non_null(strstr(sent, "\r\nx-one: 1\r\n"));
    assert_non_null(strstr(sent, "\r\nx-empty:\r\n"));
    assert_non_null(strstr(sent, "\r\nauthorization: s\r\n"));
    assert_null(strstr(sent, "Content-Type"));
}

static void assert_body_arrives(struct world *world, const char *method, const struct http_slice *body, size_t count) {
    _cleanup_outcome_ struct outcome outcome = {0};
    _cleanup_buffer_ struct buffer whole = BUFFER_INIT(BUFFER_OURS);
    for (size_t i = 0; i < count; i++)
        buffer_add_bytes(&whole, body[i].data, body[i].length);
    struct http_request request = get(world);
    request.method = method;
    request.body = body;
    request.body_count = count;
    fetch(world, &request, &outcome);
    assert_int_equal(outcome.status, 200);
    size_t last = peer_requests(world->peer) - 1, length = peer_request_length(world->peer, last);
    const char *sent = peer_request(world->peer, last), *split = strstr(sent, "\r\n\r\n");
    _cleanup_free_ char *announced = x_printf("\r\nContent-Length: %zu\r\n", whole.length);
    assert_non_null(strstr(sent, announced));
    assert_null(strstr(sent, "Expect"));
    assert_null(strstr(sent, "Transfer-Encoding"));
    assert_ptr_equal(strstr(sent, method), sent);
    assert_int_equal(length - (size_t)(split + 4 - sent), whole.length);
    if (whole.length)
        assert_memory_equal(split + 4, whole.data, whole.length);
}

static void bodies_of_every_size_arrive_whole(void **state) {
    struct world *world = *state;
    const size_t large = (size_t)5 << 20;
    _cleanup_free_ char *bytes = x_malloc(large);
    for (size_t i = 0; i < large; i++)
        bytes[i] = (char)(i * 31 + i / 977);
    PEER(world, {.bytes = says(world, 200, "", "")});
    assert_body_arrives(world, "POST", NULL, 0);
    assert_body_arrives(world, "PUT", NULL, 0);
    assert_body_arrives(world, "POST", &(struct http_slice){"{}", 2}, 1);
    assert_body_arrives(world, "PUT", &(struct http_slice){bytes, 65536}, 1);
    assert_body_arrives(world, "PUT", &(struct http_slice){bytes, 65537}, 1);
    const struct http_slice slices[] = {{bytes, 1}, {bytes, 0}, {bytes + 1, 700000}, {bytes, large}, {bytes + 5, 3}};
    assert_body_arrives(world, "PUT", slices, array_length(slices));
    assert_body_arrives(world, "POST", slices, 2);
    assert_int_equal(peer_connections(world->peer), 1);
}

static void a_body_goes_again_where_a_kept_connection_was_dead(void **state) {
    struct world *world = *state;
    _cleanup_outcome_ struct outcome first = {0}, second = {0};
    const struct http_slice slices[] = {{"abc", 3}, {"def", 3}};
    PEER(world, {.bytes = says(world, 200, "", "")}, {.end = PEER_CLOSE}, {.bytes = says(world, 200, "", "again")});
    struct http_request request = get(world);
    fetch(world, &request, &first);
    request.method = "PUT";
    request.body = slices;
    request.body_count = 2;
    fetch(world, &request, &second);
    assert_string_equal(second.body, "again");
    assert_non_null(strstr(peer_request(world->peer, 2), "\r\n\r\nabcdef"));
    assert_int_equal(peer_connections(world->peer), 2);
}

struct sink {
    struct http_sink sink;
    struct buffer bytes;
    int begun, status;
    int64_t announced;
    size_t most; /* the largest piece */
};

static bool sink_begin(void *arg, int status, int64_t length) {
    struct sink *sink = arg;
    sink->begun++;
    sink->status = status;
    sink->announced = length;
    return true;
}

static bool sink_write(void *arg, const char *bytes, size_t length) {
    struct sink *sink = arg;
    if (length > sink->most)
        sink->most = length;
    return buffer_append(&sink->bytes, bytes, length);
}

static void sink_init(struct sink *sink, size_t limit) {
    *sink = (struct sink){.sink = {sink_begin, sink_write, sink}, .bytes = BUFFER_INIT(limit)};
}

static void a_success_goes_to_the_sink(void **state) {
    struct world *world = *state;
    _cleanup_outcome_ struct outcome outcome = {0}, refused = {0}, empty = {0};
    struct sink sink;
    sink_init(&sink, BUFFER_OURS);
    const size_t large = (size_t)3 << 20;
    _cleanup_free_ char *page = x_malloc(large + 1);
    memset(page, 'x', large);
    page[large] = '\0';
    PEER(world, {.bytes = says(world, 200, "", page)}, {.bytes = says(world, 400, "", "why")},
         {.bytes = says(world, 200, "", "")});
    struct http_request request = get(world);
    request.sink = &sink.sink;
    fetch(world, &request, &outcome);
    assert_string_equal(outcome.body, "");
    assert_int_equal(outcome.received, large);
    assert_int_equal(sink.bytes.length, large);
    assert_int_equal(sink.begun, 1);
    assert_int_equal(sink.announced, large);
    assert_true(sink.most <= (size_t)128 << 10);
    fetch(world, &request, &refused); /* what is no success is not for the sink */
    assert_string_equal(refused.body, "why");
    assert_int_equal(sink.begun, 1);
    fetch(world, &request, &empty); /* a sink that starts over must hear of an empty body too */
    assert_int_equal(sink.begun, 2);
    assert_int_equal(sink.announced, 0);
    buffer_fini(&sink.bytes);
}

static void a_chunked_answer_has_no_announced_length(void **state) {
    struct world *world = *state;
    _cleanup_outcome_ struct outcome outcome = {0};
    struct sink sink;
    sink_init(&sink, BUFFER_OURS);
    PEER(world, {.bytes = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"});
    struct http_request request = get(world);
    request.sink = &sink.sink;
    fetch(world, &request, &outcome);
    assert_string_equal(sink.bytes.data, "abcde");
    assert_int_equal(sink.announced, -1);
    buffer_fini(&sink.bytes);
}

static void a_head_request_has_no_body(void **state) {
    struct world *world = *state;
    _cleanup_outcome_ struct outcome outcome = {0};
    PEER(world, {.bytes = "HTTP/1.1 200 OK\r\nContent-Length: 4711\r\nETag: \"x\"\r\n\r\n"});
    struct http_request request = get(world);
    request.method = "HEAD";
    fetch(world, &request, &outcome);
    assert_int_equal(outcome.status, 200);
    assert_string_equal(outcome.body, "");
}

static void a_redirect_is_an_answer(void **state) {
    struct world *world = *state;
    _cleanup_outcome_ struct outcome outcome = {0};
    PEER(world, {.bytes = says(world, 301, "Location: http://127.0.0.1:1/\r\n", "there")});
    struct http_request request = get(world);
    fetch(world, &request, &outcome);
    assert_int_equal(outcome.status, 301);
    assert_int_equal(peer_requests(world->peer), 1);
}

static void a_hundred_calls_run_side_by_side(void **state) {
    struct world *world = *state;
    struct outcome outcomes[100] = {0};
    PEER(world, {.bytes = says(world, 200, "", "ok"), .after_ms = 20});
    struct http_request request = get(world);
    for (size_t i = 0; i < array_length(outcomes); i++)
        http_start(world->client, &request, on_done, &outcomes[i]);
    assert_int_equal(http_client_stats(world->client).in_flight, 100);
    for (size_t i = 0; i < array_length(outcomes); i++) {
        run_until(&world->loop, &outcomes[i].over);
        assert_string_equal(outcomes[i].body, "ok");
        assert_int_equal(outcomes[i].times, 1);
        outcome_fini(&outcomes[i]);
    }
    assert_true(peer_connections(world->peer) <= 100);
}

static void no_more_connections_than_allowed(void **state) {
    struct world *world = *state;
    struct outcome outcomes[10] = {0};
    struct error error = {0};
    PEER(world, {.bytes = says(world, 200, "", "ok"), .after_ms = 5});
    struct http_request request = get(world);
    struct http_client *narrow = http_client_new(&world->loop, &(struct http_options){.max_connections = 2}, &error);
    for (size_t i = 0; i < array_length(outcomes); i++)
        http_start(narrow, &request, on_done, &outcomes[i]);
    for (size_t i = 0; i < array_length(outcomes); i++) {
        run_until(&world->loop, &outcomes[i].over);
        assert_int_equal(outcomes[i].status, 200);
        outcome_fini(&outcomes[i]);
    }
    assert_int_equal(peer_connections(world->peer), 2);
    http_client_free(narrow);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_WORLD(an_answer_comes_with_its_headers),
        WITH_WORLD(one_connection_serves_many_calls),
        WITH_WORLD(a_refresh_leaves_old_connections_behind),
        WITH_WORLD(the_path_and_headers_go_as_they_are),
        WITH_WORLD(bodies_of_every_size_arrive_whole),
        WITH_WORLD(a_body_goes_again_where_a_kept_connection_was_dead),
        WITH_WORLD(a_success_goes_to_the_sink),
        WITH_WORLD(a_chunked_answer_has_no_announced_length),
        WITH_WORLD(a_head_request_has_no_body),
        WITH_WORLD(a_redirect_is_an_answer),
        WITH_WORLD(a_hundred_calls_run_side_by_side),
        WITH_WORLD(no_more_connections_than_allowed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
