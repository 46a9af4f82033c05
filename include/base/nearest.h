/* SPDX-License-Identifier: Apache-2.0 */
/* Which known name a mistyped one was meant to be. Pure. */
#ifndef BASE_NEAREST_H
#define BASE_NEAREST_H

#include <stddef.h>

#define NEAREST_NONE ((size_t)-1)

/* How many letters must be added, dropped, changed or swapped with their neighbour; case does not count. Names over 64
 * bytes are far from everything. */
size_t nearest_distance(const char *a, const char *b);

/* The best so far: feed each candidate in turn. */
struct nearest {
    const char *wanted;
    const char *name; /* borrowed from the candidate; NULL where none is near enough to be worth a word */
    size_t distance;
};
#define NEAREST_TO(text) ((struct nearest){.wanted = (text), .distance = NEAREST_NONE})
void nearest_try(struct nearest *nearest, const char *candidate);

#endif
