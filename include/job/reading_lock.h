/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What processes of one host tell each other: which backup is read, and which is being removed. One file a backup, in the folder
 * `reading` of a state directory that both may use (the daemon's; the tool's own): its locks say it, its text says by whom. The locks
 * are the kernel's, of the open file (F_OFD_SETLK, fcntl(2)), and end with the process; a file without any is stale, and goes.
 *
 *     byte 0   shared by who reads the backup, alone by who removes it
 *     byte 1   shared by who uses the file, alone (for a moment) by who removes the file
 *
 * All of it blocks: for a worker, never the loop.
 */
#ifndef JOB_READING_LOCK_H
#define JOB_READING_LOCK_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

#define READING_FOLDER "reading"

struct reading_lock {
    int folder, file;
    char *name;
};

enum reading_result {
    READING_TAKEN,   /* reading_lock_drop() ends it */
    READING_BUSY,    /* *by (the caller frees) says by whom it is read, or removed */
    READING_NOBODY,  /* there is no such state directory: nobody to tell */
    READING_UNKNOWN, /* the error says why nothing could be told or learnt */
};

/* `name` is no path. `by`: as in_use_hold() has it. `alone`: to remove the backup. */
struct reading_want {
    const char *directory, *name, *by;
    bool alone;
};
enum reading_result reading_lock_take(const struct reading_want *want, struct reading_lock *lock, char **by,
                                      struct error *error);
void reading_lock_drop(struct reading_lock *lock);

/* What is read or removed now, by anybody; removes stale files. Empty where the folder is not there. False with an error. */
struct reading_one {
    char *name, *by;
};
struct reading_list {
    struct reading_one *items;
    size_t count;
};
bool reading_list_add(struct reading_list *list, const char *directory, struct error *error);
void reading_list_fini(struct reading_list *list);

#endif
