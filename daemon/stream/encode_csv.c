/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Items as rows of csv (RFC 4180), in two looks at each: the first, the walk that json's encoder takes too, checks the item and notes
 * where each column's value stands, whatever the order of attributes; the second writes the cells in the columns' order.
 *
 *     "\r\n" cell "," cell "," ... more          for each item; before the first of an object the header; "\r\n" ends the object
 *
 * A text is its characters, a number its digits, binary its base64; true, false, null; maps, lists and sets are plain JSON, and what
 * has no column stands as one JSON object in the last cell. A cell is in quotes where it holds a comma or came with an escape (a quote
 * and a line's end always do), where it is JSON, and where it would read as something else: an empty text as an absent
 * attribute, the text null as NULL. No formula is looked for: a backup holds what the table held.
 *
 * Of a page nothing grows by more than two thirds: a quote within JSON doubles, but comes with its own bytes of typed JSON. Only the
 * members of sets, "x", may take five bytes where they took three.
 */
#include <stdlib.h>

#include "base/error.h"
#include "base/memory.h"
#include "csv_columns.h"
#include "escape.h"
#include "walk.h"

#define JSON_WINDOW  4096 /* of plain JSON whose quotes are still to be doubled */
#define CHECK_WINDOW 1024 /* of plain JSON that nobody wants */
#define SHORT_TEXT   96   /* copied 16 bytes at a time, within OUTPUT_ROOM */

enum cell_kind {
    CELL_PLAIN,   /* characters that stand for themselves */
    CELL_QUOTED,  /* the same, with a comma among them */
    CELL_ESCAPED, /* characters and escapes */
    CELL_TYPED,   /* a typed value, from its '{' on */
};

/* Where a column's value stands in the page. */
struct csv_cell {
    uint32_t item; /* whose it is, from 1: cells of other items count as absent */
    uint32_t at, length;
    enum cell_kind kind;
};

struct csv_room {
    struct csv_cell cells[CSV_COLUMNS_MOST];
    uint16_t after[CSV_COLUMNS_MOST + 1]; /* the column that came behind column - 1 the last time */
    uint32_t *more;                       /* attributes without a column: where their names' quotes stand */
    size_t more_count, more_capacity;
    char name[CSV_NAME_MOST + 4];
    char window[JSON_WINDOW];
};

size_t csv_room_size(void) {
    return sizeof(struct csv_room);
}

void csv_room_free(struct csv_room *room) {
    if (room)
        free(room->more);
    free(room);
}

/* What the two looks at an item share. */
struct row {
    const struct chunk_encode *encode;
    const struct csv_columns *columns;
    struct csv_room *room;
    uint32_t number; /* of the item, from 1 */
    uint16_t last;   /* 1 + the column that was found last; 0: none yet */
};

/* ------------------------------------------------------------ the first look: columns */

/* No column has so long a name, or one that the escapes make so. */
SLOW uint16_t find_escaped(const struct row *row, const char *name, const char *end) {
    char *out = row->room->name;
    while (name < end) {
        const char *next = memchr(name, '\\', (size_t)(end - name));
        size_t plain = (size_t)((next ? next : end) - name);
        if (plain > CSV_NAME_MOST - (size_t)(out - row->room->name))
            return CSV_NO_COLUMN;
        memcpy(out, name, plain);
        out += plain;
        if (!next)
            break;
        out += escape_put(out, escape_read_whole(&next, end));
        if (out - row->room->name > CSV_NAME_MOST)
            return CSV_NO_COLUMN;
        name = next;
    }
    return csv_columns_find(row->columns, row->room->name, (size_t)(out - row->room->name));
}

/* Items of a table are mostly alike: the column that came behind this one the last time is looked at first. */
INLINE uint16_t find_column(struct row *row, const char *name, size_t length, bool escaped) {
    uint16_t guess = row->room->after[row->last];
    if (escaped)
        guess = find_escaped(row, name, name + length);
    else if (!LIKELY(guess < row->columns->count && row->columns->items[guess].length == length &&
                     memcmp(csv_column_name(row->columns, guess), name, length) == 0))
        guess = csv_columns_find(row->columns, name, length);
    if (guess == CSV_NO_COLUMN)
        return guess;
    row->room->after[row->last] = guess;
    row->last = (uint16_t)(guess + 1);
    return guess;
}

SLOW void add_more(struct csv_room *room, uint32_t at) {
    if (room->more_count == room->more_capacity) {
        room->more_capacity = room->more_capacity ? 2 * room->more_capacity : 64;
        room->more = x_realloc(room->more, room->more_capacity * sizeof *room->more);
    }
    room->more[room->more_count++] = at;
}

/* ------------------------------------------------------------ the first look: values */

/* What was seen in a string. */
struct seen {
    bool comma, escape;
};

SLOW const char *skip_escape(const char *at, const char **expected) {
    if (is_short_escape(at[1]))
        return at + 2;
    *expected = unicode_fault(at);
    return *expected ? at : at + 6;
}

/* From behind the opening quote to the closing one. */
INLINE bool skip_string(struct walk *walk, struct seen *seen) {
    for (;;) {
        unsigned plain = 16;
        while (walk->at <= walk->safe && plain == 16) {
            plain = plain16(walk->at, &seen->comma);
            walk->at += plain;
        }
        unsigned char c = (unsigned char)*walk->at;
        if (LIKELY(c == '"'))
            return true;
        if (c < ' ')
            return fail(walk, "no control character in a string");
        if (c == '\\') {
            seen->escape = true;
            walk->at = skip_escape(walk->at, &walk->expected);
            if (walk->expected)
                return false;
        } else {
            seen->comma = seen->comma || c == ',';
            walk->at++;
        }
    }
}

INLINE bool read_text(struct walk *walk, const struct row *row, struct csv_cell *cell) {
    struct seen seen = {false, false};
    const char *from = walk->at;
    if (!skip_string(walk, &seen))
        return false;
    cell->at = (uint32_t)(from - row->encode->page);
    cell->length = (uint32_t)(walk->at++ - from);
    cell->kind = seen.escape ? CELL_ESCAPED : seen.comma ? CELL_QUOTED : CELL_PLAIN;
    /* an empty text is not an absent one, and the text null is not NULL */
    if (cell->kind == CELL_PLAIN && (!cell->length || (cell->length == 4 && memcmp(from, "null", 4) == 0)))
        cell->kind = CELL_QUOTED;
    return true;
}

INLINE bool read_number(struct walk *walk, const struct row *row, struct csv_cell *cell) {
    const char *from = walk->at;
    if (!copy_number(walk))
        return false;
    cell->at = (uint32_t)(from - row->encode->page);
    cell->length = (uint32_t)(walk->at - 1 - from);
    cell->kind = CELL_PLAIN;
    return true;
}

/* Behind a name. All but texts and numbers is looked at again when it is written. */
INLINE bool read_value(struct walk *walk, const struct row *row, struct csv_cell *cell) {
    walk->out = walk->output->window;
    if (take_compact(walk, ":{\"S\":\""))
        return read_text(walk, row, cell);
    if (take_compact(walk, ":{\"N\":\""))
        return read_number(walk, row, cell);
    if (!take(walk, ':', "':'"))
        return false;
    next(walk);
    cell->at = (uint32_t)(walk->at - row->encode->page);
    cell->kind = CELL_TYPED;
    return whole_value(walk, value(walk));
}

/* The first of a name counts; an item that has it twice, which no table holds, keeps the others in `_more`. */
INLINE bool read_attribute(struct walk *walk, struct row *row) {
    struct seen seen = {false, false};
    if (!take(walk, '"', "an attribute's name"))
        return false;
    const char *name = walk->at;
    if (!skip_string(walk, &seen))
        return false;
    uint16_t column = find_column(row, name, (size_t)(walk->at++ - name), seen.escape);
    struct csv_cell unwanted, *cell = column == CSV_NO_COLUMN ? NULL : &row->room->cells[column];
    if (!cell || cell->item == row->number) {
        add_more(row->room, (uint32_t)(name - 1 - row->encode->page));
        cell = &unwanted;
    }
    cell->item = row->number;
    return read_value(walk, row, cell);
}

INLINE bool read_item(struct walk *walk, struct row *row) {
    if (!take(walk, '{', "a map's '{'"))
        return false;
    for (;;) {
        if (!read_attribute(walk, row) || !take(walk, '}', "the '}' of a typed value"))
            return false;
        char c = next(walk);
        if (c == '}')
            return true;
        if (c != ',')
            return fail(walk, "',' or '}'");
        walk->at++;
    }
}

static bool look(struct row *row, struct output *nowhere, struct type_counts *counts, struct error *error) {
    const struct chunk_encode *encode = row->encode;
    size_t which = row->number - 1;
    struct walk walk = walk_from(nowhere, encode, encode->page + encode->index->items[which].offset, counts);
    row->last = 0;
    row->room->more_count = 0;
    if (read_item(&walk, row))
        return true;
    struct item_fault fault = {walk.expected, (size_t)(walk.at - encode->page)};
    item_fault_tell(&fault, encode, which, error);
    return false;
}

/* ------------------------------------------------------------ the second look: cells */

static void put_char(struct output *output, char c) {
    output_room(output);
    *output->at++ = c;
}

/* The characters of a string that has no escape. */
static inline void put_plain(struct output *output, const struct row *row, uint32_t at, uint32_t length) {
    const char *from = row->encode->page + at;
    if (length > SHORT_TEXT || at + length + 16 > row->encode->index->length) {
        output_put(output, from, length);
        return;
    }
    output_room(output);
    for (uint32_t i = 0; i < length; i += 16)
        memcpy(output->at + i, from + i, 16);
    output->at += length;
}

static void put_quoted(struct output *output, const struct row *row, uint32_t at, uint32_t length) {
    put_char(output, '"');
    put_plain(output, row, at, length);
    put_char(output, '"');
}

static void put_escaped(struct output *output, const struct row *row, uint32_t at, uint32_t length) {
    const char *from = row->encode->page + at, *end = from + length;
    put_char(output, '"');
    while (from < end) {
        const char *next = memchr(from, '\\', (size_t)(end - from));
        output_put(output, from, (size_t)((next ? next : end) - from));
        if (!next)
            break;
        uint32_t character = escape_read_whole(&next, end);
        output_room(output);
        if (character == '"')
            *output->at++ = '"';
        output->at += escape_put(output->at, character);
        from = next;
    }
    put_char(output, '"');
}

/* Plain JSON on its way into a cell: what fills the window goes on with its quotes doubled. */
struct doubling {
    struct output output;
    struct chunk nothing;
    struct output *to;
};

static void doubling_flush(struct output *output, bool last) {
    struct output *to = container_of(output, struct doubling, output)->to;
    (void)last;
    for (const char *at = output->window; at < output->at;) {
        output_room(to);
        const char *stop = output->at - at < OUTPUT_ROOM / 2 ? output->at : at + OUTPUT_ROOM / 2;
        for (; at < stop; at++) {
            to->at[0] = *at;
            to->at[1] = '"';
            to->at += 1 + (*at == '"');
        }
    }
    output->at = output->window;
}

static void doubling_begin(struct doubling *doubling, struct output *to, struct csv_room *room) {
    *doubling = (struct doubling){.output = {.flush = doubling_flush,
                                             .window = room->window,
                                             .at = room->window,
                                             .end = room->window + sizeof room->window},
                                  .to = to};
    doubling->output.chunk = &doubling->nothing;
    put_char(to, '"');
}

static void doubling_end(struct doubling *doubling) {
    output_finish(&doubling->output);
    put_char(doubling->to, '"');
}

static void put_json(struct output *output, const struct row *row, const char *at) {
    struct doubling doubling;
    doubling_begin(&doubling, output, row->room);
    encode_json_value(&doubling.output, row->encode, at, false);
    doubling_end(&doubling);
}

/* The next quote, which is there. */
static const char *to_quote(const struct row *row, const char *at) {
    return memchr(at, '"', (size_t)(row->encode->page + row->encode->index->length - at));
}

static const char *behind_space(const char *at) {
    while (is_space(*at))
        at++;
    return at;
}

static void put_cell(struct output *output, const struct row *row, const struct csv_cell *cell);

/* Texts and binary that stand at `at`, behind their opening quote. */
static void put_text(struct output *output, const struct row *row, const char *at) {
    struct output nowhere = {.window = NULL};
    struct type_counts counts = {0};
    struct walk walk = walk_from(&nowhere, row->encode, at, &counts);
    struct csv_cell cell;
    if (read_text(&walk, row, &cell)) /* it was read before */
        put_cell(output, row, &cell);
}

/* {"TYPE": value} */
static void put_typed(struct output *output, const struct row *row, uint32_t from) {
    const char *at = row->encode->page + from;
    const char *type = behind_space(at + 1) + 1, *end = to_quote(row, type);
    const char *inside = behind_space(behind_space(end + 1) + 1);
    size_t length = (size_t)(end - type);
    if (length == 1 && (*type == 'S' || *type == 'B'))
        put_text(output, row, inside + 1);
    else if (length == 1 && *type == 'N')
        output_put(output, inside + 1, (size_t)(to_quote(row, inside + 1) - inside - 1));
    else if (length == 4 && *type == 'B')
        output_put(output, *inside == 't' ? "true" : "false", *inside == 't' ? 4 : 5);
    else if (length == 4)
        output_put(output, "null", 4);
    else
        put_json(output, row, at);
}

static void put_cell(struct output *output, const struct row *row, const struct csv_cell *cell) {
    switch (cell->kind) {
    case CELL_PLAIN:
        put_plain(output, row, cell->at, cell->length);
        return;
    case CELL_QUOTED:
        put_quoted(output, row, cell->at, cell->length);
        return;
    case CELL_ESCAPED:
        put_escaped(output, row, cell->at, cell->length);
        return;
    case CELL_TYPED:
        put_typed(output, row, cell->at);
        return;
    }
}

static void put_more(struct output *output, const struct row *row) {
    struct doubling doubling;
    doubling_begin(&doubling, output, row->room);
    for (size_t i = 0; i < row->room->more_count; i++) {
        put_char(&doubling.output, i ? ',' : '{');
        encode_json_value(&doubling.output, row->encode, row->encode->page + row->room->more[i], true);
    }
    put_char(&doubling.output, '}');
    doubling_end(&doubling);
}

static void put_row(struct output *output, const struct row *row) {
    const struct csv_cell *cell = row->room->cells, *end = cell + row->columns->count;
    output_put(output, "\r\n", 2);
    for (; cell < end; cell++) {
        if (cell->item == row->number)
            put_cell(output, row, cell);
        put_char(output, ',');
    }
    if (row->room->more_count)
        put_more(output, row);
}

/* ------------------------------------------------------------ */

static struct csv_room *room_of(struct chunk_workspace *workspace, size_t columns) {
    if (!workspace->csv)
        workspace->csv = x_calloc(1, sizeof *workspace->csv);
    struct csv_room *room = workspace->csv;
    for (size_t i = 0; i < columns; i++) {
        room->cells[i].item = 0;
        room->after[i] = (uint16_t)i;
    }
    room->after[columns] = CSV_NO_COLUMN;
    return room;
}

bool encode_csv(struct output *output, const struct chunk_encode *encode, struct type_counts *counts,
                struct error *error) {
    char window[CHECK_WINDOW];
    struct chunk nothing = {0};
    struct output nowhere = {.chunk = &nothing};
    struct type_counts unwanted = {0};
    struct row row = {
        .encode = encode, .columns = encode->columns, .room = room_of(output->workspace, encode->columns->count)};
    discard_begin(&nowhere, window, sizeof window);
    if (encode->opens)
        output_put(output, encode->columns->header.data, encode->columns->header.length);
    for (size_t i = 0; i < encode->index->count; i++) {
        row.number = (uint32_t)(i + 1);
        if (!look(&row, &nowhere, counts ? counts : &unwanted, error))
            return false;
        put_row(output, &row);
    }
    return true;
}
