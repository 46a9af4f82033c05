/* SPDX-License-Identifier: Apache-2.0 */
/* A call's life in its owner's hands: read, replied to, ended. Its client may be gone meanwhile; the owner need not care. */
#include <assert.h>
#include <string.h>

#include "base/json.h"
#include "base/memory.h"
#include "private.h"

struct control_request *request_new(struct client *client, struct control_call *call) {
    struct control_request *request = x_calloc(1, sizeof *request);
    request->client = client;
    request->call = *call;
    memcpy(request->by, client->by, sizeof request->by);
    *call = (struct control_call){0};
    return request;
}

void request_orphan(struct control_request *request) {
    request->client = NULL;
    if (request->gone)
        request->gone(request->gone_arg);
}

const char *control_request_method(const struct control_request *request) {
    return request->call.method;
}

struct json_object *control_request_parameters(const struct control_request *request) {
    return request->call.parameters;
}

bool control_request_more(const struct control_request *request) {
    return request->call.more;
}

const char *control_request_by(const struct control_request *request) {
    return request->by;
}

void control_request_watch(struct control_request *request, void (*gone)(void *arg), void *arg) {
    request->gone = gone;
    request->gone_arg = arg;
}

bool control_request_is_gone(const struct control_request *request) {
    return request->client == NULL;
}

static void send_message(struct control_request *request, struct json_object *message) {
    if (request->client && !request->call.oneway)
        client_send(request->client, message);
    else
        json_object_put(message);
}

static void end(struct control_request *request, struct json_object *message) {
    struct client *client = request->client;
    send_message(request, message);
    control_call_fini(&request->call);
    free(request);
    if (client)
        client_ended_call(client);
}

void control_continue(struct control_request *request, struct json_object *parameters) {
    assert(request->call.more);
    send_message(request, control_answer_message(NULL, parameters, true));
}

void control_reply(struct control_request *request, struct json_object *parameters) {
    end(request, control_answer_message(NULL, parameters, false));
}

void control_reply_error(struct control_request *request, const char *name, struct json_object *parameters) {
    end(request, control_answer_message(name, parameters, false));
}

void control_reply_failed(struct control_request *request, const struct error *error) {
    struct json_object *parameters = json_object_new_object();
    json_put_string(parameters, "message", error->message ? error->message : error_code_name(error->code));
    json_put_string(parameters, "aws_code", error->aws_code);
    json_put_string(parameters, "request_id", error->request_id);
    control_reply_error(request, CONTROL_FAILED, parameters);
}

void control_reply_invalid(struct control_request *request, const char *parameter) {
    struct json_object *parameters = json_object_new_object();
    json_put_string(parameters, "parameter", parameter);
    control_reply_error(request, VARLINK_INVALID_PARAMETER, parameters);
}

bool control_may_text(struct control_request *request, const char *name, const char **text) {
    struct json_object *value;
    *text = NULL;
    if (!json_object_object_get_ex(request->call.parameters, name, &value) || !value)
        return true;
    if ((*text = json_string(request->call.parameters, name)))
        return true;
    control_reply_invalid(request, name);
    return false;
}

bool control_need_text(struct control_request *request, const char *name, const char **text) {
    if (!control_may_text(request, name, text))
        return false;
    if (*text)
        return true;
    control_reply_invalid(request, name);
    return false;
}
