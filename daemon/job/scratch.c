/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The end of a scratch table.
 *
 *     LOOK --not there (and not about to come)--> done
 *       |  --not ours--> done, ERROR_EXISTS
 *       v
 *     DELETE --still being made: WAIT, the same again--
 *       v
 *     WAIT --LOOK--> ... until it is not there
 */
#include "job/scratch.h"

#include <stdlib.h>
#include <string.h>

#include "aws/dynamodb.h"
#include "base/json.h"
#include "base/memory.h"
#include "job/describe.h"

#define POLL_FIRST ((int64_t)200)
#define POLL_MOST  (10 * SECOND_MS)
#define GONE_MOST  (30 * MINUTE_MS)

struct scratch_removal {
    struct aws_session *session;
    struct scratch_table table;
    struct dynamodb_call *call;
    uv_timer_t timer;
    int64_t began, landing, pause;
    bool asked; /* DeleteTable has been accepted */
    scratch_removed *done;
    void *arg;
};

static void on_closed(uv_handle_t *handle) {
    free(handle->data);
}

void scratch_remove_cancel(struct scratch_removal *removal) {
    if (!removal)
        return;
    if (removal->call)
        dynamodb_cancel(removal->call);
    scratch_table_fini(&removal->table);
    uv_close((uv_handle_t *)&removal->timer, on_closed);
}

static void end(struct scratch_removal *removal, const struct error *error) {
    scratch_removed *done = removal->done;
    void *arg = removal->arg;
    struct error told = error ? error_copy(error) : (struct error){0};
    error_context(&told, "deleting the scratch table %s", removal->table.name);
    scratch_remove_cancel(removal);
    done(arg, error ? &told : NULL);
    error_clear(&told);
}

bool scratch_is_ours(const struct scratch_table *table, struct json_object *described) {
    const char *arn = json_string(described, "TableArn");
    if (table->arn)
        return arn && strcmp(arn, table->arn) == 0;
    double created = table_created(described);
    return created > 0 && created >= (double)table->planned;
}

static void on_timer(uv_timer_t *timer);

static void look_again(struct scratch_removal *removal) {
    uv_timer_start(&removal->timer, on_timer, (uint64_t)removal->pause, 0);
    removal->pause = 2 * removal->pause < POLL_MOST ? 2 * removal->pause : POLL_MOST;
}

static void fail(struct scratch_removal *removal, enum error_code code, const char *words) {
    _cleanup_error_ struct error error = {0};
    error_set(&error, code, "%s", words);
    end(removal, &error);
}

/* ERROR_EXISTS is ResourceInUseException: it is still being made, or deleted already. */
static void on_deleted(void *arg, struct json_object *answer, const struct http_answer *http,
                       const struct error *error) {
    struct scratch_removal *removal = arg;
    (void)answer, (void)http;
    removal->call = NULL;
    removal->asked = removal->asked || !error;
    if (error && error->code == ERROR_NOT_FOUND)
        end(removal, NULL);
    else if (error && error->code != ERROR_EXISTS)
        end(removal, error);
    else
        look_again(removal);
}

static void ask(struct scratch_removal *removal, const char *operation, dynamodb_done *done) {
    _cleanup_free_ char *body = dynamodb_table_body(removal->table.name);
    _cleanup_free_ char *what = x_printf("%s of %s", operation, removal->table.name);
    removal->call = dynamodb_start(removal->session, operation, body, what, done, removal);
}

static void on_there(struct scratch_removal *removal, struct json_object *table) {
    const char *status = json_string(table, "TableStatus");
    bool deleting = status && strcmp(status, "DELETING") == 0;
    if (!scratch_is_ours(&removal->table, table))
        fail(removal, ERROR_EXISTS, "a table of that name is there that no drill has made: left alone");
    else if (clock_monotonic() - removal->began > GONE_MOST)
        fail(removal, ERROR_TRANSIENT, "it is still there after 30 minutes");
    else if (deleting || removal->asked)
        look_again(removal);
    else
        ask(removal, "DeleteTable", on_deleted);
}

static void on_looked(void *arg, struct json_object *answer, const struct http_answer *http,
                      const struct error *error) {
    struct scratch_removal *removal = arg;
    struct json_object *table = error ? NULL : json_object_at(answer, "Table");
    bool may_come = !removal->asked && clock_monotonic() - removal->began < removal->landing;
    (void)http;
    removal->call = NULL;
    if (table)
        on_there(removal, table);
    else if (error && error->code == ERROR_NOT_FOUND && may_come)
        look_again(removal);
    else if (error && error->code == ERROR_NOT_FOUND)
        end(removal, NULL);
    else if (error)
        end(removal, error);
    else
        fail(removal, ERROR_CORRUPT, "the answer of DescribeTable has no Table");
}

static void on_timer(uv_timer_t *timer) {
    ask(timer->data, "DescribeTable", on_looked);
}

struct scratch_removal *scratch_remove_start(struct aws_session *session, const struct scratch_table *table,
                                             int64_t landing, scratch_removed *done, void *arg) {
    struct scratch_removal *removal = x_calloc(1, sizeof *removal);
    *removal = (struct scratch_removal){.session = session,
                                        .table = scratch_table_copy(table),
                                        .began = clock_monotonic(),
                                        .landing = landing,
                                        .pause = POLL_FIRST,
                                        .done = done,
                                        .arg = arg};
    removal->timer.data = removal;
    uv_timer_init(aws_client_loop(aws_session_client(session)), &removal->timer);
    uv_timer_start(&removal->timer, on_timer, 0, 0);
    return removal;
}
