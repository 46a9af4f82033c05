/* SPDX-License-Identifier: Apache-2.0 */
/* CloudWatch Logs (application/x-amz-json-1.1, Logs_20140328): the four operations that report/cloudwatch.c needs. */
#ifndef AWS_LOGS_H
#define AWS_LOGS_H

#include <json-c/json.h>

#include "aws/client.h"

/* Exactly one is given; `answer` ({} where AWS answers with nothing) is borrowed until it returns. */
typedef void logs_done(void *arg, struct json_object *answer, const struct error *error);
struct logs_call;

/* `operation`: CreateLogGroup, CreateLogStream, PutRetentionPolicy, PutLogEvents. `body` is copied. */
struct logs_call *logs_start(struct aws_session *session, const char *operation, const char *body, logs_done *done,
                             void *arg);
void logs_cancel(struct logs_call *call);

#endif
