/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a profile's name to what must be done: the keys to begin with and the roles to assume, in botocore's order. A profile
 * with role_arn assumes it, even where it holds keys; a profile that is only the source of another gives its keys where it has
 * any. What botocore would do and we cannot yet is said, never skipped: going on to the next source could sign as somebody
 * else.
 */
#include <errno.h>
#include <limits.h>
#include <string.h>

#include "aws/profile.h"
#include "base/memory.h"

struct resolver {
    struct profile_plan *plan;
    const struct profiles *profiles;
    const char *visited[PROFILE_ROLES + 1];
    size_t visited_count;
    struct error *error;
};

__attribute__((format(printf, 3, 4))) static bool refuse(struct resolver *resolver, const char *profile,
                                                         const char *format, ...) {
    va_list words;
    va_start(words, format);
    _cleanup_free_ char *why = x_vprintf(format, words);
    va_end(words);
    error_set(resolver->error, ERROR_INVALID, "profile %s: %s", profile, why);
    return false;
}

static bool has_role(const struct resolver *resolver, const char *profile) {
    return profiles_get(resolver->profiles, profile, "role_arn") &&
           !profiles_get(resolver->profiles, profile, "web_identity_token_file");
}

/* The older name of the token first, as botocore has it. An empty one is none. */
static const char *token_of(const struct profiles *profiles, enum profile_file file, const char *profile) {
    const char *token = profiles_get_in(profiles, file, profile, "aws_security_token");
    if (!token)
        token = profiles_get_in(profiles, file, profile, "aws_session_token");
    return token && *token ? token : NULL;
}

/* A key pair is one file's: half of it from each would be two people's. */
static bool take_keys(struct resolver *resolver, const char *profile, enum profile_file file) {
    const struct profiles *profiles = resolver->profiles;
    const char *access_key = profiles_get_in(profiles, file, profile, "aws_access_key_id");
    const char *secret_key = profiles_get_in(profiles, file, profile, "aws_secret_access_key");
    const char *token = token_of(profiles, file, profile);
    if (!*access_key)
        return refuse(resolver, profile, "aws_access_key_id is empty");
    if (!secret_key || !*secret_key)
        return refuse(resolver, profile, "aws_access_key_id stands without aws_secret_access_key in the same file");
    if (strchr(access_key, '\n') || strchr(secret_key, '\n') || (token && strchr(token, '\n')))
        return refuse(resolver, profile, "a key goes over several lines");
    resolver->plan->base = PROFILE_BASE_KEYS;
    resolver->plan->keys = (struct credentials){
        .access_key = x_strdup(access_key),
        .secret_key = x_strdup(secret_key),
        .session_token = x_strdup(token),
        .expires = INT64_MAX,
    };
    return true;
}

/* Keys of files that name something we do not speak yet, where botocore would come to that first. */
static const char *not_supported(const struct profiles *profiles, const char *profile) {
    static const char *const keys[] = {"web_identity_token_file", "sso_session", "sso_start_url", "credential_process"};
    for (size_t i = 0; i < array_length(keys); i++) {
        if (profiles_get(profiles, profile, keys[i]))
            return keys[i];
    }
    return NULL;
}

/* web identity, SSO, "credentials", credential_process, "config": botocore's order inside one profile. */
static bool resolve_keys(struct resolver *resolver, const char *profile) {
    const struct profiles *profiles = resolver->profiles;
    const char *foreign = not_supported(profiles, profile);
    bool process = foreign && strcmp(foreign, "credential_process") == 0;
    if (foreign && !process)
        return refuse(resolver, profile, "%s is not supported yet", foreign);
    if (profiles_get_in(profiles, PROFILE_CREDENTIALS, profile, "aws_access_key_id"))
        return take_keys(resolver, profile, PROFILE_CREDENTIALS);
    if (process)
        return refuse(resolver, profile, "%s is not supported yet", foreign);
    if (profiles_get_in(profiles, PROFILE_CONFIG, profile, "aws_access_key_id"))
        return take_keys(resolver, profile, PROFILE_CONFIG);
    if (resolver->visited_count > 1)
        return refuse(resolver, profile, "it is the source_profile of another and has no aws_access_key_id");
    error_set(resolver->error, ERROR_NOT_FOUND, "profile %s has neither role_arn nor aws_access_key_id", profile);
    return false;
}

static bool has_static_keys(const struct resolver *resolver, const char *profile) {
    return profiles_get(resolver->profiles, profile, "aws_access_key_id") ||
           profiles_get(resolver->profiles, profile, "aws_secret_access_key");
}

static bool take_source(struct resolver *resolver, const char *profile, const char *source) {
    if (strcmp(source, "Environment") == 0)
        resolver->plan->base = PROFILE_BASE_ENVIRONMENT;
    else if (strcmp(source, "Ec2InstanceMetadata") == 0)
        resolver->plan->base = PROFILE_BASE_IMDS;
    else if (strcmp(source, "EcsContainer") == 0)
        return refuse(resolver, profile, "credential_source = %s is not supported yet", source);
    else
        return refuse(resolver, profile,
                      "credential_source = %s is unknown; accepted are Environment and Ec2InstanceMetadata", source);
    return true;
}

/* Not a number, or beyond what STS takes: left to STS's default, as botocore does, or refused by STS itself. */
static int64_t duration_of(const char *text) {
    char *end;
    errno = 0;
    long value = text ? strtol(text, &end, 10) : 0;
    return text && !errno && end != text && !*end && value > 0 && value <= INT_MAX ? value : 0;
}

static void take_role(struct resolver *resolver, const char *profile) {
    const struct profiles *profiles = resolver->profiles;
    resolver->plan->roles[resolver->plan->role_count++] = (struct profile_role){
        .profile = x_strdup(profile),
        .role_arn = x_strdup(profiles_get(profiles, profile, "role_arn")),
        .external_id = x_strdup(profiles_get(profiles, profile, "external_id")),
        .session_name = x_strdup(profiles_get(profiles, profile, "role_session_name")),
        .duration_s = duration_of(profiles_get(profiles, profile, "duration_seconds")),
    };
}

static bool visited(const struct resolver *resolver, const char *profile) {
    for (size_t i = 0; i < resolver->visited_count; i++) {
        if (strcmp(resolver->visited[i], profile) == 0)
            return true;
    }
    return false;
}

/* A profile may be its own source where it holds keys; any other way back to itself has no end. */
static bool check_source(struct resolver *resolver, const char *profile, const char *source) {
    if (!profiles_has(resolver->profiles, source))
        return refuse(resolver, profile, "its source_profile %s does not exist", source);
    if (visited(resolver, source) && (strcmp(source, profile) != 0 || !has_static_keys(resolver, source)))
        return refuse(resolver, profile, "its source_profile %s leads back to itself, without end", source);
    return true;
}

/* One step of the chain; *next is the profile to go on with, NULL where the base has been found. */
static bool resolve_role(struct resolver *resolver, const char *profile, const char **next) {
    const struct profiles *profiles = resolver->profiles;
    const char *source_profile = profiles_get(profiles, profile, "source_profile");
    const char *source = profiles_get(profiles, profile, "credential_source");
    const char *role_arn = profiles_get(profiles, profile, "role_arn");
    *next = NULL;
    if (profiles_get(profiles, profile, "mfa_serial"))
        return refuse(resolver, profile, "mfa_serial asks for a code that only a person could type");
    if (source_profile && source)
        return refuse(resolver, profile, "it has both source_profile and credential_source; one is allowed");
    if (!source_profile && !source)
        return refuse(resolver, profile, "it has role_arn = %s, but neither source_profile nor credential_source",
                      role_arn);
    if (resolver->plan->role_count == PROFILE_ROLES)
        return refuse(resolver, profile, "more than 8 roles one after the other, the last being %s", role_arn);
    if (source_profile && !check_source(resolver, profile, source_profile))
        return false;
    take_role(resolver, profile);
    if (source)
        return take_source(resolver, profile, source);
    *next = source_profile;
    return true;
}

static bool resolve(struct resolver *resolver, const char *profile) {
    while (profile) {
        bool first = resolver->visited_count == 0;
        bool assumes = has_role(resolver, profile) && (first || !has_static_keys(resolver, profile));
        resolver->visited[resolver->visited_count++] = profile;
        if (!assumes)
            return resolve_keys(resolver, profile);
        if (!resolve_role(resolver, profile, &profile))
            return false;
    }
    return true;
}

bool profile_resolve(struct profile_plan *plan, const struct profiles *profiles, const char *profile,
                     struct error *error) {
    if (!profiles_has(profiles, profile)) {
        error_set(error, ERROR_NOT_FOUND, "there is no profile %s", profile);
        return false;
    }
    struct resolver resolver = {.plan = plan, .profiles = profiles, .error = error};
    plan->region = x_strdup(profiles_get(profiles, profile, "region"));
    if (resolve(&resolver, profile))
        return true;
    profile_plan_fini(plan);
    return false;
}

void profile_plan_drop_role(struct profile_plan *plan) {
    struct profile_role *role = &plan->roles[--plan->role_count];
    free(role->profile);
    free(role->role_arn);
    free(role->external_id);
    free(role->session_name);
    *role = (struct profile_role){0};
}

void profile_plan_fini(struct profile_plan *plan) {
    credentials_fini(&plan->keys);
    while (plan->role_count)
        profile_plan_drop_role(plan);
    free(plan->region);
    *plan = (struct profile_plan){0};
}
