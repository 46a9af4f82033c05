/* SPDX-License-Identifier: Apache-2.0 */
/* json-c behind bounds: one value, strict, no deeper than JSON_DEPTH, nothing but white space behind it. */
#include "base/json.h"

#include <limits.h>
#include <string.h>

#include "base/encoding.h"

/* Outside of strings RFC 8259 knows no other bytes. (json-c 0.16 takes 'x', NaN and Infinity even where it is strict.) */
static bool is_structure(char c) {
    return c && strchr("{}[]:,+-.0123456789eEtrufalsn \t\r\n", c);
}

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

/*
 * What json-c 0.16 lets pass though no JSON has it: other quotes and words, control characters in strings, a point without
 * digits behind it, UTF-8 of surrogates, and whatever follows a NUL. The place of the first; `length` where there is none.
 */
static size_t find_lenience(const char *text, size_t length) {
    bool in_string = false;
    for (size_t i = 0; i < length; i++) {
        char c = text[i];
        bool point_alone = c == '.' && (i + 1 == length || !is_digit(text[i + 1]));
        if (in_string && c == '\\')
            i++;
        else if (c == '"')
            in_string = !in_string;
        else if (in_string ? (unsigned char)c < 0x20 : !is_structure(c) || point_alone)
            return i;
    }
    return length;
}

static struct json_object *parse(struct json_tokener *tokener, const char *text, size_t length, struct error *error) {
    json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
    struct json_object *value = json_tokener_parse_ex(tokener, text, (int)length);
    enum json_tokener_error status = json_tokener_get_error(tokener);
    if (status == json_tokener_continue && !value) {
        /* a number at the very end is complete only when something follows it */
        value = json_tokener_parse_ex(tokener, " ", 1);
        status = json_tokener_get_error(tokener);
    }
    if (status == json_tokener_success && value)
        return value;
    json_object_put(value);
    error_set(error, ERROR_CORRUPT, "JSON at byte %zu: %s", json_tokener_get_parse_end(tokener),
              status == json_tokener_continue  ? "it ends in the middle"
              : status == json_tokener_success ? "null where a value was expected"
                                               : json_tokener_error_desc(status));
    return NULL;
}

struct json_object *json_parse(const char *text, size_t length, struct error *error) {
    if (length >= INT_MAX) {
        error_set(error, ERROR_CORRUPT, "JSON of %zu bytes is too long", length);
        return NULL;
    }
    size_t lenience = find_lenience(text, length), readable = utf8_prefix(text, length);
    if (lenience < length || readable < length) {
        error_set(error, ERROR_CORRUPT, "JSON at byte %zu: what stands there is %s",
                  lenience < readable ? lenience : readable, lenience < readable ? "no JSON" : "not UTF-8");
        return NULL;
    }
    struct json_tokener *tokener = json_tokener_new_ex(JSON_DEPTH);
    if (!tokener) {
        error_set(error, ERROR_MEMORY, "no memory to read JSON");
        return NULL;
    }
    struct json_object *value = parse(tokener, text, length, error);
    json_tokener_free(tokener);
    return value;
}

static struct json_object *member(const struct json_object *object, const char *name, enum json_type type) {
    struct json_object *value;
    if (!object || !json_object_is_type(object, json_type_object) || !json_object_object_get_ex(object, name, &value))
        return NULL;
    return json_object_is_type(value, type) ? value : NULL;
}

/* A text with "\u0000" in it would be read as another, shorter one: it is none. */
const char *json_string(const struct json_object *object, const char *name) {
    struct json_object *value = member(object, name, json_type_string);
    const char *text = value ? json_object_get_string(value) : NULL;
    return text && strlen(text) == (size_t)json_object_get_string_len(value) ? text : NULL;
}

struct json_object *json_object_at(const struct json_object *object, const char *name) {
    return member(object, name, json_type_object);
}

struct json_object *json_array_at(const struct json_object *object, const char *name) {
    return member(object, name, json_type_array);
}

int64_t json_integer(const struct json_object *object, const char *name, int64_t fallback) {
    struct json_object *value = member(object, name, json_type_int);
    return value ? json_object_get_int64(value) : fallback;
}

uint64_t json_count(const struct json_object *object, const char *name) {
    int64_t value = json_integer(object, name, 0);
    return value > 0 ? (uint64_t)value : 0;
}

bool json_boolean(const struct json_object *object, const char *name, bool fallback) {
    struct json_object *value = member(object, name, json_type_boolean);
    return value ? json_object_get_boolean(value) : fallback;
}

const char *json_need_string(const struct json_object *object, const char *name, struct error *error) {
    const char *text = json_string(object, name);
    if (!text)
        error_set(error, ERROR_CORRUPT, "the answer has no text \"%s\"", name);
    return text;
}

void json_put_string(struct json_object *object, const char *name, const char *value) {
    if (value)
        json_object_object_add(object, name, json_object_new_string(value));
}

void json_put_integer(struct json_object *object, const char *name, int64_t value) {
    json_object_object_add(object, name, json_object_new_int64(value));
}

void json_put_boolean(struct json_object *object, const char *name, bool value) {
    json_object_object_add(object, name, json_object_new_boolean(value));
}

void cleanup_json(struct json_object **slot) {
    json_object_put(*slot);
}
