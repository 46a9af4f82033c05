/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Takes a run back.
 *
 *     BACKUP   delete backup.json: from here on nothing lists it (where that fails it may stand, and its objects stay)
 *     KNOWN    abort the uploads whose ids we know
 *     UPLOADS  list the uploads of the plain objects' keys, abort each
 *     PLAIN    list the plain objects, HEAD each: what carries our run is ours
 *     FILES    list all under the backup's folder but _started, delete; listed again until nothing is left: a PUT whose
 *              connection we dropped may still have been on its way
 *     STARTED  delete _started, where all the rest went
 *
 * Each other step goes on after an error, so that as much as possible is removed; the first error is told.
 */
#include "job/undo.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

#define ROUNDS 3 /* of listing the folder */

enum undo_state { BACKUP, KNOWN, UPLOADS, PLAIN, FILES, STARTED, DONE };

/* What a page of a list gave and is still to be dealt with. */
struct todo {
    char **keys, **ids;
    size_t count, at;
};

struct undo {
    const struct s3_bucket *bucket;
    const struct backup_names *names;
    enum undo_state state;
    char *stem; /* of the plain objects' keys: PREFIXbackup-STAMP-XXXXXXXX. */
    char *started;
    char *next; /* of a list that has further pages */
    struct todo todo;
    unsigned rounds;
    bool uploads_only;     /* ... are to go */
    bool may_stand;        /* the backup: its backup.json could not be deleted */
    undo_refused *refused; /* of a backup that stood; NULL: a run is taken back */
    bool listed;           /* the current list has no further page */
    struct s3_call *call;
    struct error error;
    undo_done *done;
    void *arg;
};

static void undo_step(struct undo *undo);

static void todo_clear(struct todo *todo) {
    for (size_t i = 0; i < todo->count; i++) {
        free(todo->keys[i]);
        free(todo->ids[i]);
    }
    free(todo->keys);
    free(todo->ids);
    *todo = (struct todo){0};
}

static void undo_free(struct undo *undo) {
    todo_clear(&undo->todo);
    free(undo->stem);
    free(undo->started);
    free(undo->next);
    error_clear(&undo->error);
    free(undo);
}

static void keep_error(struct undo *undo, const struct error *error) {
    struct error copy = error_copy(error);
    error_keep_first(&undo->error, &copy);
}

static void next_state(struct undo *undo) {
    bool is_last = undo->uploads_only || (undo->may_stand && undo->state >= UPLOADS);
    undo->state = is_last ? DONE : undo->state + 1;
    undo->listed = false;
    free(take_pointer(undo->next));
    todo_clear(&undo->todo);
}

static bool is_ours(const struct undo *undo, const char *key) {
    if (undo->state != FILES)
        return backup_plain_key_is(undo->names, key);
    return strncmp(key, undo->names->root, strlen(undo->names->root)) == 0 && strcmp(key, undo->started) != 0;
}

static void take_page(struct undo *undo, const struct s3_answer *answer) {
    struct todo *todo = &undo->todo;
    todo_clear(todo);
    todo->keys = x_calloc(answer->entry_count + 1, sizeof *todo->keys);
    todo->ids = x_calloc(answer->entry_count + 1, sizeof *todo->ids);
    for (size_t i = 0; i < answer->entry_count; i++) {
        if (!is_ours(undo, answer->entries[i].key))
            continue;
        todo->keys[todo->count] = x_strdup(answer->entries[i].key);
        todo->ids[todo->count++] = x_strdup(answer->entries[i].upload_id);
    }
    x_replace(&undo->next, answer->next);
    undo->listed = !answer->next;
}

static void on_listed(void *arg, const struct s3_answer *answer, const struct error *error) {
    struct undo *undo = arg;
    undo->call = NULL;
    if (error) {
        keep_error(undo, error);
        next_state(undo);
    } else {
        take_page(undo, answer);
    }
    undo_step(undo);
}

static void tell_refused(const struct undo *undo, const char *key, const char *why) {
    if (undo->refused)
        undo->refused(undo->arg, key, why);
}

/* The key at hand has been dealt with, or could not be. */
static void on_removed(void *arg, const struct s3_answer *answer, const struct error *error) {
    struct undo *undo = arg;
    (void)answer;
    undo->call = NULL;
    if (error) {
        keep_error(undo, error);
        tell_refused(undo, undo->todo.count ? undo->todo.keys[undo->todo.at] : undo->started, error->message);
    }
    undo->todo.at++;
    undo_step(undo);
}

/* A backup.json that stands names its objects: then they must stand too. An upload is none of them. */
static void on_backup_deleted(void *arg, const struct s3_answer *answer, const struct error *error) {
    struct undo *undo = arg;
    (void)answer;
    undo->call = NULL;
    if (error) {
        _cleanup_free_ char *key = backup_key(undo->names, "backup.json");
        keep_error(undo, error);
        tell_refused(undo, key, error->message);
        undo->may_stand = true;
        if (undo->refused)
            undo->state = DONE;
    }
    undo_step(undo);
}

static void on_plain_asked(void *arg, const struct s3_answer *answer, const struct error *error) {
    struct undo *undo = arg;
    if (!error && answer->found && answer->run && strcmp(answer->run, undo->names->run) == 0) {
        undo->call = s3_delete_object(undo->bucket, undo->todo.keys[undo->todo.at], on_removed, undo);
        return;
    }
    on_removed(undo, answer, error);
}

static void tell_failures(const struct undo *undo, const struct s3_answer *answer) {
    for (size_t i = 0; i < answer->failure_count; i++) {
        const struct s3_failure *one = &answer->failures[i];
        _cleanup_free_ char *why = x_printf("%s: %s", one->code, one->message);
        tell_refused(undo, one->key, why);
    }
}

static void on_batch_deleted(void *arg, const struct s3_answer *answer, const struct error *error) {
    struct undo *undo = arg;
    undo->call = NULL;
    undo->todo.at = undo->todo.count;
    if (error)
        keep_error(undo, error);
    else if (answer->failure_count) {
        struct error refused = {0};
        const struct s3_failure *first = &answer->failures[0];
        error_set(&refused, ERROR_DENIED, "deleting s3://%s/%s: %s: %s (%zu objects in all)", undo->bucket->name,
                  first->key, first->code, first->message, answer->failure_count);
        tell_failures(undo, answer);
        error_keep_first(&undo->error, &refused);
    }
    undo_step(undo);
}

static void list_page(struct undo *undo) {
    struct s3_list list = {.prefix = undo->state == FILES ? undo->names->root : undo->stem, .token = undo->next};
    if (undo->state == UPLOADS)
        undo->call = s3_list_uploads(undo->bucket, undo->stem, undo->next, on_listed, undo);
    else
        undo->call = s3_list_objects(undo->bucket, &list, on_listed, undo);
}

/* One thing of the page at hand; true where a call is under way. */
static bool deal(struct undo *undo) {
    struct todo *todo = &undo->todo;
    if (todo->at >= todo->count)
        return false;
    if (undo->state == UPLOADS || undo->state == KNOWN)
        undo->call = s3_abort_upload(undo->bucket, todo->keys[todo->at], todo->ids[todo->at], on_removed, undo);
    else if (undo->state == PLAIN)
        undo->call = s3_head_object(undo->bucket, todo->keys[todo->at], on_plain_asked, undo);
    else
        undo->call =
            s3_delete_objects(undo->bucket, (const char *const *)todo->keys, todo->count, on_batch_deleted, undo);
    return true;
}

/* The folder is looked at again after something was deleted from it; deleting moved the pages, so from its beginning. */
static bool look_again(struct undo *undo) {
    if (undo->state != FILES || !undo->todo.count || undo->error.code || ++undo->rounds > ROUNDS)
        return false;
    undo->listed = false;
    free(take_pointer(undo->next));
    return true;
}

static void undo_step(struct undo *undo) {
    if (undo->state == BACKUP) {
        _cleanup_free_ char *key = backup_key(undo->names, "backup.json");
        undo->state = undo->refused ? PLAIN : KNOWN;
        undo->listed = !undo->refused;
        undo->call = s3_delete_object(undo->bucket, key, on_backup_deleted, undo);
        return;
    }
    while (undo->state < STARTED) {
        if (deal(undo))
            return;
        if (undo->listed && !look_again(undo)) {
            next_state(undo);
            continue;
        }
        list_page(undo);
        return;
    }
    if (undo->state == STARTED && !undo->error.code) {
        undo->state = DONE;
        undo->todo = (struct todo){0};
        undo->call = s3_delete_object(undo->bucket, undo->started, on_removed, undo);
        return;
    }
    undo->done(undo->arg, undo->error.code ? &undo->error : NULL);
    undo_free(undo);
}

static struct undo *undo_new(const struct s3_bucket *bucket, const struct backup_names *names, undo_done *done,
                             void *arg) {
    struct undo *undo = x_calloc(1, sizeof *undo);
    undo->bucket = bucket;
    undo->names = names;
    undo->done = done;
    undo->arg = arg;
    undo->stem = x_printf("%sbackup-%s-%.8s.", names->prefix, names->stamp, names->run);
    undo->started = backup_key(names, "_started");
    return undo;
}

struct undo *undo_start(const struct s3_bucket *bucket, const struct backup_names *names, undo_done *done, void *arg) {
    struct undo *undo = undo_new(bucket, names, done, arg);
    undo_step(undo);
    return undo;
}

void undo_add_upload(struct undo *undo, const char *key, const char *id) {
    struct todo *todo = &undo->todo;
    todo->keys = x_realloc(todo->keys, (todo->count + 1) * sizeof *todo->keys);
    todo->ids = x_realloc(todo->ids, (todo->count + 1) * sizeof *todo->ids);
    todo->keys[todo->count] = x_strdup(key);
    todo->ids[todo->count++] = x_strdup(id);
}

struct undo *undo_uploads_start(const struct s3_bucket *bucket, const struct backup_names *names, undo_done *done,
                                void *arg) {
    struct undo *undo = undo_new(bucket, names, done, arg);
    undo->state = UPLOADS;
    undo->uploads_only = true;
    undo_step(undo);
    return undo;
}

struct undo *undo_backup_start(const struct s3_bucket *bucket, const struct backup_names *names, undo_refused *refused,
                               undo_done *done, void *arg) {
    struct undo *undo = undo_new(bucket, names, done, arg);
    undo->refused = refused;
    undo_step(undo);
    return undo;
}

void undo_cancel(struct undo *undo) {
    if (!undo)
        return;
    if (undo->call)
        s3_cancel(undo->call);
    undo_free(undo);
}
