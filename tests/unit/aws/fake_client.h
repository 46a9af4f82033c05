/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stands in for aws/call.c: remembers what was asked, and answers when told to. One call at a time.
 *
 *     op = s3_put_object(...);  assert on fake.headers;  fake_answer(200, "etag: \"x\"\n", "");  assert on what came
 */
#ifndef FAKE_CLIENT_H
#define FAKE_CLIENT_H

#include "aws/client.h"

struct fake_call {
    unsigned starts, cancels;
    bool running;
    char *what, *needs, *line, *headers, *body; /* line: "PUT b /key?query"; headers: "name: value\n" each, in order */
    struct aws_request request;                 /* strings of the caller: only flags and pointers that live are good */
    aws_done *done;
    void *arg;
};
extern struct fake_call fake;

/* `headers` as in struct fake_call. accept() is asked as the client would; a refusal is an error to `done`. */
void fake_answer(int status, const char *headers, const char *body);
void fake_error(enum error_code code, int status, const char *message);

/* Setup and teardown of a test: the latter asserts that nothing is under way. */
int fake_reset(void **state);

#endif
