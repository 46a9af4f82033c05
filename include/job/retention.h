/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which backups of a job are kept: restic's `forget`, with three guards of our own. Pure.
 *
 * From restic (its documentation "Removing snapshots according to a policy"): each rule counts on its own, and what any of them
 * keeps is kept. Backups are looked at from the newest on. KeepLast keeps so many; KeepHourly, KeepDaily, KeepWeekly, KeepMonthly and
 * KeepYearly keep the newest of each period, as clocks of the job's zone show it, for so many periods that have one; KeepWithin
 * keeps all that are younger than the newest less a stretch of the calendar.
 *
 * Ours: the newest good backup is always kept; a backup that is dated after now is kept, takes no other's place and is never the
 * newest; and without any rule all are kept.
 */
#ifndef JOB_RETENTION_H
#define JOB_RETENTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "config/config.h"
#include "schedule/zone.h"

enum retention_rule {
    RETENTION_LAST,
    RETENTION_HOURLY,
    RETENTION_DAILY,
    RETENTION_WEEKLY,
    RETENTION_MONTHLY,
    RETENTION_YEARLY,
    RETENTION_COUNTED, /* how many rules count */
    RETENTION_WITHIN = RETENTION_COUNTED,
    RETENTION_RULES, /* how many there are */
};

struct retention_rules {
    unsigned keep[RETENTION_COUNTED]; /* 0: no such rule */
    struct config_period within;      /* all 0: no such rule */
};

struct retention_rules retention_rules_of(const struct job_config *job);
bool retention_has_rules(const struct retention_rules *rules);

struct retention_backup {
    const char *id;  /* tells apart what started in the same millisecond: the greater is the newer */
    int64_t started; /* ms since 1970 */
    bool good;       /* it can be restored, as far as anybody knows */
};

/* In any order; all borrowed. */
struct retention_history {
    const struct retention_backup *backups;
    size_t count;
    const struct zone *zone;
    int64_t now; /* ms since 1970, by the store's clock */
};

enum retention_outcome {
    RETENTION_NO_RULE, /* the rule is not set, or has no say: the backup is dated after now */
    RETENTION_KEPT,
    RETENTION_HAS_NEWER, /* a newer backup stands for the period */
    RETENTION_USED_UP,   /* as many periods as the rule counts have a newer one */
    RETENTION_TOO_OLD,   /* KeepWithin */
};

struct retention_verdict {
    bool keep;
    bool newest_good, after_now, no_rules; /* kept for that reason, whatever the rules say */
    struct {
        enum retention_outcome outcome;
        unsigned nth; /* of RETENTION_KEPT by a rule that counts: 1, 2, ... */
    } by[RETENTION_RULES];
};

/* `verdicts` has room for as many as the history has backups, in the same order. */
void retention_decide(const struct retention_rules *rules, const struct retention_history *history,
                      struct retention_verdict *verdicts);

/* Why, in words, appended: "KeepLast=3: 2 of 3; KeepDaily=7: newest of 2026-11-20, 2 of 7". */
void retention_explain(struct buffer *out, const struct retention_rules *rules, const struct retention_verdict *verdict,
                       int64_t started, const struct zone *zone);

#endif
