/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The story of one call to AWS.
 *
 *     ask for credentials --> send: resolve, sign, HTTP --> judge -- success ------------------> done
 *      ^                                                      |
 *      |                                                      v
 *      +-- wait a while <---------------------------------- settle: retry.c decides --give up--> done
 *      +-- at once, with new credentials, clock or region <---+
 *
 * Where it stands is what is under way: `asking`, `sending`, or the timer.
 *
 * Callbacks of the caller (accept, on_throttle) may cancel the call: it is then let go as soon as they return.
 */
#include <stdlib.h>
#include <string.h>

#include "aws/classify.h"
#include "aws/session.h"
#include "aws/sigv4.h"
#include "base/digest.h"
#include "base/encoding.h"
#include "base/memory.h"

#define OWN_HEADERS 5 /* host, x-amz-date, x-amz-security-token, x-amz-content-sha256, authorization */

struct aws_call {
    struct aws_session *session;
    struct aws_request request; /* its strings and headers are ours; slices, sink and args the caller's */
    aws_done *done;
    void *arg;
    struct credential_request *asking; /* ASK */
    struct http_call *sending;         /* SEND */
    uv_timer_t timer;                  /* WAIT */
    struct retry_record record;
    char *access_key;   /* what the last attempt was signed with */
    char *region;       /* and for */
    char *payload_hash; /* computed once */
    int64_t started;
    bool in_callback, cancelled;
};

static void ask(struct aws_call *call);
static void on_waited(uv_timer_t *timer);

static int64_t monotonic(const struct aws_call *call) {
    return aws_client_monotonic(call->session->client)();
}

static struct http_header *copy_headers(const struct http_header *headers, size_t count) {
    struct http_header *copy = x_calloc(count ? count : 1, sizeof *copy);
    for (size_t i = 0; i < count; i++)
        copy[i] = (struct http_header){x_strdup(headers[i].name), x_strdup(headers[i].value), headers[i].secret};
    return copy;
}

static void *own(const void *borrowed) {
    void *ours;
    memcpy(&ours, &borrowed, sizeof ours); /* ours since copy_request(), though the struct says const */
    return ours;
}

static void copy_request(struct aws_request *to, const struct aws_request *from) {
    *to = *from;
    to->what = x_strdup(from->what);
    to->needs = x_strdup(from->needs);
    to->method = x_strdup(from->method);
    to->bucket = x_strdup(from->bucket);
    to->path = x_strdup(from->path ? from->path : "/");
    to->query = x_strdup(from->query ? from->query : "");
    to->body_sha256 = x_strdup(from->body_sha256);
    to->headers = copy_headers(from->headers, from->header_count);
}

static void free_request(struct aws_request *request) {
    for (size_t i = 0; i < request->header_count; i++) {
        free(own(request->headers[i].name));
        secret_free(own(request->headers[i].value));
    }
    free(own(request->headers));
    free(own(request->what));
    free(own(request->needs));
    free(own(request->method));
    free(own(request->bucket));
    free(own(request->path));
    free(own(request->query));
    free(own(request->body_sha256));
}

static void on_closed(uv_handle_t *handle) {
    free(handle->data);
}

/* Stops whatever is under way. The memory goes when the loop has closed the timer. */
static void release(struct aws_call *call) {
    if (call->asking)
        credential_request_cancel(take_pointer(call->asking));
    if (call->sending)
        http_cancel(take_pointer(call->sending));
    free_request(&call->request);
    free(call->access_key);
    free(call->region);
    free(call->payload_hash);
    uv_close((uv_handle_t *)&call->timer, on_closed);
}

void aws_cancel(struct aws_call *call) {
    call->cancelled = true;
    if (!call->in_callback)
        release(call);
}

static void finish(struct aws_call *call, const struct http_answer *answer, const struct error *error) {
    aws_done *done = call->done;
    void *arg = call->arg;
    release(call);
    done(arg, answer, error);
}

/* Puts the caller's words before the error, and behind it how long we have tried. */
static void give_up(struct aws_call *call, struct error *error) {
    _cleanup_buffer_ struct buffer span = BUFFER_INIT(BUFFER_OURS);
    error_context(error, "%s", call->request.what);
    if (call->record.attempts > 1) {
        format_duration(&span, monotonic(call) - call->started);
        error_advice(error, "given up after %u attempts in %s", call->record.attempts, span.data);
    }
    finish(call, NULL, error);
}

/* The session's token bucket and the run's figures; the caller hears of a throttle and may cancel. */
static void wait_a_while(struct aws_call *call, enum error_code why, int64_t delay_ms) {
    struct aws_patience *patience = call->session->patience;
    if (patience && why == ERROR_THROTTLED)
        patience->throttles++;
    else if (patience)
        patience->retries++;
    if (why == ERROR_THROTTLED && call->request.on_throttle) {
        call->in_callback = true;
        call->request.on_throttle(call->request.throttle_arg);
        call->in_callback = false;
    }
    if (call->cancelled) {
        release(call);
        return;
    }
    uv_timer_start(&call->timer, on_waited, (uint64_t)delay_ms, 0);
}

/* Is there anything to learn from a redirect? The region that this call was signed for is no news; the one that another
 * call has learned meanwhile is. */
static bool learn_region(struct aws_call *call, const struct http_answer *answer) {
    char region[64];
    const char *bucket = call->request.bucket;
    if (!bucket || !classify_bucket_region(region, answer))
        return false;
    if (!call->region || strcmp(region, call->region) == 0)
        return false;
    aws_session_learn_region(call->session, bucket, region);
    return true;
}

/* An attempt has failed; takes the error. `answer` is NULL where none came. */
static void settle(struct aws_call *call, struct error *error, const struct http_answer *answer) {
    struct aws_session *session = call->session;
    int64_t delay_ms, retry_after_ms = answer ? classify_retry_after(answer) : -1;
    enum retry_action action =
        retry_decide(&call->record, &session->quota, session->patience, error, retry_after_ms,
                     call->request.max_attempts, monotonic(call), aws_client_random(session->client), &delay_ms);
    enum error_code why = error->code;
    if ((action == RETRY_NEW_CREDENTIALS && !call->access_key) ||
        (action == RETRY_NEW_CLOCK && (!answer || !aws_client_learn_clock(session->client, answer))) ||
        (action == RETRY_NEW_REGION && (!answer || !learn_region(call, answer))))
        action = RETRY_GIVE_UP;
    if (action == RETRY_GIVE_UP) {
        give_up(call, error);
        return;
    }
    if (action == RETRY_NEW_CREDENTIALS)
        credential_provider_refused(session->provider, call->access_key);
    if (action == RETRY_AFTER)
        wait_a_while(call, why, delay_ms);
    else
        ask(call);
}

static bool accepted(struct aws_call *call, const struct http_answer *answer, struct error *error) {
    if (!call->request.accept)
        return true;
    call->in_callback = true;
    bool good = call->request.accept(call->request.accept_arg, answer, error);
    call->in_callback = false;
    if (!good && !error->http_status)
        error->http_status = answer->status;
    return good;
}

static void judge(struct aws_call *call, const struct http_answer *answer, struct error *error) {
    if (answer->status >= 200 && answer->status <= 299)
        (void)accepted(call, answer, error);
    else if (answer->status != 404 || !call->request.answer_404)
        classify_answer(error, call->request.service, answer);
    classify_advise(error, call->request.needs);
}

static void on_answer(void *arg, const struct http_answer *answer, const struct error *error) {
    struct aws_call *call = arg;
    _cleanup_error_ struct error problem = {0};
    call->sending = NULL;
    if (error)
        problem = error_copy(error);
    else
        judge(call, answer, &problem);
    if (call->cancelled) {
        release(call);
    } else if (problem.code) {
        settle(call, &problem, answer);
    } else {
        retry_success(&call->record, &call->session->quota, call->session->patience, monotonic(call));
        finish(call, answer, NULL);
    }
}

static void hash_body(struct aws_call *call) {
    unsigned char value[SHA256_LENGTH];
    struct digest *digest = digest_new_sha256();
    for (size_t i = 0; i < call->request.body_count; i++)
        digest_update(digest, call->request.body[i].data, call->request.body[i].length);
    digest_final(digest, value);
    call->payload_hash = x_malloc(2 * SHA256_LENGTH + 1);
    hex_encode(call->payload_hash, value, sizeof value);
}

/* S3 over TLS need not hash a body: TLS keeps it whole, and a checksum goes with it. */
static const char *payload_hash(struct aws_call *call, const struct endpoint *endpoint) {
    if (call->request.body_sha256)
        return call->request.body_sha256;
    if (call->request.service == AWS_S3 && endpoint->tls && call->request.body_count)
        return SIGV4_UNSIGNED;
    if (!call->payload_hash)
        hash_body(call);
    return call->payload_hash;
}

/* What one attempt is made of. Values point into the others; `authorization` is owned. */
struct attempt {
    struct endpoint endpoint;
    char *path, *url, *authorization;
    char date[TIME_TEXT];
    struct http_header *headers;
    size_t header_count;
};

static void attempt_fini(struct attempt *attempt) {
    endpoint_fini(&attempt->endpoint);
    free(attempt->path);
    free(attempt->url);
    secret_free(attempt->authorization);
    free(attempt->headers);
}

static void add_header(struct attempt *attempt, const char *name, const char *value, bool secret) {
    attempt->headers[attempt->header_count++] = (struct http_header){name, value, secret};
}

static void sign(struct attempt *attempt, struct aws_call *call, const struct credentials *credentials) {
    const struct aws_request *request = &call->request;
    bool s3 = request->service == AWS_S3;
    const char *hash = payload_hash(call, &attempt->endpoint);
    int64_t now = aws_client_now(call->session->client) / SECOND_MS;
    attempt->path = x_printf("%s%s", attempt->endpoint.path, request->path);
    attempt->url =
        x_printf("%s%s%s%s", attempt->endpoint.url, attempt->path, *request->query ? "?" : "", request->query);
    attempt->headers = x_calloc(request->header_count + OWN_HEADERS, sizeof *attempt->headers);
    memcpy(attempt->headers, request->headers, request->header_count * sizeof *attempt->headers);
    attempt->header_count = request->header_count;
    add_header(attempt, "host", attempt->endpoint.host, false);
    add_header(attempt, "x-amz-date", time_format_basic(attempt->date, now), false);
    if (s3)
        add_header(attempt, "x-amz-content-sha256", hash, false);
    if (credentials->session_token)
        add_header(attempt, "x-amz-security-token", credentials->session_token, true);
    const struct sigv4_request canonical = {
        .method = request->method,
        .path = attempt->path,
        .query = request->query,
        .headers = attempt->headers,
        .header_count = attempt->header_count,
        .payload_hash = hash,
        .region = attempt->endpoint.region,
        .service = aws_service_signing_name(request->service),
        .time = now,
        .normalize_path = !s3,
        .encode_twice = !s3,
    };
    attempt->authorization = sigv4_authorization(&canonical, credentials);
    add_header(attempt, "authorization", attempt->authorization, true);
}

static void post(struct aws_call *call, const struct attempt *attempt) {
    const struct http_request request = {
        .method = call->request.method,
        .url = attempt->url,
        .headers = attempt->headers,
        .header_count = attempt->header_count,
        .body = call->request.body,
        .body_count = call->request.body_count,
        .sink = call->request.sink,
        .answer_limit = call->request.answer_limit,
        .stall_timeout_ms = call->request.stall_timeout_ms,
        .direct = attempt->endpoint.direct,
        .fresh = call->request.counted,
    };
    call->sending = http_start(aws_client_http(call->session->client), &request, on_answer, call);
}

static void send_with(struct aws_call *call, const struct credentials *credentials) {
    struct attempt attempt = {0};
    _cleanup_error_ struct error error = {0};
    const struct aws_request *request = &call->request;
    if (!endpoint_resolve(&attempt.endpoint, aws_client_endpoints(call->session->client), request->service,
                          aws_session_region_of(call->session, request->bucket), request->bucket, &error)) {
        give_up(call, &error);
        return;
    }
    x_replace(&call->access_key, credentials->access_key);
    x_replace(&call->region, aws_session_region_of(call->session, request->bucket));
    sign(&attempt, call, credentials);
    post(call, &attempt);
    attempt_fini(&attempt);
}

/* Without credentials: a provider that may have some later is asked again, as a request is; else its words are the end. */
static void on_credentials(void *arg, const struct credentials *got, const struct error *error) {
    struct aws_call *call = arg;
    call->asking = NULL;
    if (got) {
        send_with(call, got);
        return;
    }
    _cleanup_error_ struct error problem = error_copy(error);
    if (problem.code == ERROR_TRANSIENT || problem.code == ERROR_THROTTLED || problem.code == ERROR_CORRUPT) {
        if (!call->record.attempts) /* the source has had attempts of its own all the while */
            call->record.failing_since = call->started;
        settle(call, &problem, NULL);
    } else {
        call->record.attempts++;
        give_up(call, &problem);
    }
}

static void on_waited(uv_timer_t *timer) {
    ask(timer->data);
}

static void ask(struct aws_call *call) {
    call->asking = credential_provider_get(call->session->provider, on_credentials, call);
}

struct aws_call *aws_start(struct aws_session *session, const struct aws_request *request, aws_done *done, void *arg) {
    struct aws_call *call = x_calloc(1, sizeof *call);
    *call = (struct aws_call){.session = session, .done = done, .arg = arg};
    copy_request(&call->request, request);
    call->started = monotonic(call);
    call->timer.data = call;
    uv_timer_init(aws_client_loop(session->client), &call->timer);
    ask(call);
    return call;
}
