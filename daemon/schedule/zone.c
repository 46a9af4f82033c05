/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From instants to what clocks show, and back. Time is a row of spans, each under one offset; everything else follows from
 * zone_span_at(). A parsed zone never changes, so threads share it by reference.
 */
#include <string.h>

#include "base/memory.h"
#include "zone_private.h"

/* Far enough for anyone, and no sum of a few years overflows. */
#define FAR (INT64_MAX / 8)

struct zone *zone_utc(void) {
    struct zone *zone = x_calloc(1, sizeof *zone);
    atomic_init(&zone->references, 1);
    zone->name = x_strdup("UTC");
    zone->abbreviations = x_strdup("UTC");
    zone->kinds[0] = (struct zone_kind){0, zone->abbreviations};
    zone->kind_count = 1;
    return zone;
}

/* The count of references is the one thing about a zone that changes. */
static struct zone *owned(const struct zone *zone) {
    return (struct zone *)(uintptr_t)zone;
}

struct zone *zone_ref(const struct zone *zone) {
    struct zone *shared = owned(zone);
    atomic_fetch_add_explicit(&shared->references, 1, memory_order_relaxed);
    return shared;
}

void zone_unref(struct zone *zone) {
    if (!zone || atomic_fetch_sub_explicit(&zone->references, 1, memory_order_acq_rel) != 1)
        return;
    free(zone->transitions);
    free(zone->kind_of);
    free(zone->abbreviations);
    free(zone->name);
    free(zone);
}

const char *zone_name(const struct zone *zone) {
    return zone->name;
}

/* How many transitions are at or before `utc`. */
static size_t transitions_until(const struct zone *zone, int64_t utc) {
    size_t low = 0, high = zone->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (zone->transitions[middle] <= utc)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct zone_span zone_span_at(const struct zone *zone, int64_t utc) {
    utc = utc < -FAR ? -FAR : utc > FAR ? FAR : utc;
    size_t past = transitions_until(zone, utc);
    int64_t start = past ? zone->transitions[past - 1] : INT64_MIN;
    if (zone->has_rule && past == zone->count) {
        struct zone_span span = zone_rule_span(&zone->rule, utc);
        span.start = span.start > start ? span.start : start;
        return span;
    }
    const struct zone_kind *kind = &zone->kinds[past ? zone->kind_of[past - 1] : 0];
    int64_t end = past < zone->count ? zone->transitions[past] : INT64_MAX;
    return (struct zone_span){start, end, kind->offset, kind->abbreviation};
}

int32_t zone_offset(const struct zone *zone, int64_t utc, const char **abbreviation) {
    struct zone_span span = zone_span_at(zone, utc);
    if (abbreviation)
        *abbreviation = span.abbreviation;
    return span.offset;
}

/*
 * Every instant that could show `local` lies within a day of it. Spans that show it give instants; where none does, a span ended
 * before it and the next began after it: the gap's end is the answer.
 */
int zone_instants(const struct zone *zone, int64_t local, int64_t instants[2]) {
    local = local < -FAR / 2 ? -FAR / 2 : local > FAR / 2 ? FAR / 2 : local;
    int64_t last = local + ZONE_REACH, gap = INT64_MAX;
    int found = 0;
    for (int64_t at = local - ZONE_REACH; at <= last && found < 2;) {
        struct zone_span span = zone_span_at(zone, at);
        int64_t instant = local - span.offset;
        if (instant >= span.start && instant < span.end)
            instants[found++] = instant;
        else if (gap == INT64_MAX && instant >= span.end && local - zone_offset(zone, span.end, NULL) < span.end)
            gap = span.end;
        if (span.end > last)
            break;
        at = span.end;
    }
    if (!found)
        instants[0] = gap;
    return found;
}

void zone_format(const struct zone *zone, int64_t utc, struct buffer *out) {
    const char *abbreviation;
    struct civil c = civil_from_seconds(utc + zone_offset(zone, utc, &abbreviation));
    buffer_printf(out, "%04lld-%02d-%02d %02d:%02d:%02d %s", (long long)c.year, c.month, c.day, c.hour, c.minute,
                  c.second, abbreviation);
}
