/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bytes behind pages and blocks. A page is PAGE_MAX of address space, reserved once: it grows in place, never moves and
 * is never copied; the system backs only what was touched. Blocks come from slabs. What is given back stays backed for the
 * next user as long as everything together is within the limit, else the system gets it at once: RSS stays flat.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/memory.h"
#include "pool.h"

#define SLAB_BLOCKS 32 /* 1 MiB */

struct slab {
    struct slab *next;
    char *data;
    struct block blocks[SLAB_BLOCKS];
};

static void *map(size_t length) {
    void *data = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (data == MAP_FAILED)
        return NULL;
    (void)madvise(data, length, MADV_NOHUGEPAGE); /* a huge page would back 2 MiB at the first touch */
    return data;
}

void memory_init(struct memory *memory, size_t limit) {
    *memory = (struct memory){.limit = limit};
    if (uv_mutex_init(&memory->lock))
        abort();
    SLIST_INIT(&memory->spare);
}

void memory_fini(struct memory *memory) {
    assert(!memory->blocks_out && !memory->page_bytes);
    memory_drop(memory);
    uv_mutex_destroy(&memory->lock);
}

static bool over(const struct memory *memory) {
    size_t blocks = (memory->blocks_out + memory->blocks_warm) * BLOCK_SIZE;
    return memory->page_bytes + memory->spare_bytes + blocks > memory->limit;
}

static void trim(struct memory *memory) {
    while (memory->warm && over(memory)) {
        struct block *block = memory->warm;
        memory->warm = block->next;
        memory->blocks_warm--;
        (void)madvise(block->data, BLOCK_SIZE, MADV_DONTNEED);
        block->next = memory->cold;
        memory->cold = block;
    }
    struct page_slot *slot;
    SLIST_FOREACH(slot, &memory->spare, spare) {
        if (!over(memory))
            return;
        (void)madvise(slot->page.data, slot->touched, MADV_DONTNEED);
        memory->spare_bytes -= slot->touched;
        slot->touched = 0;
    }
}

static struct page_slot *new_slot(void) {
    char *data = map(PAGE_MAX);
    if (!data)
        return NULL;
    struct page_slot *slot = x_calloc(1, sizeof *slot);
    slot->page.data = data;
    return slot;
}

/* The most recently used comes first: it is the one with memory, if any is. */
struct page_slot *memory_page(struct memory *memory) {
    uv_mutex_lock(&memory->lock);
    struct page_slot *slot = SLIST_FIRST(&memory->spare);
    if (slot) {
        SLIST_REMOVE_HEAD(&memory->spare, spare);
        memory->spare_bytes -= slot->touched;
    } else {
        slot = new_slot();
    }
    uv_mutex_unlock(&memory->lock);
    if (!slot)
        return NULL;
    slot->page.length = 0;
    slot->granted = 0;
    slot->held = false;
    memory_page_grow(memory, slot);
    return slot;
}

void memory_page_grow(struct memory *memory, struct page_slot *slot) {
    uv_mutex_lock(&memory->lock);
    slot->granted += PAGE_STEP;
    if (slot->touched < slot->granted)
        slot->touched = slot->granted;
    memory->page_bytes += PAGE_STEP;
    trim(memory);
    uv_mutex_unlock(&memory->lock);
}

void memory_page_give(struct memory *memory, struct page_slot *slot) {
    uv_mutex_lock(&memory->lock);
    memory->page_bytes -= slot->granted;
    memory->spare_bytes += slot->touched;
    SLIST_INSERT_HEAD(&memory->spare, slot, spare);
    trim(memory);
    uv_mutex_unlock(&memory->lock);
}

/* Within a reservation: as small memory is, it is there or the process is past saving. */
static void add_slab(struct memory *memory) {
    struct slab *slab = x_calloc(1, sizeof *slab);
    slab->data = map(SLAB_BLOCKS * BLOCK_SIZE);
    if (!slab->data) {
        fprintf(stderr, "dynamodb-backupd: no address space for %d blocks of BufferMemory\n", SLAB_BLOCKS);
        abort();
    }
    slab->next = memory->slabs;
    memory->slabs = slab;
    for (size_t i = SLAB_BLOCKS; i-- > 0;) {
        slab->blocks[i] = (struct block){.next = memory->cold, .data = slab->data + i * BLOCK_SIZE};
        memory->cold = &slab->blocks[i];
    }
}

struct block *memory_block(struct memory *memory) {
    uv_mutex_lock(&memory->lock);
    struct block **list = memory->warm ? &memory->warm : &memory->cold;
    if (memory->warm)
        memory->blocks_warm--;
    else if (!memory->cold)
        add_slab(memory);
    struct block *block = *list;
    *list = block->next;
    memory->blocks_out++;
    trim(memory);
    uv_mutex_unlock(&memory->lock);
    block->next = NULL;
    block->length = 0;
    return block;
}

void memory_block_give(struct memory *memory, struct block *chain) {
    uv_mutex_lock(&memory->lock);
    while (chain) {
        struct block *next = chain->next;
        assert(memory->blocks_out);
        memory->blocks_out--;
        memory->blocks_warm++;
        chain->next = memory->warm;
        memory->warm = chain;
        chain = next;
    }
    trim(memory);
    uv_mutex_unlock(&memory->lock);
}

static void drop_pages(struct memory *memory) {
    struct page_slot *slot;
    while ((slot = SLIST_FIRST(&memory->spare))) {
        SLIST_REMOVE_HEAD(&memory->spare, spare);
        munmap(slot->page.data, PAGE_MAX);
        free(slot);
    }
    memory->spare_bytes = 0;
}

static void drop_slabs(struct memory *memory) {
    struct slab *slab;
    while ((slab = memory->slabs)) {
        memory->slabs = slab->next;
        munmap(slab->data, SLAB_BLOCKS * BLOCK_SIZE);
        free(slab);
    }
    memory->warm = memory->cold = NULL;
    memory->blocks_warm = 0;
}

void memory_drop(struct memory *memory) {
    uv_mutex_lock(&memory->lock);
    drop_pages(memory);
    if (!memory->blocks_out)
        drop_slabs(memory);
    uv_mutex_unlock(&memory->lock);
}
