/* SPDX-License-Identifier: Apache-2.0 */
/* One {"Item":{...}} a line, as DynamoDB's exports and our data files have them. White space may stand between tokens. */
#include <string.h>

#include "base/encoding.h"
#include "decode.h"

static bool is_item(const struct cursor *line, struct span name) {
    return name.length == 4 && memcmp(line->bytes + name.offset, "Item", 4) == 0;
}

/* The line's one member; *item is its value. */
static bool read_line(struct cursor *line, struct span *item) {
    struct span name;
    cursor_space(line);
    if (line->at == line->length)
        return cursor_fail(line, line->at, "{\"Item\":");
    size_t begin = line->at + 1;
    if (!cursor_expect(line, '{') || !cursor_string(line, &name))
        return false;
    if (!is_item(line, name))
        return cursor_fail(line, begin, "\"Item\"");
    if (!cursor_expect(line, ':'))
        return false;
    cursor_space(line);
    size_t from = line->at;
    if (from < line->length && line->bytes[from] != '{')
        return cursor_fail(line, from, "an item's '{'");
    if (!cursor_value(line))
        return false;
    *item = (struct span){(uint32_t)from, (uint32_t)(line->at - from)};
    if (!cursor_expect(line, '}'))
        return false;
    cursor_space(line);
    return line->at == line->length || cursor_fail(line, line->at, "the end of the line");
}

enum cut_result cut_line(struct cut_text *text, struct span *item, struct error *error) {
    size_t from = text->searched > text->at ? text->searched : text->at;
    const char *end = from < text->to ? memchr(text->bytes + from, '\n', text->to - from) : NULL;
    text->searched = text->to;
    if (!end && !text->last)
        return CUT_MORE;
    if (text->at == text->to)
        return CUT_END;
    size_t start = text->at, stop = end ? (size_t)(end - text->bytes) : text->to;
    struct cursor line = {.bytes = text->bytes + start, .length = stop - start, .error = error, .what = "a line"};
    text->at = end ? stop + 1 : stop;
    text->searched = text->at;
    if (!read_line(&line, item))
        return CUT_FAULT;
    if (!utf8_valid(line.bytes, line.length)) {
        error_set(error, ERROR_CORRUPT, "a line that is not UTF-8");
        return CUT_FAULT;
    }
    item->offset += (uint32_t)start;
    return CUT_ITEM;
}
