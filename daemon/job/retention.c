/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rules, one after the other over the history from the newest on, as restic's `forget` applies them; checked against restic
 * itself by tests/integration/test_retention.py.
 */
#include "job/retention.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "config/value.h"

static const char *const rule_names[RETENTION_RULES] = {
    [RETENTION_LAST] = "KeepLast",     [RETENTION_HOURLY] = "KeepHourly",   [RETENTION_DAILY] = "KeepDaily",
    [RETENTION_WEEKLY] = "KeepWeekly", [RETENTION_MONTHLY] = "KeepMonthly", [RETENTION_YEARLY] = "KeepYearly",
    [RETENTION_WITHIN] = "KeepWithin",
};

static bool has_within(const struct retention_rules *rules) {
    const struct config_period *within = &rules->within;
    return within->years || within->months || within->days || within->ms;
}

struct retention_rules retention_rules_of(const struct job_config *job) {
    return (struct retention_rules){
        .keep =
            {
                [RETENTION_LAST] = job->keep_last,
                [RETENTION_HOURLY] = job->keep_hourly,
                [RETENTION_DAILY] = job->keep_daily,
                [RETENTION_WEEKLY] = job->keep_weekly,
                [RETENTION_MONTHLY] = job->keep_monthly,
                [RETENTION_YEARLY] = job->keep_yearly,
            },
        .within = job->keep_within,
    };
}

bool retention_has_rules(const struct retention_rules *rules) {
    for (int rule = 0; rule < RETENTION_COUNTED; rule++)
        if (rules->keep[rule])
            return true;
    return has_within(rules);
}

/* ------------------------------------------------------------ the calendar */

static int64_t floor_div(int64_t a, int64_t b) {
    return a / b - (a % b < 0);
}

/* Seconds as clocks of the zone show them. */
static int64_t local_seconds(int64_t ms, const struct zone *zone) {
    int64_t utc = floor_div(ms, SECOND_MS);
    return utc + zone_offset(zone, utc, NULL);
}

/* A number that all instants of one period share, and no neighbour has. An hour that clocks show twice is one period. */
static int64_t period_of(enum retention_rule rule, int64_t ms, const struct zone *zone) {
    int64_t local = local_seconds(ms, zone);
    struct civil civil = civil_from_seconds(local);
    switch (rule) {
    case RETENTION_HOURLY:
        return floor_div(local, 3600);
    case RETENTION_DAILY:
        return floor_div(local, 86400);
    case RETENTION_WEEKLY:
        return floor_div(floor_div(local, 86400) + 3, 7); /* ISO weeks begin on Monday; 1970-01-01 was a Thursday */
    case RETENTION_MONTHLY:
        return civil.year * 12 + civil.month;
    default:
        return civil.year;
    }
}

/* The ISO week's year is that of its Thursday. */
static void add_week(struct buffer *out, int64_t local) {
    int64_t days = floor_div(local, 86400), thursday = floor_div(days + 3, 7) * 7;
    struct civil civil = civil_from_seconds(thursday * 86400);
    int64_t first = civil_days(civil.year, 1, 1);
    buffer_printf(out, "%04" PRId64 "-W%02d", civil.year, (int)((thursday - first) / 7 + 1));
}

static void add_period(struct buffer *out, enum retention_rule rule, int64_t started, const struct zone *zone) {
    int64_t local = local_seconds(started, zone);
    struct civil civil = civil_from_seconds(local);
    if (rule == RETENTION_WEEKLY) {
        add_week(out, local);
        return;
    }
    buffer_printf(out, "%04" PRId64, civil.year);
    if (rule <= RETENTION_MONTHLY)
        buffer_printf(out, "-%02d", civil.month);
    if (rule <= RETENTION_DAILY)
        buffer_printf(out, "-%02d", civil.day);
    if (rule <= RETENTION_HOURLY)
        buffer_printf(out, " %02dh", civil.hour);
}

/* Years, months and days are taken off what the zone's calendar shows; a day that a month has not got runs over into the next
 * (31 March less a month is 3 March), as in restic. Hours are hours. */
static int64_t period_before(int64_t ms, const struct config_period *period, const struct zone *zone) {
    int64_t seconds = floor_div(ms, SECOND_MS), instants[2];
    if (period->years || period->months || period->days) {
        int64_t local = local_seconds(ms, zone);
        struct civil civil = civil_from_seconds(local);
        int64_t months = civil.year * 12 + civil.month - 1 - (int64_t)period->years * 12 - period->months;
        int64_t year = floor_div(months, 12);
        int64_t days = civil_days(year, (int)(months - year * 12) + 1, 1) + civil.day - 1 - period->days;
        zone_instants(zone, days * 86400 + local - floor_div(local, 86400) * 86400, instants);
        ms += (instants[0] - seconds) * SECOND_MS;
    }
    return ms - period->ms;
}

/* ------------------------------------------------------------ deciding */

/* The newest first. */
static int by_age(const void *a, const void *b) {
    const struct retention_backup *const *first = a, *const *second = b;
    if ((*first)->started != (*second)->started)
        return (*first)->started < (*second)->started ? 1 : -1;
    return strcmp((*second)->id, (*first)->id);
}

/* One rule over the whole history. `order` has `count` backups that are not after now. */
static void apply_counted(enum retention_rule rule, unsigned keep, const struct retention_history *history,
                          const struct retention_backup *const *order, size_t count,
                          struct retention_verdict *verdicts) {
    int64_t last = 0;
    unsigned kept = 0;
    for (size_t i = 0; i < count; i++) {
        struct retention_verdict *verdict = &verdicts[order[i] - history->backups];
        bool each = rule == RETENTION_LAST;
        int64_t period = each ? (int64_t)i : period_of(rule, order[i]->started, history->zone);
        if (!each && kept && period == last) {
            verdict->by[rule].outcome = RETENTION_HAS_NEWER;
        } else if (kept == keep) {
            verdict->by[rule].outcome = RETENTION_USED_UP;
        } else {
            last = period;
            verdict->by[rule].outcome = RETENTION_KEPT;
            verdict->by[rule].nth = ++kept;
            verdict->keep = true;
        }
    }
}

static void apply_within(const struct retention_rules *rules, const struct retention_history *history,
                         const struct retention_backup *const *order, size_t count,
                         struct retention_verdict *verdicts) {
    int64_t since = count ? period_before(order[0]->started, &rules->within, history->zone) : 0;
    for (size_t i = 0; i < count; i++) {
        struct retention_verdict *verdict = &verdicts[order[i] - history->backups];
        bool young = order[i]->started > since;
        verdict->by[RETENTION_WITHIN].outcome = young ? RETENTION_KEPT : RETENTION_TOO_OLD;
        verdict->keep |= young;
    }
}

/* What no rule decides. Returns how many of `order` have their time behind them: those come first in what is left of it. */
static size_t apply_guards(const struct retention_rules *rules, const struct retention_history *history,
                           const struct retention_backup **order, struct retention_verdict *verdicts) {
    bool no_rules = !retention_has_rules(rules), found = false;
    size_t past = 0;
    for (size_t i = 0; i < history->count; i++) {
        const struct retention_backup *backup = order[i];
        struct retention_verdict *verdict = &verdicts[backup - history->backups];
        verdict->after_now = backup->started > history->now;
        verdict->newest_good = !verdict->after_now && backup->good && !found;
        verdict->no_rules = no_rules;
        verdict->keep = verdict->after_now || verdict->newest_good || no_rules;
        found |= verdict->newest_good;
        if (!verdict->after_now)
            order[past++] = backup;
    }
    return past;
}

void retention_decide(const struct retention_rules *rules, const struct retention_history *history,
                      struct retention_verdict *verdicts) {
    const struct retention_backup **order = x_calloc(history->count + 1, sizeof *order);
    memset(verdicts, 0, history->count * sizeof *verdicts);
    for (size_t i = 0; i < history->count; i++)
        order[i] = &history->backups[i];
    qsort(order, history->count, sizeof *order, by_age);
    size_t past = apply_guards(rules, history, order, verdicts);
    for (int rule = 0; rule < RETENTION_COUNTED; rule++)
        if (rules->keep[rule])
            apply_counted((enum retention_rule)rule, rules->keep[rule], history, order, past, verdicts);
    if (has_within(rules))
        apply_within(rules, history, order, past, verdicts);
    free(order);
}

/* ------------------------------------------------------------ explaining */

static void begin(struct buffer *out, size_t start) {
    if (out->length > start)
        buffer_add(out, "; ");
}

static void explain_rule(struct buffer *out, enum retention_rule rule, const struct retention_rules *rules,
                         const struct retention_verdict *verdict, int64_t started, const struct zone *zone) {
    enum retention_outcome outcome = verdict->by[rule].outcome;
    if (rule == RETENTION_WITHIN) {
        buffer_add(out, "KeepWithin=");
        value_format_period(out, &rules->within);
        buffer_add(out, outcome == RETENTION_KEPT ? ": young enough" : ": too old");
        return;
    }
    unsigned keep = rules->keep[rule];
    buffer_printf(out, "%s=%u: ", rule_names[rule], keep);
    if (outcome == RETENTION_USED_UP) {
        buffer_printf(out, "all %u are newer", keep);
        return;
    }
    if (rule != RETENTION_LAST) {
        buffer_add(out, outcome == RETENTION_KEPT ? "newest of " : "");
        add_period(out, rule, started, zone);
        buffer_add(out, outcome == RETENTION_KEPT ? ", " : " has a newer one");
    }
    if (outcome == RETENTION_KEPT)
        buffer_printf(out, "%u of %u", verdict->by[rule].nth, keep);
}

void retention_explain(struct buffer *out, const struct retention_rules *rules, const struct retention_verdict *verdict,
                       int64_t started, const struct zone *zone) {
    size_t start = out->length;
    bool any = false;
    if (verdict->no_rules)
        buffer_add(out, "no Keep key is set: all are kept");
    if (verdict->after_now) {
        begin(out, start);
        buffer_add(out, "dated after now: kept, and takes no other's place");
    }
    for (int rule = 0; rule < RETENTION_RULES; rule++) {
        enum retention_outcome outcome = verdict->by[rule].outcome;
        if (outcome == RETENTION_NO_RULE || (verdict->keep && outcome != RETENTION_KEPT))
            continue;
        begin(out, start);
        explain_rule(out, (enum retention_rule)rule, rules, verdict, started, zone);
        any = true;
    }
    if (verdict->newest_good && !any && !verdict->no_rules) {
        begin(out, start);
        buffer_add(out, "the newest good backup: never removed");
    }
}
