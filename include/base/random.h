/* SPDX-License-Identifier: Apache-2.0 */
/* Randomness: the kernel's for identity, and a function that callers take as an argument for jitter. */
#ifndef BASE_RANDOM_H
#define BASE_RANDOM_H

#include <stddef.h>
#include <stdint.h>

/* Uniform in [0, bound); 0 where bound is 0. Tests pass their own. */
typedef uint64_t random_fn(uint64_t bound);

random_fn random_uniform; /* getrandom(2) */

void random_bytes(void *bytes, size_t length);

#endif
