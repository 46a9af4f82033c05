/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One request from start to answer.
 *
 *     http_start -> (curl works) -> http_call_finish -> done
 *                        |
 *                        +-- http_cancel: out of the multi at once, or as soon as curl returns
 *                        +-- http_calls_check: nothing moved for too long
 *
 * Calls are kept and used again, with their easy handles and buffers: a page costs no set-up.
 */
#include <errno.h>
#include <linux/sockios.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "base/memory.h"
#include "http/engine.h"

static struct http_call *call_take(struct http_engine *engine) {
    struct http_call *call = TAILQ_FIRST(&engine->idle);
    if (call) {
        TAILQ_REMOVE(&engine->idle, call, entry);
        engine->idle_count--;
        return call;
    }
    call = x_calloc(1, sizeof *call);
    call->engine = engine;
    call->easy = curl_easy_init();
    if (!call->easy)
        abort(); /* a few KiB: as x_malloc() */
    http_head_init(&call->head);
    return call;
}

void http_call_free(struct http_call *call) {
    curl_easy_cleanup(call->easy);
    http_head_fini(&call->head);
    buffer_fini(&call->answer);
    free(call);
}

/* An answer may have held credentials (STS, IMDS): its bytes are zeroed before others can use their memory. */
static void give_back(struct http_call *call) {
    struct http_engine *engine = call->engine;
    curl_easy_reset(call->easy);
    http_headers_free(call->headers);
    call->headers = NULL;
    free(take_pointer(call->origin));
    error_clear(&call->failure);
    http_head_clear(&call->head);
    buffer_fini_secret(&call->answer);
    if (engine->retired || engine->idle_count == HTTP_IDLE_CALLS) {
        http_call_free(call);
        return;
    }
    TAILQ_INSERT_HEAD(&engine->idle, call, entry);
    engine->idle_count++;
}

struct http_call *http_start(struct http_client *client, const struct http_request *request, http_done *done,
                             void *arg) {
    struct http_engine *engine = client->engine;
    struct http_call *call = call_take(engine);
    int64_t now = clock_monotonic();
    *call = (struct http_call){
        .engine = engine,
        .easy = call->easy,
        .head = call->head,
        .done = done,
        .arg = arg,
        .body = request->body,
        .body_count = request->body_count,
        .origin = http_origin(request->url),
        .sink = request->sink ? *request->sink : (struct http_sink){0},
        .answer = BUFFER_INIT(request->answer_limit ? request->answer_limit : HTTP_ANSWER_LIMIT),
        .started = now,
        .active = now,
        .stall_ms = request->stall_timeout_ms ? request->stall_timeout_ms : HTTP_STALL_MS,
    };
    TAILQ_INSERT_TAIL(&engine->calls, call, entry);
    client->stats.calls++;
    client->stats.in_flight++;
    http_setup(call, request);
    http_engine_watch(engine, call->failure.code ? 0 : call->stall_ms);
    if (!call->failure.code)
        http_engine_add(engine, call);
    return call;
}

static uint64_t figure(CURL *easy, CURLINFO which) {
    curl_off_t value = 0;
    curl_easy_getinfo(easy, which, &value);
    return value > 0 ? (uint64_t)value : 0;
}

static uint64_t small_figure(CURL *easy, CURLINFO which) {
    long value = 0;
    curl_easy_getinfo(easy, which, &value);
    return value > 0 ? (uint64_t)value : 0;
}

/* Out of curl and of the list. What it moved is counted, whatever became of it. */
static void detach(struct http_call *call) {
    struct http_stats *stats = &call->engine->client->stats;
    if (call->added) {
        stats->connections += small_figure(call->easy, CURLINFO_NUM_CONNECTS);
        stats->bytes_sent +=
            figure(call->easy, CURLINFO_SIZE_UPLOAD_T) + small_figure(call->easy, CURLINFO_REQUEST_SIZE);
        stats->bytes_received +=
            figure(call->easy, CURLINFO_SIZE_DOWNLOAD_T) + small_figure(call->easy, CURLINFO_HEADER_SIZE);
    }
    http_engine_remove(call->engine, call);
    TAILQ_REMOVE(&call->engine->calls, call, entry);
    stats->in_flight--;
}

void http_call_drop(struct http_call *call) {
    detach(call);
    give_back(call);
}

void http_cancel(struct http_call *call) {
    struct http_engine *engine = call->engine;
    if (call->cancelled)
        return;
    call->cancelled = true; /* from here on no callback touches sink or body */
    if (call->ending)
        return;
    if (engine->in_curl) {
        engine->deferred = true;
        return;
    }
    http_call_drop(call);
    http_engine_leave(engine);
}

static void fill_answer(struct http_answer *answer, struct http_call *call) {
    *answer = (struct http_answer){
        .status = (int)small_figure(call->easy, CURLINFO_RESPONSE_CODE),
        .body = call->answer.data ? call->answer.data : "",
        .length = call->answer.length,
        .headers = http_head_list(&call->head),
        .header_count = call->head.count,
        .received = call->received,
    };
}

/* Who restarts at begin() hears it for an empty body too: what an earlier attempt left must go. */
static bool begin_empty(struct http_call *call) {
    int status = (int)small_figure(call->easy, CURLINFO_RESPONSE_CODE);
    if (!call->sink.write || !call->sink.begin || call->begun || status < 200 || status > 299)
        return true;
    call->begun = true;
    return call->sink.begin(call->sink.arg, status, 0);
}

static void tell(struct http_call *call, CURLcode result) {
    struct http_answer answer;
    _cleanup_error_ struct error error = {0};
    if (result != CURLE_OK || call->failure.code)
        http_failure(&error, call, result);
    else
        fill_answer(&answer, call);
    detach(call);
    call->done(call->arg, error.code ? NULL : &answer, error.code ? &error : NULL);
    give_back(call);
}

void http_call_finish(struct http_call *call, CURLcode result) {
    struct http_engine *engine = call->engine;
    engine->busy++;
    call->ending = true;
    if (result == CURLE_OK && !call->failure.code && !begin_empty(call))
        error_set(&call->failure, ERROR_TOO_LARGE, "the answer was refused by who reads it");
    if (call->cancelled)
        http_call_drop(call);
    else
        tell(call, result);
    engine->busy--;
}

/* What curl has given the kernel and the peer has not taken; -1: unknown. */
static int unsent(struct http_call *call) {
    curl_socket_t fd = CURL_SOCKET_BAD;
    int bytes = 0;
    if (curl_easy_getinfo(call->easy, CURLINFO_ACTIVESOCKET, &fd) != CURLE_OK || fd == CURL_SOCKET_BAD ||
        ioctl(fd, SIOCOUTQ, &bytes) != 0)
        return -1;
    return bytes;
}

/* The kernel still sends what curl has given it: the peer is slow, not silent. */
static bool kernel_still_sends(struct http_call *call) {
    int before = call->unsent, now = unsent(call);
    if (now < 0)
        return false;
    call->unsent = now;
    return now > 0 && (before == 0 || now < before);
}

static int64_t bytes_moved(struct http_call *call) {
    int waiting = unsent(call);
    return (int64_t)call->up + (int64_t)call->received - (waiting > 0 ? waiting : 0);
}

void http_call_head_ended(struct http_call *call) {
    call->head_ended = true;
    call->active = call->window = clock_monotonic();
    call->moved = bytes_moved(call);
}

static void fail_stalled(struct http_call *call, const char *how) {
    _cleanup_buffer_ struct buffer span = BUFFER_INIT(BUFFER_OURS);
    format_duration(&span, call->stall_ms);
    error_set(&call->failure, ERROR_TRANSIENT, "stalled: %s for %s", how, span.data);
}

/* A window ends: was it filled? While the peer computes its answer, nothing is expected but an end before `active` is too old. */
static bool keeps_pace(struct http_call *call, int64_t now) {
    int64_t moved = bytes_moved(call), bytes = moved - call->moved, span = now - call->window;
    bool expected = call->head_ended || call->up < call->to_send || unsent(call) > 0;
    bool computing = call->head_ended && call->blank && call->kept_waiting++ < HTTP_KEPT_WAITING;
    call->window = now;
    call->moved = moved;
    return !expected || computing || bytes * SECOND_MS >= HTTP_PACE * span;
}

/* The ms until the call has stalled; 0: it has. A call that waits for its connection is curl's to end. */
static int64_t time_left(struct http_call *call, int64_t now) {
    if (call->failure.code)
        return 0;
    if (!call->connected)
        return call->stall_ms;
    if (now - call->active >= call->stall_ms) {
        if (!kernel_still_sends(call)) {
            fail_stalled(call, "no byte went or came");
            return 0;
        }
        call->active = now;
    }
    if (now - call->window >= call->stall_ms && !keeps_pace(call, now)) {
        fail_stalled(call, "less than 1 KiB/s went or came");
        return 0;
    }
    return (call->active < call->window ? call->active : call->window) + call->stall_ms - now;
}

int64_t http_calls_check(struct http_engine *engine) {
    int64_t now = clock_monotonic(), next = -1;
    struct http_call *call = TAILQ_FIRST(&engine->calls);
    while (call) {
        int64_t left = time_left(call, now);
        if (left <= 0) {
            http_call_finish(call, CURLE_OK); /* its `done` may change the list */
            call = TAILQ_FIRST(&engine->calls);
            next = -1;
            continue;
        }
        if (next < 0 || left < next)
            next = left;
        call = TAILQ_NEXT(call, entry);
    }
    return next;
}
