/* SPDX-License-Identifier: Apache-2.0 */
/* Instants and how AWS, mails and people write them. Who needs "now" takes a clock_fn, so tests stand at any second. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"

/* Milliseconds: since 1970 UTC for a wall clock, since some start for a monotonic one. */
typedef int64_t clock_fn(void);

clock_fn clock_wall;
clock_fn clock_monotonic; /* CLOCK_MONOTONIC; does not jump */

#define SECOND_MS ((int64_t)1000)
#define MINUTE_MS (60 * SECOND_MS)
#define HOUR_MS   (60 * MINUTE_MS)
#define DAY_MS    (24 * HOUR_MS)

/* A civil date and time of the proleptic Gregorian calendar, without a zone. */
struct civil {
    int64_t year;
    int month, day;           /* 1-12, 1-31 */
    int hour, minute, second; /* 0-23, 0-59, 0-59 */
};

int64_t civil_days(int64_t year, int month, int day); /* days since 1970-01-01 */
int64_t civil_seconds(const struct civil *civil);     /* seconds since 1970 were it UTC */
struct civil civil_from_seconds(int64_t seconds);
int civil_weekday(int64_t days); /* of days since 1970: 0 Sunday ... 6 Saturday */
int civil_month_days(int64_t year, int month);

/* Seconds since 1970 as text, UTC; each fills `text` and returns it. */
#define TIME_TEXT 40
const char *time_format_basic(char text[TIME_TEXT], int64_t seconds); /* 20250706T020000Z (SigV4) */
const char *time_format_iso(char text[TIME_TEXT], int64_t seconds);   /* 2025-07-06T02:00:00Z */
const char *time_format_iso_ms(char text[TIME_TEXT], int64_t ms);     /* 2025-07-06T02:00:00.000Z */
const char *time_format_http(char text[TIME_TEXT], int64_t seconds);  /* Sun, 06 Jul 2025 02:00:00 GMT (RFC 9110) */

/* Each gives seconds since 1970; false where it is not that form. Iso takes fractions and offsets (RFC 3339). */
bool time_parse_iso(const char *text, int64_t *seconds);
bool time_parse_basic(const char *text, int64_t *seconds);
bool time_parse_http(const char *text, int64_t *seconds);

/* "1h 30min", "45.0 s", "320 ms": a duration for a person. "12.4 MiB", "987 B": a size. "1,234,567": a count. Appended. */
void format_duration(struct buffer *out, int64_t ms);
void format_size(struct buffer *out, uint64_t bytes);
void format_count(struct buffer *out, uint64_t count);

#endif
