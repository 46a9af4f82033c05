/* SPDX-License-Identifier: Apache-2.0 */
/* Whatever is encoded as dynamodb-json is a line an item, and each line its item, but for white space become blanks. */
#include "stream_page.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

static const char *check_line(const char *line, const char *end, const char *item, size_t length) {
    if ((size_t)(end - line) < length + 10 || memcmp(line, "{\"Item\":", 8) != 0)
        abort();
    line += 8;
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)item[i];
        if (line[i] != (c < ' ' ? ' ' : item[i]))
            abort();
    }
    if (memcmp(line + length, "}\n", 2) != 0)
        abort();
    return line + length + 2;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length) {
    struct fuzz_page page;
    if (!fuzz_page_init(&page, bytes, length))
        return 0;
    struct type_counts counts = {0};
    size_t line_length;
    char *lines = fuzz_encode(&page, FORMAT_DYNAMODB_JSON, length & 1 ? &counts : NULL, &line_length);
    const char *at = lines;
    for (size_t i = 0; lines && i < page.index.count; i++)
        at = check_line(at, lines + line_length, page.bytes + page.index.items[i].offset, page.index.items[i].length);
    if (lines && at != lines + line_length)
        abort();
    free(lines);
    fuzz_page_fini(&page);
    return 0;
}
