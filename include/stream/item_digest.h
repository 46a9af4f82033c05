/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A digest of a set of items that does not depend on their order: what a backup held and what a table holds are the same if their
 * digests are, in whatever order and spelling the items came.
 *
 * Each item is brought into one canonical form, in which the order of attributes and of a set's members, white space and escapes
 * do not show, numbers count by value (1, 1.0 and 10E-1 are one) and binary by its bytes; its SHA-256 under a key is added to a sum
 * modulo 2^256. A sum, so that an item that is there twice does not cancel itself out; a key, drawn anew for each comparison, so
 * that nobody can choose items whose hashes add up.
 */
#ifndef STREAM_ITEM_DIGEST_H
#define STREAM_ITEM_DIGEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

#define ITEM_DIGEST_KEY  32
#define ITEM_DIGEST_TEXT (64 + 1)

/* Zero-initialised: of no item. A plain value: copy it as you like. */
struct item_digest {
    uint64_t sum[4]; /* least significant first */
    uint64_t items;
};

/* The memory of one running task, and the key. It grows with the largest item that it has seen, to between 4 and 16 times its JSON:
 * some MB where items are as large as DynamoDB lets them be. */
struct item_digester;
struct item_digester *item_digester_new(const unsigned char key[ITEM_DIGEST_KEY]);
void item_digester_free(struct item_digester *digester); /* NULL is fine */

/*
 * Adds one item, {"name":{"S":"x"},...}, to `digest`: exactly `length` bytes, white space allowed. Reads them with its own checks:
 * nothing is taken for granted. On a worker thread: 170 (small items) to 750 MB a second. False where the item is not DynamoDB's typed JSON
 * (ERROR_CORRUPT: what was expected, at which byte; a name or a set's member that is there twice too), or without memory
 * (ERROR_MEMORY); `digest` is then as it was.
 */
bool item_digester_add(struct item_digester *digester, struct item_digest *digest, const char *item, size_t length,
                       struct error *error);

/* What both hold together: digests of parts, in whatever order, make that of the whole. Of the same key, of course. */
void item_digest_join(struct item_digest *to, const struct item_digest *from);

bool item_digest_equal(const struct item_digest *a, const struct item_digest *b); /* number of items and sum */

/* The sum in hex, most significant digit first. */
void item_digest_text(char text[ITEM_DIGEST_TEXT], const struct item_digest *digest);

/* Back from such a text; false where it is none. */
bool item_digest_read(struct item_digest *digest, const char *text, uint64_t items);

#endif
