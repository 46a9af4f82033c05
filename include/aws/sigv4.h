/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AWS Signature Version 4, by headers and by query. Pure: a request and an instant in, a string out.
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
 */
#ifndef AWS_SIGV4_H
#define AWS_SIGV4_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "aws/credentials.h"
#include "http/client.h"

#define SIGV4_UNSIGNED "UNSIGNED-PAYLOAD"                                                 /* S3 alone, over TLS alone */
#define SIGV4_EMPTY    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" /* SHA-256 of nothing */

/* All borrowed. */
struct sigv4_request {
    const char *method;
    const char *path;                  /* as it goes on the wire: encoded once, begins with '/' */
    const char *query;                 /* as it goes on the wire, without '?'; "" where none */
    const struct http_header *headers; /* all that are to be signed, host among them; any order and case */
    size_t header_count;
    const char *payload_hash; /* lower-case hex of the body's SHA-256, or SIGV4_UNSIGNED */
    const char *region;
    const char *service; /* the signing name: "dynamodb", "s3", "ses", "sts", "logs" */
    int64_t time;        /* seconds since 1970 */
    bool normalize_path; /* remove "." and ".." and double slashes: every service but S3 */
    bool encode_twice;   /* encode the path once more in the canonical form: every service but S3 */
};

/*
 * The value of the Authorization header. The caller must send x-amz-date as time_format_basic() of `time`, and
 * x-amz-security-token where there is one; both stand among `headers`. The caller frees it; not a secret once sent, but
 * never logged.
 */
char *sigv4_authorization(const struct sigv4_request *request, const struct credentials *credentials);

/*
 * The complete query string of a pre-signed request: `request->query` with X-Amz-Algorithm ... X-Amz-Signature added.
 * `expires` in seconds, 1 to 604800. Normally only host is among the headers. Whoever holds it holds the access:
 * free with secret_free().
 */
char *sigv4_presign(const struct sigv4_request *request, const struct credentials *credentials, int64_t expires);

/* For tests: the canonical request and the string to sign, as AWS's suite shows them. The caller frees. */
char *sigv4_canonical_request(const struct sigv4_request *request);
char *sigv4_string_to_sign(const struct sigv4_request *request, const char *canonical_request);

#endif
