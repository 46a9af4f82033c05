/* SPDX-License-Identifier: Apache-2.0 */
/* The ground of job/'s stories: a loop, the cloud, an engine and a workshop for it, and what became of a run. */
#ifndef UNIT_JOB_WORLD_H
#define UNIT_JOB_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "cloud/cloud.h"
#include "job/backup.h"
#include "peer.h"

struct world {
    uv_loop_t loop;
    struct cloud *cloud;
    struct reporter *reporter;
    struct report_listener listener;
    struct buffer said; /* events, a line each: "run-started studentData: ..." */
    struct mail_templates *templates;
    struct workshop *workshop;
    struct engine_shared shared;
    struct config *config;
    struct engine *engine;
    unsigned items; /* made so far; their ids are "i0", "i1", ... */
    struct backup *backup;
    unsigned times; /* that done fired */
    bool over;
    struct run_result result;
    char folder[32];
    struct state *state; /* NULL: runs are kept nowhere */
};

#define MEMORY ((size_t)64 << 20)

int world_set_up(void **state);
int world_tear_down(void **state); /* asserts that nothing is left: no handle, no memory of the pool */
#define WITH_WORLD(test) cmocka_unit_test_setup_teardown(test, world_set_up, world_tear_down)

/* A configuration whose endpoints are the cloud; NULL-terminated pairs of a job's name and its text behind
 * "[Job] Table=tab Region=eu-west-1 [Destination] Bucket=bkt Prefix=p/", which one that names a table itself does without. */
struct config *world_config(const struct world *world, const char *main_text, ...) __attribute__((sentinel));

/* The world's own, with one job "j". */
void world_job(struct world *world, const char *text);

/* A page of `count` items with about `size` bytes each, that compress hardly. */
void world_page(struct world *world, unsigned segment, unsigned count, size_t size);

void world_flat_page(struct world *world, unsigned segment, unsigned count, size_t size); /* compresses to nothing */

/* Another pool than that of MEMORY bytes. */
void world_memory(struct world *world, size_t bytes);

void world_start(struct world *world);
void world_run(struct world *world);    /* starts, and runs until it is over */
void world_finish(struct world *world); /* runs until it is over */

/* Runs are kept in a state, in a folder that goes with the world. */
void world_keep(struct world *world);
/* What was asked of the state before is over. */
void world_until_written(struct world *world);
/* The run ends as by SIGKILL: what is in S3 and in the state stays. */
void world_kill(struct world *world);
/* The one run that the state holds; false where it holds none. The caller ends it. */
bool world_checkpoint(struct world *world, struct checkpoint *checkpoint);
/* It goes on, or is judged not to; world_finish() follows. */
void world_resume(struct world *world);

/* Runs until so many requests of that label came, or are held. */
void world_until_asked(struct world *world, const char *match, unsigned count);
void world_until_held(struct world *world, const char *match, unsigned count);

/* The run succeeded; backup.json and the objects say the same; every item made stands in every output once; at each cut all
 * outputs hold the same number; no upload is left. */
void assert_whole(struct world *world);

/* The store is as if the run had never been. */
void assert_nothing_left(const struct world *world);

bool world_has_said(const struct world *world, const char *words);
unsigned world_times_said(const struct world *world, const char *words); /* in the world's whole life */
void world_until_said(struct world *world, const char *words, unsigned times);

/* Decompressed; the caller ends it. */
struct buffer world_read(const struct cloud_object *object);

/* Where `words` stand next; NULL: nowhere. For what is long: a sanitizer's strstr() and memmem() look at all of the rest each time. */
const char *world_next(const struct buffer *text, const char *from, const char *words);

#endif
