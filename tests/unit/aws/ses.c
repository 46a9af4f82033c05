/* SPDX-License-Identifier: Apache-2.0 */
/* SendEmail: the body to the letter, names in front of addresses, and what comes back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <string.h>

#include "aws/ses.h"
#include "base/memory.h"
#include "fake_client.h"

static void assert_address(const char *address, const char *expected) {
    _cleanup_free_ char *encoded = ses_address(address);
    assert_string_equal(encoded, expected);
}

static void plain_addresses_stay(void **state) {
    (void)state;
    assert_address("a@example.com", "a@example.com");
    assert_address("Back Up <a@example.com>", "Back Up <a@example.com>");
    assert_address("\"Up, Back\" <a@example.com>", "\"Up, Back\" <a@example.com>");
    assert_address("t\xc3\xa9@example.com", "t\xc3\xa9@example.com"); /* no name: SES says what is wrong with it */
}

static void other_names_become_encoded_words(void **state) {
    (void)state;
    assert_address("Ph\xc3\xb2ng <a@example.com>", "=?UTF-8?B?UGjDsm5n?= <a@example.com>");
    assert_address("\"Ph\xc3\xb2ng\" <a@example.com>", "=?UTF-8?B?UGjDsm5n?= <a@example.com>");
}

/* "aaaa" up to the 44th byte, then two-byte letters: the 45th byte would be half of one. */
static void no_letter_is_cut_between_two_words(void **state) {
    (void)state;
    assert_address("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\xc3\xb2\xc3\xb2 <a@b.c>",
                   "=?UTF-8?B?YWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWE=?= "
                   "=?UTF-8?B?w7LDsg==?= <a@b.c>");
}

static void a_mail_with_everything(void **state) {
    (void)state;
    const char *to[] = {"x@example.com", "Ph\xc3\xb2ng <y@example.com>", NULL}, *cc[] = {"z@example.com", NULL};
    const char *reply[] = {"r@example.com", NULL};
    const struct ses_mail mail = {.from = "b@example.com",
                                  .to = to,
                                  .cc = cc,
                                  .reply_to = reply,
                                  .subject = "Sao l\xc6\xb0u \"x\"",
                                  .html = "<p>a</p>",
                                  .text = "a\n",
                                  .configuration_set = "set"};
    _cleanup_free_ char *body = ses_mail_body(&mail);
    assert_string_equal(body,
                        "{\"FromEmailAddress\":\"b@example.com\",\"Destination\":{\"ToAddresses\":[\"x@example.com\","
                        "\"=?UTF-8?B?UGjDsm5n?= <y@example.com>\"],\"CcAddresses\":[\"z@example.com\"]},"
                        "\"ReplyToAddresses\":[\"r@example.com\"],\"Content\":{\"Simple\":{"
                        "\"Subject\":{\"Data\":\"Sao l\xc6\xb0u \\\"x\\\"\",\"Charset\":\"UTF-8\"},"
                        "\"Body\":{\"Text\":{\"Data\":\"a\\n\",\"Charset\":\"UTF-8\"},\"Html\":{\"Data\":\"<p>a</"
                        "p>\",\"Charset\":\"UTF-8\"}}}},"
                        "\"ConfigurationSetName\":\"set\"}");
}

static void a_mail_with_little(void **state) {
    (void)state;
    const char *to[] = {"x@example.com", NULL}, *none[] = {NULL};
    const struct ses_mail mail = {.from = "b@example.com", .to = to, .cc = none, .subject = "s", .text = "t"};
    _cleanup_free_ char *body = ses_mail_body(&mail);
    assert_string_equal(body,
                        "{\"FromEmailAddress\":\"b@example.com\",\"Destination\":{\"ToAddresses\":[\"x@example.com\"]},"
                        "\"Content\":{\"Simple\":{\"Subject\":{\"Data\":\"s\",\"Charset\":\"UTF-8\"},"
                        "\"Body\":{\"Text\":{\"Data\":\"t\",\"Charset\":\"UTF-8\"}}}}}");
}

struct heard {
    unsigned times;
    char *id, *message;
};

static void hear(void *arg, const char *id, const struct error *error) {
    struct heard *heard = arg;
    assert_true(!id != !error);
    heard->times++;
    heard->id = x_strdup(id);
    heard->message = error ? x_strdup(error->message) : NULL;
}

static struct heard mail_once(const char *answer) {
    struct heard heard = {0};
    const char *to[] = {"x@example.com", NULL};
    const struct ses_mail mail = {.from = "b@example.com", .to = to, .subject = "s", .text = "t"};
    struct ses_call *call = ses_send(NULL, &mail, hear, &heard);
    if (answer)
        fake_answer(200, "", answer);
    else
        ses_cancel(call);
    return heard;
}

static void a_message_id_comes_back(void **state) {
    (void)state;
    struct heard heard = mail_once("{\"MessageId\":\"m1\"}");
    assert_string_equal(fake.line, "POST /v2/email/outbound-emails");
    assert_string_equal(fake.headers, "content-type: application/json\n");
    assert_string_equal(fake.what, "SendEmail from b@example.com");
    assert_int_equal(fake.request.service, AWS_SES);
    assert_int_equal(heard.times, 1);
    assert_string_equal(heard.id, "m1");
    free(heard.id);
}

static void an_answer_without_an_id_is_an_error(void **state) {
    (void)state;
    struct heard heard = mail_once("{}");
    assert_ptr_equal(strstr(heard.message, "SendEmail: "), heard.message);
    assert_non_null(strstr(heard.message, "MessageId"));
    free(heard.message);
}

static void a_cancelled_mail_never_hears(void **state) {
    (void)state;
    assert_int_equal(mail_once(NULL).times, 0);
}

static void a_refusal_goes_through(void **state) {
    (void)state;
    struct heard heard = {0};
    const struct ses_mail mail = {.from = "b@example.com", .subject = "s", .text = "t"};
    ses_send(NULL, &mail, hear, &heard);
    fake_error(ERROR_INVALID, 400, "400 MessageRejected: not verified");
    assert_string_equal(heard.message, "400 MessageRejected: not verified");
    free(heard.message);
}

#define WITH_FAKE(test) cmocka_unit_test_setup_teardown(test, fake_reset, fake_reset)

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_addresses_stay),
        cmocka_unit_test(other_names_become_encoded_words),
        cmocka_unit_test(no_letter_is_cut_between_two_words),
        cmocka_unit_test(a_mail_with_everything),
        cmocka_unit_test(a_mail_with_little),
        WITH_FAKE(a_message_id_comes_back),
        WITH_FAKE(an_answer_without_an_id_is_an_error),
        WITH_FAKE(a_cancelled_mail_never_hears),
        WITH_FAKE(a_refusal_goes_through),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
