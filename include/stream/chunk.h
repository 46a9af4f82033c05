/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One page, encoded and compressed for one output: a chunk. Whole items, in one or more gzip members or zstd frames of its
 * own, so that chunks joined in any number are one valid file, and no compressor's state outlives a page.
 *
 * Runs on a worker thread. Formats and compressions are small tables of functions: adding one is adding a file and a row.
 */
#ifndef STREAM_CHUNK_H
#define STREAM_CHUNK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "stream/csv.h"
#include "stream/pool.h"
#include "stream/slicer.h"

enum stream_format {
    FORMAT_DYNAMODB_JSON, /* {"Item":{...}}\n a line, the item byte for byte (raw newlines between tokens become spaces) */
    FORMAT_JSON,          /* members of one plain array */
    FORMAT_CSV,           /* rows behind a header */
};
enum stream_compression { COMPRESSION_NONE, COMPRESSION_GZIP, COMPRESSION_ZSTD };

const char *format_name(enum stream_format format);                  /* "dynamodb-json", "json", "csv" */
const char *compression_name(enum stream_compression compression);   /* "none", "gzip", "zstd" */
const char *compression_suffix(enum stream_compression compression); /* "", ".gz", ".zst" */

struct chunk {
    struct block *first, *last; /* owned: chunk_fini() gives them back to the pool */
    size_t length;              /* bytes as stored, sum of the blocks' */
    size_t block_count;
    uint64_t raw_length; /* before compression */
    uint64_t items;
};

void chunk_fini(struct chunk *chunk, struct pool *pool);

/* Appends what `from` holds to `to` without copying a byte; `from` is left empty. */
void chunk_join(struct chunk *to, struct chunk *from);

/* Tables, windows and compressor states of one running task; about `workspace_size()` bytes, made once, used again. */
struct chunk_workspace;
struct chunk_workspace *chunk_workspace_new(void);
void chunk_workspace_free(struct chunk_workspace *workspace);
size_t chunk_workspace_size(void);

struct chunk_encode {
    enum stream_format format;
    enum stream_compression compression;
    bool
        opens; /* json, csv: this chunk holds the object's first item: it begins with "[\n" instead of ",\n", with the header */
    const char *page;
    const struct page_index *index; /* as page_slice() left it for this page: the encoder relies on what it checked */
    const struct csv_columns *columns; /* csv: never NULL where the page has items */
};

/* The most blocks that this can take: what to reserve before. */
size_t chunk_bound(const struct chunk_encode *encode);

/*
 * Fills an empty chunk. False with ERROR_CORRUPT where an item is not DynamoDB's typed JSON (which, at which byte), and the
 * chunk is left empty: json and csv read every item, dynamodb-json only to count, and only where the page is not plain.
 * `counts` is added to; NULL where another encode of this page counts. A page without items becomes a chunk of no bytes,
 * whatever the compression.
 */
bool chunk_encode(struct chunk *chunk, struct pool *pool, struct chunk_workspace *workspace,
                  const struct chunk_encode *encode, struct type_counts *counts, struct error *error);

/* What ends an object that holds items: NULL: nothing, borrowed; and the whole of one that holds none, which the caller frees. */
const char *format_ending(enum stream_format format);
char *format_empty(enum stream_format format, const struct csv_columns *columns);

/* Text as it is (json's "\n]\n"), compressed as the rest. An empty text with gzip or zstd is an empty member. */
void chunk_literal(struct chunk *chunk, struct pool *pool, struct chunk_workspace *workspace,
                   enum stream_compression compression, const char *text);
size_t chunk_literal_bound(enum stream_compression compression, const char *text); /* blocks */

/* What a part needs besides its bytes. On a worker thread: reads every byte. */
struct chunk_seal {
    uint32_t crc32;
    unsigned char md5[16];    /* where wanted */
    unsigned char sha256[32]; /* where wanted */
};
void chunk_seal(struct chunk_seal *seal, const struct chunk *chunk, bool want_md5, bool want_sha256);

#endif
