/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the S3 operations are made of: a request kept whole until its end (it may be sent twice), and what its XML answer
 * holds. For s3*.c and their tests; the rooms above use s3.h.
 */
#ifndef AWS_S3_CALL_H
#define AWS_S3_CALL_H

#include "aws/s3.h"

#define S3_HEADERS_MOST 16
#define S3_PAGE_MOST    ((size_t)8 << 20) /* of an XML answer: 1,000 keys of 1,024 bytes, each encoded as three */

/* Owned, but for the caller's body; does not move once it has a body of its own. */
struct s3_request {
    const char *method;
    char *what;                                  /* "upload of s3://b/k": in front of every error */
    char *needs;                                 /* "s3:PutObject on b/k": told where it is denied */
    char *path;                                  /* of the key, encoded */
    struct buffer query;                         /* encoded */
    struct http_header headers[S3_HEADERS_MOST]; /* names are constants, values those below */
    char *values[S3_HEADERS_MOST];
    size_t header_count;
    const struct http_slice *body; /* the caller's, or &own_slice */
    size_t body_count;
    char *body_sha256; /* NULL: left to aws_start() */
    struct buffer own_body;
    struct http_slice own_slice;
};

/* `key` NULL: of the bucket. `what` is taken. The bucket's expected owner goes with every request. */
void s3_request_init(struct s3_request *request, const struct s3_bucket *bucket, const char *method, const char *key,
                     char *what);
void s3_request_fini(struct s3_request *request);

/* The IAM action that the request takes, on the bucket, or on its `key`. */
void s3_request_needs(struct s3_request *request, const struct s3_bucket *bucket, const char *action, const char *key);

/* Copies the value; nothing where it is NULL. */
void s3_request_header(struct s3_request *request, const char *name, const char *value);
bool s3_request_drop_header(struct s3_request *request, const char *name); /* was it there? */

/* "name=value", encoded; "name" alone where the value is NULL. _fragment: encoded already. */
void s3_request_query(struct s3_request *request, const char *name, const char *value);
void s3_request_fragment(struct s3_request *request, const char *fragment);

/* The caller's bytes with their checksums. */
void s3_request_body(struct s3_request *request, const struct s3_body *body);

/* Takes a small XML body: with SHA-256 and Content-MD5, in place of the one it had. */
void s3_request_xml(struct s3_request *request, struct buffer *body);

/* x-amz-checksum-crc32: base64 of the big-endian value. */
void s3_crc32_text(char text[9], uint32_t crc);

/* As XML text, with references for what XML would change (CR, LF, TAB). Other control characters XML 1.0 cannot say. */
void s3_xml_escape(struct buffer *out, const char *text);

/* What an S3 XML answer holds; which fields are set follows from its root. */
struct s3_page {
    struct s3_entry *entries;
    size_t entry_count;
    char **prefixes;
    size_t prefix_count;
    struct s3_failure *failures;
    size_t failure_count;
    char *upload_id, *etag;
    char *next;
    bool truncated;
};

/*
 * Adds what a document with that root ("ListBucketResult") holds. Keys are decoded where it says EncodingType url. False with
 * ERROR_CORRUPT: another root, a number that is none, an entry without its key, truncated without saying where to go on.
 */
bool s3_page_parse(struct s3_page *page, const char *root, const struct http_answer *answer, struct error *error);
void s3_page_fini(struct s3_page *page);

/* The ETag without its quotes; the caller frees; NULL for NULL. */
char *s3_etag(const char *quoted);

/* Strictly decimal. */
bool s3_number(const char *text, uint64_t *value);

/* What to do after an answer. S3_AGAIN: `request` was made anew, send it. */
enum s3_outcome { S3_DONE, S3_AGAIN, S3_FAILED };

struct s3_call {
    const struct s3_bucket *bucket;
    s3_done *done;
    void *arg;
    struct aws_call *aws;
    struct s3_request request;
    struct s3_answer answer; /* points into `page`, `etag` and the HTTP answer */
    struct s3_page page;
    char *etag;
    char *from;  /* where this page of a list begins, as the page before told it; NULL: the first page */
    char *below; /* the prefix that all it lists must have; NULL: any (uploads: some stores
                  * ignore their prefix) */

    /* How the answer is read; all optional. */
    const char *root; /* of the XML answer */
    enum s3_outcome (*read)(struct s3_call *call, const struct http_answer *http, struct error *error);
    aws_accept *accept; /* called with the call */
    const struct http_sink *sink;
    size_t answer_limit;
    bool answer_404, ranged;

    /* Of s3_delete_objects(). */
    const char *const *keys;
    size_t key_count, key_sent;
};

/* An empty call whose request is to be filled, then started. */
struct s3_call *s3_call_new(const struct s3_bucket *bucket, s3_done *done, void *arg);
struct s3_call *s3_call_start(struct s3_call *call);

/* Pure: each fills an uninitialised request. */
void s3_put_request(struct s3_request *request, const struct s3_bucket *bucket, const struct s3_put *put);
void s3_get_request(struct s3_request *request, const struct s3_bucket *bucket, const struct s3_get *get);
void s3_delete_request(struct s3_request *request, const struct s3_bucket *bucket, const char *const *keys,
                       size_t count);
void s3_list_request(struct s3_request *request, const struct s3_bucket *bucket, const struct s3_list *list);
void s3_create_request(struct s3_request *request, const struct s3_bucket *bucket, const struct s3_put *put);
void s3_part_request(struct s3_request *request, const struct s3_bucket *bucket, const struct s3_part_upload *part);
void s3_complete_request(struct s3_request *request, const struct s3_bucket *bucket,
                         const struct s3_complete *complete);

/* Headers of a new object: content type, run, storage class, key, tags. */
void s3_request_object(struct s3_request *request, const struct s3_put *put);

/* An aws_accept for CompleteMultipartUpload: its 200 may be an <Error>, or end in the middle. */
bool s3_complete_accept(void *arg, const struct http_answer *answer, struct error *error);

#endif
