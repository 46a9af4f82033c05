/* SPDX-License-Identifier: Apache-2.0 */
/* Small memory that is freed all at once: many strings and short lists of one owner, without malloc's words around each. */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <stddef.h>

struct arena_block;

/* Zero-initialised before the first use. */
struct arena {
    struct arena_block *blocks;
    size_t used; /* of the first block */
};

void arena_fini(struct arena *arena);

/* Good until arena_fini(); not zeroed; aligned for any of C's types up to 8 bytes. */
void *arena_get(struct arena *arena, size_t size) __attribute__((returns_nonnull));

/* A copy with a NUL behind it, anywhere in memory. NULL stays NULL. */
char *arena_strdup(struct arena *arena, const char *text);
char *arena_strndup(struct arena *arena, const char *text, size_t length) __attribute__((returns_nonnull));

#endif
