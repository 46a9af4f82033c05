/* SPDX-License-Identifier: Apache-2.0 */
/* An encoder a format: the items of one page, in order, into an output. */
#ifndef STREAM_ENCODE_H
#define STREAM_ENCODE_H

#include "output.h"

/* False: `error` says which item is not DynamoDB's typed JSON, and at which byte of the page. `counts` may be NULL. */
typedef bool page_encoder(struct output *output, const struct chunk_encode *encode, struct type_counts *counts,
                          struct error *error);

page_encoder encode_dynamodb, encode_json;

/* One item as plain JSON, checked and counted. The same promise. */
bool encode_json_item(struct output *output, const struct chunk_encode *encode, size_t item, struct type_counts *counts,
                      struct error *error);

#endif
