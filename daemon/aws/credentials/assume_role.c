/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One AssumeRole call. What is refused is told with both names: who asked (the source of the credentials, and what STS says
 * of the user) and which role.
 *
 * A role assumed with another role's credentials (an instance role plus RoleArn=) lasts an hour at most. Nobody can know
 * beforehand whether it is one: where STS refuses a longer Duration for that reason, the hour is taken, and said.
 */
#include <string.h>

#include "aws/sts.h"
#include "base/clock.h"
#include "base/memory.h"

#define ANSWER_MOST ((size_t)64 << 10)
#define ATTEMPTS    3                /* the provider asks again soon enough */
#define STALL       (10 * SECOND_MS) /* STS answers in a second, or not at all; a run's RetryFor= waits behind it */

struct assume_role_call {
    struct aws_session *session;
    struct buffer form;
    struct http_slice body;
    char *role_arn, *external_id, *session_name, *what;
    int64_t duration_s;
    bool shortened;
    struct aws_call *aws;
    uv_timer_t timer; /* tells what was wrong before anything was sent; holds the memory until it is closed */
    struct error wrong;
    assume_role_done *done;
    void *arg;
};

static void on_closed(uv_handle_t *handle) {
    free(container_of((uv_timer_t *)handle, struct assume_role_call, timer));
}

static void free_strings(struct assume_role_call *call) {
    free(call->role_arn);
    free(call->external_id);
    free(call->session_name);
    free(call->what);
    buffer_fini(&call->form);
    error_clear(&call->wrong);
}

void assume_role_cancel(struct assume_role_call *call) {
    if (call->aws)
        aws_cancel(call->aws);
    aws_session_free(call->session);
    free_strings(call);
    uv_close((uv_handle_t *)&call->timer, on_closed);
}

static void end(struct assume_role_call *call, const struct assumed_role *assumed, const struct error *error) {
    assume_role_done *done = call->done;
    void *arg = call->arg;
    assume_role_cancel(call);
    done(arg, assumed, error);
}

static void advise(struct error *error) {
    if (error->code == ERROR_DENIED)
        error_advice(error,
                     "the role's trust policy must name that principal (and its ExternalId, where it asks for one), "
                     "and the principal's own policy must allow sts:AssumeRole");
    else if (error->message && strstr(error->message, "MaxSessionDuration"))
        error_advice(error, "lower Duration=, or raise the role's maximum session duration");
}

/* Takes the error. */
static void fail(struct assume_role_call *call, struct error *error) {
    struct error taken = error_take(error);
    advise(&taken);
    end(call, NULL, &taken);
    error_clear(&taken);
}

static bool is_chained(const struct assume_role_call *call, const struct error *error) {
    return call->duration_s > STS_CHAINED_MOST_S && error->message && strcasestr(error->message, "role chaining");
}

static void succeed(struct assume_role_call *call, const struct http_answer *answer) {
    struct credentials credentials = {0};
    _cleanup_free_ char *principal = NULL;
    struct error error = {0};
    if (!sts_parse_assume_role(&credentials, &principal, answer->body, answer->length, &error)) {
        error_context(&error, "%s", call->what);
        fail(call, &error);
        return;
    }
    const struct assumed_role assumed = {&credentials, principal, call->shortened};
    end(call, &assumed, NULL);
    credentials_fini(&credentials);
}

static void send_form(struct assume_role_call *call);

static void on_answer(void *arg, const struct http_answer *answer, const struct error *error) {
    struct assume_role_call *call = arg;
    call->aws = NULL;
    if (answer) {
        succeed(call, answer);
    } else if (is_chained(call, error)) {
        call->duration_s = STS_CHAINED_MOST_S;
        call->shortened = true;
        send_form(call);
    } else {
        struct error copy = error_copy(error);
        fail(call, &copy);
    }
}

static void send_form(struct assume_role_call *call) {
    static const struct http_header type = {"content-type", "application/x-www-form-urlencoded; charset=utf-8", false};
    buffer_clear(&call->form);
    const struct assume_role role = {call->role_arn, call->external_id, call->session_name, call->duration_s};
    sts_form_assume_role(&call->form, &role);
    call->body = (struct http_slice){call->form.data, call->form.length};
    const struct aws_request request = {
        .service = AWS_STS,
        .what = call->what,
        .method = "POST",
        .headers = &type,
        .header_count = 1,
        .body = &call->body,
        .body_count = 1,
        .answer_limit = ANSWER_MOST,
        .stall_timeout_ms = STALL,
        .max_attempts = ATTEMPTS,
    };
    call->aws = aws_start(call->session, &request, on_answer, call);
}

static void on_wrong(uv_timer_t *timer) {
    struct assume_role_call *call = container_of(timer, struct assume_role_call, timer);
    error_context(&call->wrong, "%s", call->what);
    struct error wrong = error_take(&call->wrong);
    fail(call, &wrong);
}

struct assume_role_call *assume_role_start(struct aws_client *client, struct credential_provider *provider,
                                           const char *region, const struct assume_role *role, assume_role_done *done,
                                           void *arg) {
    struct assume_role_call *call = x_calloc(1, sizeof *call);
    const char *session = role->session_name ? role->session_name : STS_SESSION_NAME;
    call->session = aws_session_new(client, provider, region, NULL);
    call->form = BUFFER_INIT(BUFFER_OURS);
    call->role_arn = x_strdup(role->role_arn);
    call->external_id = x_strdup(role->external_id);
    call->session_name = x_strdup(session);
    call->duration_s = role->duration_s;
    call->what =
        x_printf("%s assuming %s as session %s", credential_provider_source(provider), role->role_arn, session);
    call->done = done;
    call->arg = arg;
    uv_timer_init(aws_client_loop(client), &call->timer);
    if (sts_check_assume_role(role, &call->wrong))
        send_form(call);
    else
        uv_timer_start(&call->timer, on_wrong, 0, 0);
    return call;
}
