/* SPDX-License-Identifier: Apache-2.0 */
/* Canonical form behind the key, one SHA-256 over both, added up. */
#include "stream/item_digest.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/digest.h"
#include "base/encoding.h"
#include "base/memory.h"
#include "canonical.h"

struct item_digester {
    struct canonical canonical;
    unsigned char key[ITEM_DIGEST_KEY];
};

struct item_digester *item_digester_new(const unsigned char key[ITEM_DIGEST_KEY]) {
    struct item_digester *digester = x_calloc(1, sizeof *digester);
    canonical_init(&digester->canonical);
    memcpy(digester->key, key, sizeof digester->key);
    return digester;
}

void item_digester_free(struct item_digester *digester) {
    if (!digester)
        return;
    canonical_fini(&digester->canonical);
    free(digester);
}

static void add_words(uint64_t sum[4], const uint64_t more[4]) {
    bool carry = false;
    for (unsigned i = 0; i < 4; i++) {
        bool over = __builtin_add_overflow(sum[i], more[i], &sum[i]);
        carry = __builtin_add_overflow(sum[i], (uint64_t)carry, &sum[i]) || over;
    }
}

/* The hash as a number of 256 bits, its first byte the least significant: the same on every machine. */
static void add_hash(uint64_t sum[4], const unsigned char hash[SHA256_LENGTH]) {
    uint64_t words[4] = {0};
    for (unsigned i = 0; i < SHA256_LENGTH; i++)
        words[i / 8] |= (uint64_t)hash[i] << (8 * (i % 8));
    add_words(sum, words);
}

bool item_digester_add(struct item_digester *digester, struct item_digest *digest, const char *item, size_t length,
                       struct error *error) {
    struct canonical *canonical = &digester->canonical;
    size_t at;
    buffer_clear(&canonical->out);
    if (!buffer_append(&canonical->out, digester->key, sizeof digester->key)) {
        error_set(error, ERROR_MEMORY, "no memory for the digest of an item");
        return false;
    }
    const char *expected = canonical_item(canonical, sizeof digester->key, item, length, &at);
    if (expected) {
        if (*expected)
            error_set(error, ERROR_CORRUPT, "an item is not DynamoDB's typed JSON: expected %s at byte %zu of %zu",
                      expected, at, length);
        else
            error_set(error, ERROR_MEMORY, "no memory for the digest of an item of %zu bytes", length);
        return false;
    }
    unsigned char hash[SHA256_LENGTH];
    sha256(hash, canonical->out.data, canonical->out.length);
    add_hash(digest->sum, hash);
    digest->items++;
    return true;
}

void item_digest_join(struct item_digest *to, const struct item_digest *from) {
    add_words(to->sum, from->sum);
    to->items += from->items;
}

bool item_digest_equal(const struct item_digest *a, const struct item_digest *b) {
    return a->items == b->items && !memcmp(a->sum, b->sum, sizeof a->sum);
}

void item_digest_text(char text[ITEM_DIGEST_TEXT], const struct item_digest *digest) {
    for (unsigned i = 0; i < 4; i++)
        snprintf(text + (size_t)16 * i, 17, "%016" PRIx64, digest->sum[3 - i]);
}

bool item_digest_read(struct item_digest *digest, const char *text, uint64_t items) {
    unsigned char bytes[ITEM_DIGEST_KEY];
    if (strlen(text) != ITEM_DIGEST_TEXT - 1 || !hex_decode(bytes, sizeof bytes, text))
        return false;
    *digest = (struct item_digest){.items = items};
    for (unsigned i = 0; i < sizeof bytes; i++)
        digest->sum[3 - i / 8] |= (uint64_t)bytes[i] << (8 * (7 - i % 8));
    return true;
}
