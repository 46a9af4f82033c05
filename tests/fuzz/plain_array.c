/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a plain array, or as a part of one; what becomes of its items is typed JSON. */
#include <stdint.h>

#include "decode_part.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length) {
    for (unsigned part = 0; part < 4; part++) {
        struct decode_options options = {.format = FORMAT_JSON, .first = part & 1, .last = part & 2};
        check_part(&options, bytes, length);
        options.check_only = true;
        decode_part(&options, bytes, length, 100);
    }
    return 0;
}
