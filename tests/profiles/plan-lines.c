/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The reader of the shared files behind a pipe, so that botocore can judge it: two files as JSON a line in, what they say a
 * line out. test_profiles.py writes the files and compares.
 *
 *     {"credentials": text, "config": text, "profiles": [name...], "keys": [key...]}
 *     {"error": text}  or  {"values": {name: {key: value}}, "plans": {name: {"error": text} or
 *         {"base", "access_key", "roles": [[arn, external id, session name, duration]...]}}}, the first role assumed first
 */
#include <stdio.h>
#include <string.h>

#include "aws/profile.h"
#include "base/json.h"
#include "base/memory.h"

static struct json_object *string_or_null(const char *text) {
    return text ? json_object_new_string(text) : NULL;
}

static struct json_object *values_of(const struct profiles *profiles, const char *name, struct json_object *keys) {
    struct json_object *values = json_object_new_object();
    for (size_t i = 0; i < json_object_array_length(keys); i++) {
        const char *key = json_object_get_string(json_object_array_get_idx(keys, i));
        json_put_string(values, key, profiles_get(profiles, name, key));
    }
    return values;
}

static struct json_object *error_of(struct error *error) {
    struct json_object *object = json_object_new_object();
    json_put_string(object, "error", error->message);
    error_clear(error);
    return object;
}

static struct json_object *role_of(const struct profile_role *role) {
    struct json_object *list = json_object_new_array();
    json_object_array_add(list, string_or_null(role->role_arn));
    json_object_array_add(list, string_or_null(role->external_id));
    json_object_array_add(list, string_or_null(role->session_name));
    json_object_array_add(list, json_object_new_int64(role->duration_s));
    return list;
}

static struct json_object *plan_of(const struct profiles *profiles, const char *name) {
    static const char *const bases[] = {"keys", "environment", "imds"};
    struct profile_plan plan = {0};
    struct error error = {0};
    if (!profile_resolve(&plan, profiles, name, &error))
        return error_of(&error);
    struct json_object *object = json_object_new_object(), *roles = json_object_new_array();
    json_put_string(object, "base", bases[plan.base]);
    json_put_string(object, "access_key", plan.keys.access_key);
    json_object_object_add(object, "roles", roles);
    while (plan.role_count) {
        json_object_array_add(roles, role_of(&plan.roles[plan.role_count - 1]));
        profile_plan_drop_role(&plan);
    }
    profile_plan_fini(&plan);
    return object;
}

static struct json_object *answer(const struct json_object *line) {
    struct profiles *profiles = profiles_new();
    struct error error = {0};
    const char *credentials = json_string(line, "credentials"), *config = json_string(line, "config");
    struct json_object *object;
    if (!profiles_add(profiles, PROFILE_CREDENTIALS, "credentials", credentials, strlen(credentials), &error) ||
        !profiles_add(profiles, PROFILE_CONFIG, "config", config, strlen(config), &error)) {
        object = error_of(&error);
    } else {
        struct json_object *names = json_array_at(line, "profiles"), *values = json_object_new_object();
        struct json_object *plans = json_object_new_object();
        for (size_t i = 0; i < json_object_array_length(names); i++) {
            const char *name = json_object_get_string(json_object_array_get_idx(names, i));
            json_object_object_add(values, name, values_of(profiles, name, json_array_at(line, "keys")));
            json_object_object_add(plans, name, plan_of(profiles, name));
        }
        object = json_object_new_object();
        json_object_object_add(object, "values", values);
        json_object_object_add(object, "plans", plans);
    }
    profiles_free(profiles);
    return object;
}

int main(void) {
    char *text = NULL;
    size_t room = 0;
    ssize_t length;
    while ((length = getline(&text, &room, stdin)) > 0) {
        struct error error = {0};
        _cleanup_json_ struct json_object *line = json_parse(text, (size_t)length, &error);
        _cleanup_json_ struct json_object *object = line ? answer(line) : error_of(&error);
        puts(json_object_to_json_string_ext(object, JSON_C_TO_STRING_PLAIN));
        fflush(stdout);
    }
    free(text);
    return 0;
}
