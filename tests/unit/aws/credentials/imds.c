/* SPDX-License-Identifier: Apache-2.0 */
/* Conversations with a metadata service on a real socket. */
#include "host.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "aws/imds.h"
#include "base/memory.h"

#define TOKEN  "PUT /latest/api/token\n"
#define ROLES  "GET /latest/meta-data/iam/security-credentials/\n"
#define KEYS   "GET /latest/meta-data/iam/security-credentials/backup-host\n"
#define REGION "GET /latest/meta-data/placement/region\n"

struct told {
    int times;
    char access_key[32], region[32];
    enum error_code code;
    char message[400];
};

static void on_told(void *arg, const struct credentials *got, const char *region, const struct error *error) {
    struct told *told = arg;
    told->times++;
    assert_int_equal((got != NULL) + (region != NULL) + (error != NULL), 1);
    snprintf(told->access_key, sizeof told->access_key, "%s", got ? got->access_key : "");
    snprintf(told->region, sizeof told->region, "%s", region ? region : "");
    told->code = error ? error->code : ERROR_NONE;
    snprintf(told->message, sizeof told->message, "%s", error ? error->message : "");
}

static struct told ask(struct host *host, struct imds *imds, bool region) {
    struct told told = {0};
    if (region)
        imds_region_start(imds, on_told, &told);
    else
        imds_credentials_start(imds, on_told, &told);
    assert_int_equal(told.times, 0);
    host_run_until(host, &told.times, 1);
    return told;
}

static void the_roles_credentials_come(void **state) {
    struct host *host = *state;
    struct imds *imds = imds_new(host->client, host_getenv);
    assert_string_equal(ask(host, imds, false).access_key, "ASIAHOST");
    assert_log(host, TOKEN ROLES KEYS);
    imds_free(imds);
}

static void the_token_is_used_again_until_shortly_before_its_end(void **state) {
    struct host *host = *state;
    struct imds *imds = imds_new(host->client, host_getenv);
    assert_string_equal(ask(host, imds, true).region, "ap-southeast-1");
    host_later(6 * HOUR_MS - 5 * MINUTE_MS - 1);
    ask(host, imds, true);
    assert_log(host, TOKEN REGION REGION);
    host_later(1);
    ask(host, imds, true);
    assert_log(host, TOKEN REGION);
    imds_free(imds);
}

static void a_refused_token_is_renewed_once(void **state) {
    struct host *host = *state;
    struct imds *imds = imds_new(host->client, host_getenv);
    ask(host, imds, false);
    assert_log(host, TOKEN ROLES KEYS);
    host->forgotten = host->tokens;
    assert_string_equal(ask(host, imds, false).access_key, "ASIAHOST");
    assert_log(host, ROLES TOKEN ROLES KEYS);
    host_fault(host, "GET", 401, "", 9);
    struct told told = ask(host, imds, false);
    assert_log(host, ROLES TOKEN ROLES);
    assert_int_equal(told.code, ERROR_CORRUPT);
    assert_string_equal(told.message, "instance metadata: role: it answered 401");
    imds_free(imds);
}

static void a_step_that_fails_is_tried_three_times(void **state) {
    struct host *host = *state;
    struct imds *imds = imds_new(host->client, host_getenv);
    host_fault(host, "PUT", 503, "", 1);
    host_fault(host, "GET /latest/meta-data/iam/security-credentials/backup-host", 500, "", 2);
    assert_string_equal(ask(host, imds, false).access_key, "ASIAHOST");
    assert_log(host, TOKEN TOKEN ROLES KEYS KEYS KEYS);
    host_fault(host, "GET", 500, "", 3);
    struct told told = ask(host, imds, true);
    assert_int_equal(told.code, ERROR_TRANSIENT);
    assert_string_equal(told.message, "instance metadata: region: it answered 500");
    assert_log(host, REGION REGION REGION);
    imds_free(imds);
}

static void what_the_service_refuses_is_told(void **state) {
    struct host *host = *state;
    struct imds *imds = imds_new(host->client, host_getenv);
    host_fault(host, "PUT", 403, "", 1);
    struct told told = ask(host, imds, false);
    assert_int_equal(told.code, ERROR_DENIED);
    assert_string_equal(told.message,
                        "instance metadata: token: 403: the instance metadata service is turned off for this instance");
    host_fault(host, "GET", 404, "", 1);
    told = ask(host, imds, false);
    assert_int_equal(told.code, ERROR_NOT_FOUND);
    assert_string_equal(told.message,
                        "instance metadata: role: 404: the instance has no role; attach an instance profile to it");
    imds_free(imds);
}

static void hostile_answers_end_in_one_error(void **state) {
    struct host *host = *state;
    struct imds *imds = imds_new(host->client, host_getenv);
    host_fault(host, "PUT", 200, "a b", 1);
    assert_int_equal(ask(host, imds, false).code, ERROR_CORRUPT);
    host_fault(host, "GET", 200, "../../../evil", 1);
    assert_string_equal(ask(host, imds, false).message,
                        "instance metadata: role: the answer is not one role's name (13 bytes came)");
    host_fault(host, "GET", 200, "<html>", 1);
    assert_int_equal(ask(host, imds, true).code, ERROR_CORRUPT);
    host_fault(host, "GET /latest/meta-data/iam/security-credentials/b", 200, "{\"Code\":\"Success\"", 1);
    assert_int_equal(ask(host, imds, false).code, ERROR_CORRUPT);
    char *large = x_malloc(64 * 1024 + 1);
    memset(large, 'a', 64 * 1024);
    large[64 * 1024] = '\0';
    host_fault(host, "GET", 200, large, 1);
    assert_int_equal(ask(host, imds, false).code, ERROR_TOO_LARGE);
    free(large);
    imds_free(imds);
}

static void an_error_of_the_role_is_tried_again_then_told(void **state) {
    struct host *host = *state;
    struct imds *imds = imds_new(host->client, host_getenv);
    host_fault(host, "GET /latest/meta-data/iam/security-credentials/b", 200,
               "{\"Code\":\"Failed\",\"Message\":\"not now\"}", 3);
    struct told told = ask(host, imds, false);
    assert_string_equal(told.message, "instance metadata: role: backup-host: Failed: not now");
    assert_int_equal(told.code, ERROR_TRANSIENT);
    assert_log(host, TOKEN ROLES KEYS KEYS KEYS);
    imds_free(imds);
}

static void a_host_without_it_is_remembered_for_a_minute(void **state) {
    struct host *host = *state;
    host_setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://127.0.0.1:9/");
    struct http_client *http = host->http;
    const struct aws_client_options options = {
        .loop = &host->loop, .http = http, .wall = host_now, .monotonic = host_now, .random = random_uniform};
    struct aws_client *client = aws_client_new(&options);
    struct imds *imds = imds_new(client, host_getenv);
    struct told told = ask(host, imds, false);
    assert_int_equal(told.code, ERROR_TRANSIENT);
    assert_non_null(strstr(told.message, "instance metadata: token: "));
    assert_non_null(strstr(told.message, "is this an EC2 instance"));
    assert_int_equal(http_client_stats(http).calls, 3);
    host_later(MINUTE_MS - 1);
    assert_string_equal(ask(host, imds, true).message, told.message);
    assert_int_equal(http_client_stats(http).calls, 3);
    host_later(1);
    assert_int_equal(ask(host, imds, true).code, ERROR_TRANSIENT);
    assert_int_equal(http_client_stats(http).calls, 6);
    imds_free(imds);
    aws_client_free(client);
}

static void a_service_that_has_answered_is_asked_again_at_once(void **state) {
    struct host *host = *state;
    struct imds *imds = imds_new(host->client, host_getenv);
    ask(host, imds, true);
    host_fault(host, "GET", 0, NULL, 100);
    assert_int_equal(ask(host, imds, true).code, ERROR_TRANSIENT);
    host->faults[0].times = 0;
    assert_string_equal(ask(host, imds, true).region, "ap-southeast-1");
    imds_free(imds);
}

static void it_can_be_turned_off(void **state) {
    struct host *host = *state;
    host_setenv("AWS_EC2_METADATA_DISABLED", "True");
    struct imds *imds = imds_new(host->client, host_getenv);
    struct told told = ask(host, imds, false);
    assert_int_equal(told.code, ERROR_NOT_FOUND);
    assert_string_equal(told.message, "instance metadata: token: AWS_EC2_METADATA_DISABLED is true");
    assert_log(host, "");
    imds_free(imds);
}

static void many_ask_at_once(void **state) {
    struct host *host = *state;
    struct imds *imds = imds_new(host->client, host_getenv);
    struct told told[8] = {{0}};
    for (int i = 0; i < 8; i++)
        imds_credentials_start(imds, on_told, &told[i]);
    for (int i = 0; i < 8; i++) {
        host_run_until(host, &told[i].times, 1);
        assert_string_equal(told[i].access_key, "ASIAHOST");
    }
    imds_free(imds);
}

static void a_cancelled_call_never_hears(void **state) {
    struct host *host = *state;
    struct imds *imds = imds_new(host->client, host_getenv);
    struct told dropped = {0};
    imds_cancel(imds_credentials_start(imds, on_told, &dropped));
    for (int turns = 1; turns < 12; turns++) {
        struct imds_call *call = imds_credentials_start(imds, on_told, &dropped);
        for (int i = 0; i < turns && !dropped.times; i++)
            uv_run(&host->loop, UV_RUN_NOWAIT);
        if (!dropped.times)
            imds_cancel(call);
        dropped.times = 0;
    }
    host_fault(host, "GET", -1, NULL, 1);
    struct imds_call *call = imds_region_start(imds, on_told, &dropped);
    while (host->faults[0].times)
        uv_run(&host->loop, UV_RUN_ONCE);
    imds_cancel(call);
    assert_int_equal(dropped.times, 0);
    imds_free(imds);
}

#define WITH_HOST(test) cmocka_unit_test_setup_teardown(test, host_set_up, host_tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_HOST(the_roles_credentials_come),
        WITH_HOST(the_token_is_used_again_until_shortly_before_its_end),
        WITH_HOST(a_refused_token_is_renewed_once),
        WITH_HOST(a_step_that_fails_is_tried_three_times),
        WITH_HOST(what_the_service_refuses_is_told),
        WITH_HOST(hostile_answers_end_in_one_error),
        WITH_HOST(an_error_of_the_role_is_tried_again_then_told),
        WITH_HOST(a_host_without_it_is_remembered_for_a_minute),
        WITH_HOST(a_service_that_has_answered_is_asked_again_at_once),
        WITH_HOST(it_can_be_turned_off),
        WITH_HOST(many_ask_at_once),
        WITH_HOST(a_cancelled_call_never_hears),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
