/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A conversation with the metadata service.
 *
 *     START --> TOKEN --> ROLE --> CREDENTIALS --> done
 *                 `-----> REGION ----------------> done
 *
 * A token that is still good is used again; a 401 throws it away, once, and the conversation begins anew. Each step is tried
 * three times; connecting may take a second. A host on which nobody ever answered is remembered for a minute, so that on
 * premises each job does not wait its own three seconds.
 */
#include "aws/imds.h"

#include <assert.h>
#include <string.h>
#include <strings.h>
#include <sys/queue.h>

#include "base/buffer.h"
#include "base/memory.h"
#include "http/client.h"

#define ADDRESS         "http://169.254.169.254"
#define ADDRESS_6       "http://[fd00:ec2::254]"
#define ROLES           "/latest/meta-data/iam/security-credentials/"
#define TTL             "21600" /* seconds: the longest there is */
#define TTL_S           21600
#define TOKEN_MARGIN    (5 * MINUTE_MS) /* not used for so long before its end */
#define TRIES           3
#define TRY_AGAIN_MS    200 /* doubles */
#define CONNECT_TIMEOUT SECOND_MS
#define TOTAL_TIMEOUT   (5 * SECOND_MS) /* of one try: answers can be slow */
#define ANSWER_MOST     ((size_t)16 << 10)
#define ABSENT_FOR      MINUTE_MS

enum imds_state { START, TOKEN, ROLE, CREDENTIALS, REGION };

LIST_HEAD(imds_calls, imds_call);

struct imds {
    struct aws_client *client;
    char *base;
    bool disabled;
    bool answered; /* somebody has, once: what fails from now on is a fault, not a host without the service */
    char *token;
    int64_t token_until; /* by the monotonic clock */
    struct error absent;
    int64_t absent_until;
    struct imds_calls calls;
};

struct imds_call {
    LIST_ENTRY(imds_call) entry;
    struct imds *imds;
    enum imds_state state, goal; /* goal: ROLE or REGION, behind the token */
    char *role, *path;           /* of the request under way */
    unsigned tries;              /* of this step */
    bool token_renewed;
    struct http_call *http;
    uv_timer_t timer;
    imds_done *done;
    void *arg;
};

static void step(struct imds_call *call);

static int64_t monotonic(const struct imds *imds) {
    return aws_client_monotonic(imds->client)();
}

static void on_closed(uv_handle_t *handle) {
    free(container_of((uv_timer_t *)handle, struct imds_call, timer));
}

void imds_cancel(struct imds_call *call) {
    if (call->http)
        http_cancel(call->http);
    LIST_REMOVE(call, entry);
    free(call->role);
    free(call->path);
    uv_close((uv_handle_t *)&call->timer, on_closed);
}

static void end(struct imds_call *call, const struct credentials *credentials, const char *region,
                const struct error *error) {
    imds_done *done = call->done;
    void *arg = call->arg;
    imds_cancel(call);
    done(arg, credentials, region, error);
}

static const char *what_of(const struct imds_call *call) {
    switch (call->state) {
    case START:
    case TOKEN:
        return "instance metadata: token";
    case ROLE:
    case CREDENTIALS:
        return "instance metadata: role";
    case REGION:
        break;
    }
    return "instance metadata: region";
}

/* Takes the error. */
static void fail(struct imds_call *call, struct error *error) {
    struct error taken = error_take(error);
    if (call->role)
        error_context(&taken, "%s", call->role);
    error_context(&taken, "%s", what_of(call));
    end(call, NULL, NULL, &taken);
    error_clear(&taken);
}

static void on_again(uv_timer_t *timer) {
    step(container_of(timer, struct imds_call, timer));
}

/* The last error is told; nobody there at all is remembered. */
static void try_again(struct imds_call *call, struct error *error) {
    struct imds *imds = call->imds;
    if (++call->tries < TRIES) {
        error_clear(error);
        uv_timer_start(&call->timer, on_again, (uint64_t)TRY_AGAIN_MS << (call->tries - 1), 0);
        return;
    }
    if (!error->http_status && !imds->answered) {
        error_advice(error, "is this an EC2 instance, and in a container: is its metadata hop limit 2 or more?");
        error_clear(&imds->absent);
        imds->absent = error_copy(error);
        imds->absent_until = monotonic(imds) + ABSENT_FOR;
    }
    fail(call, error);
}

static void refuse(struct imds_call *call, const struct http_answer *answer) {
    struct error error = {0};
    if (answer->status == 404 && (call->state == ROLE || call->state == CREDENTIALS))
        error_set(&error, ERROR_NOT_FOUND, "404: the instance has no role; attach an instance profile to it");
    else if (answer->status == 403)
        error_set(&error, ERROR_DENIED, "403: the instance metadata service is turned off for this instance");
    else if (answer->status >= 500 || answer->status == 429)
        error_set(&error, ERROR_TRANSIENT, "it answered %d", answer->status);
    else
        error_set(&error, ERROR_CORRUPT, "it answered %d", answer->status);
    error.http_status = answer->status;
    if (error.code == ERROR_TRANSIENT)
        try_again(call, &error);
    else
        fail(call, &error);
}

static void go(struct imds_call *call, enum imds_state state) {
    call->state = state;
    call->tries = 0;
    step(call);
}

static void forget_token(struct imds *imds) {
    secret_free(imds->token);
    imds->token = NULL;
}

static void got_token(struct imds_call *call, const struct http_answer *answer, struct error *error) {
    struct imds *imds = call->imds;
    char *token = imds_parse_token(answer->body, answer->length, error);
    if (!token)
        return;
    forget_token(imds);
    imds->token = token;
    const char *ttl = http_answer_header(answer, "x-aws-ec2-metadata-token-ttl-seconds");
    long seconds = ttl ? strtol(ttl, NULL, 10) : TTL_S;
    int64_t life = (seconds > 0 && seconds <= TTL_S ? seconds : TTL_S) * SECOND_MS;
    imds->token_until = monotonic(imds) + life - (life / 4 < TOKEN_MARGIN ? life / 4 : TOKEN_MARGIN);
    go(call, call->goal);
}

static void got_role(struct imds_call *call, const struct http_answer *answer, struct error *error) {
    free(call->role);
    call->role = imds_parse_role(answer->body, answer->length, error);
    if (call->role)
        go(call, CREDENTIALS);
}

static void got_credentials(struct imds_call *call, const struct http_answer *answer, struct error *error) {
    struct credentials credentials = {0};
    if (imds_parse_credentials(&credentials, answer->body, answer->length, error))
        end(call, &credentials, NULL, NULL);
    credentials_fini(&credentials);
}

static void got_region(struct imds_call *call, const struct http_answer *answer, struct error *error) {
    _cleanup_free_ char *region = imds_parse_region(answer->body, answer->length, error);
    if (region)
        end(call, NULL, region, NULL);
}

/* Each got_...() either goes on, or ends the call, or fills the error. */
static void read_answer(struct imds_call *call, const struct http_answer *answer) {
    struct error error = {0};
    switch (call->state) {
    case START:
    case TOKEN:
        got_token(call, answer, &error);
        break;
    case ROLE:
        got_role(call, answer, &error);
        break;
    case CREDENTIALS:
        got_credentials(call, answer, &error);
        break;
    case REGION:
        got_region(call, answer, &error);
        break;
    }
    if (error.code == ERROR_TRANSIENT)
        try_again(call, &error);
    else if (error.code)
        fail(call, &error);
}

static void on_answer(void *arg, const struct http_answer *answer, const struct error *error) {
    struct imds_call *call = arg;
    call->http = NULL;
    if (!answer) {
        struct error copy = error_copy(error);
        if (copy.code == ERROR_TRANSIENT)
            try_again(call, &copy);
        else
            fail(call, &copy);
        return;
    }
    call->imds->answered = true;
    if (answer->status == 401 && call->state != TOKEN && !call->token_renewed) {
        call->token_renewed = true;
        free(take_pointer(call->role));
        forget_token(call->imds);
        go(call, START);
    } else if (answer->status == 200) {
        read_answer(call, answer);
    } else {
        refuse(call, answer);
    }
}

static void send_request(struct imds_call *call, const char *method, const char *path,
                         const struct http_header *header) {
    free(call->path);
    call->path = x_printf("%s%s", call->imds->base, path);
    const struct http_request request = {
        .method = method,
        .url = call->path,
        .headers = header,
        .header_count = 1,
        .answer_limit = ANSWER_MOST,
        .connect_timeout_ms = CONNECT_TIMEOUT,
        .total_timeout_ms = TOTAL_TIMEOUT,
        .direct = true,
    };
    call->http = http_start(aws_client_http(call->imds->client), &request, on_answer, call);
}

/* Another call's 401 may have thrown the token away in the meantime. */
static void get(struct imds_call *call, const char *path) {
    if (!call->imds->token) {
        go(call, START);
        return;
    }
    const struct http_header token = {.name = "X-aws-ec2-metadata-token", .value = call->imds->token, .secret = true};
    send_request(call, "GET", path, &token);
}

static void start(struct imds_call *call) {
    struct imds *imds = call->imds;
    _cleanup_error_ struct error error = {0};
    if (imds->disabled)
        error_set(&error, ERROR_NOT_FOUND, "AWS_EC2_METADATA_DISABLED is true");
    else if (imds->absent.code && monotonic(imds) < imds->absent_until && !imds->answered)
        error = error_copy(&imds->absent);
    if (error.code)
        fail(call, &error);
    else if (imds->token && monotonic(imds) < imds->token_until)
        go(call, call->goal);
    else
        go(call, TOKEN);
}

static void step(struct imds_call *call) {
    static const struct http_header ttl = {.name = "X-aws-ec2-metadata-token-ttl-seconds", .value = TTL};
    switch (call->state) {
    case START:
        start(call);
        return;
    case TOKEN:
        send_request(call, "PUT", "/latest/api/token", &ttl);
        return;
    case ROLE:
        get(call, ROLES);
        return;
    case CREDENTIALS: {
        _cleanup_free_ char *path = x_printf(ROLES "%s", call->role);
        get(call, path);
        return;
    }
    case REGION:
        get(call, "/latest/meta-data/placement/region");
        return;
    }
}

static struct imds_call *begin(struct imds *imds, enum imds_state goal, imds_done *done, void *arg) {
    struct imds_call *call = x_calloc(1, sizeof *call);
    call->imds = imds;
    call->goal = goal;
    call->done = done;
    call->arg = arg;
    LIST_INSERT_HEAD(&imds->calls, call, entry);
    uv_timer_init(aws_client_loop(imds->client), &call->timer);
    uv_timer_start(&call->timer, on_again, 0, 0);
    return call;
}

struct imds_call *imds_credentials_start(struct imds *imds, imds_done *done, void *arg) {
    return begin(imds, ROLE, done, arg);
}

struct imds_call *imds_region_start(struct imds *imds, imds_done *done, void *arg) {
    return begin(imds, REGION, done, arg);
}

static char *base_url(const struct aws_client *client, const char *(*getenv_fn)(const char *)) {
    const char *url = aws_client_endpoints(client)->url[AWS_IMDS], *mode;
    if (!url)
        url = getenv_fn("AWS_EC2_METADATA_SERVICE_ENDPOINT");
    if (!url || !*url) {
        mode = getenv_fn("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE");
        url = mode && strcasecmp(mode, "IPv6") == 0 ? ADDRESS_6 : ADDRESS;
    }
    size_t length = strlen(url);
    while (length && url[length - 1] == '/')
        length--;
    return x_strndup(url, length);
}

struct imds *imds_new(struct aws_client *client, const char *(*getenv_fn)(const char *)) {
    struct imds *imds = x_calloc(1, sizeof *imds);
    const char *disabled = getenv_fn("AWS_EC2_METADATA_DISABLED");
    imds->client = client;
    imds->base = base_url(client, getenv_fn);
    imds->disabled = disabled && strcasecmp(disabled, "true") == 0;
    LIST_INIT(&imds->calls);
    return imds;
}

void imds_free(struct imds *imds) {
    assert(LIST_EMPTY(&imds->calls));
    forget_token(imds);
    free(imds->base);
    error_clear(&imds->absent);
    free(imds);
}
