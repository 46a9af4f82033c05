/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Byte by byte, with a stack of open brackets. A level knows which rule it stands for, if any; the text goes to the buffer of the innermost
 * element that is being gathered. Keys are compared as they are written: one that is spelled with an escape is another, and what it holds
 * stays where it is.
 */
#include "base/json_split.h"

#include <inttypes.h>
#include <stdint.h>
#include <string.h>

#include "base/buffer.h"
#include "base/json.h"
#include "base/memory.h"

#define NAME_MOST 16

/* Of a bracket: which rule's array it is, or whose element. */
#define NO_RULE (-2)
#define ROOT    (-1)

struct level {
    char close;     /* '}' or ']' */
    bool split;     /* an array whose elements come out */
    bool any;       /* of it: a comma stood there, so that an element must */
    bool wants_key; /* an object: the next string is a key */
    int rule;       /* of an array that is split: its own; of an object: what its arrays' rules have as parent */
    unsigned seen;  /* of such an object: rules whose array stood there */
};

struct json_split {
    const struct json_split_rule *rules;
    size_t rule_count;
    struct json_split_events events;
    struct level levels[JSON_DEPTH];
    size_t depth;
    struct buffer texts[JSON_SPLIT_RULES + 1]; /* what is left; elements within each other */
    size_t text;                               /* the innermost */
    bool in_string, escaped, in_key, key_is_long;
    char key[NAME_MOST + 1];
    size_t key_length;
    bool after_colon; /* a value comes, under `key` */
    uint64_t at;
    bool failed;
};

struct json_split *json_split_new(const struct json_split_rule *rules, size_t count, size_t limit,
                                  const struct json_split_events *events) {
    struct json_split *split = x_calloc(1, sizeof *split);
    split->rules = rules;
    split->rule_count = count;
    split->events = *events;
    split->texts[0] = BUFFER_INIT(limit);
    return split;
}

void json_split_free(struct json_split *split) {
    if (!split)
        return;
    for (size_t i = 0; i < array_length(split->texts); i++)
        buffer_fini(&split->texts[i]);
    free(split);
}

/* ------------------------------------------------------------ failures */

static bool refuse(const struct json_split *split, struct error *error, const char *why) {
    error_set(error, ERROR_CORRUPT, "JSON at byte %" PRIu64 ": %s", split->at, why);
    return false;
}

static bool put(struct json_split *split, const char *bytes, size_t length, struct error *error) {
    struct buffer *text = &split->texts[split->text];
    if (buffer_append(text, bytes, length))
        return true;
    error_set(error, ERROR_TOO_LARGE, "JSON at byte %" PRIu64 ": a piece of more than %zu bytes", split->at,
              text->limit);
    return false;
}

/* ------------------------------------------------------------ keys */

static struct level *top(struct json_split *split) {
    return split->depth ? &split->levels[split->depth - 1] : NULL;
}

static void begin_string(struct json_split *split) {
    struct level *level = top(split);
    split->in_string = true;
    split->in_key = level && level->wants_key;
    if (split->in_key)
        split->key_length = split->key_is_long = 0;
    if (level)
        level->wants_key = false;
}

static void add_to_key(struct json_split *split, const char *bytes, size_t length) {
    if (!split->in_key)
        return;
    if (length > NAME_MOST - split->key_length) {
        split->key_is_long = true;
        return;
    }
    memcpy(split->key + split->key_length, bytes, length);
    split->key_length += length;
}

/* The rule of the array that begins; NO_RULE where it stays where it is. */
static int rule_here(const struct json_split *split, const struct level *level) {
    if (!level || level->close != '}' || level->rule == NO_RULE || !split->after_colon || split->key_is_long)
        return NO_RULE;
    for (size_t i = 0; i < split->rule_count; i++)
        if (split->rules[i].parent == level->rule && strlen(split->rules[i].name) == split->key_length &&
            memcmp(split->rules[i].name, split->key, split->key_length) == 0)
            return (int)i;
    return NO_RULE;
}

/* ------------------------------------------------------------ elements */

static bool is_blank(const struct buffer *text) {
    for (size_t i = 0; i < text->length; i++)
        if (text->data[i] != ' ' && text->data[i] != '\t' && text->data[i] != '\r' && text->data[i] != '\n')
            return false;
    return true;
}

/* At the comma behind it, or the array's end. */
static bool end_element(struct json_split *split, const struct level *array, struct error *error) {
    struct buffer *text = &split->texts[split->text];
    bool good = split->events.element(split->events.arg, (size_t)array->rule, text->data ? text->data : "",
                                      text->length, error);
    buffer_clear(text);
    return good;
}

/* ------------------------------------------------------------ brackets */

static bool open_array(struct json_split *split, struct level *inside, struct level *opened, struct error *error) {
    int rule = rule_here(split, inside);
    if (rule == NO_RULE)
        return true;
    if (inside->seen & 1u << rule) {
        error_set(error, ERROR_CORRUPT, "JSON at byte %" PRIu64 ": \"%s\" stands there twice", split->at,
                  split->rules[rule].name);
        return false;
    }
    inside->seen |= 1u << rule;
    opened->split = true;
    opened->rule = rule;
    split->text++;
    if (!split->texts[split->text].data)
        split->texts[split->text] = BUFFER_INIT(0);
    split->texts[split->text].limit = split->rules[rule].limit;
    buffer_clear(&split->texts[split->text]);
    return true;
}

static bool open_bracket(struct json_split *split, char c, struct error *error) {
    struct level *inside = top(split);
    struct level opened = {.close = c == '{' ? '}' : ']', .rule = NO_RULE};
    if (split->depth == JSON_DEPTH)
        return refuse(split, error, "it is nested too deep");
    if (!put(split, &c, 1, error))
        return false;
    if (c == '[' && !open_array(split, inside, &opened, error))
        return false;
    if (c == '{') {
        opened.wants_key = true;
        opened.rule = !inside ? ROOT : inside->split ? inside->rule : NO_RULE;
    }
    split->after_colon = false;
    split->levels[split->depth++] = opened;
    return true;
}

static bool close_bracket(struct json_split *split, char c, struct error *error) {
    const struct level *level = top(split);
    if (!level || level->close != c)
        return refuse(split, error, "a bracket that closes none");
    if (level->split) {
        bool last = level->any || !is_blank(&split->texts[split->text]);
        if (last && !end_element(split, level, error))
            return false;
        split->text--;
    }
    split->depth--;
    split->after_colon = false;
    return put(split, &c, 1, error);
}

static bool comma(struct json_split *split, struct error *error) {
    struct level *level = top(split);
    split->after_colon = false;
    if (level && level->split) {
        level->any = true;
        return end_element(split, level, error);
    }
    if (level)
        level->wants_key = level->close == '}';
    return put(split, ",", 1, error);
}

/* ------------------------------------------------------------ bytes */

static bool structure(struct json_split *split, char c, struct error *error) {
    switch (c) {
    case '{':
    case '[':
        return open_bracket(split, c, error);
    case '}':
    case ']':
        return close_bracket(split, c, error);
    case ',':
        return comma(split, error);
    case '"':
        begin_string(split);
        return put(split, &c, 1, error);
    default:
        if (c == ':')
            split->after_colon = true;
        return put(split, &c, 1, error);
    }
}

/* What needs no look: inside a string all up to a quote or a backslash. */
static size_t plain_bytes(const char *bytes, size_t length) {
    size_t count = 0;
    while (count < length && bytes[count] != '"' && bytes[count] != '\\')
        count++;
    return count;
}

/* How many bytes were taken; 0 with an error. */
static size_t in_string(struct json_split *split, const char *bytes, size_t length, struct error *error) {
    size_t count = split->escaped ? 1 : plain_bytes(bytes, length);
    if (!split->escaped && !count) {
        count = 1;
        split->escaped = *bytes == '\\';
        split->in_string = split->escaped;
    } else {
        split->escaped = false;
    }
    if (split->in_string)
        add_to_key(split, bytes, count);
    else
        split->in_key = false;
    return put(split, bytes, count, error) ? count : 0;
}

bool json_split_add(struct json_split *split, const char *bytes, size_t length, struct error *error) {
    if (split->failed)
        return refuse(split, error, "what stood before was refused");
    for (size_t at = 0, count; at < length; at += count) {
        if (split->in_string)
            count = in_string(split, bytes + at, length - at, error);
        else
            count = structure(split, bytes[at], error);
        split->failed = !count;
        if (!count)
            return false;
        split->at += count;
    }
    return true;
}

bool json_split_end(struct json_split *split, const char **text, size_t *length, struct error *error) {
    if (split->failed || split->depth || split->in_string)
        return refuse(split, error, split->failed ? "what stood before was refused" : "it ends in the middle");
    *text = split->texts[0].data ? split->texts[0].data : "";
    *length = split->texts[0].length;
    return true;
}
