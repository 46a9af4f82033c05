/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Curl's multi interface on libuv (https://curl.se/libcurl/c/curl_multi_socket_action.html). Curl says which sockets it
 * waits for and when it wants to be woken; libuv watches; after each call into curl we ask who has finished.
 *
 * Three rules hold everything together: nothing is added to or removed from the multi while curl is running (it waits in
 * `deferred`); curl is never entered from inside its own callbacks (a time-out of 0 is a timer of 0); and the memory of a
 * uv handle lives until its close callback.
 */
#include <stdlib.h>

#include "base/memory.h"
#include "http/engine.h"

/* A socket of curl's that is being watched. */
struct watch {
    uv_poll_t poll;
    struct http_engine *engine;
    curl_socket_t fd;
    int events;  /* UV_READABLE, UV_WRITABLE */
    bool failed; /* the last event was an error */
};

/* Adds and removes what has waited for curl to return. */
static void catch_up(struct http_engine *engine) {
    struct http_call *call, *next;
    if (!engine->deferred)
        return;
    engine->deferred = false;
    for (call = TAILQ_FIRST(&engine->calls); call; call = next) {
        next = TAILQ_NEXT(call, entry);
        if (call->cancelled)
            http_call_drop(call);
        else if (!call->added)
            http_engine_add(engine, call);
    }
}

/* `done` callbacks run here: they may start and cancel whatever they like. */
static void finish_all(struct http_engine *engine) {
    const struct CURLMsg *message;
    int left;
    while ((message = curl_multi_info_read(engine->multi, &left))) {
        struct http_call *call = NULL;
        CURLcode result = message->data.result;
        if (message->msg != CURLMSG_DONE)
            continue;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&call);
        http_call_finish(call, result);
    }
}

static void act(struct http_engine *engine, curl_socket_t fd, int bits) {
    int running;
    engine->busy++;
    engine->in_curl = true;
    curl_multi_socket_action(engine->multi, fd, bits, &running);
    engine->in_curl = false;
    catch_up(engine);
    finish_all(engine);
    engine->busy--;
    http_engine_leave(engine);
}

/*
 * Libuv stops watching a socket that has an error pending. Curl is told what it waited for, so that it reads the true
 * errno (and the last bytes) itself, and the watch goes on; if the error is still there then, curl is told of an error.
 */
static void on_poll(uv_poll_t *poll, int status, int events) {
    struct watch *watch = poll->data;
    int bits = 0;
    if (status < 0 && watch->failed)
        bits = CURL_CSELECT_ERR;
    else if (status < 0)
        events = watch->events;
    if (events & UV_READABLE)
        bits |= CURL_CSELECT_IN;
    if (events & UV_WRITABLE)
        bits |= CURL_CSELECT_OUT;
    if (status < 0 && !watch->failed)
        uv_poll_start(poll, watch->events, on_poll);
    watch->failed = status < 0;
    act(watch->engine, watch->fd, bits);
}

static void on_watch_closed(uv_handle_t *handle);

/* NULL where the system refuses to watch. */
static struct watch *watch_new(struct http_engine *engine, curl_socket_t fd) {
    struct watch *watch = x_calloc(1, sizeof *watch);
    watch->engine = engine;
    watch->fd = fd;
    watch->poll.data = watch;
    if (uv_poll_init_socket(engine->client->loop, &watch->poll, fd) != 0) {
        free(watch);
        return NULL;
    }
    engine->handles++;
    return watch;
}

/* It would hear of nothing, and end by its time-outs, much later. */
static void give_up_unwatched(struct http_engine *engine, CURL *easy) {
    struct http_call *call = NULL;
    curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **)&call);
    if (!call || call->failure.code)
        return;
    error_set(&call->failure, ERROR_TRANSIENT, "the system does not let its socket be watched");
    http_engine_watch(engine, 0);
}

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *assigned) {
    struct http_engine *engine = arg;
    struct watch *watch = assigned;
    if (what == CURL_POLL_REMOVE) {
        if (watch)
            uv_close((uv_handle_t *)&watch->poll, on_watch_closed);
        curl_multi_assign(engine->multi, fd, NULL);
        return 0;
    }
    if (!watch) {
        watch = watch_new(engine, fd);
        curl_multi_assign(engine->multi, fd, watch);
    }
    if (watch) {
        watch->events = (what & CURL_POLL_IN ? UV_READABLE : 0) | (what & CURL_POLL_OUT ? UV_WRITABLE : 0);
        uv_poll_start(&watch->poll, watch->events, on_poll);
    } else {
        give_up_unwatched(engine, easy);
    }
    return 0; /* -1 would end every call of the multi */
}

static void on_curl_timer(uv_timer_t *timer) {
    act(timer->data, CURL_SOCKET_TIMEOUT, 0);
}

static int on_timer_wanted(CURLM *multi, long ms, void *arg) {
    struct http_engine *engine = arg;
    (void)multi;
    if (ms < 0)
        uv_timer_stop(&engine->curl_timer);
    else if (!engine->closing)
        uv_timer_start(&engine->curl_timer, on_curl_timer, (uint64_t)ms, 0);
    return 0;
}

static void on_watch_time(uv_timer_t *timer) {
    struct http_engine *engine = timer->data;
    engine->busy++;
    int64_t next = http_calls_check(engine);
    engine->busy--;
    if (next >= 0)
        http_engine_watch(engine, next);
    http_engine_leave(engine);
}

void http_engine_watch(struct http_engine *engine, int64_t ms) {
    if (!uv_is_active((uv_handle_t *)&engine->watch) || uv_timer_get_due_in(&engine->watch) > (uint64_t)ms)
        uv_timer_start(&engine->watch, on_watch_time, (uint64_t)ms, 0);
}

struct http_engine *http_engine_new(struct http_client *client) {
    struct http_engine *engine = x_calloc(1, sizeof *engine);
    *engine =
        (struct http_engine){.client = client, .multi = curl_multi_init(), .share = curl_share_init(), .handles = 2};
    if (!engine->multi || !engine->share)
        abort(); /* a few hundred bytes: as x_malloc() */
    TAILQ_INIT(&engine->calls);
    TAILQ_INIT(&engine->idle);
    engine->curl_timer.data = engine->watch.data = engine;
    uv_timer_init(client->loop, &engine->curl_timer);
    uv_timer_init(client->loop, &engine->watch);
    curl_share_setopt(engine->share, CURLSHOPT_SHARE, CURL_LOCK_DATA_SSL_SESSION);
    curl_multi_setopt(engine->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
    curl_multi_setopt(engine->multi, CURLMOPT_SOCKETDATA, engine);
    curl_multi_setopt(engine->multi, CURLMOPT_TIMERFUNCTION, on_timer_wanted);
    curl_multi_setopt(engine->multi, CURLMOPT_TIMERDATA, engine);
    curl_multi_setopt(engine->multi, CURLMOPT_PIPELINING, CURLPIPE_NOTHING);
    curl_multi_setopt(engine->multi, CURLMOPT_MAXCONNECTS, HTTP_IDLE_SOCKETS);
    curl_multi_setopt(engine->multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, client->max_connections);
    client->engines++;
    return engine;
}

static void on_closed(struct http_engine *engine) {
    struct http_client *client = engine->client;
    if (--engine->handles > 0)
        return;
    free(engine);
    if (--client->engines > 0 || client->engine)
        return;
    free(client->ca_bundle);
    secret_free(client->proxy); /* may name a password */
    free(client->user_agent);
    free(client);
    curl_global_cleanup();
}

static void on_watch_closed(uv_handle_t *handle) {
    struct watch *watch = handle->data;
    struct http_engine *engine = watch->engine;
    free(watch);
    on_closed(engine);
}

static void on_timer_closed(uv_handle_t *handle) {
    on_closed(handle->data);
}

void http_engine_leave(struct http_engine *engine) {
    struct http_call *call;
    if (!engine->retired || engine->closing || engine->busy || !TAILQ_EMPTY(&engine->calls))
        return;
    engine->closing = true;
    while ((call = TAILQ_FIRST(&engine->idle))) {
        TAILQ_REMOVE(&engine->idle, call, entry);
        http_call_free(call);
    }
    curl_multi_cleanup(engine->multi); /* lets go of every socket, through on_socket() */
    curl_share_cleanup(engine->share);
    uv_close((uv_handle_t *)&engine->curl_timer, on_timer_closed);
    uv_close((uv_handle_t *)&engine->watch, on_timer_closed);
}

void http_engine_retire(struct http_engine *engine) {
    engine->retired = true;
    http_engine_leave(engine);
}

void http_engine_add(struct http_engine *engine, struct http_call *call) {
    if (engine->in_curl) {
        engine->deferred = true;
        return;
    }
    CURLMcode result = curl_multi_add_handle(engine->multi, call->easy);
    call->added = result == CURLM_OK;
    if (call->added)
        return;
    error_set(&call->failure, ERROR_TRANSIENT, "curl did not take the call: %s", curl_multi_strerror(result));
    http_engine_watch(engine, 0); /* curl will never end it */
}

void http_engine_remove(struct http_engine *engine, struct http_call *call) {
    if (call->added)
        curl_multi_remove_handle(engine->multi, call->easy);
    call->added = false;
}
