/* SPDX-License-Identifier: Apache-2.0 */
/*
 *     DescribeTable --- its ARN ---------------------------> done
 *     the history, at the same time ---> kept: told where DescribeTable fails, or is too slow once somebody waits
 */
#include "job/own_table.h"

#include <stdlib.h>
#include <string.h>

#include "aws/dynamodb.h"
#include "base/memory.h"
#include "state/history.h"

#define RUNS_READ  100   /* of the job, from the newest: the last may have failed before it saw the table */
#define SOON_MS    2000  /* for DynamoDB to answer, where the history knows */
#define PATIENT_MS 10000 /* where it does not */

struct own_table {
    struct engine *engine;
    const struct job_config *job;
    struct credential_provider *provider;
    struct aws_session *session;
    struct dynamodb_call *call; /* NULL: it has failed */
    struct state_op *op;        /* NULL: the history has answered */
    char *remembered;
    bool hurried;
    uv_timer_t timer;
    own_table_done *done;
    void *arg;
};

static void on_closed(uv_handle_t *handle) {
    free(handle->data);
}

void own_table_cancel(struct own_table *own) {
    if (!own)
        return;
    if (own->call)
        dynamodb_cancel(own->call);
    state_cancel(own->op);
    aws_session_free(own->session);
    credential_provider_unref(own->provider);
    engine_unref(own->engine);
    free(own->remembered);
    uv_close((uv_handle_t *)&own->timer, on_closed);
}

static void finish(struct own_table *own, const char *arn) {
    own->done(own->arg, arn);
    own_table_cancel(own);
}

static void on_described(void *arg, struct json_object *answer, const struct http_answer *http,
                         const struct error *error) {
    struct own_table *own = arg;
    const char *arn = error ? NULL : json_string(json_object_at(answer, "Table"), "TableArn");
    (void)http;
    own->call = NULL;
    if (arn)
        finish(own, arn);
    else if (!own->op)
        finish(own, own->remembered);
}

static void on_late(uv_timer_t *timer) {
    struct own_table *own = timer->data;
    finish(own, own->remembered);
}

static void wait_no_longer(struct own_table *own) {
    if (own->hurried && !own->op)
        uv_timer_start(&own->timer, on_late, own->remembered ? SOON_MS : PATIENT_MS, 0);
}

/* A run of the job as it is now: its Table= and Region= may have been others. */
static bool is_of_the_job(const struct own_table *own, const struct history_row *row) {
    return strcmp(row->kind, "backup") == 0 && row->table_arn && row->table && row->region &&
           strcmp(row->table, own->job->table) == 0 && strcmp(row->region, aws_session_region(own->session)) == 0;
}

static void on_history(void *arg, const struct history_row *rows, size_t count, const struct error *error) {
    struct own_table *own = arg;
    (void)error; /* then there are no rows */
    own->op = NULL;
    for (size_t i = 0; i < count && !own->remembered; i++)
        if (is_of_the_job(own, &rows[i]))
            own->remembered = x_strdup(rows[i].table_arn);
    if (own->call)
        wait_no_longer(own);
    else
        finish(own, own->remembered);
}

void own_table_hurry(struct own_table *own) {
    own->hurried = true;
    wait_no_longer(own);
}

struct own_table *own_table_start(struct engine *engine, const struct job_config *job, const char *region,
                                  own_table_done *done, void *arg) {
    struct own_table *own = x_calloc(1, sizeof *own);
    _cleanup_free_ char *body = dynamodb_table_body(job->table);
    _cleanup_free_ char *what = x_printf("DescribeTable of %s", job->table);
    own->engine = engine_ref(engine);
    own->job = job;
    own->done = done;
    own->arg = arg;
    own->timer.data = own;
    uv_timer_init(engine->shared.loop, &own->timer);
    own->provider = engine_provider(engine, job, false);
    own->session = aws_session_new(engine->client, own->provider, region, NULL);
    own->call = dynamodb_start(own->session, "DescribeTable", body, what, on_described, own);
    if (engine->shared.state)
        own->op = history_list(engine->shared.state, job->name, RUNS_READ, on_history, own);
    return own;
}
