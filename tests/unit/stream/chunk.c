/* SPDX-License-Identifier: Apache-2.0 */
/* Chunks of every format and compression, read back by zlib and libzstd, and compared with what other code expects. */
#include "test.h"

#include <malloc.h>
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
        assert_true(chunk.block_count <= chunk_bound(&encode));
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
    for (unsigned round = 0; round < 80; round++)
        check_page(*state, &dice, &(struct recipe){.items = roll_below(&dice, 40), .shuffled = round & 1});
}

static void white_space_between_tokens_changes_nothing(void **state) {
    struct dice dice = {12};
    for (unsigned round = 0; round < 40; round++)
        check_page(*state, &dice, &(struct recipe){.items = roll_below(&dice, 40), .spaced = true, .key = round & 1});
}

static void pages_of_real_shapes_and_sizes_are_encoded(void **state) {
    struct dice dice = {13};
    check_page(*state, &dice, &(struct recipe){.kind = ITEMS_SMALL, .items = 5000, .key = true});
    check_page(*state, &dice, &(struct recipe){.kind = ITEMS_MIXED, .items = 500, .key = true});
    check_page(*state, &dice, &(struct recipe){.kind = ITEMS_HUGE, .items = 3, .key = true});
}

/* Strings and items that end on every side of every block and window. */
static void items_cross_blocks_and_windows(void **state) {
    struct dice dice = {14};
    for (unsigned round = 0; round < 5; round++)
        check_page(*state, &dice, &(struct recipe){.items = 2500 + roll_below(&dice, 2500), .spaced = round == 4});
}

/* A page of these items, sliced. The caller frees both. */
static char *page_of(const char *items, unsigned count, struct page_index *index) {
    struct error error = {0};
    char *page = x_printf("{\"Count\":%u,\"Items\":[%s]}", count, items);
    char *exact = x_malloc(strlen(page));
    memcpy(exact, page, strlen(page));
    *index = (struct page_index){0};
    if (!page_slice(index, exact, strlen(page), &error))
        fail_msg("%s: %s", page, error.message);
    free(page);
    return exact;
}

/* The first item's bytes are at this place of a page made by page_of(). */
#define FIRST (sizeof "{\"Count\":1,\"Items\":[" - 1)

static char *encoded(struct world *world, enum stream_format format, const char *items, unsigned count,
                     struct type_counts *counts, struct error *error) {
    struct page_index index;
    char *page = page_of(items, count, &index), *text = NULL;
    struct chunk chunk;
    struct csv_columns *columns = csv_columns_new();
    csv_columns_add(columns, "a", 1);
    struct chunk_encode encode = {.format = format, .opens = true, .page = page, .index = &index, .columns = columns};
    if (chunk_encode(&chunk, world->pool, world->workspace, &encode, counts, error)) {
        struct buffer bytes = stored(&chunk);
        text = buffer_take(&bytes);
        chunk_fini(&chunk, world->pool);
    }
    assert_int_equal(chunk.length, 0);
    assert_null(chunk.first);
    csv_columns_unref(columns);
    page_index_fini(&index);
    free(page);
    return text;
}

static const struct {
    const char *typed, *plain;
} values[] = {
    {"{\"a\":{\"S\":\"\"}}", "{\"a\":\"\"}"},
    {"{\"a\":{\"N\":\"-0\"}}", "{\"a\":-0}"},
    {"{\"a\":{\"N\":\"12345678901234567890123456789012345678\"}}", "{\"a\":12345678901234567890123456789012345678}"},
    {"{\"a\":{\"N\":\"1.5E+10\"}}", "{\"a\":1.5E+10}"},
    {"{\"a\":{\"N\":\"9e-130\"},\"b\":{\"N\":\"0.001\"}}", "{\"a\":9e-130,\"b\":0.001}"},
    {"{\"a\":{\"M\":{}},\"b\":{\"L\":[]}}", "{\"a\":{},\"b\":[]}"},
    {"{\"a\":{\"L\":[{\"L\":[{\"M\":{\"x\":{\"L\":[]}}}]},{\"NULL\":true}]}}", "{\"a\":[[{\"x\":[]}],null]}"},
    {"{\"a\":{\"B\":\"AAEC\"},\"b\":{\"BS\":[\"AA==\",\"/w==\"]}}", "{\"a\":\"AAEC\",\"b\":[\"AA==\",\"/w==\"]}"},
    {"{\"a\":{\"NS\":[\"1\",\"-2.5\"]},\"b\":{\"SS\":[\"\",\"x\"]}}", "{\"a\":[1,-2.5],\"b\":[\"\",\"x\"]}"},
    {"{\"a\\\"\\\\\":{\"S\":\"\\u0000\\b\\f\\n\\r\\t\\/{}[]\"}}", "{\"a\\\"\\\\\":\"\\u0000\\b\\f\\n\\r\\t\\/{}[]\"}"},
    {"{ \"a\" :\t{\n\"S\"\r: \"x\" } , \"b\" : { \"L\" : [ { \"BOOL\" : false } ] } }", "{\"a\":\"x\",\"b\":[false]}"},
    {"{\"\":{\"S\":\"\xc3\xa9\xf0\x9f\x98\x80\x7f\"}}", "{\"\":\"\xc3\xa9\xf0\x9f\x98\x80\x7f\"}"},
};

static void values_become_plain_json(void **state) {
    for (size_t i = 0; i < array_length(values); i++) {
        struct error error = {0};
        char *text = encoded(*state, FORMAT_JSON, values[i].typed, 1, NULL, &error);
        if (!text)
            fail_msg("%s: %s", values[i].typed, error.message);
        assert_memory_equal(text, "[\n", 2);
        assert_string_equal(text + 2, values[i].plain);
        free(text);
    }
}

static void thirty_two_levels_are_encoded(void **state) {
    struct buffer typed = BUFFER_INIT(BUFFER_OURS), plain = BUFFER_INIT(BUFFER_OURS);
    buffer_add(&typed, "{\"a\":");
    buffer_add(&plain, "[\n{\"a\":");
    for (unsigned i = 0; i < 32; i++) {
        buffer_add(&typed, i & 1 ? "{\"L\":[" : "{\"M\":{\"m\":");
        buffer_add(&plain, i & 1 ? "[" : "{\"m\":");
    }
    buffer_add(&typed, "{\"S\":\"deep\"}");
    buffer_add(&plain, "\"deep\"");
    for (unsigned i = 32; i-- > 0;) {
        buffer_add(&typed, i & 1 ? "]}" : "}}");
        buffer_add(&plain, i & 1 ? "]" : "}");
    }
    buffer_add(&typed, "}");
    buffer_add(&plain, "}");
    char *text = encoded(*state, FORMAT_JSON, typed.data, 1, NULL, NULL);
    assert_string_equal(text, plain.data);
    free(text);
    buffer_fini(&typed);
    buffer_fini(&plain);
}

static const struct {
    const char *item, *expected;
    size_t at;
} corrupt[] = {
    {"{\"a\":\"x\"}", "a typed value's '{'", 5},
    {"{\"a\":{}}", "a type's name", 6},
    {"{\"a\":{\"S\":\"x\",\"N\":\"1\"}}", "the '}' of a typed value", 13},
    {"{\"a\":{\"Q\":\"x\"}}", "a type of DynamoDB's", 7},
    {"{\"a\":{\"SSS\":[\"x\"]}}", "a type of DynamoDB's", 7},
    {"{\"a\":{\"XS\":[\"x\"]}}", "a type of DynamoDB's", 7},
    {"{\"a\":{\"NULLS\":true}}", "a type of DynamoDB's", 7},
    {"{\"a\":{\"\":true}}", "a type of DynamoDB's", 7},
    {"{\"a\":{\"s\":\"x\"}}", "the end of a type's name", 7},
    {"{\"a\":{\"S \":\"x\"}}", "the end of a type's name", 8},
    {"{\"a\":{\"S\",\"x\"}}", "':'", 9},
    {"{\"a\":{\"S\":1}}", "a string", 10},
    {"{\"a\":{\"S\":\"\\q\"}}", "an escape that JSON knows", 11},
    {"{\"a\":{\"S\":\"\\u12g4\"}}", "four hex digits", 11},
    {"{\"a\":{\"S\":\"\\u12\"}}", "four hex digits", 11},
    {"{\"a\":{\"S\":\"x\ny\"}}", "no control character", 12},
    {"{\"a\":{\"N\":1}}", "a number in quotes", 10},
    {"{\"a\":{\"N\":\"\"}}", "a digit", 11},
    {"{\"a\":{\"N\":\"-\"}}", "a digit", 12},
    {"{\"a\":{\"N\":\"+1\"}}", "a digit", 11},
    {"{\"a\":{\"N\":\".5\"}}", "a digit", 11},
    {"{\"a\":{\"N\":\"1.\"}}", "a digit", 13},
    {"{\"a\":{\"N\":\"1e\"}}", "a digit", 13},
    {"{\"a\":{\"N\":\"1e+\"}}", "a digit", 14},
    {"{\"a\":{\"N\":\"01\"}}", "the end of a number", 12},
    {"{\"a\":{\"N\":\"NaN\"}}", "a digit", 11},
    {"{\"a\":{\"N\":\"1 \"}}", "the end of a number", 12},
    {"{\"a\":{\"BOOL\":\"true\"}}", "true or false", 13},
    {"{\"a\":{\"BOOL\":fals}}", "true or false", 13},
    {"{\"a\":{\"BOOL\":}}", "true or false", 13},
    {"{\"a\":{\"NULL\":false}}", "true", 13},
    {"{\"a\":{\"NULL\":}}", "true", 13},
    {"{\"a\":{\"SS\":\"x\"}}", "a set's '['", 11},
    {"{\"a\":{\"SS\":[]}}", "a set that is not empty", 12},
    {"{\"a\":{\"SS\":[\"x\" \"y\"]}}", "',' or ']'", 16},
    {"{\"a\":{\"SS\":[\"x\",]}}", "a string", 16},
    {"{\"a\":{\"NS\":[\"x\"]}}", "a digit", 13},
    {"{\"a\":{\"BS\":[1]}}", "a string", 12},
    {"{\"a\":{\"M\":[]}}", "a map's '{'", 10},
    {"{\"a\":{\"L\":{}}}", "a list's '['", 10},
    {"{\"a\":{\"M\":{1}}}", "an attribute's name", 11},
    {"{\"a\":{\"M\":{\"x\"}}}", "':'", 14},
    {"{\"a\":{\"L\":[{\"S\":\"x\"} 1]}}", "',' or ']'", 21},
    {"{\"a\":{\"L\":[1]}}", "a typed value's '{'", 11},
    {"{\"a\":{\"S\":\"x\"} 1}", "',' or '}'", 15},
    {"{\"a\":{\"S\":\"x\"},}", "an attribute's name", 15},
    {"{\"a\":{\"S\":\"x\" 1}}", "the '}' of a typed value", 14},
};

static void what_is_not_typed_json_is_corrupt_with_its_place(void **state) {
    for (size_t i = 0; i < array_length(corrupt); i++) {
        struct error error = {0};
        char place[32];
        struct error of_csv = {0};
        char *text = encoded(*state, FORMAT_JSON, corrupt[i].item, 1, NULL, &error);
        if (text)
            fail_msg("%s became %s", corrupt[i].item, text);
        assert_null(encoded(*state, FORMAT_CSV, corrupt[i].item, 1, NULL, &of_csv));
        assert_string_equal(of_csv.message, error.message);
        error_clear(&of_csv);
        assert_int_equal(error.code, ERROR_CORRUPT);
        snprintf(place, sizeof place, " at byte %zu", corrupt[i].at + FIRST);
        if (!strstr(error.message, corrupt[i].expected) || !strstr(error.message, place) ||
            !strstr(error.message, "item 1 of 1"))
            fail_msg("%s: %s, not %s%s", corrupt[i].item, error.message, corrupt[i].expected, place);
        error_clear(&error);
    }
}

static const struct {
    const char *item;
    struct type_counts counts;
} counted[] = {
    {"{\"B\":{\"S\":\"{\\\"B\\\":\\\"\"},\"SS\":{\"M\":{\"B\":{\"S\":\"\"},\"BS\":{\"N\":\"1\"}}}}", {0, 0, 0, 0}},
    {"{\"a\":{\"B\":\"\"},\"b\":{\"SS\":[\"\"]},\"c\":{\"NS\":[\"1\"]},\"d\":{\"BS\":[\"\"]}}", {1, 1, 1, 1}},
    {"{\"a\":{\"L\":[{\"B\":\"\"},{\"M\":{\"B\":{\"B\":\"AA==\"}}},{\"BOOL\":true}]}}", {2, 0, 0, 0}},
    {"{\"a\":{ \"B\":\"\"}}", {1, 0, 0, 0}},
    {"{\"a\":{\"B\" :\"\"}}", {1, 0, 0, 0}},
    {"{\"a\":{\"B\": \"\"}}", {1, 0, 0, 0}},
    {"{\"a\":{\"SS\": [\"\"]},\"b\":{\n\"SS\":[\"\"]}}", {0, 2, 0, 0}},
    {"{\"a\":{\"S\":\"a { b\"},\"b\":{\"B\":\"\"}}", {1, 0, 0, 0}},
    {"{\"a\":{\"S\":\"{\"},\"BS\":{\"BS\":[\"\"]},\"XS\":{\"S\":\"{xS{}\"}}", {0, 0, 0, 1}},
};

static void types_are_counted_alike_by_all_formats(void **state) {
    for (size_t i = 0; i < array_length(counted); i++) {
        struct type_counts lines = {0}, plain = {0}, rows = {0};
        free(encoded(*state, FORMAT_DYNAMODB_JSON, counted[i].item, 1, &lines, NULL));
        free(encoded(*state, FORMAT_JSON, counted[i].item, 1, &plain, NULL));
        free(encoded(*state, FORMAT_CSV, counted[i].item, 1, &rows, NULL));
        assert_memory_equal(&rows, &plain, sizeof rows);
        if (memcmp(&lines, &counted[i].counts, sizeof lines) != 0 || memcmp(&plain, &lines, sizeof plain) != 0)
            fail_msg("%s counts as %d %d %d %d", counted[i].item, (int)lines.b, (int)lines.ss, (int)lines.ns,
                     (int)lines.bs);
    }
}

static void a_raw_newline_between_tokens_becomes_a_blank(void **state) {
    struct type_counts counts = {0};
    char *text = encoded(*state, FORMAT_DYNAMODB_JSON, "{\n\"a\":\t{\"S\":\"\\\"{ \\\\\"}\r}, {\"b\":{\"N\":\"1\"}}", 2,
                         &counts, NULL);
    assert_string_equal(text, "{\"Item\":{ \"a\": {\"S\":\"\\\"{ \\\\\"} }}\n{\"Item\":{\"b\":{\"N\":\"1\"}}}\n");
    free(text);
}

static void a_line_never_holds_a_control_character(void **state) {
    static const char *const items[] = {"{\"a\":{\"S\":\"x\ny\"}}", "{\"a\":{\"S\":\"\\\n\"}}",
                                        "{\"a\":\x01{\"S\":\"\"}}"};
    for (size_t i = 0; i < array_length(items); i++) {
        struct error error = {0};
        assert_null(encoded(*state, FORMAT_DYNAMODB_JSON, items[i], 1, NULL, &error));
        assert_int_equal(error.code, ERROR_CORRUPT);
        assert_non_null(strstr(error.message, "control character"));
        error_clear(&error);
    }
}

static void what_leaves_doubt_and_is_not_typed_is_corrupt(void **state) {
    static const char doubtful[] = "{\"a\":{ \"SS\":[\"x\"]}},{\"a\":{ \"Q\":\"\"}}";
    struct error error = {0};
    struct type_counts counts = {.ss = 7};
    assert_null(encoded(*state, FORMAT_DYNAMODB_JSON, doubtful, 2, &counts, &error));
    assert_int_equal(error.code, ERROR_CORRUPT);
    assert_non_null(strstr(error.message, "item 2 of 2"));
    assert_int_equal(counts.ss, 7);
    error_clear(&error);
}

static void a_corrupt_item_gives_all_blocks_back(void **state) {
    struct world *world = *state;
    struct buffer items = BUFFER_INIT(BUFFER_OURS);
    for (unsigned i = 0; i < 9999; i++)
        buffer_add(&items, "{\"a\":{\"S\":\"some text\"}},");
    buffer_add(&items, "{\"a\":{\"Q\":\"\"}}");
    struct error error = {0};
    struct type_counts counts = {.b = 5};
    assert_null(encoded(world, FORMAT_JSON, items.data, 10000, &counts, &error));
    assert_non_null(strstr(error.message, "item 10000 of 10000"));
    assert_int_equal(counts.b, 5);
    error_clear(&error);
    buffer_fini(&items);
}

static void a_page_without_items_is_a_chunk_without_bytes(void **state) {
    struct world *world = *state;
    for (enum stream_compression compression = COMPRESSION_NONE; compression <= COMPRESSION_ZSTD; compression++) {
        struct page_index index;
        char *page = page_of("", 0, &index);
        struct chunk chunk;
        struct chunk_encode encode = {.compression = compression, .page = page, .index = &index};
        assert_true(chunk_encode(&chunk, world->pool, world->workspace, &encode, NULL, NULL));
        assert_int_equal(chunk.length, 0);
        assert_null(chunk.first);
        chunk_fini(&chunk, world->pool);
        page_index_fini(&index);
        free(page);
    }
}

static void literals_are_compressed_as_the_rest(void **state) {
    struct world *world = *state;
    for (enum stream_compression compression = COMPRESSION_NONE; compression <= COMPRESSION_ZSTD; compression++) {
        const struct buffer end = {.data = (char[]){"\n]\n"}, .length = 3}, empty = {.length = 0};
        struct chunk chunk;
        chunk_literal(&chunk, world->pool, world->workspace, compression, "\n]\n");
        assert_true(chunk.block_count <= chunk_literal_bound(compression, "\n]\n"));
        assert_holds(&chunk, compression, "", &end);
        assert_int_equal(chunk.items, 0);
        chunk_fini(&chunk, world->pool);
        chunk_literal(&chunk, world->pool, world->workspace, compression, "");
        assert_holds(&chunk, compression, "", &empty);
        assert_int_equal(chunk.length > 0, compression != COMPRESSION_NONE); /* an empty file is a member or frame */
        chunk_fini(&chunk, world->pool);
    }
}

/* Bytes that nothing compresses: the bound holds where blocks are reserved by it. */
static void the_bound_holds_for_noise(void **state) {
    struct world *world = *state;
    struct dice dice = {16};
    struct buffer item = BUFFER_INIT(BUFFER_OURS);
    buffer_add(&item, "{\"a\":{\"S\":\"");
    size_t start = item.length, length = 3 << 20;
    while (item.length < start + length)
        buffer_add_char(&item, 'x');
    buffer_add(&item, "\"}}");
    struct page_index index;
    char *page = page_of(item.data, 1, &index), *text = page + index.items[0].offset + start;
    for (size_t i = 0; i < length; i++) { /* sliced as text, which all can be compressed; then worse than any */
        unsigned c = 0x20 + roll_below(&dice, 0xe0);
        text[i] = c == '"' || c == '\\' ? 'x' : (char)c;
    }
    struct csv_columns *columns = csv_columns_new();
    csv_columns_add_page(columns, page, &index);
    for (enum stream_format format = FORMAT_DYNAMODB_JSON; format <= FORMAT_CSV; format++) {
        for (enum stream_compression compression = COMPRESSION_NONE; compression <= COMPRESSION_ZSTD; compression++) {
            struct chunk chunk;
            struct chunk_encode encode = {
                .format = format, .compression = compression, .page = page, .index = &index, .columns = columns};
            assert_true(chunk_encode(&chunk, world->pool, world->workspace, &encode, NULL, NULL));
            assert_true(chunk.block_count <= chunk_bound(&encode));
            chunk_fini(&chunk, world->pool);
        }
    }
    csv_columns_unref(columns);
    page_index_fini(&index);
    free(page);
    buffer_fini(&item);
}

static void the_workspace_is_no_larger_than_it_says(void **state) {
    struct world *world = *state;
    struct mallinfo2 before = mallinfo2();
    struct chunk_workspace *workspace = chunk_workspace_new();
    for (enum stream_compression compression = COMPRESSION_NONE; compression <= COMPRESSION_ZSTD; compression++) {
        struct made_page made;
        struct dice dice = {17};
        page_make(&made, &dice, &(struct recipe){.kind = ITEMS_MIXED, .items = 600});
        struct page_index index = {0};
        assert_true(page_slice(&index, made.page.data, made.page.length, NULL));
        struct csv_columns *columns = csv_columns_new();
        struct chunk_encode encode = {
            .compression = compression, .page = made.page.data, .index = &index, .columns = columns};
        struct chunk chunk;
        csv_columns_add_page(columns, made.page.data, &index);
        for (encode.format = FORMAT_DYNAMODB_JSON; encode.format <= FORMAT_CSV; encode.format++) {
            assert_true(chunk_encode(&chunk, world->pool, workspace, &encode, NULL, NULL));
            chunk_fini(&chunk, world->pool);
        }
        csv_columns_unref(columns);
        page_index_fini(&index);
        made_page_fini(&made);
    }
    struct mallinfo2 after = mallinfo2();
    size_t used = after.uordblks + after.hblkhd - before.uordblks - before.hblkhd;
    assert_true(used <= chunk_workspace_size() + 4096);
    chunk_workspace_free(workspace);
    chunk_workspace_free(NULL);
}

static void joined_chunks_are_one_file(void **state) {
    struct world *world = *state;
    for (enum stream_compression compression = COMPRESSION_NONE; compression <= COMPRESSION_ZSTD; compression++) {
        struct chunk file = {0}, part, empty = {0};
        for (unsigned i = 0; i < 3; i++) {
            chunk_literal(&part, world->pool, world->workspace, compression,
                          (const char *[]){"one ", "two ", "three"}[i]);
            part.items = i;
            chunk_join(&file, &part);
            assert_null(part.first);
            assert_int_equal(part.length, 0);
        }
        chunk_join(&file, &empty);
        chunk_join(&empty, &file);
        assert_null(file.first);
        const struct buffer expected = {.data = (char[]){"one two three"}, .length = 13};
        assert_holds(&empty, compression, "", &expected);
        assert_int_equal(empty.items, 3);
        assert_int_equal(empty.block_count, 3);
        chunk_fini(&empty, world->pool);
    }
}

static void a_seal_is_over_all_blocks(void **state) {
    struct world *world = *state;
    struct buffer text = BUFFER_INIT(BUFFER_OURS);
    for (unsigned i = 0; i < 20000; i++)
        buffer_printf(&text, "line %u\n", i);
    struct chunk chunk;
    chunk_literal(&chunk, world->pool, world->workspace, COMPRESSION_NONE, text.data);
    assert_true(chunk.block_count > 3 && chunk.block_count <= chunk_literal_bound(COMPRESSION_NONE, text.data));
    struct chunk_seal seal;
    unsigned char expected[32];
    chunk_seal(&seal, &chunk, true, true);
    assert_int_equal(seal.crc32, crc32_update(0, text.data, text.length));
    md5(expected, text.data, text.length);
    assert_memory_equal(seal.md5, expected, 16);
    sha256(expected, text.data, text.length);
    assert_memory_equal(seal.sha256, expected, 32);
    chunk_seal(&seal, &chunk, false, false);
    assert_int_equal(seal.crc32, crc32_update(0, text.data, text.length));
    assert_int_equal(seal.md5[0] | seal.sha256[0], 0);
    chunk_fini(&chunk, world->pool);
    buffer_fini(&text);
}

static void names_are_those_of_the_configuration(void **state) {
    (void)state;
    assert_string_equal(format_name(FORMAT_DYNAMODB_JSON), "dynamodb-json");
    assert_string_equal(format_name(FORMAT_JSON), "json");
    assert_string_equal(format_name(FORMAT_CSV), "csv");
    assert_string_equal(compression_name(COMPRESSION_GZIP), "gzip");
    assert_string_equal(compression_suffix(COMPRESSION_NONE), "");
    assert_string_equal(compression_suffix(COMPRESSION_ZSTD), ".zst");
}

#define WITH_WORLD(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_WORLD(every_type_is_encoded_as_other_code_expects),
        WITH_WORLD(white_space_between_tokens_changes_nothing),
        WITH_WORLD(pages_of_real_shapes_and_sizes_are_encoded),
        WITH_WORLD(items_cross_blocks_and_windows),
        WITH_WORLD(values_become_plain_json),
        WITH_WORLD(thirty_two_levels_are_encoded),
        WITH_WORLD(what_is_not_typed_json_is_corrupt_with_its_place),
        WITH_WORLD(types_are_counted_alike_by_all_formats),
        WITH_WORLD(a_raw_newline_between_tokens_becomes_a_blank),
        WITH_WORLD(a_line_never_holds_a_control_character),
        WITH_WORLD(what_leaves_doubt_and_is_not_typed_is_corrupt),
        WITH_WORLD(a_corrupt_item_gives_all_blocks_back),
        WITH_WORLD(a_page_without_items_is_a_chunk_without_bytes),
        WITH_WORLD(literals_are_compressed_as_the_rest),
        WITH_WORLD(the_bound_holds_for_noise),
        WITH_WORLD(the_workspace_is_no_larger_than_it_says),
        WITH_WORLD(joined_chunks_are_one_file),
        WITH_WORLD(a_seal_is_over_all_blocks),
        WITH_WORLD(names_are_those_of_the_configuration),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
