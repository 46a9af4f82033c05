/* SPDX-License-Identifier: Apache-2.0 */
/* A refusal by anybody: an error always comes of it, in one printable line. The first byte chooses status and service. */
#include <assert.h>
#include <ctype.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "aws/classify.h"
#include "base/memory.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

static void check(struct error *error) {
    assert(error->code != ERROR_NONE && error->message);
    for (const char *c = error->message; *c; c++)
        assert(!iscntrl((unsigned char)*c));
    error_clear(error);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length) {
    static const int statuses[] = {200, 301, 400, 403, 404, 412, 429, 500, 503};
    if (length == 0)
        return 0;
    _cleanup_free_ char *body = x_strndup((const char *)bytes + 1, length - 1); /* ends in NUL, as http's do */
    const struct http_header headers[] = {{"retry-after", body, false}, {"x-amzn-errortype", body, false}};
    const struct http_answer answer = {
        .status = statuses[bytes[0] % array_length(statuses)],
        .body = body,
        .length = strlen(body),
        .headers = headers,
        .header_count = bytes[0] >> 6 == 3 ? 2 : 0,
    };
    struct error error = {0};
    char region[64];
    classify_answer(&error, bytes[0] % AWS_IMDS, &answer);
    check(&error);
    classify_error_document(&error, &answer);
    check(&error);
    assert(!classify_bucket_region(region, &answer) || region_valid(region));
    assert(classify_retry_after(&answer) >= -1);
    return 0;
}
