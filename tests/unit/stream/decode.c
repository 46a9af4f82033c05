/* SPDX-License-Identifier: Apache-2.0 */
/* Parts of our own encoders read back, whole and in pieces; lines and arrays that are none; bombs and endless lines. */
#include "test.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/error.h"
#include "base/memory.h"
#include "pages.h"
#include "stream/decode.h"

/* How a part is read, and what came of it. */
struct reading {
    struct decode_options options;
    size_t piece, text_room, batch_room, spans;
    struct buffer items; /* each behind the other, '\n' between */
    unsigned batches, faults;
    uint64_t fault_line;
    size_t most_text, most_batch;
    enum decode_result end;
    struct error error; /* the first */
    struct decode_figures figures;
};

#define LINES(...)                                                                                                     \
    (struct reading) {                                                                                                 \
        .options = {.format = FORMAT_DYNAMODB_JSON, .first = true, .last = true}, .piece = 1 << 20,                    \
        .text_room = 1 << 18, .batch_room = 1 << 18, .spans = 1000, .items = BUFFER_INIT(BUFFER_OURS), __VA_ARGS__     \
    }
#define ARRAY(...) LINES(.options = {.format = FORMAT_JSON, .first = true, .last = true, ##__VA_ARGS__})
#define ROWS(...)  LINES(.options = {.format = FORMAT_CSV, .first = true, .last = true, ##__VA_ARGS__})

static struct decode_batch new_batch(const struct reading *reading, size_t room) {
    return (struct decode_batch){.bytes = x_malloc(room),
                                 .capacity = room,
                                 .items = x_malloc(reading->spans * sizeof(struct span)),
                                 .most = reading->spans};
}

static void empty_batch(struct reading *reading, struct decode_batch *batch) {
    for (size_t i = 0; i < batch->count; i++) {
        buffer_add_bytes(&reading->items, batch->bytes + batch->items[i].offset, batch->items[i].length);
        buffer_add(&reading->items, "\n");
    }
    reading->batches += batch->count > 0;
    batch->count = batch->length = 0;
}

static struct decode_text text_room(struct decoder *decoder, struct reading *reading, size_t room) {
    struct decode_text text = {x_malloc(room), room};
    struct decode_text old = decoder_lend_text(decoder, text);
    reading->most_text = room;
    free(old.bytes);
    return text;
}

static void more_batch_room(struct reading *reading, struct decode_batch *batch) {
    size_t room = 2 * batch->capacity;
    free(batch->bytes);
    free(batch->items);
    *batch = new_batch(reading, room);
    reading->most_batch = room;
}

static void read_part(struct reading *reading, const char *bytes, size_t length) {
    struct decoder *decoder = decoder_new(&reading->options);
    struct decode_batch batch = new_batch(reading, reading->batch_room);
    struct decode_input input = {.bytes = bytes};
    size_t given = 0;
    struct decode_text text = text_room(decoder, reading, reading->text_room);
    for (bool over = false; !over;) {
        struct error error = {0};
        reading->end = decoder_step(decoder, &input, &batch, &error);
        switch (reading->end) {
        case DECODE_INPUT:
            assert_int_equal(input.length, 0);
            assert_false(input.last);
            input.bytes = bytes + given;
            input.length = length - given < reading->piece ? length - given : reading->piece;
            given += input.length;
            input.last = given == length;
            break;
        case DECODE_TEXT_ROOM:
            text = text_room(decoder, reading, 2 * reading->most_text);
            break;
        case DECODE_BATCH_ROOM:
            assert_int_equal(batch.count, 0);
            more_batch_room(reading, &batch);
            break;
        case DECODE_BATCH:
            assert_true(batch.count > 0);
            empty_batch(reading, &batch);
            break;
        case DECODE_FAULT:
        case DECODE_LOST:
            assert_true(error.code == ERROR_CORRUPT || error.code == ERROR_TOO_LARGE);
            reading->faults++;
            reading->fault_line = decoder_figures(decoder).lines;
            error_keep_first(&reading->error, &error);
            over = reading->end == DECODE_LOST;
            break;
        case DECODE_END:
            over = true;
        }
    }
    empty_batch(reading, &batch);
    reading->figures = decoder_figures(decoder);
    free(text.bytes);
    free(batch.bytes);
    free(batch.items);
    decoder_free(decoder);
}

static void reading_fini(struct reading *reading) {
    buffer_fini(&reading->items);
    error_clear(&reading->error);
}

/* ------------------------------------------------------------ what our encoders wrote */

struct part {
    struct buffer stored;
    struct made_page made;
    struct type_counts counts;
    struct csv_columns *columns;
};

/* One page as one chunk; json, csv: the first of an array, which ends behind it. */
static void encode_part(struct part *part, unsigned seed, enum stream_format format,
                        enum stream_compression compression) {
    struct pool *pool = pool_new((size_t)256 << 20);
    struct chunk_workspace *workspace = chunk_workspace_new();
    struct dice dice = {seed};
    struct chunk chunk, end;
    struct page_index index = {0};
    struct error error = {0};
    page_make(&part->made, &dice,
              &(struct recipe){.kind = seed % 2 ? ITEMS_MIXED : ITEMS_ANY, .items = 40 + seed % 300});
    assert_true(page_slice(&index, part->made.page.data, part->made.page.length, &error));
    part->columns = csv_columns_new();
    csv_columns_add_page(part->columns, part->made.page.data, &index);
    struct chunk_encode encode = {format, compression, true, part->made.page.data, &index, part->columns};
    assert_true(chunk_encode(&chunk, pool, workspace, &encode, &part->counts, &error));
    if (format_ending(format)) {
        chunk_literal(&end, pool, workspace, compression, format_ending(format));
        chunk_join(&chunk, &end);
    }
    part->stored = BUFFER_INIT(BUFFER_OURS);
    for (const struct block *block = chunk.first; block; block = block->next)
        buffer_add_bytes(&part->stored, block->data, block->length);
    chunk_fini(&chunk, pool);
    chunk_workspace_free(workspace);
    page_index_fini(&index);
    pool_free(pool);
}

static void part_fini(struct part *part) {
    buffer_fini(&part->stored);
    made_page_fini(&part->made);
    csv_columns_unref(part->columns);
}

/* {"Item":X} lines of X lines, as read_part() gives them back. */
static struct buffer wrapped(const struct buffer *items) {
    struct buffer lines = BUFFER_INIT(BUFFER_OURS);
    for (const char *at = items->data, *end; at && *at; at = end + 1) {
        end = strchr(at, '\n');
        buffer_printf(&lines, "{\"Item\":");
        buffer_add_bytes(&lines, at, (size_t)(end - at));
        buffer_add(&lines, "}\n");
    }
    return lines;
}

static void lines_come_back_byte_for_byte(void **state) {
    (void)state;
    static const size_t pieces[] = {1 << 20, 4096, 777, 1};
    for (enum stream_compression compression = COMPRESSION_NONE; compression <= COMPRESSION_ZSTD; compression++) {
        for (unsigned seed = 0; seed < 12; seed++) {
            struct part part = {0};
            encode_part(&part, seed, FORMAT_DYNAMODB_JSON, compression);
            struct reading reading = LINES(.piece = pieces[seed % 4], .text_room = 64 << seed,
                                           .batch_room = 100 << seed, .spans = 1 + seed * seed);
            reading.options.compression = compression;
            read_part(&reading, part.stored.data, part.stored.length);
            assert_int_equal(reading.end, DECODE_END);
            assert_int_equal(reading.faults, 0);
            struct buffer lines = wrapped(&reading.items);
            assert_int_equal(lines.length, part.made.lines.length);
            assert_memory_equal(lines.data, part.made.lines.data, lines.length);
            assert_int_equal(reading.figures.items, part.made.count);
            assert_int_equal(reading.figures.raw_bytes, part.made.lines.length);
            assert_memory_equal(&reading.figures.types, &part.counts, sizeof part.counts);
            buffer_fini(&lines);
            reading_fini(&reading);
            part_fini(&part);
        }
    }
}

static void arrays_of_our_own_are_cut_into_their_members(void **state) {
    (void)state;
    for (enum stream_compression compression = COMPRESSION_NONE; compression <= COMPRESSION_ZSTD; compression++) {
        for (unsigned seed = 20; seed < 28; seed++) {
            struct part part = {0};
            encode_part(&part, seed, FORMAT_JSON, compression);
            struct reading reading = ARRAY(.check_only = seed % 2);
            reading.piece = 1000;
            reading.options.compression = compression;
            read_part(&reading, part.stored.data, part.stored.length);
            assert_int_equal(reading.end, DECODE_END);
            assert_int_equal(reading.faults, 0);
            assert_int_equal(reading.figures.items, part.made.count);
            assert_int_equal(reading.batches > 0, !reading.options.check_only);
            reading_fini(&reading);
            part_fini(&part);
        }
    }
}

static void plain_becomes_typed(void **state) {
    (void)state;
    static const char plain[] =
        "[\n{\"id\":\"SV1\", \"n\" : -1.50e+10,\"yes\":true,\"no\":false,\"nil\":null,\"l\":[1,\"a\",[],{}],"
        "\"m\":{\"x\":{\"y\":\"\\\"},{\"}},\"\":\"\"}\n,{\"id\":\"\\u00e9\"}]\n";
    static const char typed[] =
        "{\"id\":{\"S\":\"SV1\"},\"n\":{\"N\":\"-1.50e+10\"},\"yes\":{\"BOOL\":true},\"no\":{\"BOOL\":false},"
        "\"nil\":{\"NULL\":true},\"l\":{\"L\":[{\"N\":\"1\"},{\"S\":\"a\"},{\"L\":[]},{\"M\":{}}]},"
        "\"m\":{\"M\":{\"x\":{\"M\":{\"y\":{\"S\":\"\\\"},{\"}}}}},\"\":{\"S\":\"\"}}\n{\"id\":{\"S\":\"\\u00e9\"}}\n";
    for (size_t piece = 1; piece < sizeof plain; piece += 7) {
        struct reading reading = ARRAY();
        reading.piece = piece;
        reading.text_room = reading.batch_room = 16;
        read_part(&reading, plain, sizeof plain - 1);
        assert_int_equal(reading.end, DECODE_END);
        assert_string_equal(reading.items.data, typed);
        reading_fini(&reading);
    }
}

static void a_part_of_an_array_stands_alone(void **state) {
    (void)state;
    static const struct {
        bool first, last;
        const char *text;
        unsigned items;
    } good[] =
        {
            {true, true, "[\n]\n", 0},
            {true, true, "[{\"a\":1}]", 1},
            {true, false, "[\n{\"a\":1}", 1},
            {false, false, ",\n{\"a\":1},{\"b\":2}", 2},
            {false, true, ",\n{\"a\":1}\n]\n", 1},
            {false, true, "\n]\n", 0},
        },
      bad[] = {
          {true, true, "", 0},
          {true, true, "[", 0},
          {true, true, "[{\"a\":1}", 1},
          {true, true, "[{\"a\":1},]", 1},
          {true, true, "[1]", 0},
          {true, true, "[]x", 0},
          {true, false, "[", 0},
          {true, false, "[]", 0},
          {false, false, "{\"a\":1}", 0},
          {false, true, ",", 0},

      };
    for (unsigned i = 0; i < array_length(good); i++) {
        struct reading reading = ARRAY(.first = good[i].first, .last = good[i].last);
        read_part(&reading, good[i].text, strlen(good[i].text));
        assert_int_equal(reading.end, DECODE_END);
        assert_int_equal(reading.figures.items, good[i].items);
        reading_fini(&reading);
    }
    for (unsigned i = 0; i < array_length(bad); i++) {
        struct reading reading = ARRAY(.first = bad[i].first, .last = bad[i].last);
        read_part(&reading, bad[i].text, strlen(bad[i].text));
        assert_int_equal(reading.end, DECODE_LOST);
        assert_int_equal(reading.figures.items, bad[i].items);
        assert_int_equal(reading.error.code, ERROR_CORRUPT);
        reading_fini(&reading);
    }
}

/* ------------------------------------------------------------ rows */

static void rows_of_our_own_are_counted(void **state) {
    (void)state;
    static const size_t pieces[] = {1 << 20, 4096, 777, 1};
    for (enum stream_compression compression = COMPRESSION_NONE; compression <= COMPRESSION_ZSTD; compression++) {
        for (unsigned seed = 40; seed < 52; seed++) {
            struct part part = {0};
            encode_part(&part, seed, FORMAT_CSV, compression);
            struct reading reading = ROWS(.columns = seed % 3 ? part.columns : NULL, .check_only = seed % 2);
            reading.piece = pieces[seed % 4];
            reading.text_room = 64;
            reading.options.compression = compression;
            read_part(&reading, part.stored.data, part.stored.length);
            assert_int_equal(reading.end, DECODE_END);
            assert_int_equal(reading.faults, 0);
            assert_int_equal(reading.figures.items, part.made.count);
            assert_int_equal(reading.figures.lines, part.made.count);
            assert_int_equal(reading.batches, 0);
            reading_fini(&reading);
            part_fini(&part);
        }
    }
}

struct rows_case {
    bool first, last;
    const char *text;
    unsigned items;
    const char *words; /* of the error */
};

static void read_rows(const struct rows_case *of, const struct csv_columns *columns, enum decode_result end) {
    for (size_t piece = 1; piece < 20; piece += 6) {
        struct reading reading = ROWS(.first = of->first, .last = of->last, .columns = columns);
        reading.piece = piece;
        reading.text_room = 4;
        read_part(&reading, of->text, strlen(of->text));
        assert_int_equal(reading.figures.items, of->items);
        if (reading.end != end || (of->words && !strstr(reading.error.message, of->words)))
            fail_msg("%s: %d, %s", of->text, reading.end, reading.error.message ? reading.error.message : "no error");
        assert_int_equal(reading.faults > 0, of->words != NULL);
        reading_fini(&reading);
    }
}

static void a_part_of_rows_stands_alone(void **state) {
    (void)state;
    static const struct rows_case good[] = {
        {true, true, "id,_more\r\n", 0, NULL},
        {true, true, "id,_more\r\n1,\r\n", 1, NULL},
        {true, false, "id,_more\r\n1,\r\n,\"a\"\"b\r\n,\"", 2, NULL},
        {false, false, "\r\n1,\r\n2,", 2, NULL},
        {false, true, "\r\n1,\"\"\r\n\"2\",\r\n", 2, NULL},
        {false, true, "\r\n", 0, NULL},
    };
    static const struct rows_case lost[] = {
        {true, true, "", 0, "the header"},
        {true, false, "", 0, "the header"},
        {true, true, "id,_more", 0, "end of the last row"},
        {true, true, "no,_more\r\n1,\r\n", 0, "header is not the one"},
        {true, true, "id,x,_more\r\n1,\r\n", 0, "cells"},
        {true, true, "id,_more\r\n1,", 1, "end of the last row"},
        {true, true, "id,_more\r\n1,\n", 0, "no line's end but CR LF"},
        {true, true, "id,_more\r\n1,\rx", 1, "end of a row"},
        {true, true, "id,_more\r\n1,\r", 1, "end of a row"},
        {false, false, "\r\n", 0, "a row"},
        {false, false, "1,\r\n", 0, "end of a row"},
        {false, false, "\r\nx\"y,", 0, "no quote within a cell"},
        {false, false, "\r\n\"x\"y,", 0, "behind the quote"},
        {false, false, "\r\n\"x,", 0, "the quote that closes"},
        {false, false, "\r\na\nb,", 0, "no line's end but"},
        {false, true, "\r\n1,", 1, "end of the last row"},
    };
    static const struct rows_case faulty[] = {
        {false, true, "\r\n1,\r\n1,2,3\r\n2,\r\n", 2, "a row of 3 cells; the others have 2"},
        {false, true, "\r\n1,\r\n\r\n2,\r\n", 2, "a row of 1 cells"},
        {false, true, "\r\n\xff,\r\n2,\r\n", 1, "not UTF-8"},
    };
    struct csv_columns *columns = csv_columns_new();
    csv_columns_add(columns, "id", 2);
    for (size_t i = 0; i < array_length(good); i++) {
        read_rows(&good[i], columns, DECODE_END);
        read_rows(&good[i], NULL, DECODE_END);
    }
    for (size_t i = 0; i < array_length(lost); i++)
        read_rows(&lost[i], columns, DECODE_LOST);
    for (size_t i = 0; i < array_length(faulty); i++)
        read_rows(&faulty[i], columns, DECODE_END);
    csv_columns_unref(columns);
}

/* ------------------------------------------------------------ what is none */

static void a_bad_line_is_named_and_the_next_is_read(void **state) {
    (void)state;
    static const char *const bad[] = {
        "",
        "{\"Item\":{}}",
        "{\"Item\":{\"a\":{\"S\":\"x\"}}",
        "{\"Item\":{\"a\":{\"S\":\"x\"}}}}",
        "{\"item\":{\"a\":{\"S\":\"x\"}}}",
        "{\"Item\":[]}",
        "{\"Item\":{\"a\":{\"S\":1}}}",
        "{\"Item\":{\"a\":{\"BOOL\":1}}}",
        "{\"Item\":{\"a\":{\"NULL\":false}}}",
        "{\"Item\":{\"a\":{\"N\":\"1x\"}}}",
        "{\"Item\":{\"a\":{\"SS\":[]}}}",
        "{\"Item\":{\"a\":{\"X\":\"x\"}}}",
        "{\"Item\":{\"a\":{\"S\":\"\xff\"}}}",
        "{\"Item\":{\"a\":{\"S\":\"x\"}},\"b\":1}",
        "{\"NewImage\":{\"a\":{\"S\":\"x\"}}}",
        "not JSON at all",
    };
    for (unsigned i = 0; i < array_length(bad); i++) {
        _cleanup_free_ char *text =
            x_printf("{\"Item\":{\"a\":{\"S\":\"1\"}}}\n%s\n{ \"Item\" : {\"a\":{\"S\":\"3\"}} }\r\n", bad[i]);
        struct reading reading = LINES();
        read_part(&reading, text, strlen(text));
        assert_int_equal(reading.end, DECODE_END);
        assert_int_equal(reading.faults, 1);
        assert_int_equal(reading.fault_line, 2);
        assert_int_equal(reading.figures.lines, 3);
        assert_string_equal(reading.items.data, "{\"a\":{\"S\":\"1\"}}\n{\"a\":{\"S\":\"3\"}}\n");
        reading_fini(&reading);
    }
}

static void the_last_line_needs_no_end(void **state) {
    (void)state;
    static const char text[] = "{\"Item\":{\"a\":{\"NULL\":true}}}";
    struct reading reading = LINES(.piece = 3);
    read_part(&reading, text, sizeof text - 1);
    assert_int_equal(reading.end, DECODE_END);
    assert_int_equal(reading.figures.items, 1);
    reading_fini(&reading);
}

static void a_part_of_bad_lines_is_given_up(void **state) {
    (void)state;
    char text[1000];
    memset(text, '\n', sizeof text);
    struct reading reading = LINES();
    read_part(&reading, text, sizeof text);
    assert_int_equal(reading.end, DECODE_LOST);
    assert_int_equal(reading.faults, DECODE_FAULTS_MOST);
    reading_fini(&reading);
}

/* A gigabyte of blanks in a megabyte: the room that it takes ends at the longest line. */
static void a_bomb_takes_no_more_than_a_line(void **state) {
    (void)state;
    struct buffer bomb = BUFFER_INIT(BUFFER_OURS);
    static char blanks[1 << 20], out[1 << 16];
    memset(blanks, ' ', sizeof blanks);
    z_stream stream = {0};
    assert_int_equal(deflateInit2(&stream, 9, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY), Z_OK);
    for (int i = 0; i < 64; i++) {
        stream.next_in = (Bytef *)blanks;
        stream.avail_in = sizeof blanks;
        do {
            stream.next_out = (Bytef *)out;
            stream.avail_out = sizeof out;
            deflate(&stream, i == 63 ? Z_FINISH : Z_NO_FLUSH);
            buffer_add_bytes(&bomb, out, sizeof out - stream.avail_out);
        } while (!stream.avail_out);
    }
    deflateEnd(&stream);
    struct reading reading = LINES(.piece = 1000);
    reading.options.compression = COMPRESSION_GZIP;
    read_part(&reading, bomb.data, bomb.length);
    assert_int_equal(reading.end, DECODE_LOST);
    assert_int_equal(reading.error.code, ERROR_TOO_LARGE);
    assert_int_equal(reading.most_text, DECODE_LINE_MOST);
    assert_true(reading.figures.raw_bytes <= DECODE_LINE_MOST);
    reading_fini(&reading);
    buffer_fini(&bomb);
}

static void damage_says_up_to_which_line_all_is_sound(void **state) {
    (void)state;
    struct part one = {0}, two = {0};
    encode_part(&one, 1, FORMAT_DYNAMODB_JSON, COMPRESSION_GZIP);
    encode_part(&two, 3, FORMAT_DYNAMODB_JSON, COMPRESSION_GZIP);
    size_t first = one.stored.length;
    buffer_add_bytes(&one.stored, two.stored.data, two.stored.length);
    one.stored.data[first + two.stored.length - 6] ^= 1; /* the second member's CRC */
    struct reading reading = LINES();
    reading.options.compression = COMPRESSION_GZIP;
    read_part(&reading, one.stored.data, one.stored.length);
    assert_int_equal(reading.end, DECODE_LOST);
    assert_int_equal(reading.figures.sound, one.made.count);
    assert_non_null(strstr(reading.error.message, "CRC-32"));
    reading_fini(&reading);
    part_fini(&one);
    part_fini(&two);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_come_back_byte_for_byte),
        cmocka_unit_test(arrays_of_our_own_are_cut_into_their_members),
        cmocka_unit_test(plain_becomes_typed),
        cmocka_unit_test(a_part_of_an_array_stands_alone),
        cmocka_unit_test(rows_of_our_own_are_counted),
        cmocka_unit_test(a_part_of_rows_stands_alone),
        cmocka_unit_test(a_bad_line_is_named_and_the_next_is_read),
        cmocka_unit_test(the_last_line_needs_no_end),
        cmocka_unit_test(a_part_of_bad_lines_is_given_up),
        cmocka_unit_test(a_bomb_takes_no_more_than_a_line),
        cmocka_unit_test(damage_says_up_to_which_line_all_is_sound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
