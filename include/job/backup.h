/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The story of one backup, from the table's description to backup.json. The mail comes after it (job/mailing.h) and can never
 * make a good backup bad.
 */
#ifndef JOB_BACKUP_H
#define JOB_BACKUP_H

#include "config/config.h"
#include "job/engine.h"
#include "job/record.h"
#include "job/scan.h"
#include "state/checkpoint.h"
#include "state/state.h"

enum run_kind { RUN_BACKUP, RUN_DRILL };

/*
 * RUN_STOPPED: interrupted in peace; it stands in the state, and is to be resumed. No failure, no mail.
 * RUN_STARTS_OVER: an interrupted run that could not be resumed and has been taken back; a new one is to begin at once. No
 *     failure, no mail; `error` says why.
 */
enum run_outcome { RUN_SUCCEEDED, RUN_FAILED, RUN_CANCELLED, RUN_STOPPED, RUN_STARTS_OVER };

/* What stays of a run when it is over: for status, history and mail. Owned by who holds it: run_result_fini(). */
struct run_result {
    enum run_kind kind;
    enum run_outcome outcome;
    char run[RUN_LENGTH + 1], id[ID_LENGTH + 1];
    char *table, *table_arn, *region, *uri; /* region: the bucket's host is asked by it */
    char *scratch;                          /* of a drill: the table that it made, where it came so far */
    int64_t started, ended;                 /* ms since 1970 */
    uint64_t items, stored_bytes, raw_bytes;
    unsigned resumed;              /* how often it was interrupted, and went on */
    int64_t read_first, read_last; /* when the table was truly read, ms since 1970; 0: not known */
    struct error error;            /* of a failure */
    char *warning;                 /* of a success that a person should look at; NULL: none */
    struct error undo_error;       /* what could not be taken back */
    char **keys;                   /* of the objects that a mail links to: the plain ones, else the data files */
    uint64_t *sizes;
    size_t key_count; /* at most RESULT_KEYS */
    size_t keys_left_out;
};

#define RESULT_KEYS 20

const char *run_kind_name(enum run_kind kind);          /* "backup", "drill" */
const char *run_outcome_name(enum run_outcome outcome); /* "success", "failure", "cancelled" */
enum run_outcome run_outcome_parse(const char *name);   /* what is none of these is a failure */

/* Takes a sentence that a person should read; behind another one, where there is one. */
void run_result_warn(struct run_result *result, char *sentence);

void run_result_fini(struct run_result *result);
struct run_result run_result_copy(const struct run_result *result);

/* The objects that a mail links to, as the record has them; into a result that has none. */
void run_result_list_keys(struct run_result *result, const struct backup_record *record);

/* A warning of a run whose backup.json stands, though the state knows only of an earlier cut. */
#define COUNTS_ARE_OLD                                                                                                 \
    "the backup is whole, but the state could not be written while it was made: the numbers and files named here are " \
    "those of an earlier moment; see dynamodb-backupctl show"

/* As text, for a mail that outlives the process: appended, with the time (ms) of its first try. */
void run_result_write(const struct run_result *result, int64_t since, struct buffer *out);
/* Into an empty one, which the caller ends in any case. ERROR_CORRUPT. */
bool run_result_read(struct run_result *result, int64_t *since, const char *text, struct error *error);

struct backup_progress {
    const char *state; /* "describe", "open", "stream", ...: borrowed, constant */
    struct scan_progress scan;
    unsigned segments_total;
    uint64_t items, stored_bytes, estimated_items, retries;
    int64_t started; /* ms since 1970 */
    unsigned resumed;
    size_t objects, cuts;
    double read_rate; /* ReadCapacity=: read units a second; 0: no limit */
};

/* What is taken out of `result` must be emptied there. The backup is gone when it returns. */
typedef void backup_done(void *arg, struct run_result *result);

struct backup;

/* Engine and config are referenced; `job` is one of `config`'s. */
struct backup_order {
    struct engine *engine;
    struct config *config;
    const struct job_config *job;
    const unsigned char *identity; /* 16 random bytes: the run's id, copied; of a resumed run not looked at */
    struct state *state;           /* where the run is kept, so that another process can go on with it; NULL: nowhere */
    struct checkpoint *resume;     /* the run to go on with; what it holds is taken. NULL: a new one */
};

/*
 * The run's rows in the state are begun by backup_start() and moved on by it. They stay when it is over: who keeps the history removes
 * them with checkpoint_end(), in the same transaction, unless the outcome is RUN_STOPPED.
 *
 * A resumed run needs the settings that it was begun with (config_restore_job()), and resume_judge()'s word that it may go on.
 */

/* `done` fires once, never from inside this call. */
struct backup *backup_start(const struct backup_order *order, backup_done *done, void *arg);

const char *backup_run(const struct backup *backup); /* 32 hex digits */
struct backup_progress backup_progress(const struct backup *backup);

/* Ends the run and takes back all that it made; `done` follows with RUN_CANCELLED. Too late once backup.json is on its way: the
 * run then ends as it ends. `why`: "cancelled by root", "the daemon stops". */
void backup_cancel(struct backup *backup, const char *why);

/* For a stop of the process: ends the run at the next cut, or at the last one, and keeps all that is recorded: `done` follows with
 * RUN_STOPPED, or as it would have, where the run is nearly over. As backup_cancel() where the run is not kept in a state. */
void backup_stop(struct backup *backup, const char *why);

/* Drops everything at once: no request, no undo, no `done`; what is recorded stays. For a stop that has run out of time. */
void backup_free(struct backup *backup);

/*
 * An interrupted run that is not resumed: aborts its uploads and deletes its objects, `_started` last, under its own settings. A run
 * whose backup.json stands had been over, and nothing of it is touched. `order->resume` is taken; its state is not written: the rows
 * are the caller's to remove.
 *
 * `done` comes once, never from inside this call; `stands`: its backup is whole. `error`: what could not be removed.
 */
typedef void abandon_done(void *arg, bool stands, const struct error *error);
struct abandon;
struct abandon *backup_abandon_start(const struct backup_order *order, abandon_done *done, void *arg);
void backup_abandon_cancel(struct abandon *abandon); /* NULL is fine */

#endif
