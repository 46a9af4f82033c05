/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Restores that have not come to their end: which parts of a backup already stand in which table, and whether the table was made by
 * us. A restore that is asked for again goes on from here; one that has ended is forgotten.
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
        *table_id; /* of the table that was written to; "" where it was not known yet; NULL: nothing is remembered */
    bool created;  /* by us, or about to be */
    const struct restored_part *parts; /* in order of object, then part */
    size_t part_count;
};

/* With an error `memory` is NULL. */
typedef void restores_found(void *arg, const struct restore_memory *memory, const struct error *error);

/* The returned operation may be cancelled with state_cancel(). */
struct state_op *restores_find(struct state *state, const struct restore_key *key, restores_found *done, void *arg);

/* The table that is written to from now on. Another table than before: no part of it has been written. */
struct state_op *restores_begin(struct state *state, const struct restore_key *key, const char *table_id, bool created,
                                state_done *done, void *arg);

/* Every item of these parts (copied) stands in the table. */
struct state_op *restores_parts(struct state *state, const struct restore_key *key, const struct restored_part *parts,
                                size_t count, state_done *done, void *arg);

/* The restore is over: nothing is remembered. */
struct state_op *restores_end(struct state *state, const struct restore_key *key, state_done *done, void *arg);

#endif
