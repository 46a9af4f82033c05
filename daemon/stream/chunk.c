/* SPDX-License-Identifier: Apache-2.0 */
/* Chunks: the tables of formats and compressions, and what happens to a chunk once it is filled. */
#include "stream/chunk.h"

#include <stdlib.h>
#include <string.h>

#include "base/digest.h"
#include "base/memory.h"
#include "encode.h"

static const struct {
    const char *name;
    page_encoder *encode; /* NULL: not supported yet */
    size_t item_overhead; /* bytes an item may grow by */
} formats[] = {
    [FORMAT_DYNAMODB_JSON] = {"dynamodb-json", encode_dynamodb, sizeof "{\"Item\":}\n" - 1},
    [FORMAT_JSON] = {"json", encode_json, 2},
    [FORMAT_CSV] = {"csv", NULL, 2},
};

static const struct {
    const char *name, *suffix;
    void (*begin)(struct output *output);
} compressions[] = {
    [COMPRESSION_NONE] = {"none", "", none_begin},
    [COMPRESSION_GZIP] = {"gzip", ".gz", gzip_begin},
    [COMPRESSION_ZSTD] = {"zstd", ".zst", zstd_begin},
};

const char *format_name(enum stream_format format) {
    return formats[format].name;
}

const char *compression_name(enum stream_compression compression) {
    return compressions[compression].name;
}

const char *compression_suffix(enum stream_compression compression) {
    return compressions[compression].suffix;
}

void chunk_fini(struct chunk *chunk, struct pool *pool) {
    if (chunk->first)
        block_give(pool, chunk->first);
    *chunk = (struct chunk){0};
}

void chunk_join(struct chunk *to, struct chunk *from) {
    if (from->first) {
        *(to->last ? &to->last->next : &to->first) = from->first;
        to->last = from->last;
    }
    to->length += from->length;
    to->block_count += from->block_count;
    to->raw_length += from->raw_length;
    to->items += from->items;
    *from = (struct chunk){0};
}

/*
 * What cannot be compressed grows: deflate's stored blocks by 5 bytes in at most 64 KiB, zstd's raw blocks by 3 in 128 KiB,
 * and heads and tails; a 64th and 1 KiB are more than both. A block written directly may leave OUTPUT_ROOM bytes unused.
 */
size_t chunk_bound(enum stream_format format, enum stream_compression compression, size_t page_length, size_t items) {
    size_t bytes = page_length + items * formats[format].item_overhead;
    if (compression != COMPRESSION_NONE)
        bytes += bytes / 64 + 1024;
    size_t block = BLOCK_SIZE - (compression == COMPRESSION_NONE ? OUTPUT_ROOM : 0);
    return bytes / block + 1;
}

struct chunk_workspace *chunk_workspace_new(void) {
    struct chunk_workspace *workspace = x_calloc(1, sizeof *workspace);
    workspace->window = x_malloc(WINDOW_SIZE);
    return workspace;
}

void chunk_workspace_free(struct chunk_workspace *workspace) {
    if (!workspace)
        return;
    gzip_free(workspace->gzip);
    zstd_free(workspace->zstd);
    free(workspace->window);
    free(workspace);
}

size_t chunk_workspace_size(void) {
    return sizeof(struct chunk_workspace) + WINDOW_SIZE + gzip_size() + zstd_size();
}

static void output_begin(struct output *output, enum stream_compression compression) {
    compressions[compression].begin(output);
}

bool chunk_encode(struct chunk *chunk, struct pool *pool, struct chunk_workspace *workspace,
                  const struct chunk_encode *encode, struct type_counts *counts, struct error *error) {
    *chunk = (struct chunk){0};
    if (!formats[encode->format].encode) {
        error_set(error, ERROR_INVALID, "Format=%s is not supported yet", formats[encode->format].name);
        return false;
    }
    if (!encode->index->count)
        return true;
    struct type_counts found = {0};
    struct output output = {.chunk = chunk, .pool = pool, .workspace = workspace};
    output_begin(&output, encode->compression);
    if (!formats[encode->format].encode(&output, encode, counts ? &found : NULL, error)) {
        chunk_fini(chunk, pool);
        return false;
    }
    output_finish(&output);
    chunk->items = encode->index->count;
    if (counts) {
        counts->b += found.b;
        counts->ss += found.ss;
        counts->ns += found.ns;
        counts->bs += found.bs;
    }
    return true;
}

void chunk_literal(struct chunk *chunk, struct pool *pool, struct chunk_workspace *workspace,
                   enum stream_compression compression, const char *text) {
    *chunk = (struct chunk){0};
    struct output output = {.chunk = chunk, .pool = pool, .workspace = workspace};
    output_begin(&output, compression);
    if (*text)
        output_put(&output, text, strlen(text));
    output_finish(&output);
}

void chunk_seal(struct chunk_seal *seal, const struct chunk *chunk, bool want_md5, bool want_sha256) {
    *seal = (struct chunk_seal){0};
    struct digest *md5_digest = want_md5 ? digest_new_md5() : NULL;
    struct digest *sha256_digest = want_sha256 ? digest_new_sha256() : NULL;
    for (const struct block *block = chunk->first; block; block = block->next) {
        seal->crc32 = crc32_update(seal->crc32, block->data, block->length);
        if (md5_digest)
            digest_update(md5_digest, block->data, block->length);
        if (sha256_digest)
            digest_update(sha256_digest, block->data, block->length);
    }
    if (md5_digest)
        digest_final(md5_digest, seal->md5);
    if (sha256_digest)
        digest_final(sha256_digest, seal->sha256);
}
