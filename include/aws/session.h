/* SPDX-License-Identifier: Apache-2.0 */
/* What client.c and call.c share, and nobody else includes: the inside of a session, and what a call may teach. */
#ifndef AWS_SESSION_H
#define AWS_SESSION_H

#include "aws/client.h"

/* Where a bucket was found to live, so that only the first request to it goes astray. */
struct bucket_home {
    struct bucket_home *next;
    char *bucket;
    char region[64];
};

struct aws_session {
    struct aws_client *client;
    struct credential_provider *provider;
    char *region;
    struct aws_patience *patience; /* NULL: none */
    struct retry_quota quota;
    struct bucket_home *homes;
};

/* The region to sign for: the bucket's where it is known, else the session's. `bucket` may be NULL. Borrowed. */
const char *aws_session_region_of(const struct aws_session *session, const char *bucket);
void aws_session_learn_region(struct aws_session *session, const char *bucket, const char region[64]);

/* Takes the server's clock from its Date; false where it sent none. */
bool aws_client_learn_clock(struct aws_client *client, const struct http_answer *answer);
random_fn *aws_client_random(const struct aws_client *client);

#endif
