/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Retention, applied: what the [Retention] keys of a job do not keep is removed from its place in S3, and so is what died there
 * unfinished. Nothing is touched that is not proven to be this job's own, that somebody reads, that is under object lock, or
 * that may still become a backup; and nothing at all while our clock and the store's differ by more than five minutes.
 */
#ifndef JOB_PRUNE_H
#define JOB_PRUNE_H

#include <json-c/json.h>

#include "config/config.h"
#include "job/engine.h"
#include "job/naming.h"
#include "job/reading.h"
#include "job/survey.h"
#include "state/checkpoint.h"
#include "state/prunes.h"

#define PRUNE_CLOCK_MOST  (5 * MINUTE_MS) /* so far may our clock be from the store's */
#define PRUNE_REMAINS_AGE (7 * DAY_MS)    /* what is younger may still be somebody's */

enum prune_outcome { PRUNE_LEFT, PRUNE_REMOVED, PRUNE_FAILED };

/* One folder of this job: a backup, or what is left of one. Owned by the result. */
struct prune_item {
    struct backup_names names;
    bool remains; /* it has no backup.json */
    bool remove;  /* what was decided */
    char *why;
    enum prune_outcome outcome;
    char *error; /* of PRUNE_FAILED: the objects that were refused, each with its reason */
    uint64_t items, stored_bytes;
};

struct prune_result {
    struct prune_item *list; /* in order of ID, oldest first */
    size_t count, removed, failed;
    size_t foreign; /* folders beside them that are not this job's */
    int64_t now;    /* ms since 1970, by the store's clock */
    char *held;     /* why nothing is deleted, whatever was decided; NULL: no reason */
    bool dry_run;
};
void prune_result_fini(struct prune_result *result);
struct json_object *prune_result_json(const struct prune_result *result);

/* Which runs are under way, or will be resumed. Asked again right before what they left is removed. */
struct prune_runs {
    bool (*is_live)(void *arg, const char *run); /* NULL: none is */
    void *arg;
};

/* ------------------------------------------------------------ deciding; pure */

struct prune_facts {
    const struct job_config *job;
    const struct survey_result *survey;
    const struct prunes_list *begun;    /* what our state says is being removed */
    const struct checkpoint_list *open; /* runs that our state has: under way, to be resumed, or to be taken back */
    const struct in_use *in_use;
    const struct reading_list *readers; /* other processes; NULL: none */
    struct prune_runs runs;
    const char *machine_id; /* this host's; NULL: unknown */
};

/* Fills an empty result; nothing has been removed. */
void prune_decide(struct prune_result *result, const struct prune_facts *facts);

/* ------------------------------------------------------------ the story */

struct prune_order {
    struct engine *engine; /* referenced, as config */
    struct config *config;
    const struct job_config *job; /* one of config's */
    const char *table_arn;        /* copied; NULL: the table is asked, unless Table= is an ARN */
    struct prune_runs runs;
    bool dry_run;
};

/* Exactly one is given; both borrowed until it returns. An error: nothing was decided, and nothing deleted. */
typedef void prune_done(void *arg, const struct prune_result *result, const struct error *error);

/* Each removed backup is logged as it goes. */
struct prune;
struct prune *prune_start(const struct prune_order *order, prune_done *done, void *arg);
void prune_finish(struct prune *prune); /* no further folder is begun; `done` follows when the one at hand is over */
void prune_cancel(struct prune *prune); /* NULL is fine; what is left half removed is finished by a later one */

#endif
