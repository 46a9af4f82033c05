/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A page's members, in whatever order, and the choice of the scan that cuts its items. Members that DynamoDB may add one
 * day are skipped; one that we know and that comes twice is refused, for then two readers could see two pages.
 */
#include "stream/slicer.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/utf8.h"
#include "items.h"

enum member { ITEMS, LAST_KEY, COUNT, SCANNED, CAPACITY };

static const char *const member_names[] = {
    [ITEMS] = "Items",          [LAST_KEY] = "LastEvaluatedKey", [COUNT] = "Count",
    [SCANNED] = "ScannedCount", [CAPACITY] = "ConsumedCapacity",
};

struct slicing {
    struct page_index *index;
    items_scan *scan;
    uint64_t count;
    unsigned seen;      /* one bit a member */
    struct span looked; /* items that the scan has found to be UTF-8 */
};

static bool named(const struct cursor *cursor, struct span name, const char *wanted) {
    return name.length == strlen(wanted) && !memcmp(cursor->bytes + name.offset, wanted, name.length);
}

static bool read_items(struct cursor *cursor, struct slicing *slicing) {
    if (!cursor_expect(cursor, '['))
        return false;
    size_t start = cursor->at;
    if (slicing->scan == items_portable || !slicing->scan(cursor, slicing->index))
        return items_portable(cursor, slicing->index);
    slicing->looked = (struct span){(uint32_t)start, (uint32_t)(cursor->at - start)};
    return true;
}

static bool read_last_key(struct cursor *cursor, struct page_index *index) {
    size_t start = cursor->at;
    if (start < cursor->length && cursor->bytes[start] == 'n')
        return cursor_literal(cursor, "null");
    if (start >= cursor->length || cursor->bytes[start] != '{')
        return cursor_fail(cursor, start, "LastEvaluatedKey's '{'");
    if (!cursor_value(cursor))
        return false;
    index->last_key = (struct span){(uint32_t)start, (uint32_t)(cursor->at - start)};
    return true;
}

static bool read_capacity(struct cursor *cursor, struct span name, void *arg) {
    struct page_index *index = arg;
    return named(cursor, name, "CapacityUnits") ? cursor_number(cursor, &index->read_units) : cursor_value(cursor);
}

static bool read_member(struct cursor *cursor, struct span name, void *arg) {
    struct slicing *slicing = arg;
    size_t member = 0;
    while (member < array_length(member_names) && !named(cursor, name, member_names[member]))
        member++;
    if (slicing->seen & 1u << member)
        return cursor_fail(cursor, name.offset, "each member once");
    if (member < array_length(member_names))
        slicing->seen |= 1u << member;
    switch (member) {
    case ITEMS:
        return read_items(cursor, slicing);
    case LAST_KEY:
        return read_last_key(cursor, slicing->index);
    case COUNT:
        return cursor_count(cursor, &slicing->count);
    case SCANNED:
        return cursor_count(cursor, &slicing->index->scanned_count);
    case CAPACITY:
        return cursor_object(cursor, read_capacity, slicing->index);
    default:
        return cursor_value(cursor);
    }
}

static bool complete(const struct cursor *cursor, const struct slicing *slicing) {
    size_t found = slicing->index->count;
    if (!(slicing->seen & 1u << ITEMS) || !(slicing->seen & 1u << COUNT)) {
        const char *missing = slicing->seen & 1u << ITEMS ? "Count" : "Items";
        error_set(cursor->error, ERROR_CORRUPT, "a page of %zu bytes has no %s", cursor->length, missing);
        return false;
    }
    if (slicing->count != found) {
        error_set(cursor->error, ERROR_CORRUPT, "a page says Count %llu and holds %zu items",
                  (unsigned long long)slicing->count, found);
        return false;
    }
    if (!(slicing->seen & 1u << SCANNED))
        slicing->index->scanned_count = found;
    return true;
}

/* What no reader of the backup could read again is refused. */
static bool is_text(const struct cursor *cursor, const struct slicing *slicing) {
    size_t end = slicing->looked.offset + slicing->looked.length;
    if (slicing->looked.length && utf8_valid(cursor->bytes, slicing->looked.offset) &&
        utf8_valid(cursor->bytes + end, cursor->length - end))
        return true;
    size_t readable = utf8_prefix(cursor->bytes, cursor->length);
    if (readable < cursor->length)
        error_set(cursor->error, ERROR_CORRUPT, "a page of %zu bytes is not UTF-8 at byte %zu", cursor->length,
                  readable);
    return readable == cursor->length;
}

static bool slice(items_scan *scan, struct page_index *index, const char *bytes, size_t length, struct error *error) {
    index->count = 0;
    index->length = length;
    index->last_key = (struct span){0};
    index->scanned_count = 0;
    index->read_units = 0;
    index->plain = false;
    index->types = (struct type_counts){0};
    struct cursor cursor = {.bytes = bytes, .length = length, .error = error};
    struct slicing slicing = {.index = index, .scan = scan};
    if (length > UINT32_MAX)
        return cursor_fail(&cursor, 0, "less than 4 GiB");
    if (!cursor_object(&cursor, read_member, &slicing))
        return false;
    cursor_space(&cursor);
    if (cursor.at < length)
        return cursor_fail(&cursor, cursor.at, "the end");
    return complete(&cursor, &slicing) && is_text(&cursor, &slicing);
}

static bool always(void) {
    return true;
}

#ifdef __x86_64__
/* Only where AVX-512 does not slow the clock: the processors that brought VBMI, and later ones. */
static bool has_avx512(void) {
    return __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vbmi") &&
           __builtin_cpu_supports("pclmul") && __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2") &&
           __builtin_cpu_supports("popcnt");
}

static bool has_avx2(void) {
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("pclmul") && __builtin_cpu_supports("bmi") &&
           __builtin_cpu_supports("bmi2") && __builtin_cpu_supports("popcnt");
}
#endif

/* Best first. */
static const struct {
    const char *name;
    items_scan *scan;
    bool (*here)(void);
} implementations[] = {
#if defined __x86_64__
    {"avx512", items_avx512, has_avx512},
    {"avx2", items_avx2, has_avx2},
    {"sse2", items_sse2, always},
#elif defined __aarch64__
    {"neon", items_neon, always},
#endif
    {"portable", items_portable, always},
};

static size_t best(void) {
    size_t i = 0;
    while (!implementations[i].here())
        i++;
    return i;
}

const char *page_slice_implementation(void) {
    return implementations[best()].name;
}

bool page_slice(struct page_index *index, const char *bytes, size_t length, struct error *error) {
    return slice(implementations[best()].scan, index, bytes, length, error);
}

bool page_slice_by(const char *implementation, struct page_index *index, const char *bytes, size_t length,
                   struct error *error) {
    for (size_t i = 0; i < array_length(implementations); i++) {
        if (!strcmp(implementations[i].name, implementation) && implementations[i].here())
            return slice(implementations[i].scan, index, bytes, length, error);
    }
    error_set(error, ERROR_INVALID, "this processor cannot slice by %s", implementation);
    return false;
}

void page_index_fini(struct page_index *index) {
    free(index->items);
    *index = (struct page_index){0};
}
