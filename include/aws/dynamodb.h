/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DynamoDB's JSON protocol (application/x-amz-json-1.0). Small operations come back as JSON; Scan's pages go to a sink
 * and are never parsed into a tree.
 */
#ifndef AWS_DYNAMODB_H
#define AWS_DYNAMODB_H

#include <json-c/json.h>

#include "aws/client.h"
#include "base/json.h"

/* Exactly one is given; borrowed until it returns. */
typedef void dynamodb_done(void *arg, struct json_object *answer, const struct http_answer *http,
                           const struct error *error);

struct dynamodb_call;

/* `operation` "DescribeTable"; `body` the request's JSON (copied); `what` as in struct aws_request. Up to 4 MiB of answer;
 * its x-amz-crc32 is checked where sent (a mismatch is tried again). */
struct dynamodb_call *dynamodb_start(struct aws_session *session, const char *operation, const char *body,
                                     const char *what, dynamodb_done *done, void *arg);
void dynamodb_cancel(struct dynamodb_call *call);

/* A name or ARN of a table: {"TableName": ...}. The caller frees. */
char *dynamodb_table_body(const char *table);

struct dynamodb_scan {
    const char *table;
    unsigned segment, total_segments; /* total_segments 0 or 1: one scan of the whole table */
    const char *start_key; /* ExclusiveStartKey: LastEvaluatedKey as it came, byte for byte; NULL: from the start */
    bool consistent;
    unsigned limit; /* items of the page; 0: as many as 1 MB holds */
};
/* Adds ReturnConsumedCapacity=TOTAL. */
void dynamodb_scan_body(struct buffer *out, const struct dynamodb_scan *scan);

/* Where a page goes. Lives as long as the call; `accept` and `on_throttle` are called with the call's `arg`, and may be
 * NULL. */
struct dynamodb_page_sink {
    struct http_sink sink;
    aws_accept *accept;
    void (*on_throttle)(void *arg);
};

/* Accept-Encoding is not sent: the page comes as it is and x-amz-crc32 covers its bytes; the sink's owner checks it.
 * `scan` is copied; dynamodb_cancel() ends it. */
struct dynamodb_call *dynamodb_scan_start(struct aws_session *session, const struct dynamodb_scan *scan,
                                          const struct dynamodb_page_sink *page, aws_done *done, void *arg);

/* One BatchWriteItem. `what` and `table` are copied; the body's slices live until the end, whoever wrote them. */
struct dynamodb_batch_write {
    const char *table;
    const struct http_slice *body;
    size_t body_count;
    const char *sha256; /* of the body, hex, copied: hashed off the loop where it is large; NULL: small, hashed here */
    aws_accept *accept; /* judges an answer whose CRC is right; called with the call's `arg` */
    void (*on_throttle)(void *arg); /* the same */
};

/* Puts are idempotent: after a lost answer the same call is sent again. dynamodb_cancel() ends it. */
struct dynamodb_call *dynamodb_batch_write_start(struct aws_session *session, const struct dynamodb_batch_write *write,
                                                 aws_done *done, void *arg);

/* x-amz-crc32 of an answer; false where it was not sent. */
bool dynamodb_answer_crc32(const struct http_answer *answer, uint32_t *crc);

#endif
