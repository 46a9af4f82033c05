/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The control socket's Verify: finds the backup by what a person calls it, reads it back, tells how far it is and what is wrong. It ends when
 * the client goes away: nothing but time is lost.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "base/json.h"
#include "base/memory.h"
#include "daemon_private.h"
#include "job/find.h"
#include "job/verify.h"

#define PROGRESS_MS 500

struct verifying {
    struct daemon *daemon;
    struct control_request *request;
    struct find *find;
    struct verify *verify;
    char *job;
    uv_timer_t timer;
};

static void on_timer_closed(uv_handle_t *handle) {
    struct verifying *verifying = handle->data;
    free(verifying->job);
    free(verifying);
}

/* The request has been ended. */
static void verifying_end(struct verifying *verifying) {
    find_cancel(take_pointer(verifying->find));
    verify_cancel(take_pointer(verifying->verify));
    uv_close((uv_handle_t *)&verifying->timer, on_timer_closed);
}

static void on_gone(void *arg) {
    struct verifying *verifying = arg;
    control_reply(verifying->request, NULL);
    verifying_end(verifying);
}

/* ------------------------------------------------------------ what is said */

static void put_time(struct json_object *object, const char *name, int64_t ms) {
    char text[TIME_TEXT];
    json_put_string(object, name, time_format_iso(text, ms / SECOND_MS));
}

static void put_known(struct json_object *object, const char *name, uint64_t value) {
    if (value)
        json_put_integer(object, name, (int64_t)value);
}

static struct json_object *damage_json(const struct verify_damage *damage) {
    struct json_object *object = json_object_new_object();
    json_put_string(object, "object", damage->key);
    put_known(object, "part", damage->part);
    put_known(object, "first_line", damage->first_line);
    put_known(object, "last_line", damage->last_line);
    json_put_string(object, "message", damage->message);
    return object;
}

static struct json_object *result_json(const struct verify_result *result) {
    struct json_object *object = json_object_new_object(), *damages = json_object_new_array();
    json_put_string(object, "result", result->damage_count ? "damaged" : "good");
    json_put_string(object, "id", result->id);
    json_put_string(object, "uri", result->uri);
    put_time(object, "started", result->started);
    put_time(object, "ended", result->ended);
    json_put_integer(object, "duration_ms", result->ended - result->started);
    json_put_integer(object, "items", (int64_t)result->items);
    json_put_integer(object, "objects", (int64_t)result->objects);
    json_put_integer(object, "bytes", (int64_t)result->stored_bytes);
    json_put_integer(object, "raw_bytes", (int64_t)result->raw_bytes);
    for (size_t i = 0; i < result->damage_count; i++)
        json_object_array_add(damages, damage_json(&result->damages[i]));
    json_object_object_add(object, "damages", damages);
    json_put_integer(object, "damages_left_out", (int64_t)result->damages_left_out);
    return object;
}

static struct json_object *progress_json(const struct verify_progress *progress) {
    struct json_object *object = json_object_new_object();
    json_put_string(object, "state", progress->state);
    json_put_integer(object, "items", (int64_t)progress->items);
    json_put_integer(object, "raw_bytes", (int64_t)progress->raw_bytes);
    json_put_integer(object, "stored_bytes", (int64_t)progress->stored_bytes);
    json_put_integer(object, "estimated_items", (int64_t)progress->total_items);
    json_put_integer(object, "estimated_bytes", (int64_t)progress->total_bytes);
    json_put_integer(object, "damages", (int64_t)progress->damages);
    put_time(object, "started", progress->started);
    return object;
}

/* In the journal too: who verifies on a timer looks there. */
static void report_result(const struct verifying *verifying, const struct verify_result *result) {
    struct event event = {.job = verifying->job,
                          .items = (int64_t)result->items,
                          .bytes = (int64_t)result->stored_bytes,
                          .duration_ms = result->ended - result->started};
    _cleanup_free_ char *message = NULL;
    if (result->error.code) {
        event.kind = EVENT_VERIFY_FAILED;
        event.error = &result->error;
        message = x_printf("verify of %s could not be finished", result->uri);
    } else if (result->damage_count) {
        event.kind = EVENT_VERIFY_FAILED;
        uint64_t found = result->damage_count + result->damages_left_out;
        message = x_printf("verify of %s: not what was written (%" PRIu64 " found), first %s: %s", result->uri, found,
                           result->damages[0].key, result->damages[0].message);
    } else {
        event.kind = EVENT_VERIFY_SUCCEEDED;
        message = x_printf("verify of %s: all is what was written", result->uri);
    }
    event.message = message;
    report(verifying->daemon->shared.reporter, &event);
}

/* ------------------------------------------------------------ the call */

static void on_verified(void *arg, struct verify_result *result) {
    struct verifying *verifying = arg;
    verifying->verify = NULL;
    report_result(verifying, result);
    if (result->error.code)
        control_reply_failed(verifying->request, &result->error);
    else
        control_reply(verifying->request, method_object("result", result_json(result)));
    verifying_end(verifying);
}

static void on_progress(uv_timer_t *timer) {
    struct verifying *verifying = timer->data;
    struct verify_progress progress = verify_progress(verifying->verify);
    control_continue(verifying->request, method_object("progress", progress_json(&progress)));
}

static void on_found(void *arg, const struct found_backup *found, const struct error *error) {
    struct verifying *verifying = arg;
    verifying->find = NULL;
    if (error) {
        control_reply_failed(verifying->request, error);
        verifying_end(verifying);
        return;
    }
    verifying->job = x_strdup(found->source->job); /* NULL of an export */
    verifying->verify = verify_start(jobs_engine(verifying->daemon->jobs), found->source, on_verified, verifying);
    if (control_request_more(verifying->request))
        uv_timer_start(&verifying->timer, on_progress, PROGRESS_MS, PROGRESS_MS);
}

void method_verify(void *arg, struct control_request *request) {
    struct daemon *daemon = arg;
    const char *backup;
    struct find_access access;
    if (!control_need_text(request, "backup", &backup) || !method_may_access(request, &access))
        return;
    struct verifying *verifying = x_calloc(1, sizeof *verifying);
    *verifying = (struct verifying){.daemon = daemon, .request = request};
    verifying->timer.data = verifying;
    uv_timer_init(&daemon->loop, &verifying->timer);
    control_request_watch(request, on_gone, verifying);
    verifying->find = find_by_start(daemon->jobs, backup, &access, on_found, verifying);
}
