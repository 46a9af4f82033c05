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

enum run_outcome { RUN_SUCCEEDED, RUN_FAILED, RUN_CANCELLED };

/* What stays of a run when it is over: for status, history and mail. Owned by who holds it: run_result_fini(). */
struct run_result {
    enum run_outcome outcome;
    char run[RUN_LENGTH + 1], id[ID_LENGTH + 1];
    char *table, *table_arn, *region, *uri; /* region: the bucket's host is asked by it */
    int64_t started, ended;                 /* ms since 1970 */
    uint64_t items, stored_bytes, raw_bytes;
    struct error error;      /* of a failure */
    char *warning;           /* of a success that a person should look at; NULL: none */
    struct error undo_error; /* what could not be taken back */
    char **keys;             /* of the objects that a mail links to: the plain ones, else the data files */
    uint64_t *sizes;
    size_t key_count; /* at most RESULT_KEYS */
    size_t keys_left_out;
};

#define RESULT_KEYS 20

const char *run_outcome_name(enum run_outcome outcome); /* "success", "failure", "cancelled" */
enum run_outcome run_outcome_parse(const char *name);   /* what is none of these is a failure */

void run_result_fini(struct run_result *result);
struct run_result run_result_copy(const struct run_result *result);

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
    size_t objects;
};

/* What is taken out of `result` must be emptied there. The backup is gone when it returns. */
typedef void backup_done(void *arg, struct run_result *result);

struct backup;

/* Engine and config are referenced; `job` is one of `config`'s. */
struct backup_order {
    struct engine *engine;
    struct config *config;
    const struct job_config *job;
    const unsigned char *identity; /* 16 random bytes: the run's id, copied */
};

/* `done` fires once, never from inside this call. */
struct backup *backup_start(const struct backup_order *order, backup_done *done, void *arg);

const char *backup_run(const struct backup *backup); /* 32 hex digits */
struct backup_progress backup_progress(const struct backup *backup);

/* Ends the run and takes back all that it made; `done` follows with RUN_CANCELLED. Too late once backup.json is on its way: the
 * run then ends as it ends. `why`: "cancelled by root", "the daemon stops". */
void backup_cancel(struct backup *backup, const char *why);

/* Drops everything at once: no request, no undo, no `done`. For a stop that has run out of time. */
void backup_free(struct backup *backup);

#endif
