/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The cache between those who sign and a source of credentials.
 *
 *     get --+-- fresh -----------> deliver: the held ones
 *           +-- due --> fetch ---> deliver: the new ones, or the old while they last, or the error
 *                         `-- takes long while the old ones last: deliver these, the fetch goes on
 *
 * When to ask the source again is decided in one place, may_ask(). Delivery always goes through a timer, so that `done`
 * never runs inside the caller's own call.
 */
#include "aws/credentials.h"

#include <assert.h>
#include <string.h>
#include <sys/queue.h>

#include "base/memory.h"

#define REFRESH_AHEAD   (5 * MINUTE_MS) /* as the AWS SDKs do */
#define FAILED_INTERVAL MINUTE_MS       /* between failed refreshes while the old ones serve */
#define UNTIL_INTERVAL  MINUTE_MS       /* fresh ones, asked for again, would hardly last longer */
#define BACKOFF_FIRST   SECOND_MS       /* between failed fetches when there are none to use; doubles ... */
#define BACKOFF_MOST    MINUTE_MS       /* ... up to this */
#define REFRESH_WAIT    ((uint64_t)500) /* since a refresh began, for new ones, by who could have the old */

TAILQ_HEAD(request_list, credential_request);

struct credential_request {
    TAILQ_ENTRY(credential_request) entry;
    struct request_list *list; /* the one it stands in */
    int64_t until;             /* ones that end earlier are worth a refresh */
    credentials_done *done;
    void *arg;
};

struct credential_provider {
    unsigned references;
    const struct credential_source *source;
    void *self;
    clock_fn *wall;
    int64_t (*now)(const void *arg); /* NULL: wall */
    const void *now_arg;
    uv_timer_t deliver;
    struct request_list waiting, delivering;
    struct credentials held; /* access_key is NULL until the first fetch succeeds */
    int64_t held_since;      /* when they were first seen */
    int64_t asked;           /* when the last fetch ended */
    unsigned failures;       /* fetches in a row that failed while there were none to use */
    struct error failure;    /* of the last fetch; empty after a success */
    bool fetching;
    uint64_t fetch_began; /* by the loop's clock */
    bool refused;         /* a server takes the held ones no longer */
    bool handed_again;    /* they were refused, and the source handed out the same */
};

void credentials_fini(struct credentials *credentials) {
    free(credentials->access_key);
    secret_free(credentials->secret_key);
    secret_free(credentials->session_token);
    *credentials = (struct credentials){0};
}

struct credentials credentials_copy(const struct credentials *credentials) {
    return (struct credentials){
        .access_key = x_strdup(credentials->access_key),
        .secret_key = x_strdup(credentials->secret_key),
        .session_token = x_strdup(credentials->session_token),
        .expires = credentials->expires,
    };
}

int64_t credentials_refresh_margin(int64_t fetched, int64_t expires) {
    if (expires == INT64_MAX)
        return 0; /* long-lived keys */
    int64_t quarter = expires > fetched ? (expires - fetched) / 4 : 0;
    return quarter < REFRESH_AHEAD ? quarter : REFRESH_AHEAD;
}

static int64_t now_of(const struct credential_provider *provider) {
    return provider->now ? provider->now(provider->now_arg) : provider->wall();
}

static bool usable(const struct credential_provider *provider) {
    return provider->held.access_key && !provider->refused && now_of(provider) < provider->held.expires;
}

/* A wall clock that was set back counts as any time gone by. */
static bool gone_by(const struct credential_provider *provider, int64_t since, int64_t span) {
    int64_t now = now_of(provider);
    return now < since || now - since >= span;
}

static int64_t backoff(unsigned failures) {
    if (!failures)
        return 0;
    int64_t delay = failures < 8 ? BACKOFF_FIRST << (failures - 1) : BACKOFF_MOST;
    return delay < BACKOFF_MOST ? delay : BACKOFF_MOST;
}

/* Has the source been left in peace for long enough? Once there are none to use, only failures since then count. */
static bool may_ask(const struct credential_provider *provider) {
    if (!usable(provider))
        return gone_by(provider, provider->asked, backoff(provider->failures));
    int64_t interval = provider->source->ask_at_most_every_ms;
    if (provider->failure.code && interval < FAILED_INTERVAL)
        interval = FAILED_INTERVAL;
    return gone_by(provider, provider->asked, interval);
}

static bool wants_refresh(const struct credential_provider *provider, int64_t until) {
    if (!usable(provider))
        return true;
    int64_t margin = credentials_refresh_margin(provider->held_since, provider->held.expires);
    if (provider->held.expires - now_of(provider) <= margin)
        return true;
    return provider->held.expires < until && gone_by(provider, provider->held_since, UNTIL_INTERVAL);
}

static bool same_credentials(const struct credentials *one, const struct credentials *other) {
    return one->access_key && strcmp(one->access_key, other->access_key) == 0 && one->expires == other->expires;
}

/* The same ones again keep the time they were first seen: their margin is a part of their life, not of its rest. */
static void hold(struct credential_provider *provider, const struct credentials *got) {
    bool same = same_credentials(&provider->held, got);
    provider->handed_again = same && (provider->refused || provider->handed_again);
    if (!same)
        provider->held_since = now_of(provider);
    struct credentials copy = credentials_copy(got);
    credentials_fini(&provider->held);
    provider->held = copy;
    provider->refused = false;
    provider->failures = 0;
    error_clear(&provider->failure);
}

/* What happened to a source must not be taken for the caller's own: that its credentials have expired, that its table does
 * not exist. */
static enum error_code code_for_caller(enum error_code code) {
    switch (code) {
    case ERROR_EXPIRED:
    case ERROR_SKEW:
    case ERROR_REGION:
        return ERROR_TRANSIENT;
    case ERROR_NOT_FOUND:
    case ERROR_EXISTS:
        return ERROR_INVALID;
    default:
        return code;
    }
}

static void fail(struct credential_provider *provider, const struct error *error) {
    struct error failure = error_copy(error);
    failure.code = code_for_caller(failure.code);
    error_context(&failure, "credentials from %s", provider->source->name);
    error_clear(&provider->failure);
    provider->failure = failure;
    if (!usable(provider))
        provider->failures++;
}

static void on_fetched(void *arg, const struct credentials *got, const struct error *error);

static void fetch(struct credential_provider *provider) {
    provider->fetching = true;
    provider->fetch_began = uv_now(provider->deliver.loop);
    provider->source->fetch(provider->self, on_fetched, provider);
}

/* While a fetch is under way, only for whom the held ones do. */
static bool is_ready(const struct credential_provider *provider, const struct credential_request *request) {
    return !provider->fetching || (usable(provider) && provider->held.expires >= request->until);
}

static void choose_ready(struct credential_provider *provider) {
    struct credential_request *request = TAILQ_FIRST(&provider->waiting), *next;
    for (; request; request = next) {
        next = TAILQ_NEXT(request, entry);
        if (!is_ready(provider, request))
            continue;
        TAILQ_REMOVE(&provider->waiting, request, entry);
        TAILQ_INSERT_TAIL(&provider->delivering, request, entry);
        request->list = &provider->delivering;
    }
}

/* A request leaves its list before its `done` runs, because `done` may ask again, cancel its neighbours, or drop the last
 * reference of the provider. */
static void deliver(struct credential_provider *provider) {
    credential_provider_ref(provider);
    choose_ready(provider);
    const struct credentials *got = usable(provider) ? &provider->held : NULL;
    struct error failure = error_copy(&provider->failure);
    struct credential_request *request;
    while ((request = TAILQ_FIRST(&provider->delivering))) {
        struct credential_request delivered = *request;
        credential_request_cancel(request);
        delivered.done(delivered.arg, got, failure.code ? &failure : NULL);
    }
    error_clear(&failure);
    credential_provider_unref(provider);
}

static void on_deliver(uv_timer_t *timer) {
    struct credential_provider *provider = timer->data;
    if (!provider->fetching && !usable(provider) && may_ask(provider) && !TAILQ_EMPTY(&provider->waiting))
        fetch(provider); /* refused, or ended, between the asking and now */
    deliver(provider);
}

static void deliver_in(struct credential_provider *provider, uint64_t ms) {
    uv_timer_start(&provider->deliver, on_deliver, ms, 0);
}

/* The wait is one for all: who comes later waits only for what is left of it. */
static uint64_t wait_left(const struct credential_provider *provider) {
    uint64_t waited = uv_now(provider->deliver.loop) - provider->fetch_began;
    return waited < REFRESH_WAIT ? REFRESH_WAIT - waited : 0;
}

static void on_fetched(void *arg, const struct credentials *got, const struct error *error) {
    struct credential_provider *provider = arg;
    provider->fetching = false;
    provider->asked = now_of(provider);
    _cleanup_error_ struct error ended = {0};
    if (got && got->expires <= provider->asked) {
        char text[TIME_TEXT];
        error_set(&ended, ERROR_TRANSIENT,
                  "the ones handed out had already ended at %s; is this machine's clock right?",
                  time_format_iso(text, got->expires / SECOND_MS));
    }
    if (got && !ended.code)
        hold(provider, got);
    else
        fail(provider, got ? &ended : error);
    deliver_in(provider, 0);
}

struct credential_provider *credential_provider_new(uv_loop_t *loop, const struct credential_source *source, void *self,
                                                    clock_fn *wall) {
    struct credential_provider *provider = x_calloc(1, sizeof *provider);
    provider->references = 1;
    provider->source = source;
    provider->self = self;
    provider->wall = wall;
    provider->asked = INT64_MIN / 2; /* long ago */
    TAILQ_INIT(&provider->waiting);
    TAILQ_INIT(&provider->delivering);
    uv_timer_init(loop, &provider->deliver); /* cannot fail */
    provider->deliver.data = provider;
    return provider;
}

void credential_provider_use_clock(struct credential_provider *provider, int64_t (*now)(const void *arg),
                                   const void *arg) {
    provider->now = now;
    provider->now_arg = arg;
}

struct credential_provider *credential_provider_ref(struct credential_provider *provider) {
    provider->references++;
    return provider;
}

static void on_closed(uv_handle_t *handle) {
    free(handle->data);
}

void credential_provider_unref(struct credential_provider *provider) {
    if (!provider || --provider->references)
        return;
    assert(TAILQ_EMPTY(&provider->waiting) && TAILQ_EMPTY(&provider->delivering));
    if (provider->fetching)
        provider->source->stop(provider->self);
    provider->source->free(provider->self);
    credentials_fini(&provider->held);
    error_clear(&provider->failure);
    uv_close((uv_handle_t *)&provider->deliver, on_closed);
}

struct credential_request *credential_provider_get_until(struct credential_provider *provider, int64_t until,
                                                         credentials_done *done, void *arg) {
    struct credential_request *request = x_calloc(1, sizeof *request);
    *request = (struct credential_request){.list = &provider->waiting, .until = until, .done = done, .arg = arg};
    TAILQ_INSERT_TAIL(&provider->waiting, request, entry);
    bool waits = provider->fetching;
    if (!waits && wants_refresh(provider, until) && may_ask(provider)) {
        fetch(provider);
        waits = true;
    }
    if (!waits)
        deliver_in(provider, 0);
    else if (!uv_is_active((uv_handle_t *)&provider->deliver))
        deliver_in(provider, wait_left(provider));
    return request;
}

struct credential_request *credential_provider_get(struct credential_provider *provider, credentials_done *done,
                                                   void *arg) {
    return credential_provider_get_until(provider, INT64_MIN, done, arg);
}

void credential_request_cancel(struct credential_request *request) {
    TAILQ_REMOVE(request->list, request, entry);
    free(request);
}

/* Many calls under way may hear the same refusal, and a source may have nothing better: neither makes a storm of fetches. */
void credential_provider_refused(struct credential_provider *provider, const char *access_key) {
    if (!provider->held.access_key || strcmp(provider->held.access_key, access_key) != 0)
        return;
    int64_t interval = provider->source->ask_at_most_every_ms;
    if (provider->handed_again && !gone_by(provider, provider->asked, interval > SECOND_MS ? interval : SECOND_MS))
        return;
    provider->refused = true;
}

const char *credential_provider_source(const struct credential_provider *provider) {
    return provider->source->name;
}

const char *credential_provider_notice(const struct credential_provider *provider) {
    return provider->source->notice ? provider->source->notice(provider->self) : NULL;
}
