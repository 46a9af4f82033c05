/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A request in curl's words, curl's callbacks, and curl's verdict in ours. What each option is for stands beside it;
 * those that others have missed are in the first block.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/memory.h"
#include "http/engine.h"

#define SMALL_BODY ((curl_off_t)64 << 10) /* curl sends head and body in one packet up to here */
#define UPLOAD_MIN ((curl_off_t)64 << 10)
#define UPLOAD_MAX ((curl_off_t)HTTP_CHUNK)

#define set(call, option, value) taken(call, #option, curl_easy_setopt((call)->easy, option, value))
#define hint(call, option, value)                                                                                      \
    ((void)curl_easy_setopt((call)->easy, option, value)) /* refused while a buffer is held */

/* An option that curl did not take (most are copied) would make another request of it: a call without its body, a header
 * less. */
static void taken(struct http_call *call, const char *option, CURLcode result) {
    if (result != CURLE_OK && !call->failure.code)
        error_set(&call->failure, result == CURLE_OUT_OF_MEMORY ? ERROR_TRANSIENT : ERROR_INVALID,
                  "curl did not take %s: %s", option, curl_easy_strerror(result));
}

static size_t on_header(char *line, size_t one, size_t length, void *arg) {
    struct http_call *call = arg;
    long status = 0;
    (void)one;
    curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &status);
    if (!call->head_ended && status >= 200 && length <= 2) /* only its end is a sign of life: lines can drip for ever */
        http_call_head_ended(call);
    if (call->cancelled || !http_head_line(&call->head, line, length, &call->failure))
        return CURL_WRITEFUNC_ERROR;
    return length;
}

static bool to_sink(struct http_call *call, const char *bytes, size_t length) {
    long status = 0;
    curl_off_t announced = -1;
    curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(call->easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &announced);
    if (!call->begun) {
        call->begun = true;
        if (call->sink.begin && !call->sink.begin(call->sink.arg, (int)status, announced))
            return false;
    }
    return !call->cancelled && call->sink.write(call->sink.arg, bytes, length); /* begin() may have cancelled */
}

/* S3 keeps a connection alive with white space while it puts an object together (CompleteMultipartUpload's reference). */
static bool is_blank(const char *bytes, size_t length) {
    size_t i = 0;
    while (i < length && i < 4096 && strchr(" \t\r\n", bytes[i]) && bytes[i])
        i++;
    return i == length;
}

static size_t on_body(char *bytes, size_t one, size_t length, void *arg) {
    struct http_call *call = arg;
    long status = 0;
    (void)one;
    if (call->cancelled)
        return CURL_WRITEFUNC_ERROR;
    call->active = clock_monotonic();
    call->received += length;
    call->blank = is_blank(bytes, length);
    curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &status);
    if (call->sink.write && status >= 200 && status <= 299) {
        if (to_sink(call, bytes, length) && !call->cancelled)
            return length;
        error_set(&call->failure, ERROR_TOO_LARGE, "the answer was refused by who reads it, after %llu bytes",
                  (unsigned long long)call->received);
        return CURL_WRITEFUNC_ERROR;
    }
    if (buffer_append(&call->answer, bytes, length))
        return length;
    error_set(&call->failure, ERROR_TOO_LARGE, "the answer (status %ld) is longer than %zu bytes", status,
              call->answer.limit);
    return CURL_WRITEFUNC_ERROR;
}

/* Curl asks for the next bytes of the body. Once cancelled, the slices may be gone. */
static size_t on_read(char *to, size_t one, size_t room, void *arg) {
    struct http_call *call = arg;
    size_t filled = 0;
    (void)one;
    if (call->cancelled)
        return CURL_READFUNC_ABORT;
    while (filled < room && call->slice < call->body_count) {
        const struct http_slice *slice = &call->body[call->slice];
        size_t left = slice->length - call->offset, take = left < room - filled ? left : room - filled;
        if (take)
            memcpy(to + filled, slice->data + call->offset, take);
        filled += take;
        call->offset += take;
        if (call->offset == slice->length) {
            call->slice++;
            call->offset = 0;
        }
    }
    return filled;
}

/* A kept connection was dead, and curl sends again on a new one. */
static int on_seek(void *arg, curl_off_t offset, int origin) {
    struct http_call *call = arg;
    if (call->cancelled || offset != 0 || origin != SEEK_SET)
        return CURL_SEEKFUNC_CANTSEEK;
    call->slice = 0;
    call->offset = 0;
    return CURL_SEEKFUNC_OK;
}

/* Bytes that the socket has truly taken or given move `active`; what lies in curl's buffers does not. */
static int on_progress(void *arg, curl_off_t down_all, curl_off_t down, curl_off_t up_all, curl_off_t up) {
    struct http_call *call = arg;
    (void)down_all;
    (void)up_all;
    if (down != call->down || up != call->up) {
        call->down = down;
        call->up = up;
        call->unsent = 0;
        call->active = clock_monotonic();
    }
    return call->cancelled;
}

/* The connection stands, the request goes out next: from here on the stall time-out counts. */
static int on_connected(void *arg, char *peer, char *local, int peer_port, int local_port) {
    struct http_call *call = arg;
    (void)peer;
    (void)local;
    (void)peer_port;
    (void)local_port;
    call->connected = true;
    call->active = call->window = clock_monotonic();
    http_engine_watch(call->engine, call->stall_ms);
    return call->cancelled ? CURL_PREREQFUNC_ABORT : CURL_PREREQFUNC_OK;
}

static void set_callbacks(struct http_call *call) {
    set(call, CURLOPT_PRIVATE, call);
    set(call, CURLOPT_HEADERFUNCTION, on_header);
    set(call, CURLOPT_HEADERDATA, call);
    set(call, CURLOPT_WRITEFUNCTION, on_body);
    set(call, CURLOPT_WRITEDATA, call);
    set(call, CURLOPT_XFERINFOFUNCTION, on_progress);
    set(call, CURLOPT_XFERINFODATA, call);
    set(call, CURLOPT_NOPROGRESS, 0L);
    set(call, CURLOPT_PREREQFUNCTION, on_connected);
    set(call, CURLOPT_PREREQDATA, call);
    set(call, CURLOPT_ERRORBUFFER, call->words);
}

static void set_connection(struct http_call *call, const struct http_request *request) {
    const struct http_client *client = call->engine->client;
    set(call, CURLOPT_QUICK_EXIT, 1L); /* else a silent DNS server holds the loop when a call ends while resolving */
    set(call, CURLOPT_NOSIGNAL, 1L);
    set(call, CURLOPT_PATH_AS_IS, 1L);                            /* a key may hold "/../" */
    set(call, CURLOPT_PROTOCOLS_STR, "http,https");               /* no file:, whatever a setting says */
    set(call, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1); /* neither DynamoDB nor S3 speaks 2 */
    set(call, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2); /* or newer */
    set(call, CURLOPT_CAPATH, NULL); /* a folder would keep the CA store from being cached */
    set(call, CURLOPT_CA_CACHE_TIMEOUT, 24L * 3600);
    if (client->ca_bundle) {
        set(call, CURLOPT_CAINFO, client->ca_bundle);
        set(call, CURLOPT_PROXY_CAINFO, client->ca_bundle);
    }
    set(call, CURLOPT_SHARE, call->engine->share);
    set(call, CURLOPT_TCP_KEEPALIVE, 1L);
    set(call, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    set(call, CURLOPT_FRESH_CONNECT, (long)request->fresh);
    if (request->direct)
        set(call, CURLOPT_PROXY, ""); /* the environment's neither */
    else if (client->proxy)
        set(call, CURLOPT_PROXY, client->proxy);
    if (client->user_agent)
        set(call, CURLOPT_USERAGENT, client->user_agent);
    hint(call, CURLOPT_BUFFERSIZE, (long)HTTP_CHUNK);
    set(call, CURLOPT_CONNECTTIMEOUT_MS,
        (long)(request->connect_timeout_ms ? request->connect_timeout_ms : HTTP_CONNECT_MS));
    set(call, CURLOPT_TIMEOUT_MS, (long)request->total_timeout_ms);
}

static void set_body(struct http_call *call, const struct http_request *request) {
    curl_off_t length = 0;
    for (size_t i = 0; i < request->body_count; i++)
        length += (curl_off_t)request->body[i].length;
    call->to_send = length;
    if (length == 0 && strcmp(request->method, "PUT") != 0 && strcmp(request->method, "POST") != 0)
        return;
    if (length <= SMALL_BODY && request->body_count <= 1) { /* copied: a cancelled call's slices may go at any moment */
        set(call, CURLOPT_POSTFIELDSIZE_LARGE, length);
        set(call, CURLOPT_COPYPOSTFIELDS, length ? request->body[0].data : "");
        return;
    }
    set(call, CURLOPT_UPLOAD, 1L);
    set(call, CURLOPT_INFILESIZE_LARGE, length);
    set(call, CURLOPT_READFUNCTION, on_read);
    set(call, CURLOPT_READDATA, call);
    set(call, CURLOPT_SEEKFUNCTION, on_seek);
    set(call, CURLOPT_SEEKDATA, call);
    hint(call, CURLOPT_UPLOAD_BUFFERSIZE,
         (long)(length < UPLOAD_MIN   ? UPLOAD_MIN
                : length < UPLOAD_MAX ? length
                                      : UPLOAD_MAX));
}

static bool is_plain(const char *text) {
    for (; *text; text++) {
        if ((unsigned char)*text < ' ' && *text != '\t')
            return false;
    }
    return true;
}

static void add_header(struct http_call *call, const char *line) {
    struct curl_slist *longer = curl_slist_append(call->headers, line);
    if (!longer)
        abort(); /* a few bytes: as x_malloc() */
    call->headers = longer;
}

/* Curl takes whole lines: "Name: value", "Name;" for an empty value, "Name:" for one that it shall not add itself. */
static void set_headers(struct http_call *call, const struct http_request *request) {
    add_header(call, "Expect:"); /* else a body over 1 MB waits a second for servers that do not know it */
    add_header(call, "Accept:");
    add_header(call, "Content-Type:");
    for (size_t i = 0; i < request->header_count; i++) {
        const struct http_header *header = &request->headers[i];
        if (!is_plain(header->name) || !is_plain(header->value)) {
            error_set(&call->failure, ERROR_INVALID, "the value of header %s holds a control character", header->name);
            return;
        }
        _cleanup_secret_ char *line =
            *header->value ? x_printf("%s: %s", header->name, header->value) : x_printf("%s;", header->name);
        add_header(call, line);
    }
    set(call, CURLOPT_HTTPHEADER, call->headers);
}

/* Which of them were secrets does not matter here: all go the safe way. */
void http_headers_free(struct curl_slist *headers) {
    for (struct curl_slist *line = headers; line; line = line->next)
        secret_zero(line->data, strlen(line->data));
    curl_slist_free_all(headers);
}

void http_setup(struct http_call *call, const struct http_request *request) {
    set_callbacks(call);
    set_connection(call, request);
    set(call, CURLOPT_URL, request->url);
    if (strcmp(request->method, "HEAD") == 0)
        set(call, CURLOPT_NOBODY, 1L);
    set_body(call, request);
    set(call, CURLOPT_CUSTOMREQUEST, request->method);
    set_headers(call, request);
}

char *http_origin(const char *url) {
    CURLU *parts = curl_url();
    char *scheme = NULL, *host = NULL, *port = NULL, *origin;
    if (parts && curl_url_set(parts, CURLUPART_URL, url, 0) == CURLUE_OK &&
        curl_url_get(parts, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
        curl_url_get(parts, CURLUPART_HOST, &host, 0) == CURLUE_OK &&
        curl_url_get(parts, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) == CURLUE_OK)
        origin = x_printf("%s://%s:%s", scheme, host, port);
    else
        origin = x_strdup("a URL that is none");
    curl_free(scheme);
    curl_free(host);
    curl_free(port);
    curl_url_cleanup(parts);
    return origin;
}

static enum error_code code_of(CURLcode result, bool connected) {
    switch (result) {
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_URL_MALFORMAT:
    case CURLE_BAD_FUNCTION_ARGUMENT:
        return ERROR_INVALID;
    case CURLE_UNSUPPORTED_PROTOCOL: /* of the URL, or what came back is not HTTP/1.1 */
        return connected ? ERROR_TRANSIENT : ERROR_INVALID;
    case CURLE_OUT_OF_MEMORY:
        return ERROR_MEMORY;
    default:
        return ERROR_TRANSIENT;
    }
}

void http_failure(struct error *error, const struct http_call *call, CURLcode result) {
    _cleanup_buffer_ struct buffer span = BUFFER_INIT(BUFFER_OURS);
    const char *words = *call->words ? call->words : curl_easy_strerror(result);
    enum error_code code = code_of(result, call->connected);
    format_duration(&span, clock_monotonic() - call->started);
    if (result == CURLE_OUT_OF_MEMORY && call->connected && !call->head_ended) { /* so curl calls one over 100 KiB */
        words = "a header line too long";
        code = ERROR_TRANSIENT;
    }
    if (call->failure.code) {
        words = call->failure.message;
        code = call->failure.code;
    }
    error_set(error, code, "%s: %s (after %s)", call->origin, words, span.data);
    if (result == CURLE_PEER_FAILED_VERIFICATION || result == CURLE_SSL_CACERT_BADFILE)
        error_advice(
            error,
            "the certificate must be signed by an authority that this host trusts, for this host name; see CaBundle=");
}
