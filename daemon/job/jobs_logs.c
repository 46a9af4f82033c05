/* SPDX-License-Identifier: Apache-2.0 */
/* The copy of a job's events to CloudWatch Logs: opened with its first run, and anew with the first after a reload, so that a
 * run's events all go where it was told at its start. What is held when it closes is sent first, for a moment at most, beside
 * the daemon's further life. */
#include <stdlib.h>

#include "base/memory.h"
#include "jobs_private.h"

#define DRAIN_MS (3 * SECOND_MS)

static void open_stream(struct job_logs *logs, const char *region) {
    const struct job_config *settings = logs->settings;
    _cleanup_free_ char *host_and_job = x_printf("%s/%s", logs->engine->host, settings->name);
    struct cloudwatch_options options = {.group = settings->log_group,
                                         .stream = settings->log_stream ? settings->log_stream : host_and_job,
                                         .job = settings->name,
                                         .retention_days = settings->retention_days};
    logs->provider = engine_provider(logs->engine, settings, false);
    logs->session = aws_session_new(logs->engine->client, logs->provider, region, NULL);
    logs->cloudwatch = cloudwatch_new(logs->session, logs->engine->shared.reporter, &options);
}

static void on_region(void *arg, const char *region, const struct error *error) {
    struct job_logs *logs = arg;
    logs->lookup = NULL;
    if (!error) {
        open_stream(logs, region);
        return;
    }
    job_say(logs->job, EVENT_CLOUDWATCH_FAILED, error, "no region for CloudWatch Logs: set Region=");
    job_logs_close(logs->job); /* the next run looks again */
}

void job_logs_open(struct job *job) {
    const struct job_config *settings = job->settings;
    if (job->logs && job->logs->settings == settings)
        return;
    job_logs_close(job); /* a reload has come since */
    if (!settings->log_group)
        return;
    struct job_logs *logs = x_calloc(1, sizeof *logs);
    job->logs = logs;
    logs->job = job;
    logs->settings = settings;
    logs->config = config_ref(job->config);
    logs->engine = engine_ref(job->jobs->engine);
    struct credential_settings where = {.profile = settings->profile};
    _cleanup_free_ char *region = settings->logs_region ? x_strdup(settings->logs_region) : engine_region(settings);
    if (region)
        open_stream(logs, region);
    else
        logs->lookup = region_lookup_start(logs->engine->store, &where, on_region, logs);
}

static void logs_free(void *arg) {
    struct job_logs *logs = arg;
    if (logs->cloudwatch)
        cloudwatch_free(logs->cloudwatch);
    if (logs->session)
        aws_session_free(logs->session);
    credential_provider_unref(logs->provider);
    config_unref(logs->config);
    engine_unref(logs->engine);
    free(logs);
}

void job_logs_close(struct job *job) {
    struct job_logs *logs = take_pointer(job->logs);
    if (!logs)
        return;
    if (logs->lookup)
        region_lookup_cancel(take_pointer(logs->lookup));
    if (logs->cloudwatch)
        cloudwatch_drain(logs->cloudwatch, DRAIN_MS, logs_free, logs);
    else
        logs_free(logs);
}
