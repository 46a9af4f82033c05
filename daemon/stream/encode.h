/* SPDX-License-Identifier: Apache-2.0 */
/* An encoder a format: the items of one page, in order, into an output. */
#ifndef STREAM_ENCODE_H
#define STREAM_ENCODE_H

#include "output.h"

/* False: `error` says which item is not DynamoDB's typed JSON, and at which byte of the page. `counts` may be NULL. */
typedef bool page_encoder(struct output *output, const struct chunk_encode *encode, struct type_counts *counts,
                          struct error *error);

page_encoder encode_dynamodb, encode_json, encode_csv;

/* What an item lacks to be DynamoDB's typed JSON. */
struct item_fault {
    const char *expected; /* borrowed, constant */
    size_t at;            /* byte of the page */
};

/* Says so, and which of the page's items it is. */
void item_fault_tell(const struct item_fault *fault, const struct chunk_encode *encode, size_t item,
                     struct error *error);

/* One item as plain JSON, checked and counted. The item is JSON, as a slicer or cursor has found before, and a
 * bracket that closes stands behind it. False with `fault`. */
bool encode_checked_item(struct output *output, const struct chunk_encode *encode, size_t item,
                         struct type_counts *counts, struct item_fault *fault);

/* The same, with the encoder's promise. */
bool encode_json_item(struct output *output, const struct chunk_encode *encode, size_t item, struct type_counts *counts,
                      struct error *error);

/* A part of an item that has been checked before: one typed value, from its '{' on; or, `named`, an attribute from the first
 * quote of its name on. Nothing is counted. */
void encode_json_value(struct output *output, const struct chunk_encode *encode, const char *at, bool named);

/* What encode_csv() keeps from item to item, in the workspace: made at first use. */
struct csv_room;
size_t csv_room_size(void);
void csv_room_free(struct csv_room *room); /* NULL is fine */

#endif
