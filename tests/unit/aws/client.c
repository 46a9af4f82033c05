/* SPDX-License-Identifier: Apache-2.0 */
/* Whole calls against a scripted peer: what is sent again, with which credentials, clock and region, and what ends them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "aws/client.h"
#include "base/memory.h"
#include "peer.h"

#define NOW ((int64_t)1751767200000) /* 2025-07-06T02:00:00Z */

static int64_t wall(void) {
    return NOW;
}

static uint64_t no_jitter(uint64_t bound) {
    (void)bound;
    return 0;
}

/* A source that answers from a timer: KEY1, then KEY2, ...; or fails. */
struct source {
    uv_timer_t timer;
    credentials_done *done;
    void *arg;
    int fetches, takes_ms;
    enum error_code failure;
};

static void on_source_timer(uv_timer_t *timer) {
    struct source *source = timer->data;
    _cleanup_error_ struct error error = {0};
    char key[16];
    snprintf(key, sizeof key, "KEY%d", ++source->fetches);
    char secret[] = "secret", token[] = "token";
    const struct credentials got = {key, secret, token, NOW + 3600000};
    if (source->failure)
        error_set(&error, source->failure, "no keys");
    source->done(source->arg, error.code ? NULL : &got, error.code ? &error : NULL);
}

static void source_fetch(void *self, credentials_done *done, void *arg) {
    struct source *source = self;
    source->done = done;
    source->arg = arg;
    uv_timer_start(&source->timer, on_source_timer, source->takes_ms ? (uint64_t)source->takes_ms : 2, 0);
}

static void source_stop(void *self) {
    uv_timer_stop(&((struct source *)self)->timer);
}

static void source_free(void *self) {
    uv_close((uv_handle_t *)&((struct source *)self)->timer, NULL);
}

static const struct credential_source source_table = {
    .name = "test", .fetch = source_fetch, .stop = source_stop, .free = source_free};

struct world {
    uv_loop_t loop;
    struct http_client *http;
    struct aws_client *client;
    struct aws_session *session;
    struct source source;
    struct peer *peer;
    struct aws_patience patience;
    char *texts[8];
    size_t text_count;
};

static const char *says(struct world *world, int status, const char *head, const char *body) {
    return world->texts[world->text_count++] = peer_answer(status, head, body);
}

static int set_up(void **state) {
    struct world *world = x_calloc(1, sizeof *world);
    struct error error = {0};
    signal(SIGPIPE, SIG_IGN);
    uv_loop_init(&world->loop);
    uv_timer_init(&world->loop, &world->source.timer);
    world->source.timer.data = &world->source;
    world->http = http_client_new(&world->loop, &(struct http_options){0}, &error);
    *state = world;
    return 0;
}

static void open_session(struct world *world, const struct peer_reply *replies, size_t count,
                         struct aws_patience *patience) {
    world->peer = peer_new(&world->loop, replies, count);
    struct aws_client_options options = {
        .loop = &world->loop, .http = world->http, .wall = wall, .monotonic = clock_monotonic, .random = no_jitter};
    for (size_t i = 0; i < AWS_SERVICES; i++)
        options.endpoints.url[i] = peer_url(world->peer);
    world->client = aws_client_new(&options);
    struct credential_provider *provider = credential_provider_new(&world->loop, &source_table, &world->source, wall);
    world->session = aws_session_new(world->client, provider, "us-east-1", patience);
    credential_provider_unref(provider);
}

#define SESSION(world, patience, ...)                                                                                  \
    const struct peer_reply replies_[] = {__VA_ARGS__};                                                                \
    open_session(world, replies_, array_length(replies_), patience)

static int tear_down(void **state) {
    struct world *world = *state;
    aws_session_free(world->session);
    aws_client_free(world->client);
    assert_int_equal(http_client_stats(world->http).in_flight, 0);
    http_client_free(world->http);
    peer_free(world->peer);
    uv_run(&world->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&world->loop), 0);
    for (size_t i = 0; i < world->text_count; i++)
        free(world->texts[i]);
    free(world);
    return 0;
}

struct outcome {
    bool over;
    int times, status;
    enum error_code code;
    char *message, *aws_code;
};

static void on_done(void *arg, const struct http_answer *answer, const struct error *error) {
    struct outcome *outcome = arg;
    outcome->over = true;
    outcome->times++;
    outcome->status = answer ? answer->status : 0;
    outcome->code = error ? error->code : ERROR_NONE;
    x_replace(&outcome->message, error ? error->message : NULL);
    x_replace(&outcome->aws_code, error ? error->aws_code : NULL);
}

static void outcome_fini(struct outcome *outcome) {
    free(outcome->message);
    free(outcome->aws_code);
}

#define _cleanup_outcome_ __attribute__((cleanup(outcome_fini)))

static const struct http_header target = {"x-amz-target", "DynamoDB_20120810.Scan", false};
static const struct http_slice body = {"{}", 2};

static struct aws_request scan(void) {
    return (struct aws_request){.service = AWS_DYNAMODB,
                                .what = "Scan of t",
                                .method = "POST",
                                .headers = &target,
                                .header_count = 1,
                                .body = &body,
                                .body_count = 1};
}

static void call(struct world *world, const struct aws_request *request, struct outcome *outcome) {
    aws_start(world->session, request, on_done, outcome);
    assert_int_equal(outcome->times, 0);
    run_until(&world->loop, &outcome->over);
    assert_int_equal(outcome->times, 1);
}

static bool sent(const struct world *world, size_t i, const char *text) {
    return strstr(peer_request(world->peer, i), text) != NULL;
}

static void a_call_is_signed(void **state) {
    struct world *world = *state;
    _cleanup_outcome_ struct outcome outcome = {0};
    SESSION(world, NULL, {.bytes = says(world, 200, "", "{}")});
    struct aws_request request = scan();
    call(world, &request, &outcome);
    assert_int_equal(outcome.status, 200);
    assert_true(sent(world, 0, "POST / HTTP/1.1\r\n"));
    assert_true(sent(world, 0, "\r\nx-amz-date: 20250706T020000Z\r\n"));
    assert_true(sent(world, 0, "\r\nx-amz-security-token: token\r\n"));
    assert_true(sent(world, 0,
                     "Credential=KEY1/20250706/us-east-1/dynamodb/aws4_request, "
                     "SignedHeaders=host;x-amz-date;x-amz-security-token;x-amz-target, Signature="));
    assert_false(sent(world, 0, "x-amz-content-sha256"));
}

static void s3_says_its_payload_hash(void **state) {
    struct world *world = *state;
    _cleanup_outcome_ struct outcome put = {0}, head = {0}, missing = {0};
    SESSION(world, NULL, {.bytes = says(world, 200, "", "")}, {.bytes = says(world, 404, "", "")});
    struct aws_request request = {.service = AWS_S3,
                                  .what = "PUT",
                                  .method = "PUT",
                                  .bucket = "b-1",
                                  .path = "/k%20",
                                  .query = "x=1",
                                  .body = &body,
                                  .body_count = 1};
    call(world, &request, &put); /* not over TLS: hashed */
    assert_true(sent(world, 0, "PUT /b-1/k%20?x=1 HTTP/1.1\r\n"));
    assert_true(
        sent(world, 0, "x-amz-content-sha256: 44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"));
    request = (struct aws_request){.service = AWS_S3,
                                   .what = "HEAD",
                                   .method = "GET",
                                   .bucket = "b-1",
                                   .body_sha256 = "given",
                                   .answer_404 = true};
    call(world, &request, &head);
    assert_int_equal(head.status, 404);
    assert_true(sent(world, 1, "x-amz-content-sha256: given"));
    request.answer_404 = false;
    call(world, &request, &missing);
    assert_int_equal(missing.code, ERROR_NOT_FOUND);
    assert_string_equal(missing.message, "HEAD: 404");
}

static void count_throttle(void *arg) {
    ++*(int *)arg;
}

static void throttles_are_waited_out(void **state) {
    struct world *world = *state;
    int throttles = 0;
    _cleanup_outcome_ struct outcome outcome = {0};
    world->patience = (struct aws_patience){.retry_for = 60000, .last_success = clock_monotonic()};
    const char *slow = says(world, 400, "", "{\"__type\":\"ThrottlingException\"}");
    SESSION(world, &world->patience, {.bytes = slow}, {.bytes = slow}, {.bytes = says(world, 200, "", "{}")});
    struct aws_request request = scan();
    request.on_throttle = count_throttle;
    request.throttle_arg = &throttles;
    call(world, &request, &outcome);
    assert_int_equal(outcome.status, 200);
    assert_int_equal(throttles, 2);
    assert_int_equal(world->patience.throttles, 2);
    assert_int_equal(world->patience.retries, 0);
}

static void failures_end_with_the_patience(void **state) {
    struct world *world = *state;
    _cleanup_outcome_ struct outcome outcome = {0};
    world->patience = (struct aws_patience){.retry_for = 1, .last_success = clock_monotonic() - 10};
    SESSION(world, &world->patience,
            {.bytes = says(world, 500, "X-Amzn-RequestId: R\r\n", "{\"__type\":\"InternalServerError\"}")});
    struct aws_request request = scan();
    call(world, &request, &outcome);
    assert_int_equal(outcome.code, ERROR_TRANSIENT);
    assert_string_equal(outcome.aws_code, "InternalServerError");
    assert_non_null(strstr(outcome.message, "Scan of t: 500 InternalServerError (request R): given up after "));
    assert_true(peer_requests(world->peer) >= 2);
}

static void eight_attempts_without_a_patience(void **state) {
    struct world *world = *state;
    _cleanup_outcome_ struct outcome outcome = {0}, fewer = {0};
    SESSION(world, NULL, {.end = PEER_CLOSE});
    struct aws_request request = scan();
    call(world, &request, &outcome);
    assert_int_equal(outcome.code, ERROR_TRANSIENT);
    assert_int_equal(peer_requests(world->peer), 8);
    request.max_attempts = 2;
    call(world, &request, &fewer);
    assert_int_equal(peer_requests(world->peer), 10);
}

static void expired_credentials_are_fetched_anew_once(void **state) {
    struct world *world = *state;
    _cleanup_outcome_ struct outcome outcome = {0}, hopeless = {0};
    const char *expired = says(world, 400, "", "{\"__type\":\"ExpiredTokenException\"}");
    SESSION(world, NULL, {.bytes = expired}, {.bytes = says(world, 200, "", "{}")}, {.bytes = expired});
    struct aws_request request = scan();
    call(world, &request, &outcome);
    assert_int_equal(outcome.status, 200);
    assert_true(sent(world, 0, "Credential=KEY1/"));
    assert_true(sent(world, 1, "Credential=KEY2/"));
    call(world, &request, &hopeless);
    assert_int_equal(hopeless.code, ERROR_EXPIRED);
    assert_int_equal(peer_requests(world->peer), 4);
}

static void a_skewed_clock_is_corrected(void **state) {
    struct world *world = *state;
    _cleanup_outcome_ struct outcome outcome = {0}, dateless = {0};
    const char *skewed = "{\"__type\":\"RequestTimeTooSkewed\"}";
    SESSION(world, NULL, {.bytes = says(world, 403, "Date: Sun, 06 Jul 2025 03:30:00 GMT\r\n", skewed)},
            {.bytes = says(world, 200, "", "{}")}, {.bytes = says(world, 403, "", skewed)});
    struct aws_request request = scan();
    call(world, &request, &outcome);
    assert_int_equal(outcome.status, 200);
    assert_true(sent(world, 1, "x-amz-date: 20250706T033000Z"));
    assert_int_equal(aws_client_now(world->client), NOW + 90 * MINUTE_MS);
    call(world, &request, &dateless);
    assert_int_equal(dateless.code, ERROR_SKEW);
}

static void a_region_is_followed_and_remembered(void **state) {
    struct world *world = *state;
    _cleanup_outcome_ struct outcome first = {0}, second = {0}, other = {0};
    const char *moved = says(world, 301, "x-amz-bucket-region: eu-west-1\r\n", "");
    SESSION(world, NULL, {.bytes = moved}, {.bytes = says(world, 200, "", "")}, {.bytes = says(world, 200, "", "")},
            {.bytes = moved}, {.bytes = moved});
    struct aws_request request = {.service = AWS_S3, .what = "GET", .method = "GET", .bucket = "b-1", .path = "/k"};
    call(world, &request, &first);
    call(world, &request, &second);
    assert_true(sent(world, 0, "/us-east-1/s3/"));
    assert_true(sent(world, 1, "/eu-west-1/s3/"));
    assert_true(sent(world, 2, "/eu-west-1/s3/"));
    call(world, &request, &other); /* moved to where it is: no news */
    assert_int_equal(other.code, ERROR_REGION);
    assert_int_equal(peer_requests(world->peer), 4);
}

/* Two were under way to the old region: what the first has learned is news to the second as well. */
static void a_region_that_another_call_has_learned_is_followed_too(void **state) {
    struct world *world = *state;
    _cleanup_outcome_ struct outcome first = {0}, second = {0};
    const char *moved = says(world, 301, "x-amz-bucket-region: eu-west-1\r\n", "");
    SESSION(world, NULL, {.bytes = moved, .after_ms = 40}, {.bytes = moved, .after_ms = 40},
            {.bytes = says(world, 200, "", "")});
    struct aws_request request = {.service = AWS_S3, .what = "GET", .method = "GET", .bucket = "b-1", .path = "/k"};
    aws_start(world->session, &request, on_done, &first);
    aws_start(world->session, &request, on_done, &second);
    run_until(&world->loop, &first.over);
    run_until(&world->loop, &second.over);
    assert_true(sent(world, 1, "/us-east-1/s3/"));
    assert_int_equal(first.status, 200);
    assert_int_equal(second.status, 200);
}

static bool refuse_first(void *arg, const struct http_answer *answer, struct error *error) {
    int *times = arg;
    assert_int_equal(answer->status, 200);
    if ((*times)++ > 0)
        return true;
    error_set(error, ERROR_TRANSIENT, "the checksum does not match");
    return false;
}

static void accept_may_refuse_a_success(void **state) {
    struct world *world = *state;
    int times = 0;
    _cleanup_outcome_ struct outcome outcome = {0};
    SESSION(world, NULL, {.bytes = says(world, 200, "", "{}")});
    struct aws_request request = scan();
    request.accept = refuse_first;
    request.accept_arg = &times;
    call(world, &request, &outcome);
    assert_int_equal(outcome.status, 200);
    assert_int_equal(times, 2);
}

struct sink {
    struct buffer bytes;
    int begun;
};

static bool sink_begin(void *arg, int status, int64_t length) {
    struct sink *sink = arg;
    (void)status;
    (void)length;
    sink->begun++;
    buffer_clear(&sink->bytes);
    return true;
}

static bool sink_write(void *arg, const char *bytes, size_t length) {
    return buffer_append(&((struct sink *)arg)->bytes, bytes, length);
}

static void a_sink_starts_over_at_each_attempt(void **state) {
    struct world *world = *state;
    struct sink sink = {.bytes = BUFFER_INIT(1000)};
    _cleanup_outcome_ struct outcome outcome = {0};
    SESSION(world, NULL, {.bytes = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc", .end = PEER_CLOSE},
            {.bytes = says(world, 503, "", "<Error><Code>InternalError</Code></Error>")},
            {.bytes = says(world, 200, "", "whole")});
    const struct http_sink to = {sink_begin, sink_write, &sink};
    struct aws_request request = scan();
    request.sink = &to;
    call(world, &request, &outcome);
    assert_int_equal(outcome.status, 200);
    assert_string_equal(sink.bytes.data, "whole");
    assert_int_equal(sink.begun, 2);
    buffer_fini(&sink.bytes);
}

static void without_credentials_their_error_is_told(void **state) {
    struct world *world = *state;
    _cleanup_outcome_ struct outcome outcome = {0};
    SESSION(world, NULL, {.bytes = says(world, 200, "", "{}")});
    world->source.failure = ERROR_INVALID;
    struct aws_request request = scan();
    call(world, &request, &outcome);
    assert_int_equal(outcome.code, ERROR_INVALID);
    assert_non_null(strstr(outcome.message, "Scan of t: "));
    assert_non_null(strstr(outcome.message, "no keys"));
    assert_int_equal(peer_requests(world->peer), 0);
}

/* A silent STS: its attempts have taken all of RetryFor= before the call hears of the first failure. */
static void the_time_that_credentials_took_counts_as_failing(void **state) {
    struct world *world = *state;
    _cleanup_outcome_ struct outcome outcome = {0};
    world->patience = (struct aws_patience){.retry_for = 20, .last_success = clock_monotonic() - 1000};
    SESSION(world, &world->patience, {.bytes = says(world, 200, "", "{}")});
    world->source.failure = ERROR_TRANSIENT;
    world->source.takes_ms = 60;
    struct aws_request request = scan();
    call(world, &request, &outcome);
    assert_int_equal(outcome.code, ERROR_TRANSIENT);
    assert_int_equal(world->patience.retries, 0);
    assert_int_equal(peer_requests(world->peer), 0);
}

static void a_bucket_that_is_none_is_an_error(void **state) {
    struct world *world = *state;
    _cleanup_outcome_ struct outcome outcome = {0};
    SESSION(world, NULL, {.bytes = says(world, 200, "", "{}")});
    const struct aws_request request = {.service = AWS_S3, .what = "GET", .method = "GET", .bucket = "a/b"};
    call(world, &request, &outcome);
    assert_int_equal(outcome.code, ERROR_INVALID);
    assert_string_equal(outcome.message, "GET: \"a/b\" is no name of a bucket");
}

static void a_cancelled_call_never_hears(void **state) {
    struct world *world = *state;
    struct outcome outcome = {0};
    SESSION(world, NULL, {.bytes = says(world, 400, "", "{\"__type\":\"ThrottlingException\"}"), .after_ms = 5},
            {.end = PEER_SILENT});
    const struct aws_request request = scan();
    const int moments[] = {0,  1,  3, 6,
                           12, 30, 60}; /* credentials, connecting, waiting for the answer, between attempts */
    for (size_t i = 0; i < array_length(moments); i++) {
        struct aws_call *started = aws_start(world->session, &request, on_done, &outcome);
        if (moments[i])
            run_for(&world->loop, moments[i]);
        aws_cancel(started);
    }
    run_for(&world->loop, 30);
    assert_int_equal(outcome.times, 0);
}

struct canceller {
    struct aws_call *call;
    int times;
};

static bool cancel_in_accept(void *arg, const struct http_answer *answer, struct error *error) {
    struct canceller *canceller = arg;
    (void)answer;
    canceller->times++;
    aws_cancel(canceller->call);
    error_set(error, ERROR_TRANSIENT, "never told");
    return false;
}

static void cancel_on_throttle(void *arg) {
    struct canceller *canceller = arg;
    canceller->times++;
    aws_cancel(canceller->call);
}

static bool cancel_in_sink(void *arg, const char *bytes, size_t length) {
    (void)bytes;
    (void)length;
    cancel_on_throttle(arg);
    return true;
}

static void a_call_cancelled_by_its_own_callbacks_never_hears(void **state) {
    struct world *world = *state;
    struct outcome outcome = {0};
    struct canceller canceller = {0};
    SESSION(world, NULL, {.bytes = says(world, 200, "", "{}")}, {.bytes = says(world, 429, "", "")},
            {.bytes = says(world, 200, "", "{}")});
    const struct http_sink sink = {NULL, cancel_in_sink, &canceller};
    struct aws_request requests[] = {scan(), scan(), scan()};
    requests[0].accept = cancel_in_accept;
    requests[0].accept_arg = &canceller;
    requests[1].on_throttle = cancel_on_throttle;
    requests[1].throttle_arg = &canceller;
    requests[2].sink = &sink;
    for (int i = 0; i < 3; i++) {
        canceller.call = aws_start(world->session, &requests[i], on_done, &outcome);
        run_for(&world->loop, 40);
        assert_int_equal(canceller.times, i + 1);
    }
    assert_int_equal(outcome.times, 0);
}

static void a_link_is_signed_for_its_bucket(void **state) {
    (void)state;
    char key[] = "AKIDEXAMPLE", secret[] = "secret";
    const struct credentials credentials = {.access_key = key, .secret_key = secret, .expires = INT64_MAX};
    const struct endpoints aws = {0};
    _cleanup_error_ struct error error = {0};
    char *url = aws_presign_get(&aws, "us-east-1", "b-1", "backups/a b%+.json", &credentials, NOW, 3600, &error);
    assert_non_null(url);
    assert_ptr_equal(strstr(url, "https://b-1.s3.us-east-1.amazonaws.com/backups/a%20b%25%2B.json?"), url);
    assert_non_null(strstr(url, "X-Amz-Expires=3600"));
    assert_non_null(strstr(url, "X-Amz-Signature="));
    secret_free(url);
    assert_null(aws_presign_get(&aws, "no region", "b-1", "k", &credentials, NOW, 3600, &error));
    assert_int_equal(error.code, ERROR_INVALID);
}

#define WITH_WORLD(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_WORLD(a_call_is_signed),
        WITH_WORLD(s3_says_its_payload_hash),
        WITH_WORLD(throttles_are_waited_out),
        WITH_WORLD(failures_end_with_the_patience),
        WITH_WORLD(eight_attempts_without_a_patience),
        WITH_WORLD(expired_credentials_are_fetched_anew_once),
        WITH_WORLD(a_skewed_clock_is_corrected),
        WITH_WORLD(a_region_is_followed_and_remembered),
        WITH_WORLD(a_region_that_another_call_has_learned_is_followed_too),
        WITH_WORLD(accept_may_refuse_a_success),
        WITH_WORLD(a_sink_starts_over_at_each_attempt),
        WITH_WORLD(without_credentials_their_error_is_told),
        WITH_WORLD(the_time_that_credentials_took_counts_as_failing),
        WITH_WORLD(a_bucket_that_is_none_is_an_error),
        WITH_WORLD(a_cancelled_call_never_hears),
        WITH_WORLD(a_call_cancelled_by_its_own_callbacks_never_hears),
        cmocka_unit_test(a_link_is_signed_for_its_bucket),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
