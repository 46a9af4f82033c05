/* SPDX-License-Identifier: Apache-2.0 */
/*
 * csv (RFC 4180) cut into its rows, each of as many cells. A part of it is whole rows: the first begins with the header, the last ends
 * with a line's end, and in all others that, CR LF, stands before each row.
 *
 * What a cell holds is not looked into: a row is good where its quotes are.
 */
#include <stdio.h>
#include <string.h>

#include "base/encoding.h"
#include "base/error.h"
#include "decode.h"

enum place {
    BREAK,  /* CR LF is next, or the part's end */
    ROW,    /* behind it: a row, or the last part's end */
    CELL,   /* in a row: a cell begins */
    PLAIN,  /* in a cell without quotes */
    QUOTED, /* between quotes */
    QUOTE,  /* behind a quote within: it closes the cell, or is the first of two */
};
/* Bits beside the place. */
#define LAST_PART 16
#define HEADER    32 /* the row is the header */
#define PLACES    15

int cut_row_begin(bool first, bool last) {
    return (first ? (int)ROW | HEADER : BREAK) | (last ? LAST_PART : 0);
}

static enum place place_of(const struct cut_text *text) {
    return (enum place)(text->state & PLACES);
}

static void go_to(struct cut_text *text, enum place place) {
    text->state = (text->state & ~PLACES) | (int)place;
}

static enum cut_result lost(const struct cut_text *text, size_t at, const char *expected, struct error *error) {
    char found[24] = "the part's end";
    if (at < text->to) {
        unsigned char c = (unsigned char)text->bytes[at];
        snprintf(found, sizeof found, c > ' ' && c < 0x7f ? "'%c'" : "byte 0x%02x", c);
    }
    error_set(error, ERROR_CORRUPT, "not the csv of whole rows: expected %s, found %s", expected, found);
    return CUT_LOST;
}

/* The part ends where it may. */
static enum cut_result end(const struct cut_text *text, struct error *error) {
    bool last = text->state & LAST_PART;
    if (text->state & HEADER)
        return lost(text, text->to, "the header", error);
    if (last == (place_of(text) == ROW))
        return CUT_END;
    return lost(text, text->to, last ? "the end of the last row" : "a row", error);
}

/* CR LF. False: `*result`. */
static bool take_break(struct cut_text *text, enum cut_result *result, struct error *error) {
    size_t left = text->to - text->at;
    if (left < 2) {
        if (!left || !text->last)
            *result = text->last ? end(text, error) : CUT_MORE;
        else
            *result = lost(text, text->at, "the end of a row", error);
        return false;
    }
    if (memcmp(text->bytes + text->at, "\r\n", 2) != 0) {
        *result = lost(text, text->at, "the end of a row", error);
        return false;
    }
    text->at += 2;
    go_to(text, ROW);
    return true;
}

/* One byte of a row, but for what ends it. False: `*expected` says what should stand there. */
static bool take_byte(struct cut_text *text, char c, const char **expected) {
    switch (place_of(text)) {
    case CELL:
        go_to(text, c == '"' ? QUOTED : c == ',' ? CELL : PLAIN);
        text->cells += c == ',';
        break;
    case PLAIN:
        go_to(text, c == ',' ? CELL : PLAIN);
        text->cells += c == ',';
        if (c != '"')
            break;
        *expected = "no quote within a cell that has none around it";
        return false;
    case QUOTE:
        *expected = "a comma or a row's end behind the quote that closes a cell";
        go_to(text, c == '"' ? QUOTED : CELL);
        text->cells += c == ',';
        return c == '"' || c == ',';
    default:
        break;
    }
    *expected = "no line's end but CR LF";
    return c != '\n';
}

/* From text->searched to the end of the row, or of the text; true where the row has ended. */
static bool search(struct cut_text *text, const char **expected) {
    for (; text->searched < text->to; text->searched++) {
        const char *at = text->bytes + text->searched;
        if (place_of(text) == QUOTED) {
            const char *quote = memchr(at, '"', text->to - text->searched);
            text->searched = quote ? (size_t)(quote - text->bytes) : text->to - 1;
            if (quote)
                go_to(text, QUOTE);
        } else if (*at == '\r') {
            return true;
        } else if (!take_byte(text, *at, expected)) {
            return false;
        }
        *expected = NULL;
    }
    return text->last && place_of(text) != QUOTED;
}

/* The header must be the one that is told, where one is. */
static enum cut_result judge_header(struct cut_text *text, struct span row, struct error *error) {
    text->state &= ~HEADER;
    if (!text->header ||
        (text->header_length == row.length && memcmp(text->bytes + row.offset, text->header, row.length) == 0))
        return CUT_ITEM;
    error_set(error, ERROR_CORRUPT, "the header is not the one that was written");
    return CUT_LOST;
}

static enum cut_result judge_row(struct cut_text *text, struct span row, struct error *error) {
    unsigned cells = text->cells;
    text->cells = 0;
    if (!text->columns)
        text->columns = cells;
    if (cells != text->columns)
        error_set(error, ERROR_CORRUPT, "a row of %u cells; the others have %u", cells, text->columns);
    else if (!utf8_valid(text->bytes + row.offset, row.length))
        error_set(error, ERROR_CORRUPT, "a row that is not UTF-8");
    else
        return text->state & HEADER ? judge_header(text, row, error) : CUT_ITEM;
    return text->state & HEADER ? CUT_LOST : CUT_FAULT;
}

static enum cut_result take_row(struct cut_text *text, struct span *row, struct error *error) {
    const char *expected = NULL;
    if (place_of(text) == ROW) {
        text->cells = 1;
        text->searched = text->at;
        go_to(text, CELL);
    }
    if (!search(text, &expected)) {
        if (expected)
            return lost(text, text->searched, expected, error);
        return text->last ? lost(text, text->to, "the quote that closes a cell", error) : CUT_MORE;
    }
    *row = (struct span){(uint32_t)text->at, (uint32_t)(text->searched - text->at)};
    text->at = text->searched;
    go_to(text, BREAK);
    return judge_row(text, *row, error);
}

enum cut_result cut_row(struct cut_text *text, struct span *row, struct error *error) {
    for (;;) {
        enum cut_result result;
        if (place_of(text) == BREAK && !take_break(text, &result, error))
            return result;
        if (place_of(text) == ROW && text->at == text->to)
            return text->last ? end(text, error) : CUT_MORE;
        bool header = text->state & HEADER;
        result = take_row(text, row, error);
        if (result != CUT_ITEM || !header)
            return result;
    }
}
