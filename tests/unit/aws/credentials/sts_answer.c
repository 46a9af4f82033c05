/* SPDX-License-Identifier: Apache-2.0 */
/* AssumeRole's form and its XML. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "aws/sts.h"
#include "base/memory.h"

#define ARN "arn:aws:iam::123456789012:role/path/DynamoDBBackupRole"

static void assert_form(const struct assume_role *role, const char *expected) {
    _cleanup_buffer_ struct buffer form = BUFFER_INIT(BUFFER_OURS);
    sts_form_assume_role(&form, role);
    assert_string_equal(form.data, expected);
}

static void the_form_is_encoded(void **state) {
    (void)state;
    assert_form(&(struct assume_role){.role_arn = ARN},
                "Action=AssumeRole&Version=2011-06-15"
                "&RoleArn=arn%3Aaws%3Aiam%3A%3A123456789012%3Arole%2Fpath%2FDynamoDBBackupRole"
                "&RoleSessionName=dynamodb-backupd");
    assert_form(&(struct assume_role){"a", "x y+z&\xc3\xa9", "me@host", 900},
                "Action=AssumeRole&Version=2011-06-15&RoleArn=a&RoleSessionName=me%40host"
                "&ExternalId=x%20y%2Bz%26%C3%A9&DurationSeconds=900");
}

static void assert_unfit(const struct assume_role *role, const char *message) {
    _cleanup_error_ struct error error = {0};
    assert_false(sts_check_assume_role(role, &error));
    assert_string_equal(error.message, message);
    assert_int_equal(error.code, ERROR_INVALID);
}

static void what_no_server_would_take_is_not_sent(void **state) {
    (void)state;
    assert_true(sts_check_assume_role(&(struct assume_role){.role_arn = ARN}, NULL));
    assert_true(sts_check_assume_role(&(struct assume_role){ARN, "x", "a+=,.@_-9", 43200}, NULL));
    assert_unfit(&(struct assume_role){.role_arn = "DynamoDBBackupRole"},
                 "\"DynamoDBBackupRole\" is not a role's ARN, like arn:aws:iam::123456789012:role/NAME");
    assert_unfit(&(struct assume_role){.role_arn = "arn:aws:iam::1:user/x"},
                 "\"arn:aws:iam::1:user/x\" is not a role's ARN, like arn:aws:iam::123456789012:role/NAME");
    assert_unfit(&(struct assume_role){ARN, NULL, "a", 0},
                 "the session name \"a\" is not 2 to 64 of letters, digits and _=,.@+-");
    assert_unfit(&(struct assume_role){ARN, NULL, "a b", 0},
                 "the session name \"a b\" is not 2 to 64 of letters, digits and _=,.@+-");
    assert_unfit(&(struct assume_role){.role_arn = ARN, .duration_s = 899},
                 "a duration of 899 s is not within 15 minutes to 12 hours");
    assert_unfit(&(struct assume_role){.role_arn = ARN, .duration_s = 43201},
                 "a duration of 43201 s is not within 15 minutes to 12 hours");
}

#define OPEN  "<AssumeRoleResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><AssumeRoleResult>"
#define CLOSE "</AssumeRoleResult></AssumeRoleResponse>"
#define CREDENTIALS(key, secret, token, ends)                                                                          \
    "<Credentials><AccessKeyId>" key "</AccessKeyId><SecretAccessKey>" secret "</SecretAccessKey><SessionToken>" token \
    "</SessionToken><Expiration>" ends "</Expiration></Credentials>"
#define WHO                                                                                                            \
    "<AssumedRoleUser><AssumedRoleId>AROA:x</AssumedRoleId><Arn>arn:aws:sts::1:assumed-role/r/x</Arn></"               \
    "AssumedRoleUser>"

static void an_answer_is_read(void **state) {
    (void)state;
    const char *text =
        "<?xml version=\"1.0\"?>" OPEN CREDENTIALS("ASIA1", "s&amp;x", "t==", "2025-07-06T03:00:00Z") WHO CLOSE;
    struct credentials got = {0};
    _cleanup_free_ char *principal = NULL;
    assert_true(sts_parse_assume_role(&got, &principal, text, strlen(text), NULL));
    assert_string_equal(got.access_key, "ASIA1");
    assert_string_equal(got.secret_key, "s&x");
    assert_string_equal(got.session_token, "t==");
    assert_true(got.expires == INT64_C(1751770800000));
    assert_string_equal(principal, "arn:aws:sts::1:assumed-role/r/x");
    credentials_fini(&got);
}

/* Ceph's RGW writes fractions of a second, and other stores leave the principal out. */
static void other_servers_answers_are_read(void **state) {
    (void)state;
    const char *text = OPEN CREDENTIALS("A", "s", "t", "2025-07-06T03:00:00.123456789Z") CLOSE;
    struct credentials got = {0};
    char *principal = NULL;
    assert_true(sts_parse_assume_role(&got, &principal, text, strlen(text), NULL));
    assert_null(principal);
    assert_true(got.expires == INT64_C(1751770800000));
    credentials_fini(&got);
}

static void assert_refused(const char *text, const char *why) {
    struct credentials got = {0};
    char *principal = NULL;
    _cleanup_error_ struct error error = {0};
    assert_false(sts_parse_assume_role(&got, &principal, text, strlen(text), &error));
    assert_null(got.access_key);
    assert_null(principal);
    assert_int_equal(error.code, ERROR_CORRUPT);
    if (!strstr(error.message, why))
        fail_msg("\"%s\" does not say \"%s\"", error.message, why);
}

static void hostile_answers_are_refused(void **state) {
    (void)state;
    assert_refused("", "");
    assert_refused("{\"Code\":\"Success\"}", "");
    assert_refused("<html><body>login</body></html>", "no usable AccessKeyId");
    assert_refused(OPEN CLOSE, "no usable AccessKeyId");
    assert_refused(OPEN CREDENTIALS("A", "", "t", "2025-07-06T03:00:00Z") CLOSE, "no usable SecretAccessKey");
    assert_refused(OPEN CREDENTIALS("A", "s", "t\r\nx: y", "2025-07-06T03:00:00Z") CLOSE, "no usable SessionToken");
    assert_refused(OPEN CREDENTIALS("A", "s", "t", "tomorrow") CLOSE, "Expiration is not a time");
    assert_refused(OPEN CREDENTIALS("A", "s", "t", "2025-07-06T03:00:00Z"), "");
    assert_refused(OPEN CREDENTIALS("A", "s", "t", "2025-07-06T03:00:00Z")
                       CREDENTIALS("B", "s", "t", "2025-07-06T03:00:00Z") CLOSE,
                   "");
    assert_refused("<!DOCTYPE x [<!ENTITY a \"b\">]>" OPEN CREDENTIALS("&a;", "s", "t", "2025-07-06T03:00:00Z") CLOSE,
                   "");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_form_is_encoded),         cmocka_unit_test(what_no_server_would_take_is_not_sent),
        cmocka_unit_test(an_answer_is_read),           cmocka_unit_test(other_servers_answers_are_read),
        cmocka_unit_test(hostile_answers_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
