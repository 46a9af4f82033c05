/* SPDX-License-Identifier: Apache-2.0 */
/* The seal is compared byte by byte as it would be written: a blank or a capital more is a change too. */
#include "job/seal.h"

#include <string.h>

#include "base/digest.h"
#include "base/encoding.h"

#define HEAD   ",\n\"sha256\":\""
#define TAIL   "\"}\n"
#define LENGTH (sizeof HEAD - 1 + 2 * SHA256_LENGTH + sizeof TAIL - 1)

static void write_seal(char seal[LENGTH + 1], const char *text, size_t length) {
    unsigned char value[SHA256_LENGTH];
    sha256(value, text, length);
    memcpy(seal, HEAD, sizeof HEAD - 1);
    hex_encode(seal + sizeof HEAD - 1, value, sizeof value);
    memcpy(seal + LENGTH - (sizeof TAIL - 1), TAIL, sizeof TAIL);
}

void seal_add(struct buffer *text) {
    char seal[LENGTH + 1];
    write_seal(seal, text->data ? text->data : "", text->length);
    buffer_add(text, seal);
}

bool seal_check(const char *text, size_t length, struct error *error) {
    char seal[LENGTH + 1];
    if (length < LENGTH || !memmem(text + length - LENGTH, LENGTH, "\"sha256\"", sizeof "\"sha256\"" - 1)) {
        error_set(error, ERROR_CORRUPT, "it does not end in the checksum of itself (\"sha256\")");
        return false;
    }
    write_seal(seal, text, length - LENGTH);
    if (memcmp(text + length - LENGTH, seal, LENGTH) == 0)
        return true;
    error_set(error, ERROR_CORRUPT, "it is not what was written: the checksum at its end (\"sha256\") does not hold");
    return false;
}
