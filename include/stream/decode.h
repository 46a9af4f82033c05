/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One part of a backup's object, from stored bytes to items: unpacked, cut, checked, and gathered in batches. Whole items, each
 * DynamoDB's typed JSON; those of a plain array become typed (string S, number N to all its digits, array L, object M, true and
 * false BOOL, null NULL).
 *
 * Pure, and for a worker thread: it takes no memory of its own but for the unpacker's. Text and batch are lent to it and grow only
 * when the caller lends larger ones: no bomb and no endless line takes more than DECODE_LINE_MOST.
 */
#ifndef STREAM_DECODE_H
#define STREAM_DECODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "stream/chunk.h"
#include "stream/slicer.h"

#define DECODE_LINE_MOST   PAGE_MAX /* of a line, and of an item: no Scan ever gave a longer one */
#define DECODE_FAULTS_MOST 100      /* bad lines of one part; then the rest of it is not looked at */

struct decode_options {
    enum stream_format format; /* FORMAT_DYNAMODB_JSON: lines; FORMAT_JSON: an array; FORMAT_CSV: rows, counted alone */
    enum stream_compression compression;
    bool first, last; /* of a plain array: the part holds its '[', its ']'; of rows: the header, the end of the last */
    bool check_only;  /* no batch is filled */
    const struct csv_columns *columns; /* of rows, where they are known: borrowed as long as the decoder lives */
};

/* The room that is lent. */
struct decode_text {
    char *bytes;
    size_t capacity;
};
struct decode_batch {
    char *bytes;
    size_t length, capacity;
    struct span *items;
    size_t count, most; /* how many spans there is room for */
};

/* Stored bytes; moved forward by what is taken. */
struct decode_input {
    const char *bytes;
    size_t length;
    bool last; /* none follow */
};

enum decode_result {
    DECODE_INPUT,      /* all input is taken, more is wanted */
    DECODE_BATCH,      /* the batch is full: lend another, call again */
    DECODE_TEXT_ROOM,  /* a line does not fit: decoder_lend_text() with at least twice the room, call again */
    DECODE_BATCH_ROOM, /* an item does not fit into an empty batch: lend one of at least twice the room, call again */
    DECODE_FAULT,      /* ERROR_CORRUPT or ERROR_TOO_LARGE: one line is bad; call again to go on behind it */
    DECODE_LOST,       /* the same: nothing behind can be read */
    DECODE_END,        /* all is read; the batch may hold the last items */
};

struct decoder;
struct decoder *decoder_new(const struct decode_options *options);
void decoder_free(struct decoder *decoder); /* NULL is fine; what was lent is the caller's */

/* Replaces the room for text, and copies what is in it; the old one is the caller's again. */
struct decode_text decoder_lend_text(struct decoder *decoder, struct decode_text text);

/* `batch` NULL where check_only. With DECODE_FAULT and DECODE_LOST `error` is filled. */
enum decode_result decoder_step(struct decoder *decoder, struct decode_input *input, struct decode_batch *batch,
                                struct error *error);

/* So far. */
struct decode_figures {
    uint64_t lines;     /* begun, good and bad: the last fault's line, from 1; of an array: its members; of csv: rows */
    uint64_t items;     /* good ones */
    uint64_t sound;     /* of the lines: those up to here are not in doubt when the part is lost */
    uint64_t raw_bytes; /* unpacked */
    struct type_counts types;
};
struct decode_figures decoder_figures(const struct decoder *decoder);

#endif
