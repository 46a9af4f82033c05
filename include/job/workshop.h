/* SPDX-License-Identifier: Apache-2.0 */
/* What the worker threads share: the pool, and workspaces for encoding, one for each task that runs at this moment. */
#ifndef JOB_WORKSHOP_H
#define JOB_WORKSHOP_H

#include "stream/chunk.h"
#include "stream/pool.h"

struct workshop;

/* `buffer_memory` is the pool's limit. */
struct workshop *workshop_new(size_t buffer_memory);
void workshop_free(struct workshop *workshop); /* everything must have been given back */

struct pool *workshop_pool(struct workshop *workshop);

/* Thread-safe. There are never more than there are worker threads. */
struct chunk_workspace *workshop_take(struct workshop *workshop);
void workshop_give(struct workshop *workshop, struct chunk_workspace *workspace);

/* Nothing more is to be done for now: idle workspaces, and what malloc() has kept, go back to the system. */
void workshop_rest(struct workshop *workshop);

#endif
