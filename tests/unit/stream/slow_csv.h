/* SPDX-License-Identifier: Apache-2.0 */
/* What rows of csv must be, found the slow way, without a line of the encoder's: typed JSON is known to be right. */
#ifndef TESTS_STREAM_SLOW_CSV_H
#define TESTS_STREAM_SLOW_CSV_H

#include <stdbool.h>

#include "base/buffer.h"

/* One attribute, as it was read. */
struct attribute {
    struct buffer name; /* its characters */
    char *raw_name;     /* with quotes and escapes */
    char type[5];
    struct buffer text; /* of S and B: the characters */
    struct buffer json; /* as plain JSON */
    bool odd;           /* the text has a comma, or came with an escape */
};

struct slow {
    const char *at;
};

/* The next byte that is no white space; that byte, which must be `c`, passed over. */
char slow_look(struct slow *slow);
void slow_expect(struct slow *slow, char c);

struct attribute slow_attribute(struct slow *slow);
void attribute_fini(struct attribute *read);

struct names {
    struct buffer items[64];
    size_t count;
};

bool same_text(const struct buffer *a, const struct buffer *b);

/* Appended: a row of the item at `text`, which ends in NUL; the header. */
void slow_row(struct buffer *out, const char *text, const struct names *names);
void slow_header(struct buffer *out, const struct names *names);

#endif
