/* SPDX-License-Identifier: Apache-2.0 */
/* `verify`: stays with it to its end; what is damaged is printed, and makes the exit status 1. */
#include <string.h>

#include "base/json.h"
#include "render.h"
#include "say.h"
#include "screen.h"

static enum status say_result(const struct long_call *call, const struct json_object *reply) {
    _cleanup_buffer_ struct buffer out = BUFFER_INIT(BUFFER_OURS);
    const struct json_object *result = json_object_at(reply, "result");
    const char *word = json_string(result, "result");
    if (call->json) {
        say_json(result ? result : reply);
    } else {
        render_verify(result, &out);
        say_text(&out);
    }
    return word && strcmp(word, "good") == 0 ? STATUS_DONE : STATUS_FAILED;
}

enum status command_verify(const struct options *options) {
    enum status status = STATUS_FAILED;
    struct backend *backend = backend_open(options, &status);
    if (!backend)
        return status;
    struct json_object *parameters = json_object_new_object();
    json_put_string(parameters, "backup", options->argument);
    json_put_string(parameters, "region", options->region);
    json_put_string(parameters, "profile", options->profile);
    json_put_string(parameters, "role_arn", options->role_arn);
    const struct long_call call = {.method = CONTROL_VERIFY,
                                   .parameters = parameters,
                                   .name = options->argument,
                                   .json = options->json,
                                   .progress = render_verify_progress,
                                   .result = say_result};
    status = screen_follow(backend, &call);
    backend_close(backend);
    return status;
}
