/* SPDX-License-Identifier: Apache-2.0 */
/* See peer.h. Each connection gathers one request at a time; what it answers is the peer's script. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/queue.h>

#include "base/memory.h"
#include "peer.h"

struct connection {
    TAILQ_ENTRY(connection) entry;
    struct peer *peer;
    uv_tcp_t tcp;
    uv_timer_t timer;
    struct buffer in;
    const struct peer_reply *reply;
    bool answering, closing;
    int handles;
};

struct peer {
    uv_tcp_t listener;
    const struct peer_reply *replies;
    size_t count, requests, connections;
    struct buffer seen[PEER_REQUESTS];
    char url[64];
    int port, handles;
    TAILQ_HEAD(, connection) open;
};

static void peer_unref(struct peer *peer) {
    if (--peer->handles > 0)
        return;
    for (size_t i = 0; i < PEER_REQUESTS; i++)
        buffer_fini(&peer->seen[i]);
    free(peer);
}

static void on_connection_closed(uv_handle_t *handle) {
    struct connection *connection = handle->data;
    if (--connection->handles > 0)
        return;
    buffer_fini(&connection->in);
    peer_unref(connection->peer);
    free(connection);
}

static void connection_close(struct connection *connection, bool reset) {
    if (connection->closing)
        return;
    connection->closing = true;
    TAILQ_REMOVE(&connection->peer->open, connection, entry);
    if (!reset || uv_tcp_close_reset(&connection->tcp, on_connection_closed) != 0)
        uv_close((uv_handle_t *)&connection->tcp, on_connection_closed);
    uv_close((uv_handle_t *)&connection->timer, on_connection_closed);
}

static void on_drip(uv_timer_t *timer) {
    struct connection *connection = timer->data;
    const char *drip = connection->reply->drip;
    uv_buf_t bytes = uv_buf_init((char *)(uintptr_t)drip, (unsigned)strlen(drip));
    (void)uv_try_write((uv_stream_t *)&connection->tcp, &bytes, 1);
}

static void on_written(uv_write_t *write, int status) {
    struct connection *connection = write->data;
    enum peer_end end = connection->reply->end;
    free(write);
    if (connection->closing)
        return;
    connection->answering = end == PEER_SILENT;
    if (connection->reply->drip)
        uv_timer_start(&connection->timer, on_drip, 10, 10);
    if (status < 0 || end == PEER_CLOSE || end == PEER_RESET)
        connection_close(connection, end == PEER_RESET);
}

static void answer(struct connection *connection) {
    const struct peer_reply *reply = connection->reply;
    size_t length = !reply->bytes ? 0 : reply->length ? reply->length : strlen(reply->bytes);
    uv_write_t *write = x_calloc(1, sizeof *write);
    uv_buf_t bytes = uv_buf_init((char *)(uintptr_t)reply->bytes, (unsigned)length);
    write->data = connection;
    if (uv_write(write, (uv_stream_t *)&connection->tcp, &bytes, 1, on_written) != 0) {
        free(write);
        connection_close(connection, false);
    }
}

static void on_wait(uv_timer_t *timer) {
    answer(timer->data);
}

/* The length of the whole request that stands at the start of `in`; 0: not all there. */
static size_t request_length(const struct buffer *in, bool head_alone) {
    const char *end = in->data ? strstr(in->data, "\r\n\r\n") : NULL;
    const char *length = in->data ? strcasestr(in->data, "\r\ncontent-length:") : NULL;
    if (!end)
        return 0;
    size_t head = (size_t)(end - in->data) + 4;
    if (length && length < end && !head_alone)
        head += strtoul(length + strlen("\r\ncontent-length:"), NULL, 10);
    return in->length >= head ? head : 0;
}

static void take_request(struct connection *connection) {
    struct peer *peer = connection->peer;
    if (connection->answering)
        return;
    size_t turn = peer->requests < peer->count ? peer->requests : peer->count - 1;
    const struct peer_reply *reply = &peer->replies[turn];
    size_t length = request_length(&connection->in, reply->at_head);
    if (length == 0)
        return;
    assert_true(peer->requests < PEER_REQUESTS);
    struct buffer *seen = &peer->seen[peer->requests++];
    *seen = BUFFER_INIT(BUFFER_OURS);
    buffer_add_bytes(seen, connection->in.data, length);
    memmove(connection->in.data, connection->in.data + length, connection->in.length - length + 1);
    connection->in.length -= length;
    connection->reply = reply;
    connection->answering = true;
    if (reply->after_ms)
        uv_timer_start(&connection->timer, on_wait, (uint64_t)reply->after_ms, 0);
    else
        answer(connection);
}

static void on_room(uv_handle_t *handle, size_t wanted, uv_buf_t *room) {
    struct connection *connection = handle->data;
    (void)wanted;
    assert_true(buffer_reserve(&connection->in, 65536));
    *room = uv_buf_init(connection->in.data + connection->in.length, 65536);
}

static void on_read(uv_stream_t *stream, ssize_t got, const uv_buf_t *room) {
    struct connection *connection = stream->data;
    (void)room;
    if (got < 0) {
        connection_close(connection, false);
        return;
    }
    connection->in.length += (size_t)got;
    connection->in.data[connection->in.length] = '\0';
    take_request(connection);
}

static void on_accept(uv_stream_t *listener, int status) {
    struct peer *peer = listener->data;
    struct connection *connection = x_calloc(1, sizeof *connection);
    assert_int_equal(status, 0);
    *connection = (struct connection){.peer = peer, .in = BUFFER_INIT(BUFFER_OURS), .handles = 2};
    connection->tcp.data = connection->timer.data = connection;
    uv_tcp_init(listener->loop, &connection->tcp);
    uv_timer_init(listener->loop, &connection->timer);
    assert_int_equal(uv_accept(listener, (uv_stream_t *)&connection->tcp), 0);
    peer->handles++;
    peer->connections++;
    TAILQ_INSERT_TAIL(&peer->open, connection, entry);
    uv_read_start((uv_stream_t *)&connection->tcp, on_room, on_read);
}

struct peer *peer_new(uv_loop_t *loop, const struct peer_reply *replies, size_t count) {
    struct peer *peer = x_calloc(1, sizeof *peer);
    struct sockaddr_in address;
    int length = sizeof address;
    *peer = (struct peer){.replies = replies, .count = count, .handles = 1};
    TAILQ_INIT(&peer->open);
    peer->listener.data = peer;
    uv_ip4_addr("127.0.0.1", 0, &address);
    uv_tcp_init(loop, &peer->listener);
    assert_int_equal(uv_tcp_bind(&peer->listener, (const struct sockaddr *)&address, 0), 0);
    assert_int_equal(uv_listen((uv_stream_t *)&peer->listener, 256, on_accept), 0);
    assert_int_equal(uv_tcp_getsockname(&peer->listener, (struct sockaddr *)&address, &length), 0);
    peer->port = ntohs(address.sin_port);
    snprintf(peer->url, sizeof peer->url, "http://127.0.0.1:%d", peer->port);
    return peer;
}

static void on_listener_closed(uv_handle_t *handle) {
    peer_unref(handle->data);
}

void peer_hang_up(struct peer *peer) {
    struct connection *connection;
    while ((connection = TAILQ_FIRST(&peer->open)))
        connection_close(connection, false);
}

void peer_free(struct peer *peer) {
    peer_hang_up(peer);
    uv_close((uv_handle_t *)&peer->listener, on_listener_closed);
}

const char *peer_url(const struct peer *peer) {
    return peer->url;
}

int peer_port(const struct peer *peer) {
    return peer->port;
}

size_t peer_requests(const struct peer *peer) {
    return peer->requests;
}

size_t peer_connections(const struct peer *peer) {
    return peer->connections;
}

const char *peer_request(const struct peer *peer, size_t i) {
    assert_true(i < peer->requests);
    return peer->seen[i].data;
}

size_t peer_request_length(const struct peer *peer, size_t i) {
    assert_true(i < peer->requests);
    return peer->seen[i].length;
}

char *peer_answer(int status, const char *head, const char *body) {
    return x_printf("HTTP/1.1 %d Words\r\nContent-Length: %zu\r\n%s\r\n%s", status, strlen(body), head, body);
}

/* Long enough for a sanitizer on a busy machine; what really hangs is found all the same. */
#define PATIENCE_S 120

struct waiting {
    const bool *what;
    bool *out;
};

static void on_limit(uv_timer_t *timer) {
    *(bool *)timer->data = true;
}

/* Timers run before the loop waits for sockets: what they have brought must not be waited for. */
static void on_prepare(uv_prepare_t *prepare) {
    const struct waiting *waiting = prepare->data;
    if (*waiting->out || (waiting->what && *waiting->what))
        uv_stop(prepare->loop);
}

static void run(uv_loop_t *loop, const bool *what, uint64_t ms, bool *out) {
    struct waiting waiting = {what, out};
    uv_timer_t *timer = x_calloc(1, sizeof *timer);
    uv_prepare_t *prepare = x_calloc(1, sizeof *prepare);
    uv_timer_init(loop, timer);
    uv_prepare_init(loop, prepare);
    timer->data = out;
    prepare->data = &waiting;
    uv_timer_start(timer, on_limit, ms, 0);
    uv_prepare_start(prepare, on_prepare);
    while (!*out && !(what && *what))
        uv_run(loop, UV_RUN_ONCE);
    uv_close((uv_handle_t *)timer, (uv_close_cb)free);
    uv_close((uv_handle_t *)prepare, (uv_close_cb)free);
}

void run_until(uv_loop_t *loop, const bool *what) {
    bool out = false;
    run(loop, what, PATIENCE_S * 1000, &out);
    if (out && !*what)
        fail_msg("nothing happened for %d s", PATIENCE_S);
}

void run_for(uv_loop_t *loop, int ms) {
    bool out = false;
    run(loop, NULL, (uint64_t)ms, &out);
}
