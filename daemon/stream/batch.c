/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys and answers of BatchWriteItem by the cursor that reads pages: no tree is built, and an item's value is skipped, not
 * looked into, once its key is known.
 */
#include "stream/batch.h"

#include <ctype.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "cursor.h"
#include "escape.h"

#define NO_EXPONENT 1000000 /* DynamoDB's numbers end at 1E+126 */

/* ------------------------------------------------------------ strings */

/* The inside of a JSON string that the cursor has read, as the text that it means. */
static bool unescape(struct buffer *out, const char *text, size_t length) {
    const char *end = text + length;
    while (text < end) {
        const char *next = memchr(text, '\\', (size_t)(end - text));
        char bytes[4];
        if (!buffer_append(out, text, (size_t)((next ? next : end) - text)))
            return false;
        text = next ? next : end;
        if (next && !buffer_append(out, bytes, escape_put(bytes, escape_read(&text, end))))
            return false;
    }
    return true;
}

static bool no_room(struct error *error) {
    error_set(error, ERROR_TOO_LARGE, "a key is larger than a key can be");
    return false;
}

/* ------------------------------------------------------------ numbers */

/* Digits without leading and trailing zeros, and the power of ten of the last one: "-17.50" is -1 175 -1. */
struct decimal {
    bool negative;
    const char *digits; /* of `text`, with maybe a point among them */
    size_t length;
    long exponent;
};

/* [-+]digits[.digits][e[-+]digits], whole; false on anything else. */
static bool split_number(struct decimal *number, const char *text) {
    const char *at = text + (*text == '-' || *text == '+');
    const char *start = at, *point = NULL;
    while (isdigit((unsigned char)*at) || (*at == '.' && !point)) {
        if (*at == '.')
            point = at;
        at++;
    }
    *number = (struct decimal){.negative = *text == '-', .digits = start, .length = (size_t)(at - start)};
    if (number->length == (point ? 1 : 0))
        return false;
    number->exponent = point ? -(long)(at - point - 1) : 0;
    if (*at == 'e' || *at == 'E') {
        char *end;
        if (!isdigit((unsigned char)at[1]) && at[1] != '-' && at[1] != '+')
            return false;
        long exponent = strtol(at + 1, &end, 10);
        if (end == at + 1 || exponent > NO_EXPONENT || exponent < -NO_EXPONENT)
            return false;
        number->exponent += exponent;
        at = end;
    }
    return *at == '\0';
}

/* Equal for equal values: 1, 1.0 and 10E-1 are "1e0". */
static bool add_number(struct buffer *out, const char *text) {
    struct decimal number;
    if (!split_number(&number, text))
        return buffer_append(out, text, strlen(text));
    size_t start = out->length, kept;
    if (number.negative && !buffer_append(out, "-", 1))
        return false;
    size_t first = out->length;
    for (size_t i = 0; i < number.length; i++) {
        char digit = number.digits[i];
        if (digit != '.' && (digit != '0' || out->length > first) && !buffer_append(out, &digit, 1))
            return false;
    }
    for (kept = out->length; kept > first && out->data[kept - 1] == '0'; kept--)
        number.exponent++;
    out->length = kept;
    if (kept == first) {
        out->length = start; /* -0 is 0 */
        return buffer_append(out, "0", 1);
    }
    char exponent[24];
    int length = snprintf(exponent, sizeof exponent, "e%ld", number.exponent);
    return buffer_append(out, exponent, (size_t)length);
}

/* ------------------------------------------------------------ the key of an item */

#define KEY_MOST ((size_t)1 << 20) /* as text of one attribute; DynamoDB's own limit is 2 KB */

static bool stands_at(const struct cursor *cursor, char c) {
    return cursor->at < cursor->length && cursor->bytes[cursor->at] == c;
}

struct key_reading {
    const struct key_names *names;
    struct buffer hash, range; /* canonical; empty: not seen */
    bool wrong_type, full;
    const char *attribute; /* that is being read */
    struct buffer *into;
};

/* {"S": "text"}: one member, its value a string. */
static bool read_key_value(struct cursor *cursor, struct span name, void *arg) {
    struct key_reading *reading = arg;
    _cleanup_buffer_ struct buffer text = BUFFER_INIT(KEY_MOST);
    char type = name.length == 1 ? cursor->bytes[name.offset] : '\0';
    struct span inside;
    reading->wrong_type = !type || !strchr("SNB", type) || !stands_at(cursor, '"') || reading->into->length;
    if (reading->wrong_type || !cursor_string(cursor, &inside))
        return false;
    reading->full =
        !unescape(&text, cursor->bytes + inside.offset, inside.length) || !buffer_append(reading->into, &type, 1);
    if (!reading->full && type == 'N')
        reading->full = !add_number(reading->into, text.data ? text.data : "");
    else if (!reading->full)
        reading->full = !buffer_append(reading->into, text.data ? text.data : "", text.length);
    return !reading->full;
}

static bool is_name(const struct cursor *cursor, struct span name, const char *wanted) {
    size_t length = strlen(wanted);
    const char *text = cursor->bytes + name.offset;
    if (!memchr(text, '\\', name.length))
        return name.length == length && memcmp(text, wanted, length) == 0;
    _cleanup_buffer_ struct buffer plain = BUFFER_INIT(KEY_MOST);
    return name.length <= 6 * length && unescape(&plain, text, name.length) && plain.length == length &&
           memcmp(plain.data, wanted, length) == 0;
}

/* False without an error once the key is whole: what follows need not be read. */
static bool read_attribute(struct cursor *cursor, struct span name, void *arg) {
    struct key_reading *reading = arg;
    const struct key_names *names = reading->names;
    bool is_hash = is_name(cursor, name, names->hash);
    if (!is_hash && !(names->range && is_name(cursor, name, names->range)))
        return cursor_value(cursor);
    reading->attribute = is_hash ? names->hash : names->range;
    reading->into = is_hash ? &reading->hash : &reading->range;
    if (!cursor_object(cursor, read_key_value, reading))
        return false;
    return !reading->hash.length || (names->range && !reading->range.length);
}

/* What came of it, where not every attribute of the key was found. */
static bool say_no_key(const struct key_reading *reading, struct error *error) {
    if (reading->full)
        return no_room(error);
    if (error && error->code)
        return false;
    if (reading->wrong_type)
        error_set(error, ERROR_CORRUPT, "the key's attribute \"%s\" is not one of type S, N or B", reading->attribute);
    else
        error_set(error, ERROR_CORRUPT, "the item lacks the key's attribute \"%s\"",
                  reading->hash.length ? reading->names->range : reading->names->hash);
    return false;
}

bool item_key(struct buffer *out, const struct key_names *names, const char *item, size_t length, struct error *error) {
    _cleanup_error_ struct error problem = {0};
    struct cursor cursor = {.bytes = item, .length = length, .error = &problem};
    struct key_reading reading = {.names = names, .hash = BUFFER_INIT(KEY_MOST), .range = BUFFER_INIT(KEY_MOST)};
    (void)cursor_object(&cursor, read_attribute, &reading);
    bool whole = !problem.code && reading.hash.length && (!names->range || reading.range.length) && !reading.full &&
                 !reading.wrong_type;
    if (whole) {
        char lengths[32];
        int written = snprintf(lengths, sizeof lengths, "%zu:", reading.hash.length);
        whole = buffer_append(out, lengths, (size_t)written) &&
                buffer_append(out, reading.hash.data, reading.hash.length) &&
                (!names->range || buffer_append(out, reading.range.data, reading.range.length));
        if (!whole)
            no_room(&problem);
    } else {
        say_no_key(&reading, &problem);
    }
    buffer_fini(&reading.hash);
    buffer_fini(&reading.range);
    if (!whole && error)
        *error = error_take(&problem);
    return whole;
}

/* ------------------------------------------------------------ the answer */

static bool is(const struct cursor *cursor, struct span name, const char *wanted) {
    return name.length == strlen(wanted) && memcmp(cursor->bytes + name.offset, wanted, name.length) == 0;
}

/* [value, value, ...]: `element` reads each. */
static bool read_array(struct cursor *cursor, bool (*element)(struct cursor *cursor, void *arg), void *arg) {
    if (!cursor_expect(cursor, '['))
        return false;
    cursor_space(cursor);
    if (stands_at(cursor, ']'))
        return cursor_expect(cursor, ']');
    do {
        cursor_space(cursor);
        if (!element(cursor, arg))
            return false;
        cursor_space(cursor);
    } while (stands_at(cursor, ',') && ++cursor->at);
    return cursor_expect(cursor, ']');
}

static bool add_item(struct cursor *cursor, struct batch_answer *answer) {
    size_t start = cursor->at;
    if (!stands_at(cursor, '{'))
        return cursor_fail(cursor, start, "an item");
    if (!cursor_value(cursor))
        return false;
    if (answer->count == BATCH_ITEMS)
        return cursor_fail(cursor, start, "no more items than a call has");
    if (answer->count == answer->capacity) {
        answer->capacity = BATCH_ITEMS;
        answer->items = x_realloc(answer->items, answer->capacity * sizeof *answer->items);
    }
    answer->items[answer->count++] = (struct span){(uint32_t)start, (uint32_t)(cursor->at - start)};
    return true;
}

static bool read_put(struct cursor *cursor, struct span name, void *arg) {
    return is(cursor, name, "Item") ? add_item(cursor, arg) : cursor_value(cursor);
}

static bool read_request(struct cursor *cursor, struct span name, void *arg) {
    return is(cursor, name, "PutRequest") ? cursor_object(cursor, read_put, arg) : cursor_value(cursor);
}

static bool read_requests(struct cursor *cursor, void *arg) {
    return cursor_object(cursor, read_request, arg);
}

static bool read_table(struct cursor *cursor, struct span name, void *arg) {
    (void)name; /* ours is the only table that was written to, whether named by name or ARN */
    return read_array(cursor, read_requests, arg);
}

static bool read_units(struct cursor *cursor, struct span name, void *arg) {
    struct batch_answer *answer = arg;
    double units;
    if (!is(cursor, name, "CapacityUnits"))
        return cursor_value(cursor);
    if (!cursor_number(cursor, &units))
        return false;
    answer->units += units;
    return true;
}

static bool read_consumed(struct cursor *cursor, void *arg) {
    return cursor_object(cursor, read_units, arg);
}

static bool read_member(struct cursor *cursor, struct span name, void *arg) {
    bool is_null = stands_at(cursor, 'n');
    if (is(cursor, name, "UnprocessedItems") && !is_null)
        return cursor_object(cursor, read_table, arg);
    if (is(cursor, name, "ConsumedCapacity") && !is_null)
        return read_array(cursor, read_consumed, arg);
    return cursor_value(cursor);
}

bool batch_answer_read(struct batch_answer *answer, const char *bytes, size_t length, struct error *error) {
    _cleanup_error_ struct error problem = {0};
    struct cursor cursor = {.bytes = bytes, .length = length, .error = &problem};
    answer->count = 0;
    answer->units = 0;
    bool good = cursor_object(&cursor, read_member, answer);
    cursor_space(&cursor);
    good = good && (cursor.at == length || cursor_fail(&cursor, cursor.at, "the end"));
    if (!good && error)
        *error = error_take(&problem);
    return good;
}

void batch_answer_fini(struct batch_answer *answer) {
    free(answer->items);
    *answer = (struct batch_answer){0};
}
