/* SPDX-License-Identifier: Apache-2.0 */
/* AssumeRole's answers: all of them, or an error and nothing. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>

#include "aws/sts.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length) {
    struct credentials got = {0};
    struct error error = {0};
    char *principal = NULL;
    if (sts_parse_assume_role(&got, &principal, (const char *)bytes, length, &error))
        assert(*got.access_key && *got.secret_key && *got.session_token && !error.code);
    else
        assert(!got.access_key && !principal && error.code);
    credentials_fini(&got);
    error_clear(&error);
    free(principal);
    return 0;
}
