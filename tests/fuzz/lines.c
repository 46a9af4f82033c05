/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as lines of a data file. */
#include <stdint.h>

#include "decode_part.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length) {
    struct decode_options options = {.format = FORMAT_DYNAMODB_JSON, .first = true, .last = true};
    check_part(&options, bytes, length);
    return 0;
}
