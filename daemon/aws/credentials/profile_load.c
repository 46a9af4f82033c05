/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The shared files read, on a worker thread: a file may lie on a server that has stopped to answer, and the loop goes on.
 * The environment is looked at before, on the loop thread. They are read anew at every refresh, so that edited keys count.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "aws/profile.h"
#include "base/buffer.h"
#include "base/memory.h"

static const char *const variables[PROFILE_FILES] = {"AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"};
static const char *const systemd_names[PROFILE_FILES] = {"aws-credentials", "aws-config"};
static const char *const home_names[PROFILE_FILES] = {"credentials", "config"};

struct profile_load {
    uv_work_t work;
    struct profile_paths paths;
    struct profiles *profiles;
    struct error error;
    profile_load_done *done; /* NULL once cancelled */
    void *arg;
};

const char *profile_default(const char *(*getenv_fn)(const char *)) {
    const char *name = getenv_fn("AWS_PROFILE");
    if (!name || !*name)
        name = getenv_fn("AWS_DEFAULT_PROFILE");
    return name && *name ? name : "default";
}

void profile_paths_init(struct profile_paths *paths, const char *(*getenv_fn)(const char *)) {
    const char *home = getenv_fn("HOME"), *directory = getenv_fn("CREDENTIALS_DIRECTORY");
    *paths = (struct profile_paths){0};
    for (size_t i = 0; i < PROFILE_FILES; i++) {
        const char *named = getenv_fn(variables[i]);
        if (named && strncmp(named, "~/", 2) == 0 && home)
            paths->named[i] = x_printf("%s%s", home, named + 1);
        else if (named && *named)
            paths->named[i] = x_strdup(named);
        if (directory && *directory)
            paths->systemd[i] = x_printf("%s/%s", directory, systemd_names[i]);
        if (home && *home)
            paths->home[i] = x_printf("%s/.aws/%s", home, home_names[i]);
    }
}

void profile_paths_fini(struct profile_paths *paths) {
    for (size_t i = 0; i < PROFILE_FILES; i++) {
        free(paths->named[i]);
        free(paths->systemd[i]);
        free(paths->home[i]);
    }
    *paths = (struct profile_paths){0};
}

void profile_paths_tell(const struct profile_paths *paths, struct buffer *out) {
    const char *between = "";
    for (size_t i = 0; i < PROFILE_FILES; i++) {
        const char *named = paths->named[i];
        const char *const places[] = {named, named ? NULL : paths->systemd[i], named ? NULL : paths->home[i]};
        for (size_t j = 0; j < array_length(places); j++) {
            if (places[j])
                buffer_printf(out, "%s%s", between, places[j]);
            between = places[j] ? ", " : between;
        }
    }
    if (!*between)
        buffer_add(out, "no file: neither AWS_SHARED_CREDENTIALS_FILE nor HOME is set");
}

static bool read_bytes(int fd, struct buffer *bytes, const char *path, struct error *error) {
    for (;;) {
        if (!buffer_reserve(bytes, 4096)) {
            error_set(error, ERROR_INVALID, "%s: larger than 1 MiB; is this a file of AWS profiles?", path);
            return false;
        }
        ssize_t got = read(fd, bytes->data + bytes->length, 4096);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            error_set_errno(error, errno, "cannot read %s", path);
        if (got <= 0)
            return got == 0;
        bytes->length += (size_t)got;
        bytes->data[bytes->length] = '\0';
    }
}

/* *exists is false for what is no regular file: AWS_CONFIG_FILE=/dev/null is a common way to say "none". */
static bool read_file(const char *path, struct buffer *bytes, bool *exists, struct error *error) {
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    *exists = fd >= 0;
    if (fd < 0) {
        if (errno == ENOENT || errno == ENOTDIR)
            return true;
        error_set_errno(error, errno, "cannot open %s", path);
        return false;
    }
    struct stat about;
    *exists = fstat(fd, &about) == 0 && S_ISREG(about.st_mode);
    bool ok = !*exists || read_bytes(fd, bytes, path, error);
    close(fd);
    return ok;
}

/* The first of the places that exists. */
static bool read_kind(struct profiles *profiles, const struct profile_paths *paths, enum profile_file file,
                      struct error *error) {
    const char *named = paths->named[file];
    const char *const places[] = {named, named ? NULL : paths->systemd[file], named ? NULL : paths->home[file]};
    for (size_t i = 0; i < array_length(places); i++) {
        struct buffer bytes = BUFFER_INIT(PROFILE_FILE_MOST);
        bool exists = false, ok = true;
        if (places[i])
            ok = read_file(places[i], &bytes, &exists, error);
        if (ok && exists)
            ok = profiles_add(profiles, file, places[i], bytes.data ? bytes.data : "", bytes.length, error);
        buffer_fini_secret(&bytes);
        if (!ok || exists)
            return ok;
    }
    return true;
}

struct profiles *profiles_read(const struct profile_paths *paths, struct error *error) {
    struct profiles *profiles = profiles_new();
    for (unsigned i = 0; i < PROFILE_FILES; i++) {
        if (!read_kind(profiles, paths, (enum profile_file)i, error)) {
            profiles_free(profiles);
            return NULL;
        }
    }
    return profiles;
}

static void work(uv_work_t *work) {
    struct profile_load *load = container_of(work, struct profile_load, work);
    load->profiles = profiles_read(&load->paths, &load->error);
}

static void on_worked(uv_work_t *work, int status) {
    struct profile_load *load = container_of(work, struct profile_load, work);
    struct profiles *profiles = take_pointer(load->profiles);
    if (load->done && status == 0)
        load->done(load->arg, profiles, profiles ? NULL : &load->error);
    else
        profiles_free(profiles); /* cancelled */
    profile_paths_fini(&load->paths);
    error_clear(&load->error);
    free(load);
}

struct profile_load *profile_load_start(uv_loop_t *loop, const char *(*getenv_fn)(const char *),
                                        profile_load_done *done, void *arg) {
    struct profile_load *load = x_calloc(1, sizeof *load);
    load->done = done;
    load->arg = arg;
    profile_paths_init(&load->paths, getenv_fn);
    uv_queue_work(loop, &load->work, work, on_worked); /* fails only without a work function */
    return load;
}

/* A worker may be reading: what it brings is dropped in on_worked(). */
void profile_load_cancel(struct profile_load *load) {
    load->done = NULL;
    uv_cancel((uv_req_t *)&load->work);
}
