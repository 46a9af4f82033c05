/* SPDX-License-Identifier: Apache-2.0 */
/* The terminal's last line, drawn over and over, and gone before anything else is printed. */
#include "screen.h"

#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "say.h"

static size_t columns(void) {
    struct winsize size;
    return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 1 ? size.ws_col - 1U : 79;
}

/* Whether a line stands there now. */
static bool show_step(const struct long_call *call, const struct json_object *reply, bool drawn) {
    _cleanup_buffer_ struct buffer line = BUFFER_INIT(BUFFER_OURS);
    const struct json_object *progress = json_object_at(reply, "progress");
    if (!progress && call->started)
        call->started(call, reply);
    if (!progress || !isatty(STDERR_FILENO))
        return drawn;
    call->progress(call->name, progress, clock_wall(), columns(), &line);
    fprintf(stderr, "\r%s\033[K", line.data); /* to the end of the line */
    fflush(stderr);
    return true;
}

static void wipe(bool drawn) {
    if (drawn)
        fputs("\r\033[K", stderr);
}

static enum status say_lost(const struct long_call *call, struct error *error) {
    error_context(error, "waiting for %s", call->name);
    say_error(error);
    return error->code == ERROR_NOT_FOUND ? STATUS_NO_DAEMON : STATUS_FAILED;
}

enum status screen_follow(struct backend *backend, const struct long_call *call) {
    _cleanup_error_ struct error error = {0};
    enum status status = STATUS_NO_DAEMON;
    bool drawn = false;
    if (!backend_call(backend, call->method, call->parameters, !call->briefly, &error)) {
        say_error(&error);
        return status;
    }
    for (bool more = true; more;) {
        struct control_answer answer;
        bool received = backend_receive(backend, &answer, &error);
        more = received && answer.continues && !answer.error;
        if (more) {
            drawn = show_step(call, answer.parameters, drawn);
        } else {
            wipe(drawn);
            status = !received      ? say_lost(call, &error)
                     : answer.error ? say_refusal(&answer, call->json)
                                    : call->result(call, answer.parameters);
        }
        control_answer_fini(&answer);
    }
    return status;
}
