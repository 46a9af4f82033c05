/* SPDX-License-Identifier: Apache-2.0 */
/* What goes wrong on the wire, and calls that are cancelled at every moment: one clear error each, or silence. */
#include "base/clock.h"
#include "world.h"

static void assert_fails(struct world *world, const struct http_request *request, enum error_code code,
                         const char *words) {
    _cleanup_outcome_ struct outcome outcome = {0};
    fetch(world, request, &outcome);
    if (outcome.code != code || !strstr(outcome.message, words))
        fail_msg("%d: %s", outcome.code, outcome.message);
}

static void a_refused_connection_is_transient(void **state) {
    struct world *world = *state;
    PEER(world, {.end = PEER_CLOSE});
    _cleanup_free_ char *url = x_strdup(peer_url(world->peer));
    _cleanup_free_ char *words = x_printf("%s: Failed to connect", url);
    peer_free(take_pointer(world->peer));
    run_for(&world->loop, 10);
    const struct http_request request = {.method = "GET", .url = url};
    assert_fails(world, &request, ERROR_TRANSIENT, words);
}

static void an_url_that_is_none_is_invalid(void **state) {
    struct world *world = *state;
    assert_fails(world, &(struct http_request){.method = "GET", .url = ""}, ERROR_INVALID, "a URL that is none: ");
    assert_fails(world, &(struct http_request){.method = "GET", .url = "http://[::"}, ERROR_INVALID, "a URL");
    assert_fails(world, &(struct http_request){.method = "GET", .url = "file:///etc/passwd"}, ERROR_INVALID,
                 "not supported");
}

static void a_header_with_a_line_break_is_never_sent(void **state) {
    struct world *world = *state;
    const struct http_header header = {"x-amz-meta-run", "a\r\nx-evil: b", false};
    const struct http_request request = {
        .method = "GET", .url = "http://127.0.0.1:1", .headers = &header, .header_count = 1};
    assert_fails(world, &request, ERROR_INVALID, "header x-amz-meta-run holds a control character");
}

static void a_server_that_never_answers_stalls(void **state) {
    struct world *world = *state;
    PEER(world, {.end = PEER_SILENT});
    struct http_request request = get(world);
    request.stall_timeout_ms = 80;
    assert_fails(world, &request, ERROR_TRANSIENT, "stalled: no byte went or came for 80 ms");
}

static void a_server_that_never_answers_an_upload_stalls(void **state) {
    struct world *world = *state;
    const struct http_slice body[] = {{"abc", 3}, {"def", 3}};
    PEER(world, {.end = PEER_SILENT});
    struct http_request request = get(world);
    request.method = "PUT";
    request.body = body;
    request.body_count = 2;
    request.stall_timeout_ms = 80;
    assert_fails(world, &request, ERROR_TRANSIENT, "stalled");
}

static void a_body_that_stops_in_the_middle_stalls(void **state) {
    struct world *world = *state;
    PEER(world, {.bytes = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc", .end = PEER_SILENT});
    struct http_request request = get(world);
    request.stall_timeout_ms = 80;
    assert_fails(world, &request, ERROR_TRANSIENT, "stalled");
}

static void slow_bytes_are_no_stall(void **state) {
    struct world *world = *state;
    _cleanup_outcome_ struct outcome outcome = {0};
    PEER(world, {.bytes = says(world, 200, "", "late"), .after_ms = 120});
    struct http_request request = get(world);
    request.stall_timeout_ms = 400;
    fetch(world, &request, &outcome);
    assert_string_equal(outcome.body, "late");
}

static void header_lines_that_drip_are_a_stall(void **state) {
    struct world *world = *state;
    PEER(world, {.bytes = "HTTP/1.1 200 OK\r\n", .end = PEER_SILENT, .drip = "x: y\r\n"});
    struct http_request request = get(world);
    request.stall_timeout_ms = 200;
    assert_fails(world, &request, ERROR_TRANSIENT, "stalled: no byte went or came for 200 ms");
}

static void interim_answers_that_drip_are_a_stall(void **state) {
    struct world *world = *state;
    PEER(world, {.bytes = "", .end = PEER_SILENT, .drip = "HTTP/1.1 102 Processing\r\n\r\n"});
    struct http_request request = get(world);
    request.stall_timeout_ms = 200;
    assert_fails(world, &request, ERROR_TRANSIENT, "stalled: no byte");
}

static void a_body_that_drips_is_a_stall(void **state) {
    struct world *world = *state;
    PEER(world, {.bytes = "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n", .end = PEER_SILENT, .drip = "x"});
    struct http_request request = get(world);
    request.stall_timeout_ms = 200;
    assert_fails(world, &request, ERROR_TRANSIENT, "stalled: less than 1 KiB/s went or came for 200 ms");
}

static void white_space_while_s3_computes_is_no_stall_but_ends(void **state) {
    struct world *world = *state;
    PEER(world, {.bytes = "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n<?xml?>", .end = PEER_SILENT, .drip = " "});
    struct http_request request = get(world);
    request.stall_timeout_ms = 200; /* a drip that is late on a busy machine is no stall yet */
    int64_t began = clock_monotonic();
    assert_fails(world, &request, ERROR_TRANSIENT, "stalled: less than 1 KiB/s went or came for 200 ms");
    assert_true(clock_monotonic() - began >= 20 * 200);
}

static void a_header_line_too_long_is_no_want_of_memory(void **state) {
    struct world *world = *state;
    _cleanup_buffer_ struct buffer line = BUFFER_INIT(BUFFER_OURS);
    buffer_add(&line, "HTTP/1.1 200 OK\r\nX: ");
    for (int i = 0; i < 40000; i++)
        buffer_add(&line, "long ");
    buffer_add(&line, "\r\n\r\n");
    PEER(world, {.bytes = line.data});
    struct http_request request = get(world);
    assert_fails(world, &request, ERROR_TRANSIENT, "a header line too long");
}

static void a_total_time_out_ends_a_call(void **state) {
    struct world *world = *state;
    PEER(world, {.end = PEER_SILENT});
    struct http_request request = get(world);
    request.total_timeout_ms = 60;
    assert_fails(world, &request, ERROR_TRANSIENT, "timed out after");
}

static void a_reset_before_the_answer_is_transient(void **state) {
    struct world *world = *state;
    PEER(world, {.end = PEER_RESET});
    struct http_request request = get(world);
    assert_fails(world, &request, ERROR_TRANSIENT, "http://127.0.0.1:");
}

static void a_reset_in_the_body_is_transient(void **state) {
    struct world *world = *state;
    PEER(world, {.bytes = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc", .end = PEER_RESET});
    struct http_request request = get(world);
    assert_fails(world, &request, ERROR_TRANSIENT, "http://127.0.0.1:");
}

static void a_truncated_body_is_transient(void **state) {
    struct world *world = *state;
    PEER(world, {.bytes = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc", .end = PEER_CLOSE});
    struct http_request request = get(world);
    assert_fails(world, &request, ERROR_TRANSIENT, "7 bytes remaining to read");
}

static void a_reset_in_an_upload_is_transient(void **state) {
    struct world *world = *state;
    const size_t large = (size_t)8 << 20;
    _cleanup_free_ char *bytes = x_calloc(1, large);
    PEER(world, {.end = PEER_RESET, .at_head = true});
    struct http_request request = get(world);
    request.method = "PUT";
    request.body = &(struct http_slice){bytes, large};
    request.body_count = 1;
    assert_fails(world, &request, ERROR_TRANSIENT, "http://127.0.0.1:");
}

static void words_that_are_not_http_are_transient(void **state) {
    struct world *world = *state;
    PEER(world, {.bytes = "SSH-2.0-OpenSSH_9.2\r\n\r\n", .end = PEER_CLOSE});
    struct http_request request = get(world);
    assert_fails(world, &request, ERROR_TRANSIENT, "http://127.0.0.1:");
}

static void a_flood_of_headers_is_refused(void **state) {
    struct world *world = *state;
    _cleanup_buffer_ struct buffer flood = BUFFER_INIT(BUFFER_OURS);
    buffer_add(&flood, "HTTP/1.1 200 OK\r\n");
    for (int i = 0; i < 200; i++)
        buffer_printf(&flood, "X-%d: y\r\n", i);
    buffer_add(&flood, "Content-Length: 0\r\n\r\n");
    PEER(world, {.bytes = flood.data});
    struct http_request request = get(world);
    assert_fails(world, &request, ERROR_TOO_LARGE, "more than 100 headers");
}

static void an_answer_past_its_limit_is_refused(void **state) {
    struct world *world = *state;
    PEER(world, {.bytes = says(world, 200, "", "12345678")});
    struct http_request request = get(world);
    request.answer_limit = 7;
    assert_fails(world, &request, ERROR_TOO_LARGE, "longer than 7 bytes");
}

/* A sink that refuses, cancels its own call, or another's, from inside. */
struct rude {
    struct http_call *cancel;
    bool refuse_begin, cancel_at_begin;
    int begun, written;
};

static bool rude_begin(void *arg, int status, int64_t length) {
    struct rude *rude = arg;
    (void)status;
    (void)length;
    rude->begun++;
    if (rude->cancel && rude->cancel_at_begin)
        http_cancel(rude->cancel);
    return !rude->refuse_begin;
}

static bool rude_write(void *arg, const char *bytes, size_t length) {
    struct rude *rude = arg;
    (void)bytes;
    (void)length;
    rude->written++;
    if (!rude->cancel)
        return false;
    http_cancel(rude->cancel);
    return true;
}

static void a_sink_may_refuse(void **state) {
    struct world *world = *state;
    struct rude writer = {0}, beginner = {.refuse_begin = true};
    PEER(world, {.bytes = says(world, 200, "", "bytes")}, {.bytes = says(world, 200, "", "bytes")},
         {.bytes = says(world, 200, "", "")});
    struct http_request request = get(world);
    request.sink = &(struct http_sink){rude_begin, rude_write, &writer};
    assert_fails(world, &request, ERROR_TOO_LARGE, "refused by who reads it");
    request.sink = &(struct http_sink){rude_begin, rude_write, &beginner};
    assert_fails(world, &request, ERROR_TOO_LARGE, "refused by who reads it");
    assert_fails(world, &request, ERROR_TOO_LARGE, "refused by who reads it"); /* an empty body */
    assert_int_equal(writer.written, 1);
    assert_int_equal(beginner.written, 0);
    assert_int_equal(beginner.begun, 2);
}

static void a_call_cancelled_in_its_sink_never_hears(void **state) {
    struct world *world = *state;
    struct rude writer = {0}, beginner = {.cancel_at_begin = true}, empty = {.cancel_at_begin = true};
    struct outcome outcome = {0};
    PEER(world, {.bytes = says(world, 200, "", "bytes")}, {.bytes = says(world, 200, "", "bytes")},
         {.bytes = says(world, 200, "", "")});
    struct http_request request = get(world);
    struct rude *all[] = {&writer, &beginner, &empty};
    for (size_t i = 0; i < array_length(all); i++) {
        request.sink = &(struct http_sink){rude_begin, rude_write, all[i]};
        all[i]->cancel = http_start(world->client, &request, on_done, &outcome);
        run_for(&world->loop, 40);
        assert_int_equal(all[i]->begun, 1);
        assert_int_equal(http_client_stats(world->client).in_flight, 0);
    }
    assert_int_equal(outcome.times, 0);
    assert_int_equal(writer.written, 1);
    assert_int_equal(beginner.written, 0);
}

static void another_call_cancelled_in_a_sink_never_hears(void **state) {
    struct world *world = *state;
    struct outcome cancelled = {0};
    _cleanup_outcome_ struct outcome first = {0};
    struct rude rude = {0};
    PEER(world, {.bytes = says(world, 200, "", "bytes"), .after_ms = 200}, {.bytes = world->texts[0]});
    struct http_request request = get(world);
    rude.cancel = http_start(world->client, &request, on_done, &cancelled);
    request.sink = &(struct http_sink){rude_begin, rude_write, &rude};
    run_for(&world->loop, 20); /* the first request is there */
    fetch(world, &request, &first);
    run_for(&world->loop, 250);
    assert_int_equal(first.status, 200);
    assert_int_equal(cancelled.times, 0);
}

static void a_call_cancelled_at_once_never_hears(void **state) {
    struct world *world = *state;
    struct outcome outcome = {0};
    PEER(world, {.bytes = says(world, 200, "", "bytes")});
    struct http_request request = get(world);
    http_cancel(http_start(world->client, &request, on_done, &outcome));
    assert_int_equal(http_client_stats(world->client).in_flight, 0);
    run_for(&world->loop, 20);
    assert_int_equal(outcome.times, 0);
    assert_int_equal(peer_requests(world->peer), 0);
}

static void a_call_cancelled_later_never_hears(void **state) {
    struct world *world = *state;
    const size_t large = (size_t)8 << 20;
    struct outcome outcome = {0};
    PEER(world, {.end = PEER_SILENT, .at_head = true});
    struct http_request request = get(world);
    for (int turns = 1; turns < 12; turns++) { /* resolving, connecting, sending, waiting */
        char *bytes = x_calloc(1, large);
        request.method = "PUT";
        request.body = &(struct http_slice){bytes, large};
        request.body_count = 1;
        struct http_call *call = http_start(world->client, &request, on_done, &outcome);
        for (int i = 0; i < turns; i++)
            uv_run(&world->loop, UV_RUN_NOWAIT);
        http_cancel(call);
        free(bytes); /* nobody may read it any more */
        run_for(&world->loop, 5);
    }
    assert_int_equal(outcome.times, 0);
}

/* Two calls end in the same turn: the first `done` cancels the second and starts a third. */
struct pair {
    struct world *world;
    struct http_call *other;
    struct outcome third;
    bool over;
};

static void on_first_of_pair(void *arg, const struct http_answer *answer, const struct error *error) {
    struct pair *pair = arg;
    (void)answer;
    (void)error;
    struct http_request request = get(pair->world);
    if (pair->other)
        http_cancel(take_pointer(pair->other));
    http_start(pair->world->client, &request, on_done, &pair->third);
    pair->over = true;
}

static void done_may_cancel_its_neighbours_and_start_anew(void **state) {
    struct world *world = *state;
    struct pair pair = {.world = world};
    struct outcome second = {0};
    PEER(world, {.bytes = says(world, 200, "", "ok")});
    struct http_request request = {.method = "GET", .url = "http://127.0.0.1:1"}; /* both are refused at once */
    http_start(world->client, &request, on_first_of_pair, &pair);
    pair.other = http_start(world->client, &request, on_done, &second);
    run_until(&world->loop, &pair.over);
    run_until(&world->loop, &pair.third.over);
    run_for(&world->loop, 20);
    assert_int_equal(second.times, 0);
    assert_string_equal(pair.third.body, "ok");
    outcome_fini(&pair.third);
}

static bool start_in_sink(void *arg, const char *bytes, size_t length) {
    struct pair *pair = arg;
    (void)bytes;
    (void)length;
    on_first_of_pair(pair, NULL, NULL);
    return true;
}

static void a_sink_may_start_a_call(void **state) {
    struct world *world = *state;
    struct pair pair = {.world = world};
    _cleanup_outcome_ struct outcome first = {0};
    PEER(world, {.bytes = says(world, 200, "", "ok")});
    struct http_request request = get(world);
    request.sink = &(struct http_sink){.write = start_in_sink, .arg = &pair};
    fetch(world, &request, &first);
    run_until(&world->loop, &pair.third.over);
    assert_string_equal(pair.third.body, "ok");
    outcome_fini(&pair.third);
}

static void a_hundred_stalls_end_together(void **state) {
    struct world *world = *state;
    struct outcome outcomes[100] = {0};
    PEER(world, {.end = PEER_SILENT});
    struct http_request request = get(world);
    request.stall_timeout_ms = 100;
    for (size_t i = 0; i < array_length(outcomes); i++)
        http_start(world->client, &request, on_done, &outcomes[i]);
    for (size_t i = 0; i < array_length(outcomes); i++) {
        run_until(&world->loop, &outcomes[i].over);
        assert_int_equal(outcomes[i].code, ERROR_TRANSIENT);
        outcome_fini(&outcomes[i]);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_WORLD(a_refused_connection_is_transient),
        WITH_WORLD(an_url_that_is_none_is_invalid),
        WITH_WORLD(a_header_with_a_line_break_is_never_sent),
        WITH_WORLD(a_server_that_never_answers_stalls),
        WITH_WORLD(a_server_that_never_answers_an_upload_stalls),
        WITH_WORLD(a_body_that_stops_in_the_middle_stalls),
        WITH_WORLD(slow_bytes_are_no_stall),
        WITH_WORLD(header_lines_that_drip_are_a_stall),
        WITH_WORLD(interim_answers_that_drip_are_a_stall),
        WITH_WORLD(a_body_that_drips_is_a_stall),
        WITH_WORLD(white_space_while_s3_computes_is_no_stall_but_ends),
        WITH_WORLD(a_header_line_too_long_is_no_want_of_memory),
        WITH_WORLD(a_total_time_out_ends_a_call),
        WITH_WORLD(a_reset_before_the_answer_is_transient),
        WITH_WORLD(a_reset_in_the_body_is_transient),
        WITH_WORLD(a_truncated_body_is_transient),
        WITH_WORLD(a_reset_in_an_upload_is_transient),
        WITH_WORLD(words_that_are_not_http_are_transient),
        WITH_WORLD(a_flood_of_headers_is_refused),
        WITH_WORLD(an_answer_past_its_limit_is_refused),
        WITH_WORLD(a_sink_may_refuse),
        WITH_WORLD(a_call_cancelled_in_its_sink_never_hears),
        WITH_WORLD(another_call_cancelled_in_a_sink_never_hears),
        WITH_WORLD(a_call_cancelled_at_once_never_hears),
        WITH_WORLD(a_call_cancelled_later_never_hears),
        WITH_WORLD(done_may_cancel_its_neighbours_and_start_anew),
        WITH_WORLD(a_sink_may_start_a_call),
        WITH_WORLD(a_hundred_stalls_end_together),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
