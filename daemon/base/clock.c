/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Instants. The calendar arithmetic is that of Howard Hinnant's "chrono-Compatible Low-Level Date Algorithms": eras of 400
 * years that begin in March, so that the leap day is a year's last.
 */
#include "base/clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static int64_t read_clock(clockid_t id) {
    struct timespec now;
    clock_gettime(id, &now);
    return (int64_t)now.tv_sec * SECOND_MS + now.tv_nsec / 1000000;
}

int64_t clock_wall(void) {
    return read_clock(CLOCK_REALTIME);
}

int64_t clock_monotonic(void) {
    return read_clock(CLOCK_MONOTONIC);
}

static int64_t floor_div(int64_t a, int64_t b) {
    return a / b - (a % b < 0);
}

int64_t civil_days(int64_t year, int month, int day) {
    year -= month <= 2;
    int64_t era = floor_div(year, 400);
    int64_t year_of_era = year - era * 400;
    int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * 146097 + day_of_era - 719468;
}

int64_t civil_seconds(const struct civil *civil) {
    return civil_days(civil->year, civil->month, civil->day) * 86400 + civil->hour * 3600 + civil->minute * 60 +
           civil->second;
}

struct civil civil_from_seconds(int64_t seconds) {
    int64_t days = floor_div(seconds, 86400);
    int in_day = (int)(seconds - days * 86400);
    days += 719468;
    int64_t era = floor_div(days, 146097);
    int64_t day_of_era = days - era * 146097;
    int64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int month_from_march = (int)((5 * day_of_year + 2) / 153);
    int month = month_from_march < 10 ? month_from_march + 3 : month_from_march - 9;
    return (struct civil){.year = year_of_era + era * 400 + (month <= 2),
                          .month = month,
                          .day = (int)(day_of_year - (153 * month_from_march + 2) / 5 + 1),
                          .hour = in_day / 3600,
                          .minute = in_day / 60 % 60,
                          .second = in_day % 60};
}

int civil_weekday(int64_t days) {
    return (int)(days + 4 - floor_div(days + 4, 7) * 7); /* 1970-01-01 was a Thursday */
}

int civil_month_days(int64_t year, int month) {
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    return days[month - 1] + (month == 2 && leap);
}

const char *time_format_basic(char text[TIME_TEXT], int64_t seconds) {
    struct civil c = civil_from_seconds(seconds);
    snprintf(text, TIME_TEXT, "%04" PRId64 "%02d%02dT%02d%02d%02dZ", c.year, c.month, c.day, c.hour, c.minute,
             c.second);
    return text;
}

const char *time_format_iso(char text[TIME_TEXT], int64_t seconds) {
    struct civil c = civil_from_seconds(seconds);
    snprintf(text, TIME_TEXT, "%04" PRId64 "-%02d-%02dT%02d:%02d:%02dZ", c.year, c.month, c.day, c.hour, c.minute,
             c.second);
    return text;
}

const char *time_format_iso_ms(char text[TIME_TEXT], int64_t ms) {
    int64_t seconds = floor_div(ms, SECOND_MS);
    struct civil c = civil_from_seconds(seconds);
    snprintf(text, TIME_TEXT, "%04" PRId64 "-%02d-%02dT%02d:%02d:%02d.%03dZ", c.year, c.month, c.day, c.hour, c.minute,
             c.second, (int)(ms - seconds * SECOND_MS));
    return text;
}

static const char weekdays[7][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
static const char months[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

const char *time_format_http(char text[TIME_TEXT], int64_t seconds) {
    struct civil c = civil_from_seconds(seconds);
    int weekday = civil_weekday(floor_div(seconds, 86400));
    snprintf(text, TIME_TEXT, "%s, %02d %s %04" PRId64 " %02d:%02d:%02d GMT", weekdays[weekday], c.day,
             months[c.month - 1], c.year, c.hour, c.minute, c.second);
    return text;
}

/* Exactly `digits` decimal digits; moves *text on. -1 where they are not there. */
static int read_digits(const char **text, int digits) {
    int value = 0;
    for (; digits; digits--, (*text)++) {
        if (**text < '0' || **text > '9')
            return -1;
        value = value * 10 + (**text - '0');
    }
    return value;
}

static bool read_char(const char **text, char c) {
    if (**text != c)
        return false;
    (*text)++;
    return true;
}

static bool civil_is_valid(const struct civil *c) {
    return c->year >= 0 && c->month >= 1 && c->month <= 12 && c->day >= 1 &&
           c->day <= civil_month_days(c->year, c->month) && c->hour >= 0 && c->hour <= 23 && c->minute >= 0 &&
           c->minute <= 59 && c->second >= 0 && c->second <= 60;
}

static bool finish(const struct civil *civil, int64_t offset, int64_t *seconds) {
    if (!civil_is_valid(civil))
        return false;
    *seconds = civil_seconds(civil) - offset;
    return true;
}

/* "Z", "+07:00"; seconds east of UTC. */
static bool read_offset(const char **text, int64_t *offset) {
    *offset = 0;
    if (read_char(text, 'Z'))
        return true;
    int sign = **text == '-' ? -1 : 1;
    if (!read_char(text, '+') && !read_char(text, '-'))
        return false;
    int hours = read_digits(text, 2);
    if (hours < 0 || hours > 23 || !read_char(text, ':'))
        return false;
    int minutes = read_digits(text, 2);
    *offset = sign * (hours * 3600 + minutes * 60);
    return minutes >= 0 && minutes < 60;
}

bool time_parse_iso(const char *text, int64_t *seconds) {
    struct civil c = {0};
    int64_t offset;
    c.year = read_digits(&text, 4);
    if (c.year < 0 || !read_char(&text, '-') || (c.month = read_digits(&text, 2)) < 0 || !read_char(&text, '-') ||
        (c.day = read_digits(&text, 2)) < 0 || !read_char(&text, 'T') || (c.hour = read_digits(&text, 2)) < 0 ||
        !read_char(&text, ':') || (c.minute = read_digits(&text, 2)) < 0 || !read_char(&text, ':') ||
        (c.second = read_digits(&text, 2)) < 0)
        return false;
    if (read_char(&text, '.')) {
        size_t digits = strspn(text, "0123456789");
        if (!digits)
            return false;
        text += digits;
    }
    return read_offset(&text, &offset) && !*text && finish(&c, offset, seconds);
}

bool time_parse_basic(const char *text, int64_t *seconds) {
    struct civil c = {0};
    c.year = read_digits(&text, 4);
    if (c.year < 0 || (c.month = read_digits(&text, 2)) < 0 || (c.day = read_digits(&text, 2)) < 0 ||
        !read_char(&text, 'T') || (c.hour = read_digits(&text, 2)) < 0 || (c.minute = read_digits(&text, 2)) < 0 ||
        (c.second = read_digits(&text, 2)) < 0)
        return false;
    return strcmp(text, "Z") == 0 && finish(&c, 0, seconds);
}

static int read_month(const char **text) {
    for (int i = 0; i < 12; i++)
        if (strncmp(*text, months[i], 3) == 0) {
            *text += 3;
            return i + 1;
        }
    return -1;
}

bool time_parse_http(const char *text, int64_t *seconds) {
    struct civil c = {0};
    const char *comma = strchr(text, ',');
    if (!comma || comma - text != 3 || comma[1] != ' ')
        return false;
    text = comma + 2;
    if ((c.day = read_digits(&text, 2)) < 0 || !read_char(&text, ' ') || (c.month = read_month(&text)) < 0 ||
        !read_char(&text, ' ') || (c.year = read_digits(&text, 4)) < 0 || !read_char(&text, ' ') ||
        (c.hour = read_digits(&text, 2)) < 0 || !read_char(&text, ':') || (c.minute = read_digits(&text, 2)) < 0 ||
        !read_char(&text, ':') || (c.second = read_digits(&text, 2)) < 0)
        return false;
    return strcmp(text, " GMT") == 0 && finish(&c, 0, seconds);
}

void format_duration(struct buffer *out, int64_t ms) {
    int64_t seconds = ms / SECOND_MS;
    if (ms < SECOND_MS)
        buffer_printf(out, "%" PRId64 " ms", ms);
    else if (seconds < 60)
        buffer_printf(out, "%" PRId64 ".%d s", seconds, (int)(ms % SECOND_MS / 100));
    else if (seconds < 3600)
        buffer_printf(out, "%" PRId64 "min %" PRId64 "s", seconds / 60, seconds % 60);
    else if (seconds < 86400)
        buffer_printf(out, "%" PRId64 "h %" PRId64 "min", seconds / 3600, seconds / 60 % 60);
    else
        buffer_printf(out, "%" PRId64 "d %" PRId64 "h", seconds / 86400, seconds / 3600 % 24);
}

void format_size(struct buffer *out, uint64_t bytes) {
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    size_t unit = 0;
    uint64_t rest = 0;
    for (; bytes >= 1024; unit++, bytes /= 1024)
        rest = bytes % 1024;
    if (unit)
        buffer_printf(out, "%" PRIu64 ".%u %s", bytes, (unsigned)(rest * 10 / 1024), units[unit]);
    else
        buffer_printf(out, "%" PRIu64 " B", bytes);
}

void format_count(struct buffer *out, uint64_t count) {
    char digits[24];
    int length = snprintf(digits, sizeof digits, "%" PRIu64, count);
    for (int i = 0; i < length; i++) {
        if (i && (length - i) % 3 == 0)
            buffer_add_char(out, ',');
        buffer_add_char(out, digits[i]);
    }
}
