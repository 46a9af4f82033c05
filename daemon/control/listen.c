/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The socket file. libuv would bind it too, but cuts long paths silently and unlinks whatever lies there at the end; here a file
 * is removed only when nobody listens on it, or when it is the one that we made.
 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/memory.h"
#include "private.h"

static bool address_of(const char *path, struct sockaddr_un *address, struct error *error) {
    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    size_t length = strlen(path);
    if (length == 0 || length >= sizeof address->sun_path) {
        error_set(error, ERROR_INVALID, "the path of the control socket, \"%s\", has %zu bytes; accepted are 1 to %zu",
                  path, length, sizeof address->sun_path - 1);
        return false;
    }
    memcpy(address->sun_path, path, length + 1);
    return true;
}

static int open_socket(void) {
    return socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
}

/* Refused: a file of a daemon that is gone. Anything else (even a full queue) is somebody. */
static bool is_stale(const struct sockaddr_un *address) {
    int socket = open_socket();
    if (socket < 0)
        return false;
    bool refused = connect(socket, (const struct sockaddr *)address, sizeof *address) < 0 && errno == ECONNREFUSED;
    close(socket);
    return refused;
}

static bool make_room(const struct sockaddr_un *address, struct error *error) {
    struct stat status;
    const char *path = address->sun_path;
    if (lstat(path, &status) < 0) {
        if (errno == ENOENT)
            return true;
        error_set_errno(error, errno, "looking for an old control socket %s", path);
        return false;
    }
    if (!S_ISSOCK(status.st_mode)) {
        error_set(error, ERROR_EXISTS, "%s exists and is no socket: the control socket cannot be made there", path);
        return false;
    }
    if (!is_stale(address)) {
        error_set(error, ERROR_EXISTS,
                  "another daemon listens on %s: stop it, or set RuntimeDirectory= to another folder", path);
        return false;
    }
    if (unlink(path) == 0 || errno == ENOENT)
        return true;
    error_set_errno(error, errno, "removing the old control socket %s", path);
    return false;
}

/* Anyone may connect: who may ask is decided by credentials, so that the others hear why not. */
static bool bind_and_listen(struct listening *listening, const struct sockaddr_un *address) {
    struct stat status;
    if (bind(listening->socket, (const struct sockaddr *)address, sizeof *address) < 0)
        return false;
    if (lstat(address->sun_path, &status) < 0 || chmod(address->sun_path, 0666) < 0)
        return false;
    listening->device = status.st_dev;
    listening->inode = status.st_ino;
    return listen(listening->socket, CONTROL_CLIENTS) == 0;
}

bool listening_open(struct listening *listening, const char *path, struct error *error) {
    struct sockaddr_un address;
    if (!address_of(path, &address, error) || !make_room(&address, error))
        return false;
    *listening = (struct listening){.socket = open_socket(), .path = x_strdup(path)};
    if (listening->socket >= 0 && bind_and_listen(listening, &address))
        return true;
    error_set_errno(error, errno, "listening on the control socket %s", path);
    if (listening->socket >= 0)
        close(listening->socket);
    listening_remove(listening);
    return false;
}

void listening_remove(struct listening *listening) {
    struct stat status;
    if (listening->inode && lstat(listening->path, &status) == 0 && status.st_dev == listening->device &&
        status.st_ino == listening->inode)
        unlink(listening->path);
    free(listening->path);
    *listening = (struct listening){.socket = -1};
}
