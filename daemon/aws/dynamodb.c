/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DynamoDB's wire: small operations by json_call, Scan's pages straight into the caller's sink.
 * https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.LowLevelAPI.html
 */
#include "aws/dynamodb.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "aws/json_call.h"
#include "base/digest.h"
#include "base/encoding.h"
#include "base/memory.h"

#define CONTENT_TYPE "application/x-amz-json-1.0"
#define TARGET       "DynamoDB_20120810."
#define ANSWER_MOST  ((size_t)4 << 20)
#define BATCH_ANSWER ((size_t)20 << 20) /* UnprocessedItems may be all of 16 MB, spelled longer */

/* Either a small operation (`json`) or one whose bytes are the caller's to read (`raw`: Scan, BatchWriteItem) is under way. */
struct dynamodb_call {
    struct json_call *json;
    struct aws_call *raw;
    dynamodb_done *json_done;
    aws_done *raw_done;
    aws_accept *accept; /* of a BatchWriteItem */
    void *arg;
    struct buffer body; /* of the scan */
    struct http_slice slice;
};

static void call_free(struct dynamodb_call *call) {
    buffer_fini(&call->body);
    free(call);
}

bool dynamodb_answer_crc32(const struct http_answer *answer, uint32_t *crc) {
    const char *text = http_answer_header(answer, "x-amz-crc32");
    if (!text || !isdigit((unsigned char)*text))
        return false;
    char *end;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    *crc = (uint32_t)value;
    return *end == '\0' && errno == 0 && value <= UINT32_MAX;
}

/* Bytes that were damaged on the way will be whole the next time. (The SDKs do the same.) */
static bool crc32_matches(void *arg, const struct http_answer *answer, struct error *error) {
    (void)arg;
    uint32_t sent, got;
    if (!dynamodb_answer_crc32(answer, &sent))
        return true;
    got = crc32_update(0, answer->body, answer->length);
    if (got == sent)
        return true;
    error_set(error, ERROR_TRANSIENT, "the answer's CRC-32 is %u, x-amz-crc32 says %u", got, sent);
    return false;
}

static void on_json(void *arg, struct json_object *answer, const struct http_answer *http, const struct error *error) {
    struct dynamodb_call *call = arg;
    dynamodb_done *done = call->json_done;
    void *done_arg = call->arg;
    call_free(call);
    done(done_arg, answer, http, error);
}

struct dynamodb_call *dynamodb_start(struct aws_session *session, const char *operation, const char *body,
                                     const char *what, dynamodb_done *done, void *arg) {
    struct dynamodb_call *call = x_calloc(1, sizeof *call);
    _cleanup_free_ char *target = x_printf(TARGET "%s", operation);
    _cleanup_free_ char *needs = x_printf("dynamodb:%s", operation); /* `what` names the table */
    const struct json_call_request request = {
        .service = AWS_DYNAMODB,
        .what = what,
        .needs = needs,
        .content_type = CONTENT_TYPE,
        .target = target,
        .body = body,
        .answer_limit = ANSWER_MOST,
        .accept = crc32_matches,
        .counted = strcmp(operation, "CreateTable") == 0, /* "exists" is somebody else's table, or the last try's own */
    };
    call->json_done = done;
    call->arg = arg;
    call->json = json_call_start(session, &request, on_json, call);
    return call;
}

void dynamodb_cancel(struct dynamodb_call *call) {
    if (call->json)
        json_call_cancel(call->json);
    else
        aws_cancel(call->raw);
    call_free(call);
}

char *dynamodb_table_body(const char *table) {
    struct buffer out = BUFFER_INIT(BUFFER_OURS);
    buffer_add(&out, "{\"TableName\":");
    json_quote(&out, table);
    buffer_add(&out, "}");
    return buffer_take(&out);
}

void dynamodb_scan_body(struct buffer *out, const struct dynamodb_scan *scan) {
    buffer_add(out, "{\"TableName\":");
    json_quote(out, scan->table);
    if (scan->total_segments > 1)
        buffer_printf(out, ",\"Segment\":%u,\"TotalSegments\":%u", scan->segment, scan->total_segments);
    if (scan->consistent)
        buffer_add(out, ",\"ConsistentRead\":true");
    if (scan->limit)
        buffer_printf(out, ",\"Limit\":%u", scan->limit);
    if (scan->start_key) {
        buffer_add(out, ",\"ExclusiveStartKey\":");
        buffer_add(out, scan->start_key);
    }
    buffer_add(out, ",\"ReturnConsumedCapacity\":\"TOTAL\"}");
}

static void on_raw(void *arg, const struct http_answer *http, const struct error *error) {
    struct dynamodb_call *call = arg;
    aws_done *done = call->raw_done;
    void *done_arg = call->arg;
    call_free(call);
    done(done_arg, http, error);
}

static char *scan_words(const struct dynamodb_scan *scan) {
    if (scan->total_segments > 1)
        return x_printf("Scan of %s, segment %u of %u", scan->table, scan->segment, scan->total_segments);
    return x_printf("Scan of %s", scan->table);
}

struct dynamodb_call *dynamodb_scan_start(struct aws_session *session, const struct dynamodb_scan *scan,
                                          const struct dynamodb_page_sink *page, aws_done *done, void *arg) {
    struct dynamodb_call *call = x_calloc(1, sizeof *call);
    _cleanup_free_ char *what = scan_words(scan);
    _cleanup_free_ char *needs = x_printf("dynamodb:Scan on %s", scan->table);
    const struct http_header headers[] = {
        {"content-type", CONTENT_TYPE, false},
        {"x-amz-target", TARGET "Scan", false},
    };
    *call = (struct dynamodb_call){.raw_done = done, .arg = arg, .body = BUFFER_INIT(BUFFER_OURS)};
    dynamodb_scan_body(&call->body, scan);
    call->slice = (struct http_slice){call->body.data, call->body.length};
    const struct aws_request request = {
        .service = AWS_DYNAMODB,
        .what = what,
        .needs = needs,
        .method = "POST",
        .headers = headers,
        .header_count = array_length(headers),
        .body = &call->slice,
        .body_count = 1,
        .sink = &page->sink,
        .accept = page->accept,
        .accept_arg = arg,
        .on_throttle = page->on_throttle,
        .throttle_arg = arg,
    };
    call->raw = aws_start(session, &request, on_raw, call);
    return call;
}

static bool accept_batch(void *arg, const struct http_answer *answer, struct error *error) {
    struct dynamodb_call *call = arg;
    return crc32_matches(NULL, answer, error) && call->accept(call->arg, answer, error);
}

struct dynamodb_call *dynamodb_batch_write_start(struct aws_session *session, const struct dynamodb_batch_write *write,
                                                 aws_done *done, void *arg) {
    struct dynamodb_call *call = x_calloc(1, sizeof *call);
    _cleanup_free_ char *what = x_printf("BatchWriteItem into %s", write->table);
    _cleanup_free_ char *needs = x_printf("dynamodb:BatchWriteItem on %s", write->table);
    const struct http_header headers[] = {
        {"content-type", CONTENT_TYPE, false},
        {"x-amz-target", TARGET "BatchWriteItem", false},
    };
    *call = (struct dynamodb_call){.raw_done = done, .arg = arg, .accept = write->accept};
    const struct aws_request request = {
        .service = AWS_DYNAMODB,
        .what = what,
        .needs = needs,
        .method = "POST",
        .headers = headers,
        .header_count = array_length(headers),
        .body = write->body,
        .body_count = write->body_count,
        .body_sha256 = write->sha256,
        .answer_limit = BATCH_ANSWER,
        .accept = accept_batch,
        .accept_arg = call,
        .on_throttle = write->on_throttle,
        .throttle_arg = arg,
    };
    call->raw = aws_start(session, &request, on_raw, call);
    return call;
}
