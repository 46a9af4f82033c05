/* SPDX-License-Identifier: Apache-2.0 */
/* What a refused answer means: AWS's error names, in JSON, query XML and S3 XML, become a struct error. Pure. */
#ifndef AWS_CLASSIFY_H
#define AWS_CLASSIFY_H

#include "aws/endpoint.h"
#include "base/error.h"
#include "http/client.h"

/*
 * Fills `error` from an answer that is not a success: code by AWS's name first, then by status; http_status, aws_code,
 * request_id; a message "403 AccessDenied: WORDS (request ID)" and, where it is known, what to do.
 * A body that is neither JSON nor XML is quoted, at most 200 bytes of it, made printable.
 */
void classify_answer(struct error *error, enum aws_service service, const struct http_answer *answer);

/* The same for an <Error> document that came with status 200 (CompleteMultipartUpload). */
void classify_error_document(struct error *error, const struct http_answer *answer);

/*
 * Behind a refusal for want of a permission (AccessDenied and its kin, a 403 without a name): "the role may lack NEEDS",
 * as in "s3:PutObject on b/k". Nothing for other errors, nor where `needs` is NULL.
 */
void classify_advise(struct error *error, const char *needs);

/* x-amz-bucket-region, else <Region> of the error document; false where neither stands there. */
bool classify_bucket_region(char region[64], const struct http_answer *answer);

/* x-amz-retry-after (ms) or Retry-After (s, or a date seen from the answer's Date), in ms; -1 where none. */
int64_t classify_retry_after(const struct http_answer *answer);

#endif
