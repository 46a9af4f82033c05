/* SPDX-License-Identifier: Apache-2.0 */
/*
 * RoleArn= on top of a source: sts:AssumeRole with the base provider's credentials.
 *
 *     fetch --> REGION (where none was set) --> ASSUME --> done
 */
#include "aws/sources.h"
#include "aws/sts.h"
#include "base/memory.h"

struct role_source {
    const struct source_context *context;
    struct credential_provider *base;
    char *role_arn, *external_id, *session_name, *region, *profile;
    int64_t duration_s;
    char *notice;
    struct region_lookup *lookup;
    struct assume_role_call *call;
    credentials_done *done;
    void *arg;
};

static void tell_shortened(struct role_source *self, bool shortened) {
    free(self->notice);
    self->notice = NULL;
    if (shortened)
        self->notice = x_printf("Duration=%llds of %s fell back to 1h: a role assumed with another role's credentials "
                                "(role chaining) ends after one hour",
                                (long long)self->duration_s, self->role_arn);
}

static void on_assumed(void *arg, const struct assumed_role *assumed, const struct error *error) {
    struct role_source *self = arg;
    self->call = NULL;
    tell_shortened(self, assumed && assumed->shortened);
    self->done(self->arg, assumed ? assumed->credentials : NULL, error);
}

static void assume(struct role_source *self, const char *region) {
    const struct assume_role role = {self->role_arn, self->external_id, self->session_name, self->duration_s};
    self->call = assume_role_start(self->context->client, self->base, region, &role, on_assumed, self);
}

static void on_region(void *arg, const char *region, const struct error *error) {
    struct role_source *self = arg;
    self->lookup = NULL;
    if (region)
        assume(self, region);
    else
        self->done(self->arg, NULL, error);
}

static void fetch(void *arg, credentials_done *done, void *done_arg) {
    struct role_source *self = arg;
    self->done = done;
    self->arg = done_arg;
    if (self->region)
        assume(self, self->region);
    else
        self->lookup = region_find(self->context, self->profile, on_region, self);
}

static void stop(void *arg) {
    struct role_source *self = arg;
    if (self->lookup)
        region_lookup_cancel(take_pointer(self->lookup));
    if (self->call)
        assume_role_cancel(take_pointer(self->call));
}

static void free_self(void *arg) {
    struct role_source *self = arg;
    credential_provider_unref(self->base);
    free(self->role_arn);
    free(self->external_id);
    free(self->session_name);
    free(self->region);
    free(self->profile);
    free(self->notice);
    free(self);
}

static const char *notice(const void *arg) {
    return ((const struct role_source *)arg)->notice;
}

static const struct credential_source role_source = {
    .name = "assume-role", .fetch = fetch, .stop = stop, .free = free_self, .notice = notice};

struct source role_source_new(const struct source_context *context, struct credential_provider *base,
                              const struct credential_settings *settings) {
    struct role_source *self = x_calloc(1, sizeof *self);
    self->context = context;
    self->base = credential_provider_ref(base);
    self->role_arn = x_strdup(settings->role_arn);
    self->external_id = x_strdup(settings->external_id);
    self->session_name = x_strdup(settings->session_name);
    self->region = x_strdup(settings->region);
    self->profile = x_strdup(settings->profile);
    self->duration_s = settings->duration_s;
    return (struct source){&role_source, self};
}
