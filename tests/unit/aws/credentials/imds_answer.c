/* SPDX-License-Identifier: Apache-2.0 */
/* The metadata service's answers: what it documents is taken, whatever else answers on that address is not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "aws/imds.h"
#include "base/memory.h"

#define FIELDS "\"AccessKeyId\":\"ASIA1\",\"SecretAccessKey\":\"s/+=\",\"Token\":\"t==\","

typedef char *parse_fn(const char *bytes, size_t length, struct error *error);

static void assert_word_of(parse_fn *parse, const char *bytes, size_t length, const char *expected) {
    _cleanup_error_ struct error error = {0};
    char *word = parse(bytes, length, &error);
    if (expected) {
        assert_non_null(word);
        assert_string_equal(word, expected);
    } else {
        assert_null(word);
        assert_int_equal(error.code, ERROR_CORRUPT);
    }
    secret_free(word);
}

static void assert_word(parse_fn *parse, const char *text, const char *expected) {
    assert_word_of(parse, text, strlen(text), expected);
}

static void a_token_is_visible_characters(void **state) {
    (void)state;
    char longest[1026];
    memset(longest, 'a', sizeof longest - 1);
    longest[1025] = '\0';
    assert_word(imds_parse_token, "AQAEAL-x_y==", "AQAEAL-x_y==");
    assert_word(imds_parse_token, longest + 1, longest + 1);
    assert_word(imds_parse_token, longest, NULL);
    assert_word(imds_parse_token, "", NULL);
    assert_word(imds_parse_token, "a b", NULL);
    assert_word(imds_parse_token, "a\r\nX-Evil: 1", NULL);
    assert_word(imds_parse_token, "a\x7f", NULL);
    assert_word(imds_parse_token, "a\xc3\xa9", NULL);
    assert_word_of(imds_parse_token, "a\0b", 3, NULL);
}

static void a_role_is_one_name(void **state) {
    (void)state;
    assert_word(imds_parse_role, "backup-host", "backup-host");
    assert_word(imds_parse_role, "a+=,.@_-9\r\n", "a+=,.@_-9");
    assert_word(imds_parse_role, "two\nroles", NULL);
    assert_word(imds_parse_role, "../../x", NULL);
    assert_word(imds_parse_role, "<html>", NULL);
    assert_word(imds_parse_role, "  \n", NULL);
    assert_word(imds_parse_role, "0123456789012345678901234567890123456789012345678901234567890123x", NULL);
    assert_word_of(imds_parse_role, "role\0", 5, NULL);
    assert_word_of(imds_parse_role, "ro\0le", 5, NULL);
}

static void a_region_is_one_word(void **state) {
    (void)state;
    assert_word(imds_parse_region, "ap-southeast-1", "ap-southeast-1");
    assert_word(imds_parse_region, "us-gov-west-1\n", "us-gov-west-1");
    assert_word(imds_parse_region, "evil.example.com/", NULL);
    assert_word(imds_parse_region, "", NULL);
}

static void credentials_are_read(void **state) {
    (void)state;
    const char *text = "{\n \"Code\" : \"Success\", \"LastUpdated\" : \"2025-07-06T02:00:00Z\", \"Type\" : "
                       "\"AWS-HMAC\", " FIELDS "\"Expiration\" : \"2025-07-06T08:00:00Z\"\n}";
    struct credentials got = {0};
    assert_true(imds_parse_credentials(&got, text, strlen(text), NULL));
    assert_string_equal(got.access_key, "ASIA1");
    assert_string_equal(got.secret_key, "s/+=");
    assert_string_equal(got.session_token, "t==");
    assert_true(got.expires == INT64_C(1751788800000));
    credentials_fini(&got);
}

static void assert_refused(const char *text, enum error_code code, const char *why) {
    struct credentials got = {0};
    _cleanup_error_ struct error error = {0};
    assert_false(imds_parse_credentials(&got, text, strlen(text), &error));
    assert_null(got.access_key);
    assert_int_equal(error.code, code);
    if (!strstr(error.message, why))
        fail_msg("\"%s\" does not say \"%s\"", error.message, why);
}

static void what_the_service_refuses_is_told(void **state) {
    (void)state;
    assert_refused("{\"Code\":\"AssumeRoleUnauthorizedAccess\",\"Message\":\"EC2 cannot assume the role x.\"}",
                   ERROR_DENIED,
                   "AssumeRoleUnauthorizedAccess: EC2 cannot assume the role x.: does the role's trust policy name "
                   "ec2.amazonaws.com?");
    assert_refused("{\"Code\":\"Failed\"}", ERROR_TRANSIENT, "Failed: no reason given");
    assert_refused("{\"Code\":\"Fa\\nil\",\"Message\":\"a\\u007fb\"}", ERROR_TRANSIENT, "Fa?il: a?b");
}

static void hostile_answers_are_refused(void **state) {
    (void)state;
    assert_refused("", ERROR_CORRUPT, "");
    assert_refused("<html>login</html>", ERROR_CORRUPT, "");
    assert_refused("[]", ERROR_CORRUPT, "Code");
    assert_refused("{}", ERROR_CORRUPT, "Code");
    assert_refused("{\"Code\":\"Success\"}", ERROR_CORRUPT, "AccessKeyId");
    assert_refused("{\"Code\":\"Success\",\"AccessKeyId\":\"A\"}", ERROR_CORRUPT, "SecretAccessKey");
    assert_refused("{\"Code\":\"Success\"," FIELDS "\"x\":1}", ERROR_CORRUPT, "Expiration");
    assert_refused("{\"Code\":\"Success\"," FIELDS "\"Expiration\":\"soon\"}", ERROR_CORRUPT,
                   "Expiration is not a time");
    assert_refused("{\"Code\":\"Success\"," FIELDS "\"Expiration\":1751788800}", ERROR_CORRUPT, "Expiration");
#define WITH(key, secret, token)                                                                                       \
    "{\"Code\":\"Success\",\"AccessKeyId\":\"" key "\",\"SecretAccessKey\":\"" secret "\",\"Token\":\"" token          \
    "\",\"Expiration\":\"2025-07-06T08:00:00Z\"}"
    assert_refused(WITH("A/20250706/us", "s", "t"), ERROR_CORRUPT, "AccessKeyId is not");
    assert_refused(WITH("", "s", "t"), ERROR_CORRUPT, "AccessKeyId is not");
    assert_refused(WITH("A", "", "t"), ERROR_CORRUPT, "SecretAccessKey is not");
    assert_refused(WITH("A", "s", "t\\r\\nx: y"), ERROR_CORRUPT, "Token is not");
    assert_refused(WITH("A", "s", ""), ERROR_CORRUPT, "Token is not");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_token_is_visible_characters),
        cmocka_unit_test(a_role_is_one_name),
        cmocka_unit_test(a_region_is_one_word),
        cmocka_unit_test(credentials_are_read),
        cmocka_unit_test(what_the_service_refuses_is_told),
        cmocka_unit_test(hostile_answers_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
