/* SPDX-License-Identifier: Apache-2.0 */
/* Chunks: the tables of formats and compressions, and what happens to a chunk once it is filled. */
#include "stream/chunk.h"

#include <stdlib.h>
#include <string.h>

#include "base/digest.h"
#include "base/memory.h"
#include "encode.h"

static size_t most_dynamodb(const struct chunk_encode *encode) {
    return encode->index->length + encode->index->count * (sizeof "{\"Item\":}\n" - 1);
}

static size_t most_json(const struct chunk_encode *encode) {
    return encode->index->length + encode->index->count * 2;
}

/* A comma a column, the row's end, and what stands around `_more`; see encode_csv.c for the two thirds. */
static size_t most_csv(const struct chunk_encode *encode) {
    size_t length = encode->index->length, header = 0, columns = 0;
    if (encode->index->count) {
        columns = csv_columns_cells(encode->columns) - 1;
        csv_columns_header(encode->columns, &header);
    }
    return length + length * 2 / 3 + 1 + encode->index->count * (columns + 4) + header;
}

static const struct {
    const char *name;
    page_encoder *encode;
    size_t (*most)(const struct chunk_encode *encode); /* bytes before they are compressed */
    const char *ending, *empty;
} formats[] = {
    [FORMAT_DYNAMODB_JSON] = {"dynamodb-json", encode_dynamodb, most_dynamodb, NULL, ""},
    [FORMAT_JSON] = {"json", encode_json, most_json, "\n]\n", "[\n]\n"},
    [FORMAT_CSV] = {"csv", encode_csv, most_csv, "\r\n", NULL},
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

const char *format_ending(enum stream_format format) {
    return formats[format].ending;
}

char *format_empty(enum stream_format format, const struct csv_columns *columns) {
    size_t length;
    if (format != FORMAT_CSV)
        return x_strdup(formats[format].empty);
    const char *header = csv_columns_header(columns, &length);
    return x_printf("%.*s%s", (int)length, header, formats[format].ending);
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
static size_t blocks_of(enum stream_compression compression, size_t bytes) {
    if (compression != COMPRESSION_NONE)
        bytes += bytes / 64 + 1024;
    size_t block = BLOCK_SIZE - (compression == COMPRESSION_NONE ? OUTPUT_ROOM : 0);
    return bytes / block + 1;
}

size_t chunk_bound(const struct chunk_encode *encode) {
    return blocks_of(encode->compression, formats[encode->format].most(encode));
}

size_t chunk_literal_bound(enum stream_compression compression, const char *text) {
    return blocks_of(compression, strlen(text));
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
    csv_room_free(workspace->csv);
    free(workspace->window);
    free(workspace);
}

size_t chunk_workspace_size(void) {
    return sizeof(struct chunk_workspace) + WINDOW_SIZE + gzip_size() + zstd_size() + csv_room_size();
}

static void output_begin(struct output *output, enum stream_compression compression) {
    compressions[compression].begin(output);
}

bool chunk_encode(struct chunk *chunk, struct pool *pool, struct chunk_workspace *workspace,
                  const struct chunk_encode *encode, struct type_counts *counts, struct error *error) {
    *chunk = (struct chunk){0};
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
    if (counts)
        type_counts_add(counts, &found);
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
