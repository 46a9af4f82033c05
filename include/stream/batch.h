/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What BatchWriteItem needs to know of items, without a parse tree: an item's key in a form that is the same for the same
 * key however it is spelled, and which items an answer gives back as unprocessed. Pure.
 *
 * https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchWriteItem.html
 */
#ifndef STREAM_BATCH_H
#define STREAM_BATCH_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"
#include "base/error.h"
#include "stream/slicer.h"

#define BATCH_ITEMS 25                 /* puts of one call */
#define BATCH_BYTES ((size_t)16 << 20) /* of one call's body */

/* The attributes of a table's key, as its definition names them; `range` NULL where it has none. Borrowed. */
struct key_names {
    const char *hash, *range;
};

/*
 * Appends the item's key: equal for equal keys (escapes resolved, numbers by value), different for different ones. `item` is
 * one object of typed JSON. False with ERROR_CORRUPT where it lacks an attribute of the key, or one is not of type S, N or B.
 */
bool item_key(struct buffer *out, const struct key_names *names, const char *item, size_t length, struct error *error)
    __attribute__((warn_unused_result));

/* Zero-initialised before the first use; the memory is used again. */
struct batch_answer {
    struct span *items; /* unprocessed: each one's Item object */
    size_t count, capacity;
    double units; /* ConsumedCapacity, summed; 0 where not sent */
};

/* False with ERROR_CORRUPT: at which byte, what was expected; over BATCH_ITEMS items are not an answer to our call. */
bool batch_answer_read(struct batch_answer *answer, const char *bytes, size_t length, struct error *error);
void batch_answer_fini(struct batch_answer *answer);

#endif
