/* SPDX-License-Identifier: Apache-2.0 */
/* The seal is compared byte by byte as it would be written: a blank or a capital more is a change too. */
#include "job/seal.h"

#include <stdlib.h>
#include <string.h>

#include "base/digest.h"
#include "base/encoding.h"
#include "base/memory.h"

#define HEAD   ",\n\"sha256\":\""
#define TAIL   "\"}\n"
#define LENGTH (sizeof HEAD - 1 + 2 * SHA256_LENGTH + sizeof TAIL - 1)

static void write_seal(char seal[LENGTH + 1], const unsigned char value[SHA256_LENGTH]) {
    memcpy(seal, HEAD, sizeof HEAD - 1);
    hex_encode(seal + sizeof HEAD - 1, value, SHA256_LENGTH);
    memcpy(seal + LENGTH - (sizeof TAIL - 1), TAIL, sizeof TAIL);
}

void seal_add(struct buffer *text) {
    char seal[LENGTH + 1];
    unsigned char value[SHA256_LENGTH];
    sha256(value, text->data ? text->data : "", text->length);
    write_seal(seal, value);
    buffer_add(text, seal);
}

/* The last LENGTH bytes are held back: they may be the seal. */
struct seal {
    struct digest *digest;
    char tail[LENGTH];
    size_t length; /* of `tail` */
};

struct seal *seal_new(void) {
    struct seal *seal = x_calloc(1, sizeof *seal);
    seal->digest = digest_new_sha256();
    return seal;
}

void seal_free(struct seal *seal) {
    if (!seal)
        return;
    if (seal->digest)
        digest_free(seal->digest);
    free(seal);
}

void seal_update(struct seal *seal, const char *bytes, size_t length) {
    size_t out = seal->length + length > LENGTH ? seal->length + length - LENGTH : 0;
    size_t of_tail = out < seal->length ? out : seal->length, of_bytes = out - of_tail;
    digest_update(seal->digest, seal->tail, of_tail);
    digest_update(seal->digest, bytes, of_bytes);
    seal->length -= of_tail;
    memmove(seal->tail, seal->tail + of_tail, seal->length);
    memcpy(seal->tail + seal->length, bytes + of_bytes, length - of_bytes);
    seal->length += length - of_bytes;
}

static bool holds(struct seal *seal, struct error *error) {
    char wanted[LENGTH + 1];
    unsigned char value[SHA256_LENGTH];
    if (seal->length < LENGTH || !memmem(seal->tail, LENGTH, "\"sha256\"", sizeof "\"sha256\"" - 1)) {
        error_set(error, ERROR_CORRUPT, "it does not end in the checksum of itself (\"sha256\")");
        return false;
    }
    digest_final(take_pointer(seal->digest), value);
    write_seal(wanted, value);
    if (memcmp(seal->tail, wanted, LENGTH) == 0)
        return true;
    error_set(error, ERROR_CORRUPT, "it is not what was written: the checksum at its end (\"sha256\") does not hold");
    return false;
}

bool seal_end(struct seal *seal, struct error *error) {
    bool good = holds(seal, error);
    seal_free(seal);
    return good;
}

bool seal_check(const char *text, size_t length, struct error *error) {
    struct seal *seal = seal_new();
    seal_update(seal, text, length);
    return seal_end(seal, error);
}
