/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Small JSON answers and files, by json-c, behind bounds. Items of a table never come this way: stream/ slices them.
 * Getters look a member up in an object and never fail on a missing one unless their name says `need`.
 */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

#define JSON_DEPTH 64

/* Exactly one JSON value (but null), strict, at most JSON_DEPTH deep, only white space behind it. NULL with ERROR_CORRUPT:
 * where and why. The caller puts it back with json_object_put(). */
struct json_object *json_parse(const char *text, size_t length, struct error *error);

/* Borrowed; NULL where absent, null, of another type, or a string with a NUL in it. */
const char *json_string(const struct json_object *object, const char *name);
struct json_object *json_object_at(const struct json_object *object, const char *name);
struct json_object *json_array_at(const struct json_object *object, const char *name);

/* `fallback` where absent or of another type. */
int64_t json_integer(const struct json_object *object, const char *name, int64_t fallback);
uint64_t json_count(const struct json_object *object, const char *name); /* 0 where that, or below zero: no count */
bool json_boolean(const struct json_object *object, const char *name, bool fallback);

/* Borrowed; NULL with ERROR_CORRUPT naming the member where absent or of another type. */
const char *json_need_string(const struct json_object *object, const char *name, struct error *error);

/* For building: `object[name] = value`, nothing where value is NULL. */
void json_put_string(struct json_object *object, const char *name, const char *value);
void json_put_integer(struct json_object *object, const char *name, int64_t value);
void json_put_boolean(struct json_object *object, const char *name, bool value);

#define _cleanup_json_ __attribute__((cleanup(cleanup_json)))
void cleanup_json(struct json_object **slot);

#endif
