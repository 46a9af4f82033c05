/* SPDX-License-Identifier: Apache-2.0 */
/* `run` and `drill`: start one, and with --wait stay with it to its end: a line of progress on a terminal, then the result. */
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
    const char *job, *what; /* "run", "drill" */
    bool json;
    bool terminal; /* of stderr */
    bool drawn;    /* a line of progress stands there */
};

static size_t terminal_columns(void) {
    struct winsize size;
    return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 1 ? size.ws_col - 1U : 79;
}

static void draw(struct screen *screen, const struct json_object *progress) {
    _cleanup_buffer_ struct buffer line = BUFFER_INIT(BUFFER_OURS);
    if (!screen->terminal)
        return;
    render_progress(screen->job, progress, clock_wall(), terminal_columns(), &line);
    fprintf(stderr, "\r%s\033[K", line.data); /* to the end of the line */
    fflush(stderr);
    screen->drawn = true;
}

static void wipe(struct screen *screen) {
    if (screen->drawn)
        fputs("\r\033[K", stderr);
    screen->drawn = false;
}

static void say_started(const struct screen *screen, const struct json_object *reply) {
    const char *run = json_string(reply, "run");
    if (screen->json)
        say_json(reply);
    else
        printf("%s: %s %s started\n", screen->job, screen->what, run ? run : "");
    fflush(stdout);
}

static enum status say_result(const struct screen *screen, const struct json_object *reply) {
    _cleanup_buffer_ struct buffer out = BUFFER_INIT(BUFFER_OURS);
    const char *result = json_string(json_object_at(reply, "result"), "result");
    if (screen->json) {
        say_json(reply);
    } else {
        render_result(screen->job, reply, clock_wall(), &out);
        say_text(&out);
    }
    return result && strcmp(result, "success") == 0 ? STATUS_DONE : STATUS_FAILED;
}

/* With --json the result alone is printed: one value. */
static void show_step(struct screen *screen, const struct json_object *reply) {
    const struct json_object *progress = json_object_at(reply, "progress");
    if (progress)
        draw(screen, progress);
    else if (!screen->json)
        say_started(screen, reply);
}

/* Replies until the last one. */
static enum status follow(struct backend *backend, struct screen *screen, bool wait) {
    _cleanup_error_ struct error error = {0};
    enum status status = STATUS_FAILED;
    for (bool more = true; more;) {
        struct control_answer answer;
        if (!backend_receive(backend, &answer, &error)) {
            wipe(screen);
            error_context(&error, "waiting for %s", screen->job);
            say_error(&error);
            status = error.code == ERROR_NOT_FOUND ? STATUS_NO_DAEMON : STATUS_FAILED;
            more = false;
        } else if (answer.continues && !answer.error) {
            show_step(screen, answer.parameters);
        } else {
            wipe(screen);
            more = false;
            if (answer.error)
                status = say_refusal(&answer, screen->json);
            else if (wait)
                status = say_result(screen, answer.parameters);
            else {
                say_started(screen, answer.parameters);
                status = STATUS_DONE;
            }
        }
        control_answer_fini(&answer);
    }
    return status;
}

static enum status start(const struct options *options, const char *method, const char *what) {
    _cleanup_error_ struct error error = {0};
    enum status status = STATUS_FAILED;
    bool wait = options->wait || options->local; /* a run of this process's own ends with it */
    struct screen screen = {
        .job = options->argument, .what = what, .json = options->json, .terminal = isatty(STDERR_FILENO)};
    struct backend *backend = backend_open(options, &status);
    if (!backend)
        return status;
    struct json_object *parameters = json_object_new_object();
    json_put_string(parameters, "job", options->argument);
    if (backend_call(backend, method, parameters, wait, &error)) {
        status = follow(backend, &screen, wait);
    } else {
        say_error(&error);
        status = STATUS_NO_DAEMON;
    }
    backend_close(backend);
    return status;
}

enum status command_run(const struct options *options) {
    return start(options, CONTROL_RUN, "run");
}

enum status command_drill(const struct options *options) {
    return start(options, CONTROL_DRILL, "drill");
}
