/* SPDX-License-Identifier: Apache-2.0 */
/* CloudWatch Logs, with a CloudWatch of the test's own behind aws/logs.h: each call is answered when the test says so. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "aws/logs.h"
#include "base/json.h"
#include "base/memory.h"
#include "report/cloudwatch.h"

/* In the place of aws/client.c and aws/logs.c. */

struct aws_session {
    uv_loop_t *loop;
};

struct logs_call {
    char *operation;
    struct json_object *body;
    logs_done *done;
    void *arg;
};

static struct logs_call *the_call; /* the one under way */
static int calls, cancels;

struct aws_client *aws_session_client(const struct aws_session *session) {
    return (struct aws_client *)(void *)session->loop;
}

uv_loop_t *aws_client_loop(const struct aws_client *client) {
    return (uv_loop_t *)(uintptr_t)client;
}

struct logs_call *logs_start(struct aws_session *session, const char *operation, const char *body, logs_done *done,
                             void *arg) {
    (void)session;
    assert_null(the_call);
    struct error error = {0};
    the_call = x_calloc(1, sizeof *the_call);
    *the_call = (struct logs_call){x_strdup(operation), json_parse(body, strlen(body), &error), done, arg};
    assert_non_null(the_call->body);
    calls++;
    return the_call;
}

static struct logs_call take_call(void) {
    assert_non_null(the_call);
    struct logs_call call = *the_call;
    free(the_call);
    the_call = NULL;
    return call;
}

static void drop(struct logs_call *call) {
    free(call->operation);
    json_object_put(call->body);
}

void logs_cancel(struct logs_call *call) {
    assert_ptr_equal(call, the_call);
    struct logs_call taken = take_call();
    drop(&taken);
    cancels++;
}

/* What happened, as the journal would have it. */
static void collect(void *arg, const struct iovec *fields, size_t count) {
    journal_line(arg, fields, count);
}

struct world {
    uv_loop_t loop;
    struct aws_session session;
    struct reporter *reporter;
    struct cloudwatch *cw;
    struct buffer said;
    int drained;
};

static void open_with(struct world *world, int retention_days) {
    const struct cloudwatch_options options = {.group = "/backups",
                                               .stream = "host:1/studentData*",
                                               .job = "studentData",
                                               .retention_days = retention_days,
                                               .flush_after_ms = 1};
    world->cw = cloudwatch_new(&world->session, world->reporter, &options);
}

static int set_up(void **state) {
    struct world *world = calloc(1, sizeof *world);
    uv_loop_init(&world->loop);
    world->session.loop = &world->loop;
    world->said = BUFFER_INIT(BUFFER_OURS);
    world->reporter = reporter_new_writer(LOG_INFO, collect, &world->said);
    calls = cancels = 0;
    *state = world;
    return 0;
}

/* Frees all, and gives back what the journal heard. */
static const char *finish(struct world *world) {
    cloudwatch_free(world->cw);
    uv_run(&world->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&world->loop), 0);
    reporter_free(world->reporter);
    return world->said.data ? world->said.data : "";
}

static int tear_down(void **state) {
    struct world *world = *state;
    buffer_fini(&world->said);
    free(world);
    return 0;
}

static void say(struct world *world, const char *message) {
    report(world->reporter, EVENT(EVENT_RUN_STARTED, .job = "studentData", .run = "r1", .message = message));
}

/* Turns the loop until a call is under way. */
static void turn(struct world *world) {
    for (int i = 0; i < 1000000 && !the_call; i++)
        uv_run(&world->loop, UV_RUN_NOWAIT);
    assert_non_null(the_call);
}

static void expect_call(const char *operation) {
    assert_non_null(the_call);
    assert_string_equal(the_call->operation, operation);
    assert_string_equal(json_string(the_call->body, "logGroupName"), "/backups");
}

static size_t event_count(void) {
    return json_object_array_length(json_array_at(the_call->body, "logEvents"));
}

static struct json_object *event_at(size_t i) {
    return json_object_array_get_idx(json_array_at(the_call->body, "logEvents"), i);
}

static void answer(const char *json) {
    struct error error = {0};
    struct json_object *object = json_parse(json, strlen(json), &error);
    struct logs_call call = take_call();
    call.done(call.arg, object, NULL);
    json_object_put(object);
    drop(&call);
}

static void refuse(enum error_code code) {
    struct error error = {0};
    error_set(&error, code, "400 Something of CloudWatch");
    struct logs_call call = take_call();
    call.done(call.arg, NULL, &error);
    error_clear(&error);
    drop(&call);
}

static void events_go_together_as_json_lines(void **state) {
    struct world *world = *state;
    open_with(world, 0);
    struct error error = {0};
    error_set(&error, ERROR_DENIED, "no");
    error.request_id = x_strdup("7Q\"1");
    say(world, "backup \"started\"");
    report(world->reporter, EVENT(EVENT_RUN_FAILED, .job = "studentData", .table = "t", .items = 5, .bytes = 6,
                                  .duration_ms = 7, .message = "failed", .error = &error));
    report(world->reporter, EVENT(EVENT_RUN_STARTED, .job = "another", .message = "x"));
    report(world->reporter, EVENT(EVENT_READY, .message = "of no job"));
    turn(world);
    expect_call("PutLogEvents");
    assert_string_equal(json_string(the_call->body, "logStreamName"), "host-1/studentData-");
    assert_int_equal(event_count(), 2);
    assert_true(json_integer(event_at(0), "timestamp", 0) > 1000000000000);
    assert_string_equal(
        json_string(event_at(0), "message"),
        "{\"level\":\"info\",\"event\":\"run-started\",\"message\":\"studentData: backup \\\"started\\\"\","
        "\"job\":\"studentData\",\"run\":\"r1\"}");
    const char *line = json_string(event_at(1), "message");
    struct json_object *fields = json_parse(line, strlen(line), &error);
    assert_non_null(fields);
    assert_string_equal(json_string(fields, "level"), "error");
    assert_int_equal(json_integer(fields, "items", 0) + json_integer(fields, "bytes", 0) +
                         json_integer(fields, "duration_ms", 0),
                     18);
    assert_string_equal(json_string(fields, "aws_request_id"), "7Q\"1");
    assert_string_equal(json_string(fields, "error_code"), error_code_name(ERROR_DENIED));
    json_object_put(fields);
    error_clear(&error);
    say(world, "while a call is under way");
    answer("{}");
    expect_call("PutLogEvents");
    assert_int_equal(event_count(), 1);
    answer("{}");
    assert_null(the_call);
    say(world, "later");
    turn(world);
    finish(world);
    assert_int_equal(cancels, 1);
}

static void a_missing_group_and_stream_are_made(void **state) {
    struct world *world = *state;
    open_with(world, 30);
    say(world, "one");
    turn(world);
    refuse(ERROR_NOT_FOUND);
    expect_call("CreateLogStream");
    refuse(ERROR_NOT_FOUND);
    expect_call("CreateLogGroup");
    assert_null(json_string(the_call->body, "logStreamName"));
    answer("{}");
    expect_call("PutRetentionPolicy");
    assert_int_equal(json_integer(the_call->body, "retentionInDays", 0), 30);
    answer("{}");
    expect_call("CreateLogStream");
    refuse(ERROR_EXISTS); /* another host's was quicker */
    expect_call("PutLogEvents");
    assert_int_equal(event_count(), 1);
    answer("{}");
    assert_null(the_call);
    assert_null(strstr(finish(world), "CloudWatch"));
}

static void a_group_that_stands_gets_its_retention_once(void **state) {
    struct world *world = *state;
    open_with(world, 7);
    say(world, "one");
    turn(world);
    answer("{}");
    expect_call("PutRetentionPolicy");
    refuse(ERROR_DENIED);
    assert_null(the_call);
    say(world, "two");
    turn(world);
    expect_call("PutLogEvents");
    answer("{}");
    assert_null(the_call);
    assert_non_null(strstr(finish(world), "the role may lack logs:PutRetentionPolicy"));
}

static void a_group_that_vanishes_again_and_again_ends_in_an_outage(void **state) {
    struct world *world = *state;
    open_with(world, 0);
    say(world, "one");
    turn(world);
    while (the_call) {
        if (strcmp(the_call->operation, "PutLogEvents") == 0)
            refuse(ERROR_NOT_FOUND);
        else
            answer("{}");
        assert_true(calls < 20);
    }
    assert_non_null(strstr(finish(world), "takes no events for log group /backups"));
}

static int count_of(const char *text, const char *part) {
    int count = 0;
    while ((text = strstr(text, part))) {
        count++;
        text++;
    }
    return count;
}

static void on_drained(void *arg) {
    ((struct world *)arg)->drained++;
}

static void an_outage_is_said_once_and_nothing_is_lost(void **state) {
    struct world *world = *state;
    open_with(world, 0);
    say(world, "one");
    turn(world);
    refuse(ERROR_TRANSIENT);
    assert_null(the_call);
    say(world, "two");
    assert_null(the_call);                                /* it waits */
    cloudwatch_drain(world->cw, 5000, on_drained, world); /* which does not */
    expect_call("PutLogEvents");
    assert_int_equal(event_count(), 2);
    refuse(ERROR_TRANSIENT);
    assert_int_equal(world->drained, 0);
    while (!world->drained)
        uv_run(&world->loop, UV_RUN_NOWAIT);
    cloudwatch_drain(world->cw, 5000, on_drained, world);
    assert_int_equal(event_count(), 2);
    answer("{}");
    while (world->drained < 2)
        uv_run(&world->loop, UV_RUN_NOWAIT);
    const char *said = finish(world);
    assert_int_equal(count_of(said, "takes no events for log group /backups; they are kept"), 1);
    assert_int_equal(count_of(said, "CloudWatch Logs takes events again; 0 were lost meanwhile"), 1);
}

static void a_denial_is_said_once_with_the_permission(void **state) {
    struct world *world = *state;
    open_with(world, 0);
    say(world, "one");
    turn(world);
    refuse(ERROR_NOT_FOUND);
    refuse(ERROR_DENIED);
    assert_null(the_call);
    const char *said = finish(world);
    assert_int_equal(count_of(said, "the job's role lacks logs:CreateLogStream on log group /backups"), 1);
    assert_int_equal(count_of(said, "ERROR_CODE=denied"), 1);
}

static void a_full_buffer_drops_the_oldest_and_the_stream_says_so(void **state) {
    struct world *world = *state;
    open_with(world, 0);
    say(world, "first");
    turn(world);
    refuse(ERROR_TRANSIENT);
    char large[8000];
    memset(large, 'x', sizeof large - 1);
    large[sizeof large - 1] = '\0';
    for (int i = 0; i < 200; i++)
        say(world, large);
    cloudwatch_drain(world->cw, 5000, on_drained, world);
    size_t count = event_count();
    assert_in_range(count, 120, 131);
    char words[64];
    snprintf(words, sizeof words, "studentData: %zu events before this one were lost", 202 - count);
    assert_non_null(strstr(json_string(event_at(0), "message"), words));
    answer("{}");
    while (!world->drained)
        if (the_call)
            answer("{}");
        else
            uv_run(&world->loop, UV_RUN_NOWAIT);
    assert_non_null(strstr(finish(world), "were lost meanwhile"));
}

static void what_aws_never_takes_is_dropped(void **state) {
    struct world *world = *state;
    open_with(world, 0);
    say(world, "one");
    turn(world);
    refuse(ERROR_INVALID);
    say(world, "two");
    cloudwatch_drain(world->cw, 5000, on_drained, world);
    assert_int_equal(event_count(), 1);
    answer("{}");
    while (!world->drained)
        uv_run(&world->loop, UV_RUN_NOWAIT);
    assert_non_null(strstr(finish(world), "takes events again; 1 were lost meanwhile"));
}

static void rejected_events_are_said_once(void **state) {
    struct world *world = *state;
    open_with(world, 0);
    say(world, "one");
    turn(world);
    answer("{\"rejectedLogEventsInfo\":{\"tooNewLogEventStartIndex\":0}}");
    say(world, "two");
    turn(world);
    answer("{\"rejectedLogEventsInfo\":{\"expiredLogEventEndIndex\":1}}");
    assert_int_equal(count_of(finish(world), "CloudWatch Logs dropped events that lie more than two hours ahead"), 1);
}

static void old_events_rejected_are_said_too(void **state) {
    struct world *world = *state;
    open_with(world, 0);
    say(world, "one");
    turn(world);
    answer("{\"rejectedLogEventsInfo\":{\"tooOldLogEventEndIndex\":1}}");
    assert_non_null(strstr(finish(world), "older than 14 days"));
}

static void a_batch_has_at_most_its_number_of_events(void **state) {
    struct world *world = *state;
    open_with(world, 0);
    reporter_set_level(world->reporter, LOG_INFO);
    for (int i = 0; i < 100; i++)
        say(world, "x");
    turn(world);
    assert_int_equal(event_count(), 100);
    finish(world);
}

static void draining_an_empty_one_ends_at_once_and_a_slow_one_in_time(void **state) {
    struct world *world = *state;
    open_with(world, 0);
    cloudwatch_drain(world->cw, 5000, on_drained, world);
    assert_int_equal(world->drained, 0);
    uv_run(&world->loop, UV_RUN_DEFAULT);
    assert_int_equal(world->drained, 1);
    say(world, "one");
    turn(world);
    cloudwatch_drain(world->cw, 10, on_drained, world);
    while (world->drained < 2)
        uv_run(&world->loop, UV_RUN_NOWAIT);
    assert_non_null(the_call);
    finish(world);
    assert_int_equal(cancels, 1);
}

static void said_while_draining_goes_at_once(void **state) {
    struct world *world = *state;
    open_with(world, 0);
    say(world, "one");
    cloudwatch_drain(world->cw, 5000, on_drained, world);
    expect_call("PutLogEvents");
    say(world, "two");
    answer("{}");
    expect_call("PutLogEvents");
    answer("{}");
    say(world, "three");
    expect_call("PutLogEvents");
    answer("{}");
    while (!world->drained)
        uv_run(&world->loop, UV_RUN_NOWAIT);
    finish(world);
    assert_int_equal(calls, 3);
}

#define WITH_WORLD(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_WORLD(events_go_together_as_json_lines),
        WITH_WORLD(a_missing_group_and_stream_are_made),
        WITH_WORLD(a_group_that_stands_gets_its_retention_once),
        WITH_WORLD(a_group_that_vanishes_again_and_again_ends_in_an_outage),
        WITH_WORLD(an_outage_is_said_once_and_nothing_is_lost),
        WITH_WORLD(a_denial_is_said_once_with_the_permission),
        WITH_WORLD(a_full_buffer_drops_the_oldest_and_the_stream_says_so),
        WITH_WORLD(what_aws_never_takes_is_dropped),
        WITH_WORLD(rejected_events_are_said_once),
        WITH_WORLD(old_events_rejected_are_said_too),
        WITH_WORLD(a_batch_has_at_most_its_number_of_events),
        WITH_WORLD(draining_an_empty_one_ends_at_once_and_a_slow_one_in_time),
        WITH_WORLD(said_while_draining_goes_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
