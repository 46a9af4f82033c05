/* SPDX-License-Identifier: Apache-2.0 */
/* `restore`: asks for it and stays with it to its end: a line of progress on a terminal, then what was done and what is missing. */
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
        render_restore(result, &out);
        say_text(&out);
    }
    return word && strcmp(word, "success") == 0 ? STATUS_DONE : STATUS_FAILED;
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
    enum status status = STATUS_FAILED;
    if (!options->table) {
        say_warning("restore needs --table NAME: the table to write to");
        return STATUS_USAGE;
    }
    struct backend *backend = backend_open(options, &status);
    if (!backend)
        return status;
    const struct long_call call = {.method = CONTROL_RESTORE,
                                   .parameters = parameters_of(options),
                                   .name = options->table,
                                   .json = options->json,
                                   .progress = render_restore_progress,
                                   .result = say_result};
    status = screen_follow(backend, &call);
    backend_close(backend);
    return status;
}
