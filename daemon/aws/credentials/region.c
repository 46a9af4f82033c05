/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The region where none was given.
 *
 *     ENVIRONMENT --> PROFILE --> INSTANCE --> error, with what each said
 */
#include <string.h>

#include "aws/profile.h"
#include "aws/sources.h"
#include "base/buffer.h"
#include "base/memory.h"

enum region_state { ENVIRONMENT, PROFILE, INSTANCE };

struct region_lookup {
    const struct source_context *context;
    enum region_state state;
    char *profile;
    struct profile_load *load;
    struct imds_call *imds;
    uv_timer_t timer; /* begins it; holds the memory until it is closed */
    region_done *done;
    void *arg;
};

static void on_closed(uv_handle_t *handle) {
    free(handle->data);
}

void region_lookup_cancel(struct region_lookup *lookup) {
    if (lookup->load)
        profile_load_cancel(lookup->load);
    if (lookup->imds)
        imds_cancel(lookup->imds);
    free(lookup->profile);
    uv_close((uv_handle_t *)&lookup->timer, on_closed);
}

static void end(struct region_lookup *lookup, const char *region, const struct error *error) {
    region_done *done = lookup->done;
    void *arg = lookup->arg;
    region_lookup_cancel(lookup);
    done(arg, region, error);
}

static void found(struct region_lookup *lookup, const char *region, const char *where) {
    _cleanup_error_ struct error error = {0};
    if (!region_valid(region))
        error_set(&error, ERROR_INVALID, "%s says \"%s\", which is not a region", where, region);
    end(lookup, error.code ? NULL : region, error.code ? &error : NULL);
}

static void step(struct region_lookup *lookup);

static void on_profiles(void *arg, struct profiles *profiles, const struct error *error) {
    struct region_lookup *lookup = arg;
    lookup->load = NULL;
    const char *region = profiles ? profiles_get(profiles, lookup->profile, "region") : NULL;
    if (error) {
        end(lookup, NULL, error);
    } else if (region && *region) {
        _cleanup_free_ char *where = x_printf("region of profile %s", lookup->profile);
        found(lookup, region, where);
    } else {
        lookup->state = INSTANCE;
        step(lookup);
    }
    profiles_free(profiles);
}

static void on_imds(void *arg, const struct credentials *credentials, const char *region, const struct error *error) {
    (void)credentials;
    struct region_lookup *lookup = arg;
    lookup->imds = NULL;
    if (region) {
        found(lookup, region, "the instance metadata service");
        return;
    }
    struct error failure = error_copy(error);
    error_context(&failure,
                  "no region: set Region= in [Job]; AWS_REGION is not set, profile %s has none, and of the host",
                  lookup->profile);
    if (failure.code == ERROR_NOT_FOUND)
        failure.code = ERROR_INVALID;
    end(lookup, NULL, &failure);
    error_clear(&failure);
}

static void look_in_environment(struct region_lookup *lookup) {
    static const char *const names[] = {"AWS_REGION", "AWS_DEFAULT_REGION"};
    for (size_t i = 0; i < array_length(names); i++) {
        const char *region = lookup->context->getenv(names[i]);
        if (region && *region) {
            found(lookup, region, names[i]);
            return;
        }
    }
    lookup->state = PROFILE;
    step(lookup);
}

static void step(struct region_lookup *lookup) {
    switch (lookup->state) {
    case ENVIRONMENT:
        look_in_environment(lookup);
        return;
    case PROFILE:
        lookup->load =
            profile_load_start(aws_client_loop(lookup->context->client), lookup->context->getenv, on_profiles, lookup);
        return;
    case INSTANCE:
        lookup->imds = imds_region_start(lookup->context->imds, on_imds, lookup);
        return;
    }
}

static void on_timer(uv_timer_t *timer) {
    step(timer->data);
}

struct region_lookup *region_find(const struct source_context *context, const char *profile, region_done *done,
                                  void *arg) {
    struct region_lookup *lookup = x_calloc(1, sizeof *lookup);
    lookup->context = context;
    lookup->profile = x_strdup(profile ? profile : profile_default(context->getenv));
    lookup->done = done;
    lookup->arg = arg;
    uv_timer_init(aws_client_loop(context->client), &lookup->timer);
    lookup->timer.data = lookup;
    uv_timer_start(&lookup->timer, on_timer, 0, 0);
    return lookup;
}
