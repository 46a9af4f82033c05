/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A small JSON file of ours that proves itself: its last member, `sha256`, is the SHA-256 of every byte before it, in hex. So a byte that
 * changed anywhere in it is found without anything beside it. Pure.
 */
#ifndef JOB_SEAL_H
#define JOB_SEAL_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"
#include "base/error.h"

/* Ends the object in `text` (from the buffer's start; it has members, its '}' is not written yet): ,\n"sha256":"..."}\n */
void seal_add(struct buffer *text);

/* ERROR_CORRUPT: it has no seal at its end, or the seal is not that of the bytes before. */
bool seal_check(const char *text, size_t length, struct error *error);

/* The same of a text that comes in pieces. */
struct seal;
struct seal *seal_new(void);
void seal_update(struct seal *seal, const char *bytes, size_t length);
bool seal_end(struct seal *seal, struct error *error); /* frees */
void seal_free(struct seal *seal);                     /* NULL is fine */

#endif
