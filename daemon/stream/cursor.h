/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A strict, byte-wise reader of JSON that builds nothing: for the few bytes of a page that are not items. Each function
 * moves `at` behind what it read, or says what it expected and at which byte, and returns false.
 */
#ifndef STREAM_CURSOR_H
#define STREAM_CURSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "stream/slicer.h"

#define CURSOR_DEPTH 96 /* brackets open at once; DynamoDB's 32 levels take 2 each and some */

struct cursor {
    const char *bytes;
    size_t length, at;
    struct error *error;
    const char *what; /* "a line": for messages; NULL: "a page" */
};

/* Always false. */
bool cursor_fail(struct cursor *cursor, size_t at, const char *expected);

void cursor_space(struct cursor *cursor);
bool cursor_expect(struct cursor *cursor, char c); /* after white space */
bool cursor_string(struct cursor *cursor, struct span *inside);
bool cursor_number(struct cursor *cursor, double *value);
bool cursor_count(struct cursor *cursor, uint64_t *value); /* a number of digits alone */
bool cursor_literal(struct cursor *cursor, const char *word);

/* Any value; brackets up to CURSOR_DEPTH. */
bool cursor_value(struct cursor *cursor);

/* An object: `member` is called with the cursor on each value, which it reads. */
typedef bool cursor_member(struct cursor *cursor, struct span name, void *arg);
bool cursor_object(struct cursor *cursor, cursor_member *member, void *arg);

static inline bool is_space(char c) {
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

#endif
