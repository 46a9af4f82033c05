/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Past runs, and with their end everything else that must be true at the same moment: the mail that is still to be sent, the time
 * of the schedule that they stood for. One transaction: a run that is over is in the history, or its end never happened.
 */
#ifndef STATE_HISTORY_H
#define STATE_HISTORY_H

#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "state/state.h"

/* Strings are NULL where they do not apply. Times in ms since 1970. */
struct history_row {
    char *run, *kind /* "backup", "drill", "restore" */, *job, *table, *table_arn, *region, *id, *uri;
    char *outcome /* "success", "failure", "cancelled" */, *error, *error_code, *request_id, *warning;
    int64_t started, ended, items, stored_bytes, raw_bytes;
    int64_t resumed; /* how often */
};
void history_row_fini(struct history_row *row);

/* A clock that was wrong once must not cost the history: nothing is forgotten where no other run succeeded this near to `now`. (Who has
 * succeeded has heard the servers' time.) */
#define HISTORY_GAP (31 * DAY_MS)

/* Strings are borrowed: all is copied. */
struct history_end {
    const struct history_row *row;
    const char *mail; /* what state/mails.h keeps until it is sent; NULL: no mail */
    int64_t fired; /* seconds since 1970: the time of the schedule that the run stood for; 0: a person asked for it */
    int64_t now, keep; /* rows that ended longer ago are removed: KeepHistory=. `keep` 0: none is. See HISTORY_GAP */
    bool left; /* not all of the run could be taken back: its rows of state/checkpoint.h stay, given up; else they go */
};
struct state_op *history_end_run(struct state *state, const struct history_end *end, state_done *done, void *arg);

/* The run's rows of state/checkpoint.h go, with nothing in the history: another run goes on in its place, or it stands there. */
void history_drop_run(struct state *state, const char *run, state_done *done, void *arg);

/* The process ends in peace, and leaves the run to be resumed; its turn has come, in this process. (A run that is not kept yet: nothing.) */
void history_stop_run(struct state *state, const char *run, state_done *done, void *arg);
void history_take_up_run(struct state *state, const char *run, state_done *done, void *arg);

/* It is being taken back, and must never be resumed. */
struct history_give_up {
    const char *run, *why; /* copied */
    bool cancelled;        /* by a person, a reload, a newer run: no failure */
};
void history_give_up_run(struct state *state, const struct history_give_up *given_up, state_done *done, void *arg);

/* Is the end of that run in the history? A state_work's business (state/state.h). */
bool history_knows(struct sqlite3 *db, const char *run, bool *known, struct error *error);

/* Exactly one of `rows` and `error` is given where it fails; newest first, borrowed until it returns. */
typedef void history_done(void *arg, const struct history_row *rows, size_t count, const struct error *error);

/* The newest `most` rows of a job; `job` NULL: of all. */
struct state_op *history_list(struct state *state, const char *job, unsigned most, history_done *done, void *arg);

/* Start-up, blocking: for each of the jobs (by index) that has one, its last run of a kind (borrowed), and how many items its last
 * good one had, -1 where there is none. */
struct history_reader {
    void (*last)(void *arg, size_t index, const struct history_row *row, int64_t good_items);
    void *arg;
    const char *kind; /* of which runs; NULL: "backup" */
};
bool history_last(struct state *state, const char *const *jobs, size_t count, const struct history_reader *reader,
                  struct error *error);

#endif
