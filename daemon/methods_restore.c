/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The control socket's Restore: finds the backup by what a person calls it, restores it, tells how far it is and how it ended. A client
 * that goes away ends the restore where it is; asked for again it goes on from there.
 */
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/memory.h"
#include "daemon_private.h"
#include "job/find.h"
#include "job/restore.h"

#define PROGRESS_MS 500

struct restoring {
    LIST_ENTRY(restoring) entry;
    struct daemon *daemon;
    struct control_request *request;
    struct find *find;
    struct restore *restore;
    char *target; /* what no other restore may write to meanwhile */
    char *table, *job;
    struct write_capacity capacity;
    int64_t started;
    uv_timer_t timer;
};

static void on_timer_closed(uv_handle_t *handle) {
    struct restoring *restoring = handle->data;
    free(restoring->target);
    free(restoring->table);
    free(restoring->job);
    free(restoring);
}

/* The request has been ended. */
static void restoring_end(struct restoring *restoring) {
    LIST_REMOVE(restoring, entry);
    find_cancel(take_pointer(restoring->find));
    restore_cancel(take_pointer(restoring->restore));
    uv_close((uv_handle_t *)&restoring->timer, on_timer_closed);
}

/* ------------------------------------------------------------ what is said */

static void say(const struct restoring *restoring, struct event *event) {
    event->job = restoring->job;
    event->table = restoring->table;
    report(restoring->daemon->shared.reporter, event);
}

static struct json_object *progress_json(const struct restore_progress *progress) {
    struct json_object *object = json_object_new_object();
    char text[TIME_TEXT];
    json_put_string(object, "state", progress->state);
    json_put_integer(object, "items", (int64_t)progress->items);
    json_put_integer(object, "items_before", (int64_t)progress->items_before);
    json_put_integer(object, "estimated_items", (int64_t)progress->items_total);
    json_put_integer(object, "bytes", (int64_t)progress->writer.bytes);
    json_object_object_add(object, "write_units", json_object_new_double(progress->writer.units));
    json_put_integer(object, "throttles", (int64_t)progress->writer.throttles);
    json_put_integer(object, "unprocessed", (int64_t)progress->writer.unprocessed);
    json_put_integer(object, "in_flight", progress->writer.in_flight);
    json_put_string(object, "started", time_format_iso(text, progress->started / SECOND_MS));
    return object;
}

static void put_error(struct json_object *object, const struct error *error) {
    json_put_string(object, "error", error->message ? error->message : error_code_name(error->code));
    json_put_string(object, "error_code", error->aws_code ? error->aws_code : error_code_name(error->code));
    json_put_string(object, "request_id", error->request_id);
}

static struct json_object *result_json(const struct restore_result *result) {
    struct json_object *object = json_object_new_object();
    char text[TIME_TEXT];
    json_put_string(object, "result", result->outcome == RUN_SUCCEEDED ? "success" : "failure");
    json_put_string(object, "source", result->source);
    json_put_string(object, "table", result->table);
    json_put_string(object, "table_arn", result->table_arn);
    json_put_string(object, "region", result->region);
    json_put_string(object, "started", time_format_iso(text, result->started / SECOND_MS));
    json_put_string(object, "ended", time_format_iso(text, result->ended / SECOND_MS));
    json_put_integer(object, "duration_ms", result->ended - result->started);
    json_put_integer(object, "items", (int64_t)result->items);
    json_put_integer(object, "items_before", (int64_t)result->items_before);
    json_put_integer(object, "bytes", (int64_t)result->bytes);
    json_object_object_add(object, "write_units", json_object_new_double(result->write_units));
    json_put_boolean(object, "dry_run", result->dry_run);
    json_put_boolean(object, "created", result->created);
    json_put_boolean(object, "resumed", result->resumed);
    json_object_object_add(object, "plan", json_object_get(result->plan));
    json_object_object_add(object, "missing", json_object_get(result->missing));
    if (result->error.code)
        put_error(object, &result->error);
    return object;
}

static void say_missing(const struct restoring *restoring, const struct restore_result *result) {
    for (size_t i = 0; i < json_object_array_length(result->missing); i++) {
        const char *sentence = json_object_get_string(json_object_array_get_idx(result->missing, i));
        _cleanup_free_ char *message = x_printf("restored table %s lacks: %s", restoring->table, sentence);
        say(restoring, EVENT(EVENT_RUN_WARNING, .message = message));
    }
}

static void say_over(const struct restoring *restoring, const struct restore_result *result) {
    _cleanup_free_ char *message = NULL;
    if (result->dry_run)
        return;
    if (result->outcome == RUN_SUCCEEDED) {
        message = x_printf("%s restored into table %s", result->source, result->table);
        say(restoring, EVENT(EVENT_RESTORE_SUCCEEDED, .message = message, .items = (int64_t)result->items,
                             .bytes = (int64_t)result->bytes, .duration_ms = result->ended - result->started));
        say_missing(restoring, result);
        return;
    }
    message = x_printf("restore into table %s failed", result->table);
    say(restoring, EVENT(EVENT_RESTORE_FAILED, .message = message, .error = &result->error,
                         .duration_ms = result->ended - result->started));
}

/* ------------------------------------------------------------ the story */

static void on_over(void *arg, struct restore_result *result) {
    struct restoring *restoring = arg;
    restoring->restore = NULL;
    say_over(restoring, result);
    control_reply(restoring->request, method_object("result", result_json(result)));
    restoring_end(restoring);
}

static void on_gone(void *arg) {
    struct restoring *restoring = arg;
    if (restoring->restore) {
        _cleanup_free_ char *message = x_printf(
            "restore into table %s was interrupted: who had asked for it went away; asked for again, it goes on",
            restoring->table);
        say(restoring, EVENT(EVENT_RESTORE_INTERRUPTED, .message = message));
    }
    control_reply(restoring->request, NULL);
    restoring_end(restoring);
}

static void on_progress(uv_timer_t *timer) {
    struct restoring *restoring = timer->data;
    if (!restoring->restore || !control_request_more(restoring->request))
        return;
    struct restore_progress progress = restore_progress(restoring->restore);
    control_continue(restoring->request, method_object("progress", progress_json(&progress)));
}

static bool flag(const struct restoring *restoring, const char *name) {
    return json_boolean(control_request_parameters(restoring->request), name, false);
}

static const char *text(const struct restoring *restoring, const char *name) {
    return json_string(control_request_parameters(restoring->request), name);
}

static void begin(struct restoring *restoring, const struct restore_order *order) {
    _cleanup_free_ char *message = x_printf("restore of %s into table %s started by %s", order->source->uri,
                                            order->table, control_request_by(restoring->request));
    restoring->job = x_strdup(order->job->name);
    if (!order->dry_run)
        say(restoring, EVENT(EVENT_RESTORE_STARTED, .message = message));
    restoring->restore = restore_start(order, on_over, restoring);
    uv_timer_start(&restoring->timer, on_progress, PROGRESS_MS, PROGRESS_MS);
}

static void on_found(void *arg, const struct found_backup *found, const struct error *error) {
    struct restoring *restoring = arg;
    restoring->find = NULL;
    if (error) {
        control_reply_failed(restoring->request, error);
        restoring_end(restoring);
        return;
    }
    struct restore_order order = {.engine = jobs_engine(restoring->daemon->jobs),
                                  .config = found->writer_config,
                                  .job = found->writer,
                                  .foreign = found->foreign,
                                  .source = found->source,
                                  .table = restoring->table,
                                  .to_region = text(restoring, "to_region"),
                                  .to_role_arn = text(restoring, "to_role_arn"),
                                  .capacity = restoring->capacity,
                                  .create = flag(restoring, "create"),
                                  .overwrite = flag(restoring, "overwrite"),
                                  .dry_run = flag(restoring, "dry_run")};
    begin(restoring, &order);
}

/* ------------------------------------------------------------ the call */

static bool is_busy(const struct daemon *daemon, const char *target) {
    struct restoring *other;
    LIST_FOREACH(other, &daemon->restores, entry)
    if (strcmp(other->target, target) == 0)
        return true;
    return false;
}

static char *target_of(struct control_request *request, const char *table) {
    struct json_object *parameters = control_request_parameters(request);
    const char *region = json_string(parameters, "to_region"), *role = json_string(parameters, "to_role_arn");
    return x_printf("%s %s %s", region ? region : "", role ? role : "", table);
}

static void refuse(struct control_request *request, enum error_code code, char *words) {
    _cleanup_error_ struct error error = {0};
    error_set(&error, code, "%s", words);
    free(words);
    control_reply_failed(request, &error);
}

void method_restore(void *arg, struct control_request *request) {
    static const char *const texts[] = {"to_region", "to_role_arn", "region", "profile", "role_arn"};
    struct daemon *daemon = arg;
    const char *backup, *table, *units, *other;
    struct write_capacity capacity = {0};
    _cleanup_error_ struct error error = {0};
    if (!control_need_text(request, "backup", &backup) || !control_need_text(request, "table", &table) ||
        !control_may_text(request, "write_capacity", &units))
        return;
    for (size_t i = 0; i < array_length(texts); i++)
        if (!control_may_text(request, texts[i], &other))
            return;
    if (units && !write_capacity_parse(&capacity, units, &error)) {
        control_reply_failed(request, &error);
        return;
    }
    _cleanup_free_ char *target = target_of(request, table);
    if (is_busy(daemon, target)) {
        refuse(request, ERROR_EXISTS, x_printf("a restore into table %s is under way", table));
        return;
    }
    struct restoring *restoring = x_calloc(1, sizeof *restoring);
    *restoring = (struct restoring){.daemon = daemon,
                                    .request = request,
                                    .target = take_pointer(target),
                                    .table = x_strdup(table),
                                    .capacity = capacity};
    restoring->timer.data = restoring;
    uv_timer_init(&daemon->loop, &restoring->timer);
    LIST_INSERT_HEAD(&daemon->restores, restoring, entry);
    control_request_watch(request, on_gone, restoring);
    struct find_access access = {.region = text(restoring, "region"),
                                 .profile = text(restoring, "profile"),
                                 .role_arn = text(restoring, "role_arn"),
                                 .plain = flag(restoring, "assume_plain")};
    restoring->find = find_by_start(daemon->jobs, backup, &access, on_found, restoring);
}
