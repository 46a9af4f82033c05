/* SPDX-License-Identifier: Apache-2.0 */
/* Inside job/: what restore.c, the story, restore_target.c, its table, and restore_write.c, its long middle, share. */
#ifndef JOB_RESTORE_PRIVATE_H
#define JOB_RESTORE_PRIVATE_H

#include "job/reading.h"
#include "job/restore.h"
#include "job/source.h"
#include "job/table.h"
#include "job/transfer.h"
#include "state/restores.h"

enum restore_state { OPEN, REGION, RECALL, LOOK, CREATE, EMPTY, NOTE, WRITE, SETTLE, FORGET, OVER };

struct restore {
    enum restore_state state;
    struct engine *engine;
    struct config *config;
    const struct job_config *job;
    struct state *state_room; /* NULL: nothing is remembered */
    char *prefix, *id, *table, *region, *to_role_arn;
    char *target; /* what the state knows this table by */
    struct write_capacity capacity;
    bool create, overwrite, dry_run;
    bool foreign; /* whose table it may be is not known, and nobody has said where and by whom it is written */
    restore_done *done;
    void *arg;

    struct source *source;
    struct reading *holds; /* the source */
    char *claims[2];       /* on the table, in the engine's set: by what it was called, and by what it is */
    size_t claim_count;
    size_t output;
    struct aws_patience patience;
    struct aws_session *session;   /* of the table */
    struct json_object *described; /* DescribeTable's Table; `key` points into it */
    char *table_id;
    struct key_names key;
    double units_a_second;
    int64_t began; /* ms since 1970: of what progress is measured by */

    /* what an interrupted restore left */
    char *remembered_id;
    bool remembered_overwrite;
    int64_t remembered_at; /* ms since 1970 */
    int64_t missed_at;     /* the table was not there then, by DynamoDB's clock */
    bool may_exist;        /* CreateTable may have made it */
    uint64_t retries_before;
    struct error refusal; /* of CreateTable, while the note that we were about to make the table is taken back */
    struct restored_part *parts;
    size_t part_count;

    /* written, and to be noted with the next transaction */
    struct restored_part *to_note;
    size_t to_note_count, to_note_capacity;
    bool warned, transferred;

    /* what is under way; NULL where nothing is */
    struct source_open *opening;
    struct region_lookup *lookup;
    struct state_op *noting;
    struct dynamodb_call *call;
    struct table_make *make;
    struct table_finish *finish;
    struct transfer *transfer;
    uv_timer_t timer; /* the begin and the end, outside of the caller's own call */

    struct restore_result result;
};

void restore_enter(struct restore *restore, enum restore_state state);
void restore_fail(struct restore *restore, const struct error *error);
void restore_refuse(struct restore *restore, char *words);  /* ERROR_INVALID; frees them */
void restore_plan(struct restore *restore, char *sentence); /* frees it */
struct restore_key restore_key_of(const struct restore *restore);

/* From now on no other restore writes to the table that `what` names; false: another does, and this one has failed. */
bool restore_claim(struct restore *restore, const char *what);

/* The states LOOK, CREATE and EMPTY. */
void restore_look(struct restore *restore);
void restore_create(struct restore *restore);
void restore_look_inside(struct restore *restore);

/* Is the table the one that an interrupted restore of this backup has written to, and may what it noted still be believed? */
bool restore_is_our_work(const struct restore *restore);

/* For restores_begin(). Borrowed from the restore. */
struct restore_begin restore_begin_of(const struct restore *restore);

int64_t restore_now(const struct restore *restore); /* ms since 1970, by the server's clock */

/* For making and finishing the table. Borrowed from the restore. */
struct table_make_options restore_table_options(const struct restore *restore);

/* Behind NOTE: what of the backup stands already, and a sentence about what is to be written. */
void restore_prepare_writing(struct restore *restore);

/* The state WRITE, from its begin to its end. */
void restore_write(struct restore *restore);

#endif
