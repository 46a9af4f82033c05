/* SPDX-License-Identifier: Apache-2.0 */
/* DynamoDB's typed JSON to plain JSON in one pass (walk.h): {"a":{"S":"x"}} becomes "a":"x". */
#include <stdlib.h>

#include "base/error.h"
#include "walk.h"

INLINE bool item(struct walk *walk) {
    room(walk);
    return open_container(walk, true) && read_on(walk);
}

bool encode_checked_item(struct output *output, const struct chunk_encode *encode, size_t which,
                         struct type_counts *counts, struct item_fault *fault) {
    struct type_counts unwanted = {0};
    struct walk walk =
        walk_from(output, encode, encode->page + encode->index->items[which].offset, counts ? counts : &unwanted);
    bool read = item(&walk);
    output->at = walk.out;
    if (!read)
        *fault = (struct item_fault){walk.expected, (size_t)(walk.at - encode->page)};
    return read;
}

void item_fault_tell(const struct item_fault *fault, const struct chunk_encode *encode, size_t which,
                     struct error *error) {
    error_set(error, ERROR_CORRUPT, "item %zu of %zu in a page is not DynamoDB's typed JSON: expected %s at byte %zu",
              which + 1, encode->index->count, fault->expected, fault->at);
}

bool encode_json_item(struct output *output, const struct chunk_encode *encode, size_t which,
                      struct type_counts *counts, struct error *error) {
    struct item_fault fault;
    bool read = encode_checked_item(output, encode, which, counts, &fault);
    if (!read)
        item_fault_tell(&fault, encode, which, error);
    return read;
}

void encode_json_value(struct output *output, const struct chunk_encode *encode, const char *at, bool named) {
    struct type_counts counted_before = {0};
    struct walk walk = walk_from(output, encode, at, &counted_before);
    room(&walk);
    if (!named)
        (void)whole_value(&walk, value(&walk));
    else if (string(&walk, "an attribute's name"))
        (void)whole_value(&walk, named_value(&walk));
    output->at = walk.out;
}

bool encode_json(struct output *output, const struct chunk_encode *encode, struct type_counts *counts,
                 struct error *error) {
    for (size_t i = 0; i < encode->index->count; i++) {
        output_put(output, i || !encode->opens ? ",\n" : "[\n", 2);
        if (!encode_json_item(output, encode, i, counts, error))
            return false;
    }
    return true;
}
