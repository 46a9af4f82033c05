/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Clients of the control socket. Each goes round:
 *
 *     bytes -> a whole call -> its request -> replies -> all of them written -> the next call
 *
 * so that a client costs at most one call, one reply, and what it sent ahead. Nothing is dropped from inside a reply: a client
 * that must go is doomed, and its timer drops it at the loop's next turn.
 */
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "base/memory.h"
#include "private.h"

/* Sent ahead of the call under way; then reading waits. */
#define MOST_AHEAD ((size_t)64 << 10)

#define STRANGER_MS 5000 /* for a first call */

static void pump(struct client *client);

/* The server is there as long as its own handle or one of its clients. */
static void server_release(struct control_server *server) {
    if (--server->references)
        return;
    free(server->version);
    free(server);
}

/* A client's end. */

static void free_client(struct client *client) {
    struct control_server *server = client->server;
    frames_fini(&client->frames);
    server->client_count--;
    server->stranger_count -= !client->allowed;
    LIST_REMOVE(client, next);
    free(client);
    server_release(server);
}

static void on_client_closed(uv_handle_t *handle) {
    struct client *client = handle->data;
    if (--client->open_handles == 0)
        free_client(client);
}

static void drop(struct client *client) {
    struct control_request *request = client->request;
    if (client->closing)
        return;
    client->closing = true;
    client->request = NULL;
    uv_close((uv_handle_t *)&client->pipe, on_client_closed);
    uv_close((uv_handle_t *)&client->timer, on_client_closed);
    if (request)
        request_orphan(request);
}

/* Writing. */

struct writing {
    uv_write_t write;
    struct client *client;
    struct json_object *message; /* holds the bytes */
};

static void on_timer(uv_timer_t *timer) {
    struct client *client = timer->data;
    size_t unread = uv_stream_get_write_queue_size((uv_stream_t *)&client->pipe);
    /* Without a reply on its way: a silent stranger, or half a call. */
    if (client->doomed || !client->writes || unread >= client->unread) {
        drop(client);
        return;
    }
    client->unread = unread;
    uv_timer_start(timer, on_timer, client->server->options.stall_ms, 0);
}

static void doom(struct client *client) {
    if (client->closing)
        return;
    client->doomed = true;
    uv_timer_start(&client->timer, on_timer, 0, 0);
}

static void on_written(uv_write_t *write, int status) {
    struct writing *writing = container_of(write, struct writing, write);
    struct client *client = writing->client;
    json_object_put(writing->message);
    free(writing);
    client->writes--;
    if (status < 0) {
        drop(client);
        return;
    }
    if (!client->writes && !client->doomed)
        uv_timer_stop(&client->timer);
    pump(client);
}

void client_send(struct client *client, struct json_object *message) {
    uv_stream_t *stream = (uv_stream_t *)&client->pipe;
    if (client->closing || client->doomed) {
        json_object_put(message);
        return;
    }
    size_t length, unread = uv_stream_get_write_queue_size(stream);
    const char *bytes = control_message_bytes(message, &length);
    struct writing *writing = x_malloc(sizeof *writing);
    *writing = (struct writing){.client = client, .message = message};
    uv_buf_t buffer = uv_buf_init((char *)(uintptr_t)bytes, (unsigned)length);
    if (unread > CONTROL_UNREAD || uv_write(&writing->write, stream, &buffer, 1, on_written) < 0) {
        json_object_put(message);
        free(writing);
        doom(client);
        return;
    }
    if (!client->writes++) {
        client->unread = SIZE_MAX;
        uv_timer_start(&client->timer, on_timer, client->server->options.stall_ms, 0);
    }
}

/* Calls. */

static void refuse_stranger(struct client *client, struct control_request *request) {
    struct json_object *parameters = json_object_new_object();
    _cleanup_free_ char *message = x_printf("%s may not use this daemon: root may, and members of the group %s (sudo "
                                            "usermod -aG %s USER, then log in again)",
                                            client->by, CONTROL_GROUP, CONTROL_GROUP);
    json_put_string(parameters, "group", CONTROL_GROUP);
    json_put_string(parameters, "message", message);
    client->ended = true;
    control_reply_error(request, CONTROL_PERMISSION_DENIED, parameters);
}

/* False: what came is no call, and the client is dropped. */
static bool take_call(struct client *client, const char *text, size_t length) {
    struct control_call call;
    if (!control_call_parse(text, length, &call, NULL)) {
        control_call_fini(&call);
        doom(client);
        return false;
    }
    if (client->allowed)
        uv_timer_stop(&client->timer); /* the call is whole */
    client->last_call = uv_now(client->server->options.loop);
    client->request = request_new(client, &call);
    if (client->allowed)
        service_dispatch(client->server, client->request);
    else
        refuse_stranger(client, client->request);
    return true;
}

static void on_read(uv_stream_t *stream, ssize_t length, const uv_buf_t *bytes);

static void on_allocate(uv_handle_t *handle, size_t suggested, uv_buf_t *bytes) {
    struct client *client = handle->data;
    (void)suggested;
    *bytes = uv_buf_init(client->server->chunk, sizeof client->server->chunk);
}

/*
 * Reads while little waits. A client that says no more is closed after its last reply, and at once while a call is under way:
 * it has hung up, and the call's owner need not go on. Half a call may not stay for ever, however it trickles.
 */
static void adjust(struct client *client) {
    bool idle = !client->request && !client->writes;
    if (client->closing || client->doomed)
        return;
    if (client->ended && (client->request || idle)) {
        doom(client);
        return;
    }
    if (idle && frames_waiting(&client->frames) && !uv_is_active((uv_handle_t *)&client->timer))
        uv_timer_start(&client->timer, on_timer, client->server->options.stall_ms, 0);
    bool read = !client->ended && (idle || frames_waiting(&client->frames) < MOST_AHEAD);
    if (read && !client->reading)
        uv_read_start((uv_stream_t *)&client->pipe, on_allocate, on_read);
    else if (!read && client->reading)
        uv_read_stop((uv_stream_t *)&client->pipe);
    client->reading = read;
}

static void pump(struct client *client) {
    const char *text;
    size_t length;
    if (client->pumping)
        return;
    client->pumping = true;
    while (!client->closing && !client->doomed && !client->request && !client->writes &&
           frames_next(&client->frames, &text, &length) && take_call(client, text, length)) {
    }
    client->pumping = false;
    adjust(client);
}

void client_ended_call(struct client *client) {
    client->request = NULL;
    pump(client);
}

/* An end of its bytes: replies that are on their way still go out. */
static void on_read(uv_stream_t *stream, ssize_t length, const uv_buf_t *bytes) {
    struct client *client = stream->data;
    if (length == UV_EOF) {
        client->ended = true;
        pump(client);
    } else if (length < 0 || !frames_feed(&client->frames, bytes->base, (size_t)length)) {
        drop(client);
    } else {
        pump(client);
    }
}

/* A client's begin. */

/* The list begins with the newest: of two that are as long idle, the older goes. */
static bool make_room(struct control_server *server, const struct client *newcomer) {
    struct client *client, *longest = NULL;
    LIST_FOREACH(client, &server->clients, next) {
        bool idle = client->allowed && !client->request && !client->writes && !client->closing && client != newcomer;
        if (idle && (!longest || client->last_call <= longest->last_call))
            longest = client;
    }
    if (longest)
        drop(longest);
    return longest != NULL;
}

static void welcome(struct client *client) {
    struct control_server *server = client->server;
    uv_os_fd_t socket = -1;
    uv_fileno((const uv_handle_t *)&client->pipe, &socket);
    client->allowed = peer_is_allowed(socket, server->group, client->by);
    server->stranger_count += !client->allowed;
    client->last_call = uv_now(server->options.loop);
    bool full = server->client_count > CONTROL_CLIENTS;
    if (server->stranger_count > CONTROL_STRANGERS || (full && !(client->allowed && make_room(server, client)))) {
        drop(client);
        return;
    }
    if (!client->allowed)
        uv_timer_start(&client->timer, on_timer, STRANGER_MS, 0);
    adjust(client);
}

static void on_connection(uv_stream_t *stream, int status) {
    struct control_server *server = stream->data;
    if (status < 0) /* out of descriptors, or already gone: the next may fare better */
        return;
    struct client *client = x_calloc(1, sizeof *client);
    client->server = server;
    client->allowed = true; /* counted as a stranger when found to be one */
    frames_init(&client->frames, FRAME_CALL);
    uv_pipe_init(server->options.loop, &client->pipe, 0); /* these cannot fail */
    uv_timer_init(server->options.loop, &client->timer);
    client->pipe.data = client->timer.data = client;
    client->open_handles = 2;
    LIST_INSERT_HEAD(&server->clients, client, next);
    server->client_count++;
    server->references++;
    if (uv_accept(stream, (uv_stream_t *)&client->pipe) == 0)
        welcome(client);
    else
        drop(client);
}

/* The server. */

static void on_server_closed(uv_handle_t *handle) {
    server_release(handle->data);
}

void control_server_free(struct control_server *server) {
    struct client *client;
    if (!server)
        return;
    listening_remove(&server->listening);
    uv_close((uv_handle_t *)&server->pipe, on_server_closed);
    LIST_FOREACH(client, &server->clients, next)
    drop(client);
}

static bool start(struct control_server *server, struct error *error) {
    uv_pipe_init(server->options.loop, &server->pipe, 0);
    server->pipe.data = server;
    int status = uv_pipe_open(&server->pipe, server->listening.socket);
    if (status < 0)
        close(server->listening.socket);
    else
        status = uv_listen((uv_stream_t *)&server->pipe, CONTROL_CLIENTS, on_connection);
    if (status == 0)
        return true;
    error_set(error, ERROR_SYSTEM, "watching the control socket %s: %s", server->options.path, uv_strerror(status));
    return false;
}

struct control_server *control_server_new(const struct control_options *options, struct error *error) {
    struct control_server *server = x_calloc(1, sizeof *server);
    server->options = *options;
    if (!server->options.stall_ms)
        server->options.stall_ms = CONTROL_STALL_MS;
    server->references = 1;
    LIST_INIT(&server->clients);
    if (!listening_open(&server->listening, options->path, error)) {
        free(server);
        return NULL;
    }
    server->group = peer_group(CONTROL_GROUP);
    server->version = x_strdup(options->version);
    if (start(server, error))
        return server;
    control_server_free(server);
    return NULL;
}
