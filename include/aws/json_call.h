/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One POST of JSON and its JSON answer: what DynamoDB, SES and CloudWatch Logs have in common. For their files alone; the
 * rooms above use dynamodb.h, ses.h and logs.h.
 */
#ifndef AWS_JSON_CALL_H
#define AWS_JSON_CALL_H

#include <json-c/json.h>

#include "aws/client.h"

/* Strings are copied. */
struct json_call_request {
    enum aws_service service;
    const char *what;         /* "DescribeTable of studentData": in front of every error */
    const char *needs;        /* as in struct aws_request */
    const char *path;         /* NULL: "/" */
    const char *content_type; /* "application/x-amz-json-1.0" */
    const char *target;       /* X-Amz-Target; NULL: none */
    const char *body;
    size_t answer_limit; /* 0: http's 1 MiB */
    aws_accept *accept;  /* called with NULL for `arg`; NULL: none */
    bool counted;        /* as in struct aws_request */
};

/* `answer` or `error`, borrowed until it returns; `http` is given with `answer`. An empty body is an empty object. */
typedef void json_call_done(void *arg, struct json_object *answer, const struct http_answer *http,
                            const struct error *error);

struct json_call;
struct json_call *json_call_start(struct aws_session *session, const struct json_call_request *request,
                                  json_call_done *done, void *arg);

/* `done` will not fire. */
void json_call_cancel(struct json_call *call);

#endif
