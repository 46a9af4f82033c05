/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A backup by what a person calls it: an ID as `list` prints it, JOB@latest, or s3://BUCKET/PREFIX/AWSDynamoDB/ID/, which may be another
 * host's backup or an export of DynamoDB's own, in a bucket that no job names.
 */
#ifndef JOB_FIND_H
#define JOB_FIND_H

#include <json-c/json.h>

#include "job/jobs.h"
#include "job/source.h"

/* Borrowed until `done` returns; source_ref() keeps the source. */
struct found_backup {
    struct config *config;
    const struct job_config *job; /* by which it was read: its own, else one whose place it stands in, or of an address
                                     whose bucket; ADDRESS_JOB where no job has it, or it was said how to read it */
    struct config *writer_config;
    const struct job_config *writer; /* one of that configuration: whose table it is a backup of; where no job of this
                                        host is its own the same as `job` */
    bool
        foreign; /* the writer is a job that did not make it, and others may be as near: its account need not be the table's */
    const char *prefix, *id, *uri;
    struct json_object *backup; /* backup.json; of an export what it would say */
    struct source *source;      /* opened `lenient`: look at its `damage` */
};

/* Exactly one is given. ERROR_INVALID where the text is none of the three, ERROR_NOT_FOUND where nothing stands there. */
typedef void find_done(void *arg, const struct found_backup *found, const struct error *error);

/* How to read an address: copied. NULL: as a job of that bucket does, else as the main file's defaults say. Of an ID and of
 * JOB@latest only NULL is taken: ERROR_INVALID. */
struct find_access {
    const char *region, *profile, *role_arn;
    bool plain; /* the text is s3://BUCKET/KEY: one plain JSON array that nothing describes (--assume-plain) */
};

struct find;
struct find *find_start(struct jobs *jobs, const char *text, find_done *done, void *arg);
struct find *find_by_start(struct jobs *jobs, const char *text, const struct find_access *access, find_done *done,
                           void *arg);
void find_cancel(struct find *find); /* NULL is fine */

#endif
