/* SPDX-License-Identifier: Apache-2.0 */
/* The policy at chosen instants, with jitter at its longest. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "aws/retry.h"

static uint64_t longest(uint64_t bound) {
    return bound - 1;
}

static uint64_t shortest(uint64_t bound) {
    (void)bound;
    return 0;
}

static struct retry_record record;
static struct retry_quota quota;

static int set_up(void **state) {
    (void)state;
    record = (struct retry_record){0};
    quota = (struct retry_quota){RETRY_TOKENS};
    return 0;
}

static const struct error throttled = {.code = ERROR_THROTTLED, .http_status = 400};
static const struct error failed = {.code = ERROR_TRANSIENT, .http_status = 500};
static const struct error broken = {.code = ERROR_TRANSIENT};

/* The delay; -1: given up. */
static int64_t delay(const struct error *error, const struct aws_patience *patience, int64_t now) {
    int64_t ms;
    enum retry_action action = retry_decide(&record, &quota, patience, error, -1, 0, now, longest, &ms);
    return action == RETRY_AFTER ? ms : -1;
}

static void failures_cost_tokens_and_wait_ever_longer(void **state) {
    (void)state;
    const int64_t delays[] = {50, 100, 200, 400, 800, 1600, 3200, -1};
    for (size_t i = 0; i < 8; i++)
        assert_int_equal(delay(&failed, NULL, 0), delays[i]);
    assert_int_equal(quota.tokens, RETRY_TOKENS - 7 * 5);
}

static void an_answer_that_cannot_be_read_is_asked_for_again(void **state) {
    (void)state;
    const struct error garbled = {.code = ERROR_CORRUPT, .http_status = 200};
    const int64_t delays[] = {50, 100, 200, 400, 800, 1600, 3200, -1};
    for (size_t i = 0; i < 8; i++)
        assert_int_equal(delay(&garbled, NULL, 0), delays[i]);
}

static void a_broken_connection_costs_twice(void **state) {
    (void)state;
    assert_int_equal(delay(&broken, NULL, 0), 50);
    assert_int_equal(quota.tokens, RETRY_TOKENS - 10);
}

static void throttles_cost_nothing(void **state) {
    (void)state;
    const int64_t delays[] = {1000, 2000, 4000, 8000, 16000, 20000, 20000, -1};
    for (size_t i = 0; i < 8; i++)
        assert_int_equal(delay(&throttled, NULL, 0), delays[i]);
    assert_int_equal(quota.tokens, RETRY_TOKENS);
    assert_int_equal(record.throttles, 7);
}

static void an_empty_bucket_slows(void **state) {
    (void)state;
    quota.tokens = 4;
    assert_int_equal(delay(&failed, NULL, 0), 20000);
    assert_int_equal(quota.tokens, 4);
}

static void a_success_gives_back(void **state) {
    (void)state;
    struct aws_patience patience = {.retry_for = 1000};
    delay(&failed, NULL, 0);
    delay(&broken, NULL, 0);
    retry_success(&record, &quota, &patience, 77);
    assert_int_equal(quota.tokens, RETRY_TOKENS);
    assert_int_equal(patience.last_success, 77);
    quota.tokens = 100;
    retry_success(&record, &quota, NULL, 78);
    assert_int_equal(quota.tokens, 101);
    quota.tokens = RETRY_TOKENS;
    retry_success(&record, &quota, NULL, 78);
    assert_int_equal(quota.tokens, RETRY_TOKENS);
}

static void a_run_gives_up_only_when_nothing_has_succeeded(void **state) {
    (void)state;
    struct aws_patience patience = {.retry_for = 10000, .last_success = 0};
    for (int i = 0; i < 30; i++)
        assert_true(delay(&failed, &patience, 9999) >= 0);
    patience.last_success = 9999; /* another request of the run */
    assert_true(delay(&failed, &patience, 19998) >= 0);
    assert_int_equal(delay(&failed, &patience, 19999), -1);
}

static void a_run_that_was_silent_still_tries(void **state) {
    (void)state;
    const struct aws_patience patience = {.retry_for = 10000, .last_success = 0};
    for (int i = 0; i < 7; i++)
        assert_true(delay(&failed, &patience, 1000000 + i) >= 0);
    assert_int_equal(delay(&failed, &patience, 1000007), -1);
    record = (struct retry_record){0};
    assert_true(delay(&broken, &patience, 2000000) >= 0);
    assert_int_equal(delay(&broken, &patience, 2010000), -1); /* two stalls took all its time */
}

static void the_server_may_say_how_long(void **state) {
    (void)state;
    int64_t ms;
    retry_decide(&record, &quota, NULL, &throttled, 3000, 0, 0, shortest, &ms);
    assert_int_equal(ms, 3000);
    retry_decide(&record, &quota, NULL, &throttled, 99000, 0, 0, shortest, &ms);
    assert_int_equal(ms, 5000);
    retry_decide(&record, &quota, NULL, &failed, 1, 0, 0, longest, &ms);
    assert_int_equal(ms, 50);
}

static enum retry_action decide(enum error_code code) {
    int64_t ms;
    const struct error error = {.code = code, .http_status = 400};
    return retry_decide(&record, &quota, NULL, &error, -1, 0, 0, longest, &ms);
}

static void each_cure_is_tried_once_in_a_row(void **state) {
    (void)state;
    assert_int_equal(decide(ERROR_EXPIRED), RETRY_NEW_CREDENTIALS);
    assert_int_equal(decide(ERROR_SKEW), RETRY_NEW_CLOCK);
    assert_int_equal(decide(ERROR_REGION), RETRY_NEW_REGION);
    assert_int_equal(decide(ERROR_EXPIRED), RETRY_GIVE_UP);
    assert_int_equal(decide(ERROR_SKEW), RETRY_GIVE_UP);
    assert_int_equal(decide(ERROR_REGION), RETRY_GIVE_UP);
    assert_int_equal(decide(ERROR_THROTTLED), RETRY_AFTER);
    assert_int_equal(decide(ERROR_EXPIRED), RETRY_NEW_CREDENTIALS);
}

static void what_a_person_must_change_is_not_tried_again(void **state) {
    (void)state;
    const enum error_code codes[] = {ERROR_DENIED, ERROR_INVALID, ERROR_NOT_FOUND, ERROR_EXISTS, ERROR_TOO_LARGE};
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
        assert_int_equal(decide(codes[i]), RETRY_GIVE_UP);
}

static void delays_never_overflow(void **state) {
    (void)state;
    const struct aws_patience patience = {.retry_for = 1000};
    for (int i = 0; i < 200; i++) {
        assert_in_range(delay(&throttled, &patience, 0), 0, 20000);
        assert_in_range(delay(&broken, &patience, 0), 0, 20000);
    }
}

#define FRESH(test) cmocka_unit_test_setup(test, set_up)

int main(void) {
    const struct CMUnitTest tests[] = {
        FRESH(failures_cost_tokens_and_wait_ever_longer),
        FRESH(an_answer_that_cannot_be_read_is_asked_for_again),
        FRESH(a_broken_connection_costs_twice),
        FRESH(throttles_cost_nothing),
        FRESH(an_empty_bucket_slows),
        FRESH(a_success_gives_back),
        FRESH(a_run_gives_up_only_when_nothing_has_succeeded),
        FRESH(a_run_that_was_silent_still_tries),
        FRESH(the_server_may_say_how_long),
        FRESH(each_cure_is_tried_once_in_a_row),
        FRESH(what_a_person_must_change_is_not_tried_again),
        FRESH(delays_never_overflow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
