/* SPDX-License-Identifier: Apache-2.0 */
/* A page around the fuzzer's bytes: the first says how many items they are, the rest stands between '[' and ']'. */
#ifndef TESTS_FUZZ_STREAM_PAGE_H
#define TESTS_FUZZ_STREAM_PAGE_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "stream/chunk.h"

struct fuzz_page {
    char *bytes; /* of exactly `length`, so that the sanitizers see every byte too many */
    size_t length;
    struct page_index index;
    struct pool *pool;
    struct chunk_workspace *workspace;
    struct csv_columns *columns; /* of csv; NULL: not asked for */
};

static inline bool fuzz_page_init(struct fuzz_page *page, const uint8_t *bytes, size_t length) {
    char head[64];
    if (!length)
        return false;
    int head_length = snprintf(head, sizeof head, "{\"Count\":%u,\"Items\":[", bytes[0]);
    *page = (struct fuzz_page){.length = (size_t)head_length + length - 1 + 2};
    page->bytes = x_malloc(page->length);
    memcpy(page->bytes, head, (size_t)head_length);
    memcpy(page->bytes + head_length, bytes + 1, length - 1);
    memcpy(page->bytes + page->length - 2, "]}", 2);
    if (page_slice(&page->index, page->bytes, page->length, NULL)) {
        page->pool = pool_new((size_t)32 << 20);
        page->workspace = chunk_workspace_new();
        return true;
    }
    page_index_fini(&page->index);
    free(page->bytes);
    return false;
}

static inline void fuzz_page_fini(struct fuzz_page *page) {
    chunk_workspace_free(page->workspace);
    pool_free(page->pool);
    page_index_fini(&page->index);
    free(page->bytes);
}

/* Encoded without compression into memory of its own; NULL where it is refused. The caller frees. */
static inline char *fuzz_encode(struct fuzz_page *page, enum stream_format format, struct type_counts *counts,
                                size_t *length) {
    struct chunk chunk;
    struct chunk_encode encode = {
        .format = format, .opens = true, .page = page->bytes, .index = &page->index, .columns = page->columns};
    if (!chunk_encode(&chunk, page->pool, page->workspace, &encode, counts, NULL))
        return NULL;
    if (chunk.block_count > chunk_bound(&encode))
        abort();
    char *out = x_malloc(chunk.length + 1);
    *length = 0;
    for (const struct block *block = chunk.first; block; block = block->next) {
        memcpy(out + *length, block->data, block->length);
        *length += block->length;
    }
    if (*length != chunk.length || chunk.raw_length != chunk.length || chunk.items != page->index.count)
        abort();
    chunk_fini(&chunk, page->pool);
    return out;
}

#endif
