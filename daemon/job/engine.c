/* SPDX-License-Identifier: Apache-2.0 */
/* What all runs share, put together from the configuration. The one place where config's words become aws's. */
#include "job/engine.h"

#include <stdlib.h>
#include <string.h>
#include <systemd/sd-id128.h>
#include <unistd.h>

#include "base/memory.h"
#include "job/naming.h"

#define LANDING_MS 3000

static const char *environment(const char *name) {
    return getenv(name);
}

static char *host_name(void) {
    char name[256] = "";
    if (gethostname(name, sizeof name - 1) < 0)
        return x_strdup("unknown");
    return x_strdup(name);
}

/* The id itself, as product.md has it in _started: whose remains are whose is told by it. NULL where the host has none. */
static char *machine_id(void) {
    sd_id128_t id;
    char text[SD_ID128_STRING_MAX];
    return sd_id128_get_machine(&id) < 0 ? NULL : x_strdup(sd_id128_to_string(id, text));
}

static struct aws_client_options client_options(const struct engine *engine, const struct config *config) {
    struct aws_client_options options = {.loop = engine->shared.loop,
                                         .http = engine->http,
                                         .wall = clock_wall,
                                         .monotonic = clock_monotonic,
                                         .random = random_uniform};
    _Static_assert(CONFIG_ENDPOINTS == (int)AWS_SERVICES, "one [Endpoints] key a service");
    for (int i = 0; i < CONFIG_ENDPOINTS; i++)
        options.endpoints.url[i] = config->endpoints[i];
    return options;
}

struct engine *engine_new(const struct engine_shared *shared, const struct config *config, struct error *error) {
    struct engine *engine = x_calloc(1, sizeof *engine);
    engine->shared = *shared;
    engine->references = 1;
    struct http_options http = {
        .ca_bundle = config->ca_bundle, .proxy = config->proxy, .user_agent = "dynamodb-backupd/" VERSION};
    engine->http = http_client_new(shared->loop, &http, error);
    if (!engine->http) {
        free(engine);
        return NULL;
    }
    struct aws_client_options options = client_options(engine, config);
    engine->client = aws_client_new(&options);
    engine->store = credential_store_new(engine->client, environment);
    engine->host = host_name();
    engine->machine_id = machine_id();
    return engine;
}

struct engine *engine_ref(struct engine *engine) {
    engine->references++;
    return engine;
}

void engine_unref(struct engine *engine) {
    if (!engine || --engine->references)
        return;
    credential_store_free(engine->store);
    aws_client_free(engine->client);
    http_client_free(engine->http);
    free(engine->host);
    free(engine->machine_id);
    free(engine);
}

int64_t engine_landing(const struct engine *engine) {
    return engine->shared.landing ? engine->shared.landing : LANDING_MS;
}

bool engine_same(const struct config *a, const struct config *b) {
    for (int i = 0; i < CONFIG_ENDPOINTS; i++)
        if (!text_equal(a->endpoints[i], b->endpoints[i]))
            return false;
    return text_equal(a->ca_bundle, b->ca_bundle) && text_equal(a->proxy, b->proxy);
}

char *engine_region(const struct job_config *job) {
    return job->region ? x_strdup(job->region) : table_arn_region(job->table);
}

static const struct {
    const char *name; /* as Source= has it */
    enum credential_source_kind kind;
} sources[] = {[CONFIG_SOURCE_AUTO] = {"auto", SOURCE_AUTO},
               [CONFIG_SOURCE_ENV] = {"env", SOURCE_ENV},
               [CONFIG_SOURCE_PROFILE] = {"profile", SOURCE_PROFILE},
               [CONFIG_SOURCE_IMDS] = {"imds", SOURCE_IMDS}};

const char *engine_source_name(enum config_source source) {
    return sources[source].name;
}

enum credential_source_kind engine_source_named(const char *name) {
    for (size_t i = 0; name && i < array_length(sources); i++)
        if (strcmp(sources[i].name, name) == 0)
            return sources[i].kind;
    return SOURCE_AUTO;
}

struct credential_provider *engine_provider(struct engine *engine, const struct job_config *job, bool destination) {
    _cleanup_free_ char *session = job->session_name ? x_strdup(job->session_name) : credential_session_name(job->name);
    _cleanup_free_ char *region = engine_region(job);
    bool other_role = destination && job->destination_role_arn;
    struct credential_settings settings = {.source = sources[job->source].kind,
                                           .profile = job->profile,
                                           .role_arn = other_role ? job->destination_role_arn : job->role_arn,
                                           .external_id = other_role ? NULL : job->external_id,
                                           .session_name = session,
                                           .duration_s = job->duration / SECOND_MS,
                                           .region = region};
    return credential_store_get(engine->store, &settings);
}

struct credential_provider *engine_role_provider(struct engine *engine, const struct job_config *job,
                                                 const char *role_arn) {
    _cleanup_free_ char *session = job->session_name ? x_strdup(job->session_name) : credential_session_name(job->name);
    _cleanup_free_ char *region = engine_region(job);
    struct credential_settings settings = {.source = sources[job->source].kind,
                                           .profile = job->profile,
                                           .role_arn = role_arn,
                                           .session_name = session,
                                           .duration_s = job->duration / SECOND_MS,
                                           .region = region};
    return credential_store_get(engine->store, &settings);
}

bool engine_s3_is_tls(const struct engine *engine, const struct job_config *job, const char *region) {
    struct endpoint endpoint;
    if (!endpoint_resolve(&endpoint, aws_client_endpoints(engine->client), AWS_S3, region, job->bucket, NULL))
        return false;
    bool tls = endpoint.tls;
    endpoint_fini(&endpoint);
    return tls;
}
