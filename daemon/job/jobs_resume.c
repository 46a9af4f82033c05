/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs that an earlier process has left open.
 *
 *     start-up: each is read, its death is counted, job/resume.h judges it
 *       GO_ON      its job waits for a turn, and goes on with it, under the settings that it was begun with
 *       START_OVER it is taken back; its job begins anew, unless a backup of it stands
 *       ABANDON    it is taken back
 *       FAIL       the same, and that is the failure of a run: history, mail
 *
 * What is taken back is marked first: whatever happens then, it is never resumed. (One that starts over is not: should the process
 * end before the new one begins, the next finds the same again.) --local looks at the runs of a job when that
 * job is asked to run, and at no other.
 */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "config/save.h"
#include "job/resume.h"
#include "jobs_private.h"
#include "state/history.h"

void open_run_free(struct open_run *open) {
    if (!open)
        return;
    backup_abandon_cancel(open->abandon);
    checkpoint_fini(&open->checkpoint);
    run_result_fini(&open->result);
    run_result_fini(&open->standing);
    free(open->job);
    engine_unref(open->engine);
    config_unref(open->config);
    error_clear(&open->why);
    free(open);
}

static void say_open(const struct open_run *open, enum event_kind kind, const struct error *error,
                     const char *message) {
    struct event *event = EVENT(kind, .job = open->job, .run = open->result.run, .table = open->result.table);
    event->error = error;
    event->message = message;
    report(open->jobs->shared.reporter, event);
}

/* ------------------------------------------------------------ start-up: reading */

struct found {
    struct checkpoint checkpoint;
    bool told;            /* its end stands in the history: only what it left is still to go */
    struct error trouble; /* it could not be read whole */
};

struct reading {
    struct checkpoint_list list;
    struct found *found; /* as many as the list's */
};

/* What cannot be read is known by its names, or by its row alone: it can be taken back. */
static void read_one(struct sqlite3 *db, struct checkpoint_run *row, struct found *found) {
    if (!history_knows(db, row->run, &found->told, &found->trouble) ||
        checkpoint_load(db, row->run, &found->checkpoint, &found->trouble) ||
        checkpoint_load_names(db, row->run, &found->checkpoint, NULL))
        return;
    found->checkpoint.run = *row;
    *row = (struct checkpoint_run){0};
}

/* One that cannot be read is no trouble of the others. */
static bool read_work(struct sqlite3 *db, void *arg, struct error *error) {
    struct reading *reading = arg;
    if (!checkpoint_list(db, &reading->list, error))
        return false;
    reading->found = x_calloc(reading->list.count + 1, sizeof *reading->found);
    for (size_t i = 0; i < reading->list.count; i++)
        read_one(db, &reading->list.items[i], &reading->found[i]);
    return true;
}

/* A stop in peace is no death, and counts once. */
static bool count_deaths(struct sqlite3 *db, void *arg, struct error *error) {
    struct checkpoint_list *list = arg;
    bool good = checkpoint_list(db, list, error);
    for (size_t i = 0; good && i < list->count; i++) {
        unsigned deaths;
        good = checkpoint_count_death(db, list->items[i].run, &deaths, error);
    }
    return good;
}

/* What history and mail tell of it, should it be taken back: the checkpoint goes with whoever takes it up. */
static struct run_result result_of(const struct checkpoint_run *run) {
    struct run_result result = {.table = x_strdup(run->table),
                                .table_arn = x_strdup(run->table_arn),
                                .region = x_strdup(run->region),
                                .started = run->started,
                                .items = run->counts.items,
                                .raw_bytes = run->counts.scanned_bytes,
                                .read_first = run->scan_started,
                                .read_last = run->scan_ended,
                                .resumed = run->resumed};
    strncpy(result.run, run->run, RUN_LENGTH);
    return result;
}

/* The settings of then; an engine of its own where its endpoints are others now. */
static void restore_settings(struct open_run *open) {
    struct jobs *jobs = open->jobs;
    const struct checkpoint_run *run = &open->checkpoint.run;
    _cleanup_error_ struct error error = {0};
    open->config = config_restore_job(run->settings, run->job, jobs->config, &error);
    if (open->config)
        open->engine = engine_same(open->config, jobs->config) ? engine_ref(jobs->engine)
                                                               : engine_new(&jobs->shared, open->config, &error);
    if (!open->engine)
        say_open(open, EVENT_UNDO_FAILED, &error,
                 "an interrupted run can neither be resumed nor taken back: its settings are not understood");
}

static const struct job_config *job_now(const struct jobs *jobs, const char *name) {
    struct job *job = jobs_find(jobs, name);
    return job && !job->removed ? job->settings : NULL;
}

static void judge(struct open_run *open) {
    const struct jobs *jobs = open->jobs;
    struct resume_now now = {.job = job_now(jobs, open->checkpoint.run.job),
                             .s3_endpoint = jobs->config->endpoints[AWS_S3],
                             .now = clock_wall()};
    open->verdict = resume_judge(&open->checkpoint.run, &now, &open->why);
}

static void drop_rows(struct open_run *open) {
    history_drop_run(open->jobs->shared.state, open->result.run, jobs_on_written, open->jobs);
}

static void add_rest(const struct open_run *open, bool at_once) {
    if (open->engine)
        remains_add(open->jobs->remains, &(struct remains_order){.run = open->result.run,
                                                                 .table = open->result.table,
                                                                 .engine = open->engine,
                                                                 .config = open->config,
                                                                 .job = open->config->jobs[0],
                                                                 .at_once = at_once});
}

/* --local leaves it to a daemon. */
static void take_up_rest(struct open_run *open) {
    if (!open->engine)
        drop_rows(open);
    else if (open->jobs->alarms)
        add_rest(open, true);
    open_run_free(open);
}

/* A state that cannot be read just now may be read at the next start; one that is damaged stays so. */
static bool is_left_alone(const struct open_run *open, const struct found *found) {
    if (!found->trouble.code || found->trouble.code == ERROR_CORRUPT)
        return false;
    say_open(open, EVENT_STATE_FAILED, &found->trouble, "an interrupted run could not be read: it is left as it is");
    return true;
}

static void judge_damaged(struct open_run *open, const struct error *trouble) {
    open->verdict = RESUME_FAIL;
    open->why = error_copy(trouble);
    error_context(&open->why, "what the state holds of the run cannot be read");
}

/* Takes the checkpoint. */
static void add_open_run(struct jobs *jobs, struct found *found) {
    struct open_run *open = x_calloc(1, sizeof *open);
    open->jobs = jobs;
    open->checkpoint = found->checkpoint;
    found->checkpoint = (struct checkpoint){0};
    open->job = x_strdup(open->checkpoint.run.job);
    open->result = result_of(&open->checkpoint.run);
    if (is_left_alone(open, found)) {
        open_run_free(open);
        return;
    }
    restore_settings(open);
    if (found->told) {
        take_up_rest(open);
        return;
    }
    judge(open);
    if (found->trouble.code && open->verdict == RESUME_GO_ON)
        judge_damaged(open, &found->trouble);
    LIST_INSERT_HEAD(&jobs->open_runs, open, entry); /* the list was oldest first: the newest comes to the front */
}

/* Deaths that cannot be counted keep no run from going on. */
bool jobs_count_deaths(struct jobs *jobs, struct error *error) {
    struct checkpoint_list list = {0};
    bool counted = state_do_now(jobs->shared.state, count_deaths, &list, error);
    checkpoint_list_fini(&list);
    return counted;
}

bool jobs_read_open_runs(struct jobs *jobs, struct error *error) {
    struct reading reading = {0};
    bool read = state_do_now(jobs->shared.state, read_work, &reading, error);
    for (size_t i = 0; reading.found && i < reading.list.count; i++) {
        if (read)
            add_open_run(jobs, &reading.found[i]);
        checkpoint_fini(&reading.found[i].checkpoint);
        error_clear(&reading.found[i].trouble);
    }
    free(reading.found);
    checkpoint_list_fini(&reading.list);
    return read;
}

/* ------------------------------------------------------------ taking one back */

/* Its job may have gone meanwhile; its history stays. */
static void end_open_run(struct open_run *open, enum run_outcome outcome, const struct error *left) {
    struct job *job = jobs_find(open->jobs, open->job);
    struct run_result *result = &open->result;
    result->outcome = outcome;
    result->ended = clock_wall();
    result->error = error_take(&open->why);
    if (left)
        result->undo_error = error_copy(left);
    if (outcome == RUN_STARTS_OVER)
        jobs_remember_start_over(open->jobs, result);
    else if (job && outcome != RUN_CANCELLED)
        job_end_open_run(job, open);
    else
        jobs_end_open_run(open->jobs, open->job, result);
}

static void begin_anew(const struct open_run *open) {
    struct job *job = jobs_find(open->jobs, open->job);
    bool may_run = job && !job->removed && job->settings->enabled && !open->jobs->stopping;
    if (may_run && job->state == JOB_IDLE && job->turns == open->turns)
        job_enqueue(job, EVENT_RUN_PROGRESS, "the run before it, which starts over");
}

static void on_abandoned(void *arg, bool stands, const struct error *error) {
    static const enum run_outcome outcomes[] = {[RESUME_START_OVER] = RUN_STARTS_OVER,
                                                [RESUME_ABANDON] = RUN_CANCELLED,
                                                [RESUME_FAIL] = RUN_FAILED,
                                                [RESUME_GO_ON] = RUN_CANCELLED};
    struct open_run *open = arg;
    open->abandon = NULL;
    const struct run_result left = {.undo_error = error ? *error : (struct error){0}}; /* borrowed */
    if (error)
        say_open(open, EVENT_UNDO_FAILED, error,
                 remains_of(&left) ? "not all of an interrupted run could be removed; it is tried again"
                                   : "not all of an interrupted run could be removed");
    if (remains_of(&left))
        add_rest(open, false);
    if (stands) {
        error_clear(&open->why);
        run_result_fini(&open->result);
        open->result = open->standing;
        open->standing = (struct run_result){0};
    }
    end_open_run(open, stands ? RUN_SUCCEEDED : outcomes[open->verdict], error);
    LIST_REMOVE(open, entry);
    if (open->starts_over && !stands)
        begin_anew(open);
    open_run_free(open);
}

/* ------------------------------------------------------------ taking one up */

static void go_on(struct open_run *open, struct job *job) {
    LIST_REMOVE(open, entry);
    job->open = open;
    job_enqueue_open(job);
}

/* Should it turn out to stand: what there is to tell of it, before the checkpoint goes. */
static void describe_standing(struct open_run *open) {
    struct backup_record *record = backup_record_new();
    struct checkpoint_object *loose = NULL;
    size_t loose_count;
    _cleanup_error_ struct error error = {0};
    struct run_result *standing = &open->standing;
    run_result_fini(standing);
    *standing = run_result_copy(&open->result);
    if (record_resume(record, &open->checkpoint, &loose, &loose_count, &error)) {
        standing->stored_bytes = backup_record_stored(record);
        run_result_list_keys(standing, record);
    }
    memcpy(standing->id, record->names.id, sizeof standing->id);
    standing->uri = x_strdup(record->names.uri);
    standing->warning = open->checkpoint.run.complete ? NULL : x_strdup(COUNTS_ARE_OLD);
    free(loose);
    backup_record_unref(record);
}

/* Marked in the state before anything is deleted: entries are carried out in their order, and S3 takes longer than the disk. */
static void take_back(struct open_run *open) {
    struct backup_order order = {.engine = open->engine,
                                 .config = open->config,
                                 .job = open->config ? open->config->jobs[0] : NULL,
                                 .state = open->jobs->shared.state};
    if (!open->engine) {
        on_abandoned(open, false, NULL);
        return;
    }
    struct history_give_up given_up = {open->result.run, open->why.message, open->verdict != RESUME_FAIL};
    if (open->verdict != RESUME_START_OVER)
        history_give_up_run(open->jobs->shared.state, &given_up, jobs_on_written, open->jobs);
    describe_standing(open);
    order.resume = &open->checkpoint;
    open->abandon = backup_abandon_start(&order, on_abandoned, open);
}

static void take_up(struct open_run *open) {
    struct job *job = jobs_find(open->jobs, open->job);
    bool free_for_it = job && !job->removed && job->state == JOB_IDLE;
    if (open->verdict == RESUME_GO_ON && free_for_it && open->engine) {
        go_on(open, job);
        return;
    }
    if (open->verdict == RESUME_GO_ON) {
        open->verdict = open->engine ? RESUME_ABANDON : RESUME_START_OVER;
        error_set(&open->why, open->engine ? ERROR_CANCELLED : ERROR_INVALID, "%s",
                  open->engine ? "a newer run of the job goes on" : "its settings are not understood any more");
    }
    open->starts_over = open->verdict == RESUME_START_OVER && free_for_it;
    open->turns = job ? job->turns : 0;
    say_open(open, open->starts_over ? EVENT_RUN_STARTS_OVER : EVENT_RUN_ABANDONED, &open->why,
             open->starts_over ? "the interrupted backup is taken back; a new one begins"
                               : "the interrupted backup is taken back");
    take_back(open);
}

void jobs_abandon(struct open_run *open, const char *why) {
    open->verdict = RESUME_ABANDON;
    error_set(&open->why, ERROR_CANCELLED, "%s", why);
    LIST_INSERT_HEAD(&open->jobs->open_runs, open, entry);
    take_back(open);
}

void jobs_take_up(struct jobs *jobs, const char *name) {
    struct open_run *open = LIST_FIRST(&jobs->open_runs), *next;
    for (; open; open = next) {
        next = LIST_NEXT(open, entry);
        if (!open->abandon && (!name || strcmp(open->job, name) == 0))
            take_up(open);
    }
}

bool jobs_knows_run(const struct jobs *jobs, const char *run) {
    const struct open_run *open;
    LIST_FOREACH(open, &jobs->open_runs, entry)
    if (strcmp(open->result.run, run) == 0)
        return true;
    for (size_t i = 0; i < jobs->count; i++)
        if (jobs->items[i]->state != JOB_IDLE && strcmp(jobs->items[i]->run, run) == 0)
            return true;
    return false;
}
