/* SPDX-License-Identifier: Apache-2.0 */
/* The fence before every log: one line, valid UTF-8, no secret. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "report/clean.h"

static void expect(const char *text, const char *clean) {
    _cleanup_buffer_ struct buffer out = BUFFER_INIT(BUFFER_OURS);
    clean_text(&out, text, 10000);
    assert_string_equal(out.data ? out.data : "", clean);
}

static void words_pass_as_they_are(void **state) {
    (void)state;
    expect("", "");
    expect("studentData: backup succeeded: 1,000 items", "studentData: backup succeeded: 1,000 items");
    expect("Nguyễn Văn Ánh 🎓", "Nguyễn Văn Ánh 🎓");
    expect("403 SignatureDoesNotMatch: Signature expired: 2025", "403 SignatureDoesNotMatch: Signature expired: 2025");
    expect("the SessionToken is wrong, SecretAccessKey too", "the SessionToken is wrong, SecretAccessKey too");
}

static void control_characters_become_blanks(void **state) {
    (void)state;
    expect("one\ntwo\r\n\tthree\x1b[31m\x7f.", "one two   three [31m .");
    expect("c1 \xc2\x9b"
           "control",
           "c1  control");
}

static void bytes_that_are_not_utf8_become_question_marks(void **state) {
    (void)state;
    expect("a\xff"
           "b\xc3",
           "a?b?");
    expect("\xed\xa0\x80\xf5\x80\xe1\x80 x", "??????? x");
    expect("\xc0\xaf", "??");
}

static void a_signed_query_never_gets_through(void **state) {
    (void)state;
    expect("GET https://b.s3/k?X-Amz-Credential=AKIA%2F2025&X-Amz-Expires=3600&X-Amz-Signature=abcdef0123 failed",
           "GET https://b.s3/k?X-Amz-Credential=***&X-Amz-Expires=3600&X-Amz-Signature=*** failed");
    expect("?x-amz-security-token=IQoJ%2Fb3==&a=1", "?x-amz-security-token=***&a=1");
    expect("x-amz-security-token: IQoJb3\nhost:x", "x-amz-security-token: *** host:x");
    expect("AWS4-HMAC-SHA256 Credential=AKIA/x, SignedHeaders=host, Signature=feed",
           "AWS4-HMAC-SHA256 Credential=AKIA/x, SignedHeaders=host, Signature=***");
    expect("url=https%3A%2F%2Fb%3FX-Amz-Signature%3Dfeed%26b", "url=https%3A%2F%2Fb%3FX-Amz-Signature%3D***%26b");
}

static void credentials_in_a_quoted_answer_never_get_through(void **state) {
    (void)state;
    expect("{\"SecretAccessKey\" : \"abc/+\", \"SessionToken\":\"tok\"}",
           "{\"SecretAccessKey\" : \"***\", \"SessionToken\":\"***\"}");
    expect("<SecretAccessKey>abc</SecretAccessKey>", "<SecretAccessKey>***</SecretAccessKey>");
    expect("aws_secret_access_key = abc\n[x]", "aws_secret_access_key = *** [x]");
}

static void a_long_text_is_cut_between_characters(void **state) {
    (void)state;
    _cleanup_buffer_ struct buffer out = BUFFER_INIT(BUFFER_OURS);
    clean_text(&out, "abcđe", 4);
    assert_string_equal(out.data, "abc...");
    buffer_clear(&out);
    clean_text(&out, "abc", 3);
    assert_string_equal(out.data, "abc");
    buffer_clear(&out);
    clean_text(&out, "Signature=abc", 8);
    assert_string_equal(out.data, "...");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_pass_as_they_are),
        cmocka_unit_test(control_characters_become_blanks),
        cmocka_unit_test(bytes_that_are_not_utf8_become_question_marks),
        cmocka_unit_test(a_signed_query_never_gets_through),
        cmocka_unit_test(credentials_in_a_quoted_answer_never_get_through),
        cmocka_unit_test(a_long_text_is_cut_between_characters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
