/* SPDX-License-Identifier: Apache-2.0 */
/* The provider with a source that answers when told to, and a clock that stands still. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "aws/credentials.h"
#include "base/memory.h"

#define START ((int64_t)1751767200000)

static int64_t the_time;

static int64_t clock_now(void) {
    return the_time;
}

struct fake_source {
    int fetches, stops, frees;
    bool running;
    credentials_done *done;
    void *arg;
};

static void fake_fetch(void *self, credentials_done *done, void *arg) {
    struct fake_source *fake = self;
    assert_false(fake->running);
    fake->fetches++;
    fake->running = true;
    fake->done = done;
    fake->arg = arg;
}

static void fake_stop(void *self) {
    struct fake_source *fake = self;
    fake->stops++;
    fake->running = false;
}

static void fake_free(void *self) {
    struct fake_source *fake = self;
    assert_false(fake->running);
    fake->frees++;
}

static const struct credential_source quick_source = {"profile", 0, fake_fetch, fake_stop, fake_free, NULL};
static const struct credential_source imds_source = {"imds", MINUTE_MS, fake_fetch, fake_stop, fake_free, NULL};

static void answer(struct fake_source *fake, const char *access_key, int64_t expires) {
    char key[32], secret[] = "secret", token[] = "token";
    snprintf(key, sizeof key, "%s", access_key);
    const struct credentials got = {key, secret, token, expires};
    fake->running = false;
    fake->done(fake->arg, &got, NULL);
    memset(key, 'x', sizeof key - 1); /* only borrowed: who keeps it, copies */
}

static void refuse_as(struct fake_source *fake, enum error_code code) {
    struct error error = {0};
    error_set(&error, code, "no answer from %s within %d s", "169.254.169.254", 1);
    fake->running = false;
    fake->done(fake->arg, NULL, &error);
    error_clear(&error);
}

static void refuse(struct fake_source *fake) {
    refuse_as(fake, ERROR_TRANSIENT);
}

struct asked {
    int times;
    char access_key[32]; /* "": none given */
    int64_t expires;
    enum error_code code;
    char message[200];
};

static void on_asked(void *arg, const struct credentials *got, const struct error *error) {
    struct asked *asked = arg;
    asked->times++;
    snprintf(asked->access_key, sizeof asked->access_key, "%s", got ? got->access_key : "");
    asked->expires = got ? got->expires : 0;
    asked->code = error ? error->code : ERROR_NONE;
    snprintf(asked->message, sizeof asked->message, "%s", error ? error->message : "");
}

struct world {
    uv_loop_t loop;
    struct fake_source fake;
    struct credential_provider *provider;
};

static int set_up_with(void **state, const struct credential_source *source) {
    struct world *world = x_calloc(1, sizeof *world);
    uv_loop_init(&world->loop);
    the_time = START;
    world->provider = credential_provider_new(&world->loop, source, &world->fake, clock_now);
    *state = world;
    return 0;
}

static int set_up(void **state) {
    return set_up_with(state, &quick_source);
}

static int set_up_imds(void **state) {
    return set_up_with(state, &imds_source);
}

static int tear_down(void **state) {
    struct world *world = *state;
    credential_provider_unref(world->provider);
    assert_int_equal(world->fake.frees, 1);
    uv_run(&world->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&world->loop), 0);
    free(world);
    return 0;
}

static void turn(struct world *world) {
    uv_run(&world->loop, UV_RUN_DEFAULT);
}

static struct asked ask_until(struct world *world, int64_t until, const char *access_key, int64_t expires) {
    struct asked asked = {0};
    int fetches = world->fake.fetches;
    credential_provider_get_until(world->provider, until, on_asked, &asked);
    assert_int_equal(asked.times, 0);
    if (world->fake.fetches > fetches && access_key)
        answer(&world->fake, access_key, expires);
    else if (world->fake.fetches > fetches)
        refuse(&world->fake);
    assert_int_equal(asked.times, 0);
    turn(world);
    assert_int_equal(asked.times, 1);
    return asked;
}

/* Asks; should a fetch begin, it brings these (NULL: it fails). */
static struct asked ask(struct world *world, const char *access_key, int64_t expires) {
    return ask_until(world, INT64_MIN, access_key, expires);
}

static void a_hundred_waiters_cause_one_fetch(void **state) {
    struct world *world = *state;
    struct asked asked[100] = {{0}};
    for (int i = 0; i < 100; i++)
        credential_provider_get(world->provider, on_asked, &asked[i]);
    answer(&world->fake, "AKIA1", START + HOUR_MS);
    turn(world);
    for (int i = 0; i < 100; i++) {
        assert_int_equal(asked[i].times, 1);
        assert_string_equal(asked[i].access_key, "AKIA1");
    }
    assert_string_equal(ask(world, "AKIA2", START + 2 * HOUR_MS).access_key, "AKIA1");
    assert_int_equal(world->fake.fetches, 1);
}

static void long_lived_keys_are_fetched_once(void **state) {
    struct world *world = *state;
    ask(world, "AKIA1", INT64_MAX);
    the_time += 1000 * DAY_MS;
    assert_string_equal(ask(world, "AKIA2", INT64_MAX).access_key, "AKIA1");
    assert_string_equal(ask_until(world, INT64_MAX, "AKIA2", INT64_MAX).access_key, "AKIA1");
    assert_int_equal(world->fake.fetches, 1);
}

static void they_are_refreshed_when_five_minutes_remain(void **state) {
    struct world *world = *state;
    int64_t end = START + HOUR_MS;
    ask(world, "AKIA1", end);
    the_time = end - 5 * MINUTE_MS - 1;
    assert_string_equal(ask(world, "AKIA2", end + HOUR_MS).access_key, "AKIA1");
    the_time = end - 5 * MINUTE_MS;
    assert_string_equal(ask(world, "AKIA2", end + HOUR_MS).access_key, "AKIA2");
}

static void short_lives_are_refreshed_at_their_last_quarter(void **state) {
    struct world *world = *state;
    ask(world, "AKIA1", START + 20 * SECOND_MS);
    the_time = START + 15 * SECOND_MS - 1;
    assert_string_equal(ask(world, "AKIA2", START + HOUR_MS).access_key, "AKIA1");
    the_time++;
    assert_string_equal(ask(world, "AKIA2", START + HOUR_MS).access_key, "AKIA2");
}

static void margin_is_five_minutes_or_a_quarter(void **state) {
    (void)state;
    assert_int_equal(credentials_refresh_margin(0, HOUR_MS), 5 * MINUTE_MS);
    assert_int_equal(credentials_refresh_margin(0, 20 * MINUTE_MS), 5 * MINUTE_MS);
    assert_int_equal(credentials_refresh_margin(0, 20000), 5000);
    assert_int_equal(credentials_refresh_margin(0, INT64_MAX), 0);
    assert_int_equal(credentials_refresh_margin(5, 3), 0);
}

static void old_ones_serve_while_a_refresh_fails(void **state) {
    struct world *world = *state;
    int64_t end = START + HOUR_MS;
    ask(world, "AKIA1", end);
    the_time = end - 4 * MINUTE_MS;
    struct asked asked = ask(world, NULL, 0);
    assert_string_equal(asked.access_key, "AKIA1");
    assert_string_equal(asked.message, "credentials from profile: no answer from 169.254.169.254 within 1 s");
    the_time += MINUTE_MS - 1; /* within the minute: not asked again */
    assert_string_equal(ask(world, "AKIA2", end + HOUR_MS).access_key, "AKIA1");
    assert_int_equal(world->fake.fetches, 2);
    the_time++;
    asked = ask(world, "AKIA2", end + HOUR_MS);
    assert_string_equal(asked.access_key, "AKIA2");
    assert_int_equal(asked.code, ERROR_NONE);
}

/* Ended: at once, whatever failed before, then after 1, 2, 4 ... 60 s; in between the last failure is told at once. */
static void ended_ones_are_asked_for_with_backoff(void **state) {
    struct world *world = *state;
    int64_t end = START + HOUR_MS;
    ask(world, "AKIA1", end);
    the_time = end - SECOND_MS;
    ask(world, NULL, 0);
    the_time = end;
    static const int64_t delays[] = {0, 1, 2, 4, 8, 16, 32, 60, 60, 60};
    for (size_t i = 0; i < array_length(delays); i++) {
        int before = world->fake.fetches;
        the_time += delays[i] * SECOND_MS - (delays[i] ? 1 : 0);
        if (delays[i]) {
            assert_int_equal(ask(world, "AKIA2", end + HOUR_MS).code, ERROR_TRANSIENT);
            assert_int_equal(world->fake.fetches, before);
            the_time++;
        }
        struct asked asked = ask(world, NULL, 0);
        assert_string_equal(asked.access_key, "");
        assert_int_equal(asked.code, ERROR_TRANSIENT);
        assert_int_equal(world->fake.fetches, before + 1);
    }
    the_time += MINUTE_MS;
    assert_string_equal(ask(world, "AKIA2", end + HOUR_MS).access_key, "AKIA2");
}

static void credentials_that_had_ended_are_an_error(void **state) {
    struct world *world = *state;
    struct asked asked = ask(world, "AKIA1", START);
    assert_string_equal(asked.access_key, "");
    assert_string_equal(asked.message, "credentials from profile: the ones handed out had already ended at "
                                       "2025-07-06T02:00:00Z; is this machine's clock right?");
    ask(world, "AKIA1", START);
    assert_int_equal(world->fake.fetches, 1); /* no storm */
}

static void imds_is_asked_once_a_minute_for_the_same_ones(void **state) {
    struct world *world = *state;
    int64_t end = START + 6 * HOUR_MS;
    ask(world, "ASIA1", end);
    the_time = end - 5 * MINUTE_MS;
    for (int i = 0; i < 600; i++) { /* two a second: five minutes to the very end */
        assert_string_equal(ask(world, "ASIA1", end).access_key, "ASIA1");
        the_time += 500;
    }
    assert_int_equal(world->fake.fetches, 1 + 5);
    assert_int_equal(the_time, end);
    assert_int_equal(ask(world, "ASIA1", end).code, ERROR_TRANSIENT); /* at once, and they had ended */
    assert_int_equal(world->fake.fetches, 7);
    the_time += SECOND_MS;
    assert_string_equal(ask(world, "ASIA2", end + 6 * HOUR_MS).access_key, "ASIA2");
}

static void the_same_ones_again_keep_their_margin(void **state) {
    struct world *world = *state;
    int64_t end = START + 16 * MINUTE_MS;
    ask(world, "ASIA1", end);
    the_time = end - 4 * MINUTE_MS;
    ask(world, "ASIA1", end);
    the_time += MINUTE_MS; /* a quarter of the rest would be one minute: too late */
    ask(world, "ASIA1", end);
    assert_int_equal(world->fake.fetches, 3);
}

static void refused_ones_are_fetched_anew_once(void **state) {
    struct world *world = *state;
    ask(world, "AKIA1", START + HOUR_MS);
    credential_provider_refused(world->provider, "AKIA1");
    credential_provider_refused(world->provider, "AKIA1");
    assert_string_equal(ask(world, "AKIA2", START + 2 * HOUR_MS).access_key, "AKIA2");
    credential_provider_refused(world->provider, "AKIA1"); /* a late answer about the old ones */
    assert_string_equal(ask(world, "AKIA3", START + 2 * HOUR_MS).access_key, "AKIA2");
    assert_int_equal(world->fake.fetches, 2);
}

static void refused_ones_do_not_serve_while_a_refresh_fails(void **state) {
    struct world *world = *state;
    ask(world, "AKIA1", START + HOUR_MS);
    credential_provider_refused(world->provider, "AKIA1");
    assert_string_equal(ask(world, NULL, 0).access_key, "");
    assert_string_equal(ask(world, "AKIA2", START + HOUR_MS).access_key, ""); /* backoff */
    the_time += SECOND_MS;
    assert_string_equal(ask(world, "AKIA2", START + HOUR_MS).access_key, "AKIA2");
}

static void the_same_ones_refused_again_make_no_storm(void **state) {
    struct world *world = *state;
    for (int i = 0; i < 120; i++) {
        ask(world, "ASIA1", START + HOUR_MS);
        credential_provider_refused(world->provider, "ASIA1");
        the_time += SECOND_MS;
    }
    assert_in_range(world->fake.fetches, 2, 4);
}

static void a_refusal_before_delivery_holds_it_back(void **state) {
    struct world *world = *state;
    struct asked asked = {0};
    ask(world, "AKIA1", START + HOUR_MS);
    credential_provider_get(world->provider, on_asked, &asked);
    credential_provider_refused(world->provider, "AKIA1");
    uv_run(&world->loop, UV_RUN_ONCE);
    assert_int_equal(asked.times, 0);
    answer(&world->fake, "AKIA2", START + HOUR_MS);
    turn(world);
    assert_string_equal(asked.access_key, "AKIA2");
}

static void a_use_that_lasts_longer_gets_fresh_ones(void **state) {
    struct world *world = *state;
    int64_t end = START + HOUR_MS;
    ask(world, "AKIA1", end);
    the_time += 30 * MINUTE_MS;
    assert_string_equal(ask_until(world, end, "AKIA2", end).access_key, "AKIA1");
    struct asked asked = ask_until(world, end + 1, "AKIA2", end + 30 * MINUTE_MS);
    assert_string_equal(asked.access_key, "AKIA2");
    assert_int_equal(asked.expires, end + 30 * MINUTE_MS);
    /* fresh ones would last no longer: not asked for */
    assert_string_equal(ask_until(world, end + DAY_MS, "AKIA3", end + HOUR_MS).access_key, "AKIA2");
    assert_int_equal(world->fake.fetches, 2);
}

static void old_ones_serve_while_a_refresh_takes_long(void **state) {
    struct world *world = *state;
    struct asked soon = {0}, lasting = {0};
    int64_t end = START + HOUR_MS;
    ask(world, "AKIA1", end);
    the_time = end - MINUTE_MS;
    credential_provider_get(world->provider, on_asked, &soon);
    credential_provider_get_until(world->provider, end + 1, on_asked, &lasting);
    turn(world); /* nobody answers the fetch: REFRESH_WAIT goes by */
    assert_string_equal(soon.access_key, "AKIA1");
    assert_int_equal(lasting.times, 0);
    assert_true(world->fake.running);
    uint64_t before = uv_now(&world->loop);
    assert_string_equal(ask(world, NULL, 0).access_key, "AKIA1"); /* the wait is one for all: it is over */
    assert_in_range(uv_now(&world->loop) - before, 0, 200);
    answer(&world->fake, "AKIA2", end + HOUR_MS);
    turn(world);
    assert_string_equal(lasting.access_key, "AKIA2");
}

static void a_clock_set_back_does_not_silence_the_source(void **state) {
    struct world *world = *state;
    ask(world, NULL, 0);
    the_time -= DAY_MS;
    assert_string_equal(ask(world, "AKIA1", START).access_key, "AKIA1");
}

static int64_t server_time(const void *arg) {
    return the_time + *(const int64_t *)arg;
}

static void the_servers_clock_counts_where_it_is_known(void **state) {
    struct world *world = *state;
    const int64_t offset = -2 * HOUR_MS; /* this machine is two hours ahead */
    credential_provider_use_clock(world->provider, server_time, &offset);
    struct asked asked = ask(world, "AKIA1", START - HOUR_MS);
    assert_string_equal(asked.access_key, "AKIA1");
    assert_int_equal(asked.code, ERROR_NONE);
}

static void a_cancelled_request_never_hears(void **state) {
    struct world *world = *state;
    struct asked kept = {0}, dropped = {0};
    credential_provider_get(world->provider, on_asked, &kept);
    struct credential_request *request = credential_provider_get(world->provider, on_asked, &dropped);
    answer(&world->fake, "AKIA1", START + HOUR_MS);
    credential_request_cancel(request);
    turn(world);
    assert_int_equal(kept.times, 1);
    assert_int_equal(dropped.times, 0);
}

static struct credential_request *neighbour;

static void cancel_neighbour(void *arg, const struct credentials *got, const struct error *error) {
    (void)error;
    assert_non_null(got);
    ++*(int *)arg;
    credential_request_cancel(neighbour);
}

static void a_neighbour_may_be_cancelled_from_done(void **state) {
    struct world *world = *state;
    struct asked dropped = {0};
    int times = 0;
    credential_provider_get(world->provider, cancel_neighbour, &times);
    neighbour = credential_provider_get(world->provider, on_asked, &dropped);
    answer(&world->fake, "AKIA1", START + HOUR_MS);
    turn(world);
    assert_int_equal(times, 1);
    assert_int_equal(dropped.times, 0);
}

static void a_fetch_goes_on_without_its_waiters(void **state) {
    struct world *world = *state;
    struct asked asked = {0};
    credential_request_cancel(credential_provider_get(world->provider, on_asked, &asked));
    answer(&world->fake, "AKIA1", START + HOUR_MS);
    turn(world);
    assert_string_equal(ask(world, NULL, 0).access_key, "AKIA1");
    assert_int_equal(asked.times, 0);
}

static void the_last_reference_stops_a_fetch(void **state) {
    struct world *world = *state;
    struct asked asked = {0};
    credential_request_cancel(credential_provider_get(world->provider, on_asked, &asked));
    credential_provider_ref(world->provider);
    credential_provider_unref(world->provider);
    assert_int_equal(world->fake.stops, 0);
    credential_provider_unref(world->provider);
    assert_int_equal(world->fake.stops, 1);
    assert_int_equal(world->fake.frees, 1);
    world->fake = (struct fake_source){0};
    world->provider = credential_provider_new(&world->loop, &quick_source, &world->fake, clock_now);
}

static void drop_provider(void *arg, const struct credentials *got, const struct error *error) {
    (void)error;
    assert_string_equal(got->access_key, "AKIA1");
    credential_provider_unref(arg);
}

static void the_last_reference_may_go_from_done(void **state) {
    struct world *world = *state;
    credential_provider_get(world->provider, drop_provider, world->provider);
    answer(&world->fake, "AKIA1", START + HOUR_MS);
    turn(world);
    assert_int_equal(world->fake.frees, 1);
    world->fake = (struct fake_source){0};
    world->provider = credential_provider_new(&world->loop, &quick_source, &world->fake, clock_now);
}

static void a_sources_trouble_is_not_taken_for_the_callers(void **state) {
    struct world *world = *state;
    static const enum error_code codes[][2] = {
        {ERROR_EXPIRED, ERROR_TRANSIENT}, {ERROR_SKEW, ERROR_TRANSIENT},  {ERROR_REGION, ERROR_TRANSIENT},
        {ERROR_NOT_FOUND, ERROR_INVALID}, {ERROR_EXISTS, ERROR_INVALID},  {ERROR_DENIED, ERROR_DENIED},
        {ERROR_CORRUPT, ERROR_CORRUPT},   {ERROR_INVALID, ERROR_INVALID},
    };
    for (size_t i = 0; i < array_length(codes); i++) {
        struct asked asked = {0};
        credential_provider_get(world->provider, on_asked, &asked);
        refuse_as(&world->fake, codes[i][0]);
        turn(world);
        assert_int_equal(asked.code, codes[i][1]);
        the_time += HOUR_MS;
    }
}

static void the_sources_name_is_known(void **state) {
    struct world *world = *state;
    assert_string_equal(credential_provider_source(world->provider), "profile");
    assert_null(credential_provider_notice(world->provider));
}

#define WITH_WORLD(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
#define WITH_IMDS(test)  cmocka_unit_test_setup_teardown(test, set_up_imds, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_WORLD(a_hundred_waiters_cause_one_fetch),
        WITH_WORLD(long_lived_keys_are_fetched_once),
        WITH_WORLD(they_are_refreshed_when_five_minutes_remain),
        WITH_WORLD(short_lives_are_refreshed_at_their_last_quarter),
        cmocka_unit_test(margin_is_five_minutes_or_a_quarter),
        WITH_WORLD(old_ones_serve_while_a_refresh_fails),
        WITH_WORLD(ended_ones_are_asked_for_with_backoff),
        WITH_WORLD(credentials_that_had_ended_are_an_error),
        WITH_IMDS(imds_is_asked_once_a_minute_for_the_same_ones),
        WITH_IMDS(the_same_ones_again_keep_their_margin),
        WITH_WORLD(refused_ones_are_fetched_anew_once),
        WITH_WORLD(refused_ones_do_not_serve_while_a_refresh_fails),
        WITH_IMDS(the_same_ones_refused_again_make_no_storm),
        WITH_WORLD(a_refusal_before_delivery_holds_it_back),
        WITH_WORLD(a_use_that_lasts_longer_gets_fresh_ones),
        WITH_WORLD(old_ones_serve_while_a_refresh_takes_long),
        WITH_WORLD(a_clock_set_back_does_not_silence_the_source),
        WITH_WORLD(the_servers_clock_counts_where_it_is_known),
        WITH_WORLD(a_cancelled_request_never_hears),
        WITH_WORLD(a_neighbour_may_be_cancelled_from_done),
        WITH_WORLD(a_fetch_goes_on_without_its_waiters),
        WITH_WORLD(the_last_reference_stops_a_fetch),
        WITH_WORLD(the_last_reference_may_go_from_done),
        WITH_WORLD(a_sources_trouble_is_not_taken_for_the_callers),
        WITH_WORLD(the_sources_name_is_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
