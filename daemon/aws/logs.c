/* SPDX-License-Identifier: Apache-2.0 */
/* CloudWatch Logs' JSON protocol. What may go into one PutLogEvents is report/cloudwatch.c's to know.
 * https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_Operations.html */
#include "aws/logs.h"

#include <stdlib.h>

#include "aws/json_call.h"
#include "base/memory.h"

struct logs_call {
    struct json_call *call;
    logs_done *done;
    void *arg;
};

static void on_done(void *arg, struct json_object *answer, const struct http_answer *http, const struct error *error) {
    (void)http;
    struct logs_call call = *(struct logs_call *)arg;
    free(arg);
    call.done(call.arg, answer, error);
}

struct logs_call *logs_start(struct aws_session *session, const char *operation, const char *body, logs_done *done,
                             void *arg) {
    struct logs_call *call = x_calloc(1, sizeof *call);
    _cleanup_free_ char *target = x_printf("Logs_20140328.%s", operation);
    _cleanup_free_ char *needs = x_printf("logs:%s", operation);
    const struct json_call_request request = {
        .service = AWS_LOGS,
        .what = operation,
        .needs = needs,
        .content_type = "application/x-amz-json-1.1",
        .target = target,
        .body = body,
    };
    *call = (struct logs_call){.done = done, .arg = arg};
    call->call = json_call_start(session, &request, on_done, call);
    return call;
}

void logs_cancel(struct logs_call *call) {
    json_call_cancel(call->call);
    free(call);
}
