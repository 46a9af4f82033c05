/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A table made from a saved definition.
 *
 *     make:    CREATE --refused, something optional in it--> CREATE without that --> WAIT until ACTIVE
 *     finish:  for each step that the definition asks for: WAIT where it needs ACTIVE -> ASK --refused--> a sentence --> ...
 *              --> WAIT until ACTIVE
 */
#include "job/table.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/memory.h"

#define POLL_FIRST  ((int64_t)100)
#define POLL_MOST   (5 * SECOND_MS)
#define UNSEEN_MOST (1 * MINUTE_MS)
#define ACTIVE_MOST (30 * MINUTE_MS)
#define BUSY_MOST   (10 * MINUTE_MS) /* a step that AWS puts off: "backups are being enabled for the table" */

int64_t table_answered(const struct aws_client *client, const struct http_answer *http) {
    const char *date = http ? http_answer_header(http, "date") : NULL;
    int64_t seconds;
    return date && time_parse_http(date, &seconds) ? seconds * SECOND_MS : aws_client_now(client);
}

/* ------------------------------------------------------------ waiting */

struct table_wait {
    struct aws_session *session;
    char *table;
    struct dynamodb_call *call;
    uv_timer_t timer;
    int64_t began, pause;
    table_done *done;
    void *arg;
};

static void on_wait_closed(uv_handle_t *handle) {
    free(handle->data);
}

void table_wait_cancel(struct table_wait *wait) {
    if (!wait)
        return;
    if (wait->call)
        dynamodb_cancel(wait->call);
    free(wait->table);
    uv_close((uv_handle_t *)&wait->timer, on_wait_closed);
}

static void wait_end(struct table_wait *wait, struct json_object *table, const struct error *error) {
    table_done *done = wait->done;
    void *arg = wait->arg;
    table_wait_cancel(wait);
    done(arg, table, error);
}

static void on_pause_over(uv_timer_t *timer);

static void pause_and_poll(struct table_wait *wait) {
    uv_timer_start(&wait->timer, on_pause_over, (uint64_t)wait->pause, 0);
    wait->pause = 2 * wait->pause < POLL_MOST ? 2 * wait->pause : POLL_MOST;
}

static void fail_inactive(struct table_wait *wait, struct json_object *table) {
    _cleanup_error_ struct error error = {0};
    const char *status = json_string(table, "TableStatus");
    error_set(&error, ERROR_TRANSIENT, "table %s is not ACTIVE, with all its indexes, after 30 minutes; it is %s",
              wait->table, status ? status : "of no status");
    wait_end(wait, NULL, &error);
}

static void on_polled(void *arg, struct json_object *answer, const struct http_answer *http,
                      const struct error *error) {
    struct table_wait *wait = arg;
    struct json_object *table = error ? NULL : json_object_at(answer, "Table");
    int64_t waited = clock_monotonic() - wait->began;
    (void)http;
    wait->call = NULL;
    if (error && (error->code != ERROR_NOT_FOUND || waited > UNSEEN_MOST))
        wait_end(wait, NULL, error);
    else if (table && definition_is_active(table))
        wait_end(wait, table, NULL);
    else if (waited > ACTIVE_MOST)
        fail_inactive(wait, table);
    else
        pause_and_poll(wait);
}

static void on_pause_over(uv_timer_t *timer) {
    struct table_wait *wait = timer->data;
    _cleanup_free_ char *body = dynamodb_table_body(wait->table);
    _cleanup_free_ char *what = x_printf("DescribeTable of %s", wait->table);
    wait->call = dynamodb_start(wait->session, "DescribeTable", body, what, on_polled, wait);
}

struct table_wait *table_wait_start(struct aws_session *session, const char *table, table_done *done, void *arg) {
    struct table_wait *wait = x_calloc(1, sizeof *wait);
    *wait = (struct table_wait){.session = session,
                                .table = x_strdup(table),
                                .began = clock_monotonic(),
                                .pause = POLL_FIRST,
                                .done = done,
                                .arg = arg};
    wait->timer.data = wait;
    uv_timer_init(aws_client_loop(aws_session_client(session)), &wait->timer);
    uv_timer_start(&wait->timer, on_pause_over, 0, 0);
    return wait;
}

/* Adds a sentence; frees it. */
static void tell(struct json_object *missing, char *sentence) {
    json_object_array_add(missing, json_object_new_string(sentence));
    free(sentence);
}

/* ------------------------------------------------------------ making */

struct table_make {
    struct table_make_options options;
    unsigned without;   /* optional members that were refused */
    struct error first; /* why CreateTable was refused at first */
    struct dynamodb_call *call;
    struct table_wait *wait;
    uv_timer_t soon;
    table_done *done;
    void *arg;
};

static void on_make_closed(uv_handle_t *handle) {
    free(handle->data);
}

void table_make_cancel(struct table_make *make) {
    if (!make)
        return;
    if (make->call)
        dynamodb_cancel(make->call);
    table_wait_cancel(make->wait);
    error_clear(&make->first);
    uv_close((uv_handle_t *)&make->soon, on_make_closed);
}

static void make_end(struct table_make *make, struct json_object *table, const struct error *error) {
    table_done *done = make->done;
    void *arg = make->arg;
    struct error told = error ? error_copy(error) : (struct error){0};
    table_make_cancel(make);
    done(arg, table, error ? &told : NULL);
    error_clear(&told);
}

static void on_made_active(void *arg, struct json_object *table, const struct error *error) {
    struct table_make *make = arg;
    make->wait = NULL;
    make_end(make, table, error);
}

/* The optional member that a refusal names, else the next one that is still in; 0: nothing is left to do without. */
static unsigned to_leave_out(const struct table_make *make, const struct error *error) {
    unsigned left = definition_optional(&make->options.use) & ~make->without;
    for (unsigned bit = 1; bit <= OPTIONAL_ALL; bit <<= 1)
        if (left & bit && error->message && strstr(error->message, definition_optional_name(bit)))
            return bit;
    return left & -left;
}

static void create(struct table_make *make);

/* A refusal that a smaller body may help against; a table that exists, a throttle or a broken line are none. */
static bool may_help(const struct error *error) {
    return error->code == ERROR_INVALID || error->code == ERROR_DENIED;
}

static void on_refused(struct table_make *make, const struct error *error) {
    unsigned bit = may_help(error) ? to_leave_out(make, error) : 0;
    if (!bit) {
        make_end(make, NULL, make->first.code && may_help(error) ? &make->first : error);
        return;
    }
    if (!make->first.code)
        make->first = error_copy(error);
    tell(make->options.missing, x_printf("%s: CreateTable was refused with it: %s", definition_optional_name(bit),
                                         error->message ? error->message : error_code_name(error->code)));
    make->without |= bit;
    create(make);
}

static void on_created(void *arg, struct json_object *answer, const struct http_answer *http,
                       const struct error *error) {
    struct table_make *make = arg;
    bool refused = error && error->code != ERROR_EXISTS && error->http_status >= 400 && error->http_status < 500;
    (void)answer, (void)http;
    make->call = NULL;
    if (make->options.may_exist && !refused)
        *make->options.may_exist = true;
    if (error && !(error->code == ERROR_EXISTS && !make->options.must_be_new))
        on_refused(make, error);
    else
        make->wait = table_wait_start(make->options.session, make->options.use.table, on_made_active, make);
}

static void create(struct table_make *make) {
    _cleanup_error_ struct error error = {0};
    _cleanup_free_ char *body = definition_create(&make->options.use, make->without, &error);
    _cleanup_free_ char *what = x_printf("CreateTable of %s", make->options.use.table);
    if (body)
        make->call = dynamodb_start(make->options.session, "CreateTable", body, what, on_created, make);
    else
        make_end(make, NULL, &error);
}

static void on_make_soon(uv_timer_t *timer) {
    create(timer->data);
}

struct table_make *table_make_start(const struct table_make_options *options, table_done *done, void *arg) {
    struct table_make *make = x_calloc(1, sizeof *make);
    make->options = *options;
    make->done = done;
    make->arg = arg;
    make->soon.data = make;
    uv_timer_init(aws_client_loop(aws_session_client(options->session)), &make->soon);
    uv_timer_start(&make->soon, on_make_soon, 0, 0);
    return make;
}

/* ------------------------------------------------------------ finishing */

struct table_finish {
    struct table_make_options options;
    char *arn;
    enum definition_step step; /* DEFINITION_STEPS: the last wait */
    bool active;               /* for this step */
    int64_t began, pause;      /* of this step */
    struct dynamodb_call *call;
    struct table_wait *wait;
    uv_timer_t timer;
    table_done *done;
    void *arg;
};

static void step(struct table_finish *finish);

static void on_finish_closed(uv_handle_t *handle) {
    free(handle->data);
}

void table_finish_cancel(struct table_finish *finish) {
    if (!finish)
        return;
    if (finish->call)
        dynamodb_cancel(finish->call);
    table_wait_cancel(finish->wait);
    free(finish->arn);
    uv_close((uv_handle_t *)&finish->timer, on_finish_closed);
}

static void finish_end(struct table_finish *finish, struct json_object *table, const struct error *error) {
    table_done *done = finish->done;
    void *arg = finish->arg;
    table_finish_cancel(finish);
    done(arg, table, error);
}

static void next_step(struct table_finish *finish) {
    finish->step++;
    finish->active = false;
    finish->began = clock_monotonic();
    finish->pause = POLL_FIRST;
    step(finish);
}

static void on_timer(uv_timer_t *timer) {
    step(timer->data);
}

/* A table that is being changed, or backups that are being enabled: the same again in a while. */
static bool is_busy(const struct table_finish *finish, const struct error *error) {
    bool busy = error->code == ERROR_EXISTS ||
                (error->aws_code && strcmp(error->aws_code, "ContinuousBackupsUnavailableException") == 0);
    return busy && clock_monotonic() - finish->began < BUSY_MOST;
}

/* TTL that is on already, as a restore that was interrupted behind this step left it. */
static bool stands_already(const struct table_finish *finish, const struct error *error) {
    return finish->step == STEP_TIME_TO_LIVE && error->code == ERROR_INVALID && error->message &&
           strstr(error->message, "already enabled");
}

static void on_step_answer(void *arg, struct json_object *answer, const struct http_answer *http,
                           const struct error *error) {
    struct table_finish *finish = arg;
    (void)answer, (void)http;
    finish->call = NULL;
    if (error && is_busy(finish, error)) {
        finish->active = false;
        uv_timer_start(&finish->timer, on_timer, (uint64_t)finish->pause, 0);
        finish->pause = 2 * finish->pause < POLL_MOST ? 2 * finish->pause : POLL_MOST;
        return;
    }
    if (error && !stands_already(finish, error))
        tell(finish->options.missing, x_printf("%s: %s", definition_step_name(finish->step),
                                               error->message ? error->message : error_code_name(error->code)));
    next_step(finish);
}

static void on_active(void *arg, struct json_object *table, const struct error *error) {
    struct table_finish *finish = arg;
    finish->wait = NULL;
    if (error || finish->step == DEFINITION_STEPS) {
        finish_end(finish, table, error);
        return;
    }
    finish->active = true;
    step(finish);
}

static void step(struct table_finish *finish) {
    const struct definition_use *use = &finish->options.use;
    if (finish->step == DEFINITION_STEPS) {
        finish->wait = table_wait_start(finish->options.session, use->table, on_active, finish);
        return;
    }
    _cleanup_free_ char *body = definition_step_body(use, finish->step, finish->arn);
    if (!body) {
        next_step(finish);
        return;
    }
    if (definition_step_updates(finish->step) && !finish->active) {
        finish->wait = table_wait_start(finish->options.session, use->table, on_active, finish);
        return;
    }
    const char *operation = definition_step_operation(finish->step);
    _cleanup_free_ char *what = x_printf("%s of %s", operation, use->table);
    finish->call = dynamodb_start(finish->options.session, operation, body, what, on_step_answer, finish);
}

struct table_finish *table_finish_start(const struct table_make_options *options, const char *arn, table_done *done,
                                        void *arg) {
    struct table_finish *finish = x_calloc(1, sizeof *finish);
    finish->options = *options;
    finish->arn = x_strdup(arn);
    finish->began = clock_monotonic();
    finish->pause = POLL_FIRST;
    finish->done = done;
    finish->arg = arg;
    finish->timer.data = finish;
    uv_timer_init(aws_client_loop(aws_session_client(options->session)), &finish->timer);
    uv_timer_start(&finish->timer, on_timer, 0, 0);
    return finish;
}
