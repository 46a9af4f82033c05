/* SPDX-License-Identifier: Apache-2.0 */
/* See slow_csv.h: a recursive descent that copies every piece, and quotes as product.md says. */
#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "slow_csv.h"

char slow_look(struct slow *slow) {
    while (strchr(" \t\r\n", *slow->at))
        slow->at++;
    return *slow->at;
}

void slow_expect(struct slow *slow, char c) {
    assert_int_equal(slow_look(slow), c);
    slow->at++;
}

/* The string with its quotes. */
static char *raw_string(struct slow *slow) {
    slow_look(slow);
    const char *from = slow->at++;
    for (; *slow->at != '"'; slow->at++)
        slow->at += *slow->at == '\\';
    slow->at++;
    return x_strndup(from, (size_t)(slow->at - from));
}

static void add_code(struct buffer *out, unsigned long code) {
    if (code < 0x80) {
        buffer_add_char(out, (char)code);
    } else if (code < 0x800) {
        buffer_add_char(out, (char)(0xc0 + code / 64));
        buffer_add_char(out, (char)(0x80 + code % 64));
    } else if (code < 0x10000) {
        buffer_add_char(out, (char)(0xe0 + code / 4096));
        buffer_add_char(out, (char)(0x80 + code / 64 % 64));
        buffer_add_char(out, (char)(0x80 + code % 64));
    } else {
        buffer_add_char(out, (char)(0xf0 + code / 262144));
        buffer_add_char(out, (char)(0x80 + code / 4096 % 64));
        buffer_add_char(out, (char)(0x80 + code / 64 % 64));
        buffer_add_char(out, (char)(0x80 + code % 64));
    }
}

static unsigned long hex_at(const char *text) {
    char digits[5] = {text[0], text[1], text[2], text[3], '\0'};
    return strtoul(digits, NULL, 16);
}

static struct buffer characters(const char *raw) {
    struct buffer out = BUFFER_INIT(BUFFER_OURS);
    for (const char *at = raw + 1; at[1]; at++) {
        if (*at != '\\') {
            buffer_add_char(&out, *at);
            continue;
        }
        const char *named = strchr("\"\"\\\\//b\bf\fn\nr\rt\t", *++at);
        if (*at != 'u') {
            buffer_add_char(&out, named[1]);
            continue;
        }
        unsigned long code = hex_at(at + 1), low = at[5] == '\\' && at[6] == 'u' ? hex_at(at + 7) : 0;
        at += 4;
        if (code >= 0xd800 && code <= 0xdbff && low >= 0xdc00 && low <= 0xdfff) {
            code = 0x10000 + (code - 0xd800) * 1024 + low - 0xdc00;
            at += 6;
        }
        add_code(&out, code >= 0xd800 && code <= 0xdfff ? 0xfffd : code);
    }
    return out;
}

static void plain(struct slow *slow, struct buffer *out, char type[5]);

/* A scalar of a set, or of a typed value: numbers lose their quotes. */
static void scalar(struct slow *slow, struct buffer *out, bool number) {
    if (slow_look(slow) != '"') {
        while (*slow->at >= 'a' && *slow->at <= 'z')
            buffer_add_char(out, *slow->at++);
        return;
    }
    _cleanup_free_ char *raw = raw_string(slow);
    buffer_add_bytes(out, raw + number, strlen(raw) - 2 * number);
}

static void array(struct slow *slow, struct buffer *out, bool typed, bool numbers) {
    char inner[5];
    slow_expect(slow, '[');
    buffer_add_char(out, '[');
    while (slow_look(slow) != ']') {
        if (typed)
            plain(slow, out, inner);
        else
            scalar(slow, out, numbers);
        if (slow_look(slow) == ',')
            buffer_add_char(out, *slow->at++);
    }
    slow_expect(slow, ']');
    buffer_add_char(out, ']');
}

static void map(struct slow *slow, struct buffer *out) {
    char inner[5];
    slow_expect(slow, '{');
    buffer_add_char(out, '{');
    while (slow_look(slow) != '}') {
        _cleanup_free_ char *name = raw_string(slow);
        buffer_printf(out, "%s:", name);
        slow_expect(slow, ':');
        plain(slow, out, inner);
        if (slow_look(slow) == ',')
            buffer_add_char(out, *slow->at++);
    }
    slow_expect(slow, '}');
    buffer_add_char(out, '}');
}

static void null(struct slow *slow, struct buffer *out) {
    slow_look(slow);
    slow->at += strlen("true");
    buffer_add(out, "null");
}

/* {"TYPE": value} as plain JSON. */
static void plain(struct slow *slow, struct buffer *out, char type[5]) {
    slow_expect(slow, '{');
    _cleanup_free_ char *raw = raw_string(slow);
    snprintf(type, 5, "%.*s", (int)strlen(raw) - 2, raw + 1);
    slow_expect(slow, ':');
    if (strcmp(type, "M") == 0)
        map(slow, out);
    else if (strcmp(type, "L") == 0)
        array(slow, out, true, false);
    else if (strlen(type) == 2)
        array(slow, out, false, type[0] == 'N');
    else if (strcmp(type, "NULL") == 0)
        null(slow, out);
    else
        scalar(slow, out, type[0] == 'N');
    slow_expect(slow, '}');
}

struct attribute slow_attribute(struct slow *slow) {
    struct attribute read = {.json = BUFFER_INIT(BUFFER_OURS)};
    read.raw_name = raw_string(slow);
    read.name = characters(read.raw_name);
    slow_expect(slow, ':');
    plain(slow, &read.json, read.type);
    if (strcmp(read.type, "S") == 0 || strcmp(read.type, "B") == 0) {
        read.text = characters(read.json.data);
        read.odd = strpbrk(read.json.data, ",\\");
    }
    return read;
}

void attribute_fini(struct attribute *read) {
    buffer_fini(&read->name);
    buffer_fini(&read->text);
    buffer_fini(&read->json);
    free(read->raw_name);
}

bool same_text(const struct buffer *a, const struct buffer *b) {
    return a->length == b->length && (!a->length || memcmp(a->data, b->data, a->length) == 0);
}

static void quoted(struct buffer *out, const struct buffer *text) {
    buffer_add_char(out, '"');
    for (size_t i = 0; i < text->length; i++) {
        buffer_add_bytes(out, text->data + i, 1);
        if (text->data[i] == '"')
            buffer_add_char(out, '"');
    }
    buffer_add_char(out, '"');
}

static void cell(struct buffer *out, const struct attribute *read) {
    bool is_text = strcmp(read->type, "S") == 0 || strcmp(read->type, "B") == 0;
    bool is_json = strlen(read->type) == 2 || strcmp(read->type, "M") == 0 || strcmp(read->type, "L") == 0;
    bool mistaken = is_text && (!read->text.length || strcmp(read->json.data, "\"null\"") == 0);
    const struct buffer *shown = is_text ? &read->text : &read->json;
    if (is_json || read->odd || mistaken)
        quoted(out, shown);
    else
        buffer_add_bytes(out, shown->data, shown->length);
}

#define READ_MOST 64

/* A row of the item at `text`, which ends in NUL. */
void slow_row(struct buffer *out, const char *text, const struct names *names) {
    struct slow slow = {text};
    struct attribute read[READ_MOST];
    size_t count = 0, left = 0;
    bool used[READ_MOST] = {false};
    struct buffer more = BUFFER_INIT(BUFFER_OURS);
    for (slow_expect(&slow, '{'); slow_look(&slow) != '}'; slow.at += slow_look(&slow) == ',') {
        assert_true(count < READ_MOST);
        read[count++] = slow_attribute(&slow);
    }
    buffer_add(out, "\r\n");
    for (size_t i = 0; i < names->count; i++) {
        size_t k = 0;
        while (k < count && !same_text(&names->items[i], &read[k].name))
            k++;
        if (k < count)
            cell(out, &read[k]);
        if (k < count)
            used[k] = true;
        buffer_add_char(out, ',');
    }
    buffer_add_char(&more, '{');
    for (size_t k = 0; k < count; k++)
        if (!used[k])
            buffer_printf(&more, "%s%s:%s", left++ ? "," : "", read[k].raw_name, read[k].json.data);
    buffer_add_char(&more, '}');
    if (left)
        quoted(out, &more);
    for (size_t k = 0; k < count; k++)
        attribute_fini(&read[k]);
    buffer_fini(&more);
}

void slow_header(struct buffer *out, const struct names *names) {
    for (size_t i = 0; i < names->count; i++) {
        const struct buffer *name = &names->items[i];
        if (!name->length || strpbrk(name->data, ",\"\r\n"))
            quoted(out, name);
        else
            buffer_add_bytes(out, name->data, name->length);
        buffer_add_char(out, ',');
    }
    buffer_add(out, "_more");
}
