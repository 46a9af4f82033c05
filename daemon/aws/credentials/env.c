/* SPDX-License-Identifier: Apache-2.0 */
/* Credentials in the environment, and the simplest of sources: one that has them at hand and only waits for the next turn. */
#include <string.h>

#include "aws/sources.h"
#include "base/memory.h"

struct at_hand {
    struct credential_source type; /* of a fixed one: with a name of its own */
    uv_timer_t timer;
    environment_fn *environment; /* NULL: fixed */
    struct credentials fixed;
    credentials_done *done;
    void *arg;
};

static const char *set_or_null(environment_fn *environment, const char *name) {
    const char *value = environment(name);
    return value && *value ? value : NULL;
}

static bool read_expiry(int64_t *expires, const char *text, struct error *error) {
    int64_t seconds;
    *expires = INT64_MAX;
    if (!text)
        return true;
    if (!time_parse_iso(text, &seconds)) {
        error_set(error, ERROR_INVALID, "AWS_CREDENTIAL_EXPIRATION=%s is not a time like 2025-07-06T02:00:00Z", text);
        return false;
    }
    *expires = seconds * SECOND_MS;
    return true;
}

bool env_credentials(struct credentials *credentials, environment_fn *environment, struct error *error) {
    const char *access_key = set_or_null(environment, "AWS_ACCESS_KEY_ID");
    const char *secret_key = set_or_null(environment, "AWS_SECRET_ACCESS_KEY");
    const char *token = set_or_null(environment, "AWS_SECURITY_TOKEN"); /* the older name first: botocore's order */
    int64_t expires;
    if (!token)
        token = set_or_null(environment, "AWS_SESSION_TOKEN");
    if (!access_key)
        error_set(error, ERROR_NOT_FOUND, "AWS_ACCESS_KEY_ID is not set");
    else if (!secret_key)
        error_set(error, ERROR_INVALID, "AWS_ACCESS_KEY_ID is set, AWS_SECRET_ACCESS_KEY is not");
    if (!access_key || !secret_key ||
        !read_expiry(&expires, set_or_null(environment, "AWS_CREDENTIAL_EXPIRATION"), error))
        return false;
    const struct credentials found = {(char *)(uintptr_t)access_key, (char *)(uintptr_t)secret_key,
                                      (char *)(uintptr_t)token, expires}; /* only copied from */
    *credentials = credentials_copy(&found);
    return true;
}

static void on_timer(uv_timer_t *timer) {
    struct at_hand *self = timer->data;
    struct credentials got = {0};
    struct error error = {0};
    if (!self->environment)
        got = credentials_copy(&self->fixed);
    bool ok = !self->environment || env_credentials(&got, self->environment, &error);
    self->done(self->arg, ok ? &got : NULL, ok ? NULL : &error);
    credentials_fini(&got);
    error_clear(&error);
}

static void fetch(void *arg, credentials_done *done, void *done_arg) {
    struct at_hand *self = arg;
    self->done = done;
    self->arg = done_arg;
    uv_timer_start(&self->timer, on_timer, 0, 0);
}

static void stop(void *arg) {
    uv_timer_stop(&((struct at_hand *)arg)->timer);
}

static void on_closed(uv_handle_t *handle) {
    struct at_hand *self = handle->data;
    free((char *)(uintptr_t)self->type.name);
    credentials_fini(&self->fixed);
    free(self);
}

static void free_self(void *arg) {
    uv_close((uv_handle_t *)&((struct at_hand *)arg)->timer, on_closed);
}

static struct source at_hand_new(uv_loop_t *loop, const char *name) {
    struct at_hand *self = x_calloc(1, sizeof *self);
    self->type = (struct credential_source){.name = x_strdup(name), .fetch = fetch, .stop = stop, .free = free_self};
    uv_timer_init(loop, &self->timer);
    self->timer.data = self;
    return (struct source){&self->type, self};
}

struct source env_source_new(const struct source_context *context) {
    struct source source = at_hand_new(aws_client_loop(context->client), "env");
    ((struct at_hand *)source.self)->environment = context->getenv;
    return source;
}

struct source fixed_source_new(uv_loop_t *loop, const char *name, const struct credentials *credentials) {
    struct source source = at_hand_new(loop, name);
    ((struct at_hand *)source.self)->fixed = credentials_copy(credentials);
    return source;
}
