/* SPDX-License-Identifier: Apache-2.0 */
/* backup.json, or its beginning, as it stands in a bucket that others write to: the first byte says whether it is whole. */
#include <assert.h>
#include <stdint.h>

#include "job/record.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length) {
    if (length == 0)
        return 0;
    struct backup_summary summary = {0};
    struct error error = {0};
    if (backup_summary_parse(&summary, (const char *)bytes + 1, length - 1, bytes[0] & 1, &error)) {
        assert(summary.id && summary.job && summary.table_arn && !error.code);
        assert(summary.items <= INT64_MAX && summary.stored_bytes <= INT64_MAX && summary.objects <= INT64_MAX);
        assert(summary.formats < 1u << (FORMAT_CSV + 1));
    } else {
        assert(error.code == ERROR_CORRUPT && !summary.id);
    }
    error_clear(&error);
    backup_summary_fini(&summary);
    return 0;
}
