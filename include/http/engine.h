/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of http/ share, and nobody else includes: a client has one current engine, an engine has calls.
 *
 *     client.c   life of the client, refresh, figures
 *     engine.c   one curl multi on the loop: sockets, timers, who has finished
 *     call.c     one request: start, cancel, time-outs, the answer
 *     setup.c    a request as curl's options; curl's result as an error
 *     head.c     the answer's headers, within bounds
 */
#ifndef HTTP_ENGINE_H
#define HTTP_ENGINE_H

#include <curl/curl.h>
#include <sys/queue.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "http/client.h"
#include "http/head.h"

/* Curl's buffers, and so the largest piece that it gives to a sink. They stay in the cache, and below malloc's mmap
 * threshold: curl frees them after each call. */
#define HTTP_CHUNK ((size_t)128 << 10)

#define HTTP_ANSWER_LIMIT ((size_t)1 << 20)
#define HTTP_CONNECT_MS   (5 * SECOND_MS)
#define HTTP_STALL_MS     (30 * SECOND_MS)
#define HTTP_PACE         1024 /* bytes a second, on average over a stall time-out: fewer are a drip */
#define HTTP_KEPT_WAITING 20   /* stall time-outs that white space may fill */
#define HTTP_IDLE_CALLS   64   /* easy handles kept for the next call */
#define HTTP_IDLE_SOCKETS 64L  /* connections kept without a call */

struct http_client {
    uv_loop_t *loop;
    char *ca_bundle, *proxy, *user_agent;
    long max_connections;
    struct http_engine *engine; /* takes new calls; NULL once the client is being freed */
    unsigned engines;           /* those whose uv handles are not all closed */
    struct http_stats stats;
};

TAILQ_HEAD(http_calls, http_call);

/* A refresh retires the engine and makes a new one: connections, TLS sessions and the CA store belong to it. */
struct http_engine {
    struct http_client *client;
    CURLM *multi;
    CURLSH *share; /* TLS sessions: curl keeps them by easy handle otherwise */
    uv_timer_t curl_timer, watch;
    struct http_calls calls, idle;
    unsigned idle_count;
    unsigned handles; /* uv handles not yet closed */
    unsigned busy;    /* inside a callback of ours: closing waits */
    bool in_curl;     /* inside curl_multi_socket_action(): adding and removing wait */
    bool deferred;    /* something has waited */
    bool retired;     /* closes with its last call */
    bool closing;
};

struct http_call {
    TAILQ_ENTRY(http_call) entry;
    struct http_engine *engine;
    CURL *easy;
    http_done *done;
    void *arg;

    /* The request. */
    struct curl_slist *headers;
    const struct http_slice *body;
    size_t body_count;
    size_t slice, offset; /* of the body's next byte */
    char *origin;         /* "https://host:443" */

    /* The answer. */
    struct http_head head;
    struct http_sink sink; /* write is NULL where there is none */
    struct buffer answer;
    uint64_t received;
    struct error failure; /* what a callback of ours, not curl, found */
    char words[CURL_ERROR_SIZE];

    /* Time, in ms of the monotonic clock. */
    int64_t started, active, stall_ms;
    curl_off_t up, down; /* bytes when `active` was last moved */
    int unsent;          /* in the kernel's queue when we last looked */

    /* The pace, over one stall time-out after the other. */
    int64_t window;        /* since when */
    int64_t moved;         /* bytes until then */
    curl_off_t to_send;    /* length of the request's body */
    unsigned kept_waiting; /* windows in which S3 sent white space while it computes */
    bool blank;            /* all that came last */
    bool head_ended;       /* the final answer's headers are complete */

    bool connected; /* until then the connect time-out rules, afterwards the stall time-out */
    bool added;     /* to the multi */
    bool begun;     /* sink.begin() was called */
    bool cancelled;
    bool ending; /* http_call_finish() has it */
};

/* NULL where curl has no memory. */
struct http_engine *http_engine_new(struct http_client *client);

/* It takes no more calls, and closes after its last. The client's memory goes with its last engine. */
void http_engine_retire(struct http_engine *engine);

/* Puts a call in, now or as soon as curl allows; takes one out. */
void http_engine_add(struct http_engine *engine, struct http_call *call);
void http_engine_remove(struct http_engine *engine, struct http_call *call);

/* Looks after the time-outs of all calls no later than in `ms`. */
void http_engine_watch(struct http_engine *engine, int64_t ms);

/* Closes a retired engine that has nothing left to do. */
void http_engine_leave(struct http_engine *engine);

/* The final answer's headers are complete: its body is expected from now on. */
void http_call_head_ended(struct http_call *call);

/* Curl is through with the call: tell `done`, unless it was cancelled. */
void http_call_finish(struct http_call *call, CURLcode result);

/* Ends what has stalled or was refused at its start; the ms until the next look, -1 where none is needed. */
int64_t http_calls_check(struct http_engine *engine);

/* A cancelled call's end. Not from inside curl. */
void http_call_drop(struct http_call *call);
void http_call_free(struct http_call *call);

/* Sets the easy handle up. Callbacks get the call. */
void http_setup(struct http_call *call, const struct http_request *request);
void http_headers_free(struct curl_slist *headers);

/* "https://host:port" of an URL; never its user, path or query. The caller frees. */
char *http_origin(const char *url);

/* The end of a call that brought no answer. */
void http_failure(struct error *error, const struct http_call *call, CURLcode result);

#endif
