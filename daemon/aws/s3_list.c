/* SPDX-License-Identifier: Apache-2.0 */
/* Lists, a page a call: objects, the parts of an upload, the uploads of a bucket. Keys come percent-encoded, because XML
 * cannot hold all that a key may. */
#include "aws/s3_call.h"
#include "base/memory.h"

#define PAGE 1000 /* the most that S3 gives */

static struct s3_call *start_list(struct s3_call *call, const char *root) {
    call->root = root;
    call->answer_limit = S3_PAGE_MOST;
    return s3_call_start(call);
}

static void query_number(struct s3_request *request, const char *name, unsigned value) {
    _cleanup_free_ char *text = x_printf("%u", value);
    s3_request_query(request, name, text);
}

static void query_text(struct s3_request *request, const char *name, const char *value) {
    if (value && *value)
        s3_request_query(request, name, value);
}

void s3_list_request(struct s3_request *request, const struct s3_bucket *bucket, const struct s3_list *list) {
    const char *prefix = list->prefix ? list->prefix : "";
    s3_request_init(request, bucket, "GET", NULL, x_printf("list of s3://%s/%s", bucket->name, prefix));
    s3_request_needs(request, bucket, "s3:ListBucket", NULL);
    s3_request_query(request, "list-type", "2");
    s3_request_query(request, "encoding-type", "url");
    query_number(request, "max-keys", list->max_keys ? list->max_keys : PAGE);
    query_text(request, "prefix", prefix);
    query_text(request, "delimiter", list->delimiter);
    query_text(request, "start-after", list->start_after);
    query_text(request, "continuation-token", list->token);
}

struct s3_call *s3_list_objects(const struct s3_bucket *bucket, const struct s3_list *list, s3_done *done, void *arg) {
    struct s3_call *call = s3_call_new(bucket, done, arg);
    s3_list_request(&call->request, bucket, list);
    call->from = x_strdup(list->token);
    call->below = x_strdup(list->prefix);
    return start_list(call, "ListBucketResult");
}

struct s3_call *s3_list_parts(const struct s3_bucket *bucket, const char *key, const char *upload_id, unsigned marker,
                              s3_done *done, void *arg) {
    struct s3_call *call = s3_call_new(bucket, done, arg);
    s3_request_init(&call->request, bucket, "GET", key, x_printf("list of the parts of s3://%s/%s", bucket->name, key));
    s3_request_needs(&call->request, bucket, "s3:ListMultipartUploadParts", key);
    s3_request_query(&call->request, "uploadId", upload_id);
    query_number(&call->request, "max-parts", PAGE);
    if (marker)
        query_number(&call->request, "part-number-marker", marker);
    return start_list(call, "ListPartsResult");
}

struct s3_call *s3_list_uploads(const struct s3_bucket *bucket, const char *prefix, const char *marker, s3_done *done,
                                void *arg) {
    struct s3_call *call = s3_call_new(bucket, done, arg);
    s3_request_init(&call->request, bucket, "GET", NULL,
                    x_printf("list of the uploads of s3://%s/%s", bucket->name, prefix ? prefix : ""));
    s3_request_needs(&call->request, bucket, "s3:ListBucketMultipartUploads", NULL);
    s3_request_query(&call->request, "uploads", NULL);
    s3_request_query(&call->request, "encoding-type", "url");
    query_number(&call->request, "max-uploads", PAGE);
    query_text(&call->request, "prefix", prefix);
    if (marker)
        s3_request_fragment(&call->request, marker);
    call->from = x_strdup(marker);
    return start_list(call, "ListMultipartUploadsResult");
}
