/* SPDX-License-Identifier: Apache-2.0 */
/* What the environment adds: the SDKs' endpoints and certificates, systemd's directories. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/memory.h"
#include "parsing.h"

enum { DYNAMODB, S3, SES, STS, LOGS, IAM, IMDS };

static struct config *parse_under(const char *main_text, const char *const *environment) {
    parsing_environment = environment;
    struct config *config = parse_good(main_text, NULL);
    parsing_environment = NULL;
    return config;
}
#define under(main_text, ...) parse_under(main_text, (const char *const[]){__VA_ARGS__, NULL})

static void one_variable_serves_all_services_but_imds(void **state) {
    (void)state;
    struct config *config = under("", "AWS_ENDPOINT_URL", "http://all:1/");
    for (int i = DYNAMODB; i <= IAM; i++)
        assert_string_equal(config->endpoints[i], "http://all:1");
    assert_null(config->endpoints[IMDS]);
    config_unref(config);
}

static void a_services_own_variable_beats_the_one_for_all(void **state) {
    (void)state;
    struct config *config =
        under("", "AWS_ENDPOINT_URL", "http://all", "AWS_ENDPOINT_URL_DYNAMODB", "http://d", "AWS_ENDPOINT_URL_S3",
              "http://s3", "AWS_ENDPOINT_URL_SESV2", "http://ses", "AWS_ENDPOINT_URL_STS", "http://sts",
              "AWS_ENDPOINT_URL_CLOUDWATCH_LOGS", "http://logs", "AWS_ENDPOINT_URL_IAM", "",
              "AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://[fd00:ec2::254]/");
    static const char *const wanted[] = {
        "http://d", "http://s3", "http://ses", "http://sts", "http://logs", "http://all", "http://[fd00:ec2::254]"};
    for (int i = 0; i < CONFIG_ENDPOINTS; i++)
        assert_string_equal(config->endpoints[i], wanted[i]);
    config_unref(config);
}

static void the_file_wins(void **state) {
    (void)state;
    struct config *config =
        under("[Endpoints]\nS3=http://file\nIMDS=http://imds\nCaBundle=/file.pem\n"
              "[Daemon]\nStateDirectory=/s\nRuntimeDirectory=/r\n",
              "AWS_ENDPOINT_URL", "http://all", "AWS_ENDPOINT_URL_S3", "http://s3", "AWS_EC2_METADATA_SERVICE_ENDPOINT",
              "http://other", "AWS_CA_BUNDLE", "/variable.pem", "STATE_DIRECTORY", "/x", "RUNTIME_DIRECTORY", "/y");
    assert_string_equal(config->endpoints[S3], "http://file");
    assert_string_equal(config->endpoints[SES], "http://all");
    assert_string_equal(config->endpoints[IMDS], "http://imds");
    assert_string_equal(config->ca_bundle, "/file.pem");
    assert_string_equal(config->state_directory, "/s");
    assert_string_equal(config->runtime_directory, "/r");
    config_unref(config);
}

static void the_variables_can_be_ignored(void **state) {
    (void)state;
    struct config *config = under("[Endpoints]\nS3=http://file\n", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true",
                                  "AWS_ENDPOINT_URL", "http://all", "AWS_ENDPOINT_URL_SESV2", "http://ses");
    assert_string_equal(config->endpoints[S3], "http://file");
    assert_null(config->endpoints[SES]);
    assert_null(config->endpoints[DYNAMODB]);
    config_unref(config);
    config = under("", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "false", "AWS_ENDPOINT_URL", "http://all");
    assert_string_equal(config->endpoints[LOGS], "http://all");
    config_unref(config);
}

static void certificates_come_from_the_sdks_variable(void **state) {
    (void)state;
    struct config *config = under("", "AWS_CA_BUNDLE", "/ca.pem");
    assert_string_equal(config->ca_bundle, "/ca.pem");
    config_unref(config);
}

static void systemd_names_the_directories(void **state) {
    (void)state;
    struct config *config =
        under("", "STATE_DIRECTORY", "/var/lib/private/x:/var/lib/y", "RUNTIME_DIRECTORY", "/run/x");
    assert_string_equal(config->state_directory, "/var/lib/private/x");
    assert_string_equal(config->runtime_directory, "/run/x");
    config_unref(config);
    config = under("", "STATE_DIRECTORY", "relative", "RUNTIME_DIRECTORY", "");
    assert_string_equal(config->state_directory, "/var/lib/dynamodb-backupd");
    assert_string_equal(config->runtime_directory, "/run/dynamodb-backupd");
    config_unref(config);
}

static void expect_refused(const char *name, const char *value, const char *wanted) {
    const char *const environment[] = {name, value, NULL};
    parsing_environment = environment;
    _cleanup_free_ char *found = parse_problems("", NULL);
    parsing_environment = NULL;
    if (strncmp(found, wanted, strlen(wanted)) != 0 || strchr(found, '\n')[1])
        fail_msg("wanted %s..., found:\n%s", wanted, found);
}

static void a_bad_variable_is_told_once(void **state) {
    (void)state;
    expect_refused("AWS_ENDPOINT_URL", "localhost:8000",
                   "environment: AWS_ENDPOINT_URL: \"localhost:8000\" is not accepted");
    expect_refused("AWS_ENDPOINT_URL_S3", "x", "environment: AWS_ENDPOINT_URL_S3: ");
    expect_refused("AWS_EC2_METADATA_SERVICE_ENDPOINT", "x", "environment: AWS_EC2_METADATA_SERVICE_ENDPOINT: ");
    expect_refused("AWS_CA_BUNDLE", "ca.pem",
                   "environment: AWS_CA_BUNDLE: \"ca.pem\" is not accepted; accepted: an absolute path");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_variable_serves_all_services_but_imds),
        cmocka_unit_test(a_services_own_variable_beats_the_one_for_all),
        cmocka_unit_test(the_file_wins),
        cmocka_unit_test(the_variables_can_be_ignored),
        cmocka_unit_test(certificates_come_from_the_sdks_variable),
        cmocka_unit_test(systemd_names_the_directories),
        cmocka_unit_test(a_bad_variable_is_told_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
