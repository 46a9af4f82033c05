/* SPDX-License-Identifier: Apache-2.0 */
/* POST a small JSON text, get a small JSON tree. aws/client.h does all that is hard; here the body is kept alive and the
 * answer parsed. */
#include "aws/json_call.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/memory.h"

struct json_call {
    struct aws_call *call;
    json_call_done *done;
    void *arg;
    char *body;
    struct http_slice slice; /* `body` */
    aws_accept *accept;      /* the caller's; NULL: none */
    struct json_object *answer;
};

static void json_call_free(struct json_call *call) {
    free(call->body);
    json_object_put(call->answer);
    free(call);
}

/* A success whose body is no JSON did not come from AWS as it is: the call is made again. */
static bool is_json(void *arg, const struct http_answer *http, struct error *error) {
    struct json_call *call = arg;
    if (call->accept && !call->accept(NULL, http, error))
        return false;
    json_object_put(call->answer);
    call->answer = http->length ? json_parse(http->body, http->length, error) : json_object_new_object();
    error_context(error, "the answer is not the JSON of AWS");
    return call->answer;
}

static void on_done(void *arg, const struct http_answer *http, const struct error *error) {
    struct json_call *call = arg;
    _cleanup_json_ struct json_object *answer = take_pointer(call->answer);
    json_call_done *done = call->done;
    void *done_arg = call->arg;
    json_call_free(call);
    done(done_arg, error ? NULL : answer, http, error);
}

struct json_call *json_call_start(struct aws_session *session, const struct json_call_request *request,
                                  json_call_done *done, void *arg) {
    struct json_call *call = x_calloc(1, sizeof *call);
    *call = (struct json_call){.done = done, .arg = arg, .body = x_strdup(request->body), .accept = request->accept};
    call->slice = (struct http_slice){call->body, strlen(call->body)};
    const struct http_header headers[] = {
        {"content-type", request->content_type, false},
        {"x-amz-target", request->target, false},
    };
    const struct aws_request post = {
        .service = request->service,
        .what = request->what,
        .needs = request->needs,
        .method = "POST",
        .path = request->path,
        .headers = headers,
        .header_count = request->target ? 2 : 1,
        .body = &call->slice,
        .body_count = 1,
        .answer_limit = request->answer_limit,
        .accept = is_json,
        .accept_arg = call,
        .counted = request->counted,
    };
    call->call = aws_start(session, &post, on_done, call);
    return call;
}

void json_call_cancel(struct json_call *call) {
    aws_cancel(call->call);
    json_call_free(call);
}
