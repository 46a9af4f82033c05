/* SPDX-License-Identifier: Apache-2.0 */
/* Where a test runs many times slower than it was written for: built with a sanitizer (2 to 5 times), or under valgrind (20 times). */
#ifndef UNIT_SLOW_H
#define UNIT_SLOW_H

#include <stdbool.h>

bool is_sanitized(void); /* AddressSanitizer */
bool is_under_valgrind(void);

/* Of a long row of cases, every how manieth to try: `sanitized` and `watched` (under valgrind), else each one. Says so in the test's
 * output wherever cases are left out. */
unsigned stride(unsigned sanitized, unsigned watched);

#endif
