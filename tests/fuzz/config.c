/* SPDX-License-Identifier: Apache-2.0 */
/* Files of settings as somebody might write them at 3 a.m.: a main file, a NUL, and a job's. What is taken is whole. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "base/encoding.h"
#include "config/check.h"
#include "config/config.h"
#include "zone_berlin.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

static const char *no_environment(const char *name) {
    (void)name;
    return NULL;
}

/* In place of schedule/zone_load.c, which looks through the system's 600 files for the nearest name of each wrong one. */
struct zone *zone_load(const char *name, struct error *error) {
    if (strcmp(name, "UTC") == 0 || strcmp(name, "Asia/Ho_Chi_Minh") == 0)
        return zone_berlin();
    error_set(error, ERROR_INVALID, "no time zone \"%s\"", name);
    return NULL;
}

static void check_job(const struct config *config, const struct job_config *job) {
    size_t prefix = strlen(job->prefix);
    assert(config_job(config, job->name) == job);
    assert(job->table && job->bucket && job->zone && job->formats && job->mail_on);
    assert(!prefix || (job->prefix[prefix - 1] == '/' && job->prefix[0] != '/'));
    assert(config_job_memory(job) <= config->buffer_memory);
    assert(!job->mail_from == !job->mail_to[0]);
    for (size_t i = 0; i < job->schedules.count; i++)
        assert(schedule_text(job->schedules.items[i]));
    for (size_t i = 0; i < job->drill_schedules.count; i++)
        assert(schedule_text(job->drill_schedules.items[i]));
    assert(job->drill_table_prefix && *job->drill_table_prefix);
}

static void check_problem(const struct config_problem *problem) {
    struct buffer out = BUFFER_INIT(BUFFER_OURS);
    config_problem_format(problem, &out);
    assert(!memchr(out.data, '\n', out.length));
    buffer_fini(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length) {
    const char *text = (const char *)bytes;
    const char *cut = length ? memchr(text, '\0', length) : NULL;
    size_t first = cut ? (size_t)(cut - text) : length;
    const struct config_text main_file = {"main.conf", length ? text : "", first};
    const struct config_text job = {"jobs.d/job.conf", cut ? cut + 1 : "", cut ? length - first - 1 : 0};
    struct config_problems problems = {0};
    struct config *config = config_parse(&main_file, &job, cut ? 1 : 0, no_environment, &problems);
    assert(!config == (problems.count != 0));
    for (size_t i = 0; i < problems.count; i++)
        check_problem(&problems.items[i]);
    for (size_t i = 0; config && i < config->job_count; i++)
        check_job(config, config->jobs[i]);
    config_problems_fini(&problems);
    config_unref(config);
    return 0;
}
