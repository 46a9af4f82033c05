/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From local times to instants. The zone's spans are walked from a little before `after`; in each, cron_next() looks for a local
 * time. `shown` is the furthest that clocks have shown so far: what a span shows again lies below it, what was skipped between it
 * and the span's begin.
 */
#include "schedule/schedule.h"

#include <stdlib.h>

#include "base/memory.h"
#include "cron.h"
#include "zone_private.h"

#define HORIZON ((int64_t)50 * 366 * 86400)
#define FAR     ((int64_t)1 << 55) /* a thousand million years: no sum overflows */

struct schedule {
    char *text;
    struct cron cron;
};

struct schedule *schedule_parse(const char *text, struct error *error) {
    struct cron cron;
    if (!cron_parse(text, &cron, error))
        return NULL;
    struct schedule *schedule = x_malloc(sizeof *schedule);
    *schedule = (struct schedule){x_strdup(text), cron};
    return schedule;
}

void schedule_free(struct schedule *schedule) {
    if (!schedule)
        return;
    free(schedule->text);
    free(schedule);
}

const char *schedule_text(const struct schedule *schedule) {
    return schedule->text;
}

static int64_t later(int64_t a, int64_t b) {
    return a > b ? a : b;
}

/* The first instant of [span.start, span.end), after `after`, at which the expression runs. */
static bool next_in_span(const struct cron *cron, const struct zone_span *span, int64_t shown, int64_t after,
                         int64_t *next) {
    int64_t local, from = span->start + span->offset;
    if (!cron->every_hour) {
        if (span->start > after && cron_next(cron, shown, from, &local)) {
            *next = span->start; /* it was skipped: the first instant after the gap */
            return true;
        }
        from = later(from, shown); /* what is shown again has run */
    }
    if (!cron_next(cron, later(from, after + 1 + span->offset), span->end + span->offset, &local))
        return false;
    *next = local - span->offset;
    return true;
}

bool schedule_next(const struct schedule *schedule, const struct zone *zone, int64_t after, int64_t *next) {
    if (after < -FAR || after > FAR)
        return false;
    int64_t end = after + HORIZON, at = after - 2 * ZONE_REACH, shown = INT64_MAX;
    while (at < end) {
        struct zone_span span = zone_span_at(zone, at);
        span.start = at;
        span.end = span.end < end ? span.end : end;
        if (shown == INT64_MAX)
            shown = at + span.offset; /* nothing is skipped or repeated where the walk begins */
        if (next_in_span(&schedule->cron, &span, shown, after, next))
            return true;
        shown = later(shown, span.end + span.offset);
        at = span.end;
    }
    return false;
}

void schedule_list_take(struct schedule_list *list, struct schedule *schedule) {
    list->items = x_realloc(list->items, (list->count + 1) * sizeof(struct schedule *));
    list->items[list->count++] = schedule;
}

void schedule_list_fini(struct schedule_list *list) {
    for (size_t i = 0; i < list->count; i++)
        schedule_free(list->items[i]);
    free(list->items);
    *list = (struct schedule_list){0};
}

bool schedule_list_next(const struct schedule_list *list, const struct zone *zone, int64_t after, int64_t *next) {
    bool found = false;
    for (size_t i = 0; i < list->count; i++) {
        int64_t at;
        if (!schedule_next(list->items[i], zone, after, &at) || (found && at >= *next))
            continue;
        *next = at;
        found = true;
    }
    return found;
}
