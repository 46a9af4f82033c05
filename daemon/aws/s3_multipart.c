/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Multipart uploads. The object's CRC-32 is FULL_OBJECT: that of all its bytes, joined from the parts', so that it says
 * the same as for an object of one PUT.
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/tutorial-s3-mpu-additional-checksums.html
 */
#include <inttypes.h>

#include "aws/classify.h"
#include "aws/s3_call.h"
#include "aws/xml.h"
#include "base/encoding.h"
#include "base/memory.h"

void s3_create_request(struct s3_request *request, const struct s3_bucket *bucket, const struct s3_put *put) {
    s3_request_init(request, bucket, "POST", put->key,
                    x_printf("start of the upload of s3://%s/%s", bucket->name, put->key));
    s3_request_needs(request, bucket, "s3:PutObject", put->key);
    s3_request_query(request, "uploads", NULL);
    s3_request_object(request, put);
    s3_request_header(request, "x-amz-checksum-algorithm", "CRC32");
    s3_request_header(request, "x-amz-checksum-type", "FULL_OBJECT");
}

static enum s3_outcome read_created(struct s3_call *call, const struct http_answer *http, struct error *error) {
    if (call->page.upload_id && *call->page.upload_id)
        return S3_DONE;
    error_set(error, ERROR_CORRUPT, "the answer names no upload id");
    error->http_status = http->status;
    return S3_FAILED;
}

struct s3_call *s3_create_upload(const struct s3_bucket *bucket, const struct s3_put *put, s3_done *done, void *arg) {
    struct s3_call *call = s3_call_new(bucket, done, arg);
    s3_create_request(&call->request, bucket, put);
    call->root = "InitiateMultipartUploadResult";
    call->read = read_created;
    return s3_call_start(call);
}

void s3_part_request(struct s3_request *request, const struct s3_bucket *bucket, const struct s3_part_upload *part) {
    _cleanup_free_ char *number = x_printf("%u", part->number);
    s3_request_init(request, bucket, "PUT", part->key,
                    x_printf("upload of part %u of s3://%s/%s", part->number, bucket->name, part->key));
    s3_request_needs(request, bucket, "s3:PutObject", part->key);
    s3_request_query(request, "partNumber", number);
    s3_request_query(request, "uploadId", part->upload_id);
    s3_request_body(request, &part->body);
}

struct s3_call *s3_upload_part(const struct s3_bucket *bucket, const struct s3_part_upload *part, s3_done *done,
                               void *arg) {
    struct s3_call *call = s3_call_new(bucket, done, arg);
    s3_part_request(&call->request, bucket, part);
    return s3_call_start(call);
}

static void add_part(struct buffer *body, const struct s3_part *part) {
    char crc[9];
    s3_crc32_text(crc, part->crc32);
    buffer_printf(body, "<Part><PartNumber>%u</PartNumber><ETag>&quot;", part->number);
    s3_xml_escape(body, part->etag);
    buffer_printf(body, "&quot;</ETag><ChecksumCRC32>%s</ChecksumCRC32></Part>", crc);
}

void s3_complete_request(struct s3_request *request, const struct s3_bucket *bucket,
                         const struct s3_complete *complete) {
    struct buffer body = BUFFER_INIT(BUFFER_OURS);
    buffer_add(&body, "<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">");
    for (size_t i = 0; i < complete->part_count; i++)
        add_part(&body, &complete->parts[i]);
    buffer_add(&body, "</CompleteMultipartUpload>");
    char crc[9];
    s3_crc32_text(crc, complete->crc32);
    _cleanup_free_ char *size = x_printf("%" PRIu64, complete->size);
    s3_request_init(request, bucket, "POST", complete->key,
                    x_printf("completion of the upload of s3://%s/%s", bucket->name, complete->key));
    s3_request_needs(request, bucket, "s3:PutObject", complete->key);
    s3_request_query(request, "uploadId", complete->upload_id);
    s3_request_header(request, "x-amz-checksum-crc32", crc);
    s3_request_header(request, "x-amz-checksum-type", "FULL_OBJECT");
    s3_request_header(request, "x-amz-mp-object-size", size);
    s3_request_header(request, "if-none-match", complete->create_only ? "*" : NULL);
    s3_request_xml(request, &body);
}

/*
 * The status goes out before the work is done: a 200 may turn out to be an <Error>, or stop in the middle. Both are
 * judged like an answer that failed.
 * https://docs.aws.amazon.com/AmazonS3/latest/API/API_CompleteMultipartUpload.html
 */
bool s3_complete_accept(void *arg, const struct http_answer *answer, struct error *error) {
    (void)arg;
    _cleanup_error_ struct error broken = {0};
    struct s3_page page = {0};
    bool completed = s3_page_parse(&page, "CompleteMultipartUploadResult", answer, &broken);
    s3_page_fini(&page);
    if (completed)
        return true;
    _cleanup_free_ char *code = xml_find(answer->body, answer->length, "Error/Code");
    if (code)
        classify_error_document(error, answer);
    else
        error_set(error, ERROR_TRANSIENT, "status 200, but %s", broken.message);
    return false;
}

struct s3_call *s3_complete_upload(const struct s3_bucket *bucket, const struct s3_complete *complete, s3_done *done,
                                   void *arg) {
    struct s3_call *call = s3_call_new(bucket, done, arg);
    s3_complete_request(&call->request, bucket, complete);
    call->root = "CompleteMultipartUploadResult";
    call->accept = s3_complete_accept;
    return s3_call_start(call);
}

struct s3_call *s3_abort_upload(const struct s3_bucket *bucket, const char *key, const char *upload_id, s3_done *done,
                                void *arg) {
    struct s3_call *call = s3_call_new(bucket, done, arg);
    s3_request_init(&call->request, bucket, "DELETE", key,
                    x_printf("abort of the upload of s3://%s/%s", bucket->name, key));
    s3_request_needs(&call->request, bucket, "s3:AbortMultipartUpload", key);
    s3_request_query(&call->request, "uploadId", upload_id);
    call->answer_404 = true;
    return s3_call_start(call);
}
