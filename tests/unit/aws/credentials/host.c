/* SPDX-License-Identifier: Apache-2.0 */
/* See the header. */
#include "host.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/encoding.h"
#include "base/memory.h"
#include "http/client.h"

#define VARIABLES 16

static int64_t the_time;
static char *environment[VARIABLES]; /* "NAME=VALUE" */

struct connection {
    uv_tcp_t tcp;
    struct host *host;
    struct buffer in;
};

struct answer {
    uv_write_t write;
    char *text;
};

int64_t host_now(void) {
    return the_time;
}

void host_later(int64_t ms) {
    the_time += ms;
}

static char **find(const char *name) {
    size_t length = strlen(name);
    for (size_t i = 0; i < VARIABLES; i++) {
        if (environment[i] && strncmp(environment[i], name, length) == 0 && environment[i][length] == '=')
            return &environment[i];
    }
    return NULL;
}

const char *host_getenv(const char *name) {
    char **found = find(name);
    return found ? *found + strlen(name) + 1 : NULL;
}

void host_setenv(const char *name, const char *value) {
    char **slot = find(name);
    for (size_t i = 0; !slot && i < VARIABLES; i++)
        slot = environment[i] ? NULL : &environment[i];
    assert_non_null(slot);
    free(*slot);
    *slot = value ? x_printf("%s=%s", name, value) : NULL;
}

void host_fault(struct host *host, const char *line, int status, const char *body, unsigned times) {
    struct host_fault *fault = host->faults;
    while (fault->times)
        fault++;
    assert_true(fault < host->faults + array_length(host->faults));
    *fault = (struct host_fault){line, status, body, times};
}

static void on_closed(uv_handle_t *handle) {
    struct connection *connection = handle->data;
    connection->host->connections--;
    buffer_fini(&connection->in);
    free(connection);
}

static void hang_up(struct connection *connection) {
    if (!uv_is_closing((uv_handle_t *)&connection->tcp))
        uv_close((uv_handle_t *)&connection->tcp, on_closed);
}

static void on_written(uv_write_t *write, int status) {
    (void)status;
    struct answer *answer = write->data;
    free(answer->text);
    free(answer);
}

static void reply(struct connection *connection, int status, const char *body) {
    struct answer *answer = x_calloc(1, sizeof *answer);
    answer->text = x_printf("HTTP/1.1 %d Some words\r\nContent-Length: %zu\r\n"
                            "X-aws-ec2-metadata-token-ttl-seconds: 21600\r\n\r\n%s",
                            status, strlen(body), body);
    answer->write.data = answer;
    uv_buf_t bytes = uv_buf_init(answer->text, (unsigned)strlen(answer->text));
    uv_write(&answer->write, (uv_stream_t *)&connection->tcp, &bytes, 1, on_written);
}

/* The value of a form's field, decoded; "" where it is not there. */
static char *field(const char *form, const char *name) {
    _cleanup_free_ char *key = x_printf("&%s=", name);
    const char *at = strstr(form, key);
    struct buffer value = BUFFER_INIT(BUFFER_OURS);
    if (at) {
        at += strlen(key);
        assert_true(percent_decode(&value, at, strcspn(at, "&")));
    }
    return buffer_take(&value);
}

static void assume_role(struct connection *connection, const char *head, const char *form) {
    struct host *host = connection->host;
    _cleanup_free_ char *arn = field(form, "RoleArn"), *external = field(form, "ExternalId");
    _cleanup_free_ char *duration = field(form, "DurationSeconds"), *session = field(form, "RoleSessionName");
    const char *signer = strstr(head, "Credential=");
    assert_non_null(signer);
    signer += strlen("Credential=");
    buffer_printf(&host->log, "%.*s assumes %s as %s", (int)strcspn(signer, "/"), signer, arn, session);
    buffer_printf(&host->log, "%s%s%s%s\n", *duration ? " for " : "", duration, *external ? " by " : "", external);
    char ends[TIME_TEXT];
    time_format_iso(ends, (the_time + host->role_life) / SECOND_MS);
    unsigned number = ++host->keys;
    _cleanup_free_ char *body = x_printf(
        "<AssumeRoleResponse "
        "xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><AssumeRoleResult><AssumedRoleUser><Arn>"
        "arn:aws:sts::123456789012:assumed-role/Backup/%s</Arn></AssumedRoleUser><Credentials><AccessKeyId>ASIA%u"
        "</AccessKeyId><SecretAccessKey>secret%u</SecretAccessKey><SessionToken>session%u</SessionToken><Expiration>%s"
        "</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>",
        session, number, number, number, ends);
    reply(connection, 200, body);
}

static void instance_credentials(struct connection *connection) {
    struct host *host = connection->host;
    char ends[TIME_TEXT];
    time_format_iso(ends, host->instance_ends / SECOND_MS);
    _cleanup_free_ char *body = x_printf("{\"Code\":\"Success\",\"AccessKeyId\":\"%s\",\"SecretAccessKey\":\"s\","
                                         "\"Token\":\"t\",\"Expiration\":\"%s\"}",
                                         host->instance_key, ends);
    reply(connection, 200, body);
}

static void metadata(struct connection *connection, const char *head, const char *path) {
    struct host *host = connection->host;
    const char *token = strstr(head, "X-aws-ec2-metadata-token: token");
    unsigned long number = token ? strtoul(token + strlen("X-aws-ec2-metadata-token: token"), NULL, 10) : 0;
    static const char roles[] = "/latest/meta-data/iam/security-credentials/";
    if (number <= host->forgotten || number > host->tokens)
        reply(connection, 401, "<html>Unauthorized</html>");
    else if (strcmp(path, roles) == 0)
        reply(connection, 200, "backup-host");
    else if (strncmp(path, roles, strlen(roles)) == 0)
        instance_credentials(connection);
    else
        reply(connection, 200, "ap-southeast-1");
}

static struct host_fault *fault_of(struct host *host, const char *line) {
    for (size_t i = 0; i < array_length(host->faults); i++) {
        struct host_fault *fault = &host->faults[i];
        if (fault->times && strncmp(line, fault->line, strlen(fault->line)) == 0)
            return fault;
    }
    return NULL;
}

static void serve(struct connection *connection, const char *head, const char *body) {
    struct host *host = connection->host;
    _cleanup_free_ char *line = x_strndup(head, strcspn(head, "\r") - strlen(" HTTP/1.1"));
    struct host_fault *fault = fault_of(host, line);
    bool sts = strncmp(line, "POST ", 5) == 0;
    if (fault || !sts)
        buffer_printf(&host->log, "%s\n", line);
    if (fault) {
        fault->times--;
        if (fault->status > 0)
            reply(connection, fault->status, fault->body);
        else if (fault->status == 0)
            hang_up(connection);
    } else if (sts) {
        assume_role(connection, head, body);
    } else if (strcmp(line, "PUT /latest/api/token") == 0) {
        assert_non_null(strstr(head, "X-aws-ec2-metadata-token-ttl-seconds: 21600\r\n"));
        _cleanup_free_ char *token = x_printf("token%u", ++host->tokens);
        reply(connection, 200, token);
    } else {
        metadata(connection, head, strchr(line, ' ') + 1);
    }
}

/* A whole request, or nothing yet. */
static void read_request(struct connection *connection) {
    struct buffer *in = &connection->in;
    char *end = in->data ? strstr(in->data, "\r\n\r\n") : NULL;
    if (!end)
        return;
    const char *length = strcasestr(in->data, "content-length: ");
    size_t body = length && length < end ? strtoul(length + strlen("content-length: "), NULL, 10) : 0;
    if (in->length < (size_t)(end - in->data) + 4 + body)
        return;
    end[2] = '\0';
    serve(connection, in->data, end + 4);
    buffer_clear(in);
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *bytes) {
    (void)suggested;
    struct connection *connection = handle->data;
    assert_true(buffer_reserve(&connection->in, 4096));
    *bytes = uv_buf_init(connection->in.data + connection->in.length, 4096);
}

static void on_read(uv_stream_t *stream, ssize_t got, const uv_buf_t *bytes) {
    (void)bytes;
    struct connection *connection = stream->data;
    if (got < 0) {
        hang_up(connection);
        return;
    }
    connection->in.length += (size_t)got;
    connection->in.data[connection->in.length] = '\0';
    read_request(connection);
}

static void on_connection(uv_stream_t *listener, int status) {
    assert_int_equal(status, 0);
    struct host *host = listener->data;
    struct connection *connection = x_calloc(1, sizeof *connection);
    connection->host = host;
    connection->in = BUFFER_INIT(BUFFER_OURS);
    connection->tcp.data = connection;
    uv_tcp_init(&host->loop, &connection->tcp);
    host->connections++;
    uv_accept(listener, (uv_stream_t *)&connection->tcp);
    uv_read_start((uv_stream_t *)&connection->tcp, on_alloc, on_read);
}

static void listen_on_loopback(struct host *host) {
    struct sockaddr_in address;
    int length = sizeof address;
    uv_ip4_addr("127.0.0.1", 0, &address);
    uv_tcp_init(&host->loop, &host->listener);
    host->listener.data = host;
    assert_int_equal(uv_tcp_bind(&host->listener, (struct sockaddr *)&address, 0), 0);
    assert_int_equal(uv_listen((uv_stream_t *)&host->listener, 16, on_connection), 0);
    uv_tcp_getsockname(&host->listener, (struct sockaddr *)&address, &length);
    snprintf(host->url, sizeof host->url, "http://127.0.0.1:%u", (unsigned)ntohs(address.sin_port));
}

static uint64_t no_jitter(uint64_t bound) {
    (void)bound;
    return 0;
}

int host_set_up(void **state) {
    struct host *host = x_calloc(1, sizeof *host);
    the_time = HOST_TIME;
    uv_loop_init(&host->loop);
    host->log = BUFFER_INIT(BUFFER_OURS);
    host->instance_key = "ASIAHOST";
    host->instance_ends = HOST_TIME + 6 * HOUR_MS;
    host->role_life = HOUR_MS;
    uv_timer_init(&host->loop, &host->tick);
    listen_on_loopback(host);
    const struct http_options http = {.user_agent = "test"};
    host->http = http_client_new(&host->loop, &http, NULL);
    const struct aws_client_options options = {
        .loop = &host->loop,
        .http = host->http,
        .endpoints = {.url = {[AWS_STS] = host->url, [AWS_IMDS] = host->url}},
        .wall = host_now,
        .monotonic = host_now,
        .random = no_jitter,
    };
    host->client = aws_client_new(&options);
    host->store = credential_store_new(host->client, host_getenv);
    *state = host;
    return 0;
}

void host_restart_store(struct host *host) {
    credential_store_free(host->store);
    host->store = credential_store_new(host->client, host_getenv);
}

static void hang_up_handle(uv_handle_t *handle, void *arg) {
    (void)arg;
    if (handle->type == UV_TCP && !uv_is_closing(handle))
        uv_close(handle, handle->data ? on_closed : NULL);
}

int host_tear_down(void **state) {
    struct host *host = *state;
    credential_store_free(host->store);
    aws_client_free(host->client);
    http_client_free(host->http);
    uv_close((uv_handle_t *)&host->listener, NULL);
    uv_close((uv_handle_t *)&host->tick, NULL);
    uv_walk(&host->loop, hang_up_handle, NULL);
    uv_run(&host->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&host->loop), 0);
    assert_int_equal(host->connections, 0);
    buffer_fini(&host->log);
    for (size_t i = 0; i < VARIABLES; i++) {
        free(environment[i]);
        environment[i] = NULL;
    }
    free(host);
    return 0;
}

void on_heard(void *arg, const struct credentials *got, const struct error *error) {
    struct heard *heard = arg;
    heard->times++;
    snprintf(heard->access_key, sizeof heard->access_key, "%s", got ? got->access_key : "");
    snprintf(heard->session_token, sizeof heard->session_token, "%s",
             got && got->session_token ? got->session_token : "");
    heard->expires = got ? got->expires : 0;
    heard->code = error ? error->code : ERROR_NONE;
    snprintf(heard->message, sizeof heard->message, "%s", error ? error->message : "");
}

static void on_tick(uv_timer_t *tick) {
    (void)tick;
}

/* One turn may run the timers and then wait for sockets: the tick ends the waiting. A test that waits in vain is ended by
 * the runner's time limit. */
void host_run_until(struct host *host, const int *times, int wanted) {
    uv_timer_start(&host->tick, on_tick, 5, 5);
    while (*times < wanted)
        uv_run(&host->loop, UV_RUN_ONCE);
    uv_timer_stop(&host->tick);
    assert_int_equal(*times, wanted);
}

struct heard host_ask(struct host *host, struct credential_provider *provider) {
    struct heard heard = {0};
    credential_provider_get(provider, on_heard, &heard);
    assert_int_equal(heard.times, 0);
    host_run_until(host, &heard.times, 1);
    return heard;
}

struct heard host_ask_once(struct host *host, const struct credential_settings *settings) {
    struct credential_provider *provider = credential_store_get(host->store, settings);
    struct heard heard = host_ask(host, provider);
    credential_provider_unref(provider);
    return heard;
}

void assert_log(struct host *host, const char *expected) {
    assert_string_equal(host->log.data ? host->log.data : "", expected);
    buffer_clear(&host->log);
    if (host->log.data)
        host->log.data[0] = '\0';
}
