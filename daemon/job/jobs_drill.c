/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A drill's turn, beside the job's backups: [Drill] Schedule= rings, or a person asks; it waits until fewer than MaxConcurrentJobs=
 * drills run; its end goes to history, mail and status as a run's does. A time that passes while the daemon is down is not made up for.
 */
#include <stdlib.h>
#include <string.h>

#include "base/encoding.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/random.h"
#include "jobs_private.h"

static void say(const struct job *job, enum event_kind kind, const struct error *error, const char *message) {
    struct event *event = EVENT(kind, .job = job->name, .table = job->settings->table, .message = message);
    event->run = job->drill.run[0] ? job->drill.run : NULL;
    event->error = error;
    report(job->jobs->shared.reporter, event);
}

bool job_drills(const struct job *job) {
    return job->drill.waiting || job->drill.drill;
}

/* ------------------------------------------------------------ the schedule */

static void enqueue(struct job *job, enum event_kind kind, const char *by) {
    struct job_drill *drill = &job->drill;
    _cleanup_free_ char *message = x_printf("a drill was asked for by %s", by);
    random_bytes(drill->identity, sizeof drill->identity);
    hex_encode(drill->run, drill->identity, sizeof drill->identity);
    drill->waiting = true;
    TAILQ_INSERT_TAIL(&job->jobs->drills_waiting, job, drill.entry);
    say(job, kind, NULL, message);
    jobs_pump_drills(job->jobs);
}

static void on_due(void *arg, int64_t at) {
    struct job *job = arg;
    job->drill.alarm = NULL;
    job->drill.rang = at / SECOND_MS;
    if (job_drills(job))
        say(job, EVENT_DRILL_SKIPPED, NULL, "a drill is due now, but the one before it is not over: skipped");
    else
        enqueue(job, EVENT_RUN_PROGRESS, "the schedule");
    job_schedule_drill(job);
}

void job_schedule_drill(struct job *job) {
    struct job_drill *drill = &job->drill;
    bool scheduled = job->jobs->alarms && !job->jobs->stopping && !job->removed && job->settings->enabled;
    int64_t from = jobs_look_from(clock_wall() / SECOND_MS, drill->rang), next;
    if (drill->alarm)
        alarm_cancel(take_pointer(drill->alarm));
    drill->next = 0;
    if (!scheduled || !schedule_list_next(&job->settings->drill_schedules, job->settings->zone, from, &next))
        return;
    drill->next = next * SECOND_MS;
    drill->alarm = alarm_set(job->jobs->alarms, drill->next, on_due, job);
}

/* ------------------------------------------------------------ the end */

static void say_end(const struct job *job) {
    static const enum event_kind kinds[] = {[RUN_SUCCEEDED] = EVENT_DRILL_PASSED,
                                            [RUN_FAILED] = EVENT_DRILL_FAILED,
                                            [RUN_CANCELLED] = EVENT_DRILL_CANCELLED};
    static const char *const words[] = {[RUN_FAILED] = "drill failed", [RUN_CANCELLED] = "drill cancelled"};
    const struct run_result *last = &job->drill.last;
    _cleanup_free_ char *passed = last->outcome == RUN_SUCCEEDED
                                      ? x_printf("drill passed: %s restores, every item came back the same", last->uri)
                                      : NULL;
    struct event *event = EVENT(kinds[last->outcome], .job = job->name, .run = last->run, .table = last->table);
    event->message = passed ? passed : words[last->outcome];
    event->duration_ms = last->ended - last->started;
    event->error = last->error.code ? &last->error : NULL;
    if (last->outcome == RUN_SUCCEEDED)
        event->items = (int64_t)last->items;
    report(job->jobs->shared.reporter, event);
    if (last->undo_error.code)
        say(job, EVENT_SCRATCH_LEFT, &last->undo_error, "the drill's scratch table may still be there");
}

/* The result becomes the job's last drill; takes what it holds. */
static void end_drill(struct job *job, struct run_result *result) {
    struct job_drill *drill = &job->drill;
    run_result_fini(&drill->last);
    drill->last = *result;
    *result = (struct run_result){0};
    drill->has_last = true;
    say_end(job);
}

static void forget_order(struct job_drill *drill) {
    config_unref(take_pointer(drill->started.config));
    engine_unref(take_pointer(drill->started.engine));
}

static void leave(struct job *job) {
    job->drill.drill = NULL;
    job->jobs->drilling--;
}

static void on_over(void *arg, struct run_result *result) {
    struct job *job = arg;
    struct jobs *jobs = job->jobs;
    struct job_order *started = &job->drill.started;
    const struct scratch_table *left = drill_left(job->drill.drill);
    if (left && !jobs->stopping)
        jobs->sweep = sweep_add(jobs->sweep, started->engine, jobs->shared.state, left);
    leave(job);
    end_drill(job, result);
    bool mailed = mailing_wanted(started->settings, job->drill.last.outcome);
    job_remember(job, &job->drill.last, mailed);
    if (mailed)
        job_start_mail(
            job, &(struct mailing_order){started->engine, started->config, started->settings, &job->drill.last, 0});
    forget_order(&job->drill);
    job_tell_watchers(job, &job->drill.last);
    jobs_remove_if_over(job);
    jobs_wind_down(jobs);
    jobs_pump_drills(jobs);
}

static struct run_result never_begun(const struct job *job, const char *why) {
    struct run_result result = {
        .kind = RUN_DRILL, .outcome = RUN_CANCELLED, .started = clock_wall(), .ended = clock_wall()};
    memcpy(result.run, job->drill.run, sizeof result.run);
    result.table = x_strdup(job->settings->table);
    error_set(&result.error, ERROR_CANCELLED, "%s", why);
    return result;
}

/* It had no turn, or is dropped where it is: whoever waits hears it, nobody gets a mail. */
static void end_at_once(struct job *job, const char *why) {
    struct run_result result = never_begun(job, why);
    end_drill(job, &result);
    job_remember(job, &job->drill.last, false);
    job_tell_watchers(job, &job->drill.last);
}

static void leave_queue(struct job *job) {
    TAILQ_REMOVE(&job->jobs->drills_waiting, job, drill.entry);
    job->drill.waiting = false;
}

void job_cancel_drill(struct job *job, const char *why) {
    if (job->drill.waiting) {
        leave_queue(job);
        end_at_once(job, why);
    } else if (job->drill.drill) {
        drill_cancel(job->drill.drill, why);
    }
}

void job_drop_drill(struct job *job, bool told) {
    if (job->drill.waiting)
        leave_queue(job);
    if (!job->drill.drill)
        return;
    drill_free(job->drill.drill);
    leave(job);
    forget_order(&job->drill);
    if (told)
        end_at_once(job, "StopTimeout= was over: the next start deletes what the drill has left");
}

void job_free_drill(struct job *job) {
    if (job->drill.alarm)
        alarm_cancel(job->drill.alarm);
    job_drop_drill(job, false);
    run_result_fini(&job->drill.last);
}

/* ------------------------------------------------------------ the turn */

static void start(struct job *job) {
    struct jobs *jobs = job->jobs;
    struct job_drill *drill = &job->drill;
    drill->started = (struct job_order){engine_ref(jobs->engine), config_ref(job->config), job->settings};
    jobs->drilling++;
    job_logs_open(job);
    say(job, EVENT_DRILL_STARTED, NULL, "a drill starts: the newest backup is restored into a scratch table");
    struct drill_order order = {jobs->engine, job->config, job->settings, jobs->shared.state, drill->identity};
    drill->drill = drill_start(&order, on_over, job);
}

void jobs_pump_drills(struct jobs *jobs) {
    struct job *job;
    while (!jobs->stopping && jobs->drilling < jobs->config->max_concurrent_jobs &&
           (job = TAILQ_FIRST(&jobs->drills_waiting))) {
        leave_queue(job);
        start(job);
    }
}

enum jobs_refusal jobs_drill(struct jobs *jobs, const char *name, const char *by, char *run) {
    struct job *job = jobs_find(jobs, name);
    if (!job || job->removed)
        return JOBS_NO_SUCH_JOB;
    if (jobs->stopping)
        return JOBS_STOPPING;
    bool idle = !job_drills(job); /* a disabled job never starts by itself; its backups may be tried */
    if (idle)
        enqueue(job, EVENT_CONTROL, by);
    memcpy(run, job->drill.run, sizeof job->drill.run);
    return idle ? JOBS_OK : JOBS_RUNNING;
}

/* ------------------------------------------------------------ what is shown */

static struct json_object *progress_json(const struct drill *drill) {
    struct drill_progress progress = drill_progress(drill);
    struct json_object *object = json_object_new_object();
    char text[TIME_TEXT];
    bool back = progress.items_read > 0;
    json_put_string(object, "state", progress.state);
    json_put_string(object, "started", time_format_iso(text, progress.started / SECOND_MS));
    json_put_integer(object, "items", (int64_t)(back ? progress.items_read : progress.items_written));
    json_put_integer(object, "items_written", (int64_t)progress.items_written);
    json_put_integer(object, "items_read", (int64_t)progress.items_read);
    json_put_integer(object, "estimated_items", (int64_t)progress.items_total);
    return object;
}

struct json_object *jobs_drill_progress(const struct jobs *jobs, const char *name) {
    struct job *job = jobs_find(jobs, name);
    return job && job->drill.drill ? progress_json(job->drill.drill) : NULL;
}

struct json_object *job_drill_json(const struct job *job) {
    const struct job_drill *drill = &job->drill;
    struct json_object *object = json_object_new_object();
    char text[TIME_TEXT];
    json_object_object_add(object, "schedules", schedules_json(&job->settings->drill_schedules));
    json_put_string(object, "next", drill->next ? time_format_iso(text, drill->next / SECOND_MS) : NULL);
    json_put_string(object, "state", drill->drill ? "running" : drill->waiting ? "waiting" : "idle");
    if (job_drills(job))
        json_put_string(object, "run", drill->run);
    if (drill->has_last)
        json_object_object_add(object, "last", run_result_json(&drill->last));
    if (drill->drill)
        json_object_object_add(object, "progress", progress_json(drill->drill));
    return object;
}
