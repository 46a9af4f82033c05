/* SPDX-License-Identifier: Apache-2.0 */
/* Inside job/: the set of jobs, between jobs.c (its life), jobs_run.c (a run's turn, end and mail), jobs_drill.c (the same of
 * a drill) and jobs_status.c (what is shown). */
#ifndef JOB_JOBS_PRIVATE_H
#define JOB_JOBS_PRIVATE_H

#include <sys/queue.h>

#include "job/drill.h"
#include "job/jobs.h"
#include "job/mailing.h"
#include "job/remains.h"
#include "job/resume.h"
#include "job/sweep.h"
#include "report/cloudwatch.h"

enum job_state { JOB_IDLE, JOB_WAITING, JOB_RUNNING, JOB_STOPPING };
enum mail_state { MAIL_OFF, MAIL_PENDING, MAIL_FAILING, MAIL_SENT, MAIL_GIVEN_UP };

/* A mail on its way; the job may have had further runs since. */
struct job_mail {
    LIST_ENTRY(job_mail) entry;
    struct job *job;
    struct mailing *mailing;
    char run[RUN_LENGTH + 1];
    bool told; /* its failure has been logged */
};

/* The copy of a job's events to CloudWatch; lives from the first run on, until one starts under other settings. */
struct job_logs {
    struct job *job;
    struct region_lookup *lookup;
    struct credential_provider *provider;
    struct aws_session *session;
    struct cloudwatch *cloudwatch;
    struct engine *engine;
    struct config *config;
    const struct job_config *settings;
};

/* What a run was started with; referenced until its mail has been handed over. */
struct job_order {
    struct engine *engine;
    struct config *config;
    const struct job_config *settings;
};

/* The drills of a job, beside its backups. */
struct job_drill {
    struct alarm *alarm;
    int64_t next; /* ms since 1970; 0: none */
    int64_t rang; /* the second of the schedule that rang last; 0: none has */
    bool waiting; /* for its turn */
    TAILQ_ENTRY(job) entry;
    unsigned char identity[RUN_LENGTH / 2];
    char run[RUN_LENGTH + 1];
    struct drill *drill; /* that runs */
    struct job_order started;
    struct run_result last;
    bool has_last;
};

/* A run that an earlier process has left open, until it is taken up or back. */
struct open_run {
    LIST_ENTRY(open_run) entry;
    struct jobs *jobs;
    char *job;
    struct run_result result;     /* should it be taken back */
    struct run_result standing;   /* should it turn out to stand */
    struct checkpoint checkpoint; /* until it is taken up or back */
    struct config *config;        /* its settings, of one job; NULL: not understood any more */
    struct engine *engine;
    enum resume_verdict verdict;
    bool starts_over; /* a new run follows, unless one has begun meanwhile */
    unsigned turns;   /* of its job, by then */
    struct error why;
    struct abandon *abandon;
};

struct job {
    struct jobs *jobs;
    char *name;
    struct config *config; /* referenced: `settings` is part of it */
    const struct job_config *settings;
    enum job_state state;
    bool removed;   /* from the configuration: goes when its run is over */
    bool run_again; /* Overlap=queue */
    bool noted;     /* the state knows up to when its schedule is served */
    bool rung;      /* its alarm has, since the process started */
    int64_t late;   /* ms that it then was behind its time */
    int64_t fired;  /* the second of the schedule that the run at hand stands for; 0: a person asked for it */
    struct alarm *alarm;
    int64_t next; /* ms since 1970; 0: none */
    int64_t due;  /* the second of the schedule that `next` stands for, without RandomizedDelay= */
    int64_t rang; /* the one that rang last; 0: none has */
    TAILQ_ENTRY(job) waiting;
    unsigned char identity[RUN_LENGTH / 2];
    char run[RUN_LENGTH + 1];
    struct backup *backup;
    struct job_order started; /* of `backup` */
    bool alone;               /* and has the process for itself until it has reached a cut: the process died under it */
    size_t cuts;              /* that it had when it was taken up */
    unsigned turns;           /* that it has had in this process */
    struct open_run *open;    /* the next turn goes on with it; NULL: a new run */
    size_t reserved;          /* of the memory that is planned for runs */
    struct run_result last;
    bool has_last;
    uint64_t good_items; /* of the last run that succeeded */
    enum mail_state mail;
    char *mail_error;
    LIST_HEAD(, job_mail) mails;
    LIST_HEAD(, job_prune) prunes; /* under way */
    struct job_logs *logs;
    struct jobs_watcher *watchers; /* of its runs and drills */
    struct job_drill drill;
};

struct jobs {
    struct engine_shared shared;
    struct alarm_queue *alarms;
    struct config *config;
    struct engine *engine;
    struct job **items; /* in order of name */
    size_t count;
    TAILQ_HEAD(, job) waiting;
    LIST_HEAD(, open_run) open_runs; /* the newest first */
    unsigned running;
    TAILQ_HEAD(, job) drills_waiting;
    unsigned drilling;
    struct remains *remains; /* of runs that are over; NULL: no state */
    struct sweep *sweep;     /* scratch tables that an earlier process left; NULL: none */
    size_t reserved;
    bool stopping;
    bool state_fails;  /* and it has been said */
    bool times_unread; /* up to when schedules are served: the state knows it, and could not be read */
    struct job *alone; /* runs, and no other starts; NULL: none */
    uv_timer_t stop_timer, alone_timer;
    unsigned handles; /* not yet closed */
    void (*stopped)(void *arg);
    void *stopped_arg;
};

struct job *jobs_find(const struct jobs *jobs, const char *name);
void jobs_remove_if_over(struct job *job); /* where it has left the configuration and nothing of it is under way */

/* At a stop: over at once where nothing is under way, or when the mails that are being sent have gone. */
void jobs_wind_down(struct jobs *jobs);

/* jobs_run.c */
/* From where the next time is looked for: `now`, or `rang` where the clock has gone back a little since. Seconds. */
int64_t jobs_look_from(int64_t now, int64_t rang);
void job_schedule(struct job *job); /* the next alarm, from now */
/* `kind`: EVENT_CONTROL where a person asked, else EVENT_RUN_PROGRESS. */
void job_enqueue(struct job *job, enum event_kind kind, const char *by);
void job_end_waiting(struct job *job, const char *why); /* a run that never had its turn is over, cancelled */
void jobs_pump(struct jobs *jobs); /* starts what waits, as far as MaxConcurrentJobs and memory allow */
void job_drop_mails(struct job *job);
void job_end_dropped(struct job *job); /* the same, and whoever waits hears it */
void job_drop_run(struct job *job);    /* at once, as it is; nothing where none runs */

/* Goes on with a mail that an earlier process could not send; `result` is copied, `since` the first try. */
void job_send_mail_again(struct job *job, const struct run_result *result, int64_t since);

void job_start_mail(struct job *job, const struct mailing_order *order);
void job_tell_watchers(struct job *job, const struct run_result *result); /* that this run is over */

/* jobs_drill.c */
bool job_drills(const struct job *job);   /* a drill runs, or waits for its turn */
void job_schedule_drill(struct job *job); /* the next alarm, from now */
void jobs_pump_drills(struct jobs *jobs); /* starts what waits */
void job_cancel_drill(struct job *job, const char *why);
void job_drop_drill(struct job *job, bool told); /* at once, as it is; `told`: whoever waits hears it */
void job_free_drill(struct job *job);
struct json_object *job_drill_json(const struct job *job);
/* jobs_resume.c */
bool jobs_count_deaths(struct jobs *jobs, struct error *error);   /* at start-up, once, before the next */
bool jobs_read_open_runs(struct jobs *jobs, struct error *error); /* at start-up */

/* At start-up: prunes that died halfway, and that no job will finish, are told of. */
bool jobs_tell_begun_prunes(struct jobs *jobs, struct error *error);
void jobs_take_up(struct jobs *jobs, const char *name);    /* those of one job, or of all (NULL) */
void open_run_free(struct open_run *open);                 /* at once; what is in the state stays. NULL is fine */
void jobs_abandon(struct open_run *open, const char *why); /* one that waited: is taken back */
void job_enqueue_open(struct job *job);                    /* job->open has its turn */

/* The end of an open run that no job goes on with: history, and where it has failed or stands and its job is there its mail. */
void job_end_open_run(struct job *job, struct open_run *open); /* takes its result */
void jobs_end_open_run(struct jobs *jobs, const char *job, const struct run_result *result);

/* jobs_memory.c; each does nothing without a state. */
void jobs_recall(struct jobs *jobs);                 /* at start-up, once the jobs are there */
void jobs_note_new(struct jobs *jobs);               /* jobs that the state has not heard of: served up to now */
void job_remember_end(struct job *job, bool mailed); /* job->last, and its mail that is still to be sent */
void job_remember(struct job *job, const struct run_result *result,
                  bool mailed); /* the same of a run of no schedule's time */
void jobs_remember_start_over(struct jobs *jobs,
                              const struct run_result *result); /* no end: another begins in its place */
void job_forget_mail(struct job *job, const char *run);         /* sent, or given up */
void jobs_on_written(void *arg, const struct error *error);     /* a state_done of the whole set's */
/* jobs_prune.c */
void job_prune_after_run(struct job *job); /* where it succeeded */
void job_finish_prunes(struct job *job);   /* at a stop: no further backup is begun */
void job_drop_prunes(struct job *job);
bool jobs_are_pruning(const struct jobs *jobs);

/* jobs_logs.c */
void job_logs_open(struct job *job);
void job_logs_close(struct job *job);

/* jobs_status.c */
struct json_object *schedules_json(const struct schedule_list *list);

/* Says something about a job. */
void job_say(const struct job *job, enum event_kind kind, const struct error *error, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

#endif
