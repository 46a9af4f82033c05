/* SPDX-License-Identifier: Apache-2.0 */
/* A backup by what a person calls it: an ID as `list` prints it, JOB@latest, or s3://BUCKET/PREFIX/AWSDynamoDB/ID/. */
#ifndef JOB_FIND_H
#define JOB_FIND_H

#include <json-c/json.h>

#include "job/jobs.h"

/* Borrowed until `done` returns. */
struct found_backup {
    struct config *config;
    const struct job_config *job; /* whose place it stands in, or of an address: whose bucket */
    const char *id, *uri;
    struct json_object *backup; /* backup.json */
};

/* Exactly one is given. ERROR_INVALID where the text is none of the three, ERROR_NOT_FOUND where nothing stands there. */
typedef void find_done(void *arg, const struct found_backup *found, const struct error *error);

struct find;
struct find *find_start(struct jobs *jobs, const char *text, find_done *done, void *arg);
void find_cancel(struct find *find); /* NULL is fine */

#endif
