/* SPDX-License-Identifier: Apache-2.0 */
/* Digests by OpenSSL's EVP, CRC-32 by ISA-L (40 GB/s), and the CRC of a whole from its parts'. */
#include "base/digest.h"

#include <isa-l/crc.h>
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

uint32_t crc32_update(uint32_t crc, const void *bytes, size_t length) {
    return length ? crc32_gzip_refl(crc, bytes, length) : crc;
}

/*
 * Appending n zero bytes multiplies the CRC by x^(8n) modulo the polynomial: square and multiply, as in zlib's
 * crc32_combine(). Reflected: bit 31 is x^0.
 */
#define POLYNOMIAL 0xedb88320u

static uint32_t multiply(uint32_t a, uint32_t b) {
    uint32_t product = 0;
    for (uint32_t bit = 1u << 31; bit; bit >>= 1) {
        if (a & bit)
            product ^= b;
        b = b & 1 ? (b >> 1) ^ POLYNOMIAL : b >> 1;
    }
    return product;
}

uint32_t crc32_join(uint32_t a, uint32_t b, uint64_t b_length) {
    uint32_t power = 1u << 23; /* x^8 */
    uint32_t shift = 1u << 31; /* x^0 */
    for (; b_length; b_length >>= 1) {
        if (b_length & 1)
            shift = multiply(shift, power);
        power = multiply(power, power);
    }
    return multiply(shift, a) ^ b;
}
