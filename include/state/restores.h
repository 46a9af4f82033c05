/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Restores that have not come to their end: which parts of a backup already stand in which table, and whether the table was made by
 * us. A restore that is asked for again goes on from here; one that has ended is forgotten, and so is one whose table another restore
 * has begun to write to since. Whoever else wrote to the table is not known here: how old a note is says how far to believe it.
 */
#ifndef STATE_RESTORES_H
#define STATE_RESTORES_H

#include <stddef.h>
#include <stdint.h>

#include "state/state.h"

/* Which restore: `source` an address of a backup, `target` what names the table to a person ("us-east-1/studentData"). Copied. */
struct restore_key {
    const char *source, *target;
};

struct restored_part {
    uint64_t object, part; /* indexes as job/source.h counts them */
};

/* Borrowed until `done` returns. */
struct restore_memory {
    const char
        *table_id;  /* of the table that was written to; "" where it was not known yet; NULL: nothing is remembered */
    bool created;   /* by us, or about to be */
    bool overwrite; /* it was told to write to a table that held something */
    int64_t noted;  /* ms since 1970: when the last of this was written down */
    const struct restored_part *parts; /* in order of object, then part */
    size_t part_count;
};

/* With an error `memory` is NULL. */
typedef void restores_found(void *arg, const struct restore_memory *memory, const struct error *error);

/* The returned operation may be cancelled with state_cancel(). */
struct state_op *restores_find(struct state *state, const struct restore_key *key, restores_found *done, void *arg);

/* How a restore begins. `table_id` is copied. */
struct restore_begin {
    const char *table_id; /* "" where it is not known yet */
    bool created, overwrite;
    bool goes_on; /* what was noted of this very table still holds; else no part stands in it */
    int64_t now;  /* ms since 1970 */
};

/* The table is written to from now on: what was noted of other backups in it is no longer true, and is forgotten. */
struct state_op *restores_begin(struct state *state, const struct restore_key *key, const struct restore_begin *begin,
                                state_done *done, void *arg);

/* Parts that stand in the table, every item of them; copied. `now` is in ms since 1970. */
struct restored_parts {
    const struct restored_part *items;
    size_t count;
    int64_t now;
};
struct state_op *restores_parts(struct state *state, const struct restore_key *key, const struct restored_parts *parts,
                                state_done *done, void *arg);

/* The restore is over: nothing is remembered. */
struct state_op *restores_end(struct state *state, const struct restore_key *key, state_done *done, void *arg);

#endif
