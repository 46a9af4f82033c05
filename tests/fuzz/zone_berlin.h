/* SPDX-License-Identifier: Apache-2.0 */
/* A zone with daylight saving, without a file. */
#ifndef TESTS_FUZZ_ZONE_BERLIN_H
#define TESTS_FUZZ_ZONE_BERLIN_H

#include "schedule/zone.h"

static inline struct zone *zone_berlin(void) {
    static const char berlin[] = /* version 2, no transitions: the footer alone */
        "TZif2\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
        "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1\0\0\0\4"
        "\0\0\0\0\0\0CET\0"
        "TZif2\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
        "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1\0\0\0\4"
        "\0\0\0\0\0\0CET\0"
        "\nCET-1CEST,M3.5.0,M10.5.0/3\n";
    return zone_parse("Europe/Berlin", berlin, sizeof berlin - 1, NULL);
}

#endif
