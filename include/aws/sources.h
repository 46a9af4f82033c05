/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sources of credentials: one constructor a file of aws/credentials/. Each gives what a provider takes. store.h chooses
 * among them; nobody else needs this header but tests.
 *
 * A source that has nothing configured answers ERROR_NOT_FOUND: `auto` then asks the next. Any other error is told, because
 * going on would sign as somebody else than was meant.
 */
#ifndef AWS_SOURCES_H
#define AWS_SOURCES_H

#include "aws/client.h"
#include "aws/credentials.h"
#include "aws/imds.h"
#include "aws/store.h"

typedef const char *environment_fn(const char *name);

/* What sources share; it outlives them. */
struct source_context {
    struct aws_client *client;
    environment_fn *getenv;
    struct imds *imds;
};

/* `self` belongs to whom it was given: type->free(self). */
struct source {
    const struct credential_source *type;
    void *self;
};

/* AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN (or AWS_SECURITY_TOKEN), AWS_CREDENTIAL_EXPIRATION. */
struct source env_source_new(const struct source_context *context);
bool env_credentials(struct credentials *credentials, environment_fn *environment, struct error *error);

/* Always the same ones, copied; `name` as in "NAME assuming arn:...". */
struct source fixed_source_new(uv_loop_t *loop, const char *name, const struct credentials *credentials);

struct source imds_source_new(const struct source_context *context);

/* A profile of the shared files with all that it asks for. `profile` NULL: AWS_PROFILE, else "default". `region` NULL: looked up. */
struct source profile_source_new(const struct source_context *context, const char *profile, const char *region);

/* env (not where a profile was named, as botocore has it), profile, imds: the first that has something configured. */
struct source auto_source_new(const struct source_context *context, const char *profile, const char *region);

/* The role of `settings` by `base`, which it references. */
struct source role_source_new(const struct source_context *context, struct credential_provider *base,
                              const struct credential_settings *settings);

/* As region_lookup_start(); `profile` NULL: the default one. */
struct region_lookup *region_find(const struct source_context *context, const char *profile, region_done *done,
                                  void *arg);

#endif
