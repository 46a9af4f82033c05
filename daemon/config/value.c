/* SPDX-License-Identifier: Apache-2.0 */
/* Values to numbers and back. Every sum and product is checked: what does not fit is not that form. */
#include "config/value.h"

#include <inttypes.h>
#include <limits.h>
#include <string.h>
#include <strings.h>

#include "base/memory.h"
#include "config/config.h"

#define US_A_MS  UINT64_C(1000)
#define US_A_S   (1000 * US_A_MS)
#define US_A_MIN (60 * US_A_S)
#define US_A_H   (60 * US_A_MIN)
#define US_A_D   (24 * US_A_H)

/* systemd.time(7); a month is 30.44 days and a year 365.25, as there. */
static const struct unit {
    const char *name;
    uint64_t us;
} units[] = {
    {"usec", 1},
    {"us", 1},
    {"\u03bcs", 1},
    {"\u00b5s", 1},
    {"msec", US_A_MS},
    {"ms", US_A_MS},
    {"seconds", US_A_S},
    {"second", US_A_S},
    {"sec", US_A_S},
    {"s", US_A_S},
    {"minutes", US_A_MIN},
    {"minute", US_A_MIN},
    {"min", US_A_MIN},
    {"m", US_A_MIN},
    {"hours", US_A_H},
    {"hour", US_A_H},
    {"hr", US_A_H},
    {"h", US_A_H},
    {"days", US_A_D},
    {"day", US_A_D},
    {"d", US_A_D},
    {"weeks", 7 * US_A_D},
    {"week", 7 * US_A_D},
    {"w", 7 * US_A_D},
    {"months", 2629800 * US_A_S},
    {"month", 2629800 * US_A_S},
    {"M", 2629800 * US_A_S},
    {"years", 31557600 * US_A_S},
    {"year", 31557600 * US_A_S},
    {"y", 31557600 * US_A_S},
};

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

/* At least one digit; moves *at behind the last. */
static bool read_digits(const char **at, uint64_t *number) {
    uint64_t value = 0;
    if (!is_digit(**at))
        return false;
    for (; is_digit(**at); (*at)++)
        if (__builtin_mul_overflow(value, 10, &value) || __builtin_add_overflow(value, (uint64_t)(**at - '0'), &value))
            return false;
    *number = value;
    return true;
}

static void skip_blanks(const char **at) {
    while (**at == ' ' || **at == '\t')
        (*at)++;
}

/* The unit at *at, seconds where there is none; 0 where it is none of ours. */
static uint64_t read_unit(const char **at) {
    size_t length = strcspn(*at, " \t.0123456789");
    if (!length)
        return **at == '.' ? 0 : US_A_S;
    for (size_t i = 0; i < array_length(units); i++) {
        if (strlen(units[i].name) == length && strncmp(*at, units[i].name, length) == 0) {
            *at += length;
            return units[i].us;
        }
    }
    return 0;
}

/* "1h", "1.5 h", "90"; added to *us. */
static bool read_component(const char **at, uint64_t *us) {
    uint64_t whole, part;
    const char *fraction = NULL;
    if (!read_digits(at, &whole))
        return false;
    if (**at == '.') {
        fraction = ++*at;
        if (!is_digit(*fraction))
            return false;
        *at += strspn(fraction, "0123456789");
    }
    skip_blanks(at);
    uint64_t unit = read_unit(at);
    if (!unit || __builtin_mul_overflow(whole, unit, &part))
        return false;
    for (; fraction && is_digit(*fraction); fraction++) {
        unit /= 10;
        if (__builtin_add_overflow(part, (uint64_t)(*fraction - '0') * unit, &part))
            return false;
    }
    return !__builtin_add_overflow(*us, part, us);
}

bool value_span(const char *text, int64_t *ms) {
    uint64_t us = 0;
    skip_blanks(&text);
    do {
        if (!read_component(&text, &us))
            return false;
        skip_blanks(&text);
    } while (*text);
    *ms = (int64_t)(us / US_A_MS);
    return true;
}

/* The calendar's own units, which have no fixed length; a week is seven of its days. */
static const struct calendar_unit {
    const char *name;
    int years, months, days;
} calendar_units[] = {
    {"years", 1, 0, 0}, {"year", 1, 0, 0}, {"y", 1, 0, 0}, {"months", 0, 1, 0}, {"month", 0, 1, 0}, {"M", 0, 1, 0},
    {"weeks", 0, 0, 7}, {"week", 0, 0, 7}, {"w", 0, 0, 7}, {"days", 0, 0, 1},   {"day", 0, 0, 1},   {"d", 0, 0, 1},
};

#define PERIOD_MOST 100000 /* of any unit */

static bool add_calendar_unit(const char *name, size_t length, int count, struct config_period *period) {
    for (size_t i = 0; i < array_length(calendar_units); i++) {
        const struct calendar_unit *unit = &calendar_units[i];
        if (strlen(unit->name) != length || strncmp(name, unit->name, length) != 0)
            continue;
        period->years += count * unit->years;
        period->months += count * unit->months;
        period->days += count * unit->days;
        return true;
    }
    return false;
}

static bool read_period_part(const char **at, struct config_period *period) {
    uint64_t count;
    if (!read_digits(at, &count) || count > PERIOD_MOST)
        return false;
    skip_blanks(at);
    size_t length = strcspn(*at, " \t.0123456789");
    if (!length || (length == 1 && **at == 'm'))
        return false;
    if (!add_calendar_unit(*at, length, (int)count, period)) {
        const char *end = *at;
        uint64_t unit = read_unit(&end);
        if (!unit)
            return false;
        period->ms += (int64_t)(count * unit / US_A_MS);
    }
    *at += length;
    return true;
}

bool value_period(const char *text, struct config_period *period) {
    *period = (struct config_period){0};
    skip_blanks(&text);
    for (int parts = 0; parts == 0 || *text; parts++) {
        if (parts == 16 || !read_period_part(&text, period))
            return false;
        skip_blanks(&text);
    }
    return period->years || period->months || period->days || period->ms;
}

bool value_number(const char *text, uint64_t *number) {
    uint64_t value;
    if (!read_digits(&text, &value) || *text)
        return false;
    *number = value;
    return true;
}

bool value_percent(const char *text, uint64_t *percent) {
    uint64_t value;
    if (!read_digits(&text, &value) || strcmp(text, "%") != 0)
        return false;
    *percent = value;
    return true;
}

bool value_capacity(const char *text, struct config_capacity *capacity) {
    uint64_t value;
    bool percent = value_percent(text, &value);
    if (!percent && !value_number(text, &value))
        return false;
    if (value > (percent ? 100 : UINT_MAX) || !value)
        return false;
    *capacity = (struct config_capacity){(unsigned)value, percent};
    return true;
}

static const char size_units[] = "KMGT";

bool value_size(const char *text, uint64_t *bytes) {
    uint64_t value;
    if (!read_digits(&text, &value))
        return false;
    if (*text) {
        const char *unit = strchr(size_units, *text);
        if (!unit || text[1])
            return false;
        unsigned shift = 10 * (unsigned)(unit - size_units + 1);
        if (value > UINT64_MAX >> shift)
            return false;
        value <<= shift;
    }
    *bytes = value;
    return true;
}

bool value_boolean(const char *text, bool *value) {
    static const char *const words[] = {"no", "yes", "false", "true", "off", "on", "0", "1"};
    for (size_t i = 0; i < array_length(words); i++) {
        if (strcasecmp(text, words[i]) == 0) {
            *value = i % 2;
            return true;
        }
    }
    return false;
}

void value_format_span(struct buffer *out, int64_t ms) {
    static const struct {
        const char *name;
        int64_t ms;
    } written[] = {{"d", 86400000}, {"h", 3600000}, {"min", 60000}, {"s", 1000}, {"ms", 1}};
    const char *blank = "";
    for (size_t i = 0; i < array_length(written); i++) {
        if (ms < written[i].ms)
            continue;
        buffer_printf(out, "%s%" PRId64 "%s", blank, ms / written[i].ms, written[i].name);
        ms %= written[i].ms;
        blank = " ";
    }
    if (!*blank)
        buffer_add(out, "0");
}

/* 36h stay hours: a day is the calendar's. */
void value_format_period(struct buffer *out, const struct config_period *period) {
    const int64_t an_hour = 3600000;
    const struct {
        int64_t count;
        const char *name;
    } parts[] = {{period->years, "y"}, {period->months, "M"}, {period->days, "d"}, {period->ms / an_hour, "h"}};
    const char *blank = "";
    for (size_t i = 0; i < array_length(parts); i++) {
        if (!parts[i].count)
            continue;
        buffer_printf(out, "%s%" PRId64 "%s", blank, parts[i].count, parts[i].name);
        blank = " ";
    }
    if (period->ms % an_hour) {
        buffer_add(out, blank);
        value_format_span(out, period->ms % an_hour);
    } else if (!*blank) {
        buffer_add(out, "none");
    }
}

void value_format_size(struct buffer *out, uint64_t bytes) {
    size_t unit = 0;
    while (bytes && bytes % 1024 == 0 && size_units[unit]) {
        bytes /= 1024;
        unit++;
    }
    buffer_printf(out, "%" PRIu64, bytes);
    if (unit)
        buffer_add_char(out, size_units[unit - 1]);
}
