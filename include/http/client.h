/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTP by one curl multi on one libuv loop. Connections are kept and shared by all who use the client. Nothing here
 * knows AWS, retries, or follows a redirect: one request, one answer or one error.
 *
 * Certificates are always verified, TLS is 1.2 or newer. A silent DNS server never stalls the loop (CURLOPT_QUICK_EXIT).
 */
#ifndef HTTP_CLIENT_H
#define HTTP_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "base/buffer.h"
#include "base/error.h"

struct http_client;
struct http_call;

/* Copied by http_client_new(). */
struct http_options {
    const char *ca_bundle;  /* a PEM file; NULL: the system's */
    const char *proxy;      /* NULL: HTTPS_PROXY, HTTP_PROXY and NO_PROXY as curl reads them */
    const char *user_agent; /* "dynamodb-backupd/VERSION" */
    long max_connections;   /* in all; 0: no limit */
};

/* `loop` must outlive the client. NULL with an error only where curl could not start. */
struct http_client *http_client_new(uv_loop_t *loop, const struct http_options *options, struct error *error);

/* All calls must have ended or been cancelled. The memory goes when the loop has closed its handles. */
void http_client_free(struct http_client *client);

/* Certificates are read again from their files for new connections, and idle ones are closed. (SIGHUP.) */
void http_client_refresh(struct http_client *client);

/* `value` may be "" (sent as an empty header). `secret`: never shown in an error or a log, zeroed when dropped. */
struct http_header {
    const char *name;
    const char *value;
    bool secret;
};

/* One run of bytes of a body. */
struct http_slice {
    const char *data;
    size_t length;
};

/*
 * Where an answer's body goes. write() takes all `length` bytes (at most 128 KiB at a time) or returns false, which ends
 * the call with ERROR_TOO_LARGE (the writer may have kept a better error for itself). It is called from the loop.
 * begin(), where given, is called once before the first byte, with the status and, where sent, Content-Length (else -1).
 */
struct http_sink {
    bool (*begin)(void *arg, int status, int64_t length);
    bool (*write)(void *arg, const char *bytes, size_t length);
    void *arg;
};

/* Borrowed by http_start(): strings are copied, `body` slices and the bytes they point to must live until the end. */
struct http_request {
    const char *method; /* "GET", "PUT", ... */
    const char *url;    /* sent as it is: no normalising of the path (CURLOPT_PATH_AS_IS) */
    const struct http_header *headers;
    size_t header_count;
    const struct http_slice *body; /* with Content-Length, never chunked; no Expect: header */
    size_t body_count;
    const struct http_sink *sink; /* of a 2xx body; other bodies, or all where NULL, go to the answer's own buffer */
    size_t answer_limit;          /* of the answer's own buffer; 0: 1 MiB */
    int64_t connect_timeout_ms;   /* 0: 5 s */
    int64_t stall_timeout_ms; /* no byte either way for so long ends the call, so do under 1 KiB/s over it and headers
                                   not complete so long after the request; 0: 30 s */
    int64_t total_timeout_ms; /* 0: none. For IMDS and the like */
    bool direct;              /* never through a proxy: IMDS, container, loopback */
    bool
        fresh; /* on a connection of its own: on one that was idle curl sends a request again, unasked, where it breaks before
                   an answer */
};

/* Borrowed until `done` returns. */
struct http_answer {
    int status;
    const char *body; /* NUL-terminated; "" where the sink took it */
    size_t length;
    const struct http_header *headers; /* names in lower case, white space trimmed */
    size_t header_count;
    uint64_t received; /* bytes of body as they came, sink's included */
};

/* NULL where it was not sent; the first where it came twice. `name` in lower case. */
const char *http_answer_header(const struct http_answer *answer, const char *name);

/*
 * Exactly one of both is given. Any status is an answer. Errors: ERROR_TRANSIENT (refused, reset, stalled, timed out, no
 * such host for now), ERROR_INVALID (a certificate that does not verify, an URL that is none), ERROR_TOO_LARGE.
 * The message says host and port, what curl said, and after how long.
 */
typedef void http_done(void *arg, const struct http_answer *answer, const struct error *error);

/* `done` fires exactly once, from the loop, never from inside this call, unless http_cancel() came first. */
struct http_call *http_start(struct http_client *client, const struct http_request *request, http_done *done,
                             void *arg);

/* `done` will not fire and the sink will not be written again; allowed from inside any callback, this call's sink too. */
void http_cancel(struct http_call *call);

/* Since the start of the client: for status and tests. */
struct http_stats {
    uint64_t calls, connections, bytes_sent, bytes_received;
    unsigned in_flight;
};
struct http_stats http_client_stats(const struct http_client *client);

#endif
