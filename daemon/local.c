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
    const char *config_file;
    uv_thread_t thread;
    uv_sem_t up; /* ready, or over before that */
    struct daemon *daemon;
};

static void on_ready(void *arg, struct daemon *daemon) {
    struct local_daemon *local = arg;
    local->daemon = daemon;
    uv_sem_post(&local->up);
}

static void live(void *arg) {
    struct local_daemon *local = arg;
    struct daemon_options options = {
        .config_file = local->config_file, .socket = local->socket, .local = true, .ready = on_ready, .arg = local};
    if (daemon_run(&options) != EXIT_SUCCESS && !local->daemon)
        uv_sem_post(&local->up);
}

static void local_free(struct local_daemon *local) {
    rmdir(local->folder);
    free(local->socket);
    free(local);
}

struct local_daemon *local_daemon_start(const char *config_file, struct error *error) {
    struct local_daemon *local = x_calloc(1, sizeof *local);
    *local = (struct local_daemon){.folder = "/tmp/dynamodb-backupctl-XXXXXX", .config_file = config_file};
    if (!mkdtemp(local->folder)) {
        error_set_errno(error, errno, "making a folder in /tmp");
        free(local);
        return NULL;
    }
    local->socket = x_printf("%s/control.sock", local->folder);
    uv_sem_init(&local->up, 0);
    if (uv_thread_create(&local->thread, live, local) != 0) {
        error_set(error, ERROR_SYSTEM, "no thread could be started");
        local_free(local);
        return NULL;
    }
    uv_sem_wait(&local->up);
    if (local->daemon)
        return local;
    uv_thread_join(&local->thread);
    error_set(error, ERROR_INVALID, "--local could not start, for the reason given above");
    uv_sem_destroy(&local->up);
    local_free(local);
    return NULL;
}

const char *local_daemon_socket(const struct local_daemon *local) {
    return local->socket;
}

void local_daemon_stop(struct local_daemon *local) {
    daemon_ask_to_stop(local->daemon);
    uv_thread_join(&local->thread);
    uv_sem_destroy(&local->up);
    local_free(local);
}
