/* SPDX-License-Identifier: Apache-2.0 */
/* What a restore finds where it is to write: LOOK, CREATE and EMPTY of the story in restore.c. */
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/memory.h"
#include "job/describe.h"
#include "restore_private.h"

#define BELIEVED_MS ((int64_t)24 * 3600 * SECOND_MS) /* so old may notes be for a restore to go on from them */

#define ON_ITS_WAY_MS (1 * MINUTE_MS) /* a CreateTable that nobody waits for any more */

/* ------------------------------------------------------------ LOOK, CREATE */

/* What no other table of that name will ever be: its id, where the server gives one, else the moment that it was made. */
static char *identity_of(struct json_object *table) {
    struct json_object *created = NULL;
    const char *id = json_string(table, "TableId");
    if (id)
        return x_strdup(id);
    json_object_object_get_ex(table, "CreationDateTime", &created);
    return x_printf("made at %s", created ? json_object_get_string(created) : "?");
}

/* What the table is, once it is known to be there. False: it does not do, and the restore has failed. */
static bool take_table(struct restore *restore, struct json_object *table) {
    _cleanup_error_ struct error error = {0};
    json_object_put(restore->described);
    restore->described = json_object_get(table);
    x_replace(&restore->result.table_arn, json_string(table, "TableArn"));
    free(restore->table_id);
    restore->table_id = identity_of(table);
    if (!definition_key(table, &restore->key, &error)) {
        restore_fail(restore, &error);
        return false;
    }
    _cleanup_free_ char *what = x_printf("%s %s", restore->result.table_arn, restore->table_id);
    return restore_claim(restore, what);
}

static bool is_remembered(const struct restore *restore) {
    return restore->remembered_id && strcmp(restore->remembered_id, restore->table_id) == 0;
}

/* Who else writes to the table is not known to us: the longer ago, the less is left of what we wrote. (Notes of a time to come are
 * of a clock that ran ahead.) */
static bool is_fresh(const struct restore *restore) {
    int64_t age = restore_now(restore) - restore->remembered_at;
    return age < BELIEVED_MS && age > -BELIEVED_MS;
}

/* Who says --overwrite means every item, unless it was said before and this is the same order once more. */
bool restore_is_our_work(const struct restore *restore) {
    return is_remembered(restore) && is_fresh(restore) && (!restore->overwrite || restore->remembered_overwrite);
}

struct restore_begin restore_begin_of(const struct restore *restore) {
    bool goes_on = restore->table_id && restore_is_our_work(restore);
    return (struct restore_begin){.table_id = restore->table_id ? restore->table_id : "",
                                  .created = restore->result.created,
                                  .overwrite = restore->overwrite || (goes_on && restore->remembered_overwrite),
                                  .goes_on = goes_on,
                                  .now = restore_now(restore)};
}

/* We were about to make it, and it has come into being since, as long as our request can have been on its way: it was made before we
 * heard of it. Somebody who makes a table of their own asks without --create from then on. */
static bool was_about_to_make(const struct restore *restore) {
    if (!restore->create || !restore->remembered_id || *restore->remembered_id || !is_fresh(restore))
        return false;
    double age = table_created(restore->described) - (double)restore->remembered_at; /* far below 0: it does not tell */
    return age >= 0 && age <= (double)(restore->job->retry_for + ON_ITS_WAY_MS);
}

/* What is remembered of another table of that name is worth nothing now. */
static void compare_memory(struct restore *restore) {
    if (!restore_is_our_work(restore))
        restore->part_count = 0;
    if (!is_remembered(restore) && !was_about_to_make(restore))
        restore->result.created = false;
}

/* arn:aws:dynamodb:REGION:ACCOUNT:table/NAME, arn:aws:iam::ACCOUNT:role/NAME. The caller frees; NULL where it is none. */
static char *account_of(const char *arn) {
    for (int part = 0; arn && part < 4; part++) {
        arn = strchr(arn, ':');
        arn = arn ? arn + 1 : NULL;
    }
    return arn && *arn != ':' ? x_strndup(arn, strcspn(arn, ":")) : NULL;
}

/* Where, whose, and by whom: what a person must be able to see before anything is written. */
static void plan_who(struct restore *restore) {
    const struct job_config *job = restore->job;
    const char *role = restore->to_role_arn ? restore->to_role_arn : job->role_arn;
    _cleanup_free_ char *account = account_of(restore->result.table_arn ? restore->result.table_arn : role);
    _cleanup_free_ char *who = NULL;
    if (restore->to_role_arn)
        who = x_printf("the role %s", role);
    else if (role)
        who = x_printf("job \"%s\"'s role %s", job->name, role);
    else
        who = x_printf("the credentials of job \"%s\"", job->name);
    restore_plan(restore,
                 x_printf("region %s%s%s; %s writes%s", restore->region, account ? ", account " : "",
                          account ? account : "", who,
                          restore->foreign ? ", which can read this backup, but is not the job that made it" : ""));
}

/* A job that can merely read the backup writes to a table that exists only where that is sure to be in the backup's own account. */
static bool is_meant(struct restore *restore) {
    _cleanup_free_ char *there = account_of(restore->result.table_arn), *here = account_of(restore->source->table_arn);
    if (!restore->foreign || restore->result.created || restore_is_our_work(restore) ||
        (there && text_equal(there, here)))
        return true;
    restore_refuse(
        restore,
        x_printf("table %s exists in %s, account %s, and job \"%s\", by which it would be written, did not make "
                 "this backup (of %s): say which table is meant by --to-region, or by --to-role-arn",
                 restore->table, restore->region, there ? there : "unknown", restore->job->name,
                 restore->source->table_arn ? restore->source->table_arn : "no table that it names"));
    return false;
}

static void on_existing(struct restore *restore, struct json_object *table) {
    _cleanup_error_ struct error error = {0};
    const char *status = json_string(table, "TableStatus");
    if (!take_table(restore, table))
        return;
    if (!status || (strcmp(status, "ACTIVE") != 0 && strcmp(status, "UPDATING") != 0)) {
        restore_refuse(restore, x_printf("table %s is %s, not ACTIVE: try again when it is", restore->table,
                                         status ? status : "of no status"));
        return;
    }
    if (restore->source->definition && !restore->overwrite &&
        !definition_matches(restore->source->definition, table, &error)) {
        error_context(&error, "table %s exists, but it is another kind of table", restore->table);
        error_advice(&error, "--overwrite writes to it all the same");
        restore_fail(restore, &error);
        return;
    }
    compare_memory(restore);
    if (!is_meant(restore))
        return;
    plan_who(restore);
    restore_plan(restore,
                 x_printf("table %s exists in %s and is written to%s", restore->table, restore->region,
                          restore->create && !restore->result.created ? "; its settings stay as they are" : ""));
    restore_enter(restore, EMPTY);
}

static void on_missing(struct restore *restore, const struct http_answer *http, const struct error *error) {
    struct error told = error_copy(error);
    restore->missed_at = table_answered(restore->engine->client, http);
    restore->part_count = 0;
    if (restore->create && restore->source->definition) {
        restore->result.created = true;
        plan_who(restore);
        restore_plan(restore,
                     x_printf("table %s is made in %s from its saved definition", restore->table, restore->region));
        restore_enter(restore, CREATE);
    } else if (restore->create) {
        error_advice(&told, "the backup holds no definition of its table (an export by AWS, or plain json): make the "
                            "table first, with the key that the items have");
        restore_fail(restore, &told);
    } else {
        error_advice(&told, "--create makes it from the saved definition");
        restore_fail(restore, &told);
    }
    error_clear(&told);
}

static void on_looked(void *arg, struct json_object *answer, const struct http_answer *http,
                      const struct error *error) {
    struct restore *restore = arg;
    struct json_object *table = error ? NULL : json_object_at(answer, "Table");
    restore->call = NULL;
    if (table)
        on_existing(restore, table);
    else if (error && error->code == ERROR_NOT_FOUND)
        on_missing(restore, http, error);
    else if (error)
        restore_fail(restore, error);
    else
        restore_refuse(restore, x_printf("DescribeTable of %s: the answer has no Table", restore->table));
}

void restore_look(struct restore *restore) {
    _cleanup_free_ char *body = dynamodb_table_body(restore->table);
    _cleanup_free_ char *what = x_printf("DescribeTable of %s", restore->table);
    restore->call = dynamodb_start(restore->session, "DescribeTable", body, what, on_looked, restore);
}

/* Tables in another account have another account's keys. */
static bool other_account(const struct restore *restore) {
    _cleanup_free_ char *there = account_of(restore->result.table_arn), *here = account_of(restore->source->table_arn);
    if (!there || !here)
        return restore->to_role_arn;
    return strcmp(there, here) != 0;
}

struct table_make_options restore_table_options(const struct restore *restore) {
    return (struct table_make_options){.session = restore->session,
                                       .use = {.definition = restore->source->definition,
                                               .table = restore->table,
                                               .region = restore->region,
                                               .other_account = other_account(restore)},
                                       .missing = restore->result.missing};
}

static void on_taken_back(void *arg, const struct error *error) {
    struct restore *restore = arg;
    (void)error; /* then --create alone, and that soon, would believe it */
    restore->noting = NULL;
    restore_fail(restore, &restore->refusal);
}

/* A table that will be there next time is then somebody else's, with settings of their own. */
static void take_back(struct restore *restore, const struct error *error) {
    struct restore_key key = restore_key_of(restore);
    restore->refusal = error_copy(error);
    restore->noting = restores_end(restore->state_room, &key, on_taken_back, restore);
}

static void on_made(void *arg, struct json_object *table, const struct error *error) {
    struct restore *restore = arg;
    bool lost_one = restore->patience.retries > restore->retries_before;
    restore->make = NULL;
    if (error && restore->state_room && !restore->may_exist && !lost_one)
        take_back(restore, error);
    else if (error)
        restore_fail(restore, error);
    else if (take_table(restore, table))
        restore_enter(restore,
                      EMPTY); /* a moment ago it did not exist; somebody else may have been as quick as we were */
}

static void on_announced(void *arg, const struct error *error) {
    struct restore *restore = arg;
    restore->noting = NULL;
    if (error) {
        restore_fail(restore, error);
        return;
    }
    struct table_make_options options = restore_table_options(restore);
    options.may_exist = &restore->may_exist;
    restore->retries_before = restore->patience.retries;
    restore->make = table_make_start(&options, on_made, restore);
}

/* A dry run ends here: all that there is to say. */
static void plan_making(struct restore *restore) {
    struct table_make_options options = restore_table_options(restore);
    _cleanup_buffer_ struct buffer steps = BUFFER_INIT(BUFFER_OURS);
    for (enum definition_step step = 0; step < DEFINITION_STEPS; step++) {
        _cleanup_free_ char *body = definition_step_body(&options.use, step, "");
        if (body)
            buffer_printf(&steps, "%s%s", steps.length ? ", " : "", definition_step_name(step));
    }
    restore_prepare_writing(restore);
    if (steps.length)
        restore_plan(restore, x_printf("after the data come %s", steps.data));
    definition_lost(&options.use, restore->result.missing);
    restore_enter(restore, OVER);
}

/* That the table will be ours is noted before it is. */
void restore_create(struct restore *restore) {
    struct restore_key key = restore_key_of(restore);
    struct restore_begin begin = restore_begin_of(restore);
    begin.now = restore->missed_at;
    if (restore->dry_run)
        plan_making(restore);
    else if (restore->state_room)
        restore->noting = restores_begin(restore->state_room, &key, &begin, on_announced, restore);
    else
        on_announced(restore, NULL);
}

/* ------------------------------------------------------------ EMPTY */

static void on_counted(void *arg, struct json_object *answer, const struct http_answer *http,
                       const struct error *error) {
    struct restore *restore = arg;
    (void)http;
    restore->call = NULL;
    if (error) {
        restore_fail(restore, error);
        return;
    }
    bool holds_some = json_integer(answer, "Count", 0) > 0;
    if (holds_some && !restore_is_our_work(restore) && !restore->overwrite) {
        restore_refuse(restore,
                       x_printf("table %s is not empty%s: --overwrite writes to it all the same (items with the same "
                                "key are replaced, others stay)",
                                restore->table,
                                is_remembered(restore) ? ", and an interrupted restore of this backup wrote to it last "
                                                         "more than a day ago, too long to go on from there"
                                                       : ""));
        return;
    }
    if (holds_some)
        restore_plan(restore, x_printf(restore_is_our_work(restore)
                                           ? "it holds what an interrupted restore of this backup has written"
                                           : "it is not empty: items with the same key are replaced, others stay"));
    restore_enter(restore, NOTE);
}

void restore_look_inside(struct restore *restore) {
    struct json_object *body = json_object_new_object();
    _cleanup_free_ char *what = x_printf("Scan of %s for a first item", restore->table);
    json_put_string(body, "TableName", restore->table);
    json_put_integer(body, "Limit", 1);
    json_put_string(body, "Select", "COUNT");
    json_put_boolean(body, "ConsistentRead", true);
    restore->call =
        dynamodb_start(restore->session, "Scan", json_object_to_json_string(body), what, on_counted, restore);
    json_object_put(body);
}
