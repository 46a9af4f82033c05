/* SPDX-License-Identifier: Apache-2.0 */
/* Checksums and digests: SHA-256, HMAC and MD5 by OpenSSL, CRC-32 (IEEE: S3's, DynamoDB's and gzip's). */
#ifndef BASE_DIGEST_H
#define BASE_DIGEST_H

#include <stddef.h>
#include <stdint.h>

#define SHA256_LENGTH 32
#define MD5_LENGTH    16

/* A digest over pieces. _final() frees; every _new() has its _final() or _free(). */
struct digest;
struct digest *digest_new_sha256(void);
struct digest *digest_new_md5(void);
void digest_update(struct digest *digest, const void *bytes, size_t length);
void digest_final(struct digest *digest, unsigned char *value); /* 32 or 16 bytes */
void digest_free(struct digest *digest);

void sha256(unsigned char value[SHA256_LENGTH], const void *bytes, size_t length);
void hmac_sha256(unsigned char value[SHA256_LENGTH], const void *key, size_t key_length, const void *bytes,
                 size_t length);
void md5(unsigned char value[MD5_LENGTH], const void *bytes, size_t length);

/* Start with 0; the value so far goes in, the new one comes out. */
uint32_t crc32_update(uint32_t crc, const void *bytes, size_t length);

/* The CRC of A followed by B, from theirs and B's length. */
uint32_t crc32_join(uint32_t a, uint32_t b, uint64_t b_length);

#endif
