/* SPDX-License-Identifier: Apache-2.0 */
/* TZif files: what is accepted answers for any instant, and instants and local times agree. */
#include <assert.h>
#include <stdint.h>

#include "base/memory.h"
#include "schedule/schedule.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

static void check_instant(const struct zone *zone, int64_t at) {
    const char *abbreviation;
    int64_t instants[2];
    int64_t local = at + zone_offset(zone, at, &abbreviation);
    assert(abbreviation);
    int count = zone_instants(zone, local, instants);
    assert(count == 1 || count == 2);
    for (int i = 0; i < count; i++)
        assert(instants[i] + zone_offset(zone, instants[i], NULL) == local);
    assert(count == 1 || instants[0] < instants[1]);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length) {
    _cleanup_error_ struct error error = {0};
    struct zone *zone = zone_parse("Fuzz", (const char *)bytes, length, &error);
    int64_t next;
    if (!zone) {
        assert(error.code == ERROR_CORRUPT && error.message);
        return 0;
    }
    for (int64_t at = -4000000000; at < 8000000000; at += 97654321)
        check_instant(zone, at);
    zone_offset(zone, INT64_MIN, NULL);
    zone_offset(zone, INT64_MAX, NULL);
    struct schedule *schedule = schedule_parse("30 2 29 2 *", NULL);
    assert(!schedule_next(schedule, zone, 0, &next) || next > 0);
    schedule_free(schedule);
    zone_unref(zone);
    return 0;
}
