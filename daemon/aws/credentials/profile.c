/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A profile of the shared files as a source. Every fetch reads the files again, so that edited keys take effect.
 *
 *     LOAD --> (plan) --+-- keys, environment ------+--> no role: done
 *                       `-- INSTANCE (role's keys) -+--> REGION (where none was set) --> ASSUME, role by role --> done
 */
#include <string.h>

#include "aws/profile.h"
#include "aws/sources.h"
#include "aws/sts.h"
#include "base/buffer.h"
#include "base/memory.h"

enum profile_state { IDLE, LOAD, BASE, INSTANCE, REGION, ASSUME };

struct profile_source {
    const struct source_context *context;
    char *named, *set_region; /* as given to us; NULL where not */
    enum profile_state state;
    char *profile, *region; /* of this fetch */
    struct profile_plan plan;
    struct credentials held; /* those that the next role is assumed with */
    char *holder;            /* whose they are */
    char *notice;
    struct profile_load *load;
    struct imds_call *imds;
    struct region_lookup *lookup;
    struct assume_role_call *call;
    credentials_done *done;
    void *arg;
};

static void step(struct profile_source *self);

static void reset(struct profile_source *self) {
    profile_plan_fini(&self->plan);
    credentials_fini(&self->held);
    free(take_pointer(self->profile));
    free(take_pointer(self->region));
    free(take_pointer(self->holder));
    self->state = IDLE;
}

static void end(struct profile_source *self, const struct error *error) {
    struct credentials held = self->held;
    self->held = (struct credentials){0};
    reset(self);
    self->done(self->arg, error ? NULL : &held, error);
    credentials_fini(&held);
}

/* Takes the error. */
static void fail(struct profile_source *self, struct error *error) {
    struct error taken = error_take(error);
    end(self, &taken);
    error_clear(&taken);
}

static void go(struct profile_source *self, enum profile_state state) {
    self->state = state;
    step(self);
}

static void hold(struct profile_source *self, const struct credentials *got, char *holder) {
    credentials_fini(&self->held);
    self->held = credentials_copy(got);
    free(self->holder);
    self->holder = holder;
}

/* A profile that somebody named must exist; "default" need not. */
static bool was_named(const struct profile_source *self) {
    return self->named || strcmp(self->profile, "default") != 0;
}

static void make_plan(struct profile_source *self, const struct profiles *profiles) {
    struct error error = {0};
    if (profile_resolve(&self->plan, profiles, self->profile, &error)) {
        go(self, BASE);
        return;
    }
    struct profile_paths paths;
    struct buffer places = BUFFER_INIT(BUFFER_OURS);
    profile_paths_init(&paths, self->context->getenv);
    profile_paths_tell(&paths, &places);
    error_advice(&error, "looked in %s", places.data);
    if (error.code == ERROR_NOT_FOUND && was_named(self) && !profiles_has(profiles, self->profile))
        error.code = ERROR_INVALID;
    profile_paths_fini(&paths);
    buffer_fini(&places);
    fail(self, &error);
}

static void on_profiles(void *arg, struct profiles *profiles, const struct error *error) {
    struct profile_source *self = arg;
    self->load = NULL;
    if (profiles)
        make_plan(self, profiles);
    else
        end(self, error);
    profiles_free(profiles);
}

static void next_role(struct profile_source *self) {
    if (self->plan.role_count)
        go(self, self->region ? ASSUME : REGION);
    else
        end(self, NULL);
}

static void take_base(struct profile_source *self) {
    struct credentials found = {0};
    struct error error = {0};
    switch (self->plan.base) {
    case PROFILE_BASE_IMDS:
        go(self, INSTANCE);
        return;
    case PROFILE_BASE_KEYS:
        hold(self, &self->plan.keys, x_printf("profile %s", self->profile));
        break;
    case PROFILE_BASE_ENVIRONMENT:
        if (env_credentials(&found, self->context->getenv, &error))
            hold(self, &found, x_strdup("env"));
        credentials_fini(&found);
        break;
    }
    if (!error.code) {
        next_role(self);
        return;
    }
    error.code = ERROR_INVALID; /* named, and not there */
    error_context(&error, "profile %s: credential_source = Environment", self->profile);
    fail(self, &error);
}

static void on_imds(void *arg, const struct credentials *credentials, const char *region, const struct error *error) {
    (void)region;
    struct profile_source *self = arg;
    self->imds = NULL;
    if (credentials) {
        hold(self, credentials, x_strdup("imds"));
        next_role(self);
        return;
    }
    struct error failure = error_copy(error);
    if (failure.code == ERROR_NOT_FOUND)
        failure.code = ERROR_INVALID;
    error_context(&failure, "profile %s: credential_source = Ec2InstanceMetadata", self->profile);
    fail(self, &failure);
}

static void on_region(void *arg, const char *region, const struct error *error) {
    struct profile_source *self = arg;
    self->lookup = NULL;
    if (!region) {
        end(self, error);
        return;
    }
    self->region = x_strdup(region);
    go(self, ASSUME);
}

static void tell_shortened(struct profile_source *self, const struct profile_role *role) {
    free(self->notice);
    self->notice =
        x_printf("duration_seconds = %lld of profile %s fell back to 3600: a role assumed with another role's "
                 "credentials (role chaining) ends after one hour",
                 (long long)role->duration_s, role->profile);
}

static void on_assumed(void *arg, const struct assumed_role *assumed, const struct error *error) {
    struct profile_source *self = arg;
    const struct profile_role *role = &self->plan.roles[self->plan.role_count - 1];
    self->call = NULL;
    if (!assumed) {
        struct error failure = error_copy(error);
        error_context(&failure, "profile %s", role->profile);
        fail(self, &failure);
        return;
    }
    if (assumed->shortened)
        tell_shortened(self, role);
    hold(self, assumed->credentials, x_strdup(assumed->principal ? assumed->principal : role->role_arn));
    profile_plan_drop_role(&self->plan);
    next_role(self);
}

static void assume(struct profile_source *self) {
    const struct profile_role *role = &self->plan.roles[self->plan.role_count - 1];
    struct aws_client *client = self->context->client;
    const struct assume_role ask = {role->role_arn, role->external_id, role->session_name, role->duration_s};
    struct source fixed = fixed_source_new(aws_client_loop(client), self->holder, &self->held);
    struct credential_provider *provider =
        credential_provider_new(aws_client_loop(client), fixed.type, fixed.self, aws_client_wall(client));
    self->call = assume_role_start(client, provider, self->region, &ask, on_assumed, self);
    credential_provider_unref(provider); /* the call holds its own reference */
}

static void load(struct profile_source *self) {
    self->profile = x_strdup(self->named ? self->named : profile_default(self->context->getenv));
    self->region = x_strdup(self->set_region);
    free(take_pointer(self->notice));
    self->load = profile_load_start(aws_client_loop(self->context->client), self->context->getenv, on_profiles, self);
}

static void step(struct profile_source *self) {
    switch (self->state) {
    case IDLE:
        return;
    case LOAD:
        load(self);
        return;
    case BASE:
        take_base(self);
        return;
    case INSTANCE:
        self->imds = imds_credentials_start(self->context->imds, on_imds, self);
        return;
    case REGION:
        self->lookup = region_find(self->context, self->profile, on_region, self);
        return;
    case ASSUME:
        assume(self);
        return;
    }
}

static void fetch(void *arg, credentials_done *done, void *done_arg) {
    struct profile_source *self = arg;
    self->done = done;
    self->arg = done_arg;
    go(self, LOAD);
}

static void stop(void *arg) {
    struct profile_source *self = arg;
    if (self->load)
        profile_load_cancel(take_pointer(self->load));
    if (self->imds)
        imds_cancel(take_pointer(self->imds));
    if (self->lookup)
        region_lookup_cancel(take_pointer(self->lookup));
    if (self->call)
        assume_role_cancel(take_pointer(self->call));
    reset(self);
}

static void free_self(void *arg) {
    struct profile_source *self = arg;
    reset(self);
    free(self->named);
    free(self->set_region);
    free(self->notice);
    free(self);
}

static const char *notice(const void *arg) {
    return ((const struct profile_source *)arg)->notice;
}

static const struct credential_source profile_source = {
    .name = "profile", .fetch = fetch, .stop = stop, .free = free_self, .notice = notice};

struct source profile_source_new(const struct source_context *context, const char *profile, const char *region) {
    struct profile_source *self = x_calloc(1, sizeof *self);
    self->context = context;
    self->named = x_strdup(profile);
    self->set_region = x_strdup(region);
    return (struct source){&profile_source, self};
}
