/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When to try again: the one place. Pure, with time and randomness as arguments.
 *
 * Throttles are flow control: full-jitter delay, 20 s cap, no token. Transient errors go at the pace of the SDKs' standard
 * mode: a bucket of 500 tokens a session, 5 a retry, 10 a time-out; a success after a retry gives its cost back, one
 * without gives 1; an empty bucket slows to the longest delay, it does not fail. An error without an HTTP status is a
 * time-out or a broken connection. An answer that cannot be read is a transient error too. A run gives up only when none of its requests has succeeded for its patience, and the
 * request at hand has had `max_attempts` or as much time itself (the run may have been silent before it); a call without a
 * run's patience gives up after `max_attempts`.
 */
#ifndef AWS_RETRY_H
#define AWS_RETRY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/random.h"

#define RETRY_TOKENS 500

/* Shared by all the calls of a run, whatever session they use. Times by the monotonic clock, in ms. Whoever makes one sets
 * last_success to the present. */
struct aws_patience {
    int64_t retry_for; /* RetryFor= */
    int64_t last_success;
    uint64_t throttles, retries; /* for status */
};

/* One a session. */
struct retry_quota {
    int tokens; /* starts at RETRY_TOKENS */
};

/* What one call has been through. Zero-initialised. */
struct retry_record {
    unsigned attempts; /* finished ones */
    unsigned throttles;
    int spent;                                       /* tokens taken and not given back */
    int64_t failing_since;                           /* when the first of them failed; the caller may know earlier */
    bool refreshed, skew_corrected, region_followed; /* each helps once in a row; the call ends with its success */
};

enum retry_action {
    RETRY_GIVE_UP,
    RETRY_AFTER,           /* wait *delay_ms, then the same again */
    RETRY_NEW_CREDENTIALS, /* tell the provider, ask it again, then the same at once */
    RETRY_NEW_CLOCK,       /* the offset is corrected: sign again at once */
    RETRY_NEW_REGION,      /* the region is known: resolve and sign again at once */
};

/* `retry_after_ms`: what x-amz-retry-after or Retry-After said, else -1. `patience` may be NULL. */
enum retry_action retry_decide(struct retry_record *record, struct retry_quota *quota,
                               const struct aws_patience *patience, const struct error *error, int64_t retry_after_ms,
                               unsigned max_attempts, int64_t now, random_fn *random, int64_t *delay_ms);

void retry_success(struct retry_record *record, struct retry_quota *quota, struct aws_patience *patience, int64_t now);

#endif
