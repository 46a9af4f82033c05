/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as gzip members and as zstd frames with lines in them: no bomb takes more than its rooms. */
#include <stdint.h>

#include "decode_part.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length) {
    struct decode_options gzip = {.compression = COMPRESSION_GZIP}, zstd = {.compression = COMPRESSION_ZSTD};
    decode_part(&gzip, bytes, length, 1000);
    decode_part(&zstd, bytes, length, 1000);
    decode_part(&gzip, bytes, length, 1);
    decode_part(&zstd, bytes, length, 1);
    return 0;
}
