/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A run's turn.
 *
 *     alarm rings, or a person asks --enqueue--> WAITING --a free place, memory--> RUNNING --> over: result, mail, IDLE
 *                                                                                   |  cancel: STOPPING
 *
 * A job that is due while it runs is skipped, or with Overlap=queue runs once more afterwards.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/encoding.h"
#include "base/memory.h"
#include "base/random.h"
#include "job/plan.h"
#include "jobs_private.h"

void job_say(const struct job *job, enum event_kind kind, const struct error *error, const char *format, ...) {
    va_list words;
    va_start(words, format);
    _cleanup_free_ char *message = x_vprintf(format, words);
    va_end(words);
    struct event *event = EVENT(kind, .job = job->name, .table = job->settings->table);
    event->run = job->run[0] ? job->run : NULL;
    event->error = error;
    event->message = message;
    report(job->jobs->shared.reporter, event);
}

/* ------------------------------------------------------------ the schedule */

static void on_due(void *arg, int64_t at) {
    struct job *job = arg;
    (void)at;
    job->alarm = NULL;
    job->fired = job->due; /* served when what runs now, or next, is over */
    if (job->state == JOB_IDLE) {
        job_enqueue(job, EVENT_RUN_PROGRESS, "the schedule");
    } else if (job->settings->overlap == CONFIG_OVERLAP_QUEUE) {
        job->run_again = true;
    } else {
        job_say(job, EVENT_RUN_SKIPPED, NULL, "due now, but the run before it is not over: skipped (Overlap=skip)");
    }
    job_schedule(job);
}

/* Its time has come, by the schedule that it still has, and only its delay is not over. */
static bool is_due(const struct job *job, int64_t now) {
    int64_t same;
    return job->alarm && job->due <= now && job_next_time(job->settings, job->due - 1, &same) && same == job->due;
}

void job_schedule(struct job *job) {
    int64_t now = clock_wall() / SECOND_MS;
    bool scheduled = job->jobs->alarms && !job->jobs->stopping && !job->removed && job->settings->enabled;
    if (scheduled && is_due(job, now))
        return;
    if (job->alarm)
        alarm_cancel(take_pointer(job->alarm));
    job->next = 0;
    if (!scheduled || !job_next_time(job->settings, now, &job->due))
        return;
    job->next = job->due * SECOND_MS + (int64_t)random_uniform((uint64_t)job->settings->randomized_delay);
    job->alarm = alarm_set(job->jobs->alarms, job->next, on_due, job);
}

/* ------------------------------------------------------------ the mail */

static void mail_free(struct job_mail *mail) {
    LIST_REMOVE(mail, entry);
    free(mail);
}

/* A job that has left the configuration stays until its last mail has gone. */
static void mail_over(struct job_mail *mail) {
    struct job *job = mail->job;
    struct jobs *jobs = job->jobs;
    job_forget_mail(job, mail->run);
    mail_free(mail);
    jobs_remove_if_over(job);
    jobs_wind_down(jobs);
}

/* What status shows is the newest run's mail. */
static void set_mail(struct job_mail *mail, enum mail_state state, const struct error *error) {
    struct job *job = mail->job;
    if (!job->has_last || strcmp(job->last.run, mail->run) != 0)
        return;
    job->mail = state;
    x_replace(&job->mail_error, error ? error->message : NULL);
}

static void say_of_mail(struct job_mail *mail, enum event_kind kind, const struct error *error, const char *message) {
    struct event *event = EVENT(kind, .job = mail->job->name, .run = mail->run, .table = mail->job->settings->table);
    event->error = error;
    event->message = message;
    report(mail->job->jobs->shared.reporter, event);
}

static void on_mail_sent(void *arg, const char *message_id, bool link_cut_short) {
    struct job_mail *mail = arg;
    _cleanup_free_ char *message = x_printf("mail sent (SES message %s)", message_id);
    set_mail(mail, MAIL_SENT, NULL);
    say_of_mail(mail, EVENT_MAIL_SENT, NULL, message);
    if (link_cut_short)
        say_of_mail(mail, EVENT_RUN_WARNING, NULL,
                    "the download link ends before LinkExpires=: the credentials that signed it end then");
    mail_over(mail);
}

static void on_mail_failed(void *arg, const struct error *error, int64_t next_ms) {
    struct job_mail *mail = arg;
    set_mail(mail, MAIL_FAILING, error);
    if (mail->told)
        return;
    mail->told = true;
    _cleanup_free_ char *message = x_printf(
        "the mail could not be sent; next try in %" PRId64 " s, then ever more seldom for a day", next_ms / SECOND_MS);
    say_of_mail(mail, EVENT_MAIL_FAILED, error, message);
    jobs_wind_down(mail->job->jobs);
}

static void on_mail_given_up(void *arg, const struct error *error) {
    struct job_mail *mail = arg;
    set_mail(mail, MAIL_GIVEN_UP, error);
    say_of_mail(mail, EVENT_MAIL_GIVEN_UP, error, "the mail could not be sent within a day");
    mail_over(mail);
}

static void start_mail(struct job *job, const struct mailing_order *order) {
    struct job_mail *mail = x_calloc(1, sizeof *mail);
    struct mailing_events events = {on_mail_sent, on_mail_failed, on_mail_given_up, mail};
    mail->job = job;
    memcpy(mail->run, order->result->run, sizeof mail->run);
    LIST_INSERT_HEAD(&job->mails, mail, entry);
    mail->mailing = mailing_start(order, &events);
    set_mail(mail, MAIL_PENDING, NULL);
}

static bool wants_mail(const struct job *job) {
    return mailing_wanted(job->started.settings, job->last.outcome);
}

/* Under the settings that the run was started with. */
static void send_mail(struct job *job) {
    const struct job_order *started = &job->started;
    job->mail = MAIL_OFF;
    x_replace(&job->mail_error, NULL);
    if (wants_mail(job))
        start_mail(job, &(struct mailing_order){started->engine, started->config, started->settings, &job->last, 0});
}

void job_send_mail_again(struct job *job, const struct run_result *result, int64_t since) {
    start_mail(job, &(struct mailing_order){job->jobs->engine, job->config, job->settings, result, since});
}

void job_drop_mails(struct job *job) {
    struct job_mail *mail;
    while ((mail = LIST_FIRST(&job->mails))) {
        if (!job->jobs->shared.state) /* else it goes out after the next start */
            say_of_mail(mail, EVENT_MAIL_GIVEN_UP, NULL, "the daemon stops, and its mail has not been sent");
        mailing_free(mail->mailing);
        mail_free(mail);
    }
}

/* ------------------------------------------------------------ the end of a run */

static void say_end(struct job *job, const struct run_result *result) {
    static const enum event_kind kinds[] = {
        [RUN_SUCCEEDED] = EVENT_RUN_SUCCEEDED, [RUN_FAILED] = EVENT_RUN_FAILED, [RUN_CANCELLED] = EVENT_RUN_CANCELLED};
    _cleanup_free_ char *message =
        result->outcome == RUN_SUCCEEDED ? x_printf("backup stands at %s", result->uri) : NULL;
    struct event *event = EVENT(kinds[result->outcome], .job = job->name, .run = result->run, .table = result->table);
    event->duration_ms = result->ended - result->started;
    event->message = message ? message : result->outcome == RUN_FAILED ? "backup failed" : "backup cancelled";
    event->error = result->error.code ? &result->error : NULL;
    if (result->outcome == RUN_SUCCEEDED) {
        event->items = (int64_t)result->items;
        event->bytes = (int64_t)result->stored_bytes;
    }
    report(job->jobs->shared.reporter, event);
    if (result->warning)
        job_say(job, EVENT_RUN_WARNING, NULL, "%s", result->warning);
    if (result->undo_error.code)
        job_say(job, EVENT_UNDO_FAILED, &result->undo_error,
                "not all of the run could be removed; what is left is no backup, below %s", result->uri);
}

static void tell_watchers(struct job *job) {
    struct jobs_watcher **link = &job->watchers, *watcher;
    while ((watcher = *link)) {
        if (strcmp(watcher->run, job->last.run) != 0) {
            link = &watcher->next;
            continue;
        }
        *link = watcher->next;
        watcher->over(watcher->arg, &job->last);
        link = &job->watchers; /* the watcher may have changed the list */
    }
}

/* Gives back the run's place and its memory's share. */
static void leave_place(struct job *job) {
    struct jobs *jobs = job->jobs;
    jobs->running--;
    jobs->reserved -= job->reserved;
    job->reserved = 0;
    job->state = JOB_IDLE;
    job->backup = NULL;
}

static void forget_order(struct job *job) {
    config_unref(take_pointer(job->started.config));
    engine_unref(take_pointer(job->started.engine));
}

void job_drop_run(struct job *job) {
    if (!job->backup)
        return;
    backup_free(job->backup);
    leave_place(job);
    forget_order(job);
}

/* WarnItemsDrop=: a table that has lost many of its items since the last good backup is worth a look. */
static void compare_items(struct job *job, struct run_result *result) {
    if (result->outcome != RUN_SUCCEEDED)
        return;
    uint64_t least = job->good_items * (uint64_t)(100 - job->started.settings->warn_items_drop) / 100;
    if (result->items < least)
        result->warning =
            x_printf("%" PRIu64 " items, after %" PRIu64 " in the backup before: is the table as it should be?",
                     result->items, job->good_items);
    job->good_items = result->items;
}

static bool take_flag(bool *flag) {
    bool was = *flag;
    *flag = false;
    return was;
}

/* The result becomes the job's last one, and is said. Takes what `result` holds. */
static void keep_result(struct job *job, struct run_result *result) {
    run_result_fini(&job->last);
    job->last = *result;
    *result = (struct run_result){0};
    job->has_last = true;
    say_end(job, &job->last);
}

void job_end_dropped(struct job *job) {
    struct run_result result = {.outcome = RUN_CANCELLED, .ended = clock_wall()};
    result.started = backup_progress(job->backup).started;
    memcpy(result.run, job->run, sizeof result.run);
    result.table = x_strdup(job->settings->table);
    error_set(&result.error, ERROR_CANCELLED, "StopTimeout= was over: dropped as it was");
    job_drop_run(job);
    keep_result(job, &result);
    job_remember_end(job, false);
    tell_watchers(job);
}

void job_end_waiting(struct job *job, const char *why) {
    struct run_result result = {.outcome = RUN_CANCELLED, .started = clock_wall(), .ended = clock_wall()};
    TAILQ_REMOVE(&job->jobs->waiting, job, waiting);
    job->state = JOB_IDLE;
    memcpy(result.run, job->run, sizeof result.run);
    result.table = x_strdup(job->settings->table);
    error_set(&result.error, ERROR_CANCELLED, "%s, before it started", why);
    keep_result(job, &result);
    job_remember_end(job, false);
    job->mail = MAIL_OFF;
    tell_watchers(job);
}

static void on_over(void *arg, struct run_result *result) {
    struct job *job = arg;
    struct jobs *jobs = job->jobs;
    leave_place(job);
    compare_items(job, result);
    keep_result(job, result);
    job_remember_end(job, wants_mail(job));
    send_mail(job);
    forget_order(job);
    tell_watchers(job);
    bool again = take_flag(&job->run_again);
    if (again && job->state == JOB_IDLE && !jobs->stopping && !job->removed && job->settings->enabled)
        job_enqueue(job, EVENT_RUN_PROGRESS, "the schedule, after the run before it");
    jobs_remove_if_over(job);
    jobs_wind_down(jobs);
    jobs_pump(jobs);
}

/* ------------------------------------------------------------ the turn */

static size_t memory_of(const struct job_config *settings) {
    size_t files = settings->formats & CONFIG_DYNAMODB_JSON ? 1 : 0;
    size_t multiparts = settings->formats & CONFIG_JSON ? 1 : 0;
    return plan_reserve(files, multiparts);
}

/* The pool keeps the size that it was made with; a smaller BufferMemory= counts from the reload on. */
static bool may_start(const struct jobs *jobs, size_t memory) {
    size_t limit = pool_stats(workshop_pool(jobs->shared.workshop)).limit;
    if (jobs->config->buffer_memory < limit)
        limit = jobs->config->buffer_memory;
    if (jobs->running >= jobs->config->max_concurrent_jobs)
        return false;
    return !jobs->running || jobs->reserved + memory + PAGE_MAX <= limit;
}

static void start(struct job *job) {
    struct jobs *jobs = job->jobs;
    job->started = (struct job_order){engine_ref(jobs->engine), config_ref(job->config), job->settings};
    job->state = JOB_RUNNING;
    jobs->running++;
    job->reserved = memory_of(job->settings);
    jobs->reserved += job->reserved;
    job_logs_open(job);
    job_say(job, EVENT_RUN_STARTED, NULL, "backup of %s to s3://%s/%s starts", job->settings->table,
            job->settings->bucket, job->settings->prefix);
    struct backup_order order = {jobs->engine, job->config, job->settings, job->identity};
    job->backup = backup_start(&order, on_over, job);
}

void jobs_pump(struct jobs *jobs) {
    struct job *job;
    while (!jobs->stopping && (job = TAILQ_FIRST(&jobs->waiting)) && may_start(jobs, memory_of(job->settings))) {
        TAILQ_REMOVE(&jobs->waiting, job, waiting);
        start(job);
    }
}

void job_enqueue(struct job *job, enum event_kind kind, const char *by) {
    random_bytes(job->identity, sizeof job->identity);
    hex_encode(job->run, job->identity, sizeof job->identity);
    job->state = JOB_WAITING;
    TAILQ_INSERT_TAIL(&job->jobs->waiting, job, waiting);
    job_say(job, kind, NULL, "a run was asked for by %s", by);
    jobs_pump(job->jobs);
}

enum jobs_refusal jobs_run(struct jobs *jobs, const char *name, const char *by, char *run) {
    struct job *job = jobs_find(jobs, name);
    if (!job || job->removed)
        return JOBS_NO_SUCH_JOB;
    if (jobs->stopping)
        return JOBS_STOPPING;
    if (!job->settings->enabled)
        return JOBS_DISABLED;
    bool idle = job->state == JOB_IDLE;
    if (idle)
        job_enqueue(job, EVENT_CONTROL, by);
    memcpy(run, job->run, sizeof job->run);
    return idle ? JOBS_OK : JOBS_RUNNING;
}

enum jobs_refusal jobs_cancel(struct jobs *jobs, const char *name, const char *by, char *run) {
    struct job *job = jobs_find(jobs, name);
    if (!job)
        return JOBS_NO_SUCH_JOB;
    if (job->state == JOB_IDLE)
        return JOBS_NOT_RUNNING;
    memcpy(run, job->run, sizeof job->run);
    job->run_again = false;
    _cleanup_free_ char *why = x_printf("cancelled by %s", by);
    if (job->state == JOB_WAITING) {
        job_end_waiting(job, why);
        return JOBS_OK;
    }
    job->state = JOB_STOPPING;
    backup_cancel(job->backup, why);
    return JOBS_OK;
}

void jobs_watch(struct jobs *jobs, const char *name, const char *run, struct jobs_watcher *watcher) {
    struct job *job = jobs_find(jobs, name);
    memcpy(watcher->run, run, sizeof watcher->run);
    watcher->next = job->watchers;
    job->watchers = watcher;
}

void jobs_unwatch(struct jobs *jobs, struct jobs_watcher *watcher) {
    for (size_t i = 0; i < jobs->count; i++)
        for (struct jobs_watcher **link = &jobs->items[i]->watchers; *link; link = &(*link)->next)
            if (*link == watcher) {
                *link = watcher->next;
                return;
            }
}
