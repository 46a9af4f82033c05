/* SPDX-License-Identifier: Apache-2.0 */
/* The life of the set of jobs: made from a configuration, changed by a reload, stopped. What a single run goes through is in
 * jobs_run.c. */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/nearest.h"
#include "jobs_private.h"

#define MAIL_GRACE (5 * SECOND_MS) /* of a stop, for mails that are being sent */
#define STEP_BACK  (3 * 60 * 60)   /* seconds: a clock that goes back less makes nothing due twice, as cron(8) has it */

static int by_name(const void *key, const void *item) {
    return strcmp(key, (*(struct job *const *)item)->name);
}

static struct job **find_place(const struct jobs *jobs, const char *name) {
    return jobs->count ? bsearch(name, jobs->items, jobs->count, sizeof *jobs->items, by_name) : NULL;
}

struct job *jobs_find(const struct jobs *jobs, const char *name) {
    struct job **found = find_place(jobs, name);
    return found ? *found : NULL;
}

static void job_free(struct job *job) {
    if (job->alarm)
        alarm_cancel(job->alarm);
    if (job->state == JOB_WAITING)
        TAILQ_REMOVE(&job->jobs->waiting, job, waiting);
    job_drop_run(job);
    job_free_drill(job);
    open_run_free(job->open);
    job_drop_mails(job);
    job_drop_prunes(job);
    job_logs_close(job);
    run_result_fini(&job->last);
    config_unref(job->config);
    free(job->mail_error);
    free(job->name);
    free(job);
}

void jobs_remove_if_over(struct job *job) {
    struct jobs *jobs = job->jobs;
    if (!job->removed || job->state != JOB_IDLE || job_drills(job) || !LIST_EMPTY(&job->mails) ||
        !LIST_EMPTY(&job->prunes))
        return;
    size_t at = (size_t)(find_place(jobs, job->name) - jobs->items);
    jobs->count--;
    memmove(jobs->items + at, jobs->items + at + 1, (jobs->count - at) * sizeof *jobs->items);
    job_free(job);
}

static struct job *job_new(struct jobs *jobs, const struct job_config *settings) {
    struct job *job = x_calloc(1, sizeof *job);
    job->jobs = jobs;
    job->name = x_strdup(settings->name);
    job->config = config_ref(jobs->config);
    job->settings = settings;
    LIST_INIT(&job->mails);
    LIST_INIT(&job->prunes);
    return job;
}

/* A job whose settings may have changed: what runs keeps its own reference to the old ones. */
static void job_renew(struct job *job, struct config *config, const struct job_config *settings) {
    config_ref(config);
    config_unref(job->config);
    job->config = config;
    job->settings = settings;
    job->removed = false;
}

/* Merges two lists that are both in order of name. */
static void take_jobs(struct jobs *jobs, struct config *config) {
    struct job **old = jobs->items;
    size_t old_count = jobs->count, at = 0;
    jobs->items = x_calloc(old_count + config->job_count + 1, sizeof *jobs->items);
    jobs->count = 0;
    for (size_t i = 0; i < config->job_count; i++) {
        while (at < old_count && strcmp(old[at]->name, config->jobs[i]->name) < 0) {
            old[at]->removed = true;
            jobs->items[jobs->count++] = old[at++];
        }
        if (at < old_count && strcmp(old[at]->name, config->jobs[i]->name) == 0) {
            job_renew(old[at], config, config->jobs[i]);
            jobs->items[jobs->count++] = old[at++];
        } else {
            jobs->items[jobs->count++] = job_new(jobs, config->jobs[i]);
        }
    }
    for (; at < old_count; at++) {
        old[at]->removed = true;
        jobs->items[jobs->count++] = old[at];
    }
    free(old);
}

/* A removed job goes at once where nothing of it is under way, else when its run is over and its mail has gone. */
static void drop_removed(struct jobs *jobs) {
    for (size_t i = jobs->count; i-- > 0;) {
        if (jobs->items[i]->removed && jobs->items[i]->state == JOB_WAITING)
            job_end_waiting(jobs->items[i], "its job is no longer configured");
        if (jobs->items[i]->removed && jobs->items[i]->drill.waiting)
            job_cancel_drill(jobs->items[i], "its job is no longer configured");
        jobs_remove_if_over(jobs->items[i]);
    }
}

static void schedule_all(struct jobs *jobs) {
    for (size_t i = 0; i < jobs->count; i++) {
        job_schedule(jobs->items[i]);
        job_schedule_drill(jobs->items[i]);
    }
}

bool jobs_apply(struct jobs *jobs, struct config *config, struct error *error) {
    struct engine *engine =
        engine_same(jobs->config, config) ? engine_ref(jobs->engine) : engine_new(&jobs->shared, config, error);
    if (!engine)
        return false;
    engine_unref(jobs->engine);
    jobs->engine = engine;
    http_client_refresh(engine->http);
    config_ref(config);
    config_unref(jobs->config);
    jobs->config = config;
    take_jobs(jobs, config);
    drop_removed(jobs);
    schedule_all(jobs);
    jobs_note_new(jobs);
    jobs_pump(jobs);
    jobs_pump_drills(jobs);
    return true;
}

/* What is next was computed by a clock that was wrong. */
static void on_clock_set(void *arg) {
    struct jobs *jobs = arg;
    struct event *event = EVENT(EVENT_CLOCK_SET);
    event->message = "the clock was set: all schedules are looked at anew";
    report(jobs->shared.reporter, event);
    schedule_all(jobs);
}

struct jobs *jobs_new(const struct engine_shared *shared, struct alarm_queue *alarms, struct config *config,
                      struct error *error) {
    struct engine *engine = engine_new(shared, config, error);
    if (!engine)
        return NULL;
    struct jobs *jobs = x_calloc(1, sizeof *jobs);
    jobs->shared = *shared;
    jobs->alarms = alarms;
    jobs->engine = engine;
    jobs->config = config_ref(config);
    if (alarms)
        alarm_queue_on_clock_set(alarms, on_clock_set, jobs);
    TAILQ_INIT(&jobs->waiting);
    TAILQ_INIT(&jobs->drills_waiting);
    LIST_INIT(&jobs->open_runs);
    jobs->handles = 2;
    jobs->stop_timer.data = jobs;
    jobs->alone_timer.data = jobs;
    uv_timer_init(shared->loop, &jobs->stop_timer);
    uv_timer_init(shared->loop, &jobs->alone_timer);
    take_jobs(jobs, config);
    schedule_all(jobs);
    jobs_recall(jobs);
    return jobs;
}

static void on_closed(uv_handle_t *handle) {
    struct jobs *jobs = handle->data;
    if (--jobs->handles == 0)
        free(jobs);
}

void jobs_free(struct jobs *jobs) {
    if (!jobs)
        return;
    struct open_run *open;
    while (jobs->count)
        job_free(jobs->items[--jobs->count]);
    free(jobs->items);
    sweep_free(jobs->sweep);
    remains_free(jobs->remains);
    while ((open = LIST_FIRST(&jobs->open_runs))) {
        LIST_REMOVE(open, entry);
        open_run_free(open);
    }
    if (jobs->alarms)
        alarm_queue_on_clock_set(jobs->alarms, NULL, NULL);
    engine_unref(jobs->engine);
    config_unref(jobs->config);
    uv_close((uv_handle_t *)&jobs->stop_timer, on_closed);
    uv_close((uv_handle_t *)&jobs->alone_timer, on_closed);
}

struct config *jobs_config(const struct jobs *jobs) {
    return jobs->config;
}

struct engine *jobs_engine(const struct jobs *jobs) {
    return jobs->engine;
}

unsigned jobs_running(const struct jobs *jobs) {
    return jobs->running;
}

/* ------------------------------------------------------------ stopping */

static void on_stop_timer(uv_timer_t *timer) {
    struct jobs *jobs = timer->data;
    for (size_t i = 0; i < jobs->count; i++)
        if (jobs->items[i]->backup) {
            if (!jobs->shared.state)
                job_say(jobs->items[i], EVENT_UNDO_FAILED, NULL, "StopTimeout= is over: the run is dropped as it is");
            job_end_dropped(jobs->items[i]);
        }
    for (size_t i = 0; i < jobs->count; i++)
        job_drop_drill(jobs->items[i], true);
    jobs->stopped(jobs->stopped_arg);
}

static void cancel_all(struct jobs *jobs) {
    for (size_t i = 0; i < jobs->count; i++) {
        struct job *job = jobs->items[i];
        if (job->alarm)
            alarm_cancel(take_pointer(job->alarm));
        if (job->drill.alarm)
            alarm_cancel(take_pointer(job->drill.alarm));
        job_cancel_drill(job, "the daemon stops");
        job_finish_prunes(job);
        if (job->state == JOB_WAITING)
            job_end_waiting(job, "the daemon stops");
        if (job->state == JOB_RUNNING) {
            job->state = JOB_STOPPING;
            backup_stop(job->backup, "the daemon stops");
        }
    }
}

/* A mail whose first try is not over is worth a moment of a stop. */
static bool waits_for_mail(const struct jobs *jobs) {
    struct job_mail *mail;
    for (size_t i = 0; i < jobs->count; i++)
        LIST_FOREACH(mail, &jobs->items[i]->mails, entry)
    if (!mail->told)
        return true;
    return false;
}

void jobs_wind_down(struct jobs *jobs) {
    if (jobs->stopping && !jobs->running && !jobs->drilling && !jobs_are_pruning(jobs))
        uv_timer_start(&jobs->stop_timer, on_stop_timer, waits_for_mail(jobs) ? MAIL_GRACE : 0, 0);
}

void jobs_stop(struct jobs *jobs, int64_t timeout, void (*done)(void *arg), void *arg) {
    bool again = jobs->stopping;
    jobs->stopping = true;
    jobs->stopped = done;
    jobs->stopped_arg = arg;
    cancel_all(jobs);
    uv_timer_start(&jobs->stop_timer, on_stop_timer, again ? 0 : (uint64_t)timeout, 0);
    if (!again)
        jobs_wind_down(jobs);
}

/* ------------------------------------------------------------ looking */

int64_t jobs_look_from(int64_t now, int64_t rang) {
    return rang > now && rang - now <= STEP_BACK ? rang : now;
}

bool job_next_time(const struct job_config *settings, int64_t after, int64_t *next) {
    return schedule_list_next(&settings->schedules, settings->zone, after, next);
}

const char *jobs_nearest(const struct jobs *jobs, const char *name) {
    struct nearest nearest = NEAREST_TO(name);
    for (size_t i = 0; i < jobs->count; i++)
        nearest_try(&nearest, jobs->items[i]->name);
    return nearest.name;
}
