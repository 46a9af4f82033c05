/* SPDX-License-Identifier: Apache-2.0 */
/* Retention of the set of jobs: after each good backup, and when a person asks. What came of it is said here. */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "job/retention.h"
#include "jobs_private.h"

#define TOLD_DAYS 90

struct job_prune {
    LIST_ENTRY(job_prune) entry;
    struct job *job;
    struct prune *prune;
    bool dry_run, has_rules;
    prune_done *done; /* NULL: nobody waits (any more) */
    void *arg;
};

static bool is_live(void *arg, const char *run) {
    return jobs_knows_run(arg, run);
}

static void say(const struct job *job, enum event_kind kind, const struct error *error, const char *message) {
    struct event *event = EVENT(kind, .job = job->name, .table = job->settings->table);
    event->error = error;
    event->message = message;
    report(job->jobs->shared.reporter, event);
}

static void say_items(const struct job *job, const struct prune_result *result) {
    for (size_t i = 0; i < result->count; i++) {
        const struct prune_item *item = &result->list[i];
        if (item->outcome != PRUNE_FAILED)
            continue;
        _cleanup_free_ char *message = x_printf("%s could not be removed: %s", item->names.uri, item->error);
        say(job, EVENT_PRUNE_FAILED, NULL, message);
    }
    if (!result->removed)
        return;
    _cleanup_free_ char *message =
        x_printf("retention: %zu removed, %zu stay", result->removed, result->count - result->removed);
    say(job, EVENT_PRUNED, NULL, message);
}

/* A role that may only write is fine where nobody asked for retention. */
static void say_result(const struct job_prune *one, const struct prune_result *result, const struct error *error) {
    bool asked = one->has_rules || one->done;
    if (error)
        say(one->job, asked ? EVENT_PRUNE_FAILED : EVENT_RUN_PROGRESS, error, "retention was not applied");
    else if (result->held)
        say(one->job, EVENT_PRUNE_FAILED, NULL, result->held);
    else
        say_items(one->job, result);
}

static void on_pruned(void *arg, const struct prune_result *result, const struct error *error) {
    struct job_prune *one = arg;
    struct job *job = one->job;
    struct jobs *jobs = job->jobs;
    if (!one->dry_run)
        say_result(one, result, error);
    if (one->done)
        one->done(one->arg, result, error);
    LIST_REMOVE(one, entry);
    free(one);
    jobs_remove_if_over(job);
    jobs_wind_down(jobs);
}

static struct job_prune *start(struct job *job, const char *table_arn, bool dry_run, prune_done *done, void *arg) {
    struct job_prune *one = x_calloc(1, sizeof *one);
    const struct retention_rules rules = retention_rules_of(job->settings);
    struct prune_order order = {.engine = job->jobs->engine,
                                .config = job->config,
                                .job = job->settings,
                                .table_arn = table_arn,
                                .runs = {is_live, job->jobs},
                                .dry_run = dry_run};
    *one = (struct job_prune){
        .job = job, .dry_run = dry_run, .has_rules = retention_has_rules(&rules), .done = done, .arg = arg};
    LIST_INSERT_HEAD(&job->prunes, one, entry);
    one->prune = prune_start(&order, on_pruned, one);
    return one;
}

/* A reload during the run may have changed whose table it is. */
static bool is_same_table(const struct job_config *a, const struct job_config *b) {
    return text_equal(a->table, b->table) && text_equal(a->region, b->region) && text_equal(a->role_arn, b->role_arn) &&
           text_equal(a->profile, b->profile) && a->source == b->source;
}

/* ------------------------------------------------------------ begun and not finished */

/* A job's next prune finishes what its own began, where it still goes by that name and backs up to that place. */
static bool is_somebodys(const struct jobs *jobs, const struct prune_begun *begun) {
    const struct job *job = jobs_find(jobs, begun->job);
    if (!job || job->removed)
        return false;
    _cleanup_free_ char *place = x_printf("s3://%s/%sAWSDynamoDB/", job->settings->bucket, job->settings->prefix);
    return strncmp(begun->uri, place, strlen(place)) == 0;
}

static void say_begun(const struct jobs *jobs, const struct prune_begun *begun) {
    char text[TIME_TEXT];
    _cleanup_free_ char *message = x_printf("a prune of the job %s that began at %s has left %s half removed, and no "
                                            "job of that name backs up to there any more: "
                                            "nothing finishes it. Give the job its name, Bucket= and Prefix= back and "
                                            "run dynamodb-backupctl prune %s; or delete "
                                            "what is left by hand: aws s3 rm --recursive %s (this is said for %d days)",
                                            begun->job, time_format_iso(text, begun->began / SECOND_MS), begun->uri,
                                            begun->job, begun->uri, TOLD_DAYS);
    struct event *event = EVENT(EVENT_PRUNE_FAILED, .job = begun->job, .run = begun->run);
    event->message = message;
    report(jobs->shared.reporter, event);
}

static bool read_begun(struct sqlite3 *db, void *arg, struct error *error) {
    return prunes_read(db, "s3://", arg, error);
}

static bool forget_begun(struct sqlite3 *db, void *arg, struct error *error) {
    return prunes_end(db, arg, error);
}

/* Whoever deleted it by hand cannot tell us: it is told of for so long, and no longer. */
bool jobs_tell_begun_prunes(struct jobs *jobs, struct error *error) {
    struct prunes_list list = {0};
    bool good = state_do_now(jobs->shared.state, read_begun, &list, error);
    for (size_t i = 0; good && i < list.count; i++) {
        if (is_somebodys(jobs, &list.items[i]))
            continue;
        say_begun(jobs, &list.items[i]);
        if (clock_wall() - list.items[i].began > TOLD_DAYS * DAY_MS)
            good = state_do_now(jobs->shared.state, forget_begun, list.items[i].uri, error);
    }
    prunes_list_fini(&list);
    return good;
}

/* ------------------------------------------------------------ starting */

void job_prune_after_run(struct job *job) {
    bool same = is_same_table(job->started.settings, job->settings);
    if (job->last.outcome == RUN_SUCCEEDED && !job->removed && !job->jobs->stopping)
        start(job, same ? job->last.table_arn : NULL, false, NULL, NULL);
}

struct job_prune *jobs_prune(struct jobs *jobs, const char *name, bool dry_run, prune_done *done, void *arg) {
    struct job *job = jobs_find(jobs, name);
    return job && !job->removed && !jobs->stopping ? start(job, NULL, dry_run, done, arg) : NULL;
}

void jobs_prune_leave(struct job_prune *one) {
    one->done = NULL;
    prune_finish(one->prune);
}

/* What a run of the tool's own started is done before the process ends; a daemon has a next time. */
void job_finish_prunes(struct job *job) {
    struct job_prune *one;
    LIST_FOREACH(one, &job->prunes, entry)
    if (job->jobs->alarms)
        prune_finish(one->prune);
}

void job_drop_prunes(struct job *job) {
    struct job_prune *one;
    while ((one = LIST_FIRST(&job->prunes))) {
        LIST_REMOVE(one, entry);
        prune_cancel(one->prune);
        free(one);
    }
}

bool jobs_are_pruning(const struct jobs *jobs) {
    for (size_t i = 0; i < jobs->count; i++)
        if (!LIST_EMPTY(&jobs->items[i]->prunes))
            return true;
    return false;
}
