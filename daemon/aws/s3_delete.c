/* SPDX-License-Identifier: Apache-2.0 */
/* Deleting: one key, or many in batches. What was not there is deleted as well. */
#include <assert.h>

#include "aws/s3_call.h"
#include "base/memory.h"

struct s3_call *s3_delete_object(const struct s3_bucket *bucket, const char *key, s3_done *done, void *arg) {
    struct s3_call *call = s3_call_new(bucket, done, arg);
    s3_request_init(&call->request, bucket, "DELETE", key, x_printf("deletion of s3://%s/%s", bucket->name, key));
    s3_request_needs(&call->request, bucket, "s3:DeleteObject", key);
    call->answer_404 = true;
    return s3_call_start(call);
}

/* <Quiet>: only what failed is named in the answer. */
void s3_delete_request(struct s3_request *request, const struct s3_bucket *bucket, const char *const *keys,
                       size_t count) {
    struct buffer body = BUFFER_INIT(BUFFER_OURS);
    buffer_add(&body, "<Delete xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Quiet>true</Quiet>");
    for (size_t i = 0; i < count; i++) {
        buffer_add(&body, "<Object><Key>");
        s3_xml_escape(&body, keys[i]);
        buffer_add(&body, "</Key></Object>");
    }
    buffer_add(&body, "</Delete>");
    s3_request_init(request, bucket, "POST", NULL, x_printf("deletion of %zu objects in s3://%s", count, bucket->name));
    s3_request_needs(request, bucket, "s3:DeleteObject", "*");
    s3_request_query(request, "delete", NULL);
    s3_request_xml(request, &body);
}

static void next_batch(struct s3_call *call) {
    size_t left = call->key_count - call->key_sent;
    size_t count = left < S3_DELETE_BATCH ? left : S3_DELETE_BATCH;
    s3_delete_request(&call->request, call->bucket, call->keys + call->key_sent, count);
    call->key_sent += count;
}

static enum s3_outcome read_batch(struct s3_call *call, const struct http_answer *http, struct error *error) {
    (void)http, (void)error;
    if (call->key_sent == call->key_count)
        return S3_DONE;
    s3_request_fini(&call->request);
    next_batch(call);
    return S3_AGAIN;
}

struct s3_call *s3_delete_objects(const struct s3_bucket *bucket, const char *const *keys, size_t key_count,
                                  s3_done *done, void *arg) {
    assert(key_count > 0);
    struct s3_call *call = s3_call_new(bucket, done, arg);
    call->keys = keys;
    call->key_count = key_count;
    call->root = "DeleteResult";
    call->read = read_batch;
    call->answer_limit = S3_PAGE_MOST;
    next_batch(call);
    return s3_call_start(call);
}
