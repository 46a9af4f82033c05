/* SPDX-License-Identifier: Apache-2.0 */
/* The small files around the data: _started, DynamoDB's manifests with their checksums, backup.json. Rendered by a worker. */
#ifndef JOB_PUBLISH_H
#define JOB_PUBLISH_H

#include <uv.h>

#include "aws/s3.h"
#include "job/record.h"

enum publish_what {
    PUBLISH_STARTED,
    PUBLISH_MANIFESTS, /* four files, one after the other */
    PUBLISH_BACKUP,    /* create-only, settled */
};

/* `record` is referenced and must not change until the end; the rest outlives it. */
struct publish_options {
    uv_loop_t *loop;
    const struct s3_bucket *bucket;
    const struct s3_object_options *objects;
    struct backup_record *record;
    bool resumed;   /* what stands there of this run is replaced */
    bool *attested; /* of _started: is the store's ETag its MD5? (s3_attested_md5()); never NULL */
    uint64_t *size; /* gets the last file's, before anything of it is sent; NULL is fine */
};

typedef void publish_done(void *arg, const struct error *error);

struct publish;
struct publish *publish_start(const struct publish_options *options, enum publish_what what, publish_done *done,
                              void *arg);
void publish_cancel(struct publish *publish); /* NULL is fine */

#endif
