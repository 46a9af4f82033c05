/* SPDX-License-Identifier: Apache-2.0 */
/* A table of readers, one a kind of value: text in, the slot of a struct filled; and what each kind accepts, in words. */
#include "config/reading.h"

#include <inttypes.h>
#include <string.h>

#include "base/memory.h"
#include "base/nearest.h"
#include "config/config.h"
#include "config/lists.h"
#include "config/value.h"

struct reading {
    const struct config_key *key;
    const char *value;
    void *base, *slot;
    struct config_zones *zones;
    struct error *error;
};

#define SHOWN 80 /* bytes of a value that a message repeats */

/* "VALUE" is not accepted; accepted: FORM; did you mean NEAREST? */
static bool refuse_near(const struct reading *reading, const char *nearest) {
    _cleanup_buffer_ struct buffer what = BUFFER_INIT(BUFFER_OURS);
    if (reading->key->secret)
        buffer_add(&what, "what stands there");
    else
        buffer_printf(&what, "\"%.*s%s\"", SHOWN, reading->value, strlen(reading->value) > SHOWN ? "..." : "");
    buffer_add(&what, " is not accepted; accepted: ");
    config_key_accepts(reading->key, &what);
    if (nearest)
        buffer_printf(&what, "; did you mean %s?", nearest);
    error_set(reading->error, ERROR_INVALID, "%s", what.data);
    return false;
}

static bool refuse(const struct reading *reading) {
    return refuse_near(reading, NULL);
}

static bool read_text(const struct reading *reading) {
    if (reading->key->check && !reading->key->check(reading->value))
        return refuse(reading);
    x_replace(reading->slot, reading->value);
    return true;
}

/* A number within the bounds, or 0 for the word that means it. */
static bool read_bounded(const struct reading *reading, bool (*read)(const char *, uint64_t *), uint64_t *number) {
    const struct config_key *key = reading->key;
    *number = 0;
    if (key->zero && strcmp(reading->value, key->zero) == 0)
        return true;
    if (!read(reading->value, number))
        return refuse(reading);
    if (key->check)
        return key->check(reading->value) || refuse(reading);
    return (*number >= (uint64_t)key->least && *number <= (uint64_t)key->most) || refuse(reading);
}

static bool read_span_unsigned(const char *text, uint64_t *number) {
    int64_t ms;
    if (!value_span(text, &ms))
        return false;
    *number = (uint64_t)ms;
    return true;
}

static bool read_span(const struct reading *reading) {
    uint64_t ms;
    if (!read_bounded(reading, read_span_unsigned, &ms))
        return false;
    *(int64_t *)reading->slot = (int64_t)ms;
    return true;
}

static bool read_size(const struct reading *reading) {
    uint64_t bytes;
    if (!read_bounded(reading, value_size, &bytes))
        return false;
    *(uint64_t *)reading->slot = bytes;
    return true;
}

static bool read_number(const struct reading *reading) {
    uint64_t number;
    if (!read_bounded(reading, value_number, &number))
        return false;
    *(unsigned *)reading->slot = (unsigned)number;
    return true;
}

static bool read_percent(const struct reading *reading) {
    uint64_t number;
    if (!read_bounded(reading, value_percent, &number))
        return false;
    *(int *)reading->slot = (int)number;
    return true;
}

static bool read_period(const struct reading *reading) {
    struct config_period period = {0};
    bool none = strcmp(reading->value, reading->key->zero) == 0;
    if (!none && !value_period(reading->value, &period))
        return refuse(reading);
    *(struct config_period *)reading->slot = period;
    return true;
}

static bool read_capacity(const struct reading *reading) {
    const struct config_key *key = reading->key;
    struct config_capacity capacity = {0};
    bool none = strcmp(reading->value, key->zero) == 0;
    if (!none && !value_capacity(reading->value, &capacity))
        return refuse(reading);
    if (!none && !capacity.percent && (capacity.value < key->least || capacity.value > key->most))
        return refuse(reading);
    *(struct config_capacity *)reading->slot = capacity;
    return true;
}

static bool read_boolean(const struct reading *reading) {
    return value_boolean(reading->value, reading->slot) || refuse(reading);
}

static void refuse_unknown_word(const struct reading *reading, const char *wanted) {
    struct nearest nearest = NEAREST_TO(wanted);
    for (const struct config_word *word = reading->key->words; word->name; word++)
        nearest_try(&nearest, word->name);
    (void)refuse_near(reading, nearest.name);
}

/* The word of `length` bytes at `text`; NULL with the error set. */
static const struct config_word *find_word(const struct reading *reading, const char *text, size_t length) {
    _cleanup_free_ char *wanted = x_strndup(text, length);
    const struct config_word *word = reading->key->words;
    while (word->name && strcmp(word->name, wanted) != 0)
        word++;
    if (!word->name) {
        refuse_unknown_word(reading, wanted);
        return NULL;
    }
    if (word->later) {
        error_set(reading->error, ERROR_INVALID, "%s is not supported yet", word->name);
        return NULL;
    }
    return word;
}

static bool read_choice(const struct reading *reading) {
    const struct config_word *word = find_word(reading, reading->value, strlen(reading->value));
    if (word && reading->key->slot != CONFIG_NO_SLOT)
        *(int *)reading->slot = word->value;
    return word;
}

static bool read_flags(const struct reading *reading) {
    const char *at = reading->value;
    unsigned flags = 0;
    while (*(at += strspn(at, " \t"))) {
        size_t length = strcspn(at, " \t");
        const struct config_word *word = find_word(reading, at, length);
        if (!word)
            return false;
        flags |= (unsigned)word->value;
        at += length;
    }
    *(unsigned *)reading->slot = flags;
    return true;
}

static bool read_addresses(const struct reading *reading) {
    return config_list_add_addresses(reading->slot, reading->value, reading->error);
}

static bool read_columns(const struct reading *reading) {
    return config_columns_add(reading->slot, reading->value, reading->error);
}

static bool read_tags(const struct reading *reading) {
    return config_tags_add(reading->slot, reading->value, reading->error);
}

void config_zones_fini(struct config_zones *zones) {
    for (size_t i = 0; i < zones->count; i++)
        zone_unref(zones->items[i]);
    free(zones->items);
    *zones = (struct config_zones){0};
}

/* Borrowed from the list; NULL with the error set. */
static struct zone *load_zone(struct config_zones *zones, const char *name, struct error *error) {
    for (size_t i = 0; i < zones->count; i++)
        if (strcmp(zone_name(zones->items[i]), name) == 0)
            return zones->items[i];
    struct zone *zone = zone_load(name, error);
    if (!zone)
        return NULL;
    zones->items = x_realloc(zones->items, (zones->count + 1) * sizeof(struct zone *));
    return zones->items[zones->count++] = zone;
}

static bool read_zone(const struct reading *reading) {
    struct zone **slot = reading->slot;
    struct zone *zone = load_zone(reading->zones, reading->value, reading->error);
    if (!zone)
        return false;
    zone_unref(*slot);
    *slot = zone_ref(zone);
    return true;
}

/* An instant from which a schedule that ever comes, comes within the 50 years that schedule_next() looks ahead. */
#define SOME_TIME INT64_C(1767225600) /* 2026-01-01 */

static bool read_schedule(const struct reading *reading) {
    struct schedule *schedule = schedule_parse(reading->value, reading->error);
    int64_t next;
    if (!schedule)
        return false;
    struct zone *utc = load_zone(reading->zones, "UTC", reading->error);
    if (!utc || !schedule_next(schedule, utc, SOME_TIME, &next)) {
        schedule_free(schedule);
        if (utc)
            error_set(reading->error, ERROR_INVALID, "\"%.*s\" never comes within 50 years", SHOWN, reading->value);
        return false;
    }
    schedule_list_take(reading->slot, schedule);
    return true;
}

/* clang-format off */
static const struct {
    bool (*read)(const struct reading *);
    const char *accepts; /* NULL: made from the key's bounds or words */
} kinds[] = {
    [KIND_TEXT] = {read_text, NULL},
    [KIND_SPAN] = {read_span, NULL},
    [KIND_SIZE] = {read_size, NULL},
    [KIND_NUMBER] = {read_number, NULL},
    [KIND_PERCENT] = {read_percent, NULL},
    [KIND_BOOLEAN] = {read_boolean, "yes or no"},
    [KIND_CHOICE] = {read_choice, NULL},
    [KIND_FLAGS] = {read_flags, NULL},
    [KIND_ADDRESSES] = {read_addresses, "addresses, separated by commas or on lines of their own"},
    [KIND_COLUMNS] = {read_columns, "names of attributes, separated by commas or blanks; one that holds a blank, a comma or a quote in double "
                                    "quotes"},
    [KIND_SCHEDULES] = {read_schedule, "five fields as crontab(5) has them, six with seconds first, or @daily and its kin; "
                                       "on lines of their own"},
    [KIND_ZONE] = {read_zone, "a time zone, such as Asia/Ho_Chi_Minh or UTC"},
    [KIND_PERIOD] = {read_period, "years, months, weeks, days, hours and minutes (1y 6months, 4w, 30d, 36h; a month is M or "
                                  "months, a minute min)"},
    [KIND_CAPACITY] = {read_capacity, NULL},
    [KIND_TAGS] = {read_tags, "KEY=VALUE, separated by commas or on lines of their own"},
};
/* clang-format on */

bool config_read_value(const struct config_key *key, const char *value, void *base, struct config_zones *zones,
                       struct error *error) {
    struct reading reading = {key, value, base, NULL, zones, error};
    reading.slot = key->slot == CONFIG_NO_SLOT ? NULL : (char *)base + key->slot;
    return kinds[key->kind].read(&reading);
}

static void add_words(const struct config_key *key, struct buffer *out) {
    size_t count = 0, written = 0;
    for (const struct config_word *word = key->words; word->name; word++)
        count += !word->later;
    const char *last = key->kind == KIND_FLAGS ? " and " : " or ";
    for (const struct config_word *word = key->words; word->name; word++) {
        if (word->later)
            continue;
        buffer_add(out, !written ? "" : written + 1 == count ? last : ", ");
        buffer_add(out, word->name);
        written++;
    }
    if (key->kind == KIND_FLAGS)
        buffer_add(out, ", one or several separated by blanks");
}

static void add_bounds(const struct config_key *key, struct buffer *out) {
    switch (key->kind) {
    case KIND_SPAN:
        buffer_add(out, "a time span (90s, 5min, 1h 30min, 7d) from ");
        value_format_span(out, key->least);
        buffer_add(out, " to ");
        value_format_span(out, key->most);
        break;
    case KIND_SIZE:
        buffer_add(out, "a size (bytes, or with K, M, G) from ");
        value_format_size(out, (uint64_t)key->least);
        buffer_add(out, " to ");
        value_format_size(out, (uint64_t)key->most);
        break;
    case KIND_CAPACITY:
        buffer_printf(out, "units a second from %" PRId64 " to %" PRId64 ", or a share from 1%% to 100%%", key->least,
                      key->most);
        break;
    case KIND_PERCENT:
        buffer_printf(out, "%" PRId64 "%% to %" PRId64 "%%", key->least, key->most);
        break;
    default:
        buffer_printf(out, "a number from %" PRId64 " to %" PRId64, key->least, key->most);
    }
}

void config_key_accepts(const struct config_key *key, struct buffer *out) {
    if (kinds[key->kind].accepts)
        buffer_add(out, kinds[key->kind].accepts);
    else if (key->words)
        add_words(key, out);
    else if (key->form)
        buffer_add(out, key->form);
    else if (key->most)
        add_bounds(key, out);
    if (key->zero)
        buffer_printf(out, ", or %s", key->zero);
}
