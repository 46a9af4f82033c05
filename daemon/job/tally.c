/* SPDX-License-Identifier: Apache-2.0 */
/* One worker task a piece. Digesters, whose memory has grown to fit items, are handed from task to task: there are never more than there
 * are worker threads. */
#include "job/tally.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

/* What outlives tally_free() while workers have tasks. */
struct tally {
    uv_loop_t *loop;
    unsigned char key[ITEM_DIGEST_KEY];
    struct item_digest digest;
    unsigned references; /* the owner's, and one a task; of the loop thread */
    bool freed;
    uv_mutex_t lock; /* of the idle digesters */
    struct item_digester **idle;
    size_t idle_count;
};

struct tally_task {
    uv_work_t work;
    struct tally *tally;
    struct tally_piece piece;
    struct item_digest digest;
    size_t which;
    struct error error;
};

struct tally *tally_new(uv_loop_t *loop, const unsigned char key[ITEM_DIGEST_KEY]) {
    struct tally *tally = x_calloc(1, sizeof *tally);
    tally->loop = loop;
    tally->references = 1;
    memcpy(tally->key, key, sizeof tally->key);
    if (uv_mutex_init(&tally->lock) != 0)
        abort();
    return tally;
}

static void unref(struct tally *tally) {
    if (--tally->references)
        return;
    while (tally->idle_count)
        item_digester_free(tally->idle[--tally->idle_count]);
    free(tally->idle);
    uv_mutex_destroy(&tally->lock);
    free(tally);
}

void tally_free(struct tally *tally) {
    if (!tally)
        return;
    tally->freed = true;
    unref(tally);
}

static struct item_digester *take_digester(struct tally *tally) {
    struct item_digester *digester = NULL;
    uv_mutex_lock(&tally->lock);
    if (tally->idle_count)
        digester = tally->idle[--tally->idle_count];
    uv_mutex_unlock(&tally->lock);
    return digester ? digester : item_digester_new(tally->key);
}

static void give_digester(struct tally *tally, struct item_digester *digester) {
    uv_mutex_lock(&tally->lock);
    tally->idle = x_realloc(tally->idle, (tally->idle_count + 1) * sizeof(struct item_digester *));
    tally->idle[tally->idle_count++] = digester;
    uv_mutex_unlock(&tally->lock);
}

/* On a worker thread. */
static void digest_piece(uv_work_t *work) {
    struct tally_task *task = container_of(work, struct tally_task, work);
    const struct tally_piece *piece = &task->piece;
    struct item_digester *digester = take_digester(task->tally);
    for (; task->which < piece->count; task->which++) {
        const struct span *item = &piece->items[task->which];
        if (!item_digester_add(digester, &task->digest, piece->bytes + item->offset, item->length, &task->error))
            break;
    }
    give_digester(task->tally, digester);
}

static void on_digested(uv_work_t *work, int status) {
    struct tally_task *task = container_of(work, struct tally_task, work);
    struct tally *tally = task->tally;
    (void)status;
    if (!tally->freed) {
        if (!task->error.code)
            item_digest_join(&tally->digest, &task->digest);
        task->piece.done(task->piece.arg, task->which, task->error.code ? &task->error : NULL);
    }
    task->piece.release(task->piece.arg);
    error_clear(&task->error);
    free(task);
    unref(tally);
}

void tally_feed(struct tally *tally, const struct tally_piece *piece) {
    struct tally_task *task = x_calloc(1, sizeof *task);
    task->tally = tally;
    task->piece = *piece;
    tally->references++;
    uv_queue_work(tally->loop, &task->work, digest_piece, on_digested);
}

struct item_digest tally_digest(const struct tally *tally) {
    return tally->digest;
}
