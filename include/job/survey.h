/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What lies in a job's place, before anything of it is removed: every folder below AWSDynamoDB/, whose it is, and what it is. Only
 * what is proven to be this job's is: its name and its table's ARN, in backup.json or else in `_started`.
 */
#ifndef JOB_SURVEY_H
#define JOB_SURVEY_H

#include "aws/s3.h"
#include "job/naming.h"

enum folder_kind {
    FOLDER_FOREIGN, /* an export of AWS's own, another job's or table's backup, or nothing that we can read */
    FOLDER_BACKUP,  /* this job's, with its backup.json */
    FOLDER_REMAINS, /* this job's, without: a run under way, a run that died, a prune that died */
};

struct survey_folder {
    char id[ID_LENGTH + 1];
    enum folder_kind kind;
    struct backup_names names;    /* of all but foreign ones */
    char *host, *machine_id;      /* who made it, as it says; may be NULL */
    uint64_t items, stored_bytes; /* of a backup */
    char *locked;                 /* of a backup: "object lock (...)" on its backup.json; NULL: not locked */
    int64_t newest;               /* of remains: seconds since 1970, by the store's clock, of its newest object */
};

struct survey_result {
    struct survey_folder *folders; /* in order of ID, oldest first */
    size_t count, foreign;
    int64_t now;  /* seconds since 1970: the store's Date, where it listed; 0: it sent none */
    int64_t wall; /* ms since 1970: our own clock, at that moment */
};

/* Exactly one is given; borrowed until it returns. Where one folder cannot be looked at, the survey has failed. */
typedef void survey_done(void *arg, const struct survey_result *result, const struct error *error);

/* Copied; the bucket outlives the survey. */
struct survey_options {
    const struct s3_bucket *bucket;
    const char *prefix, *job, *table_arn;
    int64_t (*wall)(void); /* our clock, uncorrected; ms since 1970 */
};

struct survey;
struct survey *survey_start(const struct survey_options *options, survey_done *done, void *arg);
void survey_cancel(struct survey *survey); /* NULL is fine */

#endif
