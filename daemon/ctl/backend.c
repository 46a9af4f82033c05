/* SPDX-License-Identifier: Apache-2.0 */
/* The way to the daemon. Where its socket stands is in the configuration, of which only the main file is read here: a job's file
 * may be broken, or closed to this user, and the daemon still be asked. */
#include "backend.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../daemon.h"
#include "base/memory.h"
#include "config/config.h"
#include "control/client.h"
#include "say.h"

#define DEFAULT_SOCKET "/run/dynamodb-backupd/control.sock"
#define LARGEST_CONFIG ((size_t)4 << 20)

struct backend {
    struct local_daemon *local; /* NULL: the host's own daemon */
    struct control_client *client;
};

static const char *environment(const char *name) {
    return getenv(name);
}

static bool read_file(const char *path, struct buffer *bytes) {
    FILE *file = fopen(path, "re");
    if (!file)
        return false;
    char part[4096];
    size_t length;
    bool fine = true;
    while (fine && (length = fread(part, 1, sizeof part, file)) > 0)
        fine = buffer_append(bytes, part, length);
    fclose(file);
    return fine;
}

char *backend_socket(const struct options *options) {
    _cleanup_buffer_ struct buffer bytes = BUFFER_INIT(LARGEST_CONFIG);
    if (options->socket)
        return x_strdup(options->socket);
    if (!read_file(options->config, &bytes))
        return x_strdup(DEFAULT_SOCKET);
    const struct config_text text = {options->config, bytes.data ? bytes.data : "", bytes.length};
    struct config_problems problems = {0};
    struct config *config = config_parse(&text, NULL, 0, environment, &problems);
    char *socket = config ? x_printf("%s/control.sock", config->runtime_directory) : x_strdup(DEFAULT_SOCKET);
    config_problems_fini(&problems);
    config_unref(config);
    return socket;
}

static enum status status_of(const struct error *error) {
    return error->code == ERROR_INVALID ? STATUS_USAGE : STATUS_NO_DAEMON;
}

/* A backup that is named by its address needs no configuration: where the default one does not exist there is none. */
static const char *local_config(const struct options *options) {
    bool address = options->argument && strncmp(options->argument, "s3://", 5) == 0;
    bool none = strcmp(options->config, DEFAULT_CONFIG) == 0 && access(options->config, F_OK) != 0;
    return address && none ? NULL : options->config;
}

/* Never the daemon's. The caller frees. */
static char *local_state(const struct options *options) {
    const char *state_home = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
    if (options->state)
        return x_strdup(options->state);
    if (state_home && *state_home == '/')
        return x_printf("%s/dynamodb-backupd", state_home);
    return x_printf("%s/.local/state/dynamodb-backupd", home && *home ? home : "/root");
}

struct backend *backend_open(const struct options *options, enum status *status) {
    _cleanup_error_ struct error error = {0};
    struct backend *backend = x_calloc(1, sizeof *backend);
    _cleanup_free_ char *socket = NULL;
    if (options->local) {
        _cleanup_free_ char *state = options->command->keeps_state ? local_state(options) : NULL;
        backend->local = local_daemon_start(local_config(options), state, &error);
        socket = x_strdup(backend->local ? local_daemon_socket(backend->local) : NULL);
        *status = STATUS_FAILED;
    } else {
        socket = backend_socket(options);
    }
    if (socket && !(backend->client = control_connect(socket, &error)) && !options->local)
        *status = status_of(&error);
    if (backend->client)
        return backend;
    say_error(&error);
    backend_close(backend);
    return NULL;
}

void backend_close(struct backend *backend) {
    control_client_free(backend->client);
    if (backend->local)
        local_daemon_stop(backend->local);
    free(backend);
}

bool backend_call(struct backend *backend, const char *method, struct json_object *parameters, bool more,
                  struct error *error) {
    return control_call(backend->client, method, parameters, more, error);
}

bool backend_receive(struct backend *backend, struct control_answer *answer, struct error *error) {
    return control_receive(backend->client, answer, error);
}

bool backend_ask(struct backend *backend, const char *method, struct json_object *parameters,
                 struct control_answer *answer, enum status *status) {
    _cleanup_error_ struct error error = {0};
    *answer = (struct control_answer){0};
    if (backend_call(backend, method, parameters, false, &error) && backend_receive(backend, answer, &error))
        return true;
    say_error(&error);
    *status = error.code == ERROR_NOT_FOUND ? STATUS_NO_DAEMON : STATUS_FAILED;
    return false;
}
