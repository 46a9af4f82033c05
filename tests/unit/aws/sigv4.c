/* SPDX-License-Identifier: Apache-2.0 */
/* The signer's own corners; AWS's suite is in sigv4_suite.c, botocore's judgement in tests/sigv4/. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "aws/sigv4.h"
#include "base/memory.h"

#define DATE "20130524T000000Z"
#define TIME 1369353600

/* The keys of AWS's own examples: docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html */
static const struct credentials example = {
    .access_key = (char[]){"AKIAIOSFODNN7EXAMPLE"},
    .secret_key = (char[]){"wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"},
};

#define HOST                                                                                                           \
    { "Host", "examplebucket.s3.amazonaws.com", false }

static struct sigv4_request s3_request(const struct http_header *headers, size_t count) {
    return (struct sigv4_request){
        .method = "GET",
        .path = "/",
        .query = "",
        .headers = headers,
        .header_count = count,
        .payload_hash = SIGV4_EMPTY,
        .region = "us-east-1",
        .service = "s3",
        .time = TIME,
    };
}

static void assert_canonical(const struct sigv4_request *request, const char *expected) {
    _cleanup_free_ char *canonical = sigv4_canonical_request(request);
    assert_string_equal(canonical, expected);
}

/* Only the first three lines: method, path, query. */
static void assert_target(const char *path, const char *query, bool service_is_s3, const char *expected) {
    struct sigv4_request request = s3_request(NULL, 0);
    request.path = path;
    request.query = query;
    request.normalize_path = request.encode_twice = !service_is_s3;
    _cleanup_free_ char *canonical = sigv4_canonical_request(&request);
    _cleanup_free_ char *whole = x_printf("GET\n%s\n\n\n" SIGV4_EMPTY, expected);
    assert_string_equal(canonical, whole);
}

static void aws_example_of_a_ranged_get(void **state) {
    (void)state;
    const struct http_header headers[] = {
        HOST, {"Range", "bytes=0-9", false}, {"x-amz-content-sha256", SIGV4_EMPTY, false}, {"x-amz-date", DATE, false}};
    struct sigv4_request request = s3_request(headers, array_length(headers));
    request.path = "/test.txt";
    _cleanup_free_ char *authorization = sigv4_authorization(&request, &example);
    assert_string_equal(authorization,
                        "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, "
                        "SignedHeaders=host;range;x-amz-content-sha256;x-amz-date, "
                        "Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41");
}

static void aws_example_of_a_presigned_get(void **state) {
    (void)state;
    const struct http_header headers[] = {HOST};
    struct sigv4_request request = s3_request(headers, 1);
    request.path = "/test.txt";
    request.payload_hash = SIGV4_UNSIGNED;
    _cleanup_secret_ char *query = sigv4_presign(&request, &example, 86400);
    assert_string_equal(query, "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2F"
                               "us-east-1%2Fs3%2Faws4_request&X-Amz-Date=20130524T000000Z&X-Amz-SignedHeaders=host&"
                               "X-Amz-Expires=86400&X-Amz-Signature="
                               "aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404");
}

static void presigning_keeps_the_query_and_signs_the_token(void **state) {
    (void)state;
    struct credentials temporary = example;
    temporary.session_token = (char[]){"a+b/c="};
    const struct http_header headers[] = {HOST};
    struct sigv4_request request = s3_request(headers, 1);
    request.query = "versionId=3%2F4";
    _cleanup_secret_ char *query = sigv4_presign(&request, &temporary, 60);
    assert_ptr_equal(strstr(query, "versionId=3%2F4&X-Amz-Algorithm=AWS4-HMAC-SHA256&"), query);
    assert_non_null(strstr(query, "&X-Amz-Expires=60&X-Amz-Security-Token=a%2Bb%2Fc%3D&X-Amz-Signature="));
    _cleanup_secret_ char *without = sigv4_presign(&request, &example, 60);
    assert_string_not_equal(strstr(query, "Signature="), strstr(without, "Signature="));
}

static void headers_are_lowered_sorted_trimmed_and_joined(void **state) {
    (void)state;
    const struct http_header headers[] = {
        {"X-Z", " last ", false}, {"X-A", "\t two \r\n  words\t", false}, HOST, {"x-a", "", false},
        {"X-a", "third", false},
    };
    struct sigv4_request request = s3_request(headers, array_length(headers));
    assert_canonical(&request, "GET\n/\n\nhost:examplebucket.s3.amazonaws.com\nx-a:two words,,third\nx-z:last\n\n"
                               "host;x-a;x-z\n" SIGV4_EMPTY);
}

static void a_query_sorts_by_name_then_value(void **state) {
    (void)state;
    assert_target("/", "b=2&a-b=1&a=2&a=10&a=&a", true, "/\na=&a=&a=10&a=2&a-b=1&b=2");
    assert_target("/", "uploads", true, "/\nuploads=");
    assert_target("/", "&a=1&&b==2&", true, "/\na=1&b=%3D2");
}

static void a_query_is_encoded_exactly_once(void **state) {
    (void)state;
    assert_target("/", "k=%7e%2f+%20", true, "/\nk=~%2F%2B%20");
    assert_target("/", "k=\xe1\x88\xb4", true, "/\nk=%E1%88%B4");
    assert_target("/", "k=100%", true, "/\nk=100%25");
    assert_target("/", "%3D%26=1", true, "/\n%3D%26=1");
}

static void s3_signs_the_path_as_it_goes(void **state) {
    (void)state;
    assert_target("/a//b/../c%20d/.", "", true, "/a//b/../c%20d/.\n");
}

static void other_services_normalize_and_encode_again(void **state) {
    (void)state;
    assert_target("/", "", false, "/\n");
    assert_target("", "", false, "/\n");
    assert_target("//a///b/./c/../d%20e//", "", false, "/a/b/d%2520e/\n");
    assert_target("/../../a", "", false, "/a\n");
    assert_target("/a/..", "", false, "/\n");
    assert_target("/a/b/..", "", false, "/a\n");
    assert_target("/a/.b/..c", "", false, "/a/.b/..c\n");
}

static void the_string_to_sign_names_day_region_and_service(void **state) {
    (void)state;
    struct sigv4_request request = s3_request(NULL, 0);
    request.region = "ap-southeast-1";
    request.service = "dynamodb";
    _cleanup_free_ char *string = sigv4_string_to_sign(&request, "");
    assert_string_equal(string,
                        "AWS4-HMAC-SHA256\n" DATE "\n20130524/ap-southeast-1/dynamodb/aws4_request\n" SIGV4_EMPTY);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(aws_example_of_a_ranged_get),
        cmocka_unit_test(aws_example_of_a_presigned_get),
        cmocka_unit_test(presigning_keeps_the_query_and_signs_the_token),
        cmocka_unit_test(headers_are_lowered_sorted_trimmed_and_joined),
        cmocka_unit_test(a_query_sorts_by_name_then_value),
        cmocka_unit_test(a_query_is_encoded_exactly_once),
        cmocka_unit_test(s3_signs_the_path_as_it_goes),
        cmocka_unit_test(other_services_normalize_and_encode_again),
        cmocka_unit_test(the_string_to_sign_names_day_region_and_service),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
