/* SPDX-License-Identifier: Apache-2.0 */
/* A free list of workspaces behind a mutex. A task takes one when it runs, not when it is queued: libuv's four threads
 * need four, however many jobs wait. */
#include "job/workshop.h"

#include <stdlib.h>
#include <string.h>
#include <uv.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

#include "base/memory.h"

#define KEPT 16

struct workshop {
    struct pool *pool;
    uv_mutex_t mutex;
    struct chunk_workspace *idle[KEPT];
    size_t count;
};

struct workshop *workshop_new(size_t buffer_memory) {
    struct workshop *workshop = x_calloc(1, sizeof *workshop);
    workshop->pool = pool_new(buffer_memory);
    if (uv_mutex_init(&workshop->mutex) != 0)
        abort(); /* out of memory: the process is past saving */
    return workshop;
}

void workshop_free(struct workshop *workshop) {
    if (!workshop)
        return;
    while (workshop->count)
        chunk_workspace_free(workshop->idle[--workshop->count]);
    uv_mutex_destroy(&workshop->mutex);
    pool_free(workshop->pool);
    free(workshop);
}

/* (They are freed outside of the lock: a worker that needs one now makes its own.) */
void workshop_rest(struct workshop *workshop) {
    struct chunk_workspace *idle[KEPT];
    uv_mutex_lock(&workshop->mutex);
    size_t count = workshop->count;
    memcpy(idle, workshop->idle, count * sizeof *idle);
    workshop->count = 0;
    uv_mutex_unlock(&workshop->mutex);
    while (count)
        chunk_workspace_free(idle[--count]);
#ifdef __GLIBC__
    malloc_trim(0); /* what lies free between blocks that stay, glibc gives back to the system only when asked */
#endif
}

struct pool *workshop_pool(struct workshop *workshop) {
    return workshop->pool;
}

struct chunk_workspace *workshop_take(struct workshop *workshop) {
    struct chunk_workspace *workspace = NULL;
    uv_mutex_lock(&workshop->mutex);
    if (workshop->count)
        workspace = workshop->idle[--workshop->count];
    uv_mutex_unlock(&workshop->mutex);
    return workspace ? workspace : chunk_workspace_new();
}

void workshop_give(struct workshop *workshop, struct chunk_workspace *workspace) {
    uv_mutex_lock(&workshop->mutex);
    if (workshop->count < KEPT) {
        workshop->idle[workshop->count++] = workspace;
        workspace = NULL;
    }
    uv_mutex_unlock(&workshop->mutex);
    chunk_workspace_free(workspace);
}
