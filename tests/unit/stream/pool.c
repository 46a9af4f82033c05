/* SPDX-License-Identifier: Apache-2.0 */
/* The pool at its limits: who goes on, who is evicted, who waits, and what the process really holds. */
#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

#include "base/memory.h"
#include "stream/pool.h"

#define MIB   ((size_t)1 << 20)
#define LIMIT (32 * MIB)

static char *ballast;

static int make_ballast(void **state) {
    (void)state;
    ballast = x_malloc(PAGE_MAX);
    memset(ballast, 'b', PAGE_MAX);
    return 0;
}

static int free_ballast(void **state) {
    (void)state;
    free(ballast);
    return 0;
}

/* An owner of a page who gives it back when told to. */
struct owner {
    struct page *page;
    int evicted;
};

static void evict(void *arg) {
    struct owner *owner = arg;
    owner->evicted++;
    page_free(owner->page);
    owner->page = NULL;
}

static void own(struct owner *owner, struct pool *pool) {
    *owner = (struct owner){.page = page_new(pool, evict, owner)};
    assert_non_null(owner->page);
}

static void a_page_grows_in_place_to_its_end(void **state) {
    (void)state;
    struct pool *pool = pool_new(LIMIT);
    struct owner owner;
    own(&owner, pool);
    char *data = owner.page->data;
    assert_int_equal(pool_stats(pool).used, PAGE_STEP);
    assert_int_equal(page_append(owner.page, "first", 5), PAGE_OK);
    for (size_t length = 5; length < PAGE_MAX; length = owner.page->length) {
        size_t piece = PAGE_MAX - length < 100000 ? PAGE_MAX - length : 100000;
        assert_int_equal(page_append(owner.page, ballast, piece), PAGE_OK);
    }
    assert_ptr_equal(owner.page->data, data);
    assert_memory_equal(data, "firstbbb", 8);
    assert_int_equal(pool_stats(pool).used, PAGE_MAX);
    assert_int_equal(page_append(owner.page, "x", 1), PAGE_TOO_LARGE);
    assert_int_equal(page_append(owner.page, NULL, 0), PAGE_OK);
    page_clear(owner.page);
    assert_int_equal(page_append(owner.page, "again", 5), PAGE_OK);
    assert_memory_equal(owner.page->data, "again", 5);
    page_free(owner.page);
    page_free(NULL);
    struct pool_stats stats = pool_stats(pool);
    assert_int_equal(stats.used, 0);
    assert_int_equal(stats.peak, PAGE_MAX);
    assert_int_equal(stats.pages, 0);
    assert_int_equal(stats.limit, LIMIT);
    pool_free(pool);
}

static void the_oldest_goes_on_and_the_youngest_is_evicted(void **state) {
    (void)state;
    struct pool *pool = pool_new(LIMIT);
    struct owner oldest, middle, youngest;
    own(&oldest, pool);
    own(&middle, pool);
    own(&youngest, pool);
    assert_int_equal(page_append(middle.page, ballast, 15 * MIB), PAGE_OK);
    assert_int_equal(page_append(youngest.page, ballast, 15 * MIB), PAGE_OK);
    assert_int_equal(page_append(oldest.page, ballast, 2 * MIB), PAGE_OK);
    assert_int_equal(page_append(youngest.page, ballast, MIB), PAGE_NO_ROOM);
    assert_non_null(youngest.page); /* refused, never evicted from inside its own call */
    assert_int_equal(page_append(oldest.page, ballast, MIB), PAGE_OK);
    assert_null(youngest.page);
    assert_int_equal(youngest.evicted, 1);
    assert_int_equal(middle.evicted, 0);
    assert_int_equal(page_append(oldest.page, ballast, PAGE_MAX - 3 * MIB), PAGE_OK);
    assert_int_equal(pool_stats(pool).evictions, 1);
    assert_int_equal(pool_stats(pool).pages, 2);
    page_free(oldest.page);
    page_free(middle.page);
    pool_free(pool);
}

static void a_whole_page_is_never_evicted(void **state) {
    (void)state;
    struct pool *pool = pool_new(LIMIT);
    struct owner first, whole, last;
    own(&first, pool);
    own(&whole, pool);
    own(&last, pool);
    assert_int_equal(page_append(whole.page, ballast, PAGE_MAX), PAGE_OK);
    page_hold(whole.page);
    assert_int_equal(page_append(last.page, ballast, 15 * MIB), PAGE_OK);
    assert_int_equal(page_append(first.page, ballast, 15 * MIB), PAGE_OK);
    assert_int_equal(last.evicted, 1);
    assert_int_equal(whole.evicted, 0);
    assert_int_equal(page_append(first.page, ballast, MIB), PAGE_OK);
    assert_null(page_new(pool, evict, NULL)); /* all is taken by what is older */
    page_free(whole.page);
    page_free(first.page);
    pool_free(pool);
}

static void pages_keep_their_share_from_reservations(void **state) {
    (void)state;
    struct pool *pool = pool_new(LIMIT);
    assert_false(pool_reserve(pool, LIMIT - PAGE_MAX + 1));
    assert_true(pool_reserve(pool, LIMIT - PAGE_MAX));
    assert_false(pool_reserve(pool, 1));
    pool_overdraw(pool, LIMIT); /* the one step that lets a job go on */
    assert_int_equal(pool_stats(pool).used, 2 * LIMIT - PAGE_MAX);
    struct owner owner;
    own(&owner, pool);
    assert_int_equal(page_append(owner.page, ballast, PAGE_MAX), PAGE_OK);
    page_free(owner.page);
    pool_release(pool, LIMIT);
    pool_release(pool, LIMIT - PAGE_MAX);
    pool_free(pool);
}

static void pages_use_what_reservations_leave(void **state) {
    (void)state;
    struct pool *pool = pool_new(LIMIT);
    struct owner first, second;
    own(&first, pool);
    own(&second, pool);
    assert_int_equal(page_append(first.page, ballast, PAGE_MAX), PAGE_OK);
    assert_int_equal(page_append(second.page, ballast, 15 * MIB), PAGE_OK);
    assert_false(pool_reserve(pool, MIB + 1));
    assert_true(pool_reserve(pool, MIB));
    assert_int_equal(page_append(second.page, ballast, MIB), PAGE_NO_ROOM);
    page_free(first.page);
    assert_int_equal(page_append(second.page, ballast, MIB), PAGE_OK);
    page_free(second.page);
    pool_release(pool, MIB);
    pool_free(pool);
}

/* A waiter that notes the order, and may ask again. */
struct waiting {
    struct pool_waiter waiter;
    struct pool *pool;
    char name, *woken;
    bool again;
    struct waiting *cancels;
};

static void wake(void *arg) {
    struct waiting *waiting = arg;
    strncat(waiting->woken, &waiting->name, 1);
    if (waiting->again)
        pool_wait(waiting->pool, &waiting->waiter);
    if (waiting->cancels)
        pool_wait_cancel(&waiting->cancels->waiter);
}

static void waiters_are_woken_once_in_order(void **state) {
    (void)state;
    struct pool *pool = pool_new(LIMIT);
    char woken[16] = "";
    struct waiting a = {{wake, &a, NULL, NULL}, pool, 'a', woken, true, NULL};
    struct waiting c = {{wake, &c, NULL, NULL}, pool, 'c', woken, false, NULL};
    struct waiting b = {{wake, &b, NULL, NULL}, pool, 'b', woken, false, NULL};
    struct waiting d = {{wake, &d, NULL, NULL}, pool, 'd', woken, false, NULL};
    pool_wait(pool, &a.waiter);
    pool_wait(pool, &b.waiter);
    pool_wait(pool, &c.waiter);
    pool_wait(pool, &d.waiter);
    pool_wait(pool, &b.waiter); /* waits already */
    b.cancels = &c;             /* while they are being woken */
    assert_true(pool_reserve(pool, MIB));
    pool_release(pool, MIB);
    assert_string_equal(woken, "abd");
    struct owner owner;
    own(&owner, pool);
    a.again = false;
    page_free(owner.page);
    assert_string_equal(woken, "abda");
    pool_wait(pool, &a.waiter);
    pool_wait_cancel(&a.waiter);
    pool_wait_cancel(&a.waiter);
    pool_overdraw(pool, 1);
    pool_release(pool, 1);
    assert_string_equal(woken, "abda");
    pool_free(pool);
}

static void an_eviction_wakes_nobody(void **state) {
    (void)state;
    struct pool *pool = pool_new(LIMIT);
    char woken[16] = "";
    struct waiting a = {{wake, &a, NULL, NULL}, pool, 'a', woken, false, NULL};
    struct owner old, young;
    own(&old, pool);
    own(&young, pool);
    assert_int_equal(page_append(old.page, ballast, 15 * MIB), PAGE_OK);
    pool_overdraw(pool, 16 * MIB);
    pool_wait(pool, &a.waiter);
    assert_int_equal(page_append(old.page, ballast, MIB), PAGE_OK);
    assert_int_equal(young.evicted, 1);
    assert_string_equal(woken, "");
    page_free(old.page);
    assert_string_equal(woken, "a");
    pool_release(pool, 16 * MIB);
    pool_free(pool);
}

static struct block *take_chain(struct pool *pool, unsigned count) {
    struct block *chain = NULL;
    for (; count; count--) {
        struct block *block = block_take(pool);
        assert_int_equal(block->length, 0);
        assert_null(block->next);
        memset(block->data, (int)count, BLOCK_SIZE);
        block->next = chain;
        block->length = BLOCK_SIZE;
        chain = block;
    }
    return chain;
}

static void blocks_are_apart_and_used_again(void **state) {
    (void)state;
    struct pool *pool = pool_new(LIMIT);
    pool_overdraw(pool, 100 * BLOCK_SIZE);
    struct block *chain = take_chain(pool, 100);
    int expected = 1;
    for (struct block *block = chain; block; block = block->next, expected++) {
        for (size_t i = 0; i < BLOCK_SIZE; i += 4096)
            assert_int_equal(block->data[i], expected);
        assert_int_equal(block->data[BLOCK_SIZE - 1], expected);
    }
    block_give(pool, chain);
    struct block *again = block_take(pool);
    assert_null(again->next);
    block_give(pool, again);
    block_give(pool, NULL);
    pool_release(pool, 100 * BLOCK_SIZE);
    pool_free(pool);
}

static void churn(void *arg) {
    struct pool *pool = arg;
    for (unsigned round = 0; round < 200; round++)
        block_give(pool, take_chain(pool, 1 + round % 17));
}

static void threads_share_the_blocks(void **state) {
    (void)state;
    struct pool *pool = pool_new(LIMIT);
    uv_thread_t threads[4];
    pool_overdraw(pool, 4 * 17 * BLOCK_SIZE);
    for (size_t i = 0; i < array_length(threads); i++)
        assert_int_equal(uv_thread_create(&threads[i], churn, pool), 0);
    for (size_t i = 0; i < array_length(threads); i++)
        uv_thread_join(&threads[i]);
    pool_release(pool, 4 * 17 * BLOCK_SIZE);
    pool_free(pool);
}

static size_t resident(void) {
    size_t size, rss = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    assert_non_null(file);
    assert_int_equal(fscanf(file, "%zu %zu", &size, &rss), 2);
    fclose(file);
    return rss * (size_t)sysconf(_SC_PAGESIZE);
}

/* Blocks and pages take turns in filling the limit: what one has given back must not stay behind the other's. */
static void memory_stays_within_the_limit(void **state) {
    (void)state;
    struct pool *pool = pool_new(LIMIT);
    size_t before = resident();
    pool_overdraw(pool, 1);
    for (unsigned round = 0; round < 4; round++) {
        unsigned count = LIMIT / BLOCK_SIZE;
        struct block *chain = take_chain(pool, count);
        block_give(pool, chain);
        struct owner owners[2];
        for (size_t i = 0; i < 2; i++) {
            own(&owners[i], pool);
            assert_int_equal(page_append(owners[i].page, ballast, 15 * MIB), PAGE_OK);
        }
        for (size_t i = 0; i < 2; i++)
            page_free(owners[i].page);
        size_t now = resident();
        assert_true(now < before + LIMIT + 2 * MIB);
    }
    pool_release(pool, 1);
    size_t idle = resident();
    assert_true(idle < before + MIB); /* with nothing used, nothing is kept */
    pool_free(pool);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_page_grows_in_place_to_its_end),
        cmocka_unit_test(the_oldest_goes_on_and_the_youngest_is_evicted),
        cmocka_unit_test(a_whole_page_is_never_evicted),
        cmocka_unit_test(pages_keep_their_share_from_reservations),
        cmocka_unit_test(pages_use_what_reservations_leave),
        cmocka_unit_test(waiters_are_woken_once_in_order),
        cmocka_unit_test(an_eviction_wakes_nobody),
        cmocka_unit_test(blocks_are_apart_and_used_again),
        cmocka_unit_test(threads_share_the_blocks),
        cmocka_unit_test(memory_stays_within_the_limit),
    };
    return cmocka_run_group_tests(tests, make_ballast, free_ballast);
}
