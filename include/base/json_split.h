/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A long JSON text, in pieces as it arrives, cut into what json-c can hold: the elements of chosen arrays come one at a time, as texts of
 * their own, and what is left is a text too, in which those arrays are empty. So the memory is that of one element, however many there are.
 * Nothing is lost on the way: what the texts do not refuse when they are parsed (json_parse()), the whole would not have been refused for.
 * What a parser would not see is judged here: brackets that do not match, one array twice in an object, a bound that is passed. Pure.
 */
#ifndef BASE_JSON_SPLIT_H
#define BASE_JSON_SPLIT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

/* An array by the member that holds it: of the root (parent -1), or of each element of the array that an earlier rule names. */
struct json_split_rule {
    const char *name;
    int parent;
    size_t limit; /* bytes of one element, without those that come out of it */
};

#define JSON_SPLIT_RULES 4 /* at most so many */

struct json_split_events {
    /* One element of the rule's array, when it is whole: those of arrays within it came before. Borrowed. False with an error ends it. */
    bool (*element)(void *arg, size_t rule, const char *text, size_t length, struct error *error);
    void *arg;
};

struct json_split;

/* `rules` live as long; `limit` is that of what is left. */
struct json_split *json_split_new(const struct json_split_rule *rules, size_t count, size_t limit,
                                  const struct json_split_events *events);
void json_split_free(struct json_split *split); /* NULL is fine */

/* False with an error, then and ever after: ERROR_CORRUPT, ERROR_TOO_LARGE, or the element's. */
bool json_split_add(struct json_split *split, const char *bytes, size_t length, struct error *error);

/* What is left, once all was added; good until the next call. False with ERROR_CORRUPT where the text ends in the middle. */
bool json_split_end(struct json_split *split, const char **text, size_t *length, struct error *error);

#endif
