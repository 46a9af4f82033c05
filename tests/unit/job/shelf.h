/* SPDX-License-Identifier: Apache-2.0 */
/* A bucket with backups in it, and three jobs: "other" and "students" share the place p/, "second" has q/. */
#ifndef UNIT_JOB_SHELF_H
#define UNIT_JOB_SHELF_H

#include "job/catalog.h"
#include "job/find.h"
#include "world.h"

#define FIRST  "01751767200000-aaaaaaaa"
#define SECOND "01751767300000-bbbbbbbb"
#define THIRD  "01751767400000-cccccccc"
#define OWN    "arn:aws:dynamodb:eu-west-1:123456789012:table/tab" /* as the cloud describes it */
#define OTHER  "arn:aws:dynamodb:us-east-1:123456789012:table/tab"
#define OTHERS "arn:aws:dynamodb:eu-west-1:999999999999:table/tab"

struct shelf {
    struct world *world;
    struct jobs *jobs;
    bool over;
    unsigned times;
    enum error_code code;
    char *message;
    char *ids; /* joined by blanks */
    char *uri, *job, *writer;
    bool foreign;
};

int shelf_set_up(void **state);
int shelf_tear_down(void **state);
#define WITH_SHELF(test) cmocka_unit_test_setup_teardown(test, shelf_set_up, shelf_tear_down)

/* A backup.json that says that it is `id`, of that job and table, in a folder below a prefix; put() of table OWN. */
void put_of(struct shelf *shelf, const char *prefix, const char *folder, const char *id, const char *job,
            const char *arn);
void put(struct shelf *shelf, const char *prefix, const char *folder, const char *id, const char *job);

const struct job_config *job_of(const struct shelf *shelf, const char *name);

/* The answer stands in the shelf. */
void list(struct shelf *shelf); /* the catalog of job students */
void find(struct shelf *shelf, const char *text);
void find_by(struct shelf *shelf, const char *text, const struct find_access *access);

/* What the others wait for; `arg` is the shelf. */
void on_catalog(void *arg, const struct backup_summary *backups, size_t count, const struct error *error);
void on_found(void *arg, const struct found_backup *found, const struct error *error);

#endif
