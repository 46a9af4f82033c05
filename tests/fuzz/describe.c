/* SPDX-License-Identifier: Apache-2.0 */
/* What a table says of itself, whoever answers: it can be named, and a backup of it can be planned, whatever its numbers. */
#include <assert.h>
#include <stdint.h>

#include "base/json.h"
#include "job/describe.h"
#include "job/plan.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

static void check_plan(uint64_t table_bytes) {
    unsigned segments = plan_segments(table_bytes);
    assert(segments >= 1 && segments <= 4096);
    const struct plan plan = {.buffer_memory = (uint64_t)64 << 20, .table_bytes = table_bytes, .outputs = 2};
    for (unsigned number = 1; number <= 50001; number += 10000) {
        uint64_t file = plan_file_size(&plan, number);
        assert(file && file <= plan.buffer_memory);
    }
    uint64_t part = plan_part_size(&plan, 1);
    assert(part >= PLAN_PART_MIN && part <= plan.buffer_memory);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length) {
    struct error error = {0};
    struct table_description table = {0};
    struct json_object *definition = json_parse((const char *)bytes, length, &error);
    assert(!definition == (error.code == ERROR_CORRUPT));
    if (definition && table_description_read(&table, definition, &error)) {
        assert(table.name && table.arn && table.definition == definition && !error.code);
        assert(table.items <= INT64_MAX && table.bytes <= INT64_MAX);
        check_plan(table.bytes);
    } else {
        assert(error.code == ERROR_CORRUPT && !table.name);
    }
    error_clear(&error);
    json_object_put(definition);
    return 0;
}
