/* SPDX-License-Identifier: Apache-2.0 */
/* The control socket's Prune: job after job; one whose place cannot be looked at is told beside the others. */
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/memory.h"
#include "daemon_private.h"

struct pruning {
    struct daemon *daemon;
    struct control_request *request;
    struct config *config; /* its jobs, as they were when it began */
    size_t at, end;
    bool dry_run;
    struct json_object *jobs;
    struct job_prune *prune;
};

static void prune_next(struct pruning *pruning);

static void pruning_free(struct pruning *pruning) {
    if (pruning->prune)
        jobs_prune_leave(pruning->prune);
    json_object_put(pruning->jobs);
    config_unref(pruning->config);
    free(pruning);
}

static void on_gone(void *arg) {
    struct pruning *pruning = arg;
    control_reply(pruning->request, NULL);
    pruning_free(pruning);
}

static void add_job(struct pruning *pruning, struct json_object *object, const char *error) {
    const struct job_config *job = pruning->config->jobs[pruning->at];
    json_put_string(object, "job", job->name);
    json_put_string(object, "timezone", zone_name(job->zone));
    json_put_string(object, "error", error);
    json_object_array_add(pruning->jobs, object);
    pruning->at++;
}

static void on_pruned(void *arg, const struct prune_result *result, const struct error *error) {
    struct pruning *pruning = arg;
    pruning->prune = NULL;
    add_job(pruning, error ? json_object_new_object() : prune_result_json(result), error ? error->message : NULL);
    prune_next(pruning);
}

static void prune_next(struct pruning *pruning) {
    struct jobs *jobs = pruning->daemon->jobs;
    while (pruning->at < pruning->end && !pruning->prune) {
        pruning->prune =
            jobs_prune(jobs, pruning->config->jobs[pruning->at]->name, pruning->dry_run, on_pruned, pruning);
        if (!pruning->prune)
            add_job(pruning, json_object_new_object(), "the job is gone, or the daemon stops");
    }
    if (pruning->prune)
        return;
    control_reply(pruning->request, method_object("jobs", json_object_get(pruning->jobs)));
    pruning_free(pruning);
}

void method_prune(void *arg, struct control_request *request) {
    struct daemon *daemon = arg;
    struct config *config = jobs_config(daemon->jobs);
    const char *name;
    size_t at = 0, end = config->job_count;
    if (!control_may_text(request, "job", &name))
        return;
    if (name) {
        while (at < end && strcmp(config->jobs[at]->name, name) != 0)
            at++;
        if (at == end) {
            method_refuse(daemon, request, JOBS_NO_SUCH_JOB, name, NULL);
            return;
        }
        end = at + 1;
    }
    struct pruning *pruning = x_calloc(1, sizeof *pruning);
    *pruning = (struct pruning){.daemon = daemon,
                                .request = request,
                                .config = config_ref(config),
                                .at = at,
                                .end = end,
                                .dry_run = json_boolean(control_request_parameters(request), "dry_run", false),
                                .jobs = json_object_new_array()};
    control_request_watch(request, on_gone, pruning);
    prune_next(pruning);
}
