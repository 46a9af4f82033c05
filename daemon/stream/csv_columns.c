/* SPDX-License-Identifier: Apache-2.0 */
/* Names in order, found by hash; the header's row is kept as it grows, with `_more` at its end. */
#include "csv_columns.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/encoding.h"
#include "base/memory.h"
#include "cursor.h"
#include "escape.h"

#define MORE_LENGTH (sizeof CSV_MORE - 1)

_Static_assert(CSV_SLOTS >= 4 * CSV_COLUMNS_MOST && CSV_COLUMNS_MOST < CSV_NO_COLUMN, "room to look names up");

struct csv_columns *csv_columns_new(void) {
    struct csv_columns *columns = x_calloc(1, sizeof *columns);
    columns->references = 1;
    columns->names = BUFFER_INIT(BUFFER_OURS);
    columns->header = BUFFER_INIT(BUFFER_OURS);
    buffer_add_char(&columns->names, '\0'); /* so that an empty name, too, stands somewhere */
    buffer_add(&columns->header, CSV_MORE);
    return columns;
}

struct csv_columns *csv_columns_ref(struct csv_columns *columns) {
    columns->references++;
    return columns;
}

void csv_columns_unref(struct csv_columns *columns) {
    if (!columns || --columns->references)
        return;
    buffer_fini(&columns->names);
    buffer_fini(&columns->header);
    free(columns);
}

/* ------------------------------------------------------------ by name */

/* Eight bytes at a time. Names chosen to collide cost a comparison each, and there are few: no key is needed. */
static uint64_t hash_of(const char *name, size_t length) {
    const uint64_t factor = UINT64_C(0x9E3779B97F4A7C15);
    uint64_t hash = length * factor, word;
    for (; length >= sizeof word; name += sizeof word, length -= sizeof word) {
        memcpy(&word, name, sizeof word);
        hash = (hash ^ word) * factor;
        hash ^= hash >> 32;
    }
    word = 0;
    memcpy(&word, name, length);
    hash = (hash ^ word) * factor;
    return hash ^ hash >> 32;
}

static bool is_column(const struct csv_columns *columns, size_t column, uint64_t hash, const char *name,
                      size_t length) {
    const struct csv_column *item = &columns->items[column];
    return item->hash == hash && item->length == length && memcmp(csv_column_name(columns, column), name, length) == 0;
}

/* The slot that the name has, or would have. */
static size_t slot_of(const struct csv_columns *columns, uint64_t hash, const char *name, size_t length) {
    size_t slot = hash % CSV_SLOTS;
    while (columns->slots[slot] && !is_column(columns, columns->slots[slot] - 1u, hash, name, length))
        slot = (slot + 1) % CSV_SLOTS;
    return slot;
}

uint16_t csv_columns_find(const struct csv_columns *columns, const char *name, size_t length) {
    uint16_t found = columns->slots[slot_of(columns, hash_of(name, length), name, length)];
    return found ? (uint16_t)(found - 1) : CSV_NO_COLUMN;
}

/* ------------------------------------------------------------ adding */

static bool wants_quotes(char c) {
    return c == ',' || c == '"' || c == '\r' || c == '\n';
}

/* A cell of the header: in quotes where RFC 4180 wants them. */
static void add_cell(struct buffer *out, const char *name, size_t length) {
    bool quoted = !length;
    for (size_t i = 0; i < length && !quoted; i++)
        quoted = wants_quotes(name[i]);
    if (!quoted) {
        buffer_add_bytes(out, name, length);
        return;
    }
    buffer_add_char(out, '"');
    for (size_t i = 0; i < length; i++) {
        if (name[i] == '"')
            buffer_add_char(out, '"');
        buffer_add_char(out, name[i]);
    }
    buffer_add_char(out, '"');
}

bool csv_columns_add(struct csv_columns *columns, const char *name, size_t length) {
    uint64_t hash = hash_of(name, length);
    size_t slot = slot_of(columns, hash, name, length);
    bool is_more = length == MORE_LENGTH && memcmp(name, CSV_MORE, length) == 0;
    if (columns->slots[slot] || is_more || columns->count == CSV_COLUMNS_MOST || length > CSV_NAME_MOST)
        return false;
    columns->items[columns->count++] = (struct csv_column){(uint32_t)columns->names.length, (uint32_t)length, hash};
    columns->slots[slot] = (uint16_t)columns->count;
    buffer_add_bytes(&columns->names, name, length);
    columns->header.length -= MORE_LENGTH;
    add_cell(&columns->header, name, length);
    buffer_add(&columns->header, "," CSV_MORE);
    return true;
}

/* A name as it stands in a page. */
static void add_escaped(struct csv_columns *columns, const char *name, size_t length) {
    _cleanup_buffer_ struct buffer text = BUFFER_INIT(CSV_NAME_MOST);
    const char *end = name + length;
    bool fits = true;
    while (name < end && fits) {
        char bytes[4];
        if (*name != '\\') {
            fits = buffer_append(&text, name++, 1);
            continue;
        }
        fits = buffer_append(&text, bytes, escape_put(bytes, escape_read_whole(&name, end)));
    }
    if (fits)
        csv_columns_add(columns, text.data ? text.data : "", text.length);
}

static bool read_attribute(struct cursor *cursor, struct span span, void *arg) {
    struct csv_columns *columns = arg;
    const char *name = cursor->bytes + span.offset;
    if (memchr(name, '\\', span.length))
        add_escaped(columns, name, span.length);
    else
        csv_columns_add(columns, name, span.length);
    return cursor_value(cursor);
}

void csv_columns_add_page(struct csv_columns *columns, const char *page, const struct page_index *index) {
    for (size_t i = 0; i < index->count && columns->count < CSV_COLUMNS_MOST; i++) {
        struct cursor item = {.bytes = page + index->items[i].offset, .length = index->items[i].length};
        (void)cursor_object(&item, read_attribute, columns);
    }
}

size_t csv_columns_cells(const struct csv_columns *columns) {
    return columns->count + 1;
}

const char *csv_columns_header(const struct csv_columns *columns, size_t *length) {
    *length = columns->header.length;
    return columns->header.data;
}

/* ------------------------------------------------------------ as a text */

static void add_quoted(struct buffer *out, const char *name, size_t length) {
    buffer_add_char(out, '"');
    for (size_t i = 0; i < length; i++) {
        if (name[i] == '"' || name[i] == '\\')
            buffer_printf(out, "\\%c", name[i]);
        else if ((unsigned char)name[i] < ' ')
            buffer_printf(out, "\\u%04x", (unsigned)name[i]);
        else
            buffer_add_char(out, name[i]);
    }
    buffer_add(out, "\",");
}

char *csv_columns_save(const struct csv_columns *columns) {
    struct buffer text = BUFFER_INIT(BUFFER_OURS);
    buffer_add_char(&text, '[');
    for (size_t i = 0; i < columns->count; i++)
        add_quoted(&text, csv_column_name(columns, i), columns->items[i].length);
    buffer_add(&text, "\"" CSV_MORE "\"]");
    return buffer_take(&text);
}

/* One name and what follows it. False: that is not what csv_columns_save() writes. `*last`: the array has ended. */
static bool read_name(struct cursor *cursor, struct csv_columns *columns, bool *last) {
    struct span name;
    size_t before = columns->count;
    if (!cursor_string(cursor, &name) || !utf8_valid(cursor->bytes + name.offset, name.length))
        return false;
    cursor_space(cursor);
    *last = cursor->at < cursor->length && cursor->bytes[cursor->at] == ']';
    if (*last)
        return cursor_expect(cursor, ']') && name.length == MORE_LENGTH &&
               memcmp(cursor->bytes + name.offset, CSV_MORE, MORE_LENGTH) == 0;
    add_escaped(columns, cursor->bytes + name.offset, name.length);
    return columns->count > before && cursor_expect(cursor, ',');
}

struct csv_columns *csv_columns_restore(const char *text, size_t length, struct error *error) {
    struct cursor cursor = {.bytes = text, .length = length};
    struct csv_columns *columns = csv_columns_new();
    bool last = false, good = cursor_expect(&cursor, '[');
    while (good && !last)
        good = read_name(&cursor, columns, &last);
    if (good && cursor.at == length)
        return columns;
    csv_columns_unref(columns);
    error_set(error, ERROR_CORRUPT, "the columns of csv are no list of names that ends in " CSV_MORE);
    return NULL;
}
