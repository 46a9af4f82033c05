/* SPDX-License-Identifier: Apache-2.0 */
/* The cloud's sockets and rules: one request at a time a connection, answered at once, held, refused or lost. */
#include "cloud_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/encoding.h"
#include "base/memory.h"

struct connection {
    TAILQ_ENTRY(connection) entry;
    struct cloud *cloud;
    uv_tcp_t tcp;
    struct buffer in;
    size_t head, length;     /* of the request that comes; 0: its head is not all there */
    struct request *request; /* being served */
    bool closing;
};

static void cloud_unref(struct cloud *cloud) {
    if (--cloud->handles > 0)
        return;
    for (size_t i = 0; i < cloud->seen_count; i++) {
        free(cloud->seen[i]);
        free(cloud->bodies[i]);
    }
    for (size_t i = 0; i < cloud->page_count; i++)
        free(cloud->pages[i].items);
    free(cloud->pages);
    store_clear(cloud);
    puts_clear(cloud);
    free(cloud->scratch);
    free(cloud);
}

static void request_free(struct request *request) {
    free(request->label);
    free(request->method);
    free(request->path);
    free(request->query);
    free(request->head);
    free(request->body);
    free(request);
}

static void on_closed(uv_handle_t *handle) {
    struct connection *connection = handle->data;
    buffer_fini(&connection->in);
    cloud_unref(connection->cloud);
    free(connection);
}

static void connection_close(struct connection *connection) {
    if (connection->closing)
        return;
    connection->closing = true;
    TAILQ_REMOVE(&connection->cloud->open, connection, entry);
    if (connection->request) { /* only one that is held outlives its turn */
        TAILQ_REMOVE(&connection->cloud->held, connection->request, entry);
        request_free(connection->request);
    }
    uv_close((uv_handle_t *)&connection->tcp, on_closed);
}

/* ------------------------------------------------------------ what requests say */

char *request_header(const struct request *request, const char *name) {
    _cleanup_free_ char *line = x_printf("\r\n%s:", name);
    const char *at = strcasestr(request->head, line);
    if (!at)
        return NULL;
    at += strlen(line);
    at += strspn(at, " ");
    return x_strndup(at, strcspn(at, "\r"));
}

static char *decoded(const char *text, size_t length) {
    struct buffer out = BUFFER_INIT(BUFFER_OURS);
    assert_true(percent_decode(&out, text, length));
    return buffer_take(&out);
}

char *request_query(const struct request *request, const char *name) {
    size_t length = strlen(name);
    for (const char *at = request->query; *at; at += strcspn(at, "&"), at += *at == '&') {
        if (strncmp(at, name, length) != 0 || (at[length] != '=' && at[length] != '&' && at[length]))
            continue;
        const char *value = at + length + (at[length] == '=');
        return decoded(value, strcspn(value, "&"));
    }
    return NULL;
}

/* ------------------------------------------------------------ answering */

static void on_written(uv_write_t *write, int status) {
    (void)status;
    free(write->data);
    free(write);
}

static const char *letters_of(const char *bytes, size_t length) {
    return length ? bytes : "";
}

static void add_date(struct buffer *out, int64_t date) {
    char text[TIME_TEXT];
    if (date)
        buffer_printf(out, "Date: %s\r\n", time_format_http(text, date));
}

void cloud_date(struct cloud *cloud, int64_t seconds) {
    cloud->date = seconds;
}

void reply(struct request *request, int status, const char *head, const char *body, size_t length) {
    struct connection *connection = request->connection;
    connection->request = NULL;
    if (request->ruled && request->act == CLOUD_LOSE) {
        connection_close(connection);
    } else {
        struct buffer out = BUFFER_INIT(BUFFER_OURS);
        buffer_printf(&out, "HTTP/1.1 %d Words\r\n", status);
        if (!strcasestr(head, "content-length:"))
            buffer_printf(&out, "Content-Length: %zu\r\n", length);
        add_date(&out, connection->cloud->date);
        buffer_printf(&out, "x-amz-request-id: R\r\n%s\r\n", head);
        buffer_add_bytes(&out, letters_of(body, length), length);
        if (request->ruled && request->act == CLOUD_DAMAGE)
            out.data[out.length - length / 2 - 1] ^= 1;
        uv_write_t *write = x_calloc(1, sizeof *write);
        uv_buf_t bytes = uv_buf_init(out.data, (unsigned)out.length);
        write->data = out.data;
        assert_int_equal(uv_write(write, (uv_stream_t *)&connection->tcp, &bytes, 1, on_written), 0);
    }
    request_free(request);
}

void reply_error(struct request *request, int status, const char *code) {
    bool store = strncmp(request->path, "/bkt", 4) == 0;
    _cleanup_free_ char *body =
        store ? x_printf("<Error><Code>%s</Code><Message>so the test wants it</Message></Error>", code)
              : x_printf("{\"__type\":\"com.amazonaws#%s\",\"message\":\"so the test wants it\"}", code);
    _cleanup_free_ char *type = x_printf("x-amzn-errortype: %s\r\n", code);
    bool head = strcmp(request->method, "HEAD") == 0;
    reply(request, status, store ? "" : type, head ? "" : body, head ? 0 : strlen(body));
}

static void serve(struct cloud *cloud, struct request *request) {
    if (strncmp(request->path, "/bkt", 4) == 0)
        store_serve(cloud, request);
    else if (strncmp(request->path, "/v2/email", 9) == 0)
        reply(request, 200, "", "{\"MessageId\":\"m-1\"}", 19);
    else if (strstr(request->label, "LogEvents") || strstr(request->label, "LogStream") ||
             strstr(request->label, "LogGroup") || strstr(request->label, "Retention"))
        reply(request, 200, "", "{}", 2);
    else
        table_serve(cloud, request);
}

/* ------------------------------------------------------------ rules */

void cloud_rule(struct cloud *cloud, const struct cloud_rule *rule) {
    assert_true(cloud->rule_count < RULES);
    cloud->rules[cloud->rule_count] = *rule;
    if (!rule->times)
        cloud->rules[cloud->rule_count].times = UINT32_MAX;
    cloud->rule_count++;
}

void cloud_no_rules(struct cloud *cloud) {
    cloud->rule_count = 0;
}

static const struct cloud_rule *rule_for(struct cloud *cloud, const char *label) {
    for (size_t i = 0; i < cloud->rule_count; i++) {
        struct cloud_rule *rule = &cloud->rules[i];
        if (!rule->times || !strstr(label, rule->match))
            continue;
        if (rule->after) {
            rule->after--;
            continue;
        }
        rule->times--;
        return rule;
    }
    return NULL;
}

static void judge(struct cloud *cloud, struct request *request) {
    const struct cloud_rule *rule = rule_for(cloud, request->label);
    request->ruled = rule;
    request->act = rule ? rule->act : CLOUD_REFUSE;
    if (rule && rule->act == CLOUD_REFUSE) {
        reply_error(request, rule->status, rule->code);
    } else if (rule && rule->act == CLOUD_CUT) {
        struct connection *connection = request->connection;
        connection->request = NULL;
        request_free(request);
        connection_close(connection);
    } else if (rule && rule->act == CLOUD_HOLD) {
        TAILQ_INSERT_TAIL(&cloud->held, request, entry);
    } else {
        serve(cloud, request);
    }
}

bool cloud_release(struct cloud *cloud, const char *match) {
    struct request *request;
    TAILQ_FOREACH(request, &cloud->held, entry) {
        if (!strstr(request->label, match))
            continue;
        TAILQ_REMOVE(&cloud->held, request, entry);
        request->ruled = false;
        serve(cloud, request);
        return true;
    }
    return false;
}

void cloud_forget_held(struct cloud *cloud) {
    struct request *request;
    while ((request = TAILQ_FIRST(&cloud->held)))
        connection_close(request->connection); /* takes the request out of the list */
}

unsigned cloud_held(const struct cloud *cloud, const char *match) {
    unsigned count = 0;
    struct request *request;
    TAILQ_FOREACH(request, &cloud->held, entry)
    count += strstr(request->label, match) != NULL;
    return count;
}

unsigned cloud_count(const struct cloud *cloud, const char *match) {
    unsigned count = 0;
    for (size_t i = 0; i < cloud->seen_count; i++)
        count += strstr(cloud->seen[i], match) != NULL;
    return count;
}

unsigned cloud_summed(const struct cloud *cloud, const char *match) {
    unsigned count = 0;
    for (size_t i = 0; i < cloud->seen_count; i++)
        count += cloud->summed[i] && strstr(cloud->seen[i], match);
    return count;
}

const char *cloud_body(const struct cloud *cloud, const char *match) {
    for (size_t i = cloud->seen_count; i-- > 0;)
        if (strstr(cloud->seen[i], match))
            return cloud->bodies[i];
    return NULL;
}

/* ------------------------------------------------------------ sockets */

/* "METHOD TARGET HTTP/1.1" taken apart. */
static struct request *request_of(struct connection *connection) {
    size_t head = connection->head, length = connection->length;
    struct request *request = x_calloc(1, sizeof *request);
    const char *text = connection->in.data;
    size_t method = strcspn(text, " "), target = strcspn(text + method + 1, " ?");
    const char *rest = text + method + 1 + target;
    request->connection = connection;
    request->method = x_strndup(text, method);
    request->path = decoded(text + method + 1, target);
    request->query = *rest == '?' ? x_strndup(rest + 1, strcspn(rest + 1, " ")) : x_strdup("");
    request->head = x_strndup(text, head);
    request->body = x_calloc(1, length + 1);
    memcpy(request->body, text + head, length);
    request->length = length;
    _cleanup_free_ char *plain = decoded(request->query, strlen(request->query));
    request->label = table_label(request);
    if (!request->label)
        request->label = x_printf("%s %s%s%s", request->method, request->path, *plain ? "?" : "", plain);
    return request;
}

/* Looked for once a request: a sanitizer's strstr() runs to the end of the body, whatever it finds before. */
static bool has_head(struct connection *connection) {
    if (connection->head || !connection->in.length)
        return connection->head;
    const char *text = connection->in.data, *end = memmem(text, connection->in.length, "\r\n\r\n", 4);
    if (!end)
        return false;
    connection->head = (size_t)(end - text) + 4;
    _cleanup_free_ char *head = x_strndup(text, connection->head);
    const char *said = strcasestr(head, "\r\ncontent-length:");
    connection->length = said ? strtoul(said + strlen("\r\ncontent-length:"), NULL, 10) : 0;
    return true;
}

static void take_request(struct connection *connection) {
    struct cloud *cloud = connection->cloud;
    if (connection->request || connection->closing || !has_head(connection))
        return;
    size_t whole = connection->head + connection->length;
    if (connection->in.length < whole)
        return;
    struct request *request = connection->request = request_of(connection);
    memmove(connection->in.data, connection->in.data + whole, connection->in.length - whole + 1);
    connection->in.length -= whole;
    connection->head = 0;
    assert_true(cloud->seen_count < REQUESTS);
    _cleanup_free_ char *md5 = request_header(request, "content-md5");
    cloud->summed[cloud->seen_count] = md5;
    cloud->seen[cloud->seen_count] = x_strdup(request->label);
    cloud->bodies[cloud->seen_count++] = x_strndup(request->body, request->length < 65536 ? request->length : 65536);
    judge(cloud, request);
}

static void on_room(uv_handle_t *handle, size_t wanted, uv_buf_t *room) {
    struct connection *connection = handle->data;
    assert_true(buffer_reserve(&connection->in, wanted));
    *room = uv_buf_init(connection->in.data + connection->in.length, (unsigned)wanted);
}

static void on_read(uv_stream_t *stream, ssize_t got, const uv_buf_t *room) {
    struct connection *connection = stream->data;
    (void)room;
    if (got < 0) {
        connection_close(connection);
        return;
    }
    connection->in.length += (size_t)got;
    connection->in.data[connection->in.length] = '\0';
    take_request(connection);
}

static void on_accept(uv_stream_t *listener, int status) {
    struct cloud *cloud = listener->data;
    struct connection *connection = x_calloc(1, sizeof *connection);
    assert_int_equal(status, 0);
    connection->cloud = cloud;
    connection->in = BUFFER_INIT(BUFFER_OURS);
    connection->tcp.data = connection;
    uv_tcp_init(listener->loop, &connection->tcp);
    assert_int_equal(uv_accept(listener, (uv_stream_t *)&connection->tcp), 0);
    cloud->handles++;
    TAILQ_INSERT_TAIL(&cloud->open, connection, entry);
    uv_read_start((uv_stream_t *)&connection->tcp, on_room, on_read);
}

struct cloud *cloud_new(uv_loop_t *loop) {
    struct cloud *cloud = x_calloc(1, sizeof *cloud);
    struct sockaddr_in address;
    int length = sizeof address;
    TAILQ_INIT(&cloud->open);
    TAILQ_INIT(&cloud->held);
    cloud->handles = 1;
    cloud->part_least = (size_t)5 << 20;
    cloud->listener.data = cloud;
    uv_ip4_addr("127.0.0.1", 0, &address);
    uv_tcp_init(loop, &cloud->listener);
    assert_int_equal(uv_tcp_bind(&cloud->listener, (const struct sockaddr *)&address, 0), 0);
    assert_int_equal(uv_listen((uv_stream_t *)&cloud->listener, 256, on_accept), 0);
    assert_int_equal(uv_tcp_getsockname(&cloud->listener, (struct sockaddr *)&address, &length), 0);
    snprintf(cloud->url, sizeof cloud->url, "http://127.0.0.1:%d", ntohs(address.sin_port));
    return cloud;
}

static void on_listener_closed(uv_handle_t *handle) {
    cloud_unref(handle->data);
}

void cloud_free(struct cloud *cloud) {
    struct connection *connection;
    while ((connection = TAILQ_FIRST(&cloud->open)))
        connection_close(connection);
    uv_close((uv_handle_t *)&cloud->listener, on_listener_closed);
}

const char *cloud_url(const struct cloud *cloud) {
    return cloud->url;
}
