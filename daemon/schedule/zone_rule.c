/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The POSIX TZ string of a TZif footer: what clocks do in all years after the file's table (POSIX.1-2017 8.3, with RFC 8536's
 * hours from -167 to 167). Offsets in it count west of UTC; here they count east.
 */
#include <string.h>

#include "zone_private.h"

#define DAY 86400

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

static bool is_letter(char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

static bool read_char(const char **text, char c) {
    if (**text != c)
        return false;
    (*text)++;
    return true;
}

/* A number of at most three digits within its bounds. */
static bool read_number(const char **text, int least, int most, int *number) {
    int digits = 0;
    for (*number = 0; is_digit(**text) && digits < 4; digits++, (*text)++)
        *number = *number * 10 + (**text - '0');
    return digits > 0 && digits < 4 && *number >= least && *number <= most;
}

/* "CET", or "<+0330>" where it is not of letters alone. */
static bool read_name(const char **text, char name[ZONE_ABBREVIATION]) {
    bool quoted = read_char(text, '<');
    size_t length = 0;
    for (; is_letter(**text) || (quoted && (is_digit(**text) || **text == '+' || **text == '-')); (*text)++) {
        if (length + 1 == ZONE_ABBREVIATION)
            return false;
        name[length++] = **text;
    }
    name[length] = '\0';
    return length >= 3 && (!quoted || read_char(text, '>'));
}

/* [+-]h[h[h]][:mm[:ss]] */
static bool read_time(const char **text, int most_hours, int32_t *seconds) {
    int sign = **text == '-' ? -1 : 1, hours, minutes = 0, rest = 0;
    if (**text == '-' || **text == '+')
        (*text)++;
    if (!read_number(text, 0, most_hours, &hours) || (read_char(text, ':') && !read_number(text, 0, 59, &minutes)) ||
        (read_char(text, ':') && !read_number(text, 0, 59, &rest)))
        return false;
    *seconds = sign * (hours * 3600 + minutes * 60 + rest);
    return true;
}

static bool read_date(const char **text, struct zone_change *change) {
    if (read_char(text, 'J')) {
        change->kind = CHANGE_JULIAN;
        return read_number(text, 1, 365, &change->day);
    }
    if (!read_char(text, 'M')) {
        change->kind = CHANGE_DAY;
        return read_number(text, 0, 365, &change->day);
    }
    change->kind = CHANGE_WEEKDAY;
    return read_number(text, 1, 12, &change->month) && read_char(text, '.') && read_number(text, 1, 5, &change->week) &&
           read_char(text, '.') && read_number(text, 0, 6, &change->day);
}

static bool read_change(const char **text, struct zone_change *change) {
    change->time = 2 * 3600;
    return read_char(text, ',') && read_date(text, change) &&
           (!read_char(text, '/') || read_time(text, 167, &change->time));
}

bool zone_rule_parse(const char *text, struct zone_rule *rule) {
    *rule = (struct zone_rule){0};
    if (!read_name(&text, rule->standard) || !read_time(&text, 24, &rule->standard_offset))
        return false;
    rule->standard_offset = -rule->standard_offset;
    if (!*text)
        return true;
    rule->changes = true;
    rule->daylight_offset = rule->standard_offset + 3600;
    if (!read_name(&text, rule->daylight))
        return false;
    if (*text && *text != ',') {
        if (!read_time(&text, 24, &rule->daylight_offset))
            return false;
        rule->daylight_offset = -rule->daylight_offset;
    }
    return read_change(&text, &rule->start) && read_change(&text, &rule->end) && !*text;
}

/* Days since 1970 of the change's date in that year. */
static int64_t change_day(const struct zone_change *change, int64_t year) {
    int64_t new_year = civil_days(year, 1, 1);
    bool leap = civil_month_days(year, 2) == 29;
    if (change->kind == CHANGE_DAY)
        return new_year + change->day;
    if (change->kind == CHANGE_JULIAN)
        return new_year + change->day - 1 + (leap && change->day >= 60);
    int64_t first = civil_days(year, change->month, 1);
    int days = civil_month_days(year, change->month);
    int day = (change->day - civil_weekday(first) + 7) % 7 + (change->week - 1) * 7;
    return first + (day >= days ? day - 7 : day);
}

static struct zone_span one_side(const struct zone_rule *rule, bool daylight) {
    return (struct zone_span){.start = INT64_MIN,
                              .end = INT64_MAX,
                              .offset = daylight ? rule->daylight_offset : rule->standard_offset,
                              .abbreviation = daylight ? rule->daylight : rule->standard};
}

/*
 * The changes of the years around `utc`, in order. Hours beyond a day can carry a change over New Year; where one year's end of
 * daylight time is the next year's start (daylight time all year: "XXX3EDT4,0/0,J365/23"), the later year's counts.
 */
struct zone_span zone_rule_span(const struct zone_rule *rule, int64_t utc) {
    if (!rule->changes)
        return one_side(rule, false);
    struct zone_span span = one_side(rule, false);
    int64_t year = civil_from_seconds(utc + rule->standard_offset).year;
    for (int64_t y = year - 2; y <= year + 2; y++) {
        int64_t at[2] = {
            change_day(&rule->start, y) * DAY + rule->start.time - rule->standard_offset,
            change_day(&rule->end, y) * DAY + rule->end.time - rule->daylight_offset,
        };
        for (int i = 0; i < 2; i++) {
            struct zone_span side = one_side(rule, i == 0);
            if (at[i] > utc)
                span.end = at[i] < span.end ? at[i] : span.end;
            else if (at[i] >= span.start)
                span = (struct zone_span){at[i], span.end, side.offset, side.abbreviation};
        }
    }
    return span;
}
