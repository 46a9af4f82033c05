/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A server of HTTP/1.1 on the loop of the test, that answers as it is told: one reply a request, in order, the last one for
 * all that follow. It keeps what it was sent.
 */
#ifndef UNIT_PEER_H
#define UNIT_PEER_H

#include <stdbool.h>
#include <stddef.h>
#include <uv.h>

#include "base/buffer.h"

enum peer_end {
    PEER_KEEP,   /* the connection stays open for the next request */
    PEER_CLOSE,  /* closed after the bytes */
    PEER_RESET,  /* reset (RST) after the bytes */
    PEER_SILENT, /* open, and nothing follows */
};

struct peer_reply {
    const char *bytes; /* NULL: none */
    size_t length;     /* 0: strlen(bytes) */
    enum peer_end end;
    bool at_head;     /* as soon as the request's head is there, without waiting for its body */
    int after_ms;     /* wait so long first */
    const char *drip; /* behind the bytes, every 10 ms, until the connection ends */
};

#define PEER_REQUESTS 256

struct peer;

/* Listens on 127.0.0.1; `replies` is borrowed and may change between requests. */
struct peer *peer_new(uv_loop_t *loop, const struct peer_reply *replies, size_t count);

/* Closes everything; the memory goes when the loop has. */
void peer_free(struct peer *peer);

const char *peer_url(const struct peer *peer); /* "http://127.0.0.1:PORT" */
int peer_port(const struct peer *peer);
size_t peer_requests(const struct peer *peer);               /* those that were answered */
size_t peer_connections(const struct peer *peer);            /* accepted so far */
const char *peer_request(const struct peer *peer, size_t i); /* head and body as they came */
size_t peer_request_length(const struct peer *peer, size_t i);

/* Closes the connections that are open, as an impatient server does between requests. */
void peer_hang_up(struct peer *peer);

/* "HTTP/1.1 200 OK" with Content-Length, `head` (lines with CR LF, or "") and `body`; the caller frees. */
char *peer_answer(int status, const char *head, const char *body);

/* Runs the loop until `*what` is true; fails the test after two minutes. */
void run_until(uv_loop_t *loop, const bool *what);

/* Runs the loop for so long. */
void run_for(uv_loop_t *loop, int ms);

#endif
