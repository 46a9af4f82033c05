/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The story of reading a backup back: all that stands in its folder against all that backup.json (or an export's manifests) says of it, and every
 * byte and item of every object of every format. It tells all that is wrong, up to VERIFY_DAMAGES, not only the first.
 */
#ifndef JOB_VERIFY_H
#define JOB_VERIFY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "job/source.h"

#define VERIFY_DAMAGES 100 /* told; the others are counted */

struct verify_damage {
    char *key;                      /* of the object */
    size_t part;                    /* from 1; 0: of the object as a whole */
    uint64_t first_line, last_line; /* of the object, from 1; 0: not known */
    char *message;
};

/* Owned by who holds it: verify_result_fini(). */
struct verify_result {
    char *id, *uri, *table_arn;
    int64_t started, ended;                    /* ms since 1970 */
    uint64_t items;                            /* of the table: read and good, in the format that has most of them */
    uint64_t objects, stored_bytes, raw_bytes; /* read, over all formats */
    struct verify_damage *damages;
    size_t damage_count;
    uint64_t damages_left_out; /* found, and not among them */
    struct error error;        /* S3 could not be read: neither good nor bad is known */
};
void verify_result_fini(struct verify_result *result);

struct verify_progress {
    const char *state; /* "list", "files", "data": constant */
    uint64_t items, raw_bytes, stored_bytes;
    uint64_t total_items, total_bytes; /* over all formats; 0: not known */
    uint64_t damages;
    int64_t started;
};

/* What is taken out of `result` must be emptied there. The verify is gone when it returns. */
typedef void verify_done(void *arg, struct verify_result *result);

struct verify;

/* `source` was opened `lenient`; it and the engine are referenced. `done` fires once, never from inside this call. */
struct verify *verify_start(struct engine *engine, struct source *source, verify_done *done, void *arg);
void verify_cancel(struct verify *verify); /* no `done`; NULL is fine */
struct verify_progress verify_progress(const struct verify *verify);

#endif
