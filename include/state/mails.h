/* SPDX-License-Identifier: Apache-2.0 */
/* Mails that are still to be sent: from the end of their run (state/history.h writes them) until they are gone or given up. */
#ifndef STATE_MAILS_H
#define STATE_MAILS_H

#include <stddef.h>
#include <stdint.h>

#include "state/state.h"

struct mail_row {
    char *run, *job;
    char *text; /* what the mail tells, in the words of who wrote it */
};
void mail_row_fini(struct mail_row *row);

/* Sent, or given up. */
void mails_forget(struct state *state, const char *run, state_done *done, void *arg);

/* Start-up, blocking: all, in order of run. The caller ends each and frees the array. */
bool mails_load(struct state *state, struct mail_row **rows, size_t *count, struct error *error);

#endif
