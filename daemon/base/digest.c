/* SPDX-License-Identifier: Apache-2.0 */
/* Digests by OpenSSL's EVP. */
#include "base/digest.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <stdlib.h>

/* OpenSSL fails here only without memory, or where FIPS forbids MD5: neither can be worked around. */
static void must(int succeeded) {
    if (succeeded != 1) {
        fputs("<2>OpenSSL refused a digest\n", stderr);
        abort();
    }
}

struct digest {
    EVP_MD_CTX *context;
};

static struct digest *digest_new(const EVP_MD *kind) {
    struct digest *digest = malloc(sizeof *digest);
    must(digest != NULL);
    digest->context = EVP_MD_CTX_new();
    must(digest->context && EVP_DigestInit_ex(digest->context, kind, NULL) == 1);
    return digest;
}

struct digest *digest_new_sha256(void) {
    return digest_new(EVP_sha256());
}

struct digest *digest_new_md5(void) {
    return digest_new(EVP_md5());
}

void digest_update(struct digest *digest, const void *bytes, size_t length) {
    must(EVP_DigestUpdate(digest->context, bytes, length));
}

void digest_final(struct digest *digest, unsigned char *value) {
    must(EVP_DigestFinal_ex(digest->context, value, NULL));
    digest_free(digest);
}

void digest_free(struct digest *digest) {
    EVP_MD_CTX_free(digest->context);
    free(digest);
}

void sha256(unsigned char value[SHA256_LENGTH], const void *bytes, size_t length) {
    must(EVP_Digest(bytes, length, value, NULL, EVP_sha256(), NULL));
}

void hmac_sha256(unsigned char value[SHA256_LENGTH], const void *key, size_t key_length, const void *bytes,
                 size_t length) {
    must(HMAC(EVP_sha256(), key, (int)key_length, bytes, length, value, NULL) != NULL);
}

void md5(unsigned char value[MD5_LENGTH], const void *bytes, size_t length) {
    must(EVP_Digest(bytes, length, value, NULL, EVP_md5(), NULL));
}
