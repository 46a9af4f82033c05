/* SPDX-License-Identifier: Apache-2.0 */
/* One object: PUT, GET, HEAD. The common course is s3_call.c's. */
#include "aws/s3.h"

#include <inttypes.h>
#include <string.h>

#include "aws/s3_call.h"
#include "base/encoding.h"
#include "base/memory.h"

#define PARTIAL_CONTENT 206

void s3_request_object(struct s3_request *request, const struct s3_put *put) {
    s3_request_header(request, "content-type", put->content_type);
    s3_request_header(request, "x-amz-meta-run", put->run);
    const struct s3_object_options *options = put->options;
    if (!options)
        return;
    s3_request_header(request, "x-amz-storage-class", options->storage_class);
    s3_request_header(request, "x-amz-server-side-encryption", options->kms_key_id ? "aws:kms" : NULL);
    s3_request_header(request, "x-amz-server-side-encryption-aws-kms-key-id", options->kms_key_id);
    s3_request_header(request, "x-amz-tagging", options->tags);
}

void s3_put_request(struct s3_request *request, const struct s3_bucket *bucket, const struct s3_put *put) {
    s3_request_init(request, bucket, "PUT", put->key, x_printf("upload of s3://%s/%s", bucket->name, put->key));
    s3_request_needs(request, bucket, "s3:PutObject", put->key);
    s3_request_object(request, put);
    s3_request_header(request, "if-none-match", put->create_only ? "*" : NULL);
    s3_request_body(request, &put->body);
}

struct s3_call *s3_put_object(const struct s3_bucket *bucket, const struct s3_put *put, s3_done *done, void *arg) {
    struct s3_call *call = s3_call_new(bucket, done, arg);
    s3_put_request(&call->request, bucket, put);
    return s3_call_start(call);
}

bool s3_attested_md5(unsigned char value[MD5_LENGTH], const struct s3_answer *answer, uint32_t crc32) {
    const struct http_answer *http = answer->http;
    const char *crc = http_answer_header(http, "x-amz-checksum-crc32");
    const char *encryption = http_answer_header(http, "x-amz-server-side-encryption");
    char ours[9];
    s3_crc32_text(ours, crc32);
    if (!crc || strcmp(crc, ours) != 0 || (encryption && strcmp(encryption, "AES256") != 0) ||
        http_answer_header(http, "x-amz-server-side-encryption-customer-algorithm"))
        return false;
    return answer->etag && hex_decode(value, MD5_LENGTH, answer->etag);
}

static bool asks_range(const struct s3_get *get) {
    return get->first > 0 || get->last > 0;
}

void s3_get_request(struct s3_request *request, const struct s3_bucket *bucket, const struct s3_get *get) {
    s3_request_init(request, bucket, "GET", get->key, x_printf("download of s3://%s/%s", bucket->name, get->key));
    s3_request_needs(request, bucket, "s3:GetObject", get->key);
    if (!asks_range(get))
        return;
    _cleanup_free_ char *open = x_printf("bytes=%" PRIu64 "-", get->first);
    _cleanup_free_ char *closed = x_printf("%s%" PRIu64, open, get->last);
    s3_request_header(request, "range", get->last ? closed : open);
}

/* The whole object where a piece was asked for would be taken for the piece. */
static bool range_accepted(void *arg, const struct http_answer *answer, struct error *error) {
    const struct s3_call *call = arg;
    if (!call->ranged || answer->status == PARTIAL_CONTENT)
        return true;
    error_set(error, ERROR_CORRUPT, "asked for a range, the store answered %d with the whole object", answer->status);
    return false;
}

struct s3_call *s3_get_object(const struct s3_bucket *bucket, const struct s3_get *get, s3_done *done, void *arg) {
    struct s3_call *call = s3_call_new(bucket, done, arg);
    s3_get_request(&call->request, bucket, get);
    call->sink = get->sink;
    call->answer_limit = get->limit;
    call->answer_404 = true;
    call->ranged = asks_range(get);
    call->accept = range_accepted;
    return s3_call_start(call);
}

struct s3_call *s3_head_object(const struct s3_bucket *bucket, const char *key, s3_done *done, void *arg) {
    struct s3_call *call = s3_call_new(bucket, done, arg);
    s3_request_init(&call->request, bucket, "HEAD", key, x_printf("HEAD of s3://%s/%s", bucket->name, key));
    s3_request_needs(&call->request, bucket, "s3:GetObject (or s3:ListBucket on the bucket, where it is not there)",
                     key);
    call->answer_404 = true;
    return s3_call_start(call);
}
