/* SPDX-License-Identifier: Apache-2.0 */
/* Digests against the vectors of their RFCs; the joined CRC against the CRC of the whole. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/digest.h"
#include "base/encoding.h"
#include "base/random.h"

static void expect(const unsigned char *value, size_t length, const char *wanted) {
    char text[65];
    hex_encode(text, value, length);
    assert_string_equal(text, wanted);
}

static void sha256_of_the_standards_examples(void **state) {
    (void)state;
    unsigned char value[SHA256_LENGTH];
    sha256(value, "", 0);
    expect(value, 32, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    sha256(value, "abc", 3);
    expect(value, 32, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

static void hmac_of_rfc_4231(void **state) {
    (void)state;
    unsigned char value[SHA256_LENGTH], key[131];
    hmac_sha256(value, "Jefe", 4, "what do ya want for nothing?", 28);
    expect(value, 32, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    memset(key, 0xaa, sizeof key);
    const char *text = "Test Using Larger Than Block-Size Key - Hash Key First";
    hmac_sha256(value, key, sizeof key, text, strlen(text));
    expect(value, 32, "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
    hmac_sha256(value, "", 0, "", 0);
    expect(value, 32, "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

static void md5_of_rfc_1321(void **state) {
    (void)state;
    unsigned char value[MD5_LENGTH];
    md5(value, "message digest", 14);
    expect(value, 16, "f96b697d7cb7938d525a2f31aaf161d0");
}

static void a_digest_over_pieces_is_that_of_the_whole(void **state) {
    (void)state;
    unsigned char value[SHA256_LENGTH];
    struct digest *digest = digest_new_sha256();
    digest_update(digest, "a", 1);
    digest_update(digest, "", 0);
    digest_update(digest, "bc", 2);
    digest_final(digest, value);
    expect(value, 32, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    digest = digest_new_md5();
    digest_update(digest, "message ", 8);
    digest_update(digest, "digest", 6);
    digest_final(digest, value);
    expect(value, 16, "f96b697d7cb7938d525a2f31aaf161d0");
    digest_free(digest_new_md5());
}

static void crc32_is_that_of_gzip(void **state) {
    (void)state;
    assert_int_equal(crc32_update(0, "123456789", 9), 0xcbf43926);
    assert_int_equal(crc32_update(0, NULL, 0), 0);
    assert_int_equal(crc32_update(crc32_update(0, "1234", 4), "56789", 5), 0xcbf43926);
}

/* Bit by bit, as the standard has it. */
static uint32_t crc32_bitwise(uint32_t crc, const unsigned char *bytes, size_t length) {
    crc = ~crc;
    for (size_t i = 0; i < length; i++) {
        crc ^= bytes[i];
        for (unsigned bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
    }
    return ~crc;
}

/* Each length around the steps that are folded (by a processor that has VPCLMULQDQ without AVX-512), from each
 * alignment, behind other bytes. */
static void crc32_is_that_of_the_standard_at_each_length(void **state) {
    (void)state;
    unsigned char bytes[700];
    random_bytes(bytes, sizeof bytes);
    for (size_t length = 0; length < sizeof bytes - 40; length++) {
        size_t from = length % 33;
        uint32_t before = length % 3 ? (uint32_t)(length * 0x9e3779b9u) : 0;
        assert_int_equal(crc32_update(before, bytes + from, length), crc32_bitwise(before, bytes + from, length));
    }
}

static void joined_crcs_are_those_of_the_whole(void **state) {
    (void)state;
    unsigned char bytes[5000];
    random_bytes(bytes, sizeof bytes);
    uint32_t whole = crc32_update(0, bytes, sizeof bytes);
    for (size_t cut = 0; cut <= sizeof bytes; cut += cut < 70 ? 1 : 97) {
        uint32_t a = crc32_update(0, bytes, cut), b = crc32_update(0, bytes + cut, sizeof bytes - cut);
        assert_int_equal(crc32_join(a, b, sizeof bytes - cut), whole);
    }
}

static void joining_works_past_four_gigabytes(void **state) {
    (void)state;
    /* 2^33 zero bytes in 33 doublings, with a byte before them. */
    uint32_t zeros = crc32_update(0, "", 1);
    for (uint64_t length = 1; length < UINT64_C(1) << 33; length *= 2)
        zeros = crc32_join(zeros, zeros, length);
    uint32_t one = crc32_update(0, "x", 1);
    uint32_t left = crc32_join(crc32_join(one, zeros, UINT64_C(1) << 33), one, 1);
    uint32_t right = crc32_join(one, crc32_join(zeros, one, 1), (UINT64_C(1) << 33) + 1);
    assert_int_equal(left, right);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sha256_of_the_standards_examples),
        cmocka_unit_test(hmac_of_rfc_4231),
        cmocka_unit_test(md5_of_rfc_1321),
        cmocka_unit_test(a_digest_over_pieces_is_that_of_the_whole),
        cmocka_unit_test(crc32_is_that_of_gzip),
        cmocka_unit_test(crc32_is_that_of_the_standard_at_each_length),
        cmocka_unit_test(joined_crcs_are_those_of_the_whole),
        cmocka_unit_test(joining_works_past_four_gigabytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
