/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which provider serves whom. Jobs whose settings are equal in every word share one provider; a job with any other word
 * has its own, so that no credential of one ever signs for another. The base of an assumed role (the host's own keys) is
 * shared by all that name it alike.
 */
#ifndef AWS_STORE_H
#define AWS_STORE_H

#include "aws/client.h"
#include "aws/credentials.h"

/* product.md: [Credentials] Source=. The order of the names in the configuration. */
enum credential_source_kind {
    SOURCE_AUTO, /* env, profile, imds; the first that is configured (later: web identity, container, process) */
    SOURCE_ENV,
    SOURCE_PROFILE,
    SOURCE_IMDS,
};

/* Borrowed; copied by who keeps it. NULL where not set. */
struct credential_settings {
    enum credential_source_kind source;
    const char *profile;  /* NULL: AWS_PROFILE, else "default" */
    const char *role_arn; /* then sts:AssumeRole on top of the source */
    const char *external_id;
    const char *session_name; /* with role_arn */
    int64_t duration_s;       /* of the assumed role: 900 to 43200 */
    const char *region;       /* whose STS is asked; NULL: the source's */
};

struct credential_store;

/* `client` must outlive the store. `getenv_fn` as getenv(3); tests pass their own. */
struct credential_store *credential_store_new(struct aws_client *client, const char *(*getenv_fn)(const char *));

/* All providers given out must have been unreferenced. */
void credential_store_free(struct credential_store *store);

/* A reference of the caller's own; never NULL: what is wrong is told by the first _get(). */
struct credential_provider *credential_store_get(struct credential_store *store,
                                                 const struct credential_settings *settings);

/*
 * The region where a job names none: AWS_REGION, AWS_DEFAULT_REGION, the profile's, then IMDS.
 * Exactly one of `region` (borrowed) and `error` is given; `done` never fires from inside the call.
 */
typedef void region_done(void *arg, const char *region, const struct error *error);
struct region_lookup;
struct region_lookup *region_lookup_start(struct credential_store *store, const struct credential_settings *settings,
                                          region_done *done, void *arg);
void region_lookup_cancel(struct region_lookup *lookup);

/* "dynamodb-backupd-JOB", within the 64 characters of a role's session. The caller frees. */
char *credential_session_name(const char *job);

/* The name itself, or where it has more than `most` (at least 10) bytes: cut, '-' and 8 hex digits of its SHA-256, so that two
 * names with the same beginning stay apart. The caller frees. */
char *name_within(const char *name, size_t most);

#endif
