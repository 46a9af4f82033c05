/* SPDX-License-Identifier: Apache-2.0 */
/* What is not whole is made whole, read as if it were UTC, and then placed in the zone. */
#include "times.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"

bool times_parse(const char *text, const struct zone *zone, int64_t *seconds, struct error *error) {
    static const char *const ends[] = {"Z", ":00Z", "T00:00:00Z"};
    char whole[64];
    int64_t local, instants[2];
    if (time_parse_iso(text, seconds))
        return true;
    for (size_t i = 0; i < sizeof ends / sizeof *ends && strlen(text) < 32; i++) {
        snprintf(whole, sizeof whole, "%s%s", text, ends[i]);
        if (strlen(text) > 10 && whole[10] == ' ')
            whole[10] = 'T';
        if (!time_parse_iso(whole, &local))
            continue;
        zone_instants(zone, local, instants);
        *seconds = instants[0];
        return true;
    }
    error_set(error, ERROR_INVALID,
              "\"%s\" is no time: accepted are 2026-11-20T02:00:00Z, 2026-11-20T02:00:00+07:00, 2026-11-20 02:00",
              text);
    return false;
}

void times_add_json(struct json_object *array, int64_t seconds) {
    char text[TIME_TEXT];
    json_object_array_add(array, json_object_new_string(time_format_iso(text, seconds)));
}
