/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Credentials, kept fresh. A source (environment, profile, imds, assume-role, ...) knows how to fetch them; a provider, the
 * cache in front of it, knows when. However many ask, at most one fetch is under way; what is still valid serves while a
 * fetch fails.
 */
#ifndef AWS_CREDENTIALS_H
#define AWS_CREDENTIALS_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "base/clock.h"
#include "base/error.h"

/* `expires` in milliseconds since 1970, INT64_MAX where they never do. `session_token` is NULL for long-lived keys. */
struct credentials {
    char *access_key;
    char *secret_key;
    char *session_token;
    int64_t expires;
};

/* Frees the strings, secrets zeroed first. */
void credentials_fini(struct credentials *credentials);

/* A copy with strings of its own. */
struct credentials credentials_copy(const struct credentials *credentials);

/*
 * Both are borrowed until the callback returns. `got` is NULL when there are none to use, and `error` says why. Both are
 * given where a refresh failed and the old ones still serve.
 */
typedef void credentials_done(void *arg, const struct credentials *got, const struct error *error);

/*
 * One way to get credentials. Adding one is a file that fills this table and a row in credentials/store.c.
 * fetch() starts and returns at once; `done` fires exactly once, never from inside fetch(), unless stop() was called.
 * free() is called with no fetch under way; it may close handles and free itself later.
 */
struct credential_source {
    const char *name;             /* "imds": in errors and logs */
    int64_t ask_at_most_every_ms; /* while the held ones are valid: imds 60 s, else 0 */
    void (*fetch)(void *self, credentials_done *done, void *arg);
    void (*stop)(void *self);
    void (*free)(void *self);
    const char *(*notice)(const void *self); /* see credential_provider_notice(); NULL: it never has one */
};

struct credential_provider;
struct credential_request;

/* Takes `self`: source->free() ends it. `wall` in milliseconds since 1970; tests pass their own. One reference is the
 * caller's. */
struct credential_provider *credential_provider_new(uv_loop_t *loop, const struct credential_source *source, void *self,
                                                    clock_fn *wall);
struct credential_provider *credential_provider_ref(struct credential_provider *provider);

/* With the last reference a fetch under way is stopped; requests must have ended or been cancelled. The memory goes when
 * the loop has closed its handle. */
void credential_provider_unref(struct credential_provider *provider);

/* Expiry is told in the servers' time: where it is known better than by `wall` (aws_client_now()), `now` tells it. */
void credential_provider_use_clock(struct credential_provider *provider, int64_t (*now)(const void *arg),
                                   const void *arg);

/*
 * Asks for credentials valid now. `done` fires exactly once from the loop, never from inside this call; the request
 * is gone as soon as it is called. Refreshed when less than five minutes, or a quarter of their life if that is
 * shorter, remain; while a refresh takes long the old ones serve. After a failed one the source is asked again at most once a
 * minute while the old ones serve; once they have ended at the next request, then not before 1 s, 2 s, 4 s ... a minute have
 * gone by: until then a request hears the last failure at once, and its caller tries again by its own patience.
 */
struct credential_request *credential_provider_get(struct credential_provider *provider, credentials_done *done,
                                                   void *arg);

/* As _get(), for a use that must last until `until` (ms since 1970; a link): refreshed first if the held ones end earlier.
 * What comes may still end earlier: look at `expires`. */
struct credential_request *credential_provider_get_until(struct credential_provider *provider, int64_t until,
                                                         credentials_done *done, void *arg);

/* `done` will not fire, and the request is gone. Other requests and the fetch go on. */
void credential_request_cancel(struct credential_request *request);

/* A server answered that the ones with this access key have expired or are unknown: the next _get() fetches anew, unless
 * others are already held. */
void credential_provider_refused(struct credential_provider *provider, const char *access_key);

/* What a person should know although credentials came ("Duration=4h fell back to 1h: ..."), as of the last fetch; NULL where
 * there is nothing. Borrowed until the next turn of the loop. */
const char *credential_provider_notice(const struct credential_provider *provider);

/* The source's name: "imds". */
const char *credential_provider_source(const struct credential_provider *provider);

/* Milliseconds before `expires` at which a refresh is due. */
int64_t credentials_refresh_margin(int64_t fetched, int64_t expires);

#endif
