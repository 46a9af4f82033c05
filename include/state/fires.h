/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Up to which time each job's schedule has been served. A time that passed while the daemon was down, or whose run never came to an
 * end that was recorded, is a missed one: Persistent=.
 */
#ifndef STATE_FIRES_H
#define STATE_FIRES_H

#include <stddef.h>
#include <stdint.h>

#include "state/state.h"

/* Seconds since 1970; copied. All in one transaction. */
struct fire_note {
    const char *job;
    int64_t at;
};
void fires_note(struct state *state, const struct fire_note *notes, size_t count, state_done *done, void *arg);

/* Start-up, blocking: all, in order of name as strcmp() has it. fire_rows_free() ends them. */
struct fire_row {
    char *job;
    int64_t at;
};
bool fires_load(struct state *state, struct fire_row **rows, size_t *count, struct error *error);
void fire_rows_free(struct fire_row *rows, size_t count);

#endif
