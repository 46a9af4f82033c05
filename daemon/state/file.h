/* SPDX-License-Identifier: Apache-2.0 */
/* Inside state/: the file itself: its lock, what is wrong with it, its tables. Blocking. */
#ifndef STATE_FILE_H
#define STATE_FILE_H

#include <sqlite3.h>
#include <stdbool.h>

#include "base/error.h"

/* File descriptors; the lock lasts until both are closed. */
struct state_lock {
    int directory, file;
};

/* Makes the directory. False with an error: ERROR_EXISTS where another process has it. */
bool state_file_lock(struct state_lock *lock, const char *directory, struct error *error);
void state_file_unlock(struct state_lock *lock);

/* The file, with its tables. NULL with an error. As state_open(). */
sqlite3 *state_file_open(const char *directory, struct error *set_aside, struct error *error);

#endif
