/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All slicers give the same on the same bytes: pages as they come, pages damaged by one to four bytes, and hostile ones made
 * of nothing but structure. `stream-twins COUNT [SEED]` says how many; 100,000 in the unit tests, 10,000,000 on demand.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "pages.h"

static const char *const implementations[] = {"portable", "avx512", "avx2", "sse2", "neon"};

struct result {
    struct page_index index;
    struct error error;
    bool sliced;
};

static bool same(const struct result *a, const struct result *b) {
    const struct page_index *x = &a->index, *y = &b->index;
    if (a->sliced != b->sliced || a->error.code != b->error.code)
        return false;
    if (!a->sliced)
        return !strcmp(a->error.message, b->error.message);
    return x->count == y->count && (!x->count || !memcmp(x->items, y->items, x->count * sizeof *x->items)) &&
           !memcmp(&x->last_key, &y->last_key, sizeof x->last_key) && x->scanned_count == y->scanned_count;
}

static void slice_into(struct result *result, const char *implementation, const char *page, size_t length) {
    error_clear(&result->error);
    result->sliced = page_slice_by(implementation, &result->index, page, length, &result->error);
}

/* A page and what it becomes, with the white space that moves it through the blocks. */
struct trial {
    struct buffer page;
    struct dice dice;
    uint64_t sliced, refused;
};

static const char *const tokens[] = {
    "{",
    "}",
    "[",
    "]",
    "\"",
    "\\",
    "\\\\",
    "\\\"",
    ",",
    ":",
    " ",
    "\n",
    "a",
    "{\"a\":",
    "\"\"",
    "},{",
    "]}",
    "{}",
    "\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\",
    "{\"a\":{\"S\":\"x\"}}",
    ",{\"a\":{\"S\":\"x\"}}",
    "\"Items\":[",
    "\"Count\":1",
    "{\"S\":\"abcdefghijklmnopqrstuvwxyz{[]}\"}",
};

static void hostile(struct trial *trial) {
    buffer_add(&trial->page, "{\"Count\":1,\"Items\":[");
    if (roll_below(&trial->dice, 4))
        buffer_add(&trial->page, "{\"a\":{\"S\":\"");
    for (unsigned n = roll_below(&trial->dice, 40); n; n--)
        buffer_add(&trial->page, tokens[roll_below(&trial->dice, array_length(tokens))]);
    if (roll_below(&trial->dice, 2))
        buffer_add(&trial->page, "\"}}]}");
}

static void genuine(struct trial *trial) {
    struct made_page made;
    page_make(&made, &trial->dice,
              &(struct recipe){.items = roll_below(&trial->dice, 5),
                               .spaced = !roll_below(&trial->dice, 4),
                               .key = roll_below(&trial->dice, 2),
                               .shuffled = roll_below(&trial->dice, 2)});
    buffer_add_bytes(&trial->page, made.page.data, made.page.length);
    made_page_fini(&made);
}

static void damage(struct trial *trial) {
    static const char bytes[] = "{}[]\"\\,: x\n";
    for (unsigned n = 1 + roll_below(&trial->dice, 4); n && trial->page.length; n--)
        trial->page.data[roll_below(&trial->dice, (unsigned)trial->page.length)] =
            bytes[roll_below(&trial->dice, sizeof bytes - 1)];
}

/* One page is used several times, damaged anew: making it takes longer than slicing it. */
static bool try_one(struct trial *trial, struct result results[], uint64_t number) {
    if (number % 8 == 0) {
        buffer_clear(&trial->page);
        for (unsigned n = roll_below(&trial->dice, 64); n; n--)
            buffer_add_char(&trial->page, ' ');
        if (roll_below(&trial->dice, 3))
            genuine(trial);
        else
            hostile(trial);
    } else {
        damage(trial);
    }
    for (size_t i = 0; i < array_length(implementations); i++) {
        slice_into(&results[i], implementations[i], trial->page.data, trial->page.length);
        if (results[i].error.code == ERROR_INVALID)
            continue; /* another machine's */
        if (same(&results[0], &results[i]))
            continue;
        fprintf(stderr, "input %llu: %s and portable differ: \"%s\" and \"%s\" on\n%.*s\n", (unsigned long long)number,
                implementations[i], results[i].sliced ? "sliced" : results[i].error.message,
                results[0].sliced ? "sliced" : results[0].error.message, (int)trial->page.length, trial->page.data);
        return false;
    }
    trial->sliced += results[0].sliced;
    trial->refused += !results[0].sliced;
    return true;
}

int main(int argc, char **argv) {
    uint64_t count = argc > 1 ? strtoull(argv[1], NULL, 10) : 100000, number = 0;
    struct trial trial = {.page = BUFFER_INIT(BUFFER_OURS), .dice = {argc > 2 ? strtoull(argv[2], NULL, 10) : 7}};
    struct result results[array_length(implementations)] = {0};
    bool equal = true;
    for (; equal && number < count; number++)
        equal = try_one(&trial, results, number);
    printf("%llu inputs, %s: %llu pages, %llu refused\n", (unsigned long long)number, equal ? "all equal" : "NOT EQUAL",
           (unsigned long long)trial.sliced, (unsigned long long)trial.refused);
    for (size_t i = 0; i < array_length(implementations); i++) {
        page_index_fini(&results[i].index);
        error_clear(&results[i].error);
    }
    buffer_fini(&trial.page);
    return equal ? 0 : 1;
}
