/* SPDX-License-Identifier: Apache-2.0 */
/* What zlib, libzstd and our own compressors wrote, unpacked in pieces of every size; and what is damaged, refused. */
#include "test.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/memory.h"
#include "stream/unpack.h"

static void add_gzip(struct buffer *out, const char *text, size_t length, int level) {
    unsigned char room[70000];
    z_stream stream = {
        .next_in = (Bytef *)(uintptr_t)text, .avail_in = (uInt)length, .next_out = room, .avail_out = sizeof room};
    assert_int_equal(deflateInit2(&stream, level, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY), Z_OK);
    assert_int_equal(deflate(&stream, Z_FINISH), Z_STREAM_END);
    buffer_add_bytes(out, room, sizeof room - stream.avail_out);
    deflateEnd(&stream);
}

static void add_zstd(struct buffer *out, const char *text, size_t length, int level) {
    char room[70000];
    size_t got = ZSTD_compress(room, sizeof room, text, length, level);
    assert_false(ZSTD_isError(got));
    buffer_add_bytes(out, room, got);
}

static void add_none(struct buffer *out, const char *text, size_t length, int level) {
    (void)level;
    buffer_add_bytes(out, text, length);
}

static void (*const adders[])(struct buffer *, const char *, size_t, int) = {
    [COMPRESSION_NONE] = add_none, [COMPRESSION_GZIP] = add_gzip, [COMPRESSION_ZSTD] = add_zstd};

/* All of it, `in` bytes at a time into rooms of `out`. Members counted. False where it is damaged, or ends in the middle. */
struct pieces {
    size_t in, out;
    unsigned members;
};

static bool unpack_all(enum stream_compression compression, const struct buffer *stored, struct pieces *pieces,
                       struct buffer *text, struct error *error) {
    struct unpacker *unpacker = unpacker_new(compression);
    char *room = x_malloc(pieces->out);
    size_t at = 0;
    bool good = true, full = false;
    while (good && (at < stored->length || full)) {
        size_t length = stored->length - at < pieces->in ? stored->length - at : pieces->in;
        char *piece = x_malloc(length + !length); /* so that a byte read past its end is seen */
        if (length)
            memcpy(piece, stored->data + at, length);
        struct unpack_step step = {piece, length, room, pieces->out};
        enum unpack_result result = unpack(unpacker, &step, error);
        at += length - step.in_length;
        buffer_add_bytes(text, room, pieces->out - step.out_length);
        pieces->members += result == UNPACK_MEMBER;
        good = result != UNPACK_DAMAGED;
        full = !step.out_length;
        free(piece);
    }
    good = good && unpacker_may_end(unpacker);
    unpacker_free(unpacker);
    free(room);
    return good;
}

static struct buffer sample(size_t length, unsigned seed) {
    struct buffer text = BUFFER_INIT(BUFFER_OURS);
    for (size_t i = 0; i < length; i++, seed = seed * 1664525 + 1013904223)
        buffer_add_char(&text, (char)('a' + (seed >> 24) % (i % 700 < 350 ? 3 : 26)));
    return text;
}

static void members_of_every_size_in_pieces_of_every_size(void **state) {
    (void)state;
    static const size_t sizes[] = {0, 1, 17, 300, 4096, 40000};
    static const struct pieces ways[] = {{1, 1, 0}, {1, 5000, 0}, {7, 13, 0}, {1000, 1, 0}, {1 << 20, 1 << 20, 0}};
    for (enum stream_compression compression = COMPRESSION_NONE; compression <= COMPRESSION_ZSTD; compression++) {
        struct buffer stored = BUFFER_INIT(BUFFER_OURS), whole = BUFFER_INIT(BUFFER_OURS);
        for (unsigned i = 0; i < array_length(sizes); i++) {
            struct buffer text = sample(sizes[i], i);
            adders[compression](&stored, text.data ? text.data : "", text.length, i % 2 ? 1 : 9);
            buffer_add_bytes(&whole, text.data ? text.data : "", text.length);
            buffer_fini(&text);
        }
        for (unsigned i = 0; i < array_length(ways); i++) {
            struct pieces pieces = ways[i];
            struct buffer text = BUFFER_INIT(BUFFER_OURS);
            struct error error = {0};
            assert_true(unpack_all(compression, &stored, &pieces, &text, &error));
            assert_int_equal(error.code, ERROR_NONE);
            assert_int_equal(text.length, whole.length);
            assert_memory_equal(text.data, whole.data, whole.length);
            if (compression != COMPRESSION_NONE)
                assert_int_equal(pieces.members, array_length(sizes));
            buffer_fini(&text);
        }
        buffer_fini(&stored);
        buffer_fini(&whole);
    }
}

/* gzip and zstd with a checksum find any byte that is changed, or are still the same text. */
static void a_changed_byte_is_found_or_harmless(void **state) {
    (void)state;
    struct buffer text = sample(3000, 5), stored = BUFFER_INIT(BUFFER_OURS);
    add_gzip(&stored, text.data, 1000, 6);
    add_gzip(&stored, text.data + 1000, 2000, 6);
    unsigned found = 0;
    for (size_t i = 0; i < stored.length; i++) {
        struct pieces pieces = {100, 1000, 0};
        struct buffer got = BUFFER_INIT(BUFFER_OURS);
        struct error error = {0};
        stored.data[i] ^= 0x20;
        bool good = unpack_all(COMPRESSION_GZIP, &stored, &pieces, &got, &error);
        stored.data[i] ^= 0x20;
        found += !good;
        if (good)
            assert_true(got.length == text.length && memcmp(got.data, text.data, got.length) == 0);
        error_clear(&error);
        buffer_fini(&got);
    }
    assert_true(found > stored.length - 24); /* all but the times and marks of two headers */
    buffer_fini(&text);
    buffer_fini(&stored);
}

static void what_ends_in_the_middle_may_not_end(void **state) {
    (void)state;
    struct buffer text = sample(2000, 6);
    for (enum stream_compression compression = COMPRESSION_GZIP; compression <= COMPRESSION_ZSTD; compression++) {
        struct buffer stored = BUFFER_INIT(BUFFER_OURS);
        adders[compression](&stored, text.data, text.length, 3);
        size_t whole = stored.length;
        for (stored.length = 1; stored.length < whole; stored.length++) {
            struct pieces pieces = {64, 64, 0};
            struct buffer got = BUFFER_INIT(BUFFER_OURS);
            struct error error = {0};
            assert_false(unpack_all(compression, &stored, &pieces, &got, &error));
            error_clear(&error);
            buffer_fini(&got);
        }
        buffer_fini(&stored);
    }
    buffer_fini(&text);
}

static void what_is_no_member_is_refused_with_words(void **state) {
    (void)state;
    static const struct {
        enum stream_compression compression;
        const char *bytes;
        size_t length;
        const char *words;
    } rows[] = {
        {COMPRESSION_GZIP, "{\"Item\":{}}\n", 12, "no gzip header"},
        {COMPRESSION_ZSTD, "{\"Item\":{}}\n", 12, "zstd"},
        {COMPRESSION_ZSTD, "\x28\xb5\x2f\xfd\x00\xf0\x00\x00\x00", 9, "zstd"}, /* a window of 1 TiB */
    };
    for (unsigned i = 0; i < array_length(rows); i++) {
        struct buffer stored = BUFFER_INIT(BUFFER_OURS), got = BUFFER_INIT(BUFFER_OURS);
        struct pieces pieces = {100, 100, 0};
        struct error error = {0};
        buffer_add_bytes(&stored, rows[i].bytes, rows[i].length);
        assert_false(unpack_all(rows[i].compression, &stored, &pieces, &got, &error));
        assert_int_equal(error.code, ERROR_CORRUPT);
        assert_non_null(strstr(error.message, rows[i].words));
        error_clear(&error);
        buffer_fini(&stored);
        buffer_fini(&got);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(members_of_every_size_in_pieces_of_every_size),
        cmocka_unit_test(a_changed_byte_is_found_or_harmless),
        cmocka_unit_test(what_ends_in_the_middle_may_not_end),
        cmocka_unit_test(what_is_no_member_is_refused_with_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
