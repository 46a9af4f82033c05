/* SPDX-License-Identifier: Apache-2.0 */
/* What calls share: loop, HTTP, endpoints and clocks (the client); provider, region and retry tokens (the session). */
#include "aws/client.h"

#include <stdlib.h>
#include <string.h>

#include "aws/session.h"
#include "aws/sigv4.h"
#include "base/encoding.h"
#include "base/memory.h"

struct aws_client {
    struct aws_client_options options;
    char *urls[AWS_SERVICES]; /* what options.endpoints points to */
    int64_t offset;           /* of the servers' clock from ours, ms */
};

struct aws_client *aws_client_new(const struct aws_client_options *options) {
    struct aws_client *client = x_calloc(1, sizeof *client);
    client->options = *options;
    for (size_t i = 0; i < AWS_SERVICES; i++) {
        client->urls[i] = x_strdup(options->endpoints.url[i]);
        client->options.endpoints.url[i] = client->urls[i];
    }
    return client;
}

void aws_client_free(struct aws_client *client) {
    for (size_t i = 0; i < AWS_SERVICES; i++)
        free(client->urls[i]);
    free(client);
}

uv_loop_t *aws_client_loop(const struct aws_client *client) {
    return client->options.loop;
}

struct http_client *aws_client_http(const struct aws_client *client) {
    return client->options.http;
}

const struct endpoints *aws_client_endpoints(const struct aws_client *client) {
    return &client->options.endpoints;
}

int64_t aws_client_now(const struct aws_client *client) {
    return client->options.wall() + client->offset;
}

clock_fn *aws_client_wall(const struct aws_client *client) {
    return client->options.wall;
}

clock_fn *aws_client_monotonic(const struct aws_client *client) {
    return client->options.monotonic;
}

random_fn *aws_client_random(const struct aws_client *client) {
    return client->options.random;
}

bool aws_client_learn_clock(struct aws_client *client, const struct http_answer *answer) {
    const char *date = http_answer_header(answer, "date");
    int64_t seconds;
    if (!date || !time_parse_http(date, &seconds))
        return false;
    client->offset = seconds * SECOND_MS - client->options.wall();
    return true;
}

struct aws_session *aws_session_new(struct aws_client *client, struct credential_provider *provider, const char *region,
                                    struct aws_patience *patience) {
    struct aws_session *session = x_calloc(1, sizeof *session);
    *session = (struct aws_session){
        .client = client,
        .provider = credential_provider_ref(provider),
        .region = x_strdup(region),
        .patience = patience,
        .quota = {.tokens = RETRY_TOKENS},
    };
    return session;
}

void aws_session_free(struct aws_session *session) {
    struct bucket_home *home;
    while ((home = session->homes)) {
        session->homes = home->next;
        free(home->bucket);
        free(home);
    }
    credential_provider_unref(session->provider);
    free(session->region);
    free(session);
}

struct aws_client *aws_session_client(const struct aws_session *session) {
    return session->client;
}

const char *aws_session_region(const struct aws_session *session) {
    return session->region;
}

struct credential_provider *aws_session_provider(const struct aws_session *session) {
    return session->provider;
}

void aws_session_rested(struct aws_session *session, int64_t ms) {
    struct aws_patience *patience = session->patience;
    int64_t now = session->client->options.monotonic();
    if (patience)
        patience->last_success = patience->last_success + ms < now ? patience->last_success + ms : now;
}

static struct bucket_home *home_of(const struct aws_session *session, const char *bucket) {
    struct bucket_home *home = session->homes;
    while (home && strcmp(home->bucket, bucket) != 0)
        home = home->next;
    return home;
}

const char *aws_session_region_of(const struct aws_session *session, const char *bucket) {
    const struct bucket_home *home = bucket ? home_of(session, bucket) : NULL;
    return home ? home->region : session->region;
}

void aws_session_learn_region(struct aws_session *session, const char *bucket, const char region[64]) {
    struct bucket_home *home = home_of(session, bucket);
    if (!home) {
        home = x_calloc(1, sizeof *home);
        *home = (struct bucket_home){.next = session->homes, .bucket = x_strdup(bucket)};
        session->homes = home;
    }
    memcpy(home->region, region, sizeof home->region);
}

char *aws_presign_get(const struct endpoints *endpoints, const char *region, const char *bucket, const char *key,
                      const struct credentials *credentials, int64_t now, int64_t expires, struct error *error) {
    struct endpoint endpoint;
    if (!endpoint_resolve(&endpoint, endpoints, AWS_S3, region, bucket, error))
        return NULL;
    _cleanup_buffer_ struct buffer path = BUFFER_INIT(BUFFER_OURS);
    buffer_printf(&path, "%s/", endpoint.path);
    percent_encode(&path, key, strlen(key), "/");
    const struct http_header host = {"host", endpoint.host, false};
    const struct sigv4_request request = {
        .method = "GET",
        .path = path.data,
        .query = "",
        .headers = &host,
        .header_count = 1,
        .payload_hash = SIGV4_UNSIGNED,
        .region = endpoint.region,
        .service = aws_service_signing_name(AWS_S3),
        .time = now / SECOND_MS,
    };
    _cleanup_secret_ char *query = sigv4_presign(&request, credentials, expires);
    char *url = x_printf("%s%s?%s", endpoint.url, path.data, query);
    endpoint_fini(&endpoint);
    return url;
}
