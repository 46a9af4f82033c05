/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What outlives the process: how runs ended, mails that are still to be sent, up to when each schedule has been served. Read once, at
 * start-up, and written as things happen. Without a state (--local without one, most tests) nothing is kept and nothing fails.
 *
 * A state that cannot be written never stops a backup: it is said once, and once more when it is back.
 */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "jobs_private.h"
#include "state/fires.h"
#include "state/history.h"
#include "state/mails.h"

#define CLOCK_SLACK DAY_MS /* a time noted further ahead than this was noted by a clock that was wrong */

void jobs_on_written(void *arg, const struct error *error) {
    struct jobs *jobs = arg;
    bool failing = error;
    if (failing == jobs->state_fails)
        return;
    jobs->state_fails = failing;
    struct event *event =
        EVENT(failing ? EVENT_STATE_FAILED : EVENT_STATE_BACK,
              .message = failing ? "the state could not be written: what ends now is not remembered after a restart"
                                 : "the state can be written again");
    event->error = error;
    report(jobs->shared.reporter, event);
}

/* ------------------------------------------------------------ a run's end, a schedule's time, a mail's end */

static struct history_row row_of(const char *job, const struct run_result *result) {
    return (struct history_row){.run = (char *)(uintptr_t)result->run, /* borrowed: it is copied */
                                .kind = (char *)(uintptr_t)run_kind_name(result->kind),
                                .job = (char *)(uintptr_t)job,
                                .table = result->table,
                                .table_arn = result->table_arn,
                                .region = result->region,
                                .id = result->id[0] ? (char *)(uintptr_t)result->id : NULL,
                                .uri = result->uri,
                                .outcome = (char *)(uintptr_t)run_outcome_name(result->outcome),
                                .error = result->error.message,
                                .error_code = result->error.aws_code,
                                .request_id = result->error.request_id,
                                .warning = result->warning,
                                .started = result->started,
                                .ended = result->ended,
                                .items = (int64_t)result->items,
                                .stored_bytes = (int64_t)result->stored_bytes,
                                .raw_bytes = (int64_t)result->raw_bytes,
                                .resumed = result->resumed};
}

static void remember(struct job *job, const struct run_result *result, bool mailed, int64_t fired) {
    struct jobs *jobs = job->jobs;
    if (!jobs->shared.state)
        return;
    struct history_row row = row_of(job->name, result);
    _cleanup_buffer_ struct buffer mail = BUFFER_INIT(BUFFER_OURS);
    if (mailed)
        run_result_write(result, clock_wall(), &mail);
    struct history_end end = {.row = &row,
                              .mail = mailed ? mail.data : NULL,
                              .fired = fired,
                              .now = aws_client_now(jobs->engine->client),
                              .keep = jobs->config->keep_history,
                              .left = remains_of(result)};
    history_end_run(jobs->shared.state, &end, jobs_on_written, jobs);
}

void jobs_remember_start_over(struct jobs *jobs, const struct run_result *result) {
    struct history_give_up given_up = {result->run, result->error.message ? result->error.message : "", true};
    if (remains_of(result))
        history_give_up_run(jobs->shared.state, &given_up, jobs_on_written, jobs);
    else
        history_drop_run(jobs->shared.state, result->run, jobs_on_written, jobs);
}

void job_remember_end(struct job *job, bool mailed) {
    struct jobs *jobs = job->jobs;
    if (!jobs->shared.state || job->last.outcome == RUN_STOPPED) /* it is not over */
        return;
    if (job->last.outcome == RUN_STARTS_OVER) { /* nor is the run: it goes on under another id */
        if (!jobs->stopping)                    /* else the next process finds the same again, and begins the other */
            jobs_remember_start_over(jobs, &job->last);
        return;
    }
    /* a time whose run a stop has ended is not served: it is made up for at the next start */
    bool served = !(jobs->stopping && job->last.outcome == RUN_CANCELLED);
    remember(job, &job->last, mailed, served ? job->fired : 0);
    job->fired = 0;
}

void job_remember(struct job *job, const struct run_result *result, bool mailed) {
    remember(job, result, mailed, 0);
}

void jobs_end_open_run(struct jobs *jobs, const char *job, const struct run_result *result) {
    struct history_row row = row_of(job, result);
    struct history_end end = {.row = &row,
                              .now = aws_client_now(jobs->engine->client),
                              .keep = jobs->config->keep_history,
                              .left = remains_of(result)};
    history_end_run(jobs->shared.state, &end, jobs_on_written, jobs);
}

void job_forget_mail(struct job *job, const char *run) {
    if (job->jobs->shared.state)
        mails_forget(job->jobs->shared.state, run, jobs_on_written, job->jobs);
}

/* ------------------------------------------------------------ start-up: last results */

static struct run_result result_of(const struct history_row *row, enum run_kind kind) {
    struct run_result last = {.kind = kind,
                              .outcome = run_outcome_parse(row->outcome),
                              .table = x_strdup(row->table),
                              .table_arn = x_strdup(row->table_arn),
                              .region = x_strdup(row->region),
                              .uri = x_strdup(row->uri),
                              .started = row->started,
                              .ended = row->ended,
                              .items = (uint64_t)row->items,
                              .stored_bytes = (uint64_t)row->stored_bytes,
                              .raw_bytes = (uint64_t)row->raw_bytes,
                              .warning = x_strdup(row->warning)};
    strncpy(last.run, row->run, RUN_LENGTH);
    strncpy(last.id, row->id ? row->id : "", ID_LENGTH);
    if (row->error) {
        error_set(&last.error, ERROR_INVALID, "%s", row->error);
        last.error.aws_code = x_strdup(row->error_code);
        last.error.request_id = x_strdup(row->request_id);
    }
    return last;
}

static void recall_last(void *arg, size_t index, const struct history_row *row, int64_t good_items) {
    struct job *job = ((struct jobs *)arg)->items[index];
    job->last = result_of(row, RUN_BACKUP);
    job->has_last = true;
    job->good_items = good_items > 0 ? (uint64_t)good_items : 0;
}

static void recall_drill(void *arg, size_t index, const struct history_row *row, int64_t good_items) {
    struct job *job = ((struct jobs *)arg)->items[index];
    (void)good_items;
    job->drill.last = result_of(row, RUN_DRILL);
    job->drill.has_last = true;
}

static bool recall_results(struct jobs *jobs, struct error *error) {
    const char **names = x_calloc(jobs->count + 1, sizeof *names);
    for (size_t i = 0; i < jobs->count; i++)
        names[i] = jobs->items[i]->name;
    bool read = history_last(jobs->shared.state, names, jobs->count, &(struct history_reader){recall_last, jobs, NULL},
                             error) &&
                history_last(jobs->shared.state, names, jobs->count,
                             &(struct history_reader){recall_drill, jobs, "drill"}, error);
    free(names);
    return read;
}

/* ------------------------------------------------------------ start-up: mails */

static void recall_mail(struct jobs *jobs, const struct mail_row *row) {
    struct job *job = jobs_find(jobs, row->job);
    struct run_result result = {0};
    int64_t since;
    _cleanup_error_ struct error error = {0};
    if (job && run_result_read(&result, &since, row->text, &error)) {
        job_send_mail_again(job, &result, since);
    } else {
        struct event *event = EVENT(EVENT_MAIL_GIVEN_UP, .job = row->job, .run = row->run);
        event->message = job ? "the mail that was still to be sent cannot be read"
                             : "the mail that was still to be sent is dropped: its job is no longer configured";
        event->error = error.code ? &error : NULL;
        report(jobs->shared.reporter, event);
        mails_forget(jobs->shared.state, row->run, jobs_on_written, jobs);
    }
    run_result_fini(&result);
}

static bool recall_mails(struct jobs *jobs, struct error *error) {
    struct mail_row *rows;
    size_t count;
    bool read = mails_load(jobs->shared.state, &rows, &count, error);
    for (size_t i = 0; i < count; i++) {
        recall_mail(jobs, &rows[i]);
        mail_row_fini(&rows[i]);
    }
    free(rows);
    return read;
}

/* ------------------------------------------------------------ start-up: times that passed meanwhile */

static int by_job(const void *key, const void *row) {
    return strcmp(key, ((const struct fire_row *)row)->job);
}

static bool has_schedule(const struct job *job) {
    return !job->removed && job->settings->schedules.count;
}

/* The time that the job missed since `at`; 0: none. */
static int64_t missed_since(const struct job *job, int64_t at, int64_t now) {
    int64_t next;
    bool wanted = job->settings->enabled && job->settings->persistent && at <= now + CLOCK_SLACK / SECOND_MS;
    return wanted && job_next_time(job->settings, at, &next) && next <= now ? next : 0;
}

void jobs_note_new(struct jobs *jobs) {
    if (!jobs->shared.state || !jobs->alarms || jobs->times_unread)
        return;
    struct fire_note *notes = x_calloc(jobs->count + 1, sizeof *notes);
    size_t count = 0;
    for (size_t i = 0; i < jobs->count; i++) {
        struct job *job = jobs->items[i];
        if (job->noted || !has_schedule(job))
            continue;
        job->noted = true;
        notes[count++] = (struct fire_note){job->name, clock_wall() / SECOND_MS};
    }
    if (count)
        fires_note(jobs->shared.state, notes, count, jobs_on_written, jobs);
    free(notes);
}

static bool recall_times(struct jobs *jobs, struct error *error) {
    struct fire_row *rows;
    size_t count;
    int64_t now = clock_wall() / SECOND_MS;
    bool read = fires_load(jobs->shared.state, &rows, &count, error);
    for (size_t i = 0; i < jobs->count && count; i++) {
        struct job *job = jobs->items[i];
        const struct fire_row *row = bsearch(job->name, rows, count, sizeof *rows, by_job);
        int64_t missed = row && has_schedule(job) ? missed_since(job, row->at, now) : 0;
        if (!missed)
            continue;
        if (job->state != JOB_IDLE) { /* an interrupted run and a missed one make one run */
            job->noted = true;
            job->fired = now;
            continue;
        }
        char text[TIME_TEXT];
        job->noted = true; /* as it stands, until the run that makes up for it is over */
        job->fired = now;
        job_say(job, EVENT_RUN_MISSED, NULL, "%s passed while the daemon was down: it runs now (Persistent=)",
                time_format_iso(text, missed));
        job_enqueue(job, EVENT_RUN_PROGRESS, "the schedule, late");
    }
    fire_rows_free(rows, count);
    jobs->times_unread = !read;
    return read;
}

static bool start_sweep(struct jobs *jobs, struct error *error) {
    jobs->sweep = sweep_start(jobs->engine, jobs->shared.state, error);
    return !error->code;
}

/* What cannot be read is no reason to leave the rest unread. */
static void recall(struct jobs *jobs, bool (*read)(struct jobs *jobs, struct error *error), const char *trouble) {
    _cleanup_error_ struct error error = {0};
    if (!read(jobs, &error))
        report(jobs->shared.reporter, EVENT(EVENT_STATE_FAILED, .error = &error, .message = trouble));
}

void jobs_recall(struct jobs *jobs) {
    if (!jobs->shared.state)
        return;
    jobs->remains = remains_new(jobs->shared.state, jobs_on_written, jobs);
    recall(jobs, start_sweep, "scratch tables that drills may have left could not be read");
    recall(jobs, recall_results, "the last results could not be read");
    recall(jobs, recall_mails, "mails that are still to be sent could not be read");
    recall(jobs, jobs_count_deaths, "under which runs the process before died could not be noted");
    recall(jobs, jobs_read_open_runs, "interrupted runs could not be read");
    if (jobs->alarms) {
        recall(jobs, jobs_tell_begun_prunes, "prunes that died halfway could not be read");
        jobs_take_up(jobs, NULL);
        recall(jobs, recall_times, "what was missed is not known: it is looked for at the next start");
    }
    jobs_note_new(jobs);
}
