/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What one core does to a page, stage by stage, in MB of page a second of CPU time (the best of several rounds):
 * slicing by each implementation, UTF-8 alone, checksums, encoding, compressing alone and as a whole chunk. The
 * last lines are the price of all that is ours: page to gzip chunk against ISA-L alone on the very same bytes.
 */
#include <isa-l/igzip_lib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <zstd.h>

#include "base/digest.h"
#include "base/error.h"
#include "base/memory.h"
#include "base/utf8.h"
#include "pages.h"
#include "stream/item_digest.h"

#define ROUNDS 9

struct bench {
    struct made_page made;
    struct page_index index, scratch;
    struct pool *pool;
    struct chunk_workspace *workspace;
    char *out;
    size_t out_size;
    struct isal_zstream *stream;
    uint8_t *level_buffer;
    ZSTD_CCtx *zstd;
    const char *implementation;
    struct chunk_encode encode;
    struct csv_columns *columns;
    struct type_counts *counts, sink;
    struct chunk sealed;
    bool want_md5, want_sha256;
    struct item_digester *digester;
};

typedef void stage(struct bench *bench);

static double cpu_seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* Seconds a run, the best round. */
static double measure(struct bench *bench, stage *run) {
    double best = 1e9;
    run(bench);
    for (unsigned round = 0; round < ROUNDS; round++) {
        unsigned runs = 0;
        double start = cpu_seconds(), took;
        do {
            run(bench);
            runs++;
            took = cpu_seconds() - start;
        } while (took < 0.02);
        if (took / runs < best)
            best = took / runs;
    }
    return best;
}

static void check(bool worked) {
    if (!worked)
        abort();
}

static void do_slice(struct bench *bench) {
    check(page_slice_by(bench->implementation, &bench->scratch, bench->made.page.data, bench->made.page.length, NULL));
}

static void do_utf8(struct bench *bench) {
    check(utf8_valid(bench->made.page.data, bench->made.page.length));
}

static void do_crc32(struct bench *bench) {
    (void)crc32_update(0, bench->made.page.data, bench->made.page.length);
}

static void do_encode(struct bench *bench) {
    struct chunk chunk;
    check(chunk_encode(&chunk, bench->pool, bench->workspace, &bench->encode, bench->counts, NULL));
    chunk_fini(&chunk, bench->pool);
}

/* What the first page of a run costs besides. */
static void do_columns(struct bench *bench) {
    struct csv_columns *columns = csv_columns_new();
    csv_columns_add_page(columns, bench->made.page.data, &bench->index);
    csv_columns_unref(columns);
}

static void do_whole(struct bench *bench) {
    check(page_slice(&bench->index, bench->made.page.data, bench->made.page.length, NULL));
    do_encode(bench);
}

/* As fast as ISA-L goes: all input at once into one buffer. */
static void do_isal(struct bench *bench) {
    isal_deflate_init(bench->stream);
    bench->stream->level = 1;
    bench->stream->level_buf = bench->level_buffer;
    bench->stream->level_buf_size = ISAL_DEF_LVL1_DEFAULT;
    bench->stream->gzip_flag = IGZIP_GZIP;
    bench->stream->end_of_stream = 1;
    bench->stream->next_in = (uint8_t *)bench->made.lines.data;
    bench->stream->avail_in = (uint32_t)bench->made.lines.length;
    bench->stream->next_out = (uint8_t *)bench->out;
    bench->stream->avail_out = (uint32_t)bench->out_size;
    check(isal_deflate(bench->stream) == COMP_OK && bench->stream->internal_state.state == ZSTATE_END);
}

static void do_zstd(struct bench *bench) {
    check(!ZSTD_isError(ZSTD_compressCCtx(bench->zstd, bench->out, bench->out_size, bench->made.lines.data,
                                          bench->made.lines.length, 1)));
}

static void do_copy(struct bench *bench) {
    memcpy(bench->out, bench->made.lines.data, bench->made.lines.length);
}

static void do_seal(struct bench *bench) {
    struct chunk_seal seal;
    chunk_seal(&seal, &bench->sealed, bench->want_md5, bench->want_sha256);
}

/* Some mixed items hold a name twice, which no table does: refused where that shows, near their end. */
static void do_digest(struct bench *bench) {
    struct item_digest digest = {.items = 0};
    for (size_t i = 0; i < bench->index.count; i++)
        (void)item_digester_add(bench->digester, &digest, bench->made.page.data + bench->index.items[i].offset,
                                bench->index.items[i].length, NULL);
    check(digest.items > 0);
}

/* Those of the page; but of mixed items, whose further names are all random, only those that all have: the rest is in `_more`. */
static struct csv_columns *columns_of(const struct bench *bench, enum kind_of_items kind) {
    static const char *const names[] = {"studentid", "name", "email", "gpa", "year", "active", "photo", "notes"};
    struct csv_columns *columns = csv_columns_new();
    if (kind != ITEMS_MIXED)
        csv_columns_add_page(columns, bench->made.page.data, &bench->index);
    for (size_t i = 0; kind == ITEMS_MIXED && i < array_length(names); i++)
        check(csv_columns_add(columns, names[i], strlen(names[i])));
    return columns;
}

static void bench_open(struct bench *bench, enum kind_of_items kind, unsigned items) {
    struct dice dice = {99};
    *bench = (struct bench){.pool = pool_new((size_t)64 << 20), .workspace = chunk_workspace_new()};
    page_make(&bench->made, &dice, &(struct recipe){.kind = kind, .items = items, .key = true});
    check(page_slice(&bench->index, bench->made.page.data, bench->made.page.length, NULL));
    bench->columns = columns_of(bench, kind);
    bench->encode = (struct chunk_encode){
        .page = bench->made.page.data, .index = &bench->index, .opens = true, .columns = bench->columns};
    bench->out_size = bench->made.lines.length * 2 + 65536;
    bench->out = x_malloc(bench->out_size);
    bench->stream = x_malloc(sizeof *bench->stream);
    bench->level_buffer = x_malloc(ISAL_DEF_LVL1_DEFAULT);
    bench->zstd = ZSTD_createCCtx();
    bench->digester = item_digester_new((const unsigned char[ITEM_DIGEST_KEY]){0});
    pool_overdraw(bench->pool, 1); /* the pool is in use: it keeps its memory */
}

static void bench_close(struct bench *bench) {
    chunk_fini(&bench->sealed, bench->pool);
    pool_release(bench->pool, 1);
    ZSTD_freeCCtx(bench->zstd);
    item_digester_free(bench->digester);
    free(bench->level_buffer);
    free(bench->stream);
    free(bench->out);
    csv_columns_unref(bench->columns);
    page_index_fini(&bench->index);
    page_index_fini(&bench->scratch);
    made_page_fini(&bench->made);
    chunk_workspace_free(bench->workspace);
    pool_free(bench->pool);
}

enum { KINDS = 3, MOST_ROWS = 40 };

struct table {
    const char *rows[MOST_ROWS];
    double cells[MOST_ROWS][KINDS];
    unsigned count;
};

static void put(struct table *table, unsigned kind, const char *row, double value) {
    unsigned at = 0;
    while (at < table->count && strcmp(table->rows[at], row) != 0)
        at++;
    if (at == table->count)
        table->rows[table->count++] = row;
    table->cells[at][kind] = value;
}

static void speed(struct table *table, unsigned kind, const char *row, struct bench *bench, stage *run) {
    put(table, kind, row, (double)bench->made.page.length / measure(bench, run) / 1e6);
}

static void bench_slice(struct table *table, unsigned kind, struct bench *bench) {
    static const char *const names[][2] = {{"portable", "slice, portable"},
                                           {"sse2", "slice, SSE2"},
                                           {"neon", "slice, NEON"},
                                           {"avx2", "slice, AVX2"},
                                           {"avx512", "slice, AVX-512"}};
    for (size_t i = 0; i < array_length(names); i++) {
        bench->implementation = names[i][0];
        if (page_slice_by(names[i][0], &bench->scratch, bench->made.page.data, bench->made.page.length, NULL))
            speed(table, kind, names[i][1], bench, do_slice);
    }
}

static void bench_encode(struct table *table, unsigned kind, struct bench *bench, enum stream_format format,
                         const char *const rows[3]) {
    bench->encode.format = format;
    bench->counts = &bench->sink;
    for (bench->encode.compression = COMPRESSION_NONE; bench->encode.compression <= COMPRESSION_ZSTD;
         bench->encode.compression++)
        speed(table, kind, rows[bench->encode.compression], bench, do_encode);
}

static void bench_seal(struct table *table, unsigned kind, struct bench *bench) {
    bench->encode.format = FORMAT_DYNAMODB_JSON;
    bench->encode.compression = COMPRESSION_NONE;
    check(chunk_encode(&bench->sealed, bench->pool, bench->workspace, &bench->encode, NULL, NULL));
    speed(table, kind, "seal: CRC-32", bench, do_seal);
    bench->want_md5 = true;
    speed(table, kind, "seal: CRC-32, MD5", bench, do_seal);
    bench->want_sha256 = true;
    speed(table, kind, "seal: CRC-32, MD5, SHA-256", bench, do_seal);
}

static void bench_price(struct table *table, unsigned kind, struct bench *bench) {
    bench->encode.format = FORMAT_DYNAMODB_JSON;
    bench->encode.compression = COMPRESSION_GZIP;
    bench->counts = &bench->sink;
    double alone = measure(bench, do_isal), whole = measure(bench, do_whole), encoded = measure(bench, do_encode);
    put(table, kind, "encode to gzip / ISA-L alone", encoded / alone);
    put(table, kind, "page to gzip chunk / ISA-L alone", whole / alone);
    bench->encode.compression = COMPRESSION_ZSTD;
    alone = measure(bench, do_zstd);
    put(table, kind, "page to zstd chunk / zstd alone", measure(bench, do_whole) / alone);
}

static void bench_kind(struct table *table, unsigned kind, enum kind_of_items items, unsigned count) {
    static const char *const dynamodb[] = {"dynamodb-json", "dynamodb-json, gzip", "dynamodb-json, zstd"};
    static const char *const json[] = {"json", "json, gzip", "json, zstd"};
    static const char *const csv[] = {"csv", "csv, gzip", "csv, zstd"};
    struct bench bench;
    bench_open(&bench, items, count);
    put(table, kind, "page, MB", (double)bench.made.page.length / 1e6);
    speed(table, kind, "memcpy", &bench, do_copy);
    speed(table, kind, "page: UTF-8", &bench, do_utf8);
    speed(table, kind, "page: CRC-32", &bench, do_crc32);
    bench_slice(table, kind, &bench);
    bench_encode(table, kind, &bench, FORMAT_DYNAMODB_JSON, dynamodb);
    bench_encode(table, kind, &bench, FORMAT_JSON, json);
    bench_encode(table, kind, &bench, FORMAT_CSV, csv);
    speed(table, kind, "columns of csv (the first page)", &bench, do_columns);
    bench.encode.format = FORMAT_DYNAMODB_JSON;
    bench.encode.compression = COMPRESSION_NONE;
    bench.counts = NULL;
    speed(table, kind, "dynamodb-json, types uncounted", &bench, do_encode);
    speed(table, kind, "ISA-L alone", &bench, do_isal);
    speed(table, kind, "zstd alone", &bench, do_zstd);
    bench_seal(table, kind, &bench);
    speed(table, kind, "digest of the items", &bench, do_digest);
    bench_price(table, kind, &bench);
    bench_close(&bench);
}

int main(void) {
    struct table table = {.count = 0};
    bench_kind(&table, 0, ITEMS_SMALL, 6000);
    bench_kind(&table, 1, ITEMS_MIXED, 550);
    bench_kind(&table, 2, ITEMS_HUGE, 4);
    printf("slicer in use: %s; MB of page a second on one core\n\n", page_slice_implementation());
    printf("| %-34s | %10s | %10s | %10s |\n", "stage", "small", "mixed", "huge");
    printf("| %s | ---: | ---: | ---: |\n", "---");
    for (unsigned row = 0; row < table.count; row++) {
        printf("| %-34s |", table.rows[row]);
        for (unsigned kind = 0; kind < KINDS; kind++)
            printf(" %10.*f |", table.cells[row][kind] < 20 ? 2 : 0, table.cells[row][kind]);
        printf("\n");
    }
    return 0;
}
