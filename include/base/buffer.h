/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes that grow up to a ceiling. Every buffer for bytes from outside is born with its own. (curl's dynbuf.) */
#ifndef BASE_BUFFER_H
#define BASE_BUFFER_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

/* The ceiling of buffers whose content is ours alone (a rendered mail, a request's headers). */
#define BUFFER_OURS ((size_t)64 << 20)

/* `data` is NUL-terminated whenever it is not NULL (the NUL is not counted in `length`). */
struct buffer {
    char *data;
    size_t length, capacity, limit; /* `limit`: the largest `length` allowed */
};

#define BUFFER_INIT(ceiling) ((struct buffer){.limit = (ceiling)})
#define _cleanup_buffer_     __attribute__((cleanup(buffer_fini)))

/* Frees the bytes; the buffer stays usable, empty, with its limit. */
void buffer_fini(struct buffer *buffer);

/* The same, zeroed first. For what holds secrets. (Growing zeroes too: see buffer_reserve.) */
void buffer_fini_secret(struct buffer *buffer);

/* Room for `more` bytes behind `length`, and a NUL. False: over the limit, or no memory; nothing has changed. */
bool buffer_reserve(struct buffer *buffer, size_t more) __attribute__((warn_unused_result));

/* False as buffer_reserve(); nothing has changed. */
bool buffer_append(struct buffer *buffer, const void *bytes, size_t length) __attribute__((warn_unused_result));

/* For text of our own in a buffer of BUFFER_OURS: abort when it does not fit, like x_malloc(). */
void buffer_add(struct buffer *buffer, const char *text);
void buffer_add_bytes(struct buffer *buffer, const void *bytes, size_t length);
void buffer_add_char(struct buffer *buffer, char c);
void buffer_printf(struct buffer *buffer, const char *format, ...) __attribute__((format(printf, 2, 3)));

void buffer_clear(struct buffer *buffer); /* length 0; the memory stays */

/* Hands the string over (never NULL: "" where nothing was written); the caller frees it. */
char *buffer_take(struct buffer *buffer);

#endif
