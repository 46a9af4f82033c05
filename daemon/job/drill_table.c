/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The scratch table of a drill, from its name to its end.
 *
 * CreateTable answers "exists" in two cases. The first time it is asked that is somebody else's table, however unlikely with eight
 * random digits: the drill fails, and leaves it alone. Behind a try whose answer was lost it may be our own: the table says itself
 * whether it has come into being since its name was written down, when no such table was there.
 */
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/memory.h"
#include "base/random.h"
#include "drill_private.h"

/* ------------------------------------------------------------ CHECK, PLAN */

static void fail_exists(struct drill *drill) {
    _cleanup_error_ struct error error = {0};
    error_set(&error, ERROR_EXISTS,
              "a table %s is there already, and no drill has made it: it is left alone, and the drill ends here",
              drill->scratch.name);
    drill_fail(drill, &error);
}

static void on_checked(void *arg, struct json_object *answer, const struct http_answer *http,
                       const struct error *error) {
    struct drill *drill = arg;
    (void)answer;
    drill->call = NULL;
    drill->scratch.planned = table_answered(drill->engine->client, http);
    if (!error)
        fail_exists(drill);
    else if (error->code == ERROR_NOT_FOUND)
        drill_enter(drill, PLAN);
    else
        drill_fail(drill, error);
}

static void name_table(struct drill *drill) {
    const struct job_config *job = drill->job;
    unsigned char random[4];
    random_bytes(random, sizeof random);
    drill->scratch = (struct scratch_table){
        .name = scratch_table_name(job->drill_table_prefix, aws_client_now(drill->engine->client), random),
        .region = x_strdup(drill->result.region),
        .job = x_strdup(job->name),
        .run = x_strdup(drill->result.run),
        .access = {.source = x_strdup(engine_source_name(job->source)),
                   .profile = x_strdup(job->profile),
                   .role_arn = x_strdup(job->role_arn),
                   .external_id = x_strdup(job->external_id)}};
    drill->result.scratch = x_strdup(drill->scratch.name);
}

void drill_check(struct drill *drill) {
    struct credential_provider *provider = engine_provider(drill->engine, drill->job, false);
    drill->session = aws_session_new(drill->engine->client, provider, drill->result.region, &drill->patience);
    credential_provider_unref(provider);
    name_table(drill);
    _cleanup_free_ char *body = dynamodb_table_body(drill->scratch.name);
    _cleanup_free_ char *what = x_printf("DescribeTable of %s", drill->scratch.name);
    drill->call = dynamodb_start(drill->session, "DescribeTable", body, what, on_checked, drill);
}

static void on_planned(void *arg, const struct error *error) {
    struct drill *drill = arg;
    drill->noting = NULL;
    if (error) {
        struct error told = error_copy(error);
        error_context(&told, "no table is made whose name cannot be written down first");
        drill_fail(drill, &told);
        error_clear(&told);
        return;
    }
    drill->table = TABLE_PLANNED;
    drill_enter(drill, MAKE);
}

void drill_plan(struct drill *drill) {
    if (!drill->state_room) {
        _cleanup_error_ struct error error = {0};
        error_set(&error, ERROR_INVALID, "a drill needs a state directory, to write down the table that it makes");
        drill_fail(drill, &error);
        return;
    }
    drill->noting = scratch_plan(drill->state_room, &drill->scratch, on_planned, drill);
}

/* ------------------------------------------------------------ MAKE, NOTE */

/* It is ours: what DescribeTable says of it. */
static void take_table(struct drill *drill, struct json_object *table) {
    _cleanup_error_ struct error error = {0};
    const char *arn = json_string(table, "TableArn");
    drill->table = TABLE_OURS;
    drill->described = json_object_get(table);
    drill->scratch.arn = x_strdup(arn);
    if (definition_key(table, &drill->key, &error))
        drill_enter(drill, NOTE);
    else
        drill_fail(drill, &error);
}

/* Behind a lost answer. */
static void on_recognised(void *arg, struct json_object *table, const struct error *error) {
    struct drill *drill = arg;
    drill->wait = NULL;
    if (error) {
        drill_fail(drill, error);
    } else if (scratch_is_ours(&drill->scratch, table)) {
        take_table(drill, table);
    } else {
        drill->table = TABLE_NONE;
        scratch_forget(drill->state_room, &drill->scratch, NULL, NULL);
        fail_exists(drill);
    }
}

static void on_made(void *arg, struct json_object *table, const struct error *error) {
    struct drill *drill = arg;
    drill->make = NULL;
    if (table) {
        take_table(drill, table);
    } else if (error->code != ERROR_EXISTS) {
        drill_fail(drill, error);
    } else if (drill->patience.retries > drill->retries_before) {
        drill->wait = table_wait_start(drill->session, drill->scratch.name, on_recognised, drill);
    } else {
        drill->table = TABLE_NONE;
        scratch_forget(drill->state_room, &drill->scratch, NULL, NULL);
        fail_exists(drill);
    }
}

void drill_make(struct drill *drill) {
    struct table_make_options options = {.session = drill->session,
                                         .use = {.definition = drill->source->definition,
                                                 .table = drill->scratch.name,
                                                 .region = drill->result.region,
                                                 .keys_only = true},
                                         .must_be_new = true,
                                         .missing = drill->missing};
    drill->retries_before = drill->patience.retries;
    drill->make = table_make_start(&options, on_made, drill);
}

/* Where it cannot be noted the drill goes on: the name stands there, and that is enough to delete it by. */
static void on_noted(void *arg, const struct error *error) {
    struct drill *drill = arg;
    (void)error;
    drill->noting = NULL;
    drill_enter(drill, FILL);
}

void drill_note(struct drill *drill) {
    drill->noting = scratch_made(drill->state_room, &drill->scratch, drill->scratch.arn, on_noted, drill);
}

/* ------------------------------------------------------------ DELETE, FORGET */

/* What may be left behind is a failure, even of a drill that went well otherwise: it costs money until somebody deletes it. */
static void on_removed(void *arg, const struct error *error) {
    struct drill *drill = arg;
    drill->removal = NULL;
    if (!error || error->code == ERROR_EXISTS) {
        drill_enter(drill, FORGET);
        return;
    }
    struct error told = error_copy(error), first = {0};
    drill->left_behind = true;
    error_advice(&told,
                 "it is tried again, after a minute at first, and when the daemon starts; to do it by hand: aws "
                 "dynamodb delete-table "
                 "--region %s --table-name %s",
                 drill->scratch.region, drill->scratch.name);
    if (drill->result.outcome == RUN_SUCCEEDED) {
        first = error_copy(&told);
        error_context(&first, "the backup restores, but its scratch table could not be removed");
        error_keep_first(&drill->result.error, &first);
        drill->result.outcome = RUN_FAILED;
    }
    error_keep_first(&drill->result.undo_error, &told);
    drill_enter(drill, OVER);
}

/* The run's patience may be at its end: deleting begins with a new one. */
void drill_delete(struct drill *drill) {
    int64_t landing = engine_landing(drill->engine);
    drill->patience.last_success = clock_monotonic();
    drill->removal = scratch_remove_start(drill->session, &drill->scratch, drill->table == TABLE_OURS ? 0 : landing,
                                          on_removed, drill);
}

/* What cannot be forgotten is looked for once more at the next start, and is not there. */
static void on_forgotten(void *arg, const struct error *error) {
    struct drill *drill = arg;
    (void)error;
    drill->noting = NULL;
    drill_enter(drill, OVER);
}

void drill_forget(struct drill *drill) {
    drill->noting = scratch_forget(drill->state_room, &drill->scratch, on_forgotten, drill);
}
