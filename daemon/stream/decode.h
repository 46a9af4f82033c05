/* SPDX-License-Identifier: Apache-2.0 */
/* Between decode.c, which turns the handle, and the two ways to cut text into items. */
#ifndef STREAM_DECODE_PRIVATE_H
#define STREAM_DECODE_PRIVATE_H

#include "cursor.h"
#include "stream/decode.h"

/* Unpacked text that is not cut yet. */
struct cut_text {
    const char *bytes;
    size_t at, to;
    bool last;          /* no text follows */
    size_t searched;    /* lines: no end of a line stands before it; rows: the next byte of the row to look at */
    int state;          /* members, rows: where in them */
    unsigned cells;     /* rows: of the row, so far */
    unsigned columns;   /* rows: cells that each must have; 0: as many as the first */
    const char *header; /* rows: what the header must be; NULL: anything */
    size_t header_length;
};

enum cut_result {
    CUT_ITEM,  /* `item` is one; at stands behind it */
    CUT_MORE,  /* more text is needed */
    CUT_FAULT, /* `error`; at stands behind the bad line */
    CUT_LOST,  /* `error`; there is no way on */
    CUT_END,   /* nothing is left, and nothing is missing */
};

/* The next {"Item":{...}} line. */
enum cut_result cut_line(struct cut_text *text, struct span *item, struct error *error);

/* The next member of a plain array. */
enum cut_result cut_member(struct cut_text *text, struct span *item, struct error *error);
int cut_member_begin(bool first, bool last); /* the state to begin with */

/* The next row of csv, without its end; the header is looked at, and passed over. */
enum cut_result cut_row(struct cut_text *text, struct span *row, struct error *error);
int cut_row_begin(bool first, bool last);

/* An item of a plain array as DynamoDB's typed JSON; it is JSON, as cut_member() has found. False: it does not fit into
 * [*out, end). */
bool retype(const char *item, size_t length, char **out, const char *end);

#endif
