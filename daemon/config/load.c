/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The only place that opens files of settings: the main one, and jobs.d beside it in order of name. Blocking; for start-up
 * and worker threads. One job file is in memory at a time.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"
#include "config/build.h"
#include "config/problems.h"

/* The rest of an open file, one byte past the limit at most: the parser then says that it is too long. */
static bool read_all(int descriptor, struct buffer *out, struct error *error) {
    for (;;) {
        char piece[16384];
        ssize_t got = read(descriptor, piece, sizeof piece);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0) {
            error_set_errno(error, errno, "cannot be read");
            return false;
        }
        if (!got || !buffer_append(out, piece, (size_t)got))
            return true;
    }
}

static bool read_file(const char *path, struct buffer *out, struct error *error) {
    struct stat status;
    int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (descriptor < 0) {
        error_set_errno(error, errno, "cannot be opened");
        return false;
    }
    bool good = fstat(descriptor, &status) == 0 && S_ISREG(status.st_mode);
    if (!good)
        error_set(error, ERROR_SYSTEM, "is no regular file");
    good = good && read_all(descriptor, out, error);
    close(descriptor);
    return good;
}

/* Bytes enough to see that a file is over the limit. */
#define READ_LIMIT (CONFIG_FILE_LIMIT + 16384)

static void load_job(struct config_builder *builder, const char *path, struct config_problems *problems) {
    _cleanup_buffer_ struct buffer bytes = BUFFER_INIT(READ_LIMIT);
    _cleanup_error_ struct error error = {0};
    struct config_place place = {.file = path, .in_job = true};
    if (!read_file(path, &bytes, &error)) {
        config_problem_take(problems, &place, &error);
        return;
    }
    struct config_text text = {path, bytes.data ? bytes.data : "", bytes.length};
    config_builder_job(builder, &text);
}

/* NAME.conf; not the remains of editors and package managers (.NAME.conf.swp, NAME.conf~, NAME.conf.dpkg-new). */
static int is_job_file(const struct dirent *entry) {
    size_t length = strlen(entry->d_name);
    return entry->d_name[0] != '.' && length > 5 && strcmp(entry->d_name + length - 5, ".conf") == 0;
}

static int by_bytes(const struct dirent **a, const struct dirent **b) {
    return strcmp((*a)->d_name, (*b)->d_name);
}

/* No folder is no jobs; but where there were some, they are not gone because a disk was not mounted or a mv went wrong. */
static void tell_no_folder(const char *folder, int why, size_t running, struct config_problems *problems) {
    _cleanup_error_ struct error error = {0};
    struct config_place place = {.file = folder, .in_job = true};
    if (why != ENOENT)
        error_set_errno(&error, why, "cannot be read");
    else if (running)
        error_set(&error, ERROR_INVALID,
                  "the folder is gone, and with it the files of all %zu jobs; put it back (an empty one removes them)",
                  running);
    if (error.code)
        config_problem_take(problems, &place, &error);
}

/* `running`: jobs that were read from there before. */
static void load_jobs(struct config_builder *builder, const char *folder, size_t running,
                      struct config_problems *problems) {
    struct dirent **entries;
    int count = scandir(folder, &entries, is_job_file, by_bytes);
    if (count < 0) {
        tell_no_folder(folder, errno, running, problems);
        return;
    }
    for (int i = 0; i < count; i++) {
        _cleanup_free_ char *path = x_printf("%s/%s", folder, entries[i]->d_name);
        load_job(builder, path, problems);
        free(entries[i]);
    }
    free(entries);
}

static struct config *load(const char *file, config_getenv *environment, size_t running,
                           struct config_problems *problems) {
    _cleanup_buffer_ struct buffer bytes = BUFFER_INIT(READ_LIMIT);
    _cleanup_error_ struct error error = {0};
    struct config_place place = {.file = file};
    if (!read_file(file, &bytes, &error))
        config_problem_take(problems, &place, &error);
    struct config_text text = {file, bytes.data ? bytes.data : "", bytes.length};
    struct config_builder *builder = config_builder_new(&text, environment, problems);
    const char *slash = strrchr(file, '/');
    _cleanup_free_ char *folder = x_printf("%.*sjobs.d", slash ? (int)(slash - file + 1) : 0, file);
    load_jobs(builder, folder, running, problems);
    return config_builder_finish(builder);
}

struct config *config_load(const char *file, config_getenv *environment, struct config_problems *problems) {
    return load(file, environment, 0, problems);
}

struct config *config_reload(const struct config *running, config_getenv *environment,
                             struct config_problems *problems) {
    return load(running->file, environment, running->job_count, problems);
}
