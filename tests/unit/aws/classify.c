/* SPDX-License-Identifier: Apache-2.0 */
/* Refusals as AWS's services, S3-compatible stores and things on the way send them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "aws/classify.h"
#include "base/memory.h"

static struct http_answer answer_of(int status, const struct http_header *headers, size_t count, const char *body) {
    return (struct http_answer){
        .status = status, .headers = headers, .header_count = count, .body = body, .length = strlen(body)};
}

static void assert_means(enum aws_service service, const struct http_answer *answer, enum error_code code,
                         const char *message) {
    _cleanup_error_ struct error error = {0};
    classify_answer(&error, service, answer);
    assert_string_equal(error.message, message);
    assert_int_equal(error.code, code);
    assert_int_equal(error.http_status, answer->status);
}

static void json_names_decide(void **state) {
    (void)state;
    const struct http_header id = {"x-amzn-requestid", "R1", false};
    struct http_answer answer = answer_of(
        400, &id, 1,
        "{\"__type\":\"com.amazonaws.dynamodb.v20120810#ResourceNotFoundException\",\"message\":\"no table\"}");
    assert_means(AWS_DYNAMODB, &answer, ERROR_NOT_FOUND, "400 ResourceNotFoundException: no table (request R1)");
    answer = answer_of(400, NULL, 0, "{\"__type\":\"ProvisionedThroughputExceededException\"}");
    assert_means(AWS_DYNAMODB, &answer, ERROR_THROTTLED, "400 ProvisionedThroughputExceededException");
    answer = answer_of(400, NULL, 0, " {\"code\":\"ExpiredTokenException\",\"Message\":\"old\"}");
    assert_means(AWS_DYNAMODB, &answer, ERROR_EXPIRED, "400 ExpiredTokenException: old");
    answer = answer_of(400, NULL, 0, "{\"__type\":\"ValidationException\",\"message\":\"a\\nb\\u0001\"}");
    assert_means(AWS_DYNAMODB, &answer, ERROR_INVALID, "400 ValidationException: a b?");
}

static void the_header_names_too(void **state) {
    (void)state;
    const struct http_header headers[] = {{"x-amzn-errortype", "MessageRejected:http://internal/", false}};
    const struct http_answer answer = answer_of(400, headers, 1, "{\"message\":\"not verified\"}");
    assert_means(AWS_SES, &answer, ERROR_INVALID,
                 "400 MessageRejected: not verified: in the SES sandbox every address must be verified first, and "
                 "From= always must be");
}

static void limits_pass_in_dynamodb_only(void **state) {
    (void)state;
    const struct http_answer answer = answer_of(400, NULL, 0, "{\"__type\":\"LimitExceededException\"}");
    assert_means(AWS_DYNAMODB, &answer, ERROR_THROTTLED, "400 LimitExceededException");
    assert_means(AWS_LOGS, &answer, ERROR_INVALID, "400 LimitExceededException");
}

static void xml_names_decide(void **state) {
    (void)state;
    struct http_answer answer = answer_of(403, NULL, 0,
                                          "<?xml version=\"1.0\"?>\n<Error><Code>AccessDenied</Code><Message>No"
                                          "</Message><RequestId>R2</RequestId></Error>");
    assert_means(AWS_S3, &answer, ERROR_DENIED, "403 AccessDenied: No (request R2)");
    answer = answer_of(403, NULL, 0,
                       "<ErrorResponse xmlns=\"x\"><Error><Type>Sender</Type><Code>InvalidClientTokenId</Code>"
                       "<Message>bad</Message></Error><RequestId>R3</RequestId></ErrorResponse>");
    assert_means(AWS_STS, &answer, ERROR_EXPIRED,
                 "403 InvalidClientTokenId: bad (request R3): the access key is unknown to AWS");
    answer = answer_of(503, NULL, 0, "<Error><Code>SlowDown</Code></Error>");
    assert_means(AWS_S3, &answer, ERROR_THROTTLED, "503 SlowDown");
}

static void an_expired_signature_is_a_matter_of_clocks(void **state) {
    (void)state;
    struct http_answer answer =
        answer_of(400, NULL, 0,
                  "{\"__type\":\"InvalidSignatureException\",\"message\":\"Signature expired: 2025 is now earlier\"}");
    assert_means(AWS_DYNAMODB, &answer, ERROR_SKEW,
                 "400 InvalidSignatureException: Signature expired: 2025 is now earlier");
    answer = answer_of(400, NULL, 0,
                       "{\"__type\":\"InvalidSignatureException\",\"message\":\"Signature not yet current: x\"}");
    assert_means(AWS_DYNAMODB, &answer, ERROR_SKEW, "400 InvalidSignatureException: Signature not yet current: x");
    answer = answer_of(403, NULL, 0, "<Error><Code>SignatureDoesNotMatch</Code></Error>");
    assert_means(AWS_S3, &answer, ERROR_DENIED,
                 "403 SignatureDoesNotMatch: the secret key does not belong to the access key");
}

static void the_status_decides_where_there_is_no_name(void **state) {
    (void)state;
    const struct {
        int status;
        enum error_code code;
    } cases[] = {
        {301, ERROR_REGION},    {302, ERROR_INVALID},   {400, ERROR_INVALID},   {401, ERROR_DENIED},
        {403, ERROR_DENIED},    {404, ERROR_NOT_FOUND}, {408, ERROR_TRANSIENT}, {412, ERROR_EXISTS},
        {429, ERROR_THROTTLED}, {500, ERROR_TRANSIENT}, {501, ERROR_INVALID},   {503, ERROR_TRANSIENT},
        {505, ERROR_INVALID},   {599, ERROR_TRANSIENT},
    };
    for (size_t i = 0; i < array_length(cases); i++) {
        const struct http_answer answer = answer_of(cases[i].status, NULL, 0, "");
        _cleanup_free_ char *message = x_printf("%d", cases[i].status);
        assert_means(AWS_S3, &answer, cases[i].code, message);
    }
}

static void what_is_neither_json_nor_xml_is_quoted(void **state) {
    (void)state;
    char page[400];
    memset(page, 'x', sizeof page - 1);
    page[sizeof page - 1] = '\0';
    memcpy(page, "\r\n \x1b[2J\x80", 8);
    const struct http_answer answer = answer_of(502, NULL, 0, page);
    _cleanup_error_ struct error error = {0};
    classify_answer(&error, AWS_S3, &answer);
    assert_non_null(strstr(error.message, "502: \"?[2J?xxx"));
    assert_non_null(strstr(error.message, "x\"..."));
    assert_true(strlen(error.message) < 220);
    const struct http_answer html = answer_of(504, NULL, 0, "<html><body>Gateway Timeout</body></html>");
    assert_means(AWS_S3, &html, ERROR_TRANSIENT, "504: \"<html><body>Gateway Timeout</body></html>\"");
    const struct http_answer list = answer_of(500, NULL, 0, "{\"a\":");
    assert_means(AWS_S3, &list, ERROR_TRANSIENT, "500: \"{\"a\":\"");
}

static void long_words_are_cut(void **state) {
    (void)state;
    _cleanup_free_ char *body = x_printf("{\"__type\":\"ValidationException\",\"message\":\"%05000d\"}", 0);
    const struct http_answer answer = answer_of(400, NULL, 0, body);
    _cleanup_error_ struct error error = {0};
    classify_answer(&error, AWS_DYNAMODB, &answer);
    assert_int_equal(strlen(error.message), strlen("400 ValidationException: ") + 2000);
}

static void an_error_document_may_come_with_200(void **state) {
    (void)state;
    _cleanup_error_ struct error named = {0}, cut = {0}, unknown = {0};
    struct http_answer answer = answer_of(200, NULL, 0, "\n<Error><Code>InternalError</Code></Error>");
    classify_error_document(&named, &answer);
    assert_int_equal(named.code, ERROR_TRANSIENT);
    assert_string_equal(named.aws_code, "InternalError");
    answer = answer_of(200, NULL, 0, "<Err");
    classify_error_document(&cut, &answer);
    assert_int_equal(cut.code, ERROR_TRANSIENT);
    answer = answer_of(200, NULL, 0, "<Error><Code>InvalidPart</Code></Error>");
    classify_error_document(&unknown, &answer);
    assert_int_equal(unknown.code, ERROR_INVALID);
}

static void assert_advice(int status, const char *body, const char *needs, const char *message) {
    _cleanup_error_ struct error error = {0};
    const struct http_answer answer = answer_of(status, NULL, 0, body);
    classify_answer(&error, AWS_S3, &answer);
    classify_advise(&error, needs);
    assert_string_equal(error.message, message);
}

static void a_missing_permission_is_named(void **state) {
    (void)state;
    const char *needs = "s3:PutObject on b/k";
    assert_advice(403, "<Error><Code>AccessDenied</Code></Error>", needs,
                  "403 AccessDenied: the role may lack s3:PutObject on b/k");
    assert_advice(400, "{\"__type\":\"AccessDeniedException\"}", "dynamodb:Scan on t",
                  "400 AccessDeniedException: the role may lack dynamodb:Scan on t");
    assert_advice(403, "", needs, "403: the role may lack s3:PutObject on b/k");
    assert_advice(403, "<Error><Code>AccessDenied</Code></Error>", NULL, "403 AccessDenied");
    assert_advice(401, "", needs, "401");
    assert_advice(500, "", needs, "500");
    assert_advice(403, "<Error><Code>SignatureDoesNotMatch</Code></Error>", needs,
                  "403 SignatureDoesNotMatch: the secret key does not belong to the access key");
    struct error none = {0};
    classify_advise(&none, needs);
    assert_null(none.message);
}

static void a_bucket_elsewhere_names_its_region(void **state) {
    (void)state;
    char region[64];
    const struct http_header header = {"x-amz-bucket-region", "eu-west-1", false};
    const struct http_header evil = {"x-amz-bucket-region", "evil.example/", false};
    struct http_answer answer = answer_of(400, &header, 1, "");
    assert_means(AWS_S3, &answer, ERROR_REGION, "400");
    assert_true(classify_bucket_region(region, &answer));
    assert_string_equal(region, "eu-west-1");
    answer =
        answer_of(400, NULL, 0, "<Error><Code>AuthorizationHeaderMalformed</Code><Region>us-west-2</Region></Error>");
    assert_means(AWS_S3, &answer, ERROR_REGION, "400 AuthorizationHeaderMalformed");
    assert_true(classify_bucket_region(region, &answer));
    assert_string_equal(region, "us-west-2");
    answer = answer_of(301, &evil, 1, "");
    assert_false(classify_bucket_region(region, &answer));
    answer = answer_of(301, NULL, 0, "");
    assert_false(classify_bucket_region(region, &answer));
}

static int64_t retry_after(const char *name, const char *value, const char *date) {
    const struct http_header headers[] = {{name, value, false}, {"date", date, false}};
    const struct http_answer answer = answer_of(503, headers, date ? 2 : 1, "");
    return classify_retry_after(&answer);
}

static void retry_after_is_read_in_all_its_forms(void **state) {
    (void)state;
    assert_int_equal(retry_after("x-amz-retry-after", "1500", NULL), 1500);
    assert_int_equal(retry_after("retry-after", "2", NULL), 2000);
    assert_int_equal(retry_after("retry-after", "Sun, 06 Jul 2025 02:00:07 GMT", "Sun, 06 Jul 2025 02:00:00 GMT"),
                     7000);
    assert_int_equal(retry_after("retry-after", "Sun, 06 Jul 2025 01:00:00 GMT", "Sun, 06 Jul 2025 02:00:00 GMT"), 0);
    assert_int_equal(retry_after("retry-after", "Sun, 06 Jul 2025 02:00:07 GMT", NULL), -1);
    assert_int_equal(retry_after("retry-after", "soon", NULL), -1);
    assert_int_equal(retry_after("retry-after", "", NULL), -1);
    assert_int_equal(retry_after("retry-after", "9999999999999", NULL), -1);
    assert_int_equal(retry_after("x-amz-retry-after", "-1", NULL), -1);
    assert_int_equal(retry_after("etag", "1", NULL), -1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json_names_decide),
        cmocka_unit_test(the_header_names_too),
        cmocka_unit_test(limits_pass_in_dynamodb_only),
        cmocka_unit_test(xml_names_decide),
        cmocka_unit_test(an_expired_signature_is_a_matter_of_clocks),
        cmocka_unit_test(the_status_decides_where_there_is_no_name),
        cmocka_unit_test(what_is_neither_json_nor_xml_is_quoted),
        cmocka_unit_test(long_words_are_cut),
        cmocka_unit_test(an_error_document_may_come_with_200),
        cmocka_unit_test(a_missing_permission_is_named),
        cmocka_unit_test(a_bucket_elsewhere_names_its_region),
        cmocka_unit_test(retry_after_is_read_in_all_its_forms),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
