/* SPDX-License-Identifier: Apache-2.0 */
/* Inside job/: a part on its way, between output.c, which decides, and output_part.c, which seals and sends it. */
#ifndef JOB_OUTPUT_PART_H
#define JOB_OUTPUT_PART_H

#include <sys/queue.h>

#include "job/output.h"
#include "job/settle.h"

struct output_part;
TAILQ_HEAD(part_list, output_part);

/*
 *     SEALING (worker: the format's end is added, checksums) -> SEALED -> SENDING (a PUT or UploadPart) -> acknowledged: gone
 *                                                                            |                                |
 *                                                                            +-> SUMMING (worker: the MD5) ---+
 *
 * A part whose output has gone while a worker had it (`output` NULL) only gives its memory back.
 */
enum part_state { PART_SEALING, PART_SEALED, PART_SENDING, PART_SUMMING };

struct output_part {
    TAILQ_ENTRY(output_part) entry;
    struct output *output;
    struct workshop *workshop;
    enum part_state state;
    size_t object;   /* index in the record */
    size_t index;    /* of the part in its object */
    size_t serial;   /* of the part in the output */
    unsigned number; /* UploadPart's: index + 1 */
    struct chunk chunk;
    size_t reserved; /* of the pool, for the chunk's blocks and the ending's */
    char *ending;    /* literal text that ends the object, owned; NULL: none */
    enum stream_compression compression;
    bool want_md5, want_sha256;
    struct chunk_seal seal;
    char *etag; /* owned: while the MD5 is summed */
    char sha256[2 * SHA256_LENGTH + 1];
    struct http_slice *slices;
    size_t slice_count;
    uv_work_t work;
    void (*worked)(struct output_part *part); /* follows on the loop */
    struct s3_call *call;
    struct settle *settle;
};

/* Starts the worker; `sealed` is called on the loop unless the part was orphaned. */
void part_seal(struct output_part *part, uv_loop_t *loop, void (*sealed)(struct output_part *part));

/* The same for the MD5 of one that has been sent without it. */
void part_sum(struct output_part *part, uv_loop_t *loop, void (*summed)(struct output_part *part));

/* The body of a sealed part; good as long as the part. */
struct s3_body part_body(const struct output_part *part);

/* Gives everything back; a part that a worker still has goes when the worker is done. */
void part_free(struct output_part *part);

#endif
