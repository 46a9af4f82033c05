/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as text: every way says the same place, and what lies before it is made of characters. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length) {
    static const char *const ways[] = {"ssse3", "neon"};
    const char *text = (const char *)bytes;
    size_t prefix, other, at = 0;
    assert(utf8_prefix_by("portable", &prefix, text, length) && prefix <= length);
    for (size_t i = 0; i < array_length(ways); i++)
        assert(!utf8_prefix_by(ways[i], &other, text, length) || other == prefix);
    while (at < prefix) {
        size_t step = utf8_character(text + at, length - at);
        assert(step);
        at += step;
    }
    assert(at == prefix && (at == length || !utf8_character(text + at, length - at)));
    assert(utf8_valid(text, length) == (prefix == length));
    return 0;
}
