/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of csv, held against a slow reader of typed JSON (slow_csv.h) that shares nothing with the encoder. */
#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "pages.h"
#include "slow_csv.h"

#define LIMIT ((size_t)256 << 20)

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

/* ------------------------------------------------------------ names and columns, side by side */

static void add_name(struct names *names, struct csv_columns *columns, const char *name, size_t length) {
    struct buffer text = BUFFER_INIT(BUFFER_OURS);
    bool known = length == 5 && memcmp(name, "_more", 5) == 0;
    if (length)
        buffer_add_bytes(&text, name, length);
    for (size_t i = 0; i < names->count; i++)
        known = known || same_text(&names->items[i], &text);
    assert_int_equal(csv_columns_add(columns, name, length), !known);
    if (known || names->count == array_length(names->items))
        buffer_fini(&text);
    else
        names->items[names->count++] = text;
}

static void names_fini(struct names *names) {
    while (names->count)
        buffer_fini(&names->items[--names->count]);
}

/* ------------------------------------------------------------ encoding */

static struct buffer stored(const struct chunk *chunk) {
    struct buffer bytes = BUFFER_INIT(BUFFER_OURS);
    for (const struct block *block = chunk->first; block; block = block->next)
        buffer_add_bytes(&bytes, block->data, block->length);
    assert_int_equal(bytes.length, chunk->length);
    return bytes;
}

static struct buffer encode_page(struct world *world, const struct chunk_encode *encode, struct type_counts *counts) {
    struct error error = {0};
    struct chunk chunk;
    if (!chunk_encode(&chunk, world->pool, world->workspace, encode, counts, &error))
        fail_msg("%s", error.message);
    assert_true(chunk.block_count <= chunk_bound(encode));
    assert_int_equal(chunk.raw_length, chunk.length);
    assert_int_equal(chunk.items, encode->index->count);
    struct buffer bytes = stored(&chunk);
    chunk_fini(&chunk, world->pool);
    return bytes;
}

static char *page_of(const char *items, unsigned count, struct page_index *index) {
    struct error error = {0};
    _cleanup_free_ char *page = x_printf("{\"Count\":%u,\"Items\":[%s]}", count, items);
    char *exact = x_malloc(strlen(page));
    memcpy(exact, page, strlen(page));
    *index = (struct page_index){0};
    if (!page_slice(index, exact, strlen(page), &error))
        fail_msg("%s: %s", page, error.message);
    return exact;
}

/* Rows of these items under columns of these names, separated by blanks. */
static char *rows(struct world *world, const char *names, const char *items, unsigned count) {
    struct page_index index;
    struct csv_columns *columns = csv_columns_new();
    char *page = page_of(items, count, &index);
    while (*(names += strspn(names, " "))) {
        assert_true(csv_columns_add(columns, names, strcspn(names, " ")));
        names += strcspn(names, " ");
    }
    struct chunk_encode encode = {.format = FORMAT_CSV, .page = page, .index = &index, .columns = columns};
    struct buffer bytes = encode_page(world, &encode, NULL);
    csv_columns_unref(columns);
    page_index_fini(&index);
    free(page);
    return buffer_take(&bytes);
}

/* ------------------------------------------------------------ against the slow way */

static void choose_columns(struct names *names, struct csv_columns *columns, struct dice *dice,
                           const struct made_page *made) {
    static const char *const likely[] = {"S",   "B",    "NULL",   "a",     "",     "studentid",
                                         "gpa", "name", "absent", "_more", "photo"};
    for (unsigned n = roll_below(dice, 8); n; n--) {
        const char *name = likely[roll_below(dice, array_length(likely))];
        add_name(names, columns, name, strlen(name));
    }
    for (size_t i = 0; i < made->count && roll_below(dice, 5); i++) {
        _cleanup_free_ char *text = x_strndup(made->page.data + made->items[i].offset, made->items[i].length);
        struct slow slow = {text};
        for (slow_expect(&slow, '{'); slow_look(&slow) != '}' && names->count < 40;
             slow.at += slow_look(&slow) == ',') {
            struct attribute read = slow_attribute(&slow);
            add_name(names, columns, read.name.data ? read.name.data : "", read.name.length);
            attribute_fini(&read);
        }
    }
}

static void check_page(struct world *world, struct dice *dice, const struct recipe *recipe) {
    struct made_page made;
    struct names names = {.count = 0};
    struct csv_columns *columns = csv_columns_new();
    struct page_index index = {0};
    struct type_counts counts = {0};
    page_make(&made, dice, recipe);
    choose_columns(&names, columns, dice, &made);
    char *page = x_malloc(made.page.length); /* of exactly its size, for the sanitizers */
    memcpy(page, made.page.data, made.page.length);
    assert_true(page_slice(&index, page, made.page.length, NULL));
    struct chunk_encode encode = {
        .format = FORMAT_CSV, .opens = roll(dice) & 1, .page = page, .index = &index, .columns = columns};
    struct buffer expected = BUFFER_INIT(BUFFER_OURS), found = encode_page(world, &encode, &counts);
    if (encode.opens && made.count)
        slow_header(&expected, &names);
    for (size_t i = 0; i < made.count; i++) {
        _cleanup_free_ char *text = x_strndup(page + made.items[i].offset, made.items[i].length);
        slow_row(&expected, text, &names);
    }
    assert_int_equal(found.length, expected.length);
    if (found.length)
        assert_memory_equal(found.data, expected.data, found.length);
    assert_memory_equal(&counts, &made.counts, sizeof counts);
    buffer_fini(&expected);
    buffer_fini(&found);
    names_fini(&names);
    csv_columns_unref(columns);
    page_index_fini(&index);
    free(page);
    made_page_fini(&made);
}

static void every_type_becomes_what_the_slow_way_makes_of_it(void **state) {
    struct dice dice = {31};
    for (unsigned round = 0; round < 300; round++)
        check_page(*state, &dice, &(struct recipe){.items = roll_below(&dice, 40), .shuffled = round & 1});
}

static void white_space_between_tokens_changes_nothing(void **state) {
    struct dice dice = {32};
    for (unsigned round = 0; round < 100; round++)
        check_page(*state, &dice, &(struct recipe){.items = roll_below(&dice, 40), .spaced = true, .key = round & 1});
}

static void pages_of_real_shapes_and_sizes_become_rows(void **state) {
    struct dice dice = {33};
    for (unsigned round = 0; round < 4; round++) {
        check_page(*state, &dice, &(struct recipe){.kind = ITEMS_SMALL, .items = 3000, .key = true});
        check_page(*state, &dice, &(struct recipe){.kind = ITEMS_MIXED, .items = 300, .key = true});
        check_page(*state, &dice, &(struct recipe){.kind = ITEMS_HUGE, .items = 3, .key = true});
        check_page(*state, &dice, &(struct recipe){.items = 3000});
    }
}

/* ------------------------------------------------------------ one by one */

static void values_become_cells(void **state) {
    static const struct {
        const char *item, *row;
    } cells[] = {
        {"{\"a\":{\"S\":\"x\"}}", "\r\nx,,"},
        {"{\"a\":{\"S\":\"\"}}", "\r\n\"\",,"},
        {"{\"b\":{\"S\":\"\"}}", "\r\n,\"\","},
        {"{\"c\":{\"S\":\"x\"}}", "\r\n,,\"{\"\"c\"\":\"\"x\"\"}\""},
        {"{\"a\":{\"S\":\"null\"},\"b\":{\"NULL\":true}}", "\r\n\"null\",null,"},
        {"{\"a\":{\"N\":\"12345678901234567890123456789012345678\"},\"b\":{\"N\":\"-1.50E-7\"}}",
         "\r\n12345678901234567890123456789012345678,-1.50E-7,"},
        {"{\"a\":{\"BOOL\":true},\"b\":{\"BOOL\":false}}", "\r\ntrue,false,"},
        {"{\"a\":{\"B\":\"AAEC\"},\"b\":{\"B\":\"\"}}", "\r\nAAEC,\"\","},
        {"{\"a\":{\"B\":\"\\/w==\"}}", "\r\n\"/w==\",,"},
        {"{\"a\":{\"M\":{}},\"b\":{\"L\":[]}}", "\r\n\"{}\",\"[]\","},
        {"{\"a\":{\"SS\":[\"x\",\"a \\\"b\\\"\"]},\"b\":{\"NS\":[\"1\",\"2\"]}}",
         "\r\n\"[\"\"x\"\",\"\"a \\\"\"b\\\"\"\"\"]\",\"[1,2]\","},
        {"{\"a\":{\"L\":[{\"M\":{\"x\":{\"BS\":[\"AA==\"]}}},{\"NULL\":true}]}}",
         "\r\n\"[{\"\"x\"\":[\"\"AA==\"\"]},null]\",,"},
        {"{\"a\":{\"S\":\"one, two\"},\"b\":{\"S\":\" blanks \"}}", "\r\n\"one, two\", blanks ,"},
        {"{\"a\":{\"S\":\"say \\\"no\\\"\"},\"b\":{\"S\":\"two\\nlines\\r\\n\"}}",
         "\r\n\"say \"\"no\"\"\",\"two\nlines\r\n\","},
        {"{\"a\":{\"S\":\"\\u00e9\\ud83d\\ude00\\u0041\"},\"b\":{\"S\":\"\\ud83dx\\ude00\"}}",
         "\r\n\"\xc3\xa9\xf0\x9f\x98\x80"
         "A\",\"\xef\xbf\xbdx\xef\xbf\xbd\","},
        {"{\"a\":{\"S\":\"=1+1\"},\"b\":{\"S\":\"@x\"}}", "\r\n=1+1,@x,"},
        {"{\"b\":{\"N\":\"2\"},\"_more\":{\"N\":\"3\"},\"a\":{\"N\":\"1\"}}", "\r\n1,2,\"{\"\"_more\"\":3}\""},
        {"{\"a\":{\"N\":\"1\"},\"a\":{\"N\":\"2\"}}", "\r\n1,,\"{\"\"a\"\":2}\""},
        {"{\"\\u0061\":{\"N\":\"1\"},\"\\u0062\":{\"N\":\"2\"},\"\\u0063\":{\"N\":\"3\"}}",
         "\r\n1,2,\"{\"\"\\u0063\"\":3}\""},
        {"{ \"a\" : { \"S\" : \"x,y\" } , \"b\" : { \"N\" : \"1\" } }", "\r\n\"x,y\",1,"},
        {"{ \"b\" : { \"NULL\" : true } , \"a\":{ \"BOOL\" :false } }", "\r\nfalse,null,"},
    };
    for (size_t i = 0; i < array_length(cells); i++) {
        _cleanup_free_ char *row = rows(*state, "a b", cells[i].item, 1);
        assert_string_equal(row, cells[i].row);
    }
}

/* Whatever came before in the page. */
static void any_order_of_attributes_gives_the_same_row(void **state) {
    static const char *const attributes[] = {"\"a\":{\"S\":\"1\"}", "\"b\":{\"N\":\"2\"}", "\"c\":{\"L\":[]}",
                                             "\"d\":{\"BOOL\":true}", "\"x\":{\"S\":\"more\"}"};
    struct buffer items = BUFFER_INIT(BUFFER_OURS);
    unsigned count = 0;
    for (unsigned order = 0; order < 3125; order++) {
        unsigned digits[5], seen = 0;
        for (unsigned i = 0, left = order; i < 5; i++, left /= 5)
            seen |= 1u << (digits[i] = left % 5);
        if (seen != 31)
            continue;
        buffer_add(&items, count++ ? ",{" : "{");
        for (unsigned i = 0; i < 5; i++)
            buffer_printf(&items, "%s%s", i ? "," : "", attributes[digits[i]]);
        buffer_add(&items, "}");
    }
    assert_int_equal(count, 120);
    _cleanup_free_ char *text = rows(*state, "a b c d", items.data, count);
    static const char row[] = "\r\n1,2,\"[]\",true,\"{\"\"x\"\":\"\"more\"\"}\"";
    for (unsigned i = 0; i < count; i++)
        assert_memory_equal(text + i * strlen(row), row, strlen(row));
    assert_int_equal(strlen(text), count * strlen(row));
    buffer_fini(&items);
}

/* Each absent in turn, for which none of those around it is taken. */
static void absent_attributes_leave_their_cells_empty(void **state) {
    struct buffer items = BUFFER_INIT(BUFFER_OURS), expected = BUFFER_INIT(BUFFER_OURS);
    for (unsigned set = 1; set < 64; set++) {
        const char *comma = "";
        buffer_add(&items, set > 1 ? ",{" : "{");
        buffer_add(&expected, "\r\n");
        for (unsigned i = 0; i < 6; i++) {
            if (set & 1u << i)
                buffer_printf(&items, "%s\"n%u\":{\"N\":\"%u\"}", comma, i, i);
            if (set & 1u << i)
                buffer_printf(&expected, "%u", i);
            comma = set & 1u << i ? "," : comma;
            buffer_add(&expected, ",");
        }
        buffer_add(&items, "}");
    }
    _cleanup_free_ char *text = rows(*state, "n0 n1 n2 n3 n4 n5", items.data, 63);
    assert_string_equal(text, expected.data);
    buffer_fini(&items);
    buffer_fini(&expected);
}

static void names_of_any_length_and_spelling_are_found(void **state) {
    struct buffer name = BUFFER_INIT(BUFFER_OURS), item = BUFFER_INIT(BUFFER_OURS);
    for (size_t i = 0; i < CSV_NAME_MOST; i++)
        buffer_add_char(&name, "abcdefghijklmnopqrstuvwxyz"[i % 26]);
    buffer_printf(&item,
                  "{\"%s\":{\"N\":\"1\"},\"\\u0061%s\":{\"N\":\"2\"}},{\"\\u0061%s\":{\"N\":\"3\"}},"
                  "{\"%sz\":{\"N\":\"4\"}}",
                  name.data, name.data + 1, name.data + 1, name.data);
    _cleanup_free_ char *text = rows(*state, name.data, item.data, 3);
    assert_true(strncmp(text, "\r\n1,\"{\"\"\\u0061bcd", 17) == 0); /* the second of the same name */
    assert_non_null(strstr(text, "\r\n3,\r\n,\"{\"\"abcd"));
    buffer_fini(&name);
    buffer_fini(&item);
}

/* ------------------------------------------------------------ how much it can be */

static void bound_of(struct world *world, const char *item, unsigned items, unsigned columns) {
    struct buffer text = BUFFER_INIT(BUFFER_OURS);
    struct csv_columns *names = csv_columns_new();
    struct page_index index;
    for (unsigned i = 0; i < items; i++)
        buffer_printf(&text, "%s%s", i ? "," : "", item);
    for (unsigned i = 0; i < columns; i++) {
        char name[12];
        assert_true(csv_columns_add(names, name, (size_t)snprintf(name, sizeof name, "n%u", i)));
    }
    char *page = page_of(text.data, items, &index);
    for (unsigned opens = 0; opens < 2; opens++)
        for (enum stream_compression by = COMPRESSION_NONE; by <= COMPRESSION_ZSTD; by++) {
            struct chunk_encode encode = {FORMAT_CSV, by, opens, page, &index, names};
            struct chunk chunk;
            assert_true(chunk_encode(&chunk, world->pool, world->workspace, &encode, NULL, NULL));
            assert_true(chunk.block_count <= chunk_bound(&encode));
            size_t commas = (size_t)items * (columns + 4), header = 0;
            csv_columns_header(names, &header);
            assert_true(chunk.raw_length <= index.length + index.length * 2 / 3 + 1 + commas + header);
            chunk_fini(&chunk, world->pool);
        }
    csv_columns_unref(names);
    page_index_fini(&index);
    free(page);
    buffer_fini(&text);
}

static char *repeated(const char *before, const char *what, unsigned times, const char *behind) {
    struct buffer text = BUFFER_INIT(BUFFER_OURS);
    buffer_add(&text, before);
    for (unsigned i = 0; i < times; i++)
        buffer_add(&text, what);
    buffer_add(&text, behind);
    return buffer_take(&text);
}

static void the_bound_holds_for_what_grows_most(void **state) {
    static const struct {
        const char *before, *what, *behind;
    } worst[] = {
        {"{\"n0\":{\"SS\":[", "\"\",", "\"\"]}}"},
        {"{\"x\":{\"SS\":[", "\"\",", "\"\"]}}"},
        {"{\"x\":{\"S\":\"", "\\\"", "\"}}"},
        {"{\"n0\":{\"S\":\"", "\\\"", "\"}}"},
        {"{\"n0\":{\"S\":\"", "\\ud800", "\"}}"},
        {"{\"x\":{\"L\":[", "{\"S\":\"\"},", "{\"S\":\"\"}]}}"},
        {"{\"x\":{\"SS\":[", "\"\\\"\",", "\"\\\"\"]}}"},
        {"{\"x\":{\"M\":{", "\"\":{\"L\":[]},", "\"\":{\"L\":[]}}}}"},
        {"{\"x\":{\"M\":{", "\"\\\"\":{\"BS\":[\"\"]},", "\"\":{\"L\":[]}}}}"},
        {"{", "\"\":{\"SS\":[\"\"]},", "\"\":{\"L\":[]}}"},
        {"{\"", "\\\"", "\":{\"NS\":[\"1\"]}}"},
    };
    for (size_t i = 0; i < array_length(worst); i++) {
        _cleanup_free_ char *large = repeated(worst[i].before, worst[i].what, 200000, worst[i].behind);
        bound_of(*state, large, 1, 1);
        _cleanup_free_ char *small = repeated(worst[i].before, worst[i].what, 1, worst[i].behind);
        bound_of(*state, small, 5000, 1);
        bound_of(*state, small, 300, CSV_COLUMNS_MOST);
    }
    bound_of(*state, "{\"\":{\"L\":[]}}", 60000, 0);
    bound_of(*state, "{\"n0\":{\"S\":\"\"}}", 60000, 1);
}

/* ------------------------------------------------------------ columns */

static void assert_header(const struct csv_columns *columns, const char *expected) {
    size_t length;
    const char *header = csv_columns_header(columns, &length);
    assert_int_equal(length, strlen(expected));
    assert_memory_equal(header, expected, length);
}

static void columns_are_in_order_of_appearance_and_only_once(void **state) {
    (void)state;
    struct page_index index;
    struct csv_columns *columns = csv_columns_new();
    assert_header(columns, "_more");
    assert_true(csv_columns_add(columns, "id", 2));
    assert_false(csv_columns_add(columns, "id", 2));
    assert_false(csv_columns_add(columns, "_more", 5));
    char *page = page_of(
        "{\"b\":{\"N\":\"1\"},\"id\":{\"S\":\"x\"},\"_more\":{\"S\":\"\"},\"a,\\\"\":{\"M\":{\"z\":{\"S\":\"\"}}}},"
        "{\"c\\n\":{\"S\":\"\"},\"\\u0062\":{\"N\":\"1\"},\"\":{\"S\":\"\"},\"\xc4\x91i\\u1ec3m\":{\"S\":\"\"}}",
        2, &index);
    csv_columns_add_page(columns, page, &index);
    assert_header(columns, "id,b,\"a,\"\"\",\"c\n\",\"\",\xc4\x91i\xe1\xbb\x83m,_more");
    assert_int_equal(csv_columns_cells(columns), 7);
    char *text = csv_columns_save(columns);
    assert_string_equal(text, "[\"id\",\"b\",\"a,\\\"\",\"c\\u000a\",\"\",\"\xc4\x91i\xe1\xbb\x83m\",\"_more\"]");
    struct csv_columns *restored = csv_columns_restore(text, strlen(text), NULL);
    assert_header(restored, "id,b,\"a,\"\"\",\"c\n\",\"\",\xc4\x91i\xe1\xbb\x83m,_more");
    csv_columns_unref(restored);
    csv_columns_unref(csv_columns_ref(columns));
    csv_columns_unref(columns);
    csv_columns_unref(NULL);
    page_index_fini(&index);
    free(page);
    free(text);
}

static void columns_have_an_end(void **state) {
    struct buffer item = BUFFER_INIT(BUFFER_OURS);
    struct csv_columns *columns = csv_columns_new();
    struct page_index index;
    buffer_add(&item, "{");
    for (unsigned i = 0; i < CSV_COLUMNS_MOST + 100; i++)
        buffer_printf(&item, "%s\"c%u\":{\"N\":\"%u\"}", i ? "," : "", i, i);
    buffer_add(&item, "}");
    char *page = page_of(item.data, 1, &index);
    csv_columns_add_page(columns, page, &index);
    assert_int_equal(csv_columns_cells(columns), CSV_COLUMNS_MOST + 1);
    struct chunk_encode encode = {.format = FORMAT_CSV, .page = page, .index = &index, .columns = columns};
    struct buffer found = encode_page(*state, &encode, NULL);
    const char *more = strstr(found.data, ",1023,\"{\"\"c1024\"\":1024,");
    assert_non_null(more);
    assert_non_null(strstr(more, "\"\"c1123\"\":1123}\""));
    _cleanup_free_ char *name = repeated("", "x", CSV_NAME_MOST + 1, "");
    struct csv_columns *few = csv_columns_new();
    assert_false(csv_columns_add(few, name, CSV_NAME_MOST + 1));
    assert_true(csv_columns_add(few, name, CSV_NAME_MOST));
    csv_columns_unref(few);
    csv_columns_unref(columns);
    page_index_fini(&index);
    buffer_fini(&found);
    buffer_fini(&item);
    free(page);
}

static void a_list_that_is_none_is_refused(void **state) {
    (void)state;
    static const char *const bad[] = {"",
                                      "[]",
                                      "[\"a\"]",
                                      "[\"a\",\"a\",\"_more\"]",
                                      "[\"_more\",\"a\"]",
                                      "[\"_more\",\"_more\"]",
                                      "[\"a\",\"_more\"",
                                      "[\"a\",\"_more\"] ",
                                      "[\"a\" \"_more\"]",
                                      "[1,\"_more\"]",
                                      "[\"\xff\",\"_more\"]",
                                      "{\"a\":1}",
                                      "id,name"};
    for (size_t i = 0; i < array_length(bad); i++) {
        struct error error = {0};
        assert_null(csv_columns_restore(bad[i], strlen(bad[i]), &error));
        assert_int_equal(error.code, ERROR_CORRUPT);
        error_clear(&error);
    }
}

/* Whatever stands between two pages: joined they are one file. */
static void an_object_is_header_rows_and_ending(void **state) {
    struct world *world = *state;
    struct csv_columns *columns = csv_columns_new();
    struct buffer file = BUFFER_INIT(BUFFER_OURS);
    csv_columns_add(columns, "id", 2);
    for (unsigned i = 0; i < 3; i++) {
        struct page_index index;
        _cleanup_free_ char *item = x_printf("{\"id\":{\"N\":\"%u\"}}", i);
        char *page = page_of(item, 1, &index);
        struct chunk_encode encode = {
            .format = FORMAT_CSV, .opens = !i, .page = page, .index = &index, .columns = columns};
        struct buffer part = encode_page(world, &encode, NULL);
        buffer_add_bytes(&file, part.data, part.length);
        buffer_fini(&part);
        page_index_fini(&index);
        free(page);
    }
    buffer_add(&file, format_ending(FORMAT_CSV));
    assert_string_equal(file.data, "id,_more\r\n0,\r\n1,\r\n2,\r\n");
    _cleanup_free_ char *empty = format_empty(FORMAT_CSV, columns), *array = format_empty(FORMAT_JSON, NULL);
    assert_string_equal(empty, "id,_more\r\n");
    assert_string_equal(array, "[\n]\n");
    csv_columns_unref(columns);
    buffer_fini(&file);
}

#define WITH_WORLD(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_WORLD(every_type_becomes_what_the_slow_way_makes_of_it),
        WITH_WORLD(white_space_between_tokens_changes_nothing),
        WITH_WORLD(pages_of_real_shapes_and_sizes_become_rows),
        WITH_WORLD(values_become_cells),
        WITH_WORLD(any_order_of_attributes_gives_the_same_row),
        WITH_WORLD(absent_attributes_leave_their_cells_empty),
        WITH_WORLD(names_of_any_length_and_spelling_are_found),
        WITH_WORLD(the_bound_holds_for_what_grows_most),
        WITH_WORLD(columns_are_in_order_of_appearance_and_only_once),
        WITH_WORLD(columns_have_an_end),
        WITH_WORLD(a_list_that_is_none_is_refused),
        WITH_WORLD(an_object_is_header_rows_and_ending),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
