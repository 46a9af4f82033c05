/* SPDX-License-Identifier: Apache-2.0 */
/* `run` and `drill`: start one, and with --wait stay with it to its end: a line of progress on a terminal, then the result. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "render.h"
#include "say.h"
#include "screen.h"

/* With --json and --wait the result alone is printed: one value. */
static void say_started(const struct long_call *call, const struct json_object *reply) {
    const char *run = json_string(reply, "run"), *what = strcmp(call->method, CONTROL_DRILL) == 0 ? "drill" : "run";
    if (!call->json)
        printf("%s: %s %s started\n", call->name, what, run ? run : "");
    else if (call->briefly)
        say_json(reply);
    fflush(stdout);
}

static enum status say_result(const struct long_call *call, const struct json_object *reply) {
    _cleanup_buffer_ struct buffer out = BUFFER_INIT(BUFFER_OURS);
    const char *result = json_string(json_object_at(reply, "result"), "result");
    if (call->briefly) {
        say_started(call, reply);
        return STATUS_DONE;
    }
    if (call->json) {
        say_json(reply);
    } else {
        render_result(call->name, reply, clock_wall(), &out);
        say_text(&out);
    }
    return result && strcmp(result, "success") == 0 ? STATUS_DONE : STATUS_FAILED;
}

static enum status start(const struct options *options, const char *method) {
    enum status status = STATUS_FAILED;
    struct backend *backend = backend_open(options, &status);
    if (!backend)
        return status;
    struct json_object *parameters = json_object_new_object();
    json_put_string(parameters, "job", options->argument);
    const struct long_call call = {.method = method,
                                   .parameters = parameters,
                                   .briefly = !options->wait && !options->local, /* --local: its runs end with it */
                                   .name = options->argument,
                                   .json = options->json,
                                   .progress = render_progress,
                                   .started = say_started,
                                   .result = say_result};
    status = screen_follow(backend, &call);
    backend_close(backend);
    return status;
}

enum status command_run(const struct options *options) {
    return start(options, CONTROL_RUN);
}

enum status command_drill(const struct options *options) {
    return start(options, CONTROL_DRILL);
}
