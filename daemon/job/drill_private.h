/* SPDX-License-Identifier: Apache-2.0 */
/* Inside job/: what drill.c, the story, and drill_table.c, the life of its scratch table, share. */
#ifndef JOB_DRILL_PRIVATE_H
#define JOB_DRILL_PRIVATE_H

#include "job/catalog.h"
#include "job/drill.h"
#include "job/reading.h"
#include "job/scan.h"
#include "job/scratch.h"
#include "job/source.h"
#include "job/table.h"
#include "job/tally.h"
#include "job/transfer.h"

enum drill_state { FIND, OPEN, CHECK, PLAN, MAKE, NOTE, FILL, SCAN, COMPARE, DELETE, FORGET, OVER };

/* What is known of the scratch table. */
enum drill_table { TABLE_NONE, TABLE_PLANNED /* written down; CreateTable may be carried out */, TABLE_OURS };

struct drill {
    enum drill_state state;
    struct engine *engine;
    struct config *config;
    const struct job_config *job;
    struct state *state_room;
    drill_done *done;
    void *arg;

    struct source *source;
    struct reading *holds; /* the backup: no prune removes it meanwhile */
    size_t output;
    struct aws_patience patience;
    struct aws_session *session;
    struct scratch_table scratch;
    enum drill_table table;
    uint64_t retries_before;     /* of CreateTable */
    struct json_object *missing; /* what table_make tells: a scratch table misses nothing */
    struct json_object *described;
    struct key_names key;
    unsigned char digest_key[ITEM_DIGEST_KEY];
    struct tally *read_in, *read_back; /* on the way in, on the way out */
    uint64_t written;
    size_t pages; /* being counted */
    bool scanned, held, left_behind;

    /* what is under way; NULL where nothing is */
    struct catalog *catalog;
    struct source_open *opening;
    struct dynamodb_call *call;
    struct state_op *noting;
    struct table_make *make;
    struct table_wait *wait;
    struct transfer *transfer;
    struct scan *scan;
    struct scratch_removal *removal;
    uv_timer_t timer; /* the begin and the end, outside of the caller's own call */

    struct run_result result;
};

void drill_enter(struct drill *drill, enum drill_state state);
void drill_fail(struct drill *drill,
                const struct error *error); /* DELETE follows, or OVER where there is nothing to delete */

/* drill_table.c: the states CHECK to NOTE, and DELETE, FORGET. */
void drill_check(struct drill *drill);
void drill_plan(struct drill *drill);
void drill_make(struct drill *drill);
void drill_note(struct drill *drill);
void drill_delete(struct drill *drill);
void drill_forget(struct drill *drill);

#endif
