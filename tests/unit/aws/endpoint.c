/* SPDX-License-Identifier: Apache-2.0 */
/* Hosts, paths and regions of every service and partition; overrides; what is no endpoint. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "aws/endpoint.h"
#include "base/memory.h"

/* "URL PATH REGION FLAGS", or the error's words. */
static char *resolve(enum aws_service service, const char *override, const char *region, const char *bucket) {
    struct endpoints endpoints = {0};
    struct endpoint endpoint;
    _cleanup_error_ struct error error = {0};
    endpoints.url[service] = override;
    if (!endpoint_resolve(&endpoint, &endpoints, service, region, bucket, &error)) {
        assert_int_equal(error.code, ERROR_INVALID);
        return x_strdup(error.message);
    }
    char *text = x_printf("%s %s %s%s%s", endpoint.url, endpoint.path, endpoint.region, endpoint.tls ? " tls" : "",
                          endpoint.direct ? " direct" : "");
    assert_string_equal(strstr(endpoint.url, "://") + 3, endpoint.host);
    endpoint_fini(&endpoint);
    return text;
}

static void assert_resolves(enum aws_service service, const char *override, const char *region, const char *bucket,
                            const char *expected) {
    _cleanup_free_ char *found = resolve(service, override, region, bucket);
    assert_string_equal(found, expected);
}

static void each_service_has_its_regional_host(void **state) {
    (void)state;
    assert_resolves(AWS_DYNAMODB, NULL, "eu-west-1", NULL, "https://dynamodb.eu-west-1.amazonaws.com  eu-west-1 tls");
    assert_resolves(AWS_SES, NULL, "eu-west-1", NULL, "https://email.eu-west-1.amazonaws.com  eu-west-1 tls");
    assert_resolves(AWS_STS, NULL, "us-east-1", NULL, "https://sts.us-east-1.amazonaws.com  us-east-1 tls");
    assert_resolves(AWS_LOGS, NULL, "us-gov-west-1", NULL,
                    "https://logs.us-gov-west-1.amazonaws.com  us-gov-west-1 tls");
    assert_resolves(AWS_DYNAMODB, NULL, "cn-north-1", NULL,
                    "https://dynamodb.cn-north-1.amazonaws.com.cn  cn-north-1 tls");
    assert_resolves(AWS_IMDS, NULL, NULL, NULL, "http://169.254.169.254   direct");
}

static void iam_is_one_a_partition(void **state) {
    (void)state;
    assert_resolves(AWS_IAM, NULL, "eu-west-1", NULL, "https://iam.amazonaws.com  us-east-1 tls");
    assert_resolves(AWS_IAM, NULL, "cn-northwest-1", NULL, "https://iam.cn-north-1.amazonaws.com.cn  cn-north-1 tls");
    assert_resolves(AWS_IAM, NULL, "us-gov-east-1", NULL, "https://iam.us-gov.amazonaws.com  us-gov-west-1 tls");
    assert_resolves(AWS_IAM, "http://127.0.0.1:1", "cn-northwest-1", NULL, "http://127.0.0.1:1  cn-north-1 direct");
}

static void buckets_are_hosts_on_aws_and_paths_elsewhere(void **state) {
    (void)state;
    assert_resolves(AWS_S3, NULL, "us-east-1", "my-bucket",
                    "https://my-bucket.s3.us-east-1.amazonaws.com  us-east-1 tls");
    assert_resolves(AWS_S3, NULL, "us-east-1", "my.bucket",
                    "https://s3.us-east-1.amazonaws.com /my.bucket us-east-1 tls");
    assert_resolves(AWS_S3, NULL, "us-east-1", "My_Old", "https://s3.us-east-1.amazonaws.com /My_Old us-east-1 tls");
    assert_resolves(AWS_S3, NULL, "us-east-1", "-ab", "https://s3.us-east-1.amazonaws.com /-ab us-east-1 tls");
    assert_resolves(AWS_S3, NULL, "us-east-1", "ab", "https://s3.us-east-1.amazonaws.com /ab us-east-1 tls");
    assert_resolves(AWS_S3, NULL, "us-east-1", NULL, "https://s3.us-east-1.amazonaws.com  us-east-1 tls");
    assert_resolves(AWS_S3, "http://127.0.0.1:9000", "us-east-1", "b-1", "http://127.0.0.1:9000 /b-1 us-east-1 direct");
    assert_resolves(AWS_S3, "https://minio.example:443/s3/", "us-east-1", "b c",
                    "https://minio.example /s3/b%20c us-east-1 tls");
}

static void bad_buckets_and_regions_are_refused(void **state) {
    (void)state;
    assert_resolves(AWS_S3, NULL, "us-east-1", "a/b", "\"a/b\" is no name of a bucket");
    assert_resolves(AWS_S3, NULL, "us-east-1", "", "\"\" is no name of a bucket");
    assert_resolves(AWS_S3, NULL, "us-east-1", "..", "\"..\" is no name of a bucket");
    assert_resolves(AWS_S3, NULL, "evil.com/", "b", "\"evil.com/\" is no region: one is written like us-east-1");
    assert_resolves(AWS_STS, NULL, NULL, NULL, "\"\" is no region: one is written like us-east-1");
    assert_resolves(AWS_STS, "gopher://x", "us-east-1", NULL,
                    "\"gopher://x\" is no endpoint: it must begin with http:// or https://");
}

static void near_hosts_are_never_proxied(void **state) {
    (void)state;
    assert_resolves(AWS_STS, "http://localhost:1", "a", NULL, "http://localhost:1  a direct");
    assert_resolves(AWS_STS, "http://x.LocalHost", "a", NULL, "http://x.LocalHost  a direct");
    assert_resolves(AWS_STS, "http://[::1]:8080", "a", NULL, "http://[::1]:8080  a direct");
    assert_resolves(AWS_STS, "http://[fd00:ec2::254]:80", "a", NULL, "http://[fd00:ec2::254]  a direct");
    assert_resolves(AWS_STS, "http://169.254.170.2", "a", NULL, "http://169.254.170.2  a direct");
    assert_resolves(AWS_STS, "http://127.evil.example", "a", NULL, "http://127.evil.example  a");
    assert_resolves(AWS_STS, "http://128.0.0.1", "a", NULL, "http://128.0.0.1  a");
}

static void assert_url(const char *text, const char *why) {
    _cleanup_error_ struct error error = {0};
    bool good = endpoint_url_check(text, &error);
    if (!why)
        assert_true(good);
    else if (good || !strstr(error.message, why))
        fail_msg("%s: %s", text, error.message);
}

static void an_url_is_checked(void **state) {
    (void)state;
    assert_url("http://h", NULL);
    assert_url("HTTPS://h.example:65535/a/b", NULL);
    assert_url("http://[2001:db8::1]", NULL);
    assert_url("h.example", "begin with http");
    assert_url("http://", "the host must be");
    assert_url("http://h/", "not end in /");
    assert_url("http://h/?x", "query or fragment");
    assert_url("http://h#x", "query or fragment");
    assert_url("http://u:p@h", "user or password");
    assert_url("http://h:0", "1 to 65535");
    assert_url("http://h:65536", "1 to 65535");
    assert_url("http://h:", "1 to 65535");
    assert_url("http://h:8o", "1 to 65535");
    assert_url("http://h:123456", "1 to 65535");
    assert_url("http://[::1", "the host must be");
    assert_url("http://[::1]x", "the host must be");
    assert_url("http://[nine]", "the host must be");
    assert_url("http://h,i", "the host must be");
    assert_url("http://h i", "character");
    assert_url("http://h\xc3\xa9", "character");
}

static void regions_and_partitions(void **state) {
    (void)state;
    assert_string_equal(region_partition("cn-north-1"), "aws-cn");
    assert_string_equal(region_partition("us-gov-west-1"), "aws-us-gov");
    assert_string_equal(region_partition("us-west-1"), "aws");
    assert_true(region_valid("ap-southeast-1"));
    assert_false(region_valid(""));
    assert_false(region_valid(NULL));
    assert_false(region_valid("-a"));
    assert_false(region_valid("a-"));
    assert_false(region_valid("a.b"));
    assert_false(region_valid("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"));
    assert_string_equal(aws_service_signing_name(AWS_SES), "ses");
    assert_string_equal(aws_service_name(AWS_LOGS), "CloudWatch Logs");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_service_has_its_regional_host),
        cmocka_unit_test(iam_is_one_a_partition),
        cmocka_unit_test(buckets_are_hosts_on_aws_and_paths_elsewhere),
        cmocka_unit_test(bad_buckets_and_regions_are_refused),
        cmocka_unit_test(near_hosts_are_never_proxied),
        cmocka_unit_test(an_url_is_checked),
        cmocka_unit_test(regions_and_partitions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
