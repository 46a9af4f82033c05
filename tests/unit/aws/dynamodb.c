/* SPDX-License-Identifier: Apache-2.0 */
/* DynamoDB's operations, and the two services that share their JSON call: CloudWatch Logs and SES. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <string.h>

#include "aws/dynamodb.h"
#include "aws/logs.h"
#include "base/memory.h"
#include "fake_client.h"

struct heard {
    unsigned times;
    enum error_code code;
    int status;
    char *text; /* of the answer's JSON, or the error's message */
};

#define _cleanup_heard_ __attribute__((cleanup(heard_fini)))
static void heard_fini(struct heard *heard) {
    free(heard->text);
}

static void keep(struct heard *heard, struct json_object *answer, const struct error *error) {
    assert_true(!answer != !error);
    heard->times++;
    heard->code = error ? error->code : ERROR_NONE;
    free(heard->text);
    heard->text = x_strdup(error ? error->message : json_object_to_json_string_ext(answer, JSON_C_TO_STRING_PLAIN));
}

static void hear(void *arg, struct json_object *answer, const struct http_answer *http, const struct error *error) {
    struct heard *heard = arg;
    assert_true(!http == !answer);
    heard->status = http ? http->status : error->http_status;
    keep(heard, answer, error);
}

static void hear_logs(void *arg, struct json_object *answer, const struct error *error) {
    keep(arg, answer, error);
}

static void describe(struct heard *heard) {
    _cleanup_free_ char *body = dynamodb_table_body("studentData");
    dynamodb_start(NULL, "DescribeTable", body, "DescribeTable of studentData", hear, heard);
}

static void an_operation_is_a_post_of_json(void **state) {
    (void)state;
    _cleanup_heard_ struct heard heard = {0};
    describe(&heard);
    assert_string_equal(fake.line, "POST /");
    assert_string_equal(fake.what, "DescribeTable of studentData");
    assert_string_equal(fake.needs, "dynamodb:DescribeTable");
    assert_string_equal(fake.headers,
                        "content-type: application/x-amz-json-1.0\nx-amz-target: DynamoDB_20120810.DescribeTable\n");
    assert_string_equal(fake.body, "{\"TableName\":\"studentData\"}");
    assert_int_equal(fake.request.service, AWS_DYNAMODB);
    assert_int_equal(fake.request.answer_limit, 4 << 20);
    fake_answer(200, "", "{\"Table\":{}}");
    assert_int_equal(heard.times, 1);
    assert_int_equal(heard.status, 200);
    assert_string_equal(heard.text, "{\"Table\":{}}");
}

static void a_checksum_that_matches_is_accepted(void **state) {
    (void)state;
    _cleanup_heard_ struct heard heard = {0};
    describe(&heard);
    fake_answer(200, "x-amz-crc32: 2745614147\n", "{}"); /* what DynamoDB itself sends for {} */
    assert_int_equal(heard.code, ERROR_NONE);
}

static void a_checksum_that_does_not_match_is_tried_again(void **state) {
    (void)state;
    _cleanup_heard_ struct heard heard = {0};
    describe(&heard);
    fake_answer(200, "x-amz-crc32: 1\n", "{}");
    assert_int_equal(heard.code, ERROR_TRANSIENT);
    assert_string_equal(heard.text, "the answer's CRC-32 is 2745614147, x-amz-crc32 says 1");
}

static void an_answer_that_is_no_json_is_not_accepted(void **state) {
    (void)state;
    _cleanup_heard_ struct heard heard = {0};
    describe(&heard);
    fake_answer(200, "", "<html>");
    assert_int_equal(heard.code, ERROR_CORRUPT);
    assert_ptr_equal(strstr(heard.text, "the answer is not the JSON of AWS: "),
                     heard.text); /* aws_start() says of what */
}

static void an_error_goes_through(void **state) {
    (void)state;
    _cleanup_heard_ struct heard heard = {0};
    describe(&heard);
    fake_error(ERROR_NOT_FOUND, 400, "400 ResourceNotFoundException");
    assert_int_equal(heard.code, ERROR_NOT_FOUND);
    assert_string_equal(heard.text, "400 ResourceNotFoundException");
}

static void a_cancelled_operation_never_hears(void **state) {
    (void)state;
    struct heard heard = {0};
    dynamodb_cancel(dynamodb_start(NULL, "ListTables", "{}", "ListTables", hear, &heard));
    logs_cancel(logs_start(NULL, "CreateLogGroup", "{}", hear_logs, &heard));
    assert_int_equal(fake.cancels, 2);
    assert_int_equal(heard.times, 0);
}

static void assert_crc(const char *text, bool valid, uint32_t value) {
    const struct http_header header = {"x-amz-crc32", text, false};
    const struct http_answer answer = {.headers = &header, .header_count = 1};
    uint32_t crc = 0;
    assert_int_equal(dynamodb_answer_crc32(&answer, &crc), valid);
    if (valid)
        assert_int_equal(crc, value);
}

static void the_checksum_header_is_read_strictly(void **state) {
    (void)state;
    uint32_t crc;
    assert_crc("0", true, 0);
    assert_crc("4294967295", true, UINT32_MAX);
    assert_crc("4294967296", false, 0);
    assert_crc("99999999999999999999999", false, 0);
    assert_crc("-1", false, 0);
    assert_crc("", false, 0);
    assert_crc("1x", false, 0);
    assert_false(dynamodb_answer_crc32(&(struct http_answer){0}, &crc));
}

static void assert_scan(const struct dynamodb_scan *scan, const char *expected) {
    _cleanup_buffer_ struct buffer body = BUFFER_INIT(BUFFER_OURS);
    dynamodb_scan_body(&body, scan);
    assert_string_equal(body.data, expected);
}

static void scan_bodies(void **state) {
    (void)state;
    assert_scan(&(struct dynamodb_scan){.table = "t"}, "{\"TableName\":\"t\",\"ReturnConsumedCapacity\":\"TOTAL\"}");
    assert_scan(&(struct dynamodb_scan){.table = "t", .total_segments = 1},
                "{\"TableName\":\"t\",\"ReturnConsumedCapacity\":\"TOTAL\"}");
    assert_scan(&(struct dynamodb_scan){.table = "arn:aws:dynamodb:eu-west-1:1:table/t",
                                        .segment = 3,
                                        .total_segments = 16,
                                        .start_key = "{\"id\":{\"S\":\"\\u00e9\"}}",
                                        .consistent = true},
                "{\"TableName\":\"arn:aws:dynamodb:eu-west-1:1:table/t\",\"Segment\":3,\"TotalSegments\":16,"
                "\"ConsistentRead\":true,\"ExclusiveStartKey\":{\"id\":{\"S\":\"\\u00e9\"}},"
                "\"ReturnConsumedCapacity\":\"TOTAL\"}");
    assert_scan(&(struct dynamodb_scan){.table = "t", .limit = 25},
                "{\"TableName\":\"t\",\"Limit\":25,\"ReturnConsumedCapacity\":\"TOTAL\"}");
}

struct page {
    struct heard heard;
    unsigned accepted, throttled;
};

static bool accept_page(void *arg, const struct http_answer *answer, struct error *error) {
    (void)answer, (void)error;
    ((struct page *)arg)->accepted++;
    return true;
}

static void on_throttle(void *arg) {
    ((struct page *)arg)->throttled++;
}

static void hear_page(void *arg, const struct http_answer *http, const struct error *error) {
    struct page *page = arg;
    page->heard.times++;
    page->heard.status = http ? http->status : 0;
    page->heard.code = error ? error->code : ERROR_NONE;
}

static void a_page_goes_straight_to_its_sink(void **state) {
    (void)state;
    struct page page = {0};
    const struct dynamodb_page_sink sink = {.accept = accept_page, .on_throttle = on_throttle};
    const struct dynamodb_scan scan = {.table = "t", .segment = 1, .total_segments = 4};
    dynamodb_scan_start(NULL, &scan, &sink, hear_page, &page);
    assert_string_equal(fake.what, "Scan of t, segment 1 of 4");
    assert_string_equal(fake.headers,
                        "content-type: application/x-amz-json-1.0\nx-amz-target: DynamoDB_20120810.Scan\n");
    assert_string_equal(fake.body,
                        "{\"TableName\":\"t\",\"Segment\":1,\"TotalSegments\":4,\"ReturnConsumedCapacity\":\"TOTAL\"}");
    assert_ptr_equal(fake.request.sink, &sink.sink);
    fake.request.on_throttle(fake.request.throttle_arg);
    fake_answer(200, "", "");
    assert_int_equal(page.heard.times, 1);
    assert_int_equal(page.heard.status, 200);
    assert_int_equal(page.accepted, 1);
    assert_int_equal(page.throttled, 1);
}

static void a_cancelled_scan_never_hears(void **state) {
    (void)state;
    struct page page = {0};
    const struct dynamodb_page_sink sink = {0};
    dynamodb_cancel(dynamodb_scan_start(NULL, &(struct dynamodb_scan){.table = "t"}, &sink, hear_page, &page));
    assert_string_equal(fake.what, "Scan of t");
    assert_string_equal(fake.needs, "dynamodb:Scan on t");
    assert_int_equal(page.heard.times, 0);
}

static void logs_answers_may_be_empty(void **state) {
    (void)state;
    _cleanup_heard_ struct heard heard = {0};
    logs_start(NULL, "CreateLogStream", "{\"logGroupName\":\"g\"}", hear_logs, &heard);
    assert_string_equal(fake.line, "POST /");
    assert_string_equal(fake.headers,
                        "content-type: application/x-amz-json-1.1\nx-amz-target: Logs_20140328.CreateLogStream\n");
    assert_string_equal(fake.body, "{\"logGroupName\":\"g\"}");
    assert_int_equal(fake.request.service, AWS_LOGS);
    fake_answer(200, "", "");
    assert_string_equal(heard.text, "{}");
    logs_start(NULL, "PutLogEvents", "{}", hear_logs, &heard);
    fake_error(ERROR_DENIED, 400, "no");
    assert_int_equal(heard.times, 2);
    assert_int_equal(heard.code, ERROR_DENIED);
}

#define WITH_FAKE(test) cmocka_unit_test_setup_teardown(test, fake_reset, fake_reset)

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_FAKE(an_operation_is_a_post_of_json),
        WITH_FAKE(a_checksum_that_matches_is_accepted),
        WITH_FAKE(a_checksum_that_does_not_match_is_tried_again),
        WITH_FAKE(an_answer_that_is_no_json_is_not_accepted),
        WITH_FAKE(an_error_goes_through),
        WITH_FAKE(a_cancelled_operation_never_hears),
        WITH_FAKE(the_checksum_header_is_read_strictly),
        WITH_FAKE(scan_bodies),
        WITH_FAKE(a_page_goes_straight_to_its_sink),
        WITH_FAKE(a_cancelled_scan_never_hears),
        WITH_FAKE(logs_answers_may_be_empty),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
