/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The scratch tables that drills make. A table is written down before CreateTable is sent, and only one that stands here is ever
 * deleted; what is still here at start-up was left behind by a process that died.
 */
#ifndef STATE_SCRATCH_H
#define STATE_SCRATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "state/state.h"

/* By whose credentials a table was made, by name: enough to delete it when its job has left the configuration. NULL where not set. */
struct scratch_access {
    char *source; /* Source= of [Credentials] */
    char *profile, *role_arn, *external_id;
};

struct scratch_table {
    char *name, *region, *job, *run;
    struct scratch_access access;
    int64_t planned; /* ms since 1970 by DynamoDB's clock: no table of the name was there then */
    char *arn;       /* NULL: it is not known whether CreateTable was carried out */
};
void scratch_table_fini(struct scratch_table *table);
struct scratch_table scratch_table_copy(const struct scratch_table *table);

/* Before CreateTable is sent. All is copied. An error also where the name stands here already. */
struct state_op *scratch_plan(struct state *state, const struct scratch_table *table, state_done *done, void *arg);

/* CreateTable was carried out: the table is ours. */
struct state_op *scratch_made(struct state *state, const struct scratch_table *table, const char *arn, state_done *done,
                              void *arg);

/* It is gone, or was never ours. */
struct state_op *scratch_forget(struct state *state, const struct scratch_table *table, state_done *done, void *arg);

/* Start-up, blocking: all that stand here; the caller frees them and the array. */
bool scratch_load(struct state *state, struct scratch_table **tables, size_t *count, struct error *error);

#endif
