/* SPDX-License-Identifier: Apache-2.0 */
/* The commands that need no daemon: `check` reads the configuration as the daemon would, `next EXPR` asks the calendar alone. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/memory.h"
#include "config/config.h"
#include "say.h"
#include "table.h"
#include "times.h"

#define CHECK_TIMES 5

static const char *environment(const char *name) {
    return getenv(name);
}

/* All wrong lines go to stdout: they are what was asked for. */
static enum status say_problems(const struct config_problems *problems, bool json) {
    struct json_object *list = json_object_new_array(), *reply = json_object_new_object();
    for (size_t i = 0; i < problems->count; i++) {
        _cleanup_buffer_ struct buffer line = BUFFER_INIT(BUFFER_OURS);
        config_problem_format(&problems->items[i], &line);
        if (json) {
            json_object_array_add(list, json_object_new_string(line.data));
        } else {
            _cleanup_free_ char *plain = plain_text(line.data);
            puts(plain);
        }
    }
    json_object_object_add(reply, "problems", list);
    if (json)
        say_json(reply);
    json_object_put(reply);
    return STATUS_FAILED;
}

static void add_schedules(const struct schedule_list *list, const struct zone *zone, struct buffer *out) {
    for (size_t i = 0; i < list->count; i++) {
        buffer_add(out, i ? "; " : "");
        add_plain(out, schedule_text(list->items[i]));
    }
    buffer_printf(out, " in %s\n", zone_name(zone));
}

static void add_times(const struct schedule_list *list, const struct zone *zone, int64_t at, struct buffer *out) {
    for (int i = 0; i < CHECK_TIMES && schedule_list_next(list, zone, at, &at); i++) {
        buffer_add(out, "  ");
        zone_format(zone, at, out);
        buffer_add_char(out, '\n');
    }
}

static void add_job(const struct job_config *job, int64_t now, struct buffer *out) {
    buffer_printf(out, "%s: table ", job->name);
    add_plain(out, job->table);
    buffer_printf(out, " to s3://%s/", job->bucket);
    add_plain(out, job->prefix);
    buffer_add(out, !job->enabled ? "; disabled" : job->schedules.count ? "" : "; only on demand");
    buffer_add(out, job->schedules.count ? "; " : "\n");
    if (job->schedules.count)
        add_schedules(&job->schedules, job->zone, out);
    if (job->enabled)
        add_times(&job->schedules, job->zone, now, out);
    if (!job->drill_schedules.count)
        return;
    buffer_add(out, " drill into ");
    add_plain(out, job->drill_table_prefix);
    buffer_add(out, "...; ");
    add_schedules(&job->drill_schedules, job->zone, out);
    if (job->enabled)
        add_times(&job->drill_schedules, job->zone, now, out);
}

static struct json_object *times_json(const struct job_config *job, const struct schedule_list *list, int64_t at) {
    struct json_object *times = json_object_new_array();
    for (int i = 0; job->enabled && i < CHECK_TIMES && schedule_list_next(list, job->zone, at, &at); i++)
        times_add_json(times, at);
    return times;
}

static struct json_object *job_json(const struct job_config *job, int64_t now) {
    struct json_object *object = json_object_new_object();
    json_put_string(object, "name", job->name);
    json_put_string(object, "table", job->table);
    json_put_boolean(object, "enabled", job->enabled);
    json_put_string(object, "timezone", zone_name(job->zone));
    json_object_object_add(object, "next", times_json(job, &job->schedules, now));
    json_object_object_add(object, "next_drill", times_json(job, &job->drill_schedules, now));
    return object;
}

static void say_config(const struct config *config, bool json) {
    _cleanup_buffer_ struct buffer out = BUFFER_INIT(BUFFER_OURS);
    struct json_object *jobs = json_object_new_array(), *reply = json_object_new_object();
    int64_t now = clock_wall() / SECOND_MS;
    for (size_t i = 0; i < config->job_count; i++) {
        json_object_array_add(jobs, job_json(config->jobs[i], now));
        add_job(config->jobs[i], now, &out);
    }
    if (!config->job_count)
        buffer_printf(&out, "No jobs: each file jobs.d/NAME.conf beside %s is one.\n", config->file);
    json_object_object_add(reply, "jobs", jobs);
    if (json)
        say_json(reply);
    else
        say_text(&out);
    json_object_put(reply);
}

enum status command_check(const struct options *options) {
    struct config_problems problems = {0};
    enum status status = STATUS_DONE;
    struct config *config = config_load(options->config, environment, &problems);
    if (config)
        say_config(config, options->json);
    else
        status = say_problems(&problems, options->json);
    config_problems_fini(&problems);
    config_unref(config);
    return status;
}

/* Next of an expression. */

static enum status say_times(const struct schedule *schedule, const struct zone *zone, int64_t at,
                             const struct options *options) {
    _cleanup_buffer_ struct buffer out = BUFFER_INIT(BUFFER_OURS);
    _cleanup_json_ struct json_object *reply = json_object_new_object();
    struct json_object *times = json_object_new_array();
    unsigned count = options->count ? options->count : CHECK_TIMES, found = 0;
    for (; found < count && schedule_next(schedule, zone, at, &at); found++) {
        times_add_json(times, at);
        zone_format(zone, at, &out);
        buffer_add_char(&out, '\n');
    }
    json_put_string(reply, "timezone", zone_name(zone));
    json_object_object_add(reply, "next", times);
    if (options->json)
        say_json(reply);
    else
        say_text(&out);
    if (!found)
        say_warning("it does not run within 50 years");
    return found ? STATUS_DONE : STATUS_FAILED;
}

enum status command_next(const struct options *options) {
    _cleanup_error_ struct error error = {0};
    enum status status = STATUS_USAGE;
    int64_t from = clock_wall() / SECOND_MS;
    if (!options->argument)
        return command_next_jobs(options);
    struct schedule *schedule = schedule_parse(options->argument, &error);
    struct zone *zone = schedule ? zone_load(options->timezone ? options->timezone : "UTC", &error) : NULL;
    if (zone && (!options->from || times_parse(options->from, zone, &from, &error)))
        status = say_times(schedule, zone, options->from ? from - 1 : from, options);
    else
        say_error(&error);
    schedule_free(schedule);
    zone_unref(zone);
    return status;
}
