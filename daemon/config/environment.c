/* SPDX-License-Identifier: Apache-2.0 */
/* The environment, after the files: a variable for one service beats the one for all, and a file beats both. */
#include "config/environment.h"

#include <string.h>

#include "base/memory.h"
#include "config/names.h"
#include "config/problems.h"
#include "config/value.h"

/* In the order of config.endpoints; NULL: the SDKs know none for it, or AWS_ENDPOINT_URL does not count. */
static const char *const service_variables[CONFIG_ENDPOINTS] = {"AWS_ENDPOINT_URL_DYNAMODB",
                                                                "AWS_ENDPOINT_URL_S3",
                                                                "AWS_ENDPOINT_URL_SESV2",
                                                                "AWS_ENDPOINT_URL_STS",
                                                                "AWS_ENDPOINT_URL_CLOUDWATCH_LOGS",
                                                                "AWS_ENDPOINT_URL_IAM",
                                                                NULL};
#define IMDS 6

static const char *get(config_getenv *environment, const char *name) {
    const char *value = environment(name);
    return value && *value ? value : NULL;
}

static bool is_true(config_getenv *environment, const char *name) {
    const char *value = get(environment, name);
    bool truth = false;
    return value && value_boolean(value, &truth) && truth;
}

/* *slot = the variable, where the one is empty and the other good. Says whether it was set. */
static bool take(char **slot, config_getenv *environment, const char *name, bool (*check)(const char *),
                 const char *form, struct config_problems *problems) {
    const char *value = get(environment, name);
    if (*slot || !value)
        return value;
    struct config_place place = {.file = "environment", .key = name};
    if (check(value))
        *slot = x_strdup(value);
    else
        config_problem_add(problems, &place, "\"%.80s\" is not accepted; accepted: %s", value, form);
    return true;
}

#define URL_FORM "http:// or https://, a host, maybe a port and a path"

static void take_endpoints(struct config *config, config_getenv *environment, struct config_problems *problems) {
    take(&config->endpoints[IMDS], environment, "AWS_EC2_METADATA_SERVICE_ENDPOINT", name_is_url, URL_FORM, problems);
    if (is_true(environment, "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"))
        return;
    for (int i = 0; i < CONFIG_ENDPOINTS; i++) {
        const char *own = service_variables[i];
        if (own && !take(&config->endpoints[i], environment, own, name_is_url, URL_FORM, problems))
            take(&config->endpoints[i], environment, "AWS_ENDPOINT_URL", name_is_url, URL_FORM, NULL);
    }
    char *unused = NULL;
    take(&unused, environment, "AWS_ENDPOINT_URL", name_is_url, URL_FORM, problems); /* a bad one is told once */
    free(unused);
}

/* systemd gives several directories with colons between; the first is ours. */
static void take_directory(char **slot, config_getenv *environment, const char *name, const char *fallback) {
    const char *value = get(environment, name);
    if (*slot)
        return;
    *slot = value && *value == '/' ? x_strndup(value, strcspn(value, ":")) : x_strdup(fallback);
}

/* The IMDS override of the SDKs may end in '/', as AWS's documentation writes it; ours are joined with paths. */
static void trim_endpoints(struct config *config) {
    for (int i = 0; i < CONFIG_ENDPOINTS; i++) {
        char *url = config->endpoints[i];
        size_t length = url ? strlen(url) : 0;
        while (length && url[length - 1] == '/')
            url[--length] = '\0';
    }
}

void config_environment_apply(struct config *config, config_getenv *environment, struct config_problems *problems) {
    take_directory(&config->state_directory, environment, "STATE_DIRECTORY", "/var/lib/dynamodb-backupd");
    take_directory(&config->runtime_directory, environment, "RUNTIME_DIRECTORY", "/run/dynamodb-backupd");
    take_endpoints(config, environment, problems);
    take(&config->ca_bundle, environment, "AWS_CA_BUNDLE", name_is_directory, "an absolute path", problems);
    trim_endpoints(config);
}
