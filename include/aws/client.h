/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A call to AWS: credentials, signature, HTTP, classification, retry, in one operation. The services' files (dynamodb.h,
 * s3.h, ses.h, ...) say what to send and read what came.
 *
 * One aws_client a process holds what all share: loop, HTTP client, endpoints, clocks, measured clock offset.
 * One aws_session for each user of a set of credentials: provider, region, patience, retry tokens.
 */
#ifndef AWS_CLIENT_H
#define AWS_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "aws/credentials.h"
#include "aws/endpoint.h"
#include "aws/retry.h"
#include "http/client.h"

/* `endpoints` strings are copied; reload makes a new client (running calls keep the old one alive by reference). */
struct aws_client_options {
    uv_loop_t *loop;
    struct http_client *http; /* borrowed; must outlive the client */
    struct endpoints endpoints;
    clock_fn *wall, *monotonic;
    random_fn *random;
};

struct aws_client;
struct aws_client *aws_client_new(const struct aws_client_options *options);
void aws_client_free(struct aws_client *client); /* sessions must be gone */

uv_loop_t *aws_client_loop(const struct aws_client *client);
struct http_client *aws_client_http(const struct aws_client *client);
const struct endpoints *aws_client_endpoints(const struct aws_client *client);

/* Milliseconds since 1970 by the wall clock plus the offset last learned from a server's Date. */
int64_t aws_client_now(const struct aws_client *client);
clock_fn *aws_client_wall(const struct aws_client *client);
clock_fn *aws_client_monotonic(const struct aws_client *client);

struct aws_session;

/* References the provider; `region` is copied. `patience` is borrowed (NULL: max_attempts rules) and outlives it. */
struct aws_session *aws_session_new(struct aws_client *client, struct credential_provider *provider, const char *region,
                                    struct aws_patience *patience);
void aws_session_free(struct aws_session *session); /* calls must have ended or been cancelled */

struct aws_client *aws_session_client(const struct aws_session *session);
const char *aws_session_region(const struct aws_session *session);
struct credential_provider *aws_session_provider(const struct aws_session *session);

/* For so many ms, which are over now, the run asked for nothing of its own free will: its patience does not count them. */
void aws_session_rested(struct aws_session *session, int64_t ms);

/*
 * A 2xx answer before it counts as success: false with an error makes the attempt a failure of that error's code
 * (ERROR_TRANSIENT: tried again). For a CRC that does not match, Complete's 200 with an <Error> in it, a truncated body.
 */
typedef bool aws_accept(void *arg, const struct http_answer *answer, struct error *error);

/*
 * Borrowed by aws_start(): strings and headers are copied; body slices, sink and accept's arg live until the end.
 * Every attempt calls the sink's begin() anew: it starts over there.
 */
struct aws_request {
    enum aws_service service;
    const char *what;                  /* "Scan of studentData": in front of every error */
    const char *needs;                 /* "dynamodb:Scan on studentData": told where AWS denies it; NULL: no words */
    const char *method;                /* "POST" */
    const char *bucket;                /* S3 only */
    const char *path;                  /* begins with '/', already encoded; NULL: "/" */
    const char *query;                 /* already encoded, without '?'; NULL: none */
    const struct http_header *headers; /* without host, x-amz-date, token, authorization and x-amz-content-sha256 */
    size_t header_count;
    const struct http_slice *body;
    size_t body_count;
    const char *body_sha256; /* hex; NULL: hashed here (small bodies), or UNSIGNED-PAYLOAD for S3 over TLS */
    const struct http_sink *sink;
    size_t answer_limit;
    aws_accept *accept; /* NULL: every 2xx is a success */
    void *accept_arg;
    unsigned max_attempts;    /* 0: 8; without a patience the call ends after so many */
    int64_t stall_timeout_ms; /* 0: http's */
    bool
        counted; /* every try is one that this client knows of (http_request.fresh): what a second one is answered means something else */
    bool answer_404;                /* 404 is an answer, not an error (HEAD of an object) */
    void (*on_throttle)(void *arg); /* called at each throttled attempt; NULL: none */
    void *throttle_arg;
};

/* Exactly one is given; both borrowed until `done` returns. `error` carries HTTP status, AWS code and request id. */
typedef void aws_done(void *arg, const struct http_answer *answer, const struct error *error);

struct aws_call;
struct aws_call *aws_start(struct aws_session *session, const struct aws_request *request, aws_done *done, void *arg);
void aws_cancel(struct aws_call *call);

/*
 * The URL of a pre-signed GET of an object, made with `credentials` at `now` (ms since 1970), for `expires` seconds. `key`
 * is not encoded. With secret_free(). NULL with an error where the region or bucket is none.
 */
char *aws_presign_get(const struct endpoints *endpoints, const char *region, const char *bucket, const char *key,
                      const struct credentials *credentials, int64_t now, int64_t expires, struct error *error);

#endif
