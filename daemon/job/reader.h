/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the reader's files share, and nobody else includes.
 *
 *     reader.c        which parts, how many at once, memory, what the receiver is told
 *     reader_lane.c   one part, from its begin to its end: its rooms, what its worker wants
 *     reader_get.c    its bytes
 *     reader_work.c   the worker's half of a lane: checksums and the decoder
 *     reader_check.c  what is wrong with it
 *
 * All is moved by one function, on_soon() on a timer of the loop; callbacks only note what has come and ask for it.
 */
#ifndef JOB_READER_PRIVATE_H
#define JOB_READER_PRIVATE_H

#include <sys/queue.h>
#include <uv.h>

#include "aws/s3.h"
#include "base/digest.h"
#include "job/reader.h"
#include "stream/decode.h"

#define LANES_DEFAULT 4
#define TEXT_ROOM     ((size_t)256 << 10)
#define BATCH_ROOM    ((size_t)1 << 20)
#define BATCH_SPANS   ((size_t)16384)
#define SPANS_ROOM    (BATCH_SPANS * sizeof(struct span))

/* Stored bytes of one GET, in blocks of the pool. */
struct piece {
    struct block *first, *last;
    uint64_t length;
    bool there; /* also one of no bytes */
};

/* What the worker works on; while it works nobody else touches it. */
struct lane_work {
    struct decoder *decoder;
    struct decode_batch batch;
    bool check_only;
    bool decode; /* else only the checksums are wanted, and the piece stays as it is */
    bool summed; /* the checksums of these bytes are known */
    struct pool *pool;
    struct piece piece; /* decoded, each block goes back to the pool at once: its first is the one that is read */
    bool last;          /* the part's last piece */
    struct decode_input input; /* the rest of its first block */
    bool begun;
    uint32_t crc32;
    struct digest *md5;
    uint64_t stored;
    enum decode_result result;
    struct error error;
};

/* Until the decoder wants something of the loop. On a worker thread. */
void lane_work(struct lane_work *work);

/*
 * What is delivered is written into tables, so the part's checksum is to be right before. Where there is one:
 *
 *     LANE_HOLDS     the stored bytes stay in memory until they are proven, and are decoded then
 *     LANE_TWICE     too large for that: they are read once to be proven, and once more to be decoded
 *     LANE_STRAIGHT  too large, and not worth a second read; or nothing proves them; or nothing is delivered: decoded as they come
 */
enum lane_way { LANE_STRAIGHT, LANE_HOLDS, LANE_TWICE };

struct lane {
    TAILQ_ENTRY(lane) entry;
    struct reader *reader; /* NULL: dropped, and waits for its worker */
    struct pool *pool;
    size_t object, part;
    uint64_t before;      /* items of the object before this part */
    uint64_t offset, end; /* what is still to be asked for */
    bool knows_end;
    struct s3_call *call;
    struct http_sink sink;
    uint64_t wanted;              /* bytes of the GET under way */
    struct piece coming, waiting; /* of the GET under way; the one that the worker gets next */
    enum lane_way way;
    struct piece kept; /* of LANE_HOLDS, until they are proven */
    bool proven;       /* the checksum was right before anything was decoded */
    bool delivered;    /* something of it */
    unsigned char md5[MD5_LENGTH];
    size_t room; /* of what is reserved: for pieces */
    struct lane_work work;
    uv_work_t task;
    struct decode_text text;
    struct csv_columns *columns; /* that the decoder borrows */
    size_t reserved;
    bool working, answered, starving;
    bool broken; /* the rest of the part is not read */
    bool over;   /* the decoder has come to its end */
    unsigned damages;
    uint64_t items, raw_bytes; /* counted in the reader's progress */
};
TAILQ_HEAD(lanes, lane);

/* Shared with the batches that are out. */
struct batch_home {
    unsigned references;
    struct reader *reader; /* NULL once it is freed */
    struct pool *pool;
};

enum { TOLD_MISSING = 1, TOLD_SHORT = 2, TOLD_ETAG = 4, TOLD_RUN = 8 };

struct reader {
    struct reader_options options;
    struct reader_events events;
    const struct source_output *output;
    struct pool *pool;
    struct batch_home *home;
    struct lanes lanes;
    unsigned lane_count, batches_out;
    size_t piece_size;
    size_t hold_most;    /* stored bytes that one lane may hold */
    size_t object, part; /* the next to look at */
    uint64_t before;     /* items of `object` before `part` */
    unsigned char *told; /* an object's bits: what has been said of it already */
    bool held, dead, ended;
    struct error failure;
    struct reader_progress progress;
    uv_timer_t soon;
    struct pool_waiter waiter;
};

/* All that can be done is done soon, from the loop. */
void reader_soon(struct reader *reader);

/* Says it, or makes it the end. The receiver may free the reader meanwhile: look at `dead`. Clears the error. */
struct doubt {
    size_t object, part;
    uint64_t first_line, last_line;
};
void reader_damage(struct reader *reader, const struct doubt *doubt, struct error *error);

/* S3 could not be read: the end. */
void reader_fail(struct reader *reader, const struct error *error);

/* More of the pool for a lane that cannot go on without; false: not now, the lane is starving. */
bool reader_reserve(struct reader *reader, struct lane *lane, size_t bytes);

/* What a lane takes before it begins with this part. */
size_t lane_reserve(const struct reader *reader, size_t object, size_t part);

/* Its reservation has been made. */
void lane_open(struct reader *reader, size_t object, size_t part, uint64_t before);

/* How large a part may be that is held, within this pool: one lane alone, its batch and one more leave no less. */
size_t lane_hold_most(const struct pool *pool, enum stream_compression compression);

/* The length is known that was not: there may be room to hold the part after all. */
void lane_settle_way(struct lane *lane);

/* Does all that can be done now. The lane may be gone when it returns. */
void lane_step(struct lane *lane);

/* Drops what is under way. */
void lane_drop(struct lane *lane);

const struct source_object *lane_object(const struct lane *lane);
const struct source_part *lane_part(const struct lane *lane);

/* Where the bytes of its GETs go. */
struct http_sink lane_sink(struct lane *lane);

/* Asks for what comes next, where it may. */
void lane_ask(struct lane *lane);
void lane_give_piece(struct lane *lane, struct piece *piece);

/* Is there a checksum of it? */
bool part_is_provable(const struct source_object *object, size_t part);

/* Tells what is wrong with lines of the part (0: not known), or, once whatever part finds it, with the object. Clears the error. */
void lane_damaged(struct lane *lane, uint64_t first, uint64_t last, struct error *error);
void lane_object_damaged(struct lane *lane, unsigned what, struct error *error);

/* All stored bytes have been read: are they what was written? Ends the MD5. And its items, as counted. */
void lane_check_bytes(struct lane *lane);
void lane_check_items(struct lane *lane, uint64_t found);

#endif
