/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sts:AssumeRole: a role's credentials for those of another principal. Query API: a form goes, XML comes.
 *
 * https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html
 */
#ifndef AWS_STS_H
#define AWS_STS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "aws/client.h"
#include "aws/credentials.h"
#include "base/buffer.h"

#define STS_CHAINED_MOST_S    ((int64_t)3600)    /* of a role assumed with another role's credentials */
#define STS_SESSION_NAME      "dynamodb-backupd" /* where none was given */
#define STS_SESSION_NAME_MOST ((size_t)64)

/* Borrowed by assume_role_start(), which copies. */
struct assume_role {
    const char *role_arn;
    const char *external_id;  /* NULL: none */
    const char *session_name; /* NULL: STS_SESSION_NAME; 2 to 64 of [A-Za-z0-9_=,.@+-] */
    int64_t duration_s;       /* 900 to 43200; 0: STS's own hour */
};

/* Pure. The form, appended; blanks are %20, because some servers take a '+' for itself. */
void sts_form_assume_role(struct buffer *out, const struct assume_role *role);

/* What of it cannot be right whoever is asked: ERROR_INVALID says it. Pure. */
bool sts_check_assume_role(const struct assume_role *role, struct error *error);

/* Pure. The answer; `*principal` is the ARN of the session, maybe NULL. False with ERROR_CORRUPT, and nothing is filled. */
bool sts_parse_assume_role(struct credentials *credentials, char **principal, const char *bytes, size_t length,
                           struct error *error);

/* What came of it. Borrowed until `done` returns. `shortened`: asked for longer, AWS ends a chained role's session after an
 * hour, so that was taken. */
struct assumed_role {
    const struct credentials *credentials;
    const char *principal;
    bool shortened;
};

/*
 * With the provider's credentials at the region's STS. `done` fires exactly once, never from inside the call, with one of
 * both. Errors say who wanted to be whom.
 */
typedef void assume_role_done(void *arg, const struct assumed_role *assumed, const struct error *error);
struct assume_role_call;
struct assume_role_call *assume_role_start(struct aws_client *client, struct credential_provider *provider,
                                           const char *region, const struct assume_role *role, assume_role_done *done,
                                           void *arg);
void assume_role_cancel(struct assume_role_call *call);

#endif
