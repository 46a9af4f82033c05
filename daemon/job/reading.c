/* SPDX-License-Identifier: Apache-2.0 */
/*
 *     in_use (at once) -> worker: the lock of each state directory -> done ... end -> in_use (at once) -> worker: the locks go
 *
 * The file of a backup is called by its ID; that of a plain object, which lies beside the folder, by what its name begins with. A prune
 * has both.
 */
#include "job/reading.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

#define NAMES 2
#define LOCKS (NAMES * READING_DIRECTORIES)
#define STEM  (sizeof "backup-20250706-020000-1a2b3c4d" - 1)

struct reading {
    uv_work_t task;
    struct engine *engine;
    char *uri, *by, *job; /* `by`, `uri`: as in_use has it; NULL where `names` is removed */
    struct backup_names names;
    bool alone, held /* in this process */, working, ended;
    char *name[NAMES];
    size_t name_count;
    struct reading_lock locks[LOCKS];
    size_t lock_count;
    char *busy; /* who has it */
    struct error unknown;
    reading_done *done;
    void *arg;
};

/* ------------------------------------------------------------ names */

/* NULL: no prune would touch it. The caller frees. */
static char *name_of(const char *uri) {
    size_t length = strlen(uri);
    bool folder = length && uri[length - 1] == '/';
    size_t end = folder ? length - 1 : length, begin = end;
    while (begin && uri[begin - 1] != '/')
        begin--;
    const char *base = uri + begin;
    if (folder)
        return end > begin ? x_strndup(base, end - begin) : NULL;
    return end - begin >= STEM && strncmp(base, "backup-", strlen("backup-")) == 0 ? x_strndup(base, STEM) : NULL;
}

static void add_name(struct reading *reading, const char *uri) {
    char *name = name_of(uri);
    if (name)
        reading->name[reading->name_count++] = name;
}

const char *reading_backup_by(const struct reading_list *list, const struct backup_names *names) {
    _cleanup_free_ char *stem = backup_plain_stem(names), *plain = name_of(stem);
    for (size_t i = 0; list && i < list->count; i++)
        if (strcmp(list->items[i].name, names->id) == 0 || text_equal(list->items[i].name, plain))
            return list->items[i].by;
    return NULL;
}

/* ------------------------------------------------------------ on a worker */

static void drop_locks(struct reading *reading) {
    while (reading->lock_count)
        reading_lock_drop(&reading->locks[--reading->lock_count]);
}

/* False: somebody has it. */
static bool take_one(struct reading *reading, const char *directory, const char *name) {
    struct reading_want want = {
        .directory = directory, .name = name, .by = reading->alone ? "a prune" : reading->by, .alone = reading->alone};
    _cleanup_error_ struct error error = {0};
    enum reading_result result = reading_lock_take(&want, &reading->locks[reading->lock_count], &reading->busy, &error);
    if (result == READING_TAKEN)
        reading->lock_count++;
    else if (result == READING_UNKNOWN)
        error_keep_first(&reading->unknown, &error);
    return result != READING_BUSY;
}

static void take_locks(uv_work_t *task) {
    struct reading *reading = container_of(task, struct reading, task);
    for (size_t i = 0; reading->held && i < READING_DIRECTORIES && reading->engine->shared.reading[i]; i++)
        for (size_t k = 0; k < reading->name_count; k++)
            if (!take_one(reading, reading->engine->shared.reading[i], reading->name[k])) {
                drop_locks(reading);
                return;
            }
}

static void let_go(uv_work_t *task) {
    drop_locks(container_of(task, struct reading, task));
}

/* ------------------------------------------------------------ on the loop */

static void leave_process(struct reading *reading) {
    struct in_use *set = reading->engine->shared.in_use;
    if (reading->held && reading->alone)
        in_use_give_backup_back(set, &reading->names);
    else if (reading->held)
        in_use_let_go(set, reading->uri, reading->by);
    reading->held = false;
}

static void reading_free(struct reading *reading) {
    for (size_t i = 0; i < reading->name_count; i++)
        free(reading->name[i]);
    backup_names_fini(&reading->names);
    error_clear(&reading->unknown);
    free(reading->uri);
    free(reading->by);
    free(reading->job);
    free(reading->busy);
    engine_unref(reading->engine);
    free(reading);
}

static void on_let_go(uv_work_t *task, int status) {
    (void)status;
    reading_free(container_of(task, struct reading, task));
}

void reading_end(struct reading *reading) {
    if (!reading)
        return;
    leave_process(reading);
    reading->ended = true;
    if (reading->working)
        return;
    if (reading->lock_count)
        uv_queue_work(reading->engine->shared.loop, &reading->task, let_go, on_let_go);
    else
        reading_free(reading);
}

static void warn(const struct reading *reading) {
    _cleanup_free_ char *message = x_printf(
        "a prune by another process of this host does not know of %s, and may remove what it reads", reading->by);
    report(reading->engine->shared.reporter,
           EVENT(EVENT_RUN_WARNING, .job = reading->job, .error = &reading->unknown, .message = message));
}

static void on_taken(uv_work_t *task, int status) {
    struct reading *reading = container_of(task, struct reading, task);
    (void)status;
    reading->working = false;
    if (reading->ended) {
        reading_end(reading);
        return;
    }
    if (reading->busy)
        leave_process(reading);
    if (reading->unknown.code && !reading->alone && !reading->busy)
        warn(reading);
    reading->done(reading->arg, reading->busy);
}

static struct reading *begin(struct engine *engine, reading_done *done, void *arg) {
    struct reading *reading = x_calloc(1, sizeof *reading);
    reading->engine = engine_ref(engine);
    reading->done = done;
    reading->arg = arg;
    return reading;
}

static struct reading *go(struct reading *reading, const char *busy) {
    reading->busy = reading->held ? NULL : x_strdup(busy ? busy : "another");
    reading->working = true;
    uv_queue_work(reading->engine->shared.loop, &reading->task, take_locks, on_taken);
    return reading;
}

struct reading *reading_start(struct engine *engine, const char *uri, const char *by, const char *job,
                              reading_done *done, void *arg) {
    struct reading *reading = begin(engine, done, arg);
    reading->uri = x_strdup(uri);
    reading->by = x_strdup(by);
    reading->job = x_strdup(job);
    reading->held = in_use_hold(engine->shared.in_use, uri, by);
    add_name(reading, uri);
    return go(reading, in_use_by(engine->shared.in_use, uri));
}

struct reading *reading_start_alone(struct engine *engine, const struct backup_names *names, reading_done *done,
                                    void *arg) {
    struct reading *reading = begin(engine, done, arg);
    _cleanup_free_ char *plain = backup_plain_stem(names);
    reading->alone = true;
    reading->names = backup_names_copy(names);
    reading->held = in_use_take_backup_alone(engine->shared.in_use, names);
    add_name(reading, names->uri);
    add_name(reading, plain);
    return go(reading, in_use_backup_by(engine->shared.in_use, names));
}

/* ------------------------------------------------------------ a look at all */

struct reading_look {
    uv_work_t task;
    struct engine *engine;
    struct reading_list list;
    struct error unknown;
    reading_seen *seen; /* NULL: cancelled */
    void *arg;
};

static void look(uv_work_t *task) {
    struct reading_look *look = container_of(task, struct reading_look, task);
    for (size_t i = 0; i < READING_DIRECTORIES && look->engine->shared.reading[i]; i++) {
        struct error error = {0};
        if (!reading_list_add(&look->list, look->engine->shared.reading[i], &error))
            error_keep_first(&look->unknown, &error);
        error_clear(&error);
    }
}

static void on_looked(uv_work_t *task, int status) {
    struct reading_look *look = container_of(task, struct reading_look, task);
    (void)status;
    if (look->seen)
        look->seen(look->arg, &look->list, look->unknown.code ? &look->unknown : NULL);
    reading_list_fini(&look->list);
    error_clear(&look->unknown);
    engine_unref(look->engine);
    free(look);
}

struct reading_look *reading_look_start(struct engine *engine, reading_seen *seen, void *arg) {
    struct reading_look *one = x_calloc(1, sizeof *one);
    *one = (struct reading_look){.engine = engine_ref(engine), .seen = seen, .arg = arg};
    uv_queue_work(engine->shared.loop, &one->task, look, on_looked);
    return one;
}

void reading_look_cancel(struct reading_look *look) {
    if (look)
        look->seen = NULL;
}
