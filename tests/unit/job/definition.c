/* SPDX-License-Identifier: Apache-2.0 */
/* Saved definitions become the bodies of calls: what goes along, what must not, what is lost. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/memory.h"
#include "job/definition.h"

#define KEYS                                                                                                           \
    "\"TableName\":\"old\",\"TableArn\":\"arn:aws:dynamodb:eu-west-1:123456789012:table/old\",\"KeySchema\":["         \
    "{\"AttributeName\":\"id\",\"KeyType\":\"HASH\"},{\"AttributeName\":\"at\",\"KeyType\":\"RANGE\"}],"               \
    "\"AttributeDefinitions\":[{\"AttributeName\":\"at\",\"AttributeType\":\"N\"},{\"AttributeName\":\"id\","          \
    "\"AttributeType\":\"S\"},{\"AttributeName\":\"mail\",\"AttributeType\":\"S\"}]"
#define ON_DEMAND "\"BillingModeSummary\":{\"BillingMode\":\"PAY_PER_REQUEST\"}"
#define UNITS                                                                                                          \
    "\"ProvisionedThroughput\":{\"NumberOfDecreasesToday\":0,\"ReadCapacityUnits\":5,\"WriteCapacityUnits\":7}"

/* What a use needs to live, from the inside of Table and of the definition. */
struct fixture {
    struct json_object *definition;
    struct definition_use use;
};

static struct fixture fixture(const char *table, const char *more) {
    _cleanup_free_ char *text = x_printf("{\"Table\":{%s}%s}", table, more);
    struct error error = {0};
    struct fixture made = {.definition = json_parse(text, strlen(text), &error)};
    if (!made.definition)
        fail_msg("%s: %s", text, error.message);
    made.use = (struct definition_use){.definition = made.definition, .table = "new", .region = "eu-west-1"};
    return made;
}

static void fixture_end(struct fixture *made) {
    json_object_put(made->definition);
}

/* Equal as JSON, whatever the order of members. */
static void assert_body(char *body, const char *wanted) {
    assert_non_null(body);
    struct json_object *got = json_parse(body, strlen(body), NULL),
                       *expected = json_parse(wanted, strlen(wanted), NULL);
    assert_non_null(expected);
    if (!json_object_equal(got, expected))
        fail_msg("got    %s\nwanted %s", body, wanted);
    json_object_put(got);
    json_object_put(expected);
    free(body);
}

static void the_keys_of_indexes_in_words(void **state) {
    (void)state;
    struct fixture made = fixture(
        KEYS ",\"GlobalSecondaryIndexes\":[{\"IndexName\":\"by-mail\",\"KeySchema\":[{\"AttributeName\":\"mail\","
             "\"KeyType\":\"HASH\"}]},{\"IndexName\":\"odd\",\"KeySchema\":[{\"AttributeName\":\"gone\",\"KeyType\":"
             "\"HASH\"}]}],\"LocalSecondaryIndexes\":[{\"IndexName\":\"l\",\"KeySchema\":[{\"AttributeName\":\"id\","
             "\"KeyType\":\"HASH\"},{\"AttributeName\":\"mail\",\"KeyType\":\"RANGE\"}]}]",
        "");
    _cleanup_free_ char *words = definition_index_keys(json_object_at(made.definition, "Table"));
    assert_string_equal(words, "l: id (S), mail (S); by-mail: mail (S); odd: gone (?)");
    fixture_end(&made);
    made = fixture(KEYS, "");
    assert_null(definition_index_keys(json_object_at(made.definition, "Table")));
    fixture_end(&made);
}

/* Broke: a backup that was made while an index was being deleted could not be restored with --create: CreateTable refuses an attribute that
 * no key names. */
static void an_index_that_is_going_takes_its_attributes_with_it(void **state) {
    (void)state;
    struct fixture made =
        fixture(KEYS "," ON_DEMAND ",\"GlobalSecondaryIndexes\":[{\"IndexName\":\"dying\",\"IndexStatus\":\"DELETING\","
                     "\"KeySchema\":[{\"AttributeName\":\"mail\",\"KeyType\":\"HASH\"},{\"AttributeName\":\"at\","
                     "\"KeyType\":\"RANGE\"}],\"Projection\":{\"ProjectionType\":\"ALL\"}}]",
                "");
    assert_body(
        definition_create(&made.use, 0, NULL),
        "{\"TableName\":\"new\",\"BillingMode\":\"PAY_PER_REQUEST\",\"KeySchema\":[{\"AttributeName\":\"id\","
        "\"KeyType\":\"HASH\"},{\"AttributeName\":\"at\",\"KeyType\":\"RANGE\"}],\"AttributeDefinitions\":[{"
        "\"AttributeName\":\"at\",\"AttributeType\":\"N\"},{\"AttributeName\":\"id\",\"AttributeType\":\"S\"}]}");
    fixture_end(&made);
}

static void a_table_on_demand_with_indexes(void **state) {
    (void)state;
    struct fixture made = fixture(
        KEYS
        "," ON_DEMAND ",\"ProvisionedThroughput\":{\"ReadCapacityUnits\":0,\"WriteCapacityUnits\":0},"
        "\"GlobalSecondaryIndexes\":[{\"IndexName\":\"by-mail\",\"IndexStatus\":\"ACTIVE\",\"IndexArn\":\"arn\","
        "\"ItemCount\":3,"
        "\"KeySchema\":[{\"AttributeName\":\"mail\",\"KeyType\":\"HASH\"}],\"Projection\":{\"ProjectionType\":"
        "\"INCLUDE\","
        "\"NonKeyAttributes\":[\"name\"]},\"ProvisionedThroughput\":{\"ReadCapacityUnits\":0,\"WriteCapacityUnits\":0},"
        "\"OnDemandThroughput\":{\"MaxReadRequestUnits\":-1,\"MaxWriteRequestUnits\":40}},"
        "{\"IndexName\":\"dying\",\"IndexStatus\":\"DELETING\"}],\"LocalSecondaryIndexes\":[{\"IndexName\":\"l\","
        "\"IndexArn\":\"x\","
        "\"KeySchema\":[{\"AttributeName\":\"id\",\"KeyType\":\"HASH\"},{\"AttributeName\":\"mail\",\"KeyType\":"
        "\"RANGE\"}],"
        "\"Projection\":{\"ProjectionType\":\"ALL\"},\"IndexSizeBytes\":1}],"
        "\"StreamSpecification\":{\"StreamEnabled\":true,\"StreamViewType\":\"KEYS_ONLY\"},\"LatestStreamArn\":\"arn\","
        "\"TableClassSummary\":{\"TableClass\":\"STANDARD_INFREQUENT_ACCESS\"}",
        ",\"Tags\":[{\"Key\":\"team\",\"Value\":\"a\"},{\"Key\":\"aws:cloudformation:stack-name\",\"Value\":\"b\"}]");
    assert_body(
        definition_create(&made.use, 0, NULL),
        "{\"TableName\":\"new\",\"BillingMode\":\"PAY_PER_REQUEST\",\"KeySchema\":[{\"AttributeName\":\"id\","
        "\"KeyType\":\"HASH\"},"
        "{\"AttributeName\":\"at\",\"KeyType\":\"RANGE\"}],\"AttributeDefinitions\":[{\"AttributeName\":\"at\","
        "\"AttributeType\":"
        "\"N\"},{\"AttributeName\":\"id\",\"AttributeType\":\"S\"},{\"AttributeName\":\"mail\",\"AttributeType\":\"S\"}"
        "],"
        "\"GlobalSecondaryIndexes\":[{\"IndexName\":\"by-mail\",\"KeySchema\":[{\"AttributeName\":\"mail\",\"KeyType\":"
        "\"HASH\"}],"
        "\"Projection\":{\"ProjectionType\":\"INCLUDE\",\"NonKeyAttributes\":[\"name\"]},\"OnDemandThroughput\":"
        "{\"MaxWriteRequestUnits\":40}}],\"LocalSecondaryIndexes\":[{\"IndexName\":\"l\",\"KeySchema\":[{"
        "\"AttributeName\":\"id\","
        "\"KeyType\":\"HASH\"},{\"AttributeName\":\"mail\",\"KeyType\":\"RANGE\"}],\"Projection\":{\"ProjectionType\":"
        "\"ALL\"}}],"
        "\"StreamSpecification\":{\"StreamEnabled\":true,\"StreamViewType\":\"KEYS_ONLY\"},\"TableClass\":"
        "\"STANDARD_INFREQUENT_ACCESS\",\"Tags\":[{\"Key\":\"team\",\"Value\":\"a\"}]}");
    assert_int_equal(definition_optional(&made.use), OPTIONAL_ALL);
    char *bare = definition_create(&made.use, OPTIONAL_ALL, NULL);
    for (unsigned bit = 1; bit <= OPTIONAL_ALL; bit <<= 1)
        assert_null(strstr(bare, definition_optional_name(bit)));
    free(bare);
    fixture_end(&made);
}

static void a_provisioned_table(void **state) {
    (void)state;
    struct fixture made =
        fixture(KEYS "," UNITS ",\"GlobalSecondaryIndexes\":[{\"IndexName\":\"g\",\"KeySchema\":[],\"Projection\":{},"
                     "\"IndexStatus\":\"CREATING\"," UNITS "}]",
                "");
    char *body = definition_create(&made.use, 0, NULL);
    struct json_object *got = json_parse(body, strlen(body), NULL);
    assert_string_equal(json_string(got, "BillingMode"), "PROVISIONED");
    assert_int_equal(json_integer(json_object_at(got, "ProvisionedThroughput"), "WriteCapacityUnits", 0), 7);
    assert_null(strstr(body, "NumberOfDecreasesToday"));
    struct json_object *index = json_object_array_get_idx(json_array_at(got, "GlobalSecondaryIndexes"), 0);
    assert_int_equal(json_integer(json_object_at(index, "ProvisionedThroughput"), "ReadCapacityUnits", 0), 5);
    assert_int_equal(definition_optional(&made.use), 0);
    assert_true(definition_write_capacity(json_object_at(made.definition, "Table")) > 6.9);
    json_object_put(got);
    free(body);
    fixture_end(&made);
}

static double read_capacity(const char *members) {
    struct fixture made = fixture(members, "");
    double units = definition_read_capacity(json_object_at(made.definition, "Table"));
    fixture_end(&made);
    return units;
}

static void a_share_of_the_read_capacity_has_a_whole(void **state) {
    (void)state;
    assert_true(read_capacity(KEYS "," UNITS) == 5);
    assert_true(read_capacity(KEYS "," ON_DEMAND) == 0);
    assert_true(read_capacity(KEYS ",\"ProvisionedThroughput\":{\"ReadCapacityUnits\":0},"
                                   "\"OnDemandThroughput\":{\"MaxReadRequestUnits\":400}") == 400);
    assert_true(read_capacity(KEYS ",\"OnDemandThroughput\":{\"MaxReadRequestUnits\":-1}") == 0);
}

static void a_scratch_table_has_its_keys_alone(void **state) {
    (void)state;
    struct fixture made =
        fixture(KEYS "," UNITS ",\"DeletionProtectionEnabled\":true,\"StreamSpecification\":{\"StreamEnabled\":true}",
                ",\"Tags\":[{\"Key\":\"team\",\"Value\":\"a\"}],\"unknown\":[\"x\"]");
    made.use.keys_only = true;
    assert_body(definition_create(&made.use, 0, NULL),
                "{\"TableName\":\"new\",\"BillingMode\":\"PAY_PER_REQUEST\",\"KeySchema\":[{\"AttributeName\":\"id\","
                "\"KeyType\":\"HASH\"},"
                "{\"AttributeName\":\"at\",\"KeyType\":\"RANGE\"}],\"AttributeDefinitions\":[{\"AttributeName\":\"at\","
                "\"AttributeType\":"
                "\"N\"},{\"AttributeName\":\"id\",\"AttributeType\":\"S\"}]}");
    for (enum definition_step step = 0; step < DEFINITION_STEPS; step++)
        assert_null(definition_step_body(&made.use, step, "arn"));
    struct json_object *lost = json_object_new_array();
    definition_lost(&made.use, lost);
    assert_int_equal(json_object_array_length(lost), 0);
    json_object_put(lost);
    fixture_end(&made);
}

static void what_comes_after_the_data(void **state) {
    (void)state;
    struct fixture made = fixture(
        KEYS ",\"DeletionProtectionEnabled\":true,\"SSEDescription\":{\"Status\":\"ENABLED\",\"SSEType\":\"KMS\","
             "\"KMSMasterKeyArn\":\"arn:aws:kms:eu-west-1:123456789012:key/1-2\"}",
        ",\"TimeToLiveDescription\":{\"TimeToLiveStatus\":\"ENABLED\",\"AttributeName\":\"ends\"},"
        "\"Tags\":[{\"Key\":\"team\",\"Value\":\"a\"}],\"ContinuousBackupsDescription\":{\"ContinuousBackupsStatus\":"
        "\"ENABLED\","
        "\"PointInTimeRecoveryDescription\":{\"PointInTimeRecoveryStatus\":\"ENABLED\",\"RecoveryPeriodInDays\":7}}");
    assert_body(definition_step_body(&made.use, STEP_ENCRYPTION, "arn"),
                "{\"TableName\":\"new\",\"SSESpecification\":{\"Enabled\":true,\"SSEType\":\"KMS\",\"KMSMasterKeyId\":"
                "\"arn:aws:kms:eu-west-1:123456789012:key/1-2\"}}");
    assert_body(definition_step_body(&made.use, STEP_TAGS, "arn:new"),
                "{\"ResourceArn\":\"arn:new\",\"Tags\":[{\"Key\":\"team\",\"Value\":\"a\"}]}");
    assert_body(definition_step_body(&made.use, STEP_TIME_TO_LIVE, "arn"),
                "{\"TableName\":\"new\",\"TimeToLiveSpecification\":{\"Enabled\":true,\"AttributeName\":\"ends\"}}");
    assert_body(definition_step_body(&made.use, STEP_RECOVERY, "arn"),
                "{\"TableName\":\"new\",\"PointInTimeRecoverySpecification\":{\"PointInTimeRecoveryEnabled\":true,"
                "\"RecoveryPeriodInDays\":7}}");
    assert_body(definition_step_body(&made.use, STEP_PROTECTION, "arn"),
                "{\"TableName\":\"new\",\"DeletionProtectionEnabled\":true}");
    fixture_end(&made);
}

static void what_was_off_is_not_asked_for(void **state) {
    (void)state;
    struct fixture made = fixture(
        KEYS ",\"DeletionProtectionEnabled\":false,\"SSEDescription\":{\"Status\":\"ENABLED\",\"SSEType\":\"AES256\"}",
        ",\"TimeToLiveDescription\":{\"TimeToLiveStatus\":\"DISABLED\"},\"Tags\":[],"
        "\"ContinuousBackupsDescription\":{\"PointInTimeRecoveryDescription\":{\"PointInTimeRecoveryStatus\":"
        "\"DISABLED\"}}");
    for (enum definition_step step = 0; step < DEFINITION_STEPS; step++)
        assert_null(definition_step_body(&made.use, step, "arn"));
    fixture_end(&made);
}

/* In another region a multi-Region key has the same id, any other key is none; in another account neither is. */
static void a_key_of_elsewhere(void **state) {
    (void)state;
    static const struct {
        const char *key, *region;
        bool other_account;
        const char *wanted; /* NULL: AWS's managed key */
    } cases[] = {
        {"arn:aws:kms:eu-west-1:1:key/mrk-12", "us-east-1", false, "arn:aws:kms:us-east-1:1:key/mrk-12"},
        {"arn:aws:kms:eu-west-1:1:key/12", "us-east-1", false, NULL},
        {"arn:aws:kms:eu-west-1:1:key/12", "eu-west-1", true, NULL},
        {"arn:aws:kms:eu-west-1:1:key/mrk-12", "us-east-1", true, NULL},
    };
    for (size_t i = 0; i < array_length(cases); i++) {
        _cleanup_free_ char *table =
            x_printf(KEYS ",\"SSEDescription\":{\"Status\":\"ENABLED\",\"SSEType\":\"KMS\",\"KMSMasterKeyArn\":\"%s\"}",
                     cases[i].key);
        struct fixture made = fixture(table, "");
        struct json_object *lost = json_object_new_array();
        made.use.region = cases[i].region;
        made.use.other_account = cases[i].other_account;
        _cleanup_free_ char *body = definition_step_body(&made.use, STEP_ENCRYPTION, "arn");
        definition_lost(&made.use, lost);
        assert_non_null(body);
        if (cases[i].wanted)
            assert_non_null(strstr(body, cases[i].wanted));
        else
            assert_null(strstr(body, "KMSMasterKeyId"));
        assert_int_equal(json_object_array_length(lost), cases[i].wanted ? 0 : 1);
        json_object_put(lost);
        fixture_end(&made);
    }
}

static void what_is_lost_is_said(void **state) {
    (void)state;
    struct fixture made =
        fixture(KEYS ",\"Replicas\":[{\"RegionName\":\"us-east-1\"}]",
                ",\"Tags\":[{\"Key\":\"aws:x\",\"Value\":\"1\"}],\"unknown\":[\"ListTagsOfResource: AccessDenied\"]");
    struct json_object *lost = json_object_new_array();
    definition_lost(&made.use, lost);
    const char *text = json_object_to_json_string_ext(lost, JSON_C_TO_STRING_PLAIN);
    assert_int_equal(json_object_array_length(lost), 3);
    assert_non_null(strstr(text, "ListTagsOfResource: AccessDenied"));
    assert_non_null(strstr(text, "1 of AWS's own"));
    assert_non_null(strstr(text, "replicas"));
    json_object_put(lost);
    fixture_end(&made);
}

static void a_table_with_another_key_is_told_apart(void **state) {
    (void)state;
    struct fixture made = fixture(KEYS, ""), same = fixture(KEYS "," ON_DEMAND, ""),
                   typed = fixture(
                       "\"KeySchema\":[{\"AttributeName\":\"id\",\"KeyType\":\"HASH\"}],\"AttributeDefinitions\":[{"
                       "\"AttributeName\":\"id\",\"AttributeType\":\"N\"}]",
                       "");
    struct error error = {0};
    struct key_names key;
    assert_true(definition_matches(made.definition, json_object_at(same.definition, "Table"), &error));
    assert_false(definition_matches(made.definition, json_object_at(typed.definition, "Table"), &error));
    assert_int_equal(error.code, ERROR_INVALID);
    assert_string_equal(error.message, "its key is id (N), the backup's is id (S), at (N)");
    assert_true(definition_key(json_object_at(made.definition, "Table"), &key, NULL));
    assert_string_equal(key.hash, "id");
    assert_string_equal(key.range, "at");
    error_clear(&error);
    fixture_end(&made);
    fixture_end(&same);
    fixture_end(&typed);
}

static void a_definition_without_its_key_makes_no_table(void **state) {
    (void)state;
    static const char *const tables[] = {"", "\"KeySchema\":[{\"AttributeName\":\"id\",\"KeyType\":\"HASH\"}]",
                                         "\"KeySchema\":7,\"AttributeDefinitions\":{}"};
    for (size_t i = 0; i < array_length(tables); i++) {
        struct fixture made = fixture(tables[i], "");
        struct error error = {0};
        assert_null(definition_create(&made.use, 0, &error));
        assert_int_equal(error.code, ERROR_CORRUPT);
        error_clear(&error);
        fixture_end(&made);
    }
}

static void a_table_is_active_with_its_indexes(void **state) {
    (void)state;
    static const struct {
        const char *table;
        bool active;
    } cases[] = {{"\"TableStatus\":\"ACTIVE\"", true},
                 {"\"TableStatus\":\"CREATING\"", false},
                 {"\"TableStatus\":\"ACTIVE\",\"GlobalSecondaryIndexes\":[{\"IndexStatus\":\"ACTIVE\"},{"
                  "\"IndexStatus\":\"CREATING\"}]",
                  false},
                 {"\"TableStatus\":\"ACTIVE\",\"GlobalSecondaryIndexes\":[{\"IndexStatus\":\"ACTIVE\"}]", true},
                 {"", false}};
    for (size_t i = 0; i < array_length(cases); i++) {
        struct fixture made = fixture(cases[i].table, "");
        assert_int_equal(definition_is_active(json_object_at(made.definition, "Table")), cases[i].active);
        fixture_end(&made);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_table_on_demand_with_indexes),
        cmocka_unit_test(the_keys_of_indexes_in_words),
        cmocka_unit_test(an_index_that_is_going_takes_its_attributes_with_it),
        cmocka_unit_test(a_provisioned_table),
        cmocka_unit_test(a_share_of_the_read_capacity_has_a_whole),
        cmocka_unit_test(a_scratch_table_has_its_keys_alone),
        cmocka_unit_test(what_comes_after_the_data),
        cmocka_unit_test(what_was_off_is_not_asked_for),
        cmocka_unit_test(a_key_of_elsewhere),
        cmocka_unit_test(what_is_lost_is_said),
        cmocka_unit_test(a_table_with_another_key_is_told_apart),
        cmocka_unit_test(a_definition_without_its_key_makes_no_table),
        cmocka_unit_test(a_table_is_active_with_its_indexes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
