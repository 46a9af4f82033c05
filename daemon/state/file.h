/* SPDX-License-Identifier: Apache-2.0 */
/* Inside state/: the file itself: its lock, what is wrong with it, its tables. Blocking. */
#ifndef STATE_FILE_H
#define STATE_FILE_H

#include <sqlite3.h>

#include "base/error.h"

/* The lock's file descriptor, held until it is closed; -1 with an error. Makes the directory. */
int state_file_lock(const char *directory, struct error *error);

/* The file, with its tables. NULL with an error. As state_open(). */
sqlite3 *state_file_open(const char *directory, struct error *set_aside, struct error *error);

#endif
