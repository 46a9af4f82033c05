/* SPDX-License-Identifier: Apache-2.0 */
/* Whoever answers at the metadata service's address: the first byte chooses what was asked for. What is taken can stand in a
 * header or a path. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "aws/imds.h"
#include "base/memory.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

static void check_word(const char *word, const struct error *error) {
    assert((word != NULL) == (error->code == ERROR_NONE));
    for (; word && *word; word++)
        assert(*word > ' ' && *word < 0x7f);
}

static void check_credentials(const char *bytes, size_t length, struct error *error) {
    struct credentials got = {0};
    if (imds_parse_credentials(&got, bytes, length, error)) {
        check_word(got.access_key, error);
        check_word(got.secret_key, error);
        check_word(got.session_token, error);
    } else {
        assert(!got.access_key && error->code);
    }
    credentials_fini(&got);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length) {
    if (length == 0)
        return 0;
    const char *text = (const char *)bytes + 1;
    struct error error = {0};
    char *word = NULL;
    switch (bytes[0] % 4) {
    case 0:
        word = imds_parse_token(text, length - 1, &error);
        check_word(word, &error);
        break;
    case 1:
        word = imds_parse_role(text, length - 1, &error);
        assert(!word || !strchr(word, '/'));
        check_word(word, &error);
        break;
    case 2:
        word = imds_parse_region(text, length - 1, &error);
        check_word(word, &error);
        break;
    default:
        check_credentials(text, length - 1, &error);
    }
    secret_free(word);
    error_clear(&error);
    return 0;
}
