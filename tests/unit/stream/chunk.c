/* SPDX-License-Identifier: Apache-2.0 */
/* Chunks of every format and compression, read back by zlib and libzstd, and compared with what other code expects. */
#include "test.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

#include "base/digest.h"
#include "base/error.h"
#include "base/memory.h"
#include "pages.h"

#define LIMIT ((size_t)64 << 20)

struct world {
    struct pool *pool;
    struct chunk_workspace *workspace;
};

static int set_up(void **state) {
    struct world *world = x_malloc(sizeof *world);
    world->pool = pool_new(LIMIT);
    world->workspace = chunk_workspace_new();
    *state = world;
    return 0;
}

static int tear_down(void **state) {
    struct world *world = *state;
    chunk_workspace_free(world->workspace);
    pool_free(world->pool);
    free(world);
    return 0;
}

/* The chunk's bytes; checks its sums on the way. */
static struct buffer stored(const struct chunk *chunk) {
    struct buffer bytes = BUFFER_INIT(BUFFER_OURS);
    size_t blocks = 0;
    for (const struct block *block = chunk->first; block; block = block->next, blocks++) {
        assert_true(block->length <= BLOCK_SIZE);
        assert_true(block->next || block == chunk->last);
        buffer_add_bytes(&bytes, block->data, block->length);
    }
    assert_int_equal(blocks, chunk->block_count);
    assert_int_equal(bytes.length, chunk->length);
    return bytes;
}

static struct buffer gunzip(const struct buffer *bytes) {
    struct buffer plain = BUFFER_INIT(BUFFER_OURS);
    z_stream stream = {.next_in = (Bytef *)bytes->data, .avail_in = (uInt)bytes->length};
    assert_int_equal(inflateInit2(&stream, 16 + MAX_WBITS), Z_OK);
    while (stream.avail_in) {
        char out[4096];
        stream.next_out = (Bytef *)out;
        stream.avail_out = sizeof out;
        int result = inflate(&stream, Z_NO_FLUSH);
        assert_true(result == Z_OK || result == Z_STREAM_END);
        buffer_add_bytes(&plain, out, sizeof out - stream.avail_out);
        if (result == Z_STREAM_END)
            inflateReset(&stream); /* the next member */
    }
    inflateEnd(&stream);
    return plain;
}

static struct buffer unzstd(const struct buffer *bytes) {
    struct buffer plain = BUFFER_INIT(BUFFER_OURS);
    ZSTD_DStream *stream = ZSTD_createDStream();
    ZSTD_inBuffer in = {.src = bytes->data, .size = bytes->length};
    char block[4096];
    size_t left = 0;
    do {
        ZSTD_outBuffer out = {.dst = block, .size = sizeof block};
        left = ZSTD_decompressStream(stream, &out, &in);
        assert_false(ZSTD_isError(left));
        buffer_add_bytes(&plain, block, out.pos);
        if (out.pos < out.size && in.pos == in.size)
            break;
    } while (true);
    assert_int_equal(left, 0);
    ZSTD_freeDStream(stream);
    return plain;
}

static struct buffer read_back(const struct chunk *chunk, enum stream_compression compression) {
    struct buffer bytes = stored(chunk);
    if (compression == COMPRESSION_NONE || !bytes.length)
        return bytes;
    struct buffer plain = compression == COMPRESSION_GZIP ? gunzip(&bytes) : unzstd(&bytes);
    buffer_fini(&bytes);
    return plain;
}

static void assert_holds(const struct chunk *chunk, enum stream_compression compression, const char *prefix,
                         const struct buffer *expected) {
    struct buffer plain = read_back(chunk, compression);
    size_t skip = strlen(prefix);
    assert_int_equal(plain.length, skip + expected->length);
    assert_int_equal(chunk->raw_length, plain.length);
    if (plain.length) {
        assert_memory_equal(plain.data, prefix, skip);
        assert_memory_equal(plain.data + skip, expected->data, expected->length);
    }
    buffer_fini(&plain);
}

static void check_format(struct world *world, const struct made_page *made, struct chunk_encode encode) {
    bool json = encode.format == FORMAT_JSON;
    for (encode.compression = COMPRESSION_NONE; encode.compression <= COMPRESSION_ZSTD; encode.compression++) {
        struct chunk chunk;
        struct type_counts counts = {.b = 1, .ss = 2, .ns = 3, .bs = 4};
        struct error error = {0};
        if (!chunk_encode(&chunk, world->pool, world->workspace, &encode, &counts, &error))
            fail_msg("%s", error.message);
        assert_holds(&chunk, encode.compression, json && made->count ? (encode.opens ? "[\n" : ",\n") : "",
                     json ? &made->plain : &made->lines);
        assert_int_equal(chunk.items, made->count);
        assert_true(chunk.block_count <=
                    chunk_bound(encode.format, encode.compression, encode.index->length, encode.index->count));
        assert_int_equal(counts.b, made->counts.b + 1);
        assert_int_equal(counts.ss, made->counts.ss + 2);
        assert_int_equal(counts.ns, made->counts.ns + 3);
        assert_int_equal(counts.bs, made->counts.bs + 4);
        chunk_fini(&chunk, world->pool);
    }
}

static void check_page(struct world *world, struct dice *dice, const struct recipe *recipe) {
    struct made_page made;
    page_make(&made, dice, recipe);
    char *page = x_malloc(made.page.length); /* of exactly its size, for the sanitizers */
    memcpy(page, made.page.data, made.page.length);
    struct page_index index = {0};
    struct error error = {0};
    if (!page_slice(&index, page, made.page.length, &error))
        fail_msg("%s", error.message);
    struct chunk_encode encode = {.page = page, .index = &index, .opens = roll(dice) & 1};
    encode.format = FORMAT_DYNAMODB_JSON;
    check_format(world, &made, encode);
    encode.format = FORMAT_JSON;
    check_format(world, &made, encode);
    page_index_fini(&index);
    free(page);
    made_page_fini(&made);
}

static void every_type_is_encoded_as_other_code_expects(void **state) {
    struct dice dice = {11};
    for (unsigned round = 0; round < 200; round++)
        check_page(*state, &dice, &(struct recipe){.items = roll_below(&dice, 40), .shuffled = round & 1});
}

static void white_space_between_tokens_changes_nothing(void **state) {
    struct dice dice = {12};
    for (unsigned round = 0; round < 100; round++)
        check_page(*state, &dice, &(struct recipe){.items = roll_below(&dice, 40), .spaced = true, .key = round & 1});
}

static void pages_of_real_shapes_and_sizes_are_encoded(void **state) {
    struct dice dice = {13};
    check_page(*state, &dice, &(struct recipe){.kind = ITEMS_SMALL, .items = 5000, .key = true});
    check_page(*state, &dice, &(struct recipe){.kind = ITEMS_MIXED, .items = 500, .key = true});
    check_page(*state, &dice, &(struct recipe){.kind = ITEMS_HUGE, .items = 3, .key = true});
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_type_is_encoded_as_other_code_expects, set_up, tear_down),
        cmocka_unit_test_setup_teardown(white_space_between_tokens_changes_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(pages_of_real_shapes_and_sizes_are_encoded, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
