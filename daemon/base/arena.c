/* SPDX-License-Identifier: Apache-2.0 */
/* Blocks in a list, the newest in front; what is larger than a quarter of one gets a block of its own, behind it. */
#include "base/arena.h"

#include <stdint.h>
#include <string.h>

#include "base/memory.h"

#define BLOCK ((size_t)64 << 10)

struct arena_block {
    struct arena_block *next;
    uint64_t bytes[];
};

void arena_fini(struct arena *arena) {
    struct arena_block *next;
    for (struct arena_block *block = arena->blocks; block; block = next) {
        next = block->next;
        free(block);
    }
    *arena = (struct arena){0};
}

static void *large(struct arena *arena, size_t size) {
    struct arena_block *block = x_malloc(sizeof *block + size), **slot = &arena->blocks;
    if (*slot)
        slot = &(*slot)->next;
    else
        arena->used = BLOCK; /* in front for now: nothing more fits into it */
    block->next = *slot;
    *slot = block;
    return block->bytes;
}

/* At a multiple of `align` bytes. */
static void *small(struct arena *arena, size_t size, size_t align) {
    size_t at = (arena->used + align - 1) / align * align;
    if (!arena->blocks || at > BLOCK || size > BLOCK - at) {
        struct arena_block *block = x_malloc(sizeof *block + BLOCK);
        block->next = arena->blocks;
        arena->blocks = block;
        at = 0;
    }
    arena->used = at + size;
    return (char *)arena->blocks->bytes + at;
}

void *arena_get(struct arena *arena, size_t size) {
    return size > BLOCK / 4 ? large(arena, size) : small(arena, size, sizeof(uint64_t));
}

char *arena_strndup(struct arena *arena, const char *text, size_t length) {
    char *copy = length >= BLOCK / 4 ? large(arena, length + 1) : small(arena, length + 1, 1);
    memcpy(copy, text, length);
    copy[length] = 0;
    return copy;
}

char *arena_strdup(struct arena *arena, const char *text) {
    return text ? arena_strndup(arena, text, strlen(text)) : NULL;
}
