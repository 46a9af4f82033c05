/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The S3 operations that a backup needs. Each starts one call and ends in one s3_done; the answer's fields that an
 * operation does not give are zero. Keys and ids are not encoded by the caller.
 * https://docs.aws.amazon.com/AmazonS3/latest/API/API_Operations.html
 */
#ifndef AWS_S3_H
#define AWS_S3_H

#include <stdbool.h>
#include <stdint.h>

#include "aws/client.h"
#include "base/digest.h"

#define S3_PART_MIN  ((uint64_t)5 << 20)
#define S3_PARTS_MAX 10000

/* Borrowed by every operation for its whole life. */
struct s3_bucket {
    struct aws_session *session;
    const char *name;
    const char *expected_owner; /* x-amz-expected-bucket-owner; NULL: none */
};

/* How new objects are made. All NULL by default. */
struct s3_object_options {
    const char *storage_class, *kms_key_id, *tags; /* tags as "a=b&c=d", encoded */
};

/* A listed object, part or upload; which fields are set follows from the list. */
struct s3_entry {
    char *key, *etag, *upload_id; /* etag without quotes */
    uint64_t size;
    int64_t modified; /* seconds since 1970 */
    unsigned part_number;
};

/* A key that DeleteObjects could not delete, and why. */
struct s3_failure {
    char *key, *code, *message;
};

struct s3_answer {
    const struct http_answer *http; /* NULL never */
    const char *etag;               /* without quotes; of PUT, part, HEAD, complete (NULL: Ceph names none there) */
    const char *upload_id;          /* of create */
    const char *run;                /* x-amz-meta-run; of HEAD and GET */
    bool found;                     /* HEAD, GET: false on 404 */
    uint64_t length;                /* Content-Length of HEAD */
    int64_t date;                   /* the server's Date, seconds since 1970; 0 where it sent none */
    const struct s3_entry *entries; /* of a list */
    size_t entry_count;
    const char *const *prefixes; /* CommonPrefixes of a list with a delimiter */
    size_t prefix_count;
    bool truncated;
    const char *next; /* of a list: what asks for the next page (token or marker); opaque; NULL on the last one */
    const struct s3_failure *failures; /* of s3_delete_objects() */
    size_t failure_count;
};

/* Exactly one is given; both borrowed until it returns. */
typedef void s3_done(void *arg, const struct s3_answer *answer, const struct error *error);

struct s3_call;
void s3_cancel(struct s3_call *call);

/* A body and its checksums: computed by who has the bytes, off the loop. */
struct s3_body {
    const struct http_slice *slices;
    size_t slice_count;
    const char *sha256;       /* hex; NULL over TLS (UNSIGNED-PAYLOAD), or small enough to hash here */
    const unsigned char *md5; /* 16 bytes, sent as Content-MD5, which every store checks; NULL: not sent */
    bool has_crc32;
    uint32_t crc32; /* sent as x-amz-checksum-crc32 */
};

struct s3_put {
    const char *key, *content_type;
    const char *run; /* x-amz-meta-run; NULL: none */
    struct s3_body body;
    const struct s3_object_options *options; /* NULL: none */
    bool create_only; /* If-None-Match: *; ERROR_EXISTS on 412. 501 (a store that has it not): sent again without */
};
struct s3_call *s3_put_object(const struct s3_bucket *bucket, const struct s3_put *put, s3_done *done, void *arg);

/*
 * The MD5 of what a PUT stored, where the answer attests it, so that who has the bytes need not sum them. False: it
 * does not, and `value` is undefined.
 *
 * In a general purpose bucket the ETag of an object that is one PUT is its MD5, unless it is encrypted with a key of
 * KMS or of the customer (https://docs.aws.amazon.com/AmazonS3/latest/API/API_Object.html); that these were the bytes
 * says the x-amz-checksum-crc32 that S3 repeats (API_PutObject.html). Other stores make other ETags: believe it where
 * it was right before.
 */
bool s3_attested_md5(unsigned char value[MD5_LENGTH], const struct s3_answer *answer, uint32_t crc32);

/* [first, last] bytes; last 0: to the end. Found false on 404. The body goes to `sink`, or to the answer up to `limit`. */
struct s3_get {
    const char *key;
    uint64_t first, last;
    const struct http_sink *sink;
    size_t limit;
};
struct s3_call *s3_get_object(const struct s3_bucket *bucket, const struct s3_get *get, s3_done *done, void *arg);
struct s3_call *s3_head_object(const struct s3_bucket *bucket, const char *key, s3_done *done, void *arg);

/* An object that is not there is a success: it is gone. */
struct s3_call *s3_delete_object(const struct s3_bucket *bucket, const char *key, s3_done *done, void *arg);

/*
 * One key or more, S3_DELETE_BATCH a request, one after the other; `keys` live until the end. The answer holds the failures
 * of all batches. An error means that a request failed as a whole: earlier batches are deleted, later ones not.
 */
#define S3_DELETE_BATCH 1000
struct s3_call *s3_delete_objects(const struct s3_bucket *bucket, const char *const *keys, size_t key_count,
                                  s3_done *done, void *arg);

/* Up to 1,000 keys a page, in order of key. `token` is the last answer's `next`, or NULL. `delimiter` "/" or NULL. */
struct s3_list {
    const char *prefix, *delimiter, *token, *start_after;
    unsigned max_keys; /* 0: 1000 */
};
struct s3_call *s3_list_objects(const struct s3_bucket *bucket, const struct s3_list *list, s3_done *done, void *arg);

/* put->body is not used. The checksum algorithm is CRC32, its type FULL_OBJECT. */
struct s3_call *s3_create_upload(const struct s3_bucket *bucket, const struct s3_put *put, s3_done *done, void *arg);

struct s3_part_upload {
    const char *key, *upload_id;
    unsigned number; /* 1 to S3_PARTS_MAX */
    struct s3_body body;
};
struct s3_call *s3_upload_part(const struct s3_bucket *bucket, const struct s3_part_upload *part, s3_done *done,
                               void *arg);

struct s3_part {
    unsigned number;
    const char *etag; /* without quotes */
    uint32_t crc32;
};

struct s3_complete {
    const char *key, *upload_id;
    const struct s3_part *parts; /* in order of number */
    size_t part_count;
    uint64_t size;  /* x-amz-mp-object-size */
    uint32_t crc32; /* of the whole object */
    bool create_only;
};
/* A 200 with an <Error> in it is that error; a 501 for create_only is answered as in s3_put. 404 NoSuchUpload is ERROR_NOT_FOUND: it may have been completed. */
struct s3_call *s3_complete_upload(const struct s3_bucket *bucket, const struct s3_complete *complete, s3_done *done,
                                   void *arg);

/* An upload that is not there is a success: it is gone. */
struct s3_call *s3_abort_upload(const struct s3_bucket *bucket, const char *key, const char *upload_id, s3_done *done,
                                void *arg);

/* `marker`: the last part number seen; 0: from the start. */
struct s3_call *s3_list_parts(const struct s3_bucket *bucket, const char *key, const char *upload_id, unsigned marker,
                              s3_done *done, void *arg);

/* `marker`: the last answer's `next`, or NULL. */
struct s3_call *s3_list_uploads(const struct s3_bucket *bucket, const char *prefix, const char *marker, s3_done *done,
                                void *arg);

#endif
