/* SPDX-License-Identifier: Apache-2.0 */
/* Whether an interrupted run goes on, and what of it there is. Pure: S3 has its word afterwards (job/audit.h). */
#ifndef JOB_RESUME_H
#define JOB_RESUME_H

#include "config/config.h"
#include "job/record.h"
#include "state/checkpoint.h"

enum resume_verdict {
    RESUME_GO_ON,
    RESUME_START_OVER, /* it is taken back, and a new run begins */
    RESUME_ABANDON,    /* it is taken back, and none follows: cancelled, or its job is gone or disabled */
    RESUME_FAIL,       /* the same, and it has failed: the process died under it again and again, or it had failed */
};

/* How things are when the process starts. Borrowed. */
struct resume_now {
    const struct job_config *job; /* of that name; NULL: none is configured */
    const char *s3_endpoint;      /* as configured now; NULL: AWS's own */
    int64_t now;                  /* ms since 1970 */
};

/* `why` is filled unless it goes on: a sentence about the run, such as "its job j is disabled". */
enum resume_verdict resume_judge(const struct checkpoint_run *run, const struct resume_now *now, struct error *why);

/* The outputs that a job asks for, dynamodb-json first, into an empty record. */
void record_plan_outputs(struct backup_record *record, const struct job_config *job);

/* csv's columns, where the job names them and the record has none yet. */
void record_take_columns(struct backup_record *record, const struct job_config *job);

/* "dynamodb-json/gzip json/none". The caller frees. */
char *record_formats(const struct backup_record *record);

/*
 * The record of a run as of its last recorded cut, into an empty one: names, outputs, objects with their upload ids, cuts, counts.
 * ERROR_CORRUPT where what the state holds does not fit together: such a run is never resumed.
 *
 * `loose` gets the objects of the checkpoint (borrowed from it; the caller frees the array) that no cut holds a part of.
 */
bool record_resume(struct backup_record *record, const struct checkpoint *checkpoint, struct checkpoint_object **loose,
                   size_t *loose_count, struct error *error);

#endif
