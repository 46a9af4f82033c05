/* SPDX-License-Identifier: Apache-2.0 */
/* Pages of made-up items, with what every encoder must make of them, written by other code than the encoders'. */
#ifndef TESTS_STREAM_PAGES_H
#define TESTS_STREAM_PAGES_H

#include <stdint.h>

#include "base/buffer.h"
#include "stream/chunk.h"

struct dice {
    uint64_t state;
};
uint64_t roll(struct dice *dice);                       /* splitmix64 */
unsigned roll_below(struct dice *dice, unsigned below); /* 0 to below - 1 */

enum kind_of_items { ITEMS_ANY, ITEMS_SMALL, ITEMS_MIXED, ITEMS_HUGE };

struct recipe {
    enum kind_of_items kind;
    unsigned items;
    bool spaced;   /* white space between tokens, newlines too */
    bool key;      /* a LastEvaluatedKey */
    bool shuffled; /* the page's members in another order, an unknown one among them */
};

struct made_page {
    struct buffer page;  /* the answer of a Scan */
    struct buffer lines; /* as dynamodb-json; each item with its white space as blanks */
    struct buffer plain; /* as json: "," newline before each item but the first */
    struct buffer key;   /* LastEvaluatedKey */
    struct type_counts counts;
    struct span *items;
    size_t count, capacity;
};

void page_make(struct made_page *made, struct dice *dice, const struct recipe *recipe);
void made_page_fini(struct made_page *made);

#endif
