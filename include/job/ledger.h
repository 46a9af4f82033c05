/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a run writes into the state while it goes on: names before they are used, cuts, its end. Each entry is a transaction of its
 * own (state/checkpoint.h), in the order in which they were made.
 *
 * A state that cannot be written never ends a run, and nobody waits for it. An entry that failed, and all that are made after it, are tried
 * again together whenever there is a further cut: until then the run could be resumed from its last recorded cut alone, and that is said;
 * from then on from the newest.
 */
#ifndef JOB_LEDGER_H
#define JOB_LEDGER_H

#include <stdbool.h>

#include "state/checkpoint.h"
#include "state/state.h"

struct ledger;

/* `state` is borrowed and outlives it; NULL: nothing is ever written. lost() comes from the loop with what failed, once until it is regained. */
struct ledger *ledger_new(struct state *state, const char *run, void (*lost)(void *arg, const struct error *error),
                          void *arg);

/* What was asked for is still written, without its done(). NULL is fine. */
void ledger_free(struct ledger *ledger);

/* All that failed has been written after all, and what came after it. From the loop; NULL: nobody is told. */
void ledger_on_regained(struct ledger *ledger, void (*regained)(void *arg));

/* Entries are written. False for NULL, without a state, and while what failed waits. */
bool ledger_holds(const struct ledger *ledger);

/* They are written, now or later: what they need is to be gathered. False for NULL, without a state, and where too many have failed. */
bool ledger_tries(const struct ledger *ledger);

/* The run stands in the state, if only as of an earlier cut: another process can go on with it, whether or not entries are written
 * still. ledger_has_row(): of a run that is resumed, which an earlier process has begun. */
bool ledger_keeps(const struct ledger *ledger);
void ledger_has_row(struct ledger *ledger);

/* No done() comes of what was asked for before; it is still written. */
void ledger_silence(struct ledger *ledger);

/*
 * Each gives false where there is nothing to wait for, since nothing is written now; else `done` (which may be NULL) comes, never
 * from inside the call: the entry stands on the disk, or lost() has come.
 */
typedef void ledger_done(void *arg);
bool ledger_begin(struct ledger *ledger, struct checkpoint_run *run_take, ledger_done *done, void *arg);
bool ledger_name(struct ledger *ledger, const struct checkpoint_object *object, ledger_done *done, void *arg);
bool ledger_reserve(struct ledger *ledger, unsigned numbers, ledger_done *done, void *arg);
bool ledger_record(struct ledger *ledger, struct checkpoint_step *step_take, ledger_done *done, void *arg);
bool ledger_resume(struct ledger *ledger, unsigned numbers, ledger_done *done, void *arg);
bool ledger_stop(struct ledger *ledger, ledger_done *done, void *arg);
bool ledger_give_up(struct ledger *ledger, const char *why, bool cancelled, ledger_done *done, void *arg);
bool ledger_end(struct ledger *ledger, ledger_done *done, void *arg);

#endif
