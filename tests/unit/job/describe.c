/* SPDX-License-Identifier: Apache-2.0 */
/* What is read out of a table's description, whoever answered; and the four questions, with a client that answers when told to. */
#include "job/describe.h"

#include "../aws/fake_client.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"
#include "base/memory.h"

#define NAMED "{\"Table\":{\"TableName\":\"tab\",\"TableArn\":\"arn:aws:dynamodb:eu-west-1:123456789012:table/tab\""

static struct json_object *definition(const char *text) {
    struct json_object *object = json_parse(text, strlen(text), NULL);
    assert_non_null(object);
    return object;
}

static void all_that_is_there_is_read(void **state) {
    (void)state;
    _cleanup_json_ struct json_object *object = definition(
        NAMED ",\"TableId\":\"id-1\",\"TableStatus\":\"ACTIVE\",\"ItemCount\":3,\"TableSizeBytes\":5000000000}}");
    struct table_description table;
    assert_true(table_description_read(&table, object, NULL));
    assert_string_equal(table.name, "tab");
    assert_string_equal(table.arn, "arn:aws:dynamodb:eu-west-1:123456789012:table/tab");
    assert_string_equal(table.id, "id-1");
    assert_string_equal(table.status, "ACTIVE");
    assert_int_equal(table.items, 3);
    assert_int_equal(table.bytes, 5000000000);
    assert_ptr_equal(table.definition, object);
}

static void what_is_missing_is_none_and_nought(void **state) {
    (void)state;
    _cleanup_json_ struct json_object *object = definition(NAMED "}}");
    struct table_description table;
    assert_true(table_description_read(&table, object, NULL));
    assert_null(table.id);
    assert_null(table.status);
    assert_int_equal(table.items, 0);
    assert_int_equal(table.bytes, 0);
}

/* As a huge unsigned number it would have planned files of exabytes. */
static void a_size_or_count_below_zero_is_nought(void **state) {
    (void)state;
    static const char *const counts[] = {
        "-1", "-9223372036854775808", "-99999999999999999999", "\"12\"", "null", "1.5", "[]",
    };
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        char text[512];
        struct table_description table;
        snprintf(text, sizeof text, "%s,\"ItemCount\":%s,\"TableSizeBytes\":%s}}", NAMED, counts[i], counts[i]);
        _cleanup_json_ struct json_object *object = definition(text);
        assert_true(table_description_read(&table, object, NULL));
        assert_int_equal(table.items, 0);
        assert_int_equal(table.bytes, 0);
    }
}

static void a_table_that_no_backup_could_name_is_refused(void **state) {
    (void)state;
    static const char *const tables[] = {
        "{}",
        "{\"Table\":null}",
        "{\"Table\":[]}",
        "{\"Table\":{\"TableName\":\"tab\"}}",
        "{\"Table\":{\"TableArn\":\"arn\"}}",
        "{\"Table\":{\"TableName\":1,\"TableArn\":\"arn\"}}",
        "{\"Table\":{\"TableName\":\"t\\u0000ab\",\"TableArn\":\"arn\"}}",
    };
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) {
        struct table_description table;
        _cleanup_error_ struct error error = {0};
        _cleanup_json_ struct json_object *object = definition(tables[i]);
        assert_false(table_description_read(&table, object, &error));
        assert_int_equal(error.code, ERROR_CORRUPT);
    }
}

/* ------------------------------------------------------------ the story */

#define NOW INT64_C(1751767200000) /* 2025-07-06 02:00:00 UTC */

struct asking {
    uv_loop_t loop;
    struct aws_client *client;
    struct credential_provider *provider;
    struct aws_session *session;
    unsigned times;
    bool found;
    struct error error;
    int64_t offset;
    char *unknown; /* as JSON */
    char *definition;
};

static int64_t now(void) {
    return NOW;
}

static void free_nothing(void *self) {
    (void)self;
}

static int set_up(void **state) {
    static const struct credential_source none = {.name = "none", .free = free_nothing};
    struct asking *asking = x_calloc(1, sizeof *asking);
    uv_loop_init(&asking->loop);
    const struct aws_client_options options = {.loop = &asking->loop, .wall = now, .monotonic = now};
    asking->client = aws_client_new(&options);
    asking->provider = credential_provider_new(&asking->loop, &none, NULL, NULL);
    asking->session = aws_session_new(asking->client, asking->provider, "eu-west-1", NULL);
    *state = asking;
    return fake_reset(state);
}

static int tear_down(void **state) {
    struct asking *asking = *state;
    aws_session_free(asking->session);
    credential_provider_unref(asking->provider);
    aws_client_free(asking->client);
    uv_run(&asking->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&asking->loop), 0);
    error_clear(&asking->error);
    free(asking->unknown);
    free(asking->definition);
    free(asking);
    return fake_reset(state);
}

static void on_described(void *arg, const struct table_description *table, const struct error *error) {
    struct asking *asking = arg;
    assert_true(!table != !error);
    asking->times++;
    asking->found = table;
    if (error) {
        asking->error = error_copy(error);
        return;
    }
    asking->offset = table->clock_offset;
    asking->unknown =
        x_strdup(json_object_to_json_string_ext(json_array_at(table->definition, "unknown"), JSON_C_TO_STRING_PLAIN));
    asking->definition = x_strdup(json_object_to_json_string_ext(table->definition, JSON_C_TO_STRING_PLAIN));
}

static void assert_asks(const char *operation, const char *body) {
    _cleanup_free_ char *target = x_printf("x-amz-target: DynamoDB_20120810.%s\n", operation);
    assert_non_null(strstr(fake.headers, target));
    assert_string_equal(fake.body, body);
}

static void four_questions_make_a_definition(void **state) {
    struct asking *asking = *state;
    assert_non_null(describe_start(asking->session, "tab", on_described, asking));
    assert_asks("DescribeTable", "{\"TableName\":\"tab\"}");
    fake_answer(200, "", NAMED "}}");
    assert_asks("DescribeTimeToLive", "{\"TableName\":\"tab\"}");
    fake_answer(200, "", "{\"TimeToLiveDescription\":{\"TimeToLiveStatus\":\"DISABLED\"}}");
    assert_asks("ListTagsOfResource", "{\"ResourceArn\":\"arn:aws:dynamodb:eu-west-1:123456789012:table\\/tab\"}");
    fake_answer(200, "", "{\"Tags\":[{\"Key\":\"k\",\"Value\":\"v\"}]}");
    assert_asks("DescribeContinuousBackups", "{\"TableName\":\"tab\"}");
    assert_int_equal(asking->times, 0);
    fake_answer(200, "", "{\"ContinuousBackupsDescription\":{\"ContinuousBackupsStatus\":\"ENABLED\"}}");
    assert_int_equal(asking->times, 1);
    assert_string_equal(asking->unknown, "[]");
    assert_non_null(strstr(asking->definition, "\"Tags\":[{\"Key\":\"k\",\"Value\":\"v\"}]"));
    assert_non_null(strstr(asking->definition, "\"ContinuousBackupsStatus\":\"ENABLED\""));
}

static void what_may_not_be_read_is_noted_and_fails_nothing(void **state) {
    struct asking *asking = *state;
    describe_start(asking->session, "tab", on_described, asking);
    fake_answer(200, "", NAMED "}}");
    fake_error(ERROR_DENIED, 400, "AccessDeniedException");
    fake_answer(200, "", "{}");
    fake_error(ERROR_INVALID, 400, "UnknownOperationException");
    assert_true(asking->found);
    assert_string_equal(asking->unknown, "[\"DescribeTimeToLive: denied\",\"ListTagsOfResource: the answer lacks it\","
                                         "\"DescribeContinuousBackups: invalid\"]");
}

static void a_table_that_is_not_there_is_said_with_its_region(void **state) {
    struct asking *asking = *state;
    describe_start(asking->session, "tab", on_described, asking);
    fake_error(ERROR_NOT_FOUND, 400, "ResourceNotFoundException");
    assert_int_equal(asking->error.code, ERROR_NOT_FOUND);
    assert_non_null(strstr(asking->error.message, "is there a table tab in region eu-west-1 of this account?"));
}

static void a_description_without_a_name_is_not_asked_about_further(void **state) {
    struct asking *asking = *state;
    static const char *const answers[] = {"{}", "{\"Table\":null}", "{\"Table\":{\"TableName\":\"tab\"}}", ""};
    for (size_t i = 0; i < array_length(answers); i++) {
        describe_start(asking->session, "tab", on_described, asking);
        fake_answer(200, "", answers[i]);
        assert_int_equal(asking->times, i + 1);
        assert_int_equal(asking->error.code, ERROR_CORRUPT);
        assert_non_null(strstr(asking->error.message, "DescribeTable of tab"));
        error_clear(&asking->error);
    }
    assert_int_equal(fake.starts, array_length(answers));
}

/* The backup's ID is named by the server's clock where ours is off. */
static void a_clock_that_is_off_is_noticed(void **state) {
    static const struct {
        const char *headers;
        int64_t offset;
    } cases[] = {
        {"date: Sun, 06 Jul 2025 02:00:05 GMT\n", 0},
        {"date: Sun, 06 Jul 2025 02:00:06 GMT\n", 6 * SECOND_MS},
        {"date: Sun, 06 Jul 2025 01:00:00 GMT\n", -HOUR_MS},
        {"date: yesterday\n", 0},
        {"", 0},
    };
    struct asking *asking = *state;
    for (size_t i = 0; i < array_length(cases); i++) {
        describe_start(asking->session, "tab", on_described, asking);
        fake_answer(200, cases[i].headers, NAMED "}}");
        for (int k = 0; k < 3; k++)
            fake_error(ERROR_DENIED, 400, "AccessDeniedException");
        assert_int_equal(asking->offset, cases[i].offset);
        free(asking->unknown);
        free(asking->definition);
        asking->unknown = asking->definition = NULL;
    }
}

static void a_question_that_is_taken_back_is_never_answered(void **state) {
    struct asking *asking = *state;
    describe_cancel(describe_start(asking->session, "tab", on_described, asking));
    struct describe *describe = describe_start(asking->session, "tab", on_described, asking);
    fake_answer(200, "", NAMED "}}");
    describe_cancel(describe);
    describe_cancel(NULL);
    assert_int_equal(fake.cancels, 2);
    assert_int_equal(asking->times, 0);
}

#define STORY(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_that_is_there_is_read),
        cmocka_unit_test(what_is_missing_is_none_and_nought),
        cmocka_unit_test(a_size_or_count_below_zero_is_nought),
        cmocka_unit_test(a_table_that_no_backup_could_name_is_refused),
        STORY(four_questions_make_a_definition),
        STORY(what_may_not_be_read_is_noted_and_fails_nothing),
        STORY(a_table_that_is_not_there_is_said_with_its_region),
        STORY(a_description_without_a_name_is_not_asked_about_further),
        STORY(a_clock_that_is_off_is_noticed),
        STORY(a_question_that_is_taken_back_is_never_answered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
