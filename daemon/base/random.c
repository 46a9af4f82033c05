/* SPDX-License-Identifier: Apache-2.0 */
/* Randomness from the kernel: getrandom(2), which cannot fail once the pool is seeded. */
#include "base/random.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

void random_bytes(void *bytes, size_t length) {
    char *at = bytes;
    while (length) {
        ssize_t got = getrandom(at, length, 0);
        if (got < 0 && errno != EINTR)
            abort(); /* no kernel that we run on */
        if (got > 0) {
            at += got;
            length -= (size_t)got;
        }
    }
}

/* Values over the last whole multiple of `bound` are drawn again, so that none is favoured. */
uint64_t random_uniform(uint64_t bound) {
    if (!bound)
        return 0;
    uint64_t value, most = UINT64_MAX - UINT64_MAX % bound;
    do
        random_bytes(&value, sizeof value);
    while (value >= most);
    return value % bound;
}
