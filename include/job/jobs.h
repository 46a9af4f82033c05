/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The jobs of a configuration, alive: when each runs next, what runs now, what waits for its turn, how the last run ended and
 * whether its mail has gone. The daemon has one set; the tool's --local another, without alarms.
 */
#ifndef JOB_JOBS_H
#define JOB_JOBS_H

#include <json-c/json.h>

#include "config/config.h"
#include "job/backup.h"
#include "job/engine.h"
#include "job/prune.h"
#include "schedule/alarm.h"

struct jobs;

/* `alarms` NULL: no schedule, only what is asked for. References `config`. NULL with an error where curl cannot start. */
struct jobs *jobs_new(const struct engine_shared *shared, struct alarm_queue *alarms, struct config *config,
                      struct error *error);

/* Everything under way is dropped at once; see jobs_stop() for the gentle way. The memory goes with the loop's next turns;
 * the shared state, whose answers go to it, must be freed before they come: in the same turn. */
void jobs_free(struct jobs *jobs);

/* A reload: new, changed and removed jobs take effect; running ones finish under their old settings. All or nothing: false where
 * the new [Endpoints] cannot be used, and nothing has changed. */
bool jobs_apply(struct jobs *jobs, struct config *config, struct error *error);

struct config *jobs_config(const struct jobs *jobs); /* borrowed */
struct engine *jobs_engine(const struct jobs *jobs); /* borrowed */

/* Why a request about a job was refused. */
enum jobs_refusal { JOBS_OK, JOBS_NO_SUCH_JOB, JOBS_RUNNING, JOBS_NOT_RUNNING, JOBS_DISABLED, JOBS_STOPPING };

/* Starts, or queues where MaxConcurrentJobs run already. `run` (33 bytes) gets the run's id; with JOBS_RUNNING the one that runs. */
enum jobs_refusal jobs_run(struct jobs *jobs, const char *name, const char *by, char *run);

/* The run is over some time after this; with JOBS_OK `run` gets its id. */
enum jobs_refusal jobs_cancel(struct jobs *jobs, const char *name, const char *by, char *run);

/* The same of a drill, which goes beside the job's backups. jobs_cancel() ends it where no backup runs. */
enum jobs_refusal jobs_drill(struct jobs *jobs, const char *name, const char *by, char *run);

/* Retention now; see job/prune.h. NULL where there is no such job, or the daemon stops: `done` then never comes. */
struct job_prune;
struct job_prune *jobs_prune(struct jobs *jobs, const char *name, bool dry_run, prune_done *done, void *arg);

/* Nobody waits for it any more: it ends after the backup at hand, and `done` is not called. */
void jobs_prune_leave(struct job_prune *prune);

/* The name of a job that is nearest to one that does not exist; NULL where none is near. Borrowed. */
const char *jobs_nearest(const struct jobs *jobs, const char *name);

/* Told when a certain run or drill is over, once; `result` is borrowed. The watcher is then out of the list. */
struct jobs_watcher {
    void (*over)(void *arg, const struct run_result *result);
    void *arg;
    struct jobs_watcher *next; /* the job's */
    char run[RUN_LENGTH + 1];
};
void jobs_watch(struct jobs *jobs, const char *name, const char *run, struct jobs_watcher *watcher);
void jobs_unwatch(struct jobs *jobs, struct jobs_watcher *watcher);

/* No new run starts; running ones are cancelled and taken back, within `timeout` ms, then dropped. `done` comes once, never from
 * inside this call. Called again: at once. */
void jobs_stop(struct jobs *jobs, int64_t timeout, void (*done)(void *arg), void *arg);

/* For status, run and list; the caller puts them. NULL where there is no job of that name. */
struct json_object *jobs_status(const struct jobs *jobs, const char *name);         /* name NULL: an array of all */
struct json_object *jobs_progress(const struct jobs *jobs, const char *name);       /* NULL where it does not run */
struct json_object *jobs_drill_progress(const struct jobs *jobs, const char *name); /* the same */
struct json_object *run_result_json(const struct run_result *result);

/* The first of the job's schedules after an instant (both in seconds since 1970); false where there is none. Pure. */
bool job_next_time(const struct job_config *settings, int64_t after, int64_t *next);

unsigned jobs_running(const struct jobs *jobs);

/* Is that run under way, waiting, or interrupted and still to be dealt with? What is in S3 of it is nobody else's to remove. */
bool jobs_knows_run(const struct jobs *jobs, const char *run);

#endif
