/* SPDX-License-Identifier: Apache-2.0 */
/* S3's XML answers: the first byte chooses which one was asked for. What was taken is whole. */
#include <assert.h>
#include <stdint.h>

#include "aws/s3_call.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

static const char *const roots[] = {
    "ListBucketResult",
    "ListPartsResult",
    "ListMultipartUploadsResult",
    "InitiateMultipartUploadResult",
    "CompleteMultipartUploadResult",
    "DeleteResult",
};

static void check_page(const struct s3_page *page, unsigned root) {
    for (size_t i = 0; i < page->entry_count; i++)
        assert(root == 1 ? page->entries[i].part_number && page->entries[i].etag : page->entries[i].key != NULL);
    for (size_t i = 0; i < page->failure_count; i++)
        assert(page->failures[i].key && page->failures[i].code);
    assert(!page->truncated == !page->next);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length) {
    if (length == 0)
        return 0;
    unsigned root = bytes[0] % (sizeof roots / sizeof *roots);
    const struct http_answer answer = {.status = 200, .body = (const char *)bytes + 1, .length = length - 1};
    struct error error = {0};
    struct s3_page page = {0};
    if (s3_page_parse(&page, roots[root], &answer, &error))
        check_page(&page, root);
    else
        assert(error.code != ERROR_NONE);
    error_clear(&error);
    s3_page_fini(&page);
    return 0;
}
