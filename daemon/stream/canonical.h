/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one form of an item that all its spellings have in common. (Bytes; integers of 32 bits, least significant byte first.)
 *
 *     string  S length bytes          the characters as UTF-8, escapes undone; a surrogate that has no partner keeps its three bytes
 *     binary  B length bytes          decoded
 *     number  N sign+digits exponent digits    one byte: 0x80 where negative, and how many digits; the exponent of ten as 16 bits,
 *                                     two's complement; the digits as text, none at either end a zero. Zero is N 0 0 0.
 *     true, false, null  T F 0
 *     list    L count values          in their order
 *     map     M count (length name value)...         in order of their bytes
 *     set     s, n or b, count, members without their letter, in order of their bytes
 *
 * Each form says itself where it ends, so no two items have the same bytes; and it is never longer than twice its JSON and some.
 */
#ifndef STREAM_CANONICAL_H
#define STREAM_CANONICAL_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"

#define CANONICAL_ITEM_MOST ((size_t)16 << 20) /* bytes of JSON: what a page can hold */

/* Memory that is used again by the next item. */
struct canonical {
    struct buffer out;     /* what was made; `head` bytes of the caller's stand before it */
    struct buffer sorted;  /* a map or set on its way into order */
    struct buffer members; /* where its members stand */
};

void canonical_init(struct canonical *canonical);
void canonical_fini(struct canonical *canonical);

/* NULL: made, behind the first `head` bytes of `out`, which stay as they are. Else what was expected, a constant, at byte `*at`
 * of the item; "" where there was no memory. */
const char *canonical_item(struct canonical *canonical, size_t head, const char *item, size_t length, size_t *at);

#endif
