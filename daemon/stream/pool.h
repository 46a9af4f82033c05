/* SPDX-License-Identifier: Apache-2.0 */
/* What pool.c (who may use how much) and memory.c (which bytes the process really holds) share. */
#ifndef STREAM_POOL_PRIVATE_H
#define STREAM_POOL_PRIVATE_H

#include <sys/queue.h>
#include <uv.h>

#include "stream/pool.h"

struct page_slot {
    struct page page; /* `data`: PAGE_MAX bytes of address space, for life */
    struct pool *pool;
    void (*evict)(void *arg);
    void *arg;
    size_t granted; /* bytes it may use, whole steps */
    size_t touched; /* bytes of it that the system has backed: the largest `granted` so far */
    bool held;
    TAILQ_ENTRY(page_slot) live;
    SLIST_ENTRY(page_slot) spare;
};

TAILQ_HEAD(page_list, page_slot);
SLIST_HEAD(page_stack, page_slot);
struct slab;

/* The bytes that the system backs, or may: kept at or under `limit` by giving back what nobody uses. Under `lock`. */
struct memory {
    uv_mutex_t lock;
    size_t limit;
    size_t page_bytes;  /* granted to live pages */
    size_t spare_bytes; /* touched, in pages that nobody uses */
    size_t blocks_out, blocks_warm;
    struct page_stack spare;
    struct block *warm, *cold; /* free: still backed, given back to the system */
    struct slab *slabs;
};

void memory_init(struct memory *memory, size_t limit);
void memory_fini(struct memory *memory);

/* A page of one step, used again or new; NULL where the system has no address space. */
struct page_slot *memory_page(struct memory *memory);
void memory_page_grow(struct memory *memory, struct page_slot *slot);
void memory_page_give(struct memory *memory, struct page_slot *slot);

struct block *memory_block(struct memory *memory);
void memory_block_give(struct memory *memory, struct block *chain);

/* All that nobody uses goes back to the system, where no block is out. */
void memory_drop(struct memory *memory);

#endif
