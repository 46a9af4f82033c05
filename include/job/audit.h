/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What S3 really holds of an interrupted run, against what the state has recorded. Nothing is believed: ListParts judges the parts of
 * uploads, ListObjectsV2 the files. What no cut holds is removed, once it is clear that the run goes on.
 */
#ifndef JOB_AUDIT_H
#define JOB_AUDIT_H

#include "aws/s3.h"
#include "job/record.h"
#include "state/checkpoint.h"

/* Borrowed; outlive the audit. */
struct audit_options {
    const struct s3_bucket *bucket;
    const struct backup_record *record; /* as of the last recorded cut; objects with their upload ids */
    bool complete; /* that cut is the scan's end: an upload that is gone may have become its object */
    const struct checkpoint_object *loose; /* names under which something may stand that no cut holds */
    size_t loose_count;
};

enum audit_result {
    AUDIT_AGREES,    /* all that is recorded stands; nothing else does */
    AUDIT_COMMITTED, /* backup.json of this run stands: it had been over */
    AUDIT_DIFFERS,   /* `error`: what is gone or changed. Nothing was removed */
    AUDIT_FAILED,    /* `error`: S3 could not be asked, or would not delete */
};
typedef void audit_done(void *arg, enum audit_result result, const struct error *error);

struct audit;

/* `done` comes once, never from inside. */
struct audit *audit_start(const struct audit_options *options, audit_done *done, void *arg);

/* The data files alone, before the manifests name them, for a record that has some. `loose` is not used. */
struct audit *audit_files_start(const struct audit_options *options, audit_done *done, void *arg);

void audit_cancel(struct audit *audit); /* NULL is fine */

#endif
