/* SPDX-License-Identifier: Apache-2.0 */
/* Inside job/: one run, between backup.c (its story), backup_resume.c (what an interrupted one adds to it), backup_undo.c (how it is taken
 * back) and backup_result.c (what is told of it). */
#ifndef JOB_BACKUP_PRIVATE_H
#define JOB_BACKUP_PRIVATE_H

#include "job/assembly.h"
#include "job/audit.h"
#include "job/backup.h"
#include "job/describe.h"
#include "job/ledger.h"
#include "job/publish.h"
#include "job/undo.h"

/* backup.c's head says what happens in each. */
enum backup_state {
    REGION,
    DESCRIBE,
    BEGIN,
    AUDIT,
    TAKE_UP,
    OPEN,
    STREAM,
    COMPLETE,
    SWEEP,
    CONFIRM,
    CHECK,
    MANIFEST,
    COMMIT,
    STOP,
    GIVE_UP,
    UNDO,
    OVER,
};

struct backup {
    enum backup_state state;
    struct engine *engine;
    struct config *config;
    const struct job_config *job;
    backup_done *done;
    void *arg;

    char run[RUN_LENGTH + 1];
    unsigned char identity[RUN_LENGTH / 2];
    char *region;
    struct aws_patience patience;
    struct aws_session *table_session, *bucket_session;
    struct s3_bucket bucket;
    struct s3_object_options objects;
    struct plan plan;
    struct backup_record *record;
    struct ledger *ledger;
    bool named; /* the record has its names: there may be something to undo */
    int64_t started, clock_offset;
    uint64_t estimated_items;
    double item_bytes; /* what one takes in the table on average; 0: not known */
    double read_rate;  /* read units a second that the scan takes at most; 0: no limit */
    char *warning;     /* of the run, should it succeed; NULL: none */

    /* of a run that is resumed */
    bool resumed;
    struct checkpoint checkpoint;    /* as the state had it */
    struct checkpoint_object *loose; /* names that no cut holds; strings are the checkpoint's */
    size_t loose_count;
    bool counts_are_old; /* it had been over, and the state had stayed behind */
    int64_t taken_up; /* by the monotonic clock: what the process before had sent may land until some time after it */

    /* what is under way; NULL where nothing is */
    struct region_lookup *lookup;
    struct describe *describe;
    struct dynamodb_call *confirm;
    struct audit *audit;
    struct publish *publish;
    struct scan *scan;
    struct assembly *assembly;
    struct undo *undo;
    struct s3_call *asking; /* UNDO: what stands under the name of backup.json? */
    uv_timer_t timer;       /* the begin and the end, outside of the caller's own call; waits in between */
    uv_timer_t limit;       /* Timeout= */

    struct error failure, undo_failure;
    bool cancelled, starts_over;
    bool stopped;
    bool stopping;           /* it ends at the next cut, and is to be resumed */
    bool draining;           /* the scan is held until the pages in flight have come */
    bool may_land;           /* of what was dropped something may still come to be in S3 */
    bool may_stand;          /* backup.json was sent, and no answer says that it stands */
    bool attested;           /* the ETag of this run's _started was its MD5 */
    uint64_t published_size; /* of the small file that was sent last */
    unsigned handles;        /* not yet closed */
};

/* backup.c */
void backup_enter(struct backup *backup, enum backup_state state);
void backup_fail(struct backup *backup, const struct error *error);
void backup_say(const struct backup *backup, enum event_kind kind, const char *message, const struct error *error);
const char *backup_state_name(enum backup_state state);
int64_t backup_now(const struct backup *backup); /* ms since 1970, by the server's clock */
void backup_assemble(struct backup *backup);     /* makes the assembly */

/* backup_confirm.c */
bool backup_is_table(const struct backup *backup,
                     struct json_object *table); /* DescribeTable's: the one that the record is of? */
void backup_confirm(struct backup *backup);      /* CONFIRM; goes on with: */
void backup_confirmed(struct backup *backup);    /* backup.c */

/* backup_resume.c */
void backup_resume_init(struct backup *backup, const struct backup_order *order);
void backup_resume_fini(struct backup *backup);
void backup_write_begin(struct backup *backup);   /* BEGIN */
void backup_compare(struct backup *backup);       /* AUDIT */
void backup_take_up(struct backup *backup);       /* TAKE_UP */
void backup_check_files(struct backup *backup);   /* CHECK */
void backup_write_stop(struct backup *backup);    /* STOP */
void backup_write_give_up(struct backup *backup); /* GIVE_UP */
void backup_stop_stream(struct backup *backup);   /* in STREAM */
void backup_drain(struct backup *backup);         /* after a page, while it stops */
void backup_start_over(struct backup *backup, const struct error *why);
bool backup_is_same_table(struct backup *backup, const struct table_description *table);

/* backup_undo.c */
void backup_take_back(struct backup *backup); /* UNDO */

/* backup_result.c */
void backup_fill_result(const struct backup *backup, struct run_result *result);

#endif
