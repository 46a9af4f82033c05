/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A zone from the inside: a table of transitions, then the footer's rule for all years after it.
 *
 *     before transitions[0]: kinds[0] | each transition: its kind | from the last one on: the rule, where there is one
 */
#ifndef SCHEDULE_ZONE_PRIVATE_H
#define SCHEDULE_ZONE_PRIVATE_H

#include <stdatomic.h>

#include "schedule/zone.h"

/* RFC 8536: an offset is more than -25 h and less than +26 h. What lies further apart than their sum cannot touch. */
#define ZONE_WEST_MOST    (-25 * 3600 + 1)
#define ZONE_EAST_MOST    (26 * 3600 - 1)
#define ZONE_REACH        (52 * 3600)
#define ZONE_ABBREVIATION 32

/* A date of each year at which the rule changes clocks. */
struct zone_change {
    enum { CHANGE_JULIAN, CHANGE_DAY, CHANGE_WEEKDAY } kind; /* Jn (29 February never counts), n, Mm.w.d */
    int month, week, day;                                    /* month and week of Mm.w.d only */
    int32_t time;                                            /* seconds after (or before) that day's midnight */
};

/* POSIX TZ: "CET-1CEST,M3.5.0,M10.5.0/3", offsets here east of UTC. */
struct zone_rule {
    char standard[ZONE_ABBREVIATION], daylight[ZONE_ABBREVIATION];
    int32_t standard_offset, daylight_offset;
    bool changes; /* false: standard time all year */
    struct zone_change start, end;
};

struct zone_kind {
    int32_t offset;
    const char *abbreviation; /* in `abbreviations` */
};

struct zone {
    atomic_uint references;
    char *name;
    size_t count; /* of transitions */
    int64_t *transitions;
    unsigned char *kind_of; /* of each transition */
    struct zone_kind kinds[256];
    size_t kind_count;
    char *abbreviations;
    bool has_rule;
    struct zone_rule rule;
};

/* A stretch of time under one offset: [start, end). */
struct zone_span {
    int64_t start, end; /* INT64_MIN, INT64_MAX: no start, no end */
    int32_t offset;
    const char *abbreviation;
};

/* The span that holds `utc`. Neighbours may have the same offset. */
struct zone_span zone_span_at(const struct zone *zone, int64_t utc);

/* False where `text` is no POSIX TZ string. */
bool zone_rule_parse(const char *text, struct zone_rule *rule);
struct zone_span zone_rule_span(const struct zone_rule *rule, int64_t utc);

/* A zone of its own without a file: UTC. */
struct zone *zone_utc(void);

#endif
