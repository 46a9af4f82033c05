/* SPDX-License-Identifier: Apache-2.0 */
/* What `status` and `run` show, as JSON: the interface that the control socket's description lists. */
#include <string.h>

#include "base/json.h"
#include "base/memory.h"
#include "jobs_private.h"

static const char *const states[] = {
    [JOB_IDLE] = "idle", [JOB_WAITING] = "waiting", [JOB_RUNNING] = "running", [JOB_STOPPING] = "stopping"};
static const char *const mail_states[] = {[MAIL_OFF] = "off",
                                          [MAIL_PENDING] = "pending",
                                          [MAIL_FAILING] = "failed",
                                          [MAIL_SENT] = "sent",
                                          [MAIL_GIVEN_UP] = "given-up"};

static void put_time(struct json_object *object, const char *name, int64_t ms) {
    char text[TIME_TEXT];
    if (ms)
        json_put_string(object, name, time_format_iso(text, ms / SECOND_MS));
    else
        json_object_object_add(object, name, NULL);
}

struct json_object *run_result_json(const struct run_result *result) {
    struct json_object *object = json_object_new_object();
    json_put_string(object, "kind", run_kind_name(result->kind));
    json_put_string(object, "run", result->run);
    json_put_string(object, "id", result->id[0] ? result->id : NULL);
    json_put_string(object, "result", run_outcome_name(result->outcome));
    put_time(object, "started", result->started);
    put_time(object, "ended", result->ended);
    json_put_integer(object, "duration_ms", result->ended - result->started);
    json_put_integer(object, "items", (int64_t)result->items);
    json_put_integer(object, "bytes", (int64_t)result->stored_bytes);
    json_put_integer(object, "resumed", result->resumed);
    json_put_string(object, "uri", result->uri);
    json_put_string(object, "warning", result->warning);
    json_put_string(object, "error", result->error.message);
    json_put_string(object, "error_code", result->error.aws_code);
    json_put_string(object, "request_id", result->error.request_id);
    json_put_string(object, "left_behind", result->undo_error.message);
    json_put_string(object, "scratch", result->scratch);
    return object;
}

static struct json_object *progress_json(const struct backup *backup) {
    struct backup_progress progress = backup_progress(backup);
    struct json_object *object = json_object_new_object();
    json_put_string(object, "state", progress.state);
    put_time(object, "started", progress.started);
    json_put_integer(object, "resumed", progress.resumed);
    json_put_integer(object, "items", (int64_t)progress.items);
    json_put_integer(object, "estimated_items", (int64_t)progress.estimated_items);
    json_put_integer(object, "pages", (int64_t)progress.scan.pages);
    json_put_integer(object, "raw_bytes", (int64_t)progress.scan.bytes);
    json_put_integer(object, "stored_bytes", (int64_t)progress.stored_bytes);
    json_put_integer(object, "objects", (int64_t)progress.objects);
    json_put_integer(object, "segments_total", progress.segments_total);
    json_put_integer(object, "segments_done", progress.scan.segments_done);
    json_put_integer(object, "segments_in_flight", progress.scan.in_flight);
    json_put_integer(object, "segments_in_flight_most", progress.scan.most_in_flight);
    json_object_object_add(object, "read_units", json_object_new_double(progress.scan.read_units));
    json_object_object_add(object, "read_capacity",
                           progress.read_rate > 0 ? json_object_new_double(progress.read_rate) : NULL);
    json_put_integer(object, "throttles", (int64_t)progress.scan.throttles);
    json_put_integer(object, "pages_given_back", (int64_t)progress.scan.refetched);
    json_put_integer(object, "retries", (int64_t)progress.retries);
    return object;
}

struct json_object *jobs_progress(const struct jobs *jobs, const char *name) {
    struct job *job = jobs_find(jobs, name);
    return job && job->backup ? progress_json(job->backup) : NULL;
}

struct json_object *schedules_json(const struct schedule_list *list) {
    struct json_object *array = json_object_new_array();
    for (size_t i = 0; i < list->count; i++)
        json_object_array_add(array, json_object_new_string(schedule_text(list->items[i])));
    return array;
}

static struct json_object *job_json(const struct job *job) {
    struct json_object *object = json_object_new_object();
    json_put_string(object, "name", job->name);
    json_put_string(object, "table", job->settings->table);
    json_put_boolean(object, "enabled", job->settings->enabled);
    json_object_object_add(object, "schedules", schedules_json(&job->settings->schedules));
    json_put_string(object, "timezone", zone_name(job->settings->zone));
    put_time(object, "next", job->next);
    json_object_object_add(object, "late_ms", job->rung ? json_object_new_int64(job->late) : NULL);
    json_put_string(object, "state", states[job->state]);
    if (job->state != JOB_IDLE)
        json_put_string(object, "run", job->run);
    if (job->has_last) {
        struct json_object *last = run_result_json(&job->last);
        json_put_string(last, "mail", mail_states[job->mail]);
        json_put_string(last, "mail_error", job->mail_error);
        json_object_object_add(object, "last", last);
    }
    if (job->backup)
        json_object_object_add(object, "progress", progress_json(job->backup));
    json_object_object_add(object, "drill", job_drill_json(job));
    return object;
}

struct json_object *jobs_status(const struct jobs *jobs, const char *name) {
    if (name) {
        struct job *job = jobs_find(jobs, name);
        return job ? job_json(job) : NULL;
    }
    struct json_object *array = json_object_new_array();
    for (size_t i = 0; i < jobs->count; i++)
        json_object_array_add(array, job_json(jobs->items[i]));
    return array;
}
