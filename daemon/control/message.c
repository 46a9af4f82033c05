/* SPDX-License-Identifier: Apache-2.0 */
/* Calls and replies as https://varlink.org/Method-Call has them. */
#include "control/message.h"

#include "base/json.h"
#include "base/memory.h"

/* A member that must be an object where it is present and not null; an empty one where it is not. NULL where it is wrong. */
static struct json_object *parameters_of(const struct json_object *message) {
    struct json_object *value;
    if (!json_object_object_get_ex(message, "parameters", &value) || !value)
        return json_object_new_object();
    return json_object_is_type(value, json_type_object) ? json_object_get(value) : NULL;
}

static struct json_object *parse_object(const char *text, size_t length, struct error *error) {
    struct json_object *message = json_parse(text, length, error);
    if (message && !json_object_is_type(message, json_type_object)) {
        error_set(error, ERROR_CORRUPT, "a message that is no object");
        json_object_put(message);
        message = NULL;
    }
    return message;
}

bool control_call_parse(const char *text, size_t length, struct control_call *call, struct error *error) {
    *call = (struct control_call){0};
    _cleanup_json_ struct json_object *message = parse_object(text, length, error);
    if (!message)
        return false;
    call->method = x_strdup(json_string(message, "method"));
    call->parameters = parameters_of(message);
    call->more = json_boolean(message, "more", false);
    call->oneway = json_boolean(message, "oneway", false);
    if (call->method && call->parameters)
        return true;
    error_set(error, ERROR_CORRUPT, call->method ? "a call whose parameters are no object" : "a call without a method");
    return false;
}

void control_call_fini(struct control_call *call) {
    free(call->method);
    json_object_put(call->parameters);
    *call = (struct control_call){0};
}

struct json_object *control_call_message(const char *method, struct json_object *parameters, bool more) {
    struct json_object *message = json_object_new_object();
    json_put_string(message, "method", method);
    if (parameters)
        json_object_object_add(message, "parameters", parameters);
    if (more)
        json_put_boolean(message, "more", true);
    return message;
}

bool control_answer_parse(const char *text, size_t length, struct control_answer *answer, struct error *error) {
    *answer = (struct control_answer){0};
    _cleanup_json_ struct json_object *message = parse_object(text, length, error);
    if (!message)
        return false;
    answer->error = x_strdup(json_string(message, "error"));
    answer->parameters = parameters_of(message);
    answer->continues = json_boolean(message, "continues", false);
    if (!answer->parameters)
        error_set(error, ERROR_CORRUPT, "a reply whose parameters are no object");
    return answer->parameters != NULL;
}

void control_answer_fini(struct control_answer *answer) {
    free(answer->error);
    json_object_put(answer->parameters);
    *answer = (struct control_answer){0};
}

struct json_object *control_answer_message(const char *error, struct json_object *parameters, bool continues) {
    struct json_object *message = json_object_new_object();
    json_put_string(message, "error", error);
    json_object_object_add(message, "parameters", parameters ? parameters : json_object_new_object());
    if (continues)
        json_put_boolean(message, "continues", true);
    return message;
}

const char *control_message_bytes(struct json_object *message, size_t *length) {
    const char *text =
        json_object_to_json_string_length(message, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE, length);
    ++*length;
    return text;
}
