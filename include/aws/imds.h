/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The instance's own metadata service, version 2 only: a token by PUT, then the role's name, its credentials, the region.
 * One struct imds a host, shared by all who ask: it keeps the token, and remembers for a minute that nobody answers.
 *
 * https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-data-retrieval.html
 */
#ifndef AWS_IMDS_H
#define AWS_IMDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "aws/client.h"
#include "aws/credentials.h"

/* Pure: what came is strictly what the service documents, or ERROR_CORRUPT says what it was instead. */
char *imds_parse_token(const char *bytes, size_t length, struct error *error); /* with secret_free() */
char *imds_parse_role(const char *bytes, size_t length, struct error *error);
char *imds_parse_region(const char *bytes, size_t length, struct error *error);
/* ERROR_TRANSIENT or ERROR_DENIED where the service says that it has none, with its Code and Message. */
bool imds_parse_credentials(struct credentials *credentials, const char *bytes, size_t length, struct error *error);

struct imds;

/*
 * `client` must outlive it. Where it is: [Endpoints] IMDS, AWS_EC2_METADATA_SERVICE_ENDPOINT,
 * AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE=IPv6, else 169.254.169.254; never through a proxy.
 * AWS_EC2_METADATA_DISABLED=true: every call hears so.
 */
struct imds *imds_new(struct aws_client *client, const char *(*getenv_fn)(const char *));
void imds_free(struct imds *imds); /* calls must have ended or been cancelled */

/*
 * `done` fires exactly once, never from inside the call. Exactly one of text (the region; NULL where credentials were asked
 * for) or credentials, or the error, is given; all borrowed. Errors: ERROR_TRANSIENT (nobody answers, or not now),
 * ERROR_NOT_FOUND (disabled, or the instance has no role), ERROR_DENIED, ERROR_CORRUPT.
 */
typedef void imds_done(void *arg, const struct credentials *credentials, const char *region, const struct error *error);
struct imds_call;
struct imds_call *imds_credentials_start(struct imds *imds, imds_done *done, void *arg);
struct imds_call *imds_region_start(struct imds *imds, imds_done *done, void *arg);
void imds_cancel(struct imds_call *call);

#endif
