/* SPDX-License-Identifier: Apache-2.0 */
/* Expressions: what is accepted is asked for times in a zone with daylight saving; each lies after the one before, and is found again
 * from the second before it. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "base/memory.h"
#include "schedule/schedule.h"
#include "zone_berlin.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length) {
    _cleanup_error_ struct error error = {0};
    _cleanup_free_ char *text = x_strndup((const char *)bytes, length);
    struct schedule *schedule = schedule_parse(text, &error);
    if (!schedule) {
        assert(error.code == ERROR_INVALID && error.message);
        return 0;
    }
    struct zone *zone = zone_berlin();
    int64_t at = 1767225600, next, again; /* 2026 */
    for (int i = 0; i < 50 && schedule_next(schedule, zone, at, &next); i++, at = next) {
        assert(next > at);
        assert(schedule_next(schedule, zone, next - 1, &again) && again == next);
    }
    zone_unref(zone);
    schedule_free(schedule);
    return 0;
}
