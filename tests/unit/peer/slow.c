/* SPDX-License-Identifier: Apache-2.0 */
/* See slow.h. */
#include "slow.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED true
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define SANITIZED true
#endif
#ifndef SANITIZED
#define SANITIZED false
#endif

bool is_sanitized(void) {
    return SANITIZED;
}

/* (Its own header would tell, and is not installed where only valgrind is.) */
bool is_under_valgrind(void) {
    const char *preloaded = getenv("LD_PRELOAD");
    return preloaded && strstr(preloaded, "vgpreload");
}

unsigned stride(unsigned sanitized, unsigned watched) {
    unsigned step = is_under_valgrind() ? watched : is_sanitized() ? sanitized : 1;
    if (step > 1)
        print_message("    %s: one case in %u\n", is_under_valgrind() ? "under valgrind" : "with a sanitizer", step);
    return step;
}
