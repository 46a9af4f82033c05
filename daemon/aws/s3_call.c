/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The common course of every S3 operation:
 *
 *     request --send--> answer --+-- an error -------------------------> done
 *                 ^              +-- 501 for If-None-Match: without it --+
 *                 |              +-- another batch ----------------------+
 *                 +------------------------------------------------------+
 *                                +-- read: headers, XML ----------------> done
 */
#include "aws/s3_call.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "aws/classify.h"
#include "aws/xml.h"
#include "base/clock.h"
#include "base/digest.h"
#include "base/encoding.h"
#include "base/memory.h"

#define NOT_IMPLEMENTED 501

void s3_request_init(struct s3_request *request, const struct s3_bucket *bucket, const char *method, const char *key,
                     char *what) {
    *request = (struct s3_request){
        .method = method,
        .what = what,
        .query = BUFFER_INIT(BUFFER_OURS),
        .own_body = BUFFER_INIT(BUFFER_OURS),
    };
    struct buffer path = BUFFER_INIT(BUFFER_OURS);
    buffer_add_char(&path, '/');
    if (key)
        percent_encode(&path, key, strlen(key), "/");
    request->path = buffer_take(&path);
    s3_request_header(request, "x-amz-expected-bucket-owner", bucket->expected_owner);
}

static void drop_header(struct s3_request *request, size_t i) {
    size_t last = --request->header_count;
    free(request->values[i]);
    request->values[i] = request->values[last];
    request->headers[i] = request->headers[last];
}

void s3_request_fini(struct s3_request *request) {
    while (request->header_count > 0)
        drop_header(request, request->header_count - 1);
    free(request->what);
    free(request->needs);
    free(request->path);
    free(request->body_sha256);
    buffer_fini(&request->query);
    buffer_fini(&request->own_body);
}

void s3_request_needs(struct s3_request *request, const struct s3_bucket *bucket, const char *action, const char *key) {
    free(request->needs);
    request->needs = x_printf("%s on %s%s%s", action, bucket->name, key ? "/" : "", key ? key : "");
}

void s3_request_header(struct s3_request *request, const char *name, const char *value) {
    if (!value)
        return;
    assert(request->header_count < S3_HEADERS_MOST);
    size_t i = request->header_count++;
    request->values[i] = x_strdup(value);
    request->headers[i] = (struct http_header){.name = name, .value = request->values[i]};
}

bool s3_request_drop_header(struct s3_request *request, const char *name) {
    for (size_t i = 0; i < request->header_count; i++) {
        if (strcmp(request->headers[i].name, name) == 0) {
            drop_header(request, i);
            return true;
        }
    }
    return false;
}

void s3_request_fragment(struct s3_request *request, const char *fragment) {
    if (request->query.length)
        buffer_add_char(&request->query, '&');
    buffer_add(&request->query, fragment);
}

void s3_request_query(struct s3_request *request, const char *name, const char *value) {
    s3_request_fragment(request, name);
    if (!value)
        return;
    buffer_add_char(&request->query, '=');
    percent_encode(&request->query, value, strlen(value), "");
}

void s3_crc32_text(char text[9], uint32_t crc) {
    const unsigned char bytes[] = {(unsigned char)(crc >> 24), (unsigned char)(crc >> 16), (unsigned char)(crc >> 8),
                                   (unsigned char)crc};
    base64_encode(text, bytes, sizeof bytes);
}

static void add_md5_header(struct s3_request *request, const unsigned char *value) {
    char text[BASE64_LENGTH(MD5_LENGTH) + 1];
    base64_encode(text, value, MD5_LENGTH);
    s3_request_header(request, "content-md5", text);
}

void s3_request_body(struct s3_request *request, const struct s3_body *body) {
    request->body = body->slices;
    request->body_count = body->slice_count;
    request->body_sha256 = x_strdup(body->sha256);
    if (body->md5)
        add_md5_header(request, body->md5);
    if (body->has_crc32) {
        char text[9];
        s3_crc32_text(text, body->crc32);
        s3_request_header(request, "x-amz-checksum-crc32", text);
    }
}

void s3_request_xml(struct s3_request *request, struct buffer *body) {
    buffer_fini(&request->own_body);
    free(request->body_sha256);
    request->own_body = *body;
    *body = BUFFER_INIT(BUFFER_OURS);
    request->own_slice = (struct http_slice){request->own_body.data, request->own_body.length};
    request->body = &request->own_slice;
    request->body_count = 1;
    unsigned char hash[SHA256_LENGTH], check[MD5_LENGTH];
    sha256(hash, request->own_body.data, request->own_body.length);
    request->body_sha256 = x_malloc(2 * SHA256_LENGTH + 1);
    hex_encode(request->body_sha256, hash, sizeof hash);
    md5(check, request->own_body.data, request->own_body.length);
    s3_request_header(request, "content-type", "application/xml");
    add_md5_header(request, check);
}

void s3_xml_escape(struct buffer *out, const char *text) {
    for (; *text; text++) {
        char one[] = {*text, '\0'};
        if ((unsigned char)*text < ' ')
            buffer_printf(out, "&#%d;", *text);
        else
            markup_escape(out, one);
    }
}

struct s3_call *s3_call_new(const struct s3_bucket *bucket, s3_done *done, void *arg) {
    struct s3_call *call = x_calloc(1, sizeof *call);
    *call = (struct s3_call){.bucket = bucket, .done = done, .arg = arg};
    return call;
}

static void call_free(struct s3_call *call) {
    s3_request_fini(&call->request);
    s3_page_fini(&call->page);
    free(call->etag);
    free(call->from);
    free(call->below);
    free(call);
}

void s3_cancel(struct s3_call *call) {
    aws_cancel(call->aws);
    call_free(call);
}

static void read_headers(struct s3_call *call, const struct http_answer *http) {
    const char *length = http_answer_header(http, "content-length"), *date = http_answer_header(http, "date");
    struct s3_answer *answer = &call->answer;
    free(call->etag);
    call->etag = s3_etag(http_answer_header(http, "etag"));
    *answer = (struct s3_answer){
        .http = http,
        .etag = call->etag,
        .run = http_answer_header(http, "x-amz-meta-run"),
        .found = http->status != 404,
    };
    if (length && !s3_number(length, &answer->length))
        answer->length = 0;
    if (date && !time_parse_http(date, &answer->date))
        answer->date = 0;
}

static void show_page(struct s3_call *call) {
    const struct s3_page *page = &call->page;
    struct s3_answer *answer = &call->answer;
    answer->entries = page->entries;
    answer->entry_count = page->entry_count;
    answer->prefixes = (const char *const *)page->prefixes;
    answer->prefix_count = page->prefix_count;
    answer->failures = page->failures;
    answer->failure_count = page->failure_count;
    answer->truncated = page->truncated;
    answer->next = page->next;
    answer->upload_id = page->upload_id;
    if (page->etag)
        answer->etag = page->etag;
}

/* A 404 that is an answer says that the object or upload is not there; a bucket that is not there is an error. */
static bool bucket_is_missing(const struct http_answer *http) {
    _cleanup_free_ char *code = xml_find(http->body, http->length, "Error/Code");
    return code && strcmp(code, "NoSuchBucket") == 0;
}

/* A list whose next page begins where this one did would never end. */
static bool page_goes_on(const struct s3_call *call, struct error *error) {
    if (!call->from || !call->page.next || strcmp(call->from, call->page.next) != 0)
        return true;
    error_set(error, ERROR_CORRUPT, "the page after \"%s\" says that it is followed by itself", call->from);
    return false;
}

/* What is not below the prefix was not asked for, and whoever reads on cuts the prefix off. */
static bool is_below(const struct s3_call *call, const char *key, struct error *error) {
    if (strncmp(key, call->below, strlen(call->below)) == 0)
        return true;
    error_set(error, ERROR_CORRUPT, "it lists \"%s\", which does not begin with \"%s\"", key, call->below);
    return false;
}

static bool page_is_below(const struct s3_call *call, struct error *error) {
    const struct s3_page *page = &call->page;
    bool good = true;
    for (size_t i = 0; call->below && good && i < page->entry_count; i++)
        good = is_below(call, page->entries[i].key, error);
    for (size_t i = 0; call->below && good && i < page->prefix_count; i++)
        good = is_below(call, page->prefixes[i], error);
    return good;
}

static enum s3_outcome read_answer(struct s3_call *call, const struct http_answer *http, struct error *error) {
    read_headers(call, http);
    if (http->status == 404) {
        if (!bucket_is_missing(http))
            return S3_DONE;
        classify_answer(error, AWS_S3, http);
        return S3_FAILED;
    }
    if (call->root && !(s3_page_parse(&call->page, call->root, http, error) && page_goes_on(call, error) &&
                        page_is_below(call, error))) {
        if (error->http_status == 0)
            error->http_status = http->status;
        return S3_FAILED;
    }
    enum s3_outcome outcome = call->read ? call->read(call, http, error) : S3_DONE;
    show_page(call);
    return outcome;
}

/* A success whose XML cannot be read, or is another document's, did not come from S3 as it is: the call is made again. */
static bool is_readable(void *arg, const struct http_answer *http, struct error *error) {
    struct s3_call *call = arg;
    struct s3_page page = {0};
    if (call->accept)
        return call->accept(call, http, error);
    bool readable = !call->root || s3_page_parse(&page, call->root, http, error);
    s3_page_fini(&page);
    return readable;
}

static void on_answer(void *arg, const struct http_answer *http, const struct error *error) {
    struct s3_call *call = arg;
    _cleanup_error_ struct error broken = {0};
    if (error && error->http_status == NOT_IMPLEMENTED && s3_request_drop_header(&call->request, "if-none-match")) {
        s3_call_start(call); /* a store that cannot refuse to overwrite: who asked looks by HEAD and x-amz-meta-run */
        return;
    }
    enum s3_outcome outcome = error ? S3_FAILED : read_answer(call, http, &broken);
    if (outcome == S3_AGAIN) {
        s3_call_start(call);
        return;
    }
    error_context(&broken, "%s", call->request.what);
    call->done(call->arg, outcome == S3_DONE ? &call->answer : NULL,
               outcome == S3_DONE ? NULL
               : error            ? error
                                  : &broken);
    call_free(call);
}

struct s3_call *s3_call_start(struct s3_call *call) {
    const struct s3_request *request = &call->request;
    const struct aws_request send = {
        .service = AWS_S3,
        .what = request->what,
        .needs = request->needs,
        .method = request->method,
        .bucket = call->bucket->name,
        .path = request->path,
        .query = request->query.length ? request->query.data : NULL,
        .headers = request->headers,
        .header_count = request->header_count,
        .body = request->body,
        .body_count = request->body_count,
        .body_sha256 = request->body_sha256,
        .sink = call->sink,
        .answer_limit = call->answer_limit,
        .accept = is_readable,
        .accept_arg = call,
        .answer_404 = call->answer_404,
    };
    call->aws = aws_start(call->bucket->session, &send, on_answer, call);
    return call;
}
