/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Read units: half a unit each 4 KB that a page reads, begun ones count; a whole one if consistent.
 * https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/read-write-operations.html
 */
#include "job/read_pace.h"

#define BLOCK             4096.0
#define PAGE_BLOCKS       257      /* a page ends with the item that goes over 1 MB */
#define ITEM_MOST         409600.0 /* bytes of an item; the guess where nobody knows: too small a first page is soon over */
#define ITEM_LEAST        4096.0   /* the least to be believed: what DescribeTable tells is six hours old */
#define LIMIT_MOST        1000000u /* of items that are next to nothing */
#define PAGE_LEAST        2.0      /* units: each page is rounded up to a block, and many small ones would cost */
#define OF_LATE(old, new) (((old)*3 + (new)) / 4)

void read_pace_init(struct read_pace *pace, double units_a_second, bool consistent, double item_bytes, int64_t now) {
    double block = consistent ? 1 : 0.5, item = item_bytes > 0 ? item_bytes : ITEM_MOST;
    *pace = (struct read_pace){.block_units = block,
                               .item_units = (item > ITEM_LEAST ? item : ITEM_LEAST) / BLOCK * block,
                               .page_units = PAGE_BLOCKS * block,
                               .page_most = PAGE_BLOCKS * block};
    allowance_init(&pace->allowance, units_a_second, now);
}

int64_t read_pace_wait(struct read_pace *pace, int64_t now) {
    return allowance_wait(&pace->allowance, now);
}

unsigned read_pace_limit(const struct read_pace *pace) {
    double rate = pace->allowance.rate, wanted = rate > PAGE_LEAST ? rate : PAGE_LEAST;
    if (rate <= 0 || wanted >= pace->page_most)
        return 0;
    double items = wanted / pace->item_units;
    return items < 1 ? 1 : items > LIMIT_MOST ? LIMIT_MOST : (unsigned)items;
}

double read_pace_reserve(struct read_pace *pace, unsigned limit) {
    double units = limit ? limit * pace->item_units : pace->page_units;
    if (units > pace->page_most)
        units = pace->page_most;
    allowance_reserve(&pace->allowance, units);
    return units;
}

/* JSON is larger than what it stands for: a server that tells nothing is asked for rather less. */
static double units_of(const struct read_pace *pace, const struct read_pace_page *page) {
    if (page->units > 0)
        return page->units;
    size_t blocks = page->bytes / (size_t)BLOCK + 1;
    double units = (double)blocks * pace->block_units;
    return units < pace->page_most ? units : pace->page_most;
}

void read_pace_take(struct read_pace *pace, double reserved, const struct read_pace_page *page) {
    double units = units_of(pace, page);
    allowance_spend(&pace->allowance, reserved, units);
    if (page->items) {
        double item = units / (double)page->items;
        pace->item_units = pace->seen ? OF_LATE(pace->item_units, item) : item;
        pace->seen = true;
    }
    if (!page->limit && !page->last)
        pace->page_units = OF_LATE(pace->page_units, units);
}

void read_pace_drop(struct read_pace *pace, double reserved) {
    allowance_spend(&pace->allowance, reserved, 0);
}

void read_pace_waste(struct read_pace *pace, double units) {
    allowance_spend(&pace->allowance, 0, units);
}
