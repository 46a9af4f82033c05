/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The policy: who waits how long, who pays, who gives up. The figures are those of the SDKs' standard mode
 * (https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html), but for two things that a backup needs:
 * a throttle is no failure, and an empty bucket slows instead of failing.
 */
#include "aws/retry.h"

#define MAX_ATTEMPTS   8u
#define MAX_DELAY      (20 * SECOND_MS)
#define TRANSIENT_BASE ((int64_t)50)
#define THROTTLE_BASE  SECOND_MS
#define COST           5
#define COST_NO_ANSWER 10 /* time-outs and broken connections */
#define SUCCESS_GAIN   1
#define RETRY_AFTER_UP (5 * SECOND_MS) /* x-amz-retry-after is obeyed within [t, t + 5 s] of our own delay t */

/* Full jitter over base * 2^n, at most 20 s. */
static int64_t jitter(int64_t base, unsigned n, random_fn *random) {
    int64_t most = MAX_DELAY;
    if (n < 20 && base << n < MAX_DELAY)
        most = base << n;
    return (int64_t)random((uint64_t)most + 1);
}

static int64_t clamp(int64_t value, int64_t low, int64_t high) {
    return value < low ? low : value > high ? high : value;
}

static void obey(int64_t *delay_ms, int64_t retry_after_ms) {
    if (retry_after_ms >= 0)
        *delay_ms = clamp(retry_after_ms, *delay_ms, *delay_ms + RETRY_AFTER_UP);
}

/*
 * With a patience, it rules: none of the run's requests has succeeded for so long. A call that begins after a silence of
 * the run's own making (everything was in the compressors) still gets its attempts, or its own share of the time.
 */
static bool is_over(const struct retry_record *record, const struct aws_patience *patience, unsigned max_attempts,
                    int64_t now) {
    bool tried = record->attempts >= (max_attempts ? max_attempts : MAX_ATTEMPTS);
    if (!patience)
        return tried;
    return now - patience->last_success >= patience->retry_for &&
           (tried || now - record->failing_since >= patience->retry_for);
}

static enum retry_action after_throttle(struct retry_record *record, int64_t retry_after_ms, random_fn *random,
                                        int64_t *delay_ms) {
    *delay_ms = jitter(THROTTLE_BASE, record->throttles, random);
    record->throttles++;
    obey(delay_ms, retry_after_ms);
    return RETRY_AFTER;
}

static enum retry_action after_failure(struct retry_record *record, struct retry_quota *quota,
                                       const struct error *error, int64_t retry_after_ms, random_fn *random,
                                       int64_t *delay_ms) {
    int cost = error->http_status ? COST : COST_NO_ANSWER;
    *delay_ms = jitter(TRANSIENT_BASE, record->attempts - record->throttles - 1, random);
    if (quota->tokens >= cost) {
        quota->tokens -= cost;
        record->spent += cost;
    } else {
        *delay_ms = MAX_DELAY / 2 + (int64_t)random(MAX_DELAY / 2 + 1); /* not all of a run in step */
    }
    obey(delay_ms, retry_after_ms);
    return RETRY_AFTER;
}

/* What helps once in a row: the second time it has not helped. */
static enum retry_action once(bool *done, enum retry_action action) {
    if (*done)
        return RETRY_GIVE_UP;
    *done = true;
    return action;
}

enum retry_action retry_decide(struct retry_record *record, struct retry_quota *quota,
                               const struct aws_patience *patience, const struct error *error, int64_t retry_after_ms,
                               unsigned max_attempts, int64_t now, random_fn *random, int64_t *delay_ms) {
    *delay_ms = 0;
    if (record->attempts++ == 0 && !record->failing_since)
        record->failing_since = now;
    switch (error->code) {
    case ERROR_EXPIRED:
        return once(&record->refreshed, RETRY_NEW_CREDENTIALS);
    case ERROR_SKEW:
        return once(&record->skew_corrected, RETRY_NEW_CLOCK);
    case ERROR_REGION:
        return once(&record->region_followed, RETRY_NEW_REGION);
    case ERROR_THROTTLED:
    case ERROR_TRANSIENT:
    case ERROR_CORRUPT: /* cut or garbled on its way, or a proxy's own words: the next answer may be whole */
        break;
    default:
        return RETRY_GIVE_UP;
    }
    if (error->http_status) /* the server got past credentials and clock: they may help once more */
        record->refreshed = record->skew_corrected = false;
    if (is_over(record, patience, max_attempts, now))
        return RETRY_GIVE_UP;
    return error->code == ERROR_THROTTLED ? after_throttle(record, retry_after_ms, random, delay_ms)
                                          : after_failure(record, quota, error, retry_after_ms, random, delay_ms);
}

void retry_success(struct retry_record *record, struct retry_quota *quota, struct aws_patience *patience, int64_t now) {
    quota->tokens += record->spent ? record->spent : SUCCESS_GAIN;
    if (quota->tokens > RETRY_TOKENS)
        quota->tokens = RETRY_TOKENS;
    record->spent = 0;
    if (patience)
        patience->last_success = now;
}
