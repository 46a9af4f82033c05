/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The story of a prune.
 *
 *     PLACE     the bucket, its region, its credentials
 *     IDENTIFY  the table's ARN: whose backups are ours? (DescribeTable, where nothing else says it)
 *     RECALL    what our state says of earlier prunes, and of runs that may go on
 *     READERS   what other processes of this host read (job/reading.h)
 *     SURVEY    every folder: what it is, whose, how old (job/survey.h); then what is to go is decided (prune_decide.c)
 *     NEXT      for each folder that is to go, one after the other:
 *         ALONE   it is ours alone: no restore begins to read it, in no process of this host
 *         LOCKS   is an object of it under object lock? then it stays
 *         BEGIN   our state writes down that we remove it: from here on it is finished, whoever dies
 *         ERASE   backup.json, then all the rest, `_started` last (job/undo.h)
 *         END     our state strikes it out
 *     TIDY      strikes out what the state remembers and is gone, or is kept after all
 *     OVER
 */
#include "job/prune.h"

#include <stdlib.h>
#include <string.h>

#include "aws/dynamodb.h"
#include "base/clock.h"
#include "base/memory.h"
#include "job/lock_check.h"
#include "job/place.h"
#include "job/reading.h"
#include "job/undo.h"

enum prune_state { PLACE, IDENTIFY, RECALL, READERS, SURVEY, NEXT, ALONE, LOCKS, BEGIN, ERASE, END, TIDY, OVER };

#define TOLD_MOST 50 /* refused objects of one backup that are told one by one */

struct prune {
    struct engine *engine;
    struct config *config;
    const struct job_config *job;
    struct prune_runs runs;
    enum prune_state state;
    bool finishing;
    char *table_arn;
    struct place *place;
    struct credential_provider *table_provider;
    struct aws_session *table_session;
    struct dynamodb_call *describe;
    struct survey *survey;
    struct prunes_list begun;
    struct checkpoint_list open;
    struct state_op *op;
    struct prune_result result;
    size_t at, tidied; /* the folder at hand; of what was begun */
    bool dry_run;
    struct reading *alone; /* the folder at hand */
    struct reading_look *look;
    struct reading_list readers;
    struct lock_check *locks;
    struct undo *undo;
    struct buffer refused;
    size_t refused_count;
    prune_done *done;
    void *arg;
};

static void prune_step(struct prune *prune);

static void enter(struct prune *prune, enum prune_state state) {
    prune->state = state;
    prune_step(prune);
}

static struct prune_item *item_at_hand(struct prune *prune) {
    return &prune->result.list[prune->at];
}

static void give_back(struct prune *prune) {
    reading_end(take_pointer(prune->alone));
}

static void prune_free(struct prune *prune) {
    survey_cancel(prune->survey);
    lock_check_cancel(prune->locks);
    undo_cancel(prune->undo);
    state_cancel(prune->op);
    if (prune->describe)
        dynamodb_cancel(prune->describe);
    give_back(prune);
    reading_look_cancel(prune->look);
    reading_list_fini(&prune->readers);
    if (prune->table_session)
        aws_session_free(prune->table_session);
    if (prune->table_provider)
        credential_provider_unref(prune->table_provider);
    place_close(prune->place);
    prunes_list_fini(&prune->begun);
    checkpoint_list_fini(&prune->open);
    prune_result_fini(&prune->result);
    buffer_fini(&prune->refused);
    free(prune->table_arn);
    config_unref(prune->config);
    engine_unref(prune->engine);
    free(prune);
}

void prune_cancel(struct prune *prune) {
    if (prune)
        prune_free(prune);
}

void prune_finish(struct prune *prune) {
    prune->finishing = true;
}

static void fail(struct prune *prune, const struct error *error) {
    prune->done(prune->arg, NULL, error);
    prune_free(prune);
}

/* ------------------------------------------------------------ whose backups are ours */

static void on_described(void *arg, struct json_object *answer, const struct http_answer *http,
                         const struct error *error) {
    struct prune *prune = arg;
    _cleanup_error_ struct error failure = {0};
    (void)http;
    prune->describe = NULL;
    const char *arn = error ? NULL : json_need_string(json_object_at(answer, "Table"), "TableArn", &failure);
    if (arn) {
        prune->table_arn = x_strdup(arn);
        enter(prune, RECALL);
        return;
    }
    if (error)
        failure = error_copy(error);
    error_advice(&failure,
                 "whose backups these are is told by the table's ARN; give it as Table= where the table is no more");
    fail(prune, &failure);
}

static void identify(struct prune *prune) {
    _cleanup_free_ char *body = dynamodb_table_body(prune->job->table);
    _cleanup_free_ char *what = x_printf("DescribeTable of %s", prune->job->table);
    if (!prune->table_arn && strncmp(prune->job->table, "arn:", 4) == 0)
        prune->table_arn = x_strdup(prune->job->table);
    if (prune->table_arn) {
        enter(prune, RECALL);
        return;
    }
    prune->table_provider = engine_provider(prune->engine, prune->job, false);
    prune->table_session = aws_session_new(prune->engine->client, prune->table_provider,
                                           aws_session_region(prune->place->bucket.session), NULL);
    prune->describe = dynamodb_start(prune->table_session, "DescribeTable", body, what, on_described, prune);
}

static void on_place(void *arg, const struct error *error) {
    struct prune *prune = arg;
    if (error)
        fail(prune, error);
    else
        enter(prune, IDENTIFY);
}

/* ------------------------------------------------------------ what our state knows */

/* One order to the state; lives until it is released, whatever has become of the prune. */
struct note {
    struct prune *prune;
    struct prune_begun begun;
    char *parent; /* of RECALL */
    struct prunes_list list;
    struct checkpoint_list open;
};

static void note_release(void *arg) {
    struct note *note = arg;
    prunes_list_fini(&note->list);
    checkpoint_list_fini(&note->open);
    free(note->begun.uri);
    free(note->begun.job);
    free(note->begun.run);
    free(note->parent);
    free(note);
}

static struct note *note_new(struct prune *prune, const char *uri, const char *run) {
    struct note *note = x_calloc(1, sizeof *note);
    note->prune = prune;
    note->begun = (struct prune_begun){x_strdup(uri), x_strdup(prune->job->name), x_strdup(run), prune->result.now};
    return note;
}

static void ask_state(struct note *note, state_work *work, state_done *done) {
    struct prune *prune = note->prune;
    struct state_order order = {work, done, note_release, note};
    prune->op = state_do(prune->engine->shared.state, &order);
}

static bool work_recall(struct sqlite3 *db, void *arg, struct error *error) {
    struct note *note = arg;
    return prunes_read(db, note->parent, &note->list, error) && checkpoint_list(db, &note->open, error);
}

static bool work_begin(struct sqlite3 *db, void *arg, struct error *error) {
    const struct note *note = arg;
    return prunes_begin(db, &note->begun, error);
}

static bool work_end(struct sqlite3 *db, void *arg, struct error *error) {
    const struct note *note = arg;
    return prunes_end(db, note->begun.uri, error);
}

static void on_recalled(void *arg, const struct error *error) {
    struct note *note = arg;
    struct prune *prune = note->prune;
    prune->op = NULL;
    if (error) {
        fail(prune, error);
        return;
    }
    prune->begun = note->list;
    prune->open = note->open;
    note->list = (struct prunes_list){0};
    note->open = (struct checkpoint_list){0};
    enter(prune, READERS);
}

static void recall(struct prune *prune) {
    if (!prune->engine->shared.state) {
        enter(prune, READERS);
        return;
    }
    struct note *note = note_new(prune, "", "");
    note->parent = x_printf("s3://%s/%sAWSDynamoDB/", prune->job->bucket, prune->job->prefix);
    ask_state(note, work_recall, on_recalled);
}

/* ------------------------------------------------------------ what others read */

static void on_readers(void *arg, struct reading_list *list, const struct error *unknown) {
    struct prune *prune = arg;
    prune->look = NULL;
    prune->readers = *list;
    *list = (struct reading_list){0};
    if (unknown)
        report(prune->engine->shared.reporter,
               EVENT(EVENT_RUN_WARNING, .job = prune->job->name, .table = prune->job->table, .error = unknown,
                     .message = "this prune does not know what other processes of this host read"));
    enter(prune, SURVEY);
}

/* ------------------------------------------------------------ what is to go */

static void on_surveyed(void *arg, const struct survey_result *survey, const struct error *error) {
    struct prune *prune = arg;
    prune->survey = NULL;
    if (error) {
        fail(prune, error);
        return;
    }
    struct prune_facts facts = {.job = prune->job,
                                .survey = survey,
                                .begun = &prune->begun,
                                .open = &prune->open,
                                .in_use = prune->engine->shared.in_use,
                                .readers = &prune->readers,
                                .runs = prune->runs,
                                .machine_id = prune->engine->machine_id};
    prune_decide(&prune->result, &facts);
    enter(prune, NEXT);
}

static void survey(struct prune *prune) {
    struct survey_options options = {&prune->place->bucket, prune->job->prefix, prune->job->name, prune->table_arn,
                                     aws_client_wall(prune->engine->client)};
    prune->survey = survey_start(&options, on_surveyed, prune);
}

/* ------------------------------------------------------------ one folder */

static void go_on(struct prune *prune) {
    give_back(prune);
    prune->at++;
    enter(prune, NEXT);
}

/* It stays after all, and nothing is wrong. */
static void leave(struct prune *prune, const char *why) {
    struct prune_item *item = item_at_hand(prune);
    item->remove = false;
    x_replace(&item->why, why);
    go_on(prune);
}

static void item_failed(struct prune *prune, const char *why) {
    struct prune_item *item = item_at_hand(prune);
    item->outcome = PRUNE_FAILED;
    prune->result.failed++;
    x_replace(&item->error, why);
    go_on(prune);
}

static bool is_live(const struct prune *prune, const char *run) {
    return prune->runs.is_live && prune->runs.is_live(prune->runs.arg, run);
}

static void next(struct prune *prune) {
    struct prune_result *result = &prune->result;
    bool deletes = !prune->dry_run && !result->held && !prune->finishing;
    while (prune->at < result->count && !(deletes && item_at_hand(prune)->remove))
        prune->at++;
    if (prune->at == result->count) {
        enter(prune, TIDY);
        return;
    }
    enter(prune, ALONE);
}

static void on_alone(void *arg, const char *by) {
    struct prune *prune = arg;
    const struct prune_item *item = item_at_hand(prune);
    if (by) {
        _cleanup_free_ char *why = x_printf("in use since, by %s; the rules would remove it: %s", by, item->why);
        leave(prune, why);
    } else if (item->remains && is_live(prune, item->names.run)) {
        leave(prune, "its run goes on");
    } else {
        enter(prune, LOCKS);
    }
}

static void on_locks(void *arg, const char *locked, const struct error *error) {
    struct prune *prune = arg;
    prune->locks = NULL;
    if (error) {
        item_failed(prune, error->message);
    } else if (locked) {
        _cleanup_free_ char *why = x_printf("under %s; else it would go: %s", locked, item_at_hand(prune)->why);
        leave(prune, why);
    } else {
        enter(prune, BEGIN);
    }
}

static void on_begun(void *arg, const struct error *error) {
    const struct note *note = arg;
    struct prune *prune = note->prune;
    prune->op = NULL;
    if (error)
        item_failed(prune, error->message);
    else
        enter(prune, ERASE);
}

static void begin(struct prune *prune) {
    const struct backup_names *names = &item_at_hand(prune)->names;
    if (prune->engine->shared.state)
        ask_state(note_new(prune, names->uri, names->run), work_begin, on_begun);
    else
        enter(prune, ERASE);
}

/* Several objects may be refused, for one reason each. */
static void on_refused(void *arg, const char *key, const char *why) {
    struct prune *prune = arg;
    if (++prune->refused_count > TOLD_MOST)
        return;
    buffer_printf(&prune->refused, "%ss3://%s/%s: %s", prune->refused.length ? "; " : "", prune->place->bucket.name,
                  key, why);
}

static void say_removed(const struct prune *prune, const struct prune_item *item) {
    _cleanup_free_ char *message = x_printf(
        "%s removed: %s: %s", item->remains ? "what was left of a backup" : "backup", item->names.uri, item->why);
    struct event *event = EVENT(EVENT_BACKUP_REMOVED, .job = prune->job->name, .run = item->names.run);
    event->table = prune->job->table;
    event->message = message;
    report(prune->engine->shared.reporter, event);
}

static void on_erased(void *arg, const struct error *error) {
    struct prune *prune = arg;
    struct prune_item *item = item_at_hand(prune);
    prune->undo = NULL;
    if (error) {
        if (prune->refused_count > TOLD_MOST)
            buffer_printf(&prune->refused, "; and %zu more objects", prune->refused_count - TOLD_MOST);
        item_failed(prune, prune->refused.length ? prune->refused.data : error->message);
        return;
    }
    item->outcome = PRUNE_REMOVED;
    prune->result.removed++;
    say_removed(prune, item);
    enter(prune, END);
}

static void erase(struct prune *prune) {
    buffer_clear(&prune->refused);
    prune->refused_count = 0;
    prune->undo = undo_backup_start(&prune->place->bucket, &item_at_hand(prune)->names, on_refused, on_erased, prune);
}

/* Where this fails the next prune sees that the folder has gone. */
static void on_ended(void *arg, const struct error *error) {
    const struct note *note = arg;
    (void)error;
    note->prune->op = NULL;
    go_on(note->prune);
}

/* ------------------------------------------------------------ the end */

static void on_tidied(void *arg, const struct error *error) {
    const struct note *note = arg;
    (void)error;
    note->prune->op = NULL;
    enter(note->prune, TIDY);
}

/* Gone, or standing whole and kept: no prune has to finish it. */
static bool is_settled(const struct prune *prune, const char *uri) {
    for (size_t i = 0; i < prune->result.count; i++) {
        const struct prune_item *item = &prune->result.list[i];
        if (strcmp(item->names.uri, uri) == 0)
            return !item->remains && !item->remove;
    }
    return true;
}

static void tidy(struct prune *prune) {
    bool writes = !prune->dry_run && !prune->result.held;
    while (writes && prune->tidied < prune->begun.count) {
        const struct prune_begun *begun = &prune->begun.items[prune->tidied++];
        if (strcmp(begun->job, prune->job->name) != 0 || !is_settled(prune, begun->uri))
            continue;
        ask_state(note_new(prune, begun->uri, begun->run), work_end, on_tidied);
        return;
    }
    enter(prune, OVER);
}

static void over(struct prune *prune) {
    prune->result.dry_run = prune->dry_run;
    prune->done(prune->arg, &prune->result, NULL);
    prune_free(prune);
}

static void prune_step(struct prune *prune) {
    switch (prune->state) {
    case PLACE:
        prune->place = place_open(prune->engine, prune->config, prune->job, on_place, prune);
        return;
    case IDENTIFY:
        identify(prune);
        return;
    case RECALL:
        recall(prune);
        return;
    case READERS:
        prune->look = reading_look_start(prune->engine, on_readers, prune);
        return;
    case SURVEY:
        survey(prune);
        return;
    case NEXT:
        next(prune);
        return;
    case ALONE:
        prune->alone = reading_start_alone(prune->engine, &item_at_hand(prune)->names, on_alone, prune);
        return;
    case LOCKS:
        prune->locks = lock_check_start(&prune->place->bucket, &item_at_hand(prune)->names,
                                        prune->result.now / SECOND_MS, on_locks, prune);
        return;
    case BEGIN:
        begin(prune);
        return;
    case ERASE:
        erase(prune);
        return;
    case END:
        if (prune->engine->shared.state)
            ask_state(note_new(prune, item_at_hand(prune)->names.uri, ""), work_end, on_ended);
        else
            go_on(prune);
        return;
    case TIDY:
        tidy(prune);
        return;
    case OVER:
        over(prune);
        return;
    }
}

struct prune *prune_start(const struct prune_order *order, prune_done *done, void *arg) {
    struct prune *prune = x_calloc(1, sizeof *prune);
    prune->engine = engine_ref(order->engine);
    prune->config = config_ref(order->config);
    prune->job = order->job;
    prune->runs = order->runs;
    prune->dry_run = order->dry_run;
    prune->table_arn = x_strdup(order->table_arn);
    prune->refused = BUFFER_INIT(BUFFER_OURS);
    prune->done = done;
    prune->arg = arg;
    enter(prune, PLACE);
    return prune;
}
