/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Typed JSON to canonical form in one pass: a recursive descent that checks every byte against the end of the item. What a map or
 * set holds is written as it comes, and brought into order when its bracket closes. Where it is in order already, as it is when a
 * server sorts it, nothing is moved.
 */
#include "canonical.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "escape.h"
#include "items.h"
#include "scan16.h"

#define DEPTH_MOST  (ITEM_DEPTH / 2) /* maps and lists inside each other: each takes two brackets */
#define DIGITS_MOST 127
#define POWER_MOST  30000 /* far past DynamoDB's 125 */
#define SLACK       64    /* behind what an item can take: copying goes 16 bytes at a time */

/* One entry of a map or member of a set, by its place in `out`. */
struct member {
    uint32_t offset, length;
};

struct walk {
    const char *item, *at, *end;
    unsigned char *base, *out; /* where `out` begins, where it goes on */
    struct canonical *canonical;
    const char *expected; /* what was not found, at `at`; NULL: no error */
    unsigned depth;
};

static bool fail(struct walk *walk, const char *expected) {
    walk->expected = expected;
    return false;
}

static bool fail_at(struct walk *walk, const char *at, const char *expected) {
    walk->at = at;
    return fail(walk, expected);
}

static char here(const struct walk *walk) {
    return walk->at < walk->end ? *walk->at : '\0';
}

static char next(struct walk *walk) {
    while (walk->at < walk->end && is_space(*walk->at))
        walk->at++;
    return here(walk);
}

static bool take(struct walk *walk, char c, const char *expected) {
    if (next(walk) != c || walk->at == walk->end)
        return fail(walk, expected);
    walk->at++;
    return true;
}

static void emit(struct walk *walk, unsigned char byte) {
    *walk->out++ = byte;
}

static void put32(unsigned char *to, size_t value) {
    for (unsigned i = 0; i < 4; i++)
        to[i] = (unsigned char)(value >> (8 * i));
}

/* Leaves four bytes free for what is known later. */
static unsigned char *leave32(struct walk *walk) {
    unsigned char *place = walk->out;
    walk->out += 4;
    return place;
}

/* ------------------------------------------------------------ strings */

static int hex_value(char c) {
    if (c >= '0' && c <= '9')
        return c - '0';
    char lower = (char)(c | 0x20);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

/* The four digits of \uXXXX that stand at `at`; -1 where they are none. */
static int code_unit(const struct walk *walk, const char *at) {
    int unit = 0;
    for (int i = 0; i < 4; i++, at++) {
        int digit = at < walk->end ? hex_value(*at) : -1;
        if (digit < 0)
            return -1;
        unit = unit << 4 | digit;
    }
    return unit;
}

/* Behind "\u"; two escapes may make one character. */
static bool unicode(struct walk *walk) {
    int unit = code_unit(walk, walk->at);
    if (unit < 0)
        return fail(walk, "four hex digits");
    walk->at += 4;
    bool pair = unit >= 0xd800 && unit < 0xdc00 && walk->end - walk->at >= 6 && !memcmp(walk->at, "\\u", 2);
    int low = pair ? code_unit(walk, walk->at + 2) : -1;
    if (low >= 0xdc00 && low < 0xe000) {
        walk->at += 6;
        unit = 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
    }
    walk->out += escape_put((char *)walk->out, (uint32_t)unit);
    return true;
}

static bool escape(struct walk *walk) {
    static const char names[] = "\"\\/bfnrt", values[] = "\"\\/\b\f\n\r\t";
    walk->at++;
    char c = here(walk);
    const char *known = c ? strchr(names, c) : NULL;
    if (!known && c != 'u')
        return fail(walk, "an escape that JSON knows");
    walk->at++;
    if (!known)
        return unicode(walk);
    emit(walk, (unsigned char)values[known - names]);
    return true;
}

/* Plain bytes, 16 at a time while as many are left. */
static void copy_plain(struct walk *walk) {
    unsigned plain = 16;
    while (plain == 16 && walk->end - walk->at >= 16) {
        plain = copy_plain16((char *)walk->out, walk->at);
        walk->out += plain;
        walk->at += plain;
        while (plain == 16 && walk->end - walk->at >= 64 && copy_plain64((char *)walk->out, walk->at)) {
            walk->out += 64;
            walk->at += 64;
        }
    }
}

/* From behind the opening quote to behind the closing one: the characters, without their length. */
static bool characters(struct walk *walk) {
    for (;;) {
        copy_plain(walk);
        if (walk->at == walk->end)
            return fail(walk, "the end of a string");
        unsigned char c = (unsigned char)*walk->at;
        if (c == '"') {
            walk->at++;
            return true;
        }
        if (c < ' ')
            return fail(walk, "no control character in a string");
        if (c == '\\') {
            if (!escape(walk))
                return false;
        } else {
            emit(walk, c);
            walk->at++;
        }
    }
}

static bool string(struct walk *walk, const char *expected) {
    if (!take(walk, '"', expected))
        return false;
    unsigned char *length = leave32(walk);
    if (!characters(walk))
        return false;
    put32(length, (size_t)(walk->out - length - 4));
    return true;
}

/* ------------------------------------------------------------ binary */

static int base64_value(unsigned char c) {
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* Decodes in place; the bits behind the last byte do not count. How many bytes; -1 where it is no base64. */
static ptrdiff_t base64_in_place(unsigned char *text, size_t length) {
    unsigned char *out = text;
    if (length % 4)
        return -1;
    for (size_t i = 0; i < length; i += 4) {
        size_t digits = 4;
        if (i + 4 == length && text[i + 3] == '=')
            digits = text[i + 2] == '=' ? 2 : 3;
        int value = 0;
        for (size_t at = 0; at < 4; at++) {
            int digit = at < digits ? base64_value(text[i + at]) : 0;
            if (digit < 0)
                return -1;
            value = value << 6 | digit;
        }
        for (size_t byte = 0; byte < digits - 1; byte++)
            *out++ = (unsigned char)(value >> (16 - 8 * byte));
    }
    return out - text;
}

static bool binary(struct walk *walk) {
    const char *start = walk->at;
    unsigned char *length = walk->out;
    if (!string(walk, "a base64 string"))
        return false;
    ptrdiff_t bytes = base64_in_place(length + 4, (size_t)(walk->out - length - 4));
    if (bytes < 0)
        return fail_at(walk, start, "base64");
    put32(length, (size_t)bytes);
    walk->out = length + 4 + bytes;
    return true;
}

/* ------------------------------------------------------------ numbers */

/* A run of digits, written behind what `count` says is there; zeros at the front are left out. How many were read. */
static int digit_run(struct walk *walk, unsigned char *digits, size_t *count) {
    const char *start = walk->at;
    for (; here(walk) >= '0' && here(walk) <= '9'; walk->at++)
        if (*count || *walk->at != '0')
            digits[(*count)++] = (unsigned char)*walk->at;
    return (int)(walk->at - start);
}

static int exponent(struct walk *walk) {
    bool negative = here(walk) == '-';
    int value = 0;
    if (negative || here(walk) == '+')
        walk->at++;
    if (here(walk) < '0' || here(walk) > '9')
        return -1 - POWER_MOST;
    for (; here(walk) >= '0' && here(walk) <= '9'; walk->at++)
        if (value <= POWER_MOST)
            value = value * 10 + (*walk->at - '0');
    if (value > POWER_MOST)
        return -1 - POWER_MOST;
    return negative ? -value : value;
}

static void put_number(struct walk *walk, bool negative, size_t digits, int power) {
    unsigned char *head = walk->out;
    head[0] = (unsigned char)((negative && digits ? 0x80 : 0) | digits);
    head[1] = (unsigned char)(digits ? power : 0);
    head[2] = (unsigned char)((unsigned)(digits ? power : 0) >> 8);
    walk->out += 3 + digits;
}

/* In quotes; zeros at the front are let pass, though JSON knows none. */
static bool number(struct walk *walk) {
    if (!take(walk, '"', "a number in quotes"))
        return false;
    const char *start = walk->at;
    unsigned char *digits = walk->out + 3;
    size_t count = 0;
    int power = 0;
    bool negative = here(walk) == '-';
    walk->at += negative;
    if (!digit_run(walk, digits, &count))
        return fail(walk, "a digit");
    if (here(walk) == '.') {
        walk->at++;
        int fraction = digit_run(walk, digits, &count);
        if (!fraction)
            return fail(walk, "a digit");
        power = -fraction;
    }
    if ((here(walk) | 0x20) == 'e') {
        walk->at++;
        int shift = exponent(walk);
        if (shift < -POWER_MOST)
            return fail(walk, "an exponent that a table can hold");
        power += shift;
    }
    for (; count && digits[count - 1] == '0'; count--)
        power++;
    if (here(walk) != '"')
        return fail(walk, "the end of a number");
    if (count > DIGITS_MOST || power < -POWER_MOST || power > POWER_MOST)
        return fail_at(walk, start, "a number that a table can hold");
    walk->at++;
    put_number(walk, negative, count, power);
    return true;
}

/* ------------------------------------------------------------ order */

static int in_order(const void *a, const void *b, void *base) {
    const struct member *first = a, *second = b;
    uint32_t common = first->length < second->length ? first->length : second->length;
    const unsigned char *bytes = base;
    int order = memcmp(bytes + first->offset, bytes + second->offset, common);
    return order ? order : (first->length > second->length) - (first->length < second->length);
}

/* Few are put in their place one by one: most items have some ten attributes. */
static void sort_members(struct member *members, size_t count, unsigned char *base) {
    if (count > 16) {
        qsort_r(members, count, sizeof *members, in_order, base);
        return;
    }
    for (size_t i = 1; i < count; i++) {
        struct member one = members[i];
        size_t at = i;
        for (; at && in_order(&members[at - 1], &one, base) > 0; at--)
            members[at] = members[at - 1];
        members[at] = one;
    }
}

static bool is_sorted(const struct member *members, size_t count, unsigned char *base) {
    for (size_t i = 1; i < count; i++)
        if (in_order(&members[i - 1], &members[i], base) > 0)
            return false;
    return true;
}

static uint32_t get32(const unsigned char *from) {
    return (uint32_t)from[0] | (uint32_t)from[1] << 8 | (uint32_t)from[2] << 16 | (uint32_t)from[3] << 24;
}

/* Of a set's members all bytes count, of a map's entries the name. */
static bool are_twins(const struct member *one, const struct member *other, const unsigned char *base, bool names) {
    const unsigned char *a = base + one->offset, *b = base + other->offset;
    if (!names)
        return one->length == other->length && !memcmp(a, b, one->length);
    return get32(a) == get32(b) && !memcmp(a + 4, b + 4, get32(a));
}

static bool has_twins(const struct member *members, size_t count, const unsigned char *base, bool names) {
    for (size_t i = 1; i < count; i++)
        if (are_twins(&members[i - 1], &members[i], base, names))
            return true;
    return false;
}

/* The members since `first` come into order, where they stand; they are then forgotten. */
static bool settle(struct walk *walk, size_t first, bool names) {
    struct buffer *list = &walk->canonical->members;
    struct member *members = (struct member *)(void *)(list->data + first);
    size_t count = (list->length - first) / sizeof *members;
    list->length = first;
    if (!count)
        return true;
    unsigned char *from = walk->base + members[0].offset, *to = (unsigned char *)walk->canonical->sorted.data;
    bool sorted = is_sorted(members, count, walk->base);
    if (!sorted)
        sort_members(members, count, walk->base);
    if (has_twins(members, count, walk->base, names))
        return fail(walk, names ? "names that differ, but one is there twice" : "a set, but a member is there twice");
    for (size_t i = 0; i < count && !sorted; i++) {
        memcpy(to, walk->base + members[i].offset, members[i].length);
        to += members[i].length;
    }
    if (!sorted)
        memcpy(from, walk->canonical->sorted.data, (size_t)(walk->out - from));
    return true;
}

static bool remember(struct walk *walk, const unsigned char *start) {
    struct member member = {(uint32_t)(start - walk->base), (uint32_t)(walk->out - start)};
    return buffer_append(&walk->canonical->members, &member, sizeof member) || fail(walk, "");
}

/* ------------------------------------------------------------ values */

/* ',' goes on, the bracket ends; false with an error on anything else. */
static bool goes_on(struct walk *walk, char bracket, bool *more) {
    char c = next(walk);
    *more = c == ',' && walk->at < walk->end;
    if (!*more && c != bracket)
        return fail(walk, bracket == '}' ? "',' or '}'" : "',' or ']'");
    walk->at++;
    return true;
}

static bool set(struct walk *walk, char kind) {
    size_t first = walk->canonical->members.length, count = 0;
    emit(walk, (unsigned char)(kind | 0x20));
    unsigned char *place = leave32(walk);
    if (!take(walk, '[', "a set's '['"))
        return false;
    for (bool more = true; more; count++) {
        unsigned char *start = walk->out;
        bool read = kind == 'N' ? number(walk) : kind == 'B' ? binary(walk) : string(walk, "a string");
        if (!read || !remember(walk, start) || !goes_on(walk, ']', &more))
            return false;
    }
    put32(place, count);
    return settle(walk, first, false);
}

static bool value(struct walk *walk);

static bool list(struct walk *walk) {
    size_t count = 0;
    emit(walk, 'L');
    unsigned char *place = leave32(walk);
    if (!take(walk, '[', "a list's '['"))
        return false;
    bool more = next(walk) != ']';
    if (!more)
        walk->at++;
    for (; more; count++)
        if (!value(walk) || !goes_on(walk, ']', &more))
            return false;
    put32(place, count);
    return true;
}

static bool map(struct walk *walk) {
    size_t first = walk->canonical->members.length, count = 0;
    emit(walk, 'M');
    unsigned char *place = leave32(walk);
    if (!take(walk, '{', "a map's '{'"))
        return false;
    bool more = next(walk) != '}';
    if (!more)
        walk->at++;
    for (; more; count++) {
        unsigned char *start = walk->out;
        if (!string(walk, "an attribute's name") || !take(walk, ':', "':'") || !value(walk) || !remember(walk, start) ||
            !goes_on(walk, '}', &more))
            return false;
    }
    put32(place, count);
    return settle(walk, first, true);
}

static bool nested(struct walk *walk, bool is_map) {
    if (walk->depth == DEPTH_MOST)
        return fail(walk, "maps and lists less deep");
    walk->depth++;
    bool read = is_map ? map(walk) : list(walk);
    walk->depth--;
    return read;
}

static bool word(struct walk *walk, const char *text, char mark) {
    size_t length = strlen(text);
    next(walk);
    if ((size_t)(walk->end - walk->at) < length || memcmp(walk->at, text, length) != 0)
        return false;
    walk->at += length;
    emit(walk, (unsigned char)mark);
    return true;
}

/* Behind {"TYPE": the value of that type. */
static bool typed(struct walk *walk, const char *type, size_t length) {
    if (length == 1 && (*type == 'M' || *type == 'L'))
        return nested(walk, *type == 'M');
    if (length == 1 && (*type == 'S' || *type == 'N' || *type == 'B')) {
        emit(walk, (unsigned char)*type);
        return *type == 'S' ? string(walk, "a string") : *type == 'N' ? number(walk) : binary(walk);
    }
    if (length == 2 && type[1] == 'S' && (*type == 'S' || *type == 'N' || *type == 'B'))
        return set(walk, *type);
    if (length == 4 && !memcmp(type, "BOOL", 4))
        return word(walk, "true", 'T') || word(walk, "false", 'F') || fail(walk, "true or false");
    if (length == 4 && !memcmp(type, "NULL", 4))
        return word(walk, "true", '0') || fail(walk, "true");
    return fail_at(walk, type, "a type of DynamoDB's");
}

static bool value(struct walk *walk) {
    if (!take(walk, '{', "a typed value's '{'") || !take(walk, '"', "a type's name"))
        return false;
    const char *type = walk->at;
    while (here(walk) >= 'A' && here(walk) <= 'Z')
        walk->at++;
    size_t length = (size_t)(walk->at - type);
    if (here(walk) != '"')
        return fail(walk, "the end of a type's name");
    walk->at++;
    return take(walk, ':', "':'") && typed(walk, type, length) && take(walk, '}', "the '}' of a typed value");
}

/* ------------------------------------------------------------ the item */

#define OUT_MOST     (2 * CANONICAL_ITEM_MOST + 1024)
#define MEMBERS_MOST (CANONICAL_ITEM_MOST * sizeof(struct member) / 3)

void canonical_init(struct canonical *canonical) {
    *canonical = (struct canonical){
        .out = BUFFER_INIT(OUT_MOST), .sorted = BUFFER_INIT(OUT_MOST), .members = BUFFER_INIT(MEMBERS_MOST)};
}

void canonical_fini(struct canonical *canonical) {
    buffer_fini(&canonical->out);
    buffer_fini(&canonical->sorted);
    buffer_fini(&canonical->members);
}

/* No token's form is longer than twice its JSON: the worst are a set's empty strings, `"",` to 4 bytes, and numbers, `"1",` to 4. */
const char *canonical_item(struct canonical *canonical, size_t head, const char *item, size_t length, size_t *at) {
    *at = 0;
    if (length > CANONICAL_ITEM_MOST)
        return "an item of at most 16 MiB";
    canonical->out.length = head;
    buffer_clear(&canonical->sorted);
    buffer_clear(&canonical->members);
    if (!buffer_reserve(&canonical->out, 2 * length + SLACK) || !buffer_reserve(&canonical->sorted, 2 * length + SLACK))
        return "";
    struct walk walk = {.item = item, .at = item, .end = item + length, .canonical = canonical};
    walk.base = (unsigned char *)canonical->out.data;
    walk.out = walk.base + head;
    bool read = nested(&walk, true) && (next(&walk), walk.at == walk.end || fail(&walk, "nothing behind the item"));
    canonical->out.length = (size_t)(walk.out - walk.base);
    *at = (size_t)(walk.at - item);
    return read ? NULL : walk.expected;
}
