/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a table is.
 *
 *     TABLE -> TIME_TO_LIVE -> TAGS -> RECOVERY -> done
 *
 * Only TABLE must succeed. (DynamoDB Local knows neither tags nor recovery; a least-privilege role may forbid them.)
 */
#include "job/describe.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

#define OFFSET_MATTERS (5 * SECOND_MS)

enum describe_state { TABLE, TIME_TO_LIVE, TAGS, RECOVERY, DESCRIBED };

/* What is asked in each state, and which member of the answer is kept. */
static const struct {
    const char *operation, *member;
} questions[] = {
    [TABLE] = {"DescribeTable", "Table"},
    [TIME_TO_LIVE] = {"DescribeTimeToLive", "TimeToLiveDescription"},
    [TAGS] = {"ListTagsOfResource", "Tags"},
    [RECOVERY] = {"DescribeContinuousBackups", "ContinuousBackupsDescription"},
};

struct describe {
    struct aws_session *session;
    char *table;
    enum describe_state state;
    struct dynamodb_call *call;
    struct json_object *definition, *unknown;
    struct table_description description; /* from TABLE on; borrows from `definition` */
    describe_done *done;
    void *arg;
};

static void describe_free(struct describe *describe) {
    json_object_put(describe->definition);
    free(describe->table);
    free(describe);
}

static void ask(struct describe *describe);

static void note_unknown(struct describe *describe, const char *why) {
    _cleanup_free_ char *text = x_printf("%s: %s", questions[describe->state].operation, why);
    json_object_array_add(describe->unknown, json_object_new_string(text));
}

double table_created(const struct json_object *table) {
    struct json_object *seconds = NULL; /* with a fraction */
    json_object_object_get_ex(table, "CreationDateTime", &seconds);
    return seconds ? json_object_get_double(seconds) * SECOND_MS : 0;
}

bool table_description_read(struct table_description *description, struct json_object *definition,
                            struct error *error) {
    const struct json_object *table = json_object_at(definition, "Table");
    if (!json_need_string(table, "TableName", error) || !json_need_string(table, "TableArn", error))
        return false;
    *description = (struct table_description){.name = json_string(table, "TableName"),
                                              .arn = json_string(table, "TableArn"),
                                              .id = json_string(table, "TableId"),
                                              .status = json_string(table, "TableStatus"),
                                              .items = json_count(table, "ItemCount"),
                                              .bytes = json_count(table, "TableSizeBytes"),
                                              .definition = definition};
    return true;
}

static void fail(struct describe *describe, const struct error *error) {
    struct error told = error_copy(error);
    if (told.code == ERROR_NOT_FOUND)
        error_advice(&told, "is there a table %s in region %s of this account?", describe->table,
                     aws_session_region(describe->session));
    describe->done(describe->arg, NULL, &told);
    error_clear(&told);
    describe_free(describe);
}

static void finish(struct describe *describe) {
    describe->done(describe->arg, &describe->description, NULL);
    describe_free(describe);
}

static void learn_offset(struct describe *describe, const struct http_answer *http) {
    const char *date = http_answer_header(http, "date");
    int64_t seconds;
    if (!date || !time_parse_http(date, &seconds))
        return;
    int64_t offset = seconds * SECOND_MS - aws_client_now(aws_session_client(describe->session));
    if (offset > OFFSET_MATTERS || offset < -OFFSET_MATTERS)
        describe->description.clock_offset = offset;
}

static void on_answer(void *arg, struct json_object *answer, const struct http_answer *http,
                      const struct error *error) {
    struct describe *describe = arg;
    struct json_object *kept = NULL;
    describe->call = NULL;
    if (error && describe->state == TABLE) {
        fail(describe, error);
        return;
    }
    if (error)
        note_unknown(describe, error->aws_code ? error->aws_code : error_code_name(error->code));
    else if (!json_object_object_get_ex(answer, questions[describe->state].member, &kept))
        note_unknown(describe, "the answer lacks it");
    else
        json_object_object_add(describe->definition, questions[describe->state].member, json_object_get(kept));
    if (describe->state == TABLE) {
        _cleanup_error_ struct error bad = {0};
        if (!table_description_read(&describe->description, describe->definition, &bad)) {
            error_context(&bad, "DescribeTable of %s", describe->table);
            fail(describe, &bad);
            return;
        }
        learn_offset(describe, http);
    }
    if (++describe->state == DESCRIBED)
        finish(describe);
    else
        ask(describe);
}

/* ListTagsOfResource takes the ARN, the others the name (or the ARN that the user gave). */
static char *question_body(const struct describe *describe) {
    if (describe->state != TAGS)
        return dynamodb_table_body(describe->table);
    struct json_object *body = json_object_new_object();
    json_put_string(body, "ResourceArn", json_string(json_object_at(describe->definition, "Table"), "TableArn"));
    char *text = x_strdup(json_object_to_json_string_ext(body, JSON_C_TO_STRING_PLAIN));
    json_object_put(body);
    return text;
}

static void ask(struct describe *describe) {
    _cleanup_free_ char *body = question_body(describe);
    _cleanup_free_ char *what = x_printf("%s of %s", questions[describe->state].operation, describe->table);
    describe->call =
        dynamodb_start(describe->session, questions[describe->state].operation, body, what, on_answer, describe);
}

struct describe *describe_start(struct aws_session *session, const char *table, describe_done *done, void *arg) {
    struct describe *describe = x_calloc(1, sizeof *describe);
    describe->session = session;
    describe->table = x_strdup(table);
    describe->definition = json_object_new_object();
    describe->unknown = json_object_new_array();
    json_object_object_add(describe->definition, "unknown", describe->unknown);
    describe->done = done;
    describe->arg = arg;
    ask(describe);
    return describe;
}

void describe_cancel(struct describe *describe) {
    if (!describe)
        return;
    if (describe->call)
        dynamodb_cancel(describe->call);
    describe_free(describe);
}
