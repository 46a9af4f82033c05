/* SPDX-License-Identifier: Apache-2.0 */
/*
 *     CREATE --success--> done
 *        |  412 exists, 404 no such upload; or a success that names no ETag (Ceph's Complete)
 *        v
 *     ASK (HEAD) --x-amz-meta-run is ours--> done;  another's, or nothing there--> the error of CREATE
 *        |  ours, and maybe of the process before this one
 *        v
 *     REPLACE (PUT) --> done
 */
#include "job/settle.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

struct settle {
    const struct s3_bucket *bucket;
    char *key, *run;
    uint64_t size;     /* of the object as we made it */
    struct s3_put put; /* to replace with */
    bool again;
    struct s3_call *call;
    struct error failure; /* CREATE's, while we ask */
    settle_done *done;
    void *arg;
};

static void settle_end(struct settle *settle, const char *etag, const struct error *error) {
    settle->done(settle->arg, etag, error);
    error_clear(&settle->failure);
    free(settle->key);
    free(settle->run);
    free(settle);
}

static void on_created(void *arg, const struct s3_answer *answer, const struct error *error);

static void replace(struct settle *settle) {
    settle->again = false;
    settle->put.create_only = false;
    error_clear(&settle->failure);
    settle->call = s3_put_object(settle->bucket, &settle->put, on_created, settle);
}

static void on_asked(void *arg, const struct s3_answer *answer, const struct error *error) {
    struct settle *settle = arg;
    bool is_runs = !error && answer->found && answer->run && strcmp(answer->run, settle->run) == 0;
    bool is_ours = is_runs && answer->length == settle->size;
    settle->call = NULL;
    if (settle->failure.code && settle->again && is_runs) {
        replace(settle);
        return;
    }
    if (!settle->failure.code && (error || is_ours)) { /* it was made; only its ETag was asked for */
        settle_end(settle, is_ours ? answer->etag : NULL, NULL);
        return;
    }
    if (!settle->failure.code)
        error_set(&settle->failure, ERROR_CORRUPT, "s3://%s/%s: the store said that it made the object",
                  settle->bucket->name, settle->key);
    if (error) {
        error_context(&settle->failure, "and asking what exists failed too (%s)", error->message);
        settle_end(settle, NULL, &settle->failure);
        return;
    }
    if (is_ours) {
        settle_end(settle, answer->etag, NULL);
        return;
    }
    error_advice(&settle->failure, answer->found ? "an object of another run stands there; it was not touched"
                                                 : "no object stands there either");
    settle_end(settle, NULL, &settle->failure);
}

static void on_created(void *arg, const struct s3_answer *answer, const struct error *error) {
    struct settle *settle = arg;
    settle->call = NULL;
    if (!error && answer->etag) {
        settle_end(settle, answer->etag, NULL);
        return;
    }
    if (error && error->code != ERROR_EXISTS && error->code != ERROR_NOT_FOUND) {
        settle_end(settle, NULL, error);
        return;
    }
    if (error)
        settle->failure = error_copy(error);
    settle->call = s3_head_object(settle->bucket, settle->key, on_asked, settle);
}

static struct settle *settle_new(const struct s3_bucket *bucket, const char *key, const char *run, settle_done *done,
                                 void *arg) {
    struct settle *settle = x_calloc(1, sizeof *settle);
    settle->bucket = bucket;
    settle->key = x_strdup(key);
    settle->run = x_strdup(run);
    settle->done = done;
    settle->arg = arg;
    return settle;
}

struct settle *settle_put(const struct s3_bucket *bucket, const struct s3_put *put, settle_done *done, void *arg) {
    struct settle *settle = settle_new(bucket, put->key, put->run, done, arg);
    struct s3_put create = *put;
    create.create_only = true;
    for (size_t i = 0; i < put->body.slice_count; i++)
        settle->size += put->body.slices[i].length;
    settle->call = s3_put_object(bucket, &create, on_created, settle);
    return settle;
}

struct settle *settle_put_again(const struct s3_bucket *bucket, const struct s3_put *put, settle_done *done,
                                void *arg) {
    struct settle *settle = settle_put(bucket, put, done, arg);
    settle->put = *put;
    settle->again = true;
    return settle;
}

struct settle *settle_complete(const struct s3_bucket *bucket, const struct s3_complete *complete, const char *run,
                               settle_done *done, void *arg) {
    struct settle *settle = settle_new(bucket, complete->key, run, done, arg);
    struct s3_complete create = *complete;
    create.create_only = true;
    settle->size = complete->size;
    settle->call = s3_complete_upload(bucket, &create, on_created, settle);
    return settle;
}

void settle_cancel(struct settle *settle) {
    if (!settle)
        return;
    if (settle->call)
        s3_cancel(settle->call);
    error_clear(&settle->failure);
    free(settle->key);
    free(settle->run);
    free(settle);
}
