/* SPDX-License-Identifier: Apache-2.0 */
/* Columns as wide as their widest cell, two blanks between; nothing behind the last. */
#include "table.h"

#include <stdbool.h>
#include <stdlib.h>

#include "base/memory.h"

void table_add(struct table *table, char *text) {
    table->cells = x_realloc(table->cells, (table->count + 1) * sizeof *table->cells);
    table->cells[table->count++] = text ? text : x_strdup("");
}

void table_fini(struct table *table) {
    for (size_t i = 0; i < table->count; i++)
        free(table->cells[i]);
    free(table->cells);
    table->cells = NULL;
    table->count = 0;
}

/* Bytes that continue a character do not count. */
size_t text_width(const char *text) {
    size_t width = 0;
    for (; *text; text++)
        width += ((unsigned char)*text & 0xc0) != 0x80;
    return width;
}

static void pad(struct buffer *out, size_t blanks) {
    while (blanks--)
        buffer_add_char(out, ' ');
}

static void print_row(const struct table *table, size_t row, const size_t *widths, struct buffer *out) {
    for (unsigned column = 0; column < table->columns; column++) {
        const char *cell = table->cells[row * table->columns + column];
        size_t blanks = widths[column] - text_width(cell);
        bool right = table->right >> column & 1, last = column + 1 == table->columns;
        pad(out, right ? blanks : 0);
        buffer_add(out, cell);
        pad(out, (right || last ? 0 : blanks) + (last ? 0 : 2));
    }
    while (out->length && out->data[out->length - 1] == ' ')
        out->data[--out->length] = '\0';
    buffer_add_char(out, '\n');
}

void table_print(const struct table *table, struct buffer *out) {
    size_t widths[TABLE_COLUMNS] = {0};
    for (size_t i = 0; i < table->count; i++) {
        size_t width = text_width(table->cells[i]), column = i % table->columns;
        widths[column] = width > widths[column] ? width : widths[column];
    }
    for (size_t row = 0; row < table->count / table->columns; row++)
        print_row(table, row, widths, out);
}

/* C1 controls are two bytes in UTF-8: c2 80 to c2 9f. */
void add_plain(struct buffer *out, const char *text) {
    for (const unsigned char *at = (const unsigned char *)(text ? text : ""); *at; at++) {
        bool c1 = at[0] == 0xc2 && at[1] >= 0x80 && at[1] < 0xa0;
        buffer_add_char(out, *at < 0x20 || *at == 0x7f || c1 ? '?' : (char)*at);
        at += c1;
    }
}

char *plain_text(const char *text) {
    struct buffer out = BUFFER_INIT(BUFFER_OURS);
    add_plain(&out, text);
    return buffer_take(&out);
}
