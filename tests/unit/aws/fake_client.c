/* SPDX-License-Identifier: Apache-2.0 */
/* See the header. The linker takes these in place of aws/call.c's. */
#include "fake_client.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <string.h>

#include "base/memory.h"

#define HEADERS_MOST 16

struct fake_call fake;

static void forget(void) {
    free(fake.what);
    free(fake.needs);
    free(fake.line);
    free(fake.headers);
    free(fake.body);
    fake.what = fake.needs = fake.line = fake.headers = fake.body = NULL;
}

int fake_reset(void **state) {
    (void)state;
    bool running = fake.running;
    forget();
    fake = (struct fake_call){0};
    assert_false(running);
    return 0;
}

static char *line_of(const struct aws_request *request) {
    return x_printf("%s%s%s %s%s%s", request->method, request->bucket ? " " : "",
                    request->bucket ? request->bucket : "", request->path ? request->path : "/",
                    request->query ? "?" : "", request->query ? request->query : "");
}

static char *headers_of(const struct aws_request *request) {
    struct buffer out = BUFFER_INIT(BUFFER_OURS);
    for (size_t i = 0; i < request->header_count; i++)
        buffer_printf(&out, "%s: %s\n", request->headers[i].name, request->headers[i].value);
    return buffer_take(&out);
}

static char *body_of(const struct aws_request *request) {
    struct buffer out = BUFFER_INIT(BUFFER_OURS);
    for (size_t i = 0; i < request->body_count; i++)
        buffer_add_bytes(&out, request->body[i].data, request->body[i].length);
    return buffer_take(&out);
}

struct aws_call *aws_start(struct aws_session *session, const struct aws_request *request, aws_done *done, void *arg) {
    (void)session;
    assert_false(fake.running);
    forget();
    fake.starts++;
    fake.running = true;
    fake.what = x_strdup(request->what);
    fake.needs = x_strdup(request->needs);
    fake.line = line_of(request);
    fake.headers = headers_of(request);
    fake.body = body_of(request);
    fake.request = *request;
    fake.done = done;
    fake.arg = arg;
    return (struct aws_call *)(void *)&fake;
}

void aws_cancel(struct aws_call *call) {
    assert_ptr_equal(call, &fake);
    assert_true(fake.running);
    fake.running = false;
    fake.cancels++;
}

static void deliver(const struct http_answer *answer, const struct error *error) {
    assert_true(fake.running);
    fake.running = false;
    fake.done(fake.arg, answer, error);
}

/* Cuts "name: value\n..." in place. */
static size_t cut_headers(struct http_header headers[HEADERS_MOST], char *text) {
    size_t count = 0;
    char *line;
    while ((line = strsep(&text, "\n")) && *line) {
        char *colon = strstr(line, ": ");
        *colon = '\0';
        headers[count++] = (struct http_header){.name = line, .value = colon + 2};
    }
    return count;
}

void fake_answer(int status, const char *headers, const char *body) {
    _cleanup_free_ char *text = x_strdup(headers);
    struct http_header list[HEADERS_MOST];
    const struct http_answer answer = {
        .status = status,
        .body = body,
        .length = strlen(body),
        .headers = list,
        .header_count = cut_headers(list, text),
    };
    _cleanup_error_ struct error error = {0};
    bool accepted =
        status >= 300 || !fake.request.accept || fake.request.accept(fake.request.accept_arg, &answer, &error);
    deliver(accepted ? &answer : NULL, accepted ? NULL : &error);
}

void fake_error(enum error_code code, int status, const char *message) {
    _cleanup_error_ struct error error = {0};
    error_set(&error, code, "%s", message);
    error.http_status = status;
    deliver(NULL, &error);
}
