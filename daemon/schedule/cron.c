/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Text to bits, and from one matching time to the next by whole fields: months that do not match cost one step each, days and
 * times of day a few instructions. Nothing here steps through seconds.
 */
#include "cron.h"

#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/memory.h"

#define DAY 86400

static const char *const month_names[] = {"jan", "feb", "mar", "apr", "may", "jun",
                                          "jul", "aug", "sep", "oct", "nov", "dec"};
static const char *const weekday_names[] = {"sun", "mon", "tue", "wed", "thu", "fri", "sat"};

struct field {
    const char *name;
    unsigned least, most;
    const char *const *names; /* of least, least + 1, ... */
    unsigned name_count;
    const char *accepted;
};

enum { SECOND, MINUTE, HOUR, DAY_OF_MONTH, MONTH, WEEKDAY, FIELDS };

static const struct field fields[FIELDS] = {
    [SECOND] = {"second", 0, 59, NULL, 0, "0-59"},
    [MINUTE] = {"minute", 0, 59, NULL, 0, "0-59"},
    [HOUR] = {"hour", 0, 23, NULL, 0, "0-23"},
    [DAY_OF_MONTH] = {"day of month", 1, 31, NULL, 0, "1-31"},
    [MONTH] = {"month", 1, 12, month_names, 12, "1-12 or jan-dec"},
    [WEEKDAY] = {"day of week", 0, 7, weekday_names, 7, "0-7 (0 and 7 are Sunday) or sun-sat"},
};

static const struct {
    const char *name, *expression;
} shorthands[] = {
    {"@hourly", "0 * * * *"},  {"@daily", "0 0 * * *"},  {"@midnight", "0 0 * * *"}, {"@weekly", "0 0 * * 0"},
    {"@monthly", "0 0 1 * *"}, {"@yearly", "0 0 1 1 *"}, {"@annually", "0 0 1 1 *"},
};

/* Parsing. */

/* What is being read, for messages: one item of a field's list. */
struct item {
    const struct field *field;
    const char *text, *end;
    struct error *error;
};

__attribute__((format(printf, 2, 3))) static bool refuse(const struct item *item, const char *format, ...) {
    va_list words;
    va_start(words, format);
    _cleanup_free_ char *what = x_vprintf(format, words);
    va_end(words);
    error_set(item->error, ERROR_INVALID,
              "%s \"%.*s\": %s; accepted are *, %s, lists (1,2), ranges (1-5) and steps (*/2, 1-9/2)",
              item->field->name, (int)(item->end - item->text), item->text, what, item->field->accepted);
    return false;
}

/* Decimal digits up to `end`, saturating far above any field. */
static bool read_number(const char **at, const char *end, unsigned *number) {
    const char *start = *at;
    for (*number = 0; *at < end && **at >= '0' && **at <= '9'; (*at)++)
        *number = *number < 1000 ? *number * 10 + (unsigned)(**at - '0') : *number;
    return *at > start;
}

static bool read_name(const struct item *item, const char **at, unsigned *value) {
    for (unsigned i = 0; i < item->field->name_count; i++) {
        size_t length = strlen(item->field->names[i]);
        if ((size_t)(item->end - *at) < length || strncasecmp(*at, item->field->names[i], length) != 0)
            continue;
        *at += length;
        *value = item->field->least + i;
        return true;
    }
    return false;
}

static bool read_value(const struct item *item, const char **at, unsigned *value) {
    if (!read_number(at, item->end, value) && !read_name(item, at, value))
        return refuse(item, "not understood");
    if (*value < item->field->least || *value > item->field->most)
        return refuse(item, "%u is out of range", *value);
    return true;
}

/* "1-5", "mon-fri", "5"; `single` where there is one value alone. */
static bool read_range(const struct item *item, const char **at, unsigned range[2], bool *single) {
    if (!read_value(item, at, &range[0]))
        return false;
    range[1] = range[0];
    *single = *at == item->end || **at != '-';
    if (*single)
        return true;
    (*at)++;
    if (!read_value(item, at, &range[1]))
        return false;
    if (item->field == &fields[WEEKDAY] && range[1] == 0 && range[0] > 0)
        range[1] = 7; /* fri-sun */
    return range[0] <= range[1] || refuse(item, "the range goes backwards");
}

static bool read_step(const struct item *item, const char **at, unsigned *step) {
    unsigned most = item->field->most - item->field->least + (item->field == &fields[WEEKDAY] ? 0 : 1);
    *step = 1;
    if (*at == item->end)
        return true;
    if (*(*at)++ != '/' || !read_number(at, item->end, step) || *at != item->end)
        return refuse(item, "not understood");
    return (*step >= 1 && *step <= most) || refuse(item, "a step is from 1 to %u", most);
}

static bool parse_item(const struct item *item, uint64_t *bits) {
    const struct field *field = item->field;
    const char *at = item->text;
    unsigned range[2] = {field->least, field == &fields[WEEKDAY] ? 6 : field->most}, step;
    bool single = false;
    if (at < item->end && *at == '*')
        at++;
    else if (!read_range(item, &at, range, &single))
        return false;
    if (single && at < item->end && *at == '/')
        return refuse(item, "a step needs a range or a star: %u-%u%s", range[0], field->most, at);
    if (!read_step(item, &at, &step))
        return false;
    for (unsigned value = range[0]; value <= range[1]; value += step)
        *bits |= (uint64_t)1 << (field == &fields[WEEKDAY] ? value % 7 : value);
    return true;
}

static bool parse_field(const struct field *field, const char *text, const char *end, uint64_t *bits,
                        struct error *error) {
    *bits = 0;
    while (true) {
        const char *comma = memchr(text, ',', (size_t)(end - text));
        struct item item = {field, text, comma ? comma : end, error};
        if (!parse_item(&item, bits))
            return false;
        if (!comma)
            return true;
        text = comma + 1;
    }
}

/* Cuts at blanks and tabs: how many words there are; the first FIELDS of them in `words`. */
static size_t split(const char *text, struct item words[FIELDS]) {
    size_t count = 0;
    while (*(text += strspn(text, " \t"))) {
        size_t length = strcspn(text, " \t");
        if (count < FIELDS)
            words[count] = (struct item){.text = text, .end = text + length};
        count++;
        text += length;
    }
    return count;
}

static bool parse_fields(const char *text, struct cron *cron, struct error *error) {
    struct item words[FIELDS];
    size_t count = split(text, words), first = count == FIELDS ? SECOND : MINUTE;
    if (count != FIELDS && count != FIELDS - 1) {
        error_set(error, ERROR_INVALID,
                  "\"%s\" has %zu fields; accepted are five (minute hour day-of-month month day-of-week), six with "
                  "seconds first, "
                  "or @hourly @daily @midnight @weekly @monthly @yearly @annually",
                  text, count);
        return false;
    }
    uint64_t *bits[FIELDS] = {&cron->seconds, &cron->minutes, &cron->hours,
                              &cron->days,    &cron->months,  &cron->weekdays};
    cron->seconds = 1;
    for (size_t i = first; i < FIELDS; i++)
        if (!parse_field(&fields[i], words[i - first].text, words[i - first].end, bits[i], error)) {
            error_context(error, "\"%s\"", text);
            return false;
        }
    cron->every_hour = *words[HOUR - first].text == '*';
    cron->days_open = *words[DAY_OF_MONTH - first].text == '*';
    cron->weekdays_open = *words[WEEKDAY - first].text == '*';
    return true;
}

bool cron_parse(const char *text, struct cron *cron, struct error *error) {
    struct item words[FIELDS];
    *cron = (struct cron){0};
    if (split(text, words) != 1 || *words[0].text != '@')
        return parse_fields(text, cron, error);
    size_t length = (size_t)(words[0].end - words[0].text);
    for (size_t i = 0; i < array_length(shorthands); i++)
        if (strlen(shorthands[i].name) == length && strncasecmp(shorthands[i].name, words[0].text, length) == 0)
            return parse_fields(shorthands[i].expression, cron, error);
    error_set(error, ERROR_INVALID,
              "\"%.*s\" is no schedule; accepted are @hourly @daily @midnight @weekly @monthly @yearly @annually, or "
              "five or six fields",
              (int)length, words[0].text);
    return false;
}

/* Matching. */

/* The least value of the set at or above `from`; -1 where there is none. */
static int first_bit(uint64_t bits, int from) {
    bits = from < 64 ? bits & ~(uint64_t)0 << from : 0;
    return bits ? __builtin_ctzll(bits) : -1;
}

/* The first second of a day, at or after `from`, that matches; -1 where none is left. */
static int time_of_day(const struct cron *cron, int from) {
    int first_minute = first_bit(cron->minutes, 0), first_second = first_bit(cron->seconds, 0);
    int hour = first_bit(cron->hours, from / 3600);
    if (hour != from / 3600)
        return hour < 0 ? -1 : hour * 3600 + first_minute * 60 + first_second;
    int minute = first_bit(cron->minutes, from / 60 % 60);
    int second = minute == from / 60 % 60 ? first_bit(cron->seconds, from % 60) : first_second;
    if (minute >= 0 && second < 0) {
        minute = first_bit(cron->minutes, minute + 1);
        second = first_second;
    }
    if (minute >= 0)
        return hour * 3600 + minute * 60 + second;
    hour = first_bit(cron->hours, hour + 1);
    return hour < 0 ? -1 : hour * 3600 + first_minute * 60 + first_second;
}

/* The days of a month that match, bit 1 the first. */
static uint64_t days_of_month(const struct cron *cron, int64_t year, int month) {
    int days = civil_month_days(year, month), weekday = civil_weekday(civil_days(year, month, 1));
    uint64_t by_weekday = 0, all = ((uint64_t)1 << (days + 1)) - 2;
    for (int day = 1; day <= days; day++, weekday = (weekday + 1) % 7)
        by_weekday |= (cron->weekdays >> weekday & 1) << day;
    bool both = cron->days_open || cron->weekdays_open;
    return all & (both ? cron->days & by_weekday : cron->days | by_weekday);
}

/* The first matching day (since 1970) in [day, last]. */
static bool next_day(const struct cron *cron, int64_t day, int64_t last, int64_t *found) {
    struct civil c = civil_from_seconds(day * DAY);
    for (int64_t first = day - c.day + 1; first <= last; c.day = 1) {
        int match = cron->months >> c.month & 1 ? first_bit(days_of_month(cron, c.year, c.month), c.day) : -1;
        *found = first + match - 1;
        if (match > 0)
            return *found <= last;
        first += civil_month_days(c.year, c.month);
        c.year += c.month == 12;
        c.month = c.month % 12 + 1;
    }
    return false;
}

bool cron_next(const struct cron *cron, int64_t from, int64_t until, int64_t *local) {
    int64_t today = from / DAY - (from % DAY < 0), day;
    if (from >= until)
        return false;
    int64_t last = (until - 1) / DAY - ((until - 1) % DAY < 0);
    if (!next_day(cron, today, last, &day))
        return false;
    int time = time_of_day(cron, day == today ? (int)(from - today * DAY) : 0);
    if (time < 0) {
        if (!next_day(cron, today + 1, last, &day))
            return false;
        time = time_of_day(cron, 0);
    }
    *local = day * DAY + time;
    return *local < until;
}
