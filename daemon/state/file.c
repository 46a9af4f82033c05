/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The state's file.
 *
 *     LOCK (another process: refused) -> OPEN -> ours? sound? -> tables made where it is new
 *                                         ^        | no: set aside by renaming, with its -wal and -shm
 *                                         +--------+
 */
#include "file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/memory.h"
#include "schema.h"
#include "sql.h"

#define APPLICATION_ID 0x64646262        /* "ddbb": file(1) and we know it by this */
#define CHECKED_MOST   ((off_t)64 << 20) /* a larger file is not read whole at each start */
#define BUSY_MS        5000              /* a person looks at the file with sqlite3(1) */

/* ------------------------------------------------------------ the directory and its lock */

static bool make_directories(const char *path, struct error *error) {
    _cleanup_free_ char *copy = x_strdup(path);
    for (char *slash = copy + 1;; slash++) {
        slash = strchr(slash, '/');
        if (slash)
            *slash = '\0';
        if (mkdir(copy, 0700) < 0 && errno != EEXIST) {
            error_set_errno(error, errno, "making the state's directory %s", copy);
            return false;
        }
        if (!slash)
            return true;
        *slash = '/';
    }
}

static void say_locked(int file, const char *directory, struct error *error) {
    char pid[32] = "";
    ssize_t length = pread(file, pid, sizeof pid - 1, 0);
    pid[length > 0 ? strcspn(pid, "\n") : 0] = '\0';
    error_set(
        error, ERROR_EXISTS,
        "another process (pid %s) uses the state in %s: one daemon a StateDirectory=; stop the other, or give this "
        "one a directory of its own",
        *pid ? pid : "unknown", directory);
}

/* 0, or errno. */
static int try_lock(int file) {
    return flock(file, LOCK_EX | LOCK_NB) == 0 ? 0 : errno;
}

/* The directory itself is locked: whoever tidies up and removes a file called lock has not unlocked it. Where a file system does not
 * lock directories (NFS), the file is. */
static int lock_either(int directory, int file) {
    int wrong = directory < 0 ? errno : try_lock(directory);
    return wrong && wrong != EWOULDBLOCK ? try_lock(file) : wrong;
}

static void say_who(int file) {
    if (ftruncate(file, 0) == 0) /* a courtesy: a full disk may refuse it */
        dprintf(file, "%ld\n", (long)getpid());
}

bool state_file_lock(struct state_lock *lock, const char *directory, struct error *error) {
    *lock = (struct state_lock){-1, -1};
    if (!make_directories(directory, error))
        return false;
    _cleanup_free_ char *path = x_printf("%s/lock", directory);
    lock->file = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (lock->file < 0) {
        error_set_errno(error, errno, "opening %s", path);
        return false;
    }
    lock->directory = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int wrong = lock_either(lock->directory, lock->file);
    if (!wrong) {
        say_who(lock->file);
        return true;
    }
    if (wrong == EWOULDBLOCK)
        say_locked(lock->file, directory, error);
    else
        error_set_errno(error, wrong, "locking %s", path);
    state_file_unlock(lock);
    return false;
}

void state_file_unlock(struct state_lock *lock) {
    if (lock->file >= 0)
        close(lock->file);
    if (lock->directory >= 0)
        close(lock->directory);
    *lock = (struct state_lock){-1, -1};
}

/* ------------------------------------------------------------ is it ours, is it sound */

static sqlite3 *open_file(const char *path, struct error *error) {
    sqlite3 *db = NULL;
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
    if (sqlite3_open_v2(path, &db, flags, NULL) == SQLITE_OK) {
        sqlite3_busy_timeout(db, BUSY_MS);
        return db;
    }
    sql_error(db, error, "opening");
    sqlite3_close(db);
    return NULL;
}

static bool judge_check(sqlite3_stmt *row, void *arg, struct error *error) {
    const char *found = (const char *)sqlite3_column_text(row, 0);
    (void)arg;
    if (found && strcmp(found, "ok") == 0)
        return true;
    error_set(error, ERROR_CORRUPT, "quick_check: %s", found ? found : "no answer");
    return false;
}

/* `version_found` is 0 where it is new. ERROR_CORRUPT: not ours, or damaged. */
static bool examine(sqlite3 *db, const char *path, int64_t *version_found, struct error *error) {
    int64_t application = 0, version = 0, tables = 0;
    struct stat status;
    if (!sql_integer(db, error, &application, 0, "PRAGMA application_id") ||
        !sql_integer(db, error, &version, 0, "PRAGMA user_version") ||
        !sql_integer(db, error, &tables, 0, "SELECT count(*) FROM sqlite_schema"))
        return false;
    *version_found = version;
    if (!application && !version && !tables)
        return true;
    if (application != APPLICATION_ID || version < 1) {
        error_set(error, ERROR_CORRUPT, "it is an SQLite file of another program (application_id %" PRId64 ")",
                  application);
        return false;
    }
    if (version > STATE_VERSION) {
        error_set(error, ERROR_INVALID,
                  "state %s was written by a newer dynamodb-backupd (version %" PRId64
                  ", known is %d): run that one, or "
                  "move the file away",
                  path, version, STATE_VERSION);
        return false;
    }
    if (stat(path, &status) == 0 && status.st_size > CHECKED_MOST)
        return true;
    return sql_each(db, error, &(struct sql_reader){judge_check, NULL}, "PRAGMA quick_check(1)", "");
}

/* From `version`, 0 where there is nothing yet, to ours; all of it or nothing. */
static bool make_tables(sqlite3 *db, int64_t version, struct error *error) {
    _cleanup_free_ char *stamp =
        x_printf("PRAGMA application_id = %d; PRAGMA user_version = %d", APPLICATION_ID, STATE_VERSION);
    if (!sql_script(db, error, "BEGIN IMMEDIATE"))
        return false;
    bool good = sql_script(db, error, stamp);
    for (size_t i = 0; good && !version && state_schema[i]; i++)
        good = sql_script(db, error, state_schema[i]);
    for (size_t i = version ? (size_t)version - 1 : 0; good && state_changes[i]; i++)
        good = sql_script(db, error, state_changes[i]);
    if (good && sql_script(db, error, "COMMIT"))
        return true;
    sql_script(db, NULL, "ROLLBACK");
    return false;
}

static sqlite3 *open_and_examine(const char *path, struct error *error) {
    int64_t version = 0;
    sqlite3 *db = open_file(path, error);
    if (!db)
        return NULL;
    bool good = examine(db, path, &version, error) &&
                sql_script(db, error,
                           "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 1000") &&
                (version == STATE_VERSION || make_tables(db, version, error));
    if (good)
        return db;
    sqlite3_close(db);
    return NULL;
}

/* ------------------------------------------------------------ setting aside */

static bool rename_all(const char *path, const char *aside, struct error *error) {
    static const char *const ends[] = {"", "-wal", "-shm"};
    for (size_t i = 0; i < array_length(ends); i++) {
        _cleanup_free_ char *from = x_printf("%s%s", path, ends[i]);
        _cleanup_free_ char *to = x_printf("%s%s", aside, ends[i]);
        if (rename(from, to) < 0 && errno != ENOENT) {
            error_set_errno(error, errno, "renaming %s to %s", from, to);
            return false;
        }
    }
    return true;
}

/* Gives a name that nothing has. */
static char *aside_name(const char *path) {
    char stamp[TIME_TEXT];
    time_format_basic(stamp, clock_wall() / SECOND_MS);
    char *name = x_printf("%s.damaged-%s", path, stamp);
    for (int i = 2; access(name, F_OK) == 0; i++) {
        free(name);
        name = x_printf("%s.damaged-%s.%d", path, stamp, i);
    }
    return name;
}

/* SQLite takes an empty file for a new one, and one that is missing; its write-ahead log, where most may stand, it would then throw away. */
static bool is_emptied(const char *path, struct error *found) {
    _cleanup_free_ char *log = x_printf("%s-wal", path);
    struct stat status;
    if (stat(path, &status) == 0 && status.st_size == 0)
        error_set(found, ERROR_CORRUPT, "it is empty, which none of ours ever is");
    else if (access(path, F_OK) < 0 && errno == ENOENT && access(log, F_OK) == 0)
        error_set(found, ERROR_CORRUPT, "it is missing beside its %s", log);
    return found->code;
}

sqlite3 *state_file_open(const char *directory, struct error *set_aside, struct error *error) {
    _cleanup_free_ char *path = x_printf("%s/state.db", directory);
    _cleanup_error_ struct error found = {0};
    mode_t mask = umask(077);
    sqlite3 *db = is_emptied(path, &found) ? NULL : open_and_examine(path, &found);
    if (!db && found.code == ERROR_CORRUPT) {
        _cleanup_free_ char *aside = aside_name(path);
        if (rename_all(path, aside, error)) {
            error_set(set_aside, ERROR_CORRUPT,
                      "the state %s could not be used and was set aside as %s; what it knew (history, interrupted "
                      "runs, mails to "
                      "send) is unknown from now on: %s",
                      path, aside, found.message);
            db = open_and_examine(path, error);
        }
    } else if (!db) {
        *error = error_take(&found);
    }
    umask(mask);
    return db;
}
