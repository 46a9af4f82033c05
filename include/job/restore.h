/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The story of one restore: a backup's items into a table, which is made from the saved definition where asked for. A table that holds
 * something, or has another key, is refused unless told.
 *
 * With a state it can be interrupted at any moment and asked for again: the parts that stand in the table are not read again, and what
 * was written of others is written once more (a put is the same put).
 */
#ifndef JOB_RESTORE_H
#define JOB_RESTORE_H

#include <json-c/json.h>

#include "job/backup.h"
#include "job/writer.h"
#include "state/state.h"

/* Write units a second: a number, or a share of what the table has. `value` 0: no limit. */
struct write_capacity {
    double value;
    bool percent;
};

/* "500", "25%". ERROR_INVALID: what is accepted. Pure. */
bool write_capacity_parse(struct write_capacity *capacity, const char *text, struct error *error);

/* Engine and config are referenced, strings copied. */
struct restore_order {
    struct engine *engine;
    struct config *config;
    const struct job_config
        *job;                /* one of `config`'s: whose credentials serve, and whose bucket where `source` is NULL */
    bool foreign;            /* it did not make the backup: struct found_backup */
    struct source *source;   /* the backup, referenced; NULL: to be opened by the next two */
    const char *prefix, *id; /* as in struct source_request */
    const char *table;       /* a name or an ARN */
    const char *to_region;   /* NULL: that of an ARN, else where the backup's table was, else the job's */
    const char *to_role_arn; /* NULL: the job's own role */
    struct write_capacity capacity;
    bool create;    /* where the table does not exist */
    bool overwrite; /* a table that holds something, or has another key, is written to all the same */
    bool dry_run;   /* look at everything, change nothing */
};

/* `done` may take what it wants to keep, and empties it there. */
struct restore_result {
    enum run_outcome outcome; /* never RUN_CANCELLED */
    char *source, *table, *table_arn, *region;
    int64_t started, ended; /* ms since 1970 */
    uint64_t items, bytes;  /* written now; bytes of their JSON */
    uint64_t items_before;  /* by the restore that was interrupted: parts that stood already */
    double write_units;     /* as the answers say */
    bool dry_run, created, resumed;
    struct json_object *missing; /* an array of sentences: what the table does not have that the original had */
    struct json_object *plan;    /* the same: what was, or would be, done */
    struct error error;          /* of RUN_FAILED */
};
void restore_result_fini(struct restore_result *result);

struct restore_progress {
    const char *state; /* "source", "write", "settle", ...: constant */
    uint64_t items, items_total /* 0: not known */, items_before;
    int64_t started; /* ms since 1970: of the writing, once it goes on; else of the restore */
    struct writer_progress writer;
};

typedef void restore_done(void *arg, struct restore_result *result);

struct restore;

/* `done` fires once, never from inside this call; the restore is gone when it returns. */
struct restore *restore_start(const struct restore_order *order, restore_done *done, void *arg);

/* Everything is dropped, `done` never comes; what was written stays, and is remembered. NULL is fine. */
void restore_cancel(struct restore *restore);

struct restore_progress restore_progress(const struct restore *restore);

#endif
