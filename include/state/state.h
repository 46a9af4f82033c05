/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What survives a restart: one SQLite file (WAL, synchronous=FULL) in StateDirectory=, used by one process, from worker threads, one
 * transaction after the other in the order in which they were asked for. This header is the room's engine; what is kept is
 * the business of its modules (state/history.h, state/checkpoint.h, ...), each with its own tables.
 */
#ifndef STATE_STATE_H
#define STATE_STATE_H

#include <stdbool.h>
#include <uv.h>

#include "base/error.h"

struct sqlite3;
struct state;

/*
 * Opens DIRECTORY/state.db, making both where they are missing (0700, 0600). Blocking: start-up. NULL with an error:
 *
 *     ERROR_EXISTS   another process uses the directory (which: its pid)
 *     ERROR_INVALID  the file was written by a newer version
 *     ERROR_SYSTEM   no permission, no space, ...
 *
 * A file that is damaged or not ours is renamed to state.db.damaged-STAMP, never written to; a new one takes its place, and
 * `set_aside` (which must be empty) says what was found and where it is now.
 */
struct state *state_open(uv_loop_t *loop, const char *directory, struct error *set_aside, struct error *error);

/* What was asked for before is still carried out, without its `done`; the loop turns until the file is closed. NULL is fine. */
void state_free(struct state *state);

/* On a worker thread, inside a transaction, which is rolled back where it returns false (with an error). */
typedef bool state_work(struct sqlite3 *db, void *arg, struct error *error);

/* On the loop, never from inside state_do(). `error` is borrowed, NULL where the transaction stands on the disk. */
typedef void state_done(void *arg, const struct error *error);

/* `arg` belongs to the operation until release(arg), on the loop, exactly once: after `done`, or after a cancelled one is over.
 * `done` and `release` may be NULL. With `again` the work may be called once more, where what it did was rolled back; such orders share
 * a transaction, and its wait for the disk, with others that wait as they do. Each fails for itself alone. */
struct state_order {
    state_work *work;
    state_done *done;
    void (*release)(void *arg);
    void *arg;
    bool again; /* it only writes, by an `arg` that it leaves as it is */
};

struct state_op;
struct state_op *state_do(struct state *state, const struct state_order *order);

/* `done` will not be called. The transaction may be carried out all the same. NULL is fine. */
void state_cancel(struct state_op *op);

/* At start-up, before the loop turns: the same at once, blocking; what has been asked for before may come before it or behind. */
bool state_do_now(struct state *state, state_work *work, void *arg, struct error *error);

#endif
