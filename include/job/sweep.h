/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Scratch tables that stand in the state and that no drill looks after: one of an earlier process made them, and died, or one of this
 * process could not delete them. Each is deleted, by the credentials that it was made with, and forgotten; what cannot be deleted is
 * tried again for as long as the process lives.
 */
#ifndef JOB_SWEEP_H
#define JOB_SWEEP_H

#include "job/engine.h"
#include "state/scratch.h"
#include "state/state.h"

struct sweep;

/* Reads the state: blocking, for start-up. References the engine; `state` outlives it. NULL where nothing is left, or with an error. */
struct sweep *sweep_start(struct engine *engine, struct state *state, struct error *error);

/* One more, copied, after a while: its drill has just tried. `sweep` NULL: one is made, as by sweep_start(). */
struct sweep *sweep_add(struct sweep *sweep, struct engine *engine, struct state *state,
                        const struct scratch_table *table);

/* What is under way is dropped; what is not gone yet still stands in the state. NULL is fine. */
void sweep_free(struct sweep *sweep);

#endif
