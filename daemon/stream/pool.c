/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who may use how much of BufferMemory: reservations (parts, blocks, compressors), and pages with what reservations have
 * left, at least PAGE_MAX. A page that cannot grow evicts the youngest that is still arriving; the youngest itself is
 * refused, so the oldest always comes to its end.
 */
#include "pool.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

struct pool {
    struct memory memory;
    size_t reserved, page_bytes, peak;
    uint64_t evictions;
    unsigned page_count;
    struct page_list pages; /* oldest first */
    struct pool_waiter *waiters;
    bool evicting;
};

struct pool *pool_new(size_t limit) {
    struct pool *pool = x_calloc(1, sizeof *pool);
    memory_init(&pool->memory, limit);
    TAILQ_INIT(&pool->pages);
    return pool;
}

void pool_free(struct pool *pool) {
    if (!pool)
        return;
    assert(!pool->reserved && !pool->page_bytes && !pool->waiters);
    memory_fini(&pool->memory);
    free(pool);
}

struct pool_stats pool_stats(const struct pool *pool) {
    return (struct pool_stats){.limit = pool->memory.limit,
                               .used = pool->reserved + pool->page_bytes,
                               .peak = pool->peak,
                               .evictions = pool->evictions,
                               .pages = pool->page_count};
}

static void note_peak(struct pool *pool) {
    if (pool->reserved + pool->page_bytes > pool->peak)
        pool->peak = pool->reserved + pool->page_bytes;
}

bool pool_reserve(struct pool *pool, size_t bytes) {
    size_t limit = pool->memory.limit;
    size_t pages = pool->page_bytes > PAGE_MAX ? pool->page_bytes : PAGE_MAX;
    if (pages > limit || pool->reserved > limit - pages || bytes > limit - pages - pool->reserved)
        return false;
    pool_overdraw(pool, bytes);
    return true;
}

void pool_overdraw(struct pool *pool, size_t bytes) {
    pool->reserved += bytes;
    note_peak(pool);
}

/* Woken waiters stand in a list of their own, so that one that waits again is not woken twice. */
static void wake_waiters(struct pool *pool) {
    if (pool->evicting)
        return;
    struct pool_waiter *woken = pool->waiters;
    pool->waiters = NULL;
    if (woken)
        woken->link = &woken;
    while (woken) {
        struct pool_waiter *waiter = woken;
        pool_wait_cancel(waiter);
        waiter->wake(waiter->arg);
    }
}

static void gave_back(struct pool *pool) {
    if (!pool->reserved && !pool->page_bytes)
        memory_drop(&pool->memory);
    wake_waiters(pool);
}

void pool_release(struct pool *pool, size_t bytes) {
    assert(bytes <= pool->reserved);
    pool->reserved -= bytes;
    gave_back(pool);
}

void pool_wait(struct pool *pool, struct pool_waiter *waiter) {
    if (waiter->link)
        return;
    struct pool_waiter **end = &pool->waiters;
    while (*end)
        end = &(*end)->next;
    *end = waiter;
    waiter->link = end;
    waiter->next = NULL;
}

void pool_wait_cancel(struct pool_waiter *waiter) {
    if (!waiter->link)
        return;
    *waiter->link = waiter->next;
    if (waiter->next)
        waiter->next->link = waiter->link;
    waiter->next = NULL;
    waiter->link = NULL;
}

static struct page_slot *slot_of(struct page *page) {
    return container_of(page, struct page_slot, page);
}

static bool step_fits(const struct pool *pool) {
    size_t left = pool->memory.limit > pool->reserved ? pool->memory.limit - pool->reserved : 0;
    return pool->page_bytes + PAGE_STEP <= (left > PAGE_MAX ? left : PAGE_MAX);
}

static void count_step(struct pool *pool) {
    pool->page_bytes += PAGE_STEP;
    note_peak(pool);
}

struct page *page_new(struct pool *pool, void (*evict)(void *arg), void *arg) {
    struct page_slot *slot = step_fits(pool) ? memory_page(&pool->memory) : NULL;
    if (!slot)
        return NULL;
    slot->pool = pool;
    slot->evict = evict;
    slot->arg = arg;
    TAILQ_INSERT_TAIL(&pool->pages, slot, live);
    pool->page_count++;
    count_step(pool);
    return &slot->page;
}

static struct page_slot *youngest_arriving(const struct pool *pool) {
    struct page_slot *slot = TAILQ_LAST(&pool->pages, page_list);
    while (slot && slot->held)
        slot = TAILQ_PREV(slot, page_list, live);
    return slot;
}

static bool grow(struct page_slot *slot) {
    struct pool *pool = slot->pool;
    while (!step_fits(pool)) {
        struct page_slot *victim = youngest_arriving(pool);
        if (victim == slot)
            return false;
        unsigned before = pool->page_count;
        pool->evictions++;
        pool->evicting = true;
        victim->evict(victim->arg);
        pool->evicting = false;
        assert(pool->page_count < before);
        (void)before;
    }
    memory_page_grow(&pool->memory, slot);
    count_step(pool);
    return true;
}

enum page_result page_append(struct page *page, const char *bytes, size_t length) {
    struct page_slot *slot = slot_of(page);
    assert(!slot->held);
    if (length > PAGE_MAX - page->length)
        return PAGE_TOO_LARGE;
    while (slot->granted - page->length < length) {
        if (!grow(slot))
            return PAGE_NO_ROOM;
    }
    if (length)
        memcpy(page->data + page->length, bytes, length);
    page->length += length;
    return PAGE_OK;
}

void page_clear(struct page *page) {
    page->length = 0;
}

void page_hold(struct page *page) {
    slot_of(page)->held = true;
}

void page_free(struct page *page) {
    if (!page)
        return;
    struct page_slot *slot = slot_of(page);
    struct pool *pool = slot->pool;
    TAILQ_REMOVE(&pool->pages, slot, live);
    pool->page_count--;
    pool->page_bytes -= slot->granted;
    memory_page_give(&pool->memory, slot);
    gave_back(pool);
}

struct block *block_take(struct pool *pool) {
    return memory_block(&pool->memory);
}

void block_give(struct pool *pool, struct block *chain) {
    memory_block_give(&pool->memory, chain);
}
