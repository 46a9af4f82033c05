/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a part of csv: the first says which part. */
#include <stdint.h>

#include "decode_part.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length) {
    if (!length)
        return 0;
    struct csv_columns *columns = csv_columns_new();
    csv_columns_add(columns, "id", 2);
    struct decode_options options = {.format = FORMAT_CSV,
                                     .first = bytes[0] & 1,
                                     .last = bytes[0] & 2,
                                     .check_only = bytes[0] & 4,
                                     .columns = bytes[0] & 8 ? columns : NULL};
    check_part(&options, bytes + 1, length - 1);
    csv_columns_unref(columns);
    return 0;
}
