/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the control socket answers: one function a method of io.dynamodb_backup, the table at the end. Each reads its parameters,
 * asks job/, and replies with JSON; what takes time is a small struct that lives until its reply, or until the client has gone.
 * Those that look at backups in S3 are in methods_backups.c.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "base/memory.h"
#include "daemon_private.h"

#define PROGRESS_MS 500
#define NEXT_MOST   100

struct json_object *method_object(const char *name, struct json_object *value) {
    struct json_object *object = json_object_new_object();
    json_object_object_add(object, name, value);
    return object;
}

void method_refuse(struct daemon *daemon, struct control_request *request, enum jobs_refusal refusal, const char *job,
                   const char *run) {
    static const char *const errors[] = {[JOBS_NO_SUCH_JOB] = CONTROL_NO_SUCH_JOB,
                                         [JOBS_RUNNING] = CONTROL_ALREADY_RUNNING,
                                         [JOBS_NOT_RUNNING] = CONTROL_NOT_RUNNING,
                                         [JOBS_DISABLED] = CONTROL_JOB_DISABLED,
                                         [JOBS_STOPPING] = CONTROL_STOPPING};
    struct json_object *parameters = json_object_new_object();
    json_put_string(parameters, "job", job);
    if (refusal == JOBS_NO_SUCH_JOB)
        json_put_string(parameters, "nearest", jobs_nearest(daemon->jobs, job));
    if (refusal == JOBS_RUNNING)
        json_put_string(parameters, "run", run);
    control_reply_error(request, errors[refusal], parameters);
}

/* ------------------------------------------------------------ Status, Next */

static struct json_object *daemon_json(const struct daemon *daemon) {
    struct json_object *object = json_object_new_object(), *memory = json_object_new_object();
    struct pool_stats stats = pool_stats(workshop_pool(daemon->shared.workshop));
    _cleanup_free_ char *config_error = daemon_config_error(daemon);
    char started[TIME_TEXT];
    json_put_string(object, "version", VERSION);
    json_put_integer(object, "pid", getpid());
    json_put_string(object, "started", time_format_iso(started, daemon->started / SECOND_MS));
    json_put_string(object, "config_file", daemon->config_file);
    json_put_string(object, "config_error", config_error);
    json_put_string(object, "state_error", daemon->set_aside.message);
    json_put_integer(object, "jobs_running", jobs_running(daemon->jobs));
    json_put_integer(memory, "limit", (int64_t)stats.limit);
    json_put_integer(memory, "used", (int64_t)stats.used);
    json_put_integer(memory, "peak", (int64_t)stats.peak);
    json_put_integer(memory, "pages_evicted", (int64_t)stats.evictions);
    json_object_object_add(object, "memory", memory);
    return object;
}

static void method_status(void *arg, struct control_request *request) {
    struct daemon *daemon = arg;
    const char *name;
    if (!control_may_text(request, "job", &name))
        return;
    struct json_object *jobs = jobs_status(daemon->jobs, name);
    if (!jobs) {
        method_refuse(daemon, request, JOBS_NO_SUCH_JOB, name, NULL);
        return;
    }
    struct json_object *reply = method_object("daemon", daemon_json(daemon));
    struct json_object *list = name ? json_object_new_array() : jobs;
    if (name)
        json_object_array_add(list, jobs);
    json_object_object_add(reply, "jobs", list);
    control_reply(request, reply);
}

static struct json_object *next_json(const struct job_config *job, int64_t count) {
    struct json_object *object = json_object_new_object(), *times = json_object_new_array();
    int64_t at = clock_wall() / SECOND_MS;
    json_put_string(object, "name", job->name);
    json_put_string(object, "timezone", zone_name(job->zone));
    for (int64_t i = 0; i < count && job->enabled && job_next_time(job, at, &at); i++) {
        char text[TIME_TEXT];
        json_object_array_add(times, json_object_new_string(time_format_iso(text, at)));
    }
    json_object_object_add(object, "next", times);
    return object;
}

static void method_next(void *arg, struct control_request *request) {
    struct daemon *daemon = arg;
    const struct config *config = jobs_config(daemon->jobs);
    int64_t count = json_integer(control_request_parameters(request), "count", 5);
    struct json_object *jobs = json_object_new_array();
    count = count < 1 ? 1 : count > NEXT_MOST ? NEXT_MOST : count;
    for (size_t i = 0; i < config->job_count; i++)
        json_object_array_add(jobs, next_json(config->jobs[i], count));
    control_reply(request, method_object("jobs", jobs));
}

/* ------------------------------------------------------------ Run, Drill, Cancel */

/* One client that waits for a run: told how far it is, and how it ended. */
struct waiting_client {
    struct daemon *daemon;
    struct control_request *request;
    char *job;
    struct json_object *(*progress)(const struct jobs *jobs, const char *job);
    struct jobs_watcher watcher;
    uv_timer_t timer;
};

static void on_client_closed(uv_handle_t *handle) {
    struct waiting_client *client = handle->data;
    free(client->job);
    free(client);
}

static void close_client(struct waiting_client *client) {
    uv_close((uv_handle_t *)&client->timer, on_client_closed);
}

static void on_run_over(void *arg, const struct run_result *result) {
    struct waiting_client *client = arg;
    control_reply(client->request, method_object("result", run_result_json(result)));
    close_client(client);
}

/* The run goes on. */
static void on_client_gone(void *arg) {
    struct waiting_client *client = arg;
    jobs_unwatch(client->daemon->jobs, &client->watcher);
    control_reply(client->request, NULL);
    close_client(client);
}

static void on_progress(uv_timer_t *timer) {
    struct waiting_client *client = timer->data;
    struct json_object *progress = client->progress(client->daemon->jobs, client->job);
    if (progress)
        control_continue(client->request, method_object("progress", progress));
}

static void wait_for_run(struct daemon *daemon, struct control_request *request, const char *job, const char *run,
                         struct json_object *(*progress)(const struct jobs *jobs, const char *job)) {
    struct waiting_client *client = x_calloc(1, sizeof *client);
    client->daemon = daemon;
    client->progress = progress;
    client->request = request;
    client->job = x_strdup(job);
    client->watcher = (struct jobs_watcher){.over = on_run_over, .arg = client};
    client->timer.data = client;
    uv_timer_init(&daemon->loop, &client->timer);
    uv_timer_start(&client->timer, on_progress, PROGRESS_MS, PROGRESS_MS);
    jobs_watch(daemon->jobs, job, run, &client->watcher);
    control_request_watch(request, on_client_gone, client);
}

static void reply_started(struct daemon *daemon, struct control_request *request, const char *job, const char *run,
                          struct json_object *(*progress)(const struct jobs *jobs, const char *job)) {
    struct json_object *reply = json_object_new_object();
    json_put_string(reply, "job", job);
    json_put_string(reply, "run", run);
    json_put_string(reply, "state", "started");
    if (!control_request_more(request)) {
        control_reply(request, reply);
        return;
    }
    control_continue(request, reply);
    wait_for_run(daemon, request, job, run, progress);
}

static void method_run(void *arg, struct control_request *request) {
    struct daemon *daemon = arg;
    char run[RUN_LENGTH + 1];
    const char *job;
    if (!control_need_text(request, "job", &job))
        return;
    enum jobs_refusal refusal = jobs_run(daemon->jobs, job, control_request_by(request), run);
    if (refusal != JOBS_OK)
        method_refuse(daemon, request, refusal, job, run);
    else
        reply_started(daemon, request, job, run, jobs_progress);
}

static void method_drill(void *arg, struct control_request *request) {
    struct daemon *daemon = arg;
    char run[RUN_LENGTH + 1];
    const char *job;
    if (!control_need_text(request, "job", &job))
        return;
    enum jobs_refusal refusal = jobs_drill(daemon->jobs, job, control_request_by(request), run);
    if (refusal != JOBS_OK)
        method_refuse(daemon, request, refusal, job, run);
    else
        reply_started(daemon, request, job, run, jobs_drill_progress);
}

static void method_cancel(void *arg, struct control_request *request) {
    struct daemon *daemon = arg;
    char run[RUN_LENGTH + 1];
    const char *job;
    if (!control_need_text(request, "job", &job))
        return;
    enum jobs_refusal refusal = jobs_cancel(daemon->jobs, job, control_request_by(request), run);
    if (refusal != JOBS_OK)
        method_refuse(daemon, request, refusal, job, NULL);
    else
        control_reply(request, method_object("run", json_object_new_string(run)));
}

/* ------------------------------------------------------------ Reload */

struct reloading_client {
    struct daemon *daemon;
    struct control_request *request;
    struct reload_waiter waiter;
};

static struct json_object *problems_json(const struct config_problems *problems) {
    struct json_object *list = json_object_new_array();
    for (size_t i = 0; i < problems->count; i++) {
        _cleanup_buffer_ struct buffer line = BUFFER_INIT(BUFFER_OURS);
        config_problem_format(&problems->items[i], &line);
        json_object_array_add(list, json_object_new_string(line.data));
    }
    return list;
}

static void on_reloaded(void *arg, bool applied) {
    struct reloading_client *client = arg;
    struct daemon *daemon = client->daemon;
    if (applied)
        control_reply(client->request,
                      method_object("jobs", json_object_new_int64((int64_t)jobs_config(daemon->jobs)->job_count)));
    else
        control_reply_error(client->request, CONTROL_CONFIG_INVALID,
                            method_object("problems", problems_json(&daemon->reload.problems)));
    free(client);
}

static void method_reload(void *arg, struct control_request *request) {
    struct reloading_client *client = x_calloc(1, sizeof *client);
    *client =
        (struct reloading_client){.daemon = arg, .request = request, .waiter = {.over = on_reloaded, .arg = client}};
    daemon_reload(arg, &client->waiter);
}

const struct control_method daemon_methods[] = {
    {CONTROL_STATUS, method_status}, {CONTROL_RUN, method_run},         {CONTROL_CANCEL, method_cancel},
    {CONTROL_LIST, method_list},     {CONTROL_SHOW, method_show},       {CONTROL_LINK, method_link},
    {CONTROL_NEXT, method_next},     {CONTROL_RELOAD, method_reload},   {CONTROL_HISTORY, method_history},
    {CONTROL_PRUNE, method_prune},   {CONTROL_RESTORE, method_restore}, {CONTROL_VERIFY, method_verify},
    {CONTROL_DRILL, method_drill},
};
const size_t daemon_method_count = array_length(daemon_methods);
