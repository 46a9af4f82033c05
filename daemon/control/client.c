/* SPDX-License-Identifier: Apache-2.0 */
/* The tool's end: a socket, a call, and the replies to it, blocking. */
#include "control/client.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/memory.h"
#include "control/frame.h"

struct control_client {
    int socket;
    char *path;
    struct frames frames;
};

/* Which errors mean that no daemon is there; all others are something in the way. */
static void say_unreachable(const char *path, int why, struct error *error) {
    if (why == ENOENT || why == ECONNREFUSED) {
        error_set(error, ERROR_NOT_FOUND,
                  "no daemon listens on %s (%s): is dynamodb-backupd running? --socket names another socket", path,
                  strerror(why));
        return;
    }
    error_set_errno(error, why, "connecting to the daemon at %s", path);
}

struct control_client *control_connect(const char *path, struct error *error) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t length = strlen(path);
    if (length == 0 || length >= sizeof address.sun_path) {
        error_set(error, ERROR_INVALID, "\"%s\" cannot be a socket: accepted are 1 to %zu bytes", path,
                  sizeof address.sun_path - 1);
        return NULL;
    }
    memcpy(address.sun_path, path, length + 1);
    int made = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (made < 0 || connect(made, (const struct sockaddr *)&address, sizeof address) < 0) {
        say_unreachable(path, errno, error);
        if (made >= 0)
            close(made);
        return NULL;
    }
    struct control_client *client = x_calloc(1, sizeof *client);
    client->socket = made;
    client->path = x_strdup(path);
    frames_init(&client->frames, FRAME_REPLY);
    return client;
}

void control_client_free(struct control_client *client) {
    if (!client)
        return;
    close(client->socket);
    frames_fini(&client->frames);
    free(client->path);
    free(client);
}

static bool send_all(struct control_client *client, const char *bytes, size_t length) {
    while (length) {
        ssize_t sent = send(client->socket, bytes, length, MSG_NOSIGNAL);
        if (sent < 0 && errno != EINTR)
            return false;
        if (sent > 0) {
            bytes += sent;
            length -= (size_t)sent;
        }
    }
    return true;
}

bool control_call(struct control_client *client, const char *method, struct json_object *parameters, bool more,
                  struct error *error) {
    struct json_object *message = control_call_message(method, parameters, more);
    size_t length;
    const char *bytes = control_message_bytes(message, &length);
    bool sent = send_all(client, bytes, length);
    int why = errno;
    json_object_put(message);
    if (!sent && (why == EPIPE || why == ECONNRESET))
        error_set(error, ERROR_NOT_FOUND, "the daemon at %s has closed the connection", client->path);
    else if (!sent)
        error_set_errno(error, why, "sending %s to the daemon at %s", method, client->path);
    return sent;
}

/* More bytes; false where none come. */
static bool read_more(struct control_client *client, struct error *error) {
    char bytes[64 << 10];
    ssize_t length;
    do
        length = recv(client->socket, bytes, sizeof bytes, 0);
    while (length < 0 && errno == EINTR);
    if (length > 0 && frames_feed(&client->frames, bytes, (size_t)length))
        return true;
    if (length > 0)
        error_set(error, ERROR_TOO_LARGE, "the daemon's reply is larger than %zu MiB", FRAME_REPLY >> 20);
    else if (length == 0 || errno == ECONNRESET)
        error_set(error, ERROR_NOT_FOUND,
                  "the daemon at %s ended the connection before its reply: it stops, or is full", client->path);
    else
        error_set_errno(error, errno, "reading the reply of the daemon at %s", client->path);
    return false;
}

bool control_receive(struct control_client *client, struct control_answer *answer, struct error *error) {
    const char *text;
    size_t length;
    *answer = (struct control_answer){0};
    while (!frames_next(&client->frames, &text, &length))
        if (!read_more(client, error))
            return false;
    if (control_answer_parse(text, length, answer, error))
        return true;
    error_context(error, "the reply of the daemon at %s", client->path);
    return false;
}
