/* SPDX-License-Identifier: Apache-2.0 */
/* `restore`: asks for it and stays with it to its end: a line of progress on a terminal, then what was done and what is missing. */
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "backend.h"
#include "base/clock.h"
#include "base/json.h"
#include "render.h"
#include "say.h"

/* What the tool shows while it waits. */
struct screen {
    const char *table;
    bool terminal; /* of stderr */
    bool drawn;    /* a line of progress stands there */
};

static void draw(struct screen *screen, const struct json_object *progress) {
    _cleanup_buffer_ struct buffer line = BUFFER_INIT(BUFFER_OURS);
    struct winsize size;
    if (!screen->terminal || !progress)
        return;
    bool known = ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 1;
    render_restore_progress(screen->table, progress, clock_wall(), known ? size.ws_col - 1U : 79, &line);
    fprintf(stderr, "\r%s\033[K", line.data); /* to the end of the line */
    fflush(stderr);
    screen->drawn = true;
}

static void wipe(struct screen *screen) {
    if (screen->drawn)
        fputs("\r\033[K", stderr);
    screen->drawn = false;
}

static enum status say_result(const struct json_object *reply, bool json) {
    _cleanup_buffer_ struct buffer out = BUFFER_INIT(BUFFER_OURS);
    const struct json_object *result = json_object_at(reply, "result");
    const char *word = json_string(result, "result");
    if (json) {
        say_json(result ? result : reply);
    } else {
        render_restore(result, &out);
        say_text(&out);
    }
    return word && strcmp(word, "success") == 0 ? STATUS_DONE : STATUS_FAILED;
}

/* Replies until the last one. */
static enum status follow(struct backend *backend, struct screen *screen, bool json) {
    for (;;) {
        _cleanup_error_ struct error error = {0};
        struct control_answer answer;
        if (!backend_receive(backend, &answer, &error)) {
            wipe(screen);
            error_context(&error, "waiting for the restore into %s", screen->table);
            say_error(&error);
            control_answer_fini(&answer);
            return error.code == ERROR_NOT_FOUND ? STATUS_NO_DAEMON : STATUS_FAILED;
        }
        if (answer.continues && !answer.error) {
            draw(screen, json_object_at(answer.parameters, "progress"));
            control_answer_fini(&answer);
            continue;
        }
        wipe(screen);
        enum status status = answer.error ? say_refusal(&answer, json) : say_result(answer.parameters, json);
        control_answer_fini(&answer);
        return status;
    }
}

static struct json_object *parameters_of(const struct options *options) {
    struct json_object *parameters = json_object_new_object();
    json_put_string(parameters, "backup", options->argument);
    json_put_string(parameters, "table", options->table);
    json_put_boolean(parameters, "create", options->create);
    json_put_boolean(parameters, "overwrite", options->overwrite);
    json_put_boolean(parameters, "dry_run", options->dry_run);
    json_put_boolean(parameters, "assume_plain", options->assume_plain);
    json_put_string(parameters, "to_region", options->to_region);
    json_put_string(parameters, "to_role_arn", options->to_role_arn);
    json_put_string(parameters, "write_capacity", options->write_capacity);
    json_put_string(parameters, "region", options->region);
    json_put_string(parameters, "profile", options->profile);
    json_put_string(parameters, "role_arn", options->role_arn);
    return parameters;
}

enum status command_restore(const struct options *options) {
    _cleanup_error_ struct error error = {0};
    enum status status = STATUS_FAILED;
    struct screen screen = {.table = options->table, .terminal = isatty(STDERR_FILENO)};
    if (!options->table) {
        say_warning("restore needs --table NAME: the table to write to");
        return STATUS_USAGE;
    }
    struct backend *backend = backend_open(options, &status);
    if (!backend)
        return status;
    if (backend_call(backend, CONTROL_RESTORE, parameters_of(options), true, &error)) {
        status = follow(backend, &screen, options->json);
    } else {
        say_error(&error);
        status = STATUS_NO_DAEMON;
    }
    backend_close(backend);
    return status;
}
