/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The wire-speed stand-in, and what its files share: stand-in.c speaks HTTP, a thread a connection; tables.c answers for
 * DynamoDB from pages made at the start; bucket.c takes objects in and forgets their bytes. It checks no signature: it must
 * cost as little as can be, so that what is measured is the program under test.
 */
#ifndef STAND_IN_H
#define STAND_IN_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/uio.h>

#include "base/buffer.h"
#include "base/digest.h"

#define HEAD_MOST 16384
#define BODY_KEPT ((size_t)4 << 20) /* longer bodies are summed, not kept */

/* Bytes that are known to fit. */
static inline void keep(struct buffer *buffer, const char *bytes, size_t length) {
    if (!buffer_append(buffer, bytes, length))
        abort();
}

/* Since the start, or since POST /_figures. */
struct figures {
    atomic_ullong scans, page_bytes, items, bodies, body_bytes;
    atomic_uint scanning, most_scanning; /* Scan requests in flight */
};

/* One request. Texts point into the connection's head buffer. */
struct request {
    const char *method, *path, *query, *target; /* query: "" where none; target: X-Amz-Target's operation, else NULL */
    const char *run, *checksum;                 /* x-amz-meta-run, x-amz-checksum-crc32; NULL where not sent */
    uint64_t length;                            /* of the body */
    bool expects;                               /* Expect: 100-continue */
    struct buffer body;                         /* where it was kept */
    unsigned char md5[MD5_LENGTH];              /* of the body */
    bool damaged;                               /* the body is not what its checksum says */
};

/* What goes back: a status, headers besides the usual, and a body of up to three runs of bytes. */
struct answer {
    int status;
    struct buffer headers, text; /* text: of the body's last run, owned */
    struct iovec runs[2];        /* borrowed, before the text */
    size_t run_count;
    uint64_t length; /* announced where there is no body (HEAD); else 0 */
    bool scan;       /* counted in `scanning` until it is sent */
};

/* Tables are named KIND-MEGABYTES: small-256 is a table of small items whose pages sum up to 256 MB. */
void tables_init(void);
void tables_answer(struct figures *figures, const struct request *request, struct answer *answer);

/* A body is worth keeping where somebody may ask for it. */
bool bucket_keeps(const struct request *request);
void bucket_answer(struct figures *figures, struct request *request, struct answer *answer);

#endif
