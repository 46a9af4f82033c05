/* SPDX-License-Identifier: Apache-2.0 */
/*
 * BufferMemory: all the memory that bytes in motion may take, pages and blocks together. The only queue that could grow is
 * bounded here.
 *
 * A page is one contiguous buffer for one Scan answer. It grows in steps up to PAGE_MAX; where there is no memory for a
 * step the oldest page goes on and the youngest is evicted: its owner gives it back and asks for that page again later.
 * A block is a fixed piece of an encoded chunk. Blocks are taken by worker threads, under a reservation made before on the loop.
 */
#ifndef STREAM_POOL_H
#define STREAM_POOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PAGE_MAX   ((size_t)16 << 20) /* of one answer; DynamoDB's 1 MB of items can be 7 to 9 times larger as JSON */
#define PAGE_STEP  ((size_t)256 << 10)
#define BLOCK_SIZE ((size_t)32 << 10)

struct pool;

/* `limit`: BufferMemory, bytes. All but block_take() and block_give() are for the loop thread alone. */
struct pool *pool_new(size_t limit);
void pool_free(struct pool *pool); /* everything must have been given back */

/* Bytes for a purpose other than pages. False: not now; nothing has changed. At least PAGE_MAX always stays for pages, so
 * that what is larger than `limit` - PAGE_MAX is never granted. */
bool pool_reserve(struct pool *pool, size_t bytes);

/* The same, and never refused: for the one step that lets a job go on at all. Pages keep PAGE_MAX even then. */
void pool_overdraw(struct pool *pool, size_t bytes);
void pool_release(struct pool *pool,
                  size_t bytes); /* wakes waiters; with nothing used, all memory goes to the system */

/*
 * Called once from pool_release() or page_free() when there may be room again, in order of waiting; not from the
 * page_free() of an eviction, whose room the older page takes. Whoever was refused may wait: somebody else then holds a page
 * or a reservation, and will give it back. `wake` may do anything but pool_free().
 */
struct pool_waiter {
    void (*wake)(void *arg);
    void *arg;
    struct pool_waiter *next, **link; /* the pool's */
};
void pool_wait(struct pool *pool, struct pool_waiter *waiter); /* nothing where it waits already */
void pool_wait_cancel(struct pool_waiter *waiter);             /* nothing where it does not wait */

struct pool_stats {
    size_t limit, used, peak;
    uint64_t evictions;
    unsigned pages;
};
struct pool_stats pool_stats(const struct pool *pool);

struct page {
    char *data;
    size_t length;
};

/* `evict` is called when the page must be given back: from inside another page's page_append(), never from its own; the
 * owner calls page_free() before it returns. NULL where not even the first step is to be had. */
struct page *page_new(struct pool *pool, void (*evict)(void *arg), void *arg);

enum page_result {
    PAGE_OK,
    PAGE_TOO_LARGE, /* over PAGE_MAX */
    PAGE_NO_ROOM,   /* this is the youngest: give it back, wait, ask again */
};
enum page_result page_append(struct page *page, const char *bytes, size_t length);
void page_clear(struct page *page); /* length 0: an attempt starts over */
void page_hold(struct page *page);  /* whole: it is never evicted from now on */
void page_free(struct page *page);  /* NULL is fine */

/* One piece of a chunk; `length` of its BLOCK_SIZE bytes are used. */
struct block {
    struct block *next;
    size_t length;
    char *data;
};

/* Thread-safe; within what was reserved. The memory of given blocks is kept for the next, up to the limit. */
struct block *block_take(struct pool *pool);
void block_give(struct pool *pool, struct block *chain); /* the whole chain; does not release a reservation */

#endif
