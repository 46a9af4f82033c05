/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Links, signed here. S3 is asked first, whether the object is there and which region the bucket lives in, because a link
 * signed for another answers 400.
 *
 *     place -> HEAD of the first object (follows a bucket to its region) -> credentials that last -> sign
 */
#include "job/links.h"

#include <stdlib.h>

#include "aws/s3.h"
#include "aws/session.h"
#include "base/memory.h"

/* A chained role's hour ends a second before LinkExpires=1h, always: no news, as the link's end is told to the second. */
#define CUT_SHORT_BY 60

struct links {
    struct place *place;
    char **keys;
    size_t key_count;
    int64_t expires;
    struct s3_call *head;
    struct credential_request *credentials;
    struct link_list list;
    links_done *done;
    void *arg;
};

static void links_free(struct links *links) {
    for (size_t i = 0; i < links->list.count; i++) {
        free(links->list.items[i].key);
        secret_free(links->list.items[i].url);
    }
    free(links->list.items);
    for (size_t i = 0; i < links->key_count; i++)
        free(links->keys[i]);
    free(links->keys);
    place_close(links->place);
    free(links);
}

static void links_end(struct links *links, const struct error *error) {
    links->done(links->arg, error ? NULL : &links->list, error);
    links_free(links);
}

/* Whole seconds that a link signed now may say; its end is the same to the second. */
static int64_t seconds_left(const struct credentials *credentials, int64_t now, int64_t until) {
    int64_t end = credentials->expires < until ? credentials->expires : until;
    return (end - now) / SECOND_MS;
}

static bool sign_all(struct links *links, const struct credentials *credentials, struct error *error) {
    int64_t now = aws_client_now(links->place->engine->client);
    int64_t seconds = seconds_left(credentials, now, now + links->expires);
    if (seconds < 1) {
        error_set(error, ERROR_EXPIRED, "the credentials end before a link could be used");
        return false;
    }
    links->list.cut_short = seconds < links->expires / SECOND_MS - CUT_SHORT_BY;
    links->list.items = x_calloc(links->key_count, sizeof *links->list.items);
    for (size_t i = 0; i < links->key_count; i++) {
        char *url = aws_presign_get(aws_client_endpoints(links->place->engine->client),
                                    aws_session_region_of(links->place->bucket.session, links->place->bucket.name),
                                    links->place->bucket.name, links->keys[i], credentials, now, seconds, error);
        if (!url)
            return false;
        links->list.items[links->list.count++] =
            (struct link){x_strdup(links->keys[i]), url, (now / SECOND_MS + seconds) * SECOND_MS};
    }
    return true;
}

static void on_credentials(void *arg, const struct credentials *got, const struct error *error) {
    struct links *links = arg;
    links->credentials = NULL;
    _cleanup_error_ struct error failure = {0};
    if (!got)
        links_end(links, error);
    else if (sign_all(links, got, &failure))
        links_end(links, NULL);
    else
        links_end(links, &failure);
}

static void on_head(void *arg, const struct s3_answer *answer, const struct error *error) {
    struct links *links = arg;
    links->head = NULL;
    if (!error && !answer->found) {
        _cleanup_error_ struct error gone = {0};
        error_set(&gone, ERROR_NOT_FOUND, "s3://%s/%s is not there any more", links->place->bucket.name,
                  links->keys[0]);
        links_end(links, &gone);
        return;
    }
    if (error) {
        links_end(links, error);
        return;
    }
    int64_t until = aws_client_now(links->place->engine->client) + links->expires;
    links->credentials = credential_provider_get_until(links->place->provider, until, on_credentials, links);
}

static void on_place(void *arg, const struct error *error) {
    struct links *links = arg;
    if (error)
        links_end(links, error);
    else
        links->head = s3_head_object(&links->place->bucket, links->keys[0], on_head, links);
}

struct links *links_start(const struct links_request *request, links_done *done, void *arg) {
    struct links *links = x_calloc(1, sizeof *links);
    links->expires = request->expires;
    links->keys = x_calloc(request->key_count, sizeof *links->keys);
    for (size_t i = 0; i < request->key_count; i++)
        links->keys[links->key_count++] = x_strdup(request->keys[i]);
    links->done = done;
    links->arg = arg;
    links->place = place_open(request->engine, request->config, request->job, on_place, links);
    return links;
}

void links_cancel(struct links *links) {
    if (!links)
        return;
    if (links->head)
        s3_cancel(links->head);
    if (links->credentials)
        credential_request_cancel(links->credentials);
    links_free(links);
}
