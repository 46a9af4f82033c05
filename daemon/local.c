/* SPDX-License-Identifier: Apache-2.0 */
/* --local: the daemon on a thread of the tool, its socket in a folder that only this user can enter. */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>
#include <uv.h>

#include "base/memory.h"
#include "daemon.h"

struct local_daemon {
    char folder[64];
    char *socket;
    const char *config_file, *state;
    uv_thread_t thread;
    uv_sem_t up; /* ready, or over before that */
    uv_mutex_t mutex;
    struct daemon *daemon; /* NULL before it is ready and after it is over; behind the mutex */
    bool came_up;
};

static void set_daemon(struct local_daemon *local, struct daemon *daemon) {
    uv_mutex_lock(&local->mutex);
    local->daemon = daemon;
    uv_mutex_unlock(&local->mutex);
}

static void on_ready(void *arg, struct daemon *daemon) {
    struct local_daemon *local = arg;
    local->came_up = true;
    set_daemon(local, daemon);
    uv_sem_post(&local->up);
}

/* A signal may end it before the tool does. */
static void on_over(void *arg) {
    set_daemon(arg, NULL);
}

static void live(void *arg) {
    struct local_daemon *local = arg;
    struct daemon_options options = {.config_file = local->config_file,
                                     .socket = local->socket,
                                     .local = true,
                                     .local_state = local->state,
                                     .ready = on_ready,
                                     .over = on_over,
                                     .arg = local};
    if (daemon_run(&options) != EXIT_SUCCESS && !local->came_up)
        uv_sem_post(&local->up);
}

static void local_free(struct local_daemon *local) {
    uv_sem_destroy(&local->up);
    uv_mutex_destroy(&local->mutex);
    rmdir(local->folder);
    free(local->socket);
    free(local);
}

struct local_daemon *local_daemon_start(const char *config_file, const char *state, struct error *error) {
    struct local_daemon *local = x_calloc(1, sizeof *local);
    *local =
        (struct local_daemon){.folder = "/tmp/dynamodb-backupctl-XXXXXX", .config_file = config_file, .state = state};
    if (!mkdtemp(local->folder)) {
        error_set_errno(error, errno, "making a folder in /tmp");
        free(local);
        return NULL;
    }
    local->socket = x_printf("%s/control.sock", local->folder);
    uv_sem_init(&local->up, 0);
    uv_mutex_init(&local->mutex);
    if (uv_thread_create(&local->thread, live, local) != 0) {
        error_set(error, ERROR_SYSTEM, "no thread could be started");
        local_free(local);
        return NULL;
    }
    uv_sem_wait(&local->up);
    if (local->came_up)
        return local;
    uv_thread_join(&local->thread);
    error_set(error, ERROR_INVALID, "--local could not start, for the reason given above");
    local_free(local);
    return NULL;
}

const char *local_daemon_socket(const struct local_daemon *local) {
    return local->socket;
}

void local_daemon_stop(struct local_daemon *local) {
    uv_mutex_lock(&local->mutex);
    if (local->daemon)
        daemon_ask_to_stop(local->daemon);
    uv_mutex_unlock(&local->mutex);
    uv_thread_join(&local->thread);
    local_free(local);
}
