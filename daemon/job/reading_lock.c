/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whoever opens a file holds its byte 1 before it looks at byte 0, and looks again whether the file still has its name then: between the
 * two it may have been removed as stale. Nobody is waited for but for who removes a file, which takes no time.
 *
 * Where root makes something in a folder of the daemon's, it becomes the daemon's: else that could not look at it.
 */
#include "job/reading_lock.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"

#define BY_MOST 200
#define TRIES   100 /* each means that a file has gone under our hands */

enum { BACKUP_BYTE, FILE_BYTE };

/* ------------------------------------------------------------ locks */

static struct flock range(int byte, short type) {
    return (struct flock){.l_type = type, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1};
}

static bool lock(int file, int byte, short type) {
    struct flock wanted = range(byte, type);
    return fcntl(file, F_OFD_SETLK, &wanted) == 0;
}

static bool lock_soon(int file, int byte, short type) {
    struct flock wanted = range(byte, type);
    int result;
    while ((result = fcntl(file, F_OFD_SETLKW, &wanted)) < 0 && errno == EINTR)
        ;
    return result == 0;
}

static bool is_locked(int file, int byte) {
    struct flock wanted = range(byte, F_WRLCK);
    return fcntl(file, F_OFD_GETLK, &wanted) < 0 || wanted.l_type != F_UNLCK;
}

/* ------------------------------------------------------------ the folder, its files */

static void give_to_owner(int made, const struct stat *owner) {
    if (geteuid() == 0 && owner->st_uid != 0 && fchown(made, owner->st_uid, owner->st_gid) < 0)
        return; /* then the daemon takes it for held: it keeps more than it must */
}

/* -1 with errno. */
static int open_folder(const char *directory, bool make) {
    struct stat owner;
    int parent = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (parent < 0)
        return -1;
    bool made = make && mkdirat(parent, READING_FOLDER, 0700) == 0;
    int folder = openat(parent, READING_FOLDER, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    int reason = errno;
    if (folder >= 0 && made && fstat(parent, &owner) == 0)
        give_to_owner(folder, &owner);
    close(parent);
    errno = reason;
    return folder;
}

static int open_old(int folder, const char *name) {
    return openat(folder, name, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
}

static int open_or_make(int folder, const char *name) {
    struct stat owner;
    int file = openat(folder, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (file < 0)
        return errno == EEXIST ? open_old(folder, name) : -1;
    if (fstat(folder, &owner) == 0)
        give_to_owner(file, &owner);
    return file;
}

static bool has_its_name(int folder, const char *name, int file) {
    struct stat ours, named;
    return fstat(file, &ours) == 0 && fstatat(folder, name, &named, AT_SYMLINK_NOFOLLOW) == 0 &&
           ours.st_dev == named.st_dev && ours.st_ino == named.st_ino;
}

/* With byte 1 of the file that has the name. -1 with errno. */
static int open_used(int folder, const char *name) {
    for (int i = 0; i < TRIES; i++) {
        int file = open_or_make(folder, name);
        if (file < 0 && errno == ENOENT)
            continue;
        if (file < 0)
            return -1;
        int reason = lock_soon(file, FILE_BYTE, F_RDLCK) ? 0 : errno;
        if (!reason && has_its_name(folder, name, file))
            return file;
        close(file);
        errno = reason;
        if (reason)
            return -1;
    }
    errno = EBUSY;
    return -1;
}

/* Somebody else's words: printable, and not many. The caller frees. */
static char *read_by(int file) {
    char text[BY_MOST + 1];
    ssize_t length = pread(file, text, BY_MOST, 0);
    if (length <= 0)
        return x_strdup("another process");
    text[length] = '\0';
    for (char *at = text; *at; at++)
        if ((unsigned char)*at < ' ' || *at == 0x7f)
            *at = '?';
    return x_printf("another process: %s", text);
}

static void write_by(int file, const char *by) {
    size_t length = strlen(by);
    if (ftruncate(file, 0) < 0 || pwrite(file, by, length < BY_MOST ? length : BY_MOST, 0) < 0)
        return; /* the lock says enough */
}

/* ------------------------------------------------------------ one backup */

static enum reading_result unknown(const struct reading_want *want, int reason, struct error *error) {
    if (reason == ENOENT)
        return READING_NOBODY;
    error_set_errno(error, reason, "%s/%s/%s", want->directory, READING_FOLDER, want->name);
    return READING_UNKNOWN;
}

/* A file that is not ours to open is somebody's; who only reads cannot tell anything by it. */
static enum reading_result not_open(const struct reading_want *want, int folder, char **by, struct error *error) {
    int reason = errno;
    bool stands = faccessat(folder, want->name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
    close(folder);
    if (!want->alone || !stands)
        return unknown(want, reason == ENOENT ? EBUSY : reason, error);
    *by =
        x_printf("another process, whose lock %s/%s/%s cannot be opened", want->directory, READING_FOLDER, want->name);
    return READING_BUSY;
}

enum reading_result reading_lock_take(const struct reading_want *want, struct reading_lock *taken, char **by,
                                      struct error *error) {
    int folder = open_folder(want->directory, true);
    if (folder < 0)
        return unknown(want, errno, error);
    int file = open_used(folder, want->name);
    if (file < 0)
        return not_open(want, folder, by, error);
    if (!lock(file, BACKUP_BYTE, want->alone ? F_WRLCK : F_RDLCK)) {
        *by = read_by(file);
        close(file);
        close(folder);
        return READING_BUSY;
    }
    write_by(file, want->by);
    *taken = (struct reading_lock){folder, file, x_strdup(want->name)};
    return READING_TAKEN;
}

void reading_lock_drop(struct reading_lock *taken) {
    if (lock(taken->file, FILE_BYTE, F_WRLCK)) /* nobody else has it */
        unlinkat(taken->folder, taken->name, 0);
    close(taken->file);
    close(taken->folder);
    free(taken->name);
    *taken = (struct reading_lock){-1, -1, NULL};
}

/* ------------------------------------------------------------ all of them */

static void add(struct reading_list *list, const char *name, char *by) {
    list->items = x_grow(list->items, list->count, sizeof *list->items);
    list->items[list->count++] = (struct reading_one){x_strdup(name), by};
}

static void look_at(struct reading_list *list, int folder, const char *name) {
    int file = open_old(folder, name);
    if (file < 0 && errno != ENOENT)
        add(list, name, x_strdup("another process, whose lock cannot be opened"));
    if (file < 0)
        return;
    if (lock(file, FILE_BYTE, F_WRLCK)) {
        if (has_its_name(folder, name, file))
            unlinkat(folder, name, 0);
    } else if (is_locked(file, BACKUP_BYTE)) {
        add(list, name, read_by(file));
    }
    close(file);
}

bool reading_list_add(struct reading_list *list, const char *directory, struct error *error) {
    int folder = open_folder(directory, false);
    DIR *stream = folder < 0 ? NULL : fdopendir(folder);
    if (!stream) {
        int reason = errno;
        if (folder >= 0)
            close(folder);
        if (reason != ENOENT)
            error_set_errno(error, reason, "%s/%s", directory, READING_FOLDER);
        return reason == ENOENT;
    }
    const struct dirent *entry;
    while ((entry = readdir(stream))) /* (glibc's is safe on a stream of one's own) */
        if (entry->d_name[0] != '.')
            look_at(list, folder, entry->d_name);
    closedir(stream);
    return true;
}

void reading_list_fini(struct reading_list *list) {
    for (size_t i = 0; i < list->count; i++) {
        free(list->items[i].name);
        free(list->items[i].by);
    }
    free(list->items);
    *list = (struct reading_list){0};
}
