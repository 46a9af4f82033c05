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
#include "state/history.h"

#define ALONE_MS 500 /* how often a run that has the process for itself is looked at */

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
    job->alarm = NULL;
    job->rung = true;
    job->late = clock_wall() - at;
    job->rang = job->due;
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
    if (!scheduled || !job_next_time(job->settings, jobs_look_from(now, job->rang), &job->due))
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

void job_start_mail(struct job *job, const struct mailing_order *order) {
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
        job_start_mail(job,
                       &(struct mailing_order){started->engine, started->config, started->settings, &job->last, 0});
}

void job_send_mail_again(struct job *job, const struct run_result *result, int64_t since) {
    job_start_mail(job, &(struct mailing_order){job->jobs->engine, job->config, job->settings, result, since});
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

static void say_of_result(const struct job *job, const struct run_result *result, enum event_kind kind,
                          const struct error *error, const char *message) {
    struct event *event = EVENT(kind, .job = job->name, .run = result->run, .table = result->table);
    event->error = error;
    event->message = message;
    report(job->jobs->shared.reporter, event);
}

/* `result` need not be of the run at hand. */
static void say_end(struct job *job, const struct run_result *result) {
    static const enum event_kind kinds[] = {[RUN_SUCCEEDED] = EVENT_RUN_SUCCEEDED,
                                            [RUN_FAILED] = EVENT_RUN_FAILED,
                                            [RUN_CANCELLED] = EVENT_RUN_CANCELLED,
                                            [RUN_STOPPED] = EVENT_RUN_STOPPED,
                                            [RUN_STARTS_OVER] = EVENT_RUN_STARTS_OVER};
    static const char *const words[] = {[RUN_FAILED] = "backup failed",
                                        [RUN_CANCELLED] = "backup cancelled",
                                        [RUN_STOPPED] = "the backup is interrupted, and goes on with the next start",
                                        [RUN_STARTS_OVER] =
                                            "the interrupted backup could not be resumed; a new one begins"};
    _cleanup_free_ char *message =
        result->outcome == RUN_SUCCEEDED ? x_printf("backup stands at %s", result->uri) : NULL;
    struct event *event = EVENT(kinds[result->outcome], .job = job->name, .run = result->run, .table = result->table);
    event->duration_ms = result->ended - result->started;
    event->message = message ? message : words[result->outcome];
    event->error = result->error.code ? &result->error : NULL;
    if (result->outcome == RUN_SUCCEEDED) {
        event->items = (int64_t)result->items;
        event->bytes = (int64_t)result->stored_bytes;
    }
    report(job->jobs->shared.reporter, event);
    if (result->warning)
        say_of_result(job, result, EVENT_RUN_WARNING, NULL, result->warning);
    if (result->undo_error.code && result->uri) {
        _cleanup_free_ char *left =
            x_printf("not all of the run could be removed; what is left is no backup, below %s%s", result->uri,
                     remains_of(result) ? "; it is tried again" : "");
        say_of_result(job, result, EVENT_UNDO_FAILED, &result->undo_error, left);
    }
}

void job_tell_watchers(struct job *job, const struct run_result *result) {
    struct jobs_watcher **link = &job->watchers, *watcher;
    while ((watcher = *link)) {
        if (strcmp(watcher->run, result->run) != 0) {
            link = &watcher->next;
            continue;
        }
        *link = watcher->next;
        watcher->over(watcher->arg, result);
        link = &job->watchers; /* the watcher may have changed the list */
    }
}

/* Gives back the run's place and its memory's share. */
static void leave_place(struct job *job) {
    struct jobs *jobs = job->jobs;
    if (!--jobs->running)
        workshop_rest(jobs->shared.workshop);
    if (jobs->alone == job) {
        jobs->alone = NULL;
        uv_timer_stop(&jobs->alone_timer);
    }
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
        run_result_warn(result, x_printf("%" PRIu64 " items, after %" PRIu64
                                         " in the backup before: is the table as it should be?",
                                         result->items, job->good_items));
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

/* A newer run of the job may be waiting or under way by now: who it is, and which time of the schedule it stands for, stays. */
void job_end_open_run(struct job *job, struct open_run *open) {
    bool mailed = open->config && mailing_wanted(open->config->jobs[0], open->result.outcome);
    if (open->result.outcome == RUN_SUCCEEDED)
        job->good_items = open->result.items;
    keep_result(job, &open->result);
    job_remember(job, &job->last, mailed);
    job->mail = MAIL_OFF;
    x_replace(&job->mail_error, NULL);
    if (mailed)
        job_start_mail(job, &(struct mailing_order){open->engine, open->config, open->config->jobs[0], &job->last, 0});
}

void job_end_dropped(struct job *job) {
    struct state *state = job->jobs->shared.state;
    struct run_result result = {.outcome = state ? RUN_STOPPED : RUN_CANCELLED, .ended = clock_wall()};
    result.started = backup_progress(job->backup).started;
    memcpy(result.run, job->run, sizeof result.run);
    result.table = x_strdup(job->settings->table);
    error_set(&result.error, ERROR_CANCELLED, "StopTimeout= was over: dropped as it was");
    if (state)
        history_stop_run(state, job->run, jobs_on_written, job->jobs);
    job_drop_run(job);
    keep_result(job, &result);
    job_remember_end(job, false);
    job_tell_watchers(job, &job->last);
}

void job_end_waiting(struct job *job, const char *why) {
    struct open_run *open = take_pointer(job->open);
    bool stopping = job->jobs->stopping;
    struct run_result result = {
        .outcome = open && stopping ? RUN_STOPPED : RUN_CANCELLED, .started = clock_wall(), .ended = clock_wall()};
    TAILQ_REMOVE(&job->jobs->waiting, job, waiting);
    job->state = JOB_IDLE;
    memcpy(result.run, job->run, sizeof result.run);
    result.table = x_strdup(job->settings->table);
    error_set(&result.error, ERROR_CANCELLED, "%s, before it started", why);
    keep_result(job, &result);
    if (open && stopping)
        open_run_free(open); /* as it stands in the state */
    else if (open)
        jobs_abandon(open, why);
    else if (!stopping)
        job_remember_end(job, false);
    job->mail = MAIL_OFF;
    job_tell_watchers(job, &job->last);
}

/* What could not be taken back, under the settings that it was begun with. */
static void try_again(const struct job *job) {
    struct jobs *jobs = job->jobs;
    const struct job_order *started = &job->started;
    if (jobs->remains && remains_of(&job->last))
        remains_add(jobs->remains, &(struct remains_order){.run = job->last.run,
                                                           .table = job->last.table,
                                                           .engine = started->engine,
                                                           .config = started->config,
                                                           .job = started->settings});
}

static void on_over(void *arg, struct run_result *result) {
    struct job *job = arg;
    struct jobs *jobs = job->jobs;
    leave_place(job);
    compare_items(job, result);
    keep_result(job, result);
    job_remember_end(job, wants_mail(job));
    send_mail(job);
    job_prune_after_run(job);
    try_again(job);
    forget_order(job);
    job_tell_watchers(job, &job->last);
    bool over = job->last.outcome == RUN_STARTS_OVER, again = take_flag(&job->run_again) || over;
    if (again && job->state == JOB_IDLE && !jobs->stopping && !job->removed && job->settings->enabled)
        job_enqueue(job, EVENT_RUN_PROGRESS,
                    over ? "the run before it, which starts over" : "the schedule, after the run before it");
    jobs_remove_if_over(job);
    jobs_wind_down(jobs);
    jobs_pump(jobs);
}

/* ------------------------------------------------------------ the turn */

static size_t memory_of(const struct job_config *settings) {
    size_t files = settings->formats & CONFIG_DYNAMODB_JSON ? 1 : 0;
    size_t multiparts = (settings->formats & CONFIG_JSON ? 1 : 0) + (settings->formats & CONFIG_CSV ? 1 : 0);
    return plan_reserve(files, multiparts);
}

/* The pool keeps the size that it was made with; a smaller BufferMemory= counts from the reload on. */
static bool may_start(const struct jobs *jobs, const struct job *job) {
    size_t memory = memory_of(job->settings);
    size_t limit = pool_stats(workshop_pool(jobs->shared.workshop)).limit;
    if (jobs->config->buffer_memory < limit)
        limit = jobs->config->buffer_memory;
    if (jobs->running >= jobs->config->max_concurrent_jobs || jobs->alone || (job->alone && jobs->running))
        return false;
    return !jobs->running || jobs->reserved + memory + PAGE_MAX <= limit;
}

/* Another cut stands: whatever the process died of, this run gets past it. */
static void on_alone(uv_timer_t *timer) {
    struct jobs *jobs = timer->data;
    if (backup_progress(jobs->alone->backup).cuts <= jobs->alone->cuts)
        return;
    jobs->alone = NULL;
    uv_timer_stop(timer);
    jobs_pump(jobs);
}

/* One more death and the run is given up: no other is to be blamed with it, or for it. */
static void run_alone(struct job *job) {
    if (!take_flag(&job->alone))
        return;
    job->jobs->alone = job;
    uv_timer_start(&job->jobs->alone_timer, on_alone, ALONE_MS, ALONE_MS);
}

/* A run that goes on does so under the settings that it was begun with. */
static struct job_order order_of(struct job *job) {
    struct jobs *jobs = job->jobs;
    if (job->open)
        return (struct job_order){engine_ref(job->open->engine), config_ref(job->open->config),
                                  job->open->config->jobs[0]};
    return (struct job_order){engine_ref(jobs->engine), config_ref(job->config), job->settings};
}

static void start(struct job *job) {
    struct jobs *jobs = job->jobs;
    job->started = order_of(job);
    struct open_run *open = take_pointer(job->open);
    job->state = JOB_RUNNING;
    job->turns++;
    jobs->running++;
    job->reserved = memory_of(job->started.settings);
    jobs->reserved += job->reserved;
    job_logs_open(job);
    job_say(job, EVENT_RUN_STARTED, NULL, "backup of %s to s3://%s/%s %s", job->started.settings->table,
            job->started.settings->bucket, job->started.settings->prefix, open ? "goes on" : "starts");
    struct backup_order order = {.engine = job->started.engine,
                                 .config = job->started.config,
                                 .job = job->started.settings,
                                 .identity = job->identity,
                                 .state = jobs->shared.state,
                                 .resume = open ? &open->checkpoint : NULL};
    if (open)
        history_take_up_run(jobs->shared.state, job->run, jobs_on_written, jobs);
    job->backup = backup_start(&order, on_over, job);
    open_run_free(open);
    run_alone(job);
}

void jobs_pump(struct jobs *jobs) {
    struct job *job;
    while (!jobs->stopping && (job = TAILQ_FIRST(&jobs->waiting)) && may_start(jobs, job)) {
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

void job_enqueue_open(struct job *job) {
    const char *run = job->open->checkpoint.run.run;
    hex_decode(job->identity, sizeof job->identity, run);
    strncpy(job->run, run, RUN_LENGTH);
    job->alone = job->open->checkpoint.run.deaths + 1 >= CHECKPOINT_DEATHS;
    job->cuts = job->open->checkpoint.cut_count;
    job->state = JOB_WAITING;
    TAILQ_INSERT_TAIL(&job->jobs->waiting, job, waiting);
    job_say(job, EVENT_RUN_PROGRESS, NULL, "an interrupted run waits for its turn");
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
    jobs_take_up(jobs, name); /* --local: what an earlier process has left of it goes on */
    if (job->state == JOB_IDLE)
        job_enqueue(job, EVENT_CONTROL, by);
    memcpy(run, job->run, sizeof job->run);
    return idle ? JOBS_OK : JOBS_RUNNING;
}

enum jobs_refusal jobs_cancel(struct jobs *jobs, const char *name, const char *by, char *run) {
    struct job *job = jobs_find(jobs, name);
    if (!job)
        return JOBS_NO_SUCH_JOB;
    _cleanup_free_ char *why = x_printf("cancelled by %s", by);
    if (job->state == JOB_IDLE && job_drills(job)) {
        memcpy(run, job->drill.run, sizeof job->drill.run);
        job_cancel_drill(job, why);
        return JOBS_OK;
    }
    if (job->state == JOB_IDLE)
        return JOBS_NOT_RUNNING;
    memcpy(run, job->run, sizeof job->run);
    job->run_again = false;
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
