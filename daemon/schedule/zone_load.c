/* SPDX-License-Identifier: Apache-2.0 */
/* The edge of zones: names become files below /usr/share/zoneinfo, never outside of it; a wrong name hears the nearest one. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/nearest.h"
#include "zone_private.h"

#define FOLDER  "/usr/share/zoneinfo"
#define LARGEST ((size_t)1 << 20)
#define DEEPEST 3 /* "America/Argentina/Ushuaia" */
#define LONGEST 255

static const char *folder(void) {
    const char *set = getenv("TZDIR");
    return set && *set ? set : FOLDER;
}

/* Words of letters, digits, '_', '+' and '-', joined by '/': no "..", nothing absolute. */
static bool name_is_plain(const char *name) {
    size_t length = strlen(name);
    return length && length <= LONGEST &&
           strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_+-/") == length &&
           name[0] != '/' && name[length - 1] != '/' && !strstr(name, "//");
}

struct search {
    struct nearest nearest;
    char found[LONGEST + 1];
};

static void search_folder(struct search *search, const char *path, const char *prefix, int depth) {
    DIR *listing = opendir(path);
    struct dirent *entry;
    while (listing && (entry = readdir(listing))) {
        if (entry->d_name[0] < 'A' || entry->d_name[0] > 'Z') /* "posix", "right", "zone.tab", "." */
            continue;
        _cleanup_free_ char *name = x_printf("%s%s", prefix, entry->d_name);
        _cleanup_free_ char *below = x_printf("%s/%s", path, entry->d_name);
        struct stat status;
        if (stat(below, &status) != 0 || strlen(name) > LONGEST)
            continue;
        _cleanup_free_ char *deeper = x_printf("%s/", name);
        if (S_ISDIR(status.st_mode) && depth < DEEPEST) {
            search_folder(search, below, deeper, depth + 1);
            continue;
        }
        size_t best = search->nearest.distance;
        nearest_try(&search->nearest, name);
        if (search->nearest.distance < best)
            memcpy(search->found, name, strlen(name) + 1);
    }
    if (listing)
        closedir(listing);
}

static void say_unknown(const char *name, struct error *error) {
    struct search search = {.nearest = NEAREST_TO(name)};
    search_folder(&search, folder(), "", 1);
    if (search.found[0])
        error_set(error, ERROR_INVALID, "no time zone \"%s\"; did you mean %s?", name, search.found);
    else
        error_set(error, ERROR_INVALID, "no time zone \"%s\" in %s; accepted are names like Asia/Ho_Chi_Minh and UTC",
                  name, folder());
}

/* All of a regular file; false with errno. */
static bool read_file(const char *path, struct buffer *bytes) {
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat status;
    bool fine = file >= 0 && fstat(file, &status) == 0;
    if (fine && !S_ISREG(status.st_mode)) {
        errno = ENOENT;
        fine = false;
    }
    while (fine) {
        char part[4096];
        ssize_t length = read(file, part, sizeof part);
        if (length <= 0) {
            fine = length == 0;
            break;
        }
        if (!buffer_append(bytes, part, (size_t)length)) {
            errno = EFBIG;
            fine = false;
        }
    }
    int kept = errno;
    if (file >= 0)
        close(file);
    errno = kept;
    return fine;
}

struct zone *zone_load(const char *name, struct error *error) {
    if (strcmp(name, "UTC") == 0)
        return zone_utc();
    if (!name_is_plain(name)) {
        say_unknown(name, error);
        return NULL;
    }
    _cleanup_free_ char *path = x_printf("%s/%s", folder(), name);
    _cleanup_buffer_ struct buffer bytes = BUFFER_INIT(LARGEST);
    if (read_file(path, &bytes))
        return zone_parse(name, bytes.data ? bytes.data : "", bytes.length, error);
    if (errno == ENOENT || errno == ENOTDIR)
        say_unknown(name, error);
    else
        error_set_errno(error, errno, "time zone %s: reading %s", name, path);
    return NULL;
}
