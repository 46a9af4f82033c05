/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The client's life. What belongs to connections (curl's multi, TLS sessions, the CA store) is an engine's, so that a
 * refresh is simple: a new engine for new calls, and the old one ends with its last.
 */
#include <stdlib.h>

#include "base/memory.h"
#include "http/engine.h"

struct http_client *http_client_new(uv_loop_t *loop, const struct http_options *options, struct error *error) {
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        error_set(error, ERROR_SYSTEM, "libcurl %s does not start", LIBCURL_VERSION);
        return NULL;
    }
    struct http_client *client = x_calloc(1, sizeof *client);
    *client = (struct http_client){
        .loop = loop,
        .ca_bundle = x_strdup(options->ca_bundle),
        .proxy = x_strdup(options->proxy),
        .user_agent = x_strdup(options->user_agent),
        .max_connections = options->max_connections,
    };
    client->engine = http_engine_new(client);
    return client;
}

void http_client_free(struct http_client *client) {
    struct http_engine *engine = client->engine;
    client->engine = NULL;
    http_engine_retire(engine);
}

void http_client_refresh(struct http_client *client) {
    struct http_engine *old = client->engine;
    client->engine = http_engine_new(client);
    http_engine_retire(old);
}

struct http_stats http_client_stats(const struct http_client *client) {
    return client->stats;
}
