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
    char *what, *body;
    struct http_slice slice; /* `body` */
};

static void json_call_free(struct json_call *call) {
    free(call->what);
    free(call->body);
    free(call);
}

/* A success whose body is no JSON is told as the error it is: something on the way is not AWS. */
static struct json_object *read_answer(const struct json_call *call, const struct http_answer *http,
                                       struct error *error) {
    if (http->length == 0)
        return json_object_new_object();
    struct json_object *answer = json_parse(http->body, http->length, error);
    if (!answer) {
        error_context(error, "%s: the answer is not the JSON of AWS", call->what);
        error->http_status = http->status;
    }
    return answer;
}

static void on_done(void *arg, const struct http_answer *http, const struct error *error) {
    struct json_call *call = arg;
    _cleanup_error_ struct error broken = {0};
    _cleanup_json_ struct json_object *answer = error ? NULL : read_answer(call, http, &broken);
    json_call_done *done = call->done;
    void *done_arg = call->arg;
    json_call_free(call);
    done(done_arg, answer, answer ? http : NULL, answer ? NULL : error ? error : &broken);
}

struct json_call *json_call_start(struct aws_session *session, const struct json_call_request *request,
                                  json_call_done *done, void *arg) {
    struct json_call *call = x_calloc(1, sizeof *call);
    *call =
        (struct json_call){.done = done, .arg = arg, .what = x_strdup(request->what), .body = x_strdup(request->body)};
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
        .accept = request->accept,
    };
    call->call = aws_start(session, &post, on_done, call);
    return call;
}

void json_call_cancel(struct json_call *call) {
    aws_cancel(call->call);
    json_call_free(call);
}
