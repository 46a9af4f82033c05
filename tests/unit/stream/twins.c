/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All slicers give the same on the same bytes: pages as they come, pages damaged by one to four bytes, pages cut at each of
 * their bytes, hostile ones made of nothing but structure, and runs of escapes that end at the edge of a block.
 * `stream-twins COUNT [SEED]` says how many; 100,000 in the unit tests, 10,000,000 on demand. It prints what it tried, by which
 * slicers, how often they differed (the first few in full) and the seconds it took.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/error.h"
#include "base/memory.h"
#include "pages.h"

#define USES        8   /* of a page: making it takes longer than slicing it */
#define PAGES_A_CUT 256 /* one page in so many is cut at each of its bytes */
#define SHOWN       5   /* differences in full */
#define SKIPPED     77  /* as meson understands it */

static const char *const implementations[] = {"portable", "avx512", "avx2", "sse2", "neon"};
static bool here[array_length(implementations)]; /* on this processor */

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
           !memcmp(&x->last_key, &y->last_key, sizeof x->last_key) && x->scanned_count == y->scanned_count &&
           !memcmp(&x->read_units, &y->read_units, sizeof x->read_units) && x->length == y->length;
}

/* What the block scans tell besides (the portable one does not). */
static bool same_look(const struct result *a, const struct result *b) {
    return !a->sliced || (a->index.plain == b->index.plain &&
                          (!a->index.plain || !memcmp(&a->index.types, &b->index.types, sizeof a->index.types)));
}

static void slice_into(struct result *result, const char *implementation, const char *page, size_t length) {
    error_clear(&result->error);
    result->sliced = page_slice_by(implementation, &result->index, page, length, &result->error);
}

/* A page and what it becomes. */
struct trial {
    struct buffer page;
    struct dice dice;
    size_t length; /* of the input: less than the page's where it is cut */
    uint64_t pages, uses;
    uint64_t sliced, refused, damaged, cut, differences;
    bool cutting;
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

/* Backslashes up to within two bytes of a block's edge, for blocks of 16 to 64 bytes; then what an escape decides upon. */
static void escapes(struct trial *trial) {
    static const char *const deciding[] = {"\"", "\\\"", "\"}", "}\"", "{\"", "u00e9\"", "\"}}", "\":"};
    buffer_add(&trial->page, "{\"Count\":1,\"Items\":[{\"a\":{\"S\":\"");
    for (unsigned n = 1 + roll_below(&trial->dice, 3); n; n--) {
        size_t edge =
            (trial->page.length / 64 + 1 + roll_below(&trial->dice, 2)) * 64 - 2 + roll_below(&trial->dice, 5);
        unsigned run = roll_below(&trial->dice, 4) ? roll_below(&trial->dice, 6) : roll_below(&trial->dice, 130);
        while (trial->page.length + run < edge)
            buffer_add_char(&trial->page, "x{}[],: "[roll_below(&trial->dice, 8)]);
        for (; run; run--)
            buffer_add_char(&trial->page, '\\');
        buffer_add(&trial->page, deciding[roll_below(&trial->dice, array_length(deciding))]);
    }
    buffer_add(&trial->page, &"\"}}],\"a\":0}"[roll_below(&trial->dice, 2)]);
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
    static const char bytes[] = "{}[]\"\\,: x\n\xc3\xa9\xe1\xba\xf0\xff"
                                "BSN";
    for (unsigned n = 1 + roll_below(&trial->dice, 4); n && trial->page.length; n--)
        trial->page.data[roll_below(&trial->dice, (unsigned)trial->page.length)] =
            bytes[roll_below(&trial->dice, sizeof bytes - 1)];
}

/* White space before it moves a page through the blocks. */
static void new_page(struct trial *trial) {
    buffer_clear(&trial->page);
    for (unsigned n = roll_below(&trial->dice, 64); n; n--)
        buffer_add_char(&trial->page, ' ');
    switch (roll_below(&trial->dice, 6)) {
    case 0:
        escapes(trial);
        break;
    case 1:
        hostile(trial);
        break;
    default:
        genuine(trial);
    }
    trial->uses = 0;
    trial->cutting = trial->pages++ % PAGES_A_CUT == 0;
}

/* A page as it is, then damaged more and more; or each of its beginnings. */
static void next_input(struct trial *trial) {
    if (trial->uses == (trial->cutting ? trial->page.length : USES))
        new_page(trial);
    if (trial->cutting) {
        trial->cut++;
        trial->length = trial->uses++;
        return;
    }
    if (trial->uses++) {
        trial->damaged++;
        damage(trial);
    }
    trial->length = trial->page.length;
}

static void show(const struct trial *trial, uint64_t number, const char *implementation, const struct result *portable,
                 const struct result *result) {
    fprintf(stderr, "input %llu: %s and portable differ: \"%s\" and \"%s\" on\n%.*s\n", (unsigned long long)number,
            implementation, result->sliced ? "sliced" : result->error.message,
            portable->sliced ? "sliced" : portable->error.message, (int)trial->length, trial->page.data);
}

static void try_one(struct trial *trial, struct result results[], uint64_t number) {
    const struct result *other = NULL; /* the last block scan's */
    next_input(trial);
    for (size_t i = 0; i < array_length(implementations); i++) {
        if (!here[i])
            continue;
        slice_into(&results[i], implementations[i], trial->page.data, trial->length);
        if ((!same(&results[0], &results[i]) || (other && !same_look(other, &results[i]))) &&
            trial->differences++ < SHOWN)
            show(trial, number, implementations[i], &results[0], &results[i]);
        other = i ? &results[i] : NULL;
    }
    trial->sliced += results[0].sliced;
    trial->refused += !results[0].sliced;
}

/* "portable, avx2, sse2" */
static void find_those_here(char *names, size_t size) {
    struct page_index index = {0};
    size_t length = 0;
    for (size_t i = 0; i < array_length(implementations); i++) {
        here[i] = page_slice_by(implementations[i], &index, "{\"Items\":[],\"Count\":0}", 22, NULL);
        if (here[i])
            length += (size_t)snprintf(names + length, size - length, "%s%s", i ? ", " : "", implementations[i]);
    }
    page_index_fini(&index);
}

static double seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

int main(int argc, char **argv) {
    uint64_t count = argc > 1 ? strtoull(argv[1], NULL, 10) : 100000;
    struct trial trial = {.page = BUFFER_INIT(BUFFER_OURS), .dice = {argc > 2 ? strtoull(argv[2], NULL, 10) : 7}};
    struct result results[array_length(implementations)] = {0};
    char names[64];
    double began = seconds();
    find_those_here(names, sizeof names);
    new_page(&trial);
    for (uint64_t number = 0; number < count; number++)
        try_one(&trial, results, number);
    printf(
        "%llu inputs (%llu damaged, %llu cut; %llu are pages, %llu refused), sliced by %s: %llu differences, %.1f s\n",
        (unsigned long long)count, (unsigned long long)trial.damaged, (unsigned long long)trial.cut,
        (unsigned long long)trial.sliced, (unsigned long long)trial.refused, names,
        (unsigned long long)trial.differences, seconds() - began);
    for (size_t i = 0; i < array_length(implementations); i++) {
        page_index_fini(&results[i].index);
        error_clear(&results[i].error);
    }
    buffer_fini(&trial.page);
    if (!strchr(names, ','))
        return SKIPPED; /* nothing to compare */
    return trial.differences ? 1 : 0;
}
