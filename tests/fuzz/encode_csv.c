/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whatever json encodes csv encodes too, and nothing else; with the same counts of types, within its bound, under columns of the page's
 * own or of others. What it writes is read back as rows, as many as there are items, by the reader that verify uses.
 */
#include "base/utf8.h"
#include "decode_part.h"
#include "stream_page.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

static void check_rows(struct fuzz_page *page) {
    struct type_counts json = {0}, csv = {0};
    size_t json_length, csv_length;
    char *array = fuzz_encode(page, FORMAT_JSON, &json, &json_length);
    char *rows = fuzz_encode(page, FORMAT_CSV, &csv, &csv_length);
    if (!array != !rows || memcmp(&json, &csv, sizeof json) != 0)
        abort();
    /* A page is UTF-8, and was looked at before: here it may be anything. */
    if (rows && csv_length && utf8_valid(rows, csv_length)) {
        struct decode_options options = {
            .format = FORMAT_CSV, .first = true, .check_only = true, .columns = page->columns};
        struct decode_figures figures = decode_part(&options, (const uint8_t *)rows, csv_length, csv_length);
        if (figures.items != page->index.count || figures.lines != figures.items)
            abort();
    }
    free(array);
    free(rows);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length) {
    struct fuzz_page page;
    if (!fuzz_page_init(&page, bytes, length))
        return 0;
    page.columns = csv_columns_new();
    check_rows(&page);
    csv_columns_add(page.columns, "a", 1);
    csv_columns_add_page(page.columns, page.bytes, &page.index);
    check_rows(&page);
    char *text = csv_columns_save(page.columns);
    struct csv_columns *again = csv_columns_restore(text, strlen(text), NULL);
    char *names = again ? csv_columns_save(again) : NULL;
    if (utf8_valid(text, strlen(text)) && (!names || strcmp(names, text) != 0))
        abort();
    free(names);
    free(text);
    csv_columns_unref(again);
    csv_columns_unref(page.columns);
    fuzz_page_fini(&page);
    return 0;
}
