/* SPDX-License-Identifier: Apache-2.0 */
/* Edit distance with swaps of neighbours ("optimal string alignment"), in three rows. */
#include "base/nearest.h"

#include <string.h>

#define LONGEST 64

static int lower(char c) {
    return c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : (unsigned char)c;
}

static size_t least(size_t a, size_t b) {
    return a < b ? a : b;
}

size_t nearest_distance(const char *a, const char *b) {
    size_t a_length = strlen(a), b_length = strlen(b);
    size_t rows[3][LONGEST + 1];
    if (a_length > LONGEST || b_length > LONGEST)
        return NEAREST_NONE;
    for (size_t j = 0; j <= b_length; j++)
        rows[0][j] = j;
    for (size_t i = 1; i <= a_length; i++) {
        size_t *row = rows[i % 3], *above = rows[(i - 1) % 3], *two_above = rows[(i + 1) % 3];
        row[0] = i;
        for (size_t j = 1; j <= b_length; j++) {
            size_t changed = above[j - 1] + (lower(a[i - 1]) != lower(b[j - 1]));
            row[j] = least(changed, least(above[j], row[j - 1]) + 1);
            if (i > 1 && j > 1 && lower(a[i - 1]) == lower(b[j - 2]) && lower(a[i - 2]) == lower(b[j - 1]))
                row[j] = least(row[j], two_above[j - 2] + 1);
        }
    }
    return rows[a_length % 3][b_length];
}

void nearest_try(struct nearest *nearest, const char *candidate) {
    size_t distance = nearest_distance(nearest->wanted, candidate);
    size_t worth = (strlen(nearest->wanted) + 2) / 3;
    if (distance > worth || distance >= nearest->distance)
        return;
    nearest->distance = distance;
    nearest->name = candidate;
}
