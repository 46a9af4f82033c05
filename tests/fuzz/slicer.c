/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a page: every slicer says the same, errors included, and what it says lies within the page. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "stream/slicer.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

static void check_spans(const struct page_index *index, const char *page, size_t length) {
    size_t at = 0;
    for (size_t i = 0; i < index->count; i++) {
        struct span item = index->items[i];
        if (item.offset < at || item.length < 4 || item.offset + item.length > length || page[item.offset] != '{' ||
            page[item.offset + item.length - 1] != '}')
            abort();
        at = item.offset + item.length;
    }
    if (index->last_key.length && page[index->last_key.offset] != '{')
        abort();
}

static bool equal(const struct page_index *a, const struct page_index *b) {
    return a->count == b->count && (!a->count || !memcmp(a->items, b->items, a->count * sizeof *a->items)) &&
           !memcmp(&a->last_key, &b->last_key, sizeof a->last_key) && a->scanned_count == b->scanned_count;
}

/* Two block scans. */
static bool equal_look(const struct page_index *a, const struct page_index *b) {
    return a->plain == b->plain && (!a->plain || !memcmp(&a->types, &b->types, sizeof a->types));
}

static struct page_index take_index(struct page_index *from) {
    struct page_index taken = *from;
    *from = (struct page_index){0};
    return taken;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length) {
    static const char *const others[] = {"avx512", "avx2", "sse2", "neon"};
    char *page = x_malloc(length + !length);
    if (length)
        memcpy(page, bytes, length);
    struct page_index index = {0}, other = {0}, last = {0};
    bool has_last = false;
    struct error error = {0}, other_error = {0};
    bool sliced = page_slice_by("portable", &index, page, length, &error);
    if (sliced)
        check_spans(&index, page, length);
    for (size_t i = 0; i < array_length(others); i++) {
        bool same = page_slice_by(others[i], &other, page, length, &other_error) == sliced;
        bool here = other_error.code != ERROR_INVALID;
        if (here && (!same || (sliced ? !equal(&index, &other) : strcmp(error.message, other_error.message) != 0)))
            abort();
        if (here && sliced && has_last && !equal_look(&last, &other))
            abort();
        if (here) {
            page_index_fini(&last);
            last = take_index(&other);
            has_last = true;
        }
        error_clear(&other_error);
    }
    error_clear(&error);
    page_index_fini(&index);
    page_index_fini(&other);
    page_index_fini(&last);
    free(page);
    return 0;
}
