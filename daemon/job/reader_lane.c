/* SPDX-License-Identifier: Apache-2.0 */
/*
 *     straight:  HEAD (only where the length is not known, or 0) -> GET a piece -> GET the next while a worker decodes -> ... -> CHECK
 *     held:      ... -> each piece's checksums, and it is kept -> PROVE -> all of them decoded -> CHECK
 *     twice:     ... -> each piece's checksums, and it goes    -> PROVE -> as straight
 *
 * A piece waits while another is worked on: beside what is kept two are in memory at most. What the decoder asks for (a batch's end,
 * more room) is done here, on the loop.
 */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "job/workshop.h"
#include "reader.h"
#include "stream/unpack.h"

const struct source_object *lane_object(const struct lane *lane) {
    return &lane->reader->output->objects[lane->object];
}

const struct source_part *lane_part(const struct lane *lane) {
    return &lane_object(lane)->parts[lane->part];
}

/* ------------------------------------------------------------ rooms */

static size_t batch_size(const struct decode_batch *batch) {
    return batch->capacity + SPANS_ROOM;
}

static void make_batch(struct lane *lane, size_t room) {
    lane->work.batch = (struct decode_batch){
        .bytes = x_malloc(room), .capacity = room, .items = x_malloc(SPANS_ROOM), .most = BATCH_SPANS};
}

static void drop_batch(struct lane *lane) {
    free(lane->work.batch.bytes);
    free(lane->work.batch.items);
    lane->work.batch = (struct decode_batch){0};
}

static bool want_text(struct lane *lane) {
    size_t room = 2 * lane->text.capacity;
    if (!reader_reserve(lane->reader, lane, room))
        return false;
    struct decode_text text = {x_malloc(room), room};
    struct decode_text old = decoder_lend_text(lane->work.decoder, text);
    free(old.bytes);
    lane->text = text;
    lane->reserved -= old.capacity;
    pool_release(lane->pool, old.capacity);
    return true;
}

static bool want_larger_batch(struct lane *lane) {
    size_t room = 2 * lane->work.batch.capacity, more = room - lane->work.batch.capacity;
    if (!reader_reserve(lane->reader, lane, more))
        return false;
    drop_batch(lane);
    make_batch(lane, room);
    return true;
}

static bool has_batch(struct lane *lane) {
    if (lane->work.check_only || lane->work.batch.bytes)
        return true;
    if (!reader_reserve(lane->reader, lane, BATCH_ROOM + SPANS_ROOM))
        return false;
    make_batch(lane, BATCH_ROOM);
    return true;
}

/* The batch, and its reservation, becomes the receiver's. */
struct batch_box {
    struct reader_batch batch;
    struct batch_home *home;
    char *bytes;
    struct span *items;
    size_t reserved;
};

static void deliver(struct lane *lane) {
    struct reader *reader = lane->reader;
    struct decode_batch *batch = &lane->work.batch;
    struct decode_figures figures = decoder_figures(lane->work.decoder);
    struct batch_box *box = x_calloc(1, sizeof *box);
    *box = (struct batch_box){.batch = {.object = lane->object,
                                        .part = lane->part,
                                        .first = lane->before + figures.items - batch->count + 1,
                                        .bytes = batch->bytes,
                                        .items = batch->items,
                                        .count = batch->count},
                              .home = reader->home,
                              .bytes = batch->bytes,
                              .items = batch->items,
                              .reserved = batch_size(batch)};
    lane->reserved -= box->reserved;
    lane->delivered = true;
    reader->home->references++;
    reader->batches_out++;
    *batch = (struct decode_batch){0};
    reader->events.batch(reader->events.arg, &box->batch);
}

void reader_batch_free(struct reader_batch *batch) {
    struct batch_box *box = container_of(batch, struct batch_box, batch);
    struct batch_home *home = box->home;
    struct pool *pool = home->pool;
    size_t reserved = box->reserved;
    if (home->reader) {
        home->reader->batches_out--;
        reader_soon(home->reader);
    }
    if (!--home->references)
        free(home);
    free(box->bytes);
    free(box->items);
    free(box);
    pool_release(pool, reserved);
}

/* ------------------------------------------------------------ proven before it is decoded */

/* Memory comes in blocks. */
static size_t blocks_of(uint64_t length) {
    return (size_t)((length + BLOCK_SIZE - 1) / BLOCK_SIZE * BLOCK_SIZE);
}

size_t lane_hold_most(const struct pool *pool, enum stream_compression compression) {
    size_t limit = pool_stats(pool).limit;
    size_t beside = PAGE_MAX + TEXT_ROOM + unpacker_size(compression) + 2 * (BATCH_ROOM + SPANS_ROOM);
    return limit > beside ? (limit - beside) / BLOCK_SIZE * BLOCK_SIZE : 0;
}

static enum lane_way way_of(const struct reader *reader, size_t object, size_t part) {
    const struct source_object *whole = &reader->output->objects[object];
    uint64_t length = whole->parts[part].length;
    if (reader->options.check_only || !part_is_provable(whole, part))
        return LANE_STRAIGHT;
    if (length != SOURCE_UNKNOWN && length <= reader->hold_most)
        return LANE_HOLDS;
    return reader->options.twice ? LANE_TWICE : LANE_STRAIGHT;
}

/* For pieces. */
static size_t room_of(const struct reader *reader, size_t object, size_t part) {
    bool holds = way_of(reader, object, part) == LANE_HOLDS;
    return holds ? blocks_of(reader->output->objects[object].parts[part].length) : 2 * reader->piece_size;
}

/* (Only what is to be had at once: who waited here would hold what others wait for.) */
void lane_settle_way(struct lane *lane) {
    uint64_t length = lane->end - lane->offset;
    if (!lane->reader->options.check_only && part_is_provable(lane_object(lane), lane->part) &&
        length <= lane->reader->hold_most) {
        size_t more = blocks_of(length) > lane->room ? blocks_of(length) - lane->room : 0;
        if (pool_reserve(lane->pool, more)) {
            lane->reserved += more;
            lane->room += more;
            lane->way = LANE_HOLDS;
        }
    }
    lane->work.decode = lane->way == LANE_STRAIGHT;
}

static void keep_piece(struct lane *lane) {
    struct piece *kept = &lane->kept, *piece = &lane->work.piece;
    if (piece->first) {
        *(kept->last ? &kept->last->next : &kept->first) = piece->first;
        kept->last = piece->last;
        kept->length += piece->length;
    }
    *piece = (struct piece){0};
}

/* The second read. What it finds is checked once more, at its end: the object may have been written again between the two. */
static void rewind_lane(struct lane *lane) {
    lane->reader->progress.stored_bytes -= lane->work.stored;
    lane->offset = lane_part(lane)->offset;
    lane->work.crc32 = 0;
    lane->work.stored = 0;
    lane->work.md5 = digest_new_md5();
    lane->waiting.there = lane->offset == lane->end;
}

static void prove(struct lane *lane) {
    unsigned before = lane->damages;
    lane_check_bytes(lane);
    if (lane->reader->dead)
        return;
    lane->broken = lane->damages > before;
    if (lane->broken)
        return;
    lane->work.decode = true;
    if (lane->way == LANE_TWICE) {
        rewind_lane(lane);
        return;
    }
    lane->proven = lane->work.summed = true;
    lane->waiting = lane->kept;
    lane->waiting.there = true;
    lane->kept = (struct piece){0};
}

/* The worker is through with it. */
static void take_back_piece(struct lane *lane) {
    bool last = lane->work.last;
    if (!lane->work.decode && lane->way == LANE_HOLDS && lane->work.piece.there)
        keep_piece(lane);
    else
        lane_give_piece(lane, &lane->work.piece);
    if (!lane->work.decode && last)
        prove(lane);
}

/* What was kept is used up block by block, and nothing more comes. */
static void release_decoded(struct lane *lane) {
    size_t left = blocks_of(lane->work.piece.length);
    if (!lane->proven || left >= lane->room)
        return;
    size_t freed = lane->room - left;
    lane->room = left;
    lane->reserved -= freed;
    pool_release(lane->pool, freed);
}

/* ------------------------------------------------------------ the worker */

static void on_worked(uv_work_t *task, int status);

static void task_work(uv_work_t *task) {
    lane_work(&container_of(task, struct lane, task)->work);
}

/* A piece goes on where it was left; else the next begins. */
static void set_to_work(struct lane *lane) {
    struct lane_work *work = &lane->work;
    if (!work->piece.there) {
        if (!lane->waiting.there)
            return;
        work->piece = lane->waiting;
        work->last = lane->offset == lane->end;
        work->begun = false;
        work->input = (struct decode_input){.bytes = ""};
        lane->waiting = (struct piece){0};
    }
    if (!has_batch(lane))
        return;
    lane->working = true;
    uv_queue_work(lane->reader->options.loop, &lane->task, task_work, on_worked);
}

static void lost(struct lane *lane) {
    struct decode_figures figures = decoder_figures(lane->work.decoder);
    uint64_t items = lane_part(lane)->items;
    lane->broken = true;
    lane_damaged(lane, figures.sound + 1, items == SOURCE_UNKNOWN ? 0 : items, &lane->work.error);
}

static void fault(struct lane *lane) {
    uint64_t line = decoder_figures(lane->work.decoder).lines;
    lane_damaged(lane, line, line, &lane->work.error);
}

/* What the worker wants. False: it cannot be done now. */
static bool answer_work(struct lane *lane) {
    switch (lane->work.result) {
    case DECODE_INPUT:
        take_back_piece(lane);
        return true;
    case DECODE_BATCH:
        if (lane->reader->held)
            return false;
        deliver(lane);
        return true;
    case DECODE_TEXT_ROOM:
        return want_text(lane);
    case DECODE_BATCH_ROOM:
        return want_larger_batch(lane);
    case DECODE_FAULT:
        fault(lane);
        return true;
    case DECODE_LOST:
        lost(lane);
        return true;
    case DECODE_END:
        lane->over = true;
        return true;
    }
    return true;
}

static void count_progress(struct lane *lane) {
    struct decode_figures now = decoder_figures(lane->work.decoder);
    struct reader_progress *progress = &lane->reader->progress;
    progress->items += now.items - lane->items;
    progress->raw_bytes += now.raw_bytes - lane->raw_bytes;
    lane->items = now.items;
    lane->raw_bytes = now.raw_bytes;
}

/* ------------------------------------------------------------ the end */

/* All that was read of it is what it should be, or each thing that is not has been told. */
static void check_part(struct lane *lane) {
    struct reader *reader = lane->reader;
    struct decode_figures figures = decoder_figures(lane->work.decoder);
    struct reader_part part = {.object = lane->object,
                               .part = lane->part,
                               .items = figures.items,
                               .raw_bytes = figures.raw_bytes,
                               .stored_bytes = lane->work.stored,
                               .types = figures.types,
                               .crc32 = lane->work.crc32};
    if (!lane->broken && !lane->proven)
        lane_check_bytes(lane);
    if (!reader->dead && !lane->broken)
        lane_check_items(lane, figures.lines);
    if (reader->dead)
        return;
    memcpy(part.md5, lane->md5, sizeof part.md5);
    reader->progress.parts++;
    if (!lane->damages && !lane->broken && reader->events.part)
        reader->events.part(reader->events.arg, &part);
}

static void lane_free(struct lane *lane) {
    struct pool *pool = lane->pool;
    size_t reserved = lane->reserved;
    lane_give_piece(lane, &lane->coming);
    lane_give_piece(lane, &lane->waiting);
    lane_give_piece(lane, &lane->work.piece);
    lane_give_piece(lane, &lane->kept);
    drop_batch(lane);
    decoder_free(lane->work.decoder);
    csv_columns_unref(lane->columns);
    if (lane->work.md5)
        digest_free(lane->work.md5);
    error_clear(&lane->work.error);
    free(lane->text.bytes);
    free(lane);
    pool_release(pool, reserved);
}

void lane_drop(struct lane *lane) {
    struct reader *reader = lane->reader;
    TAILQ_REMOVE(&reader->lanes, lane, entry);
    reader->lane_count--;
    if (lane->call)
        s3_cancel(take_pointer(lane->call));
    lane->reader = NULL;
    if (!lane->working)
        lane_free(lane);
}

static void finish(struct lane *lane) {
    struct reader *reader = lane->reader;
    if (lane->work.batch.count) {
        if (reader->held)
            return;
        deliver(lane);
        if (reader->dead)
            return;
    }
    check_part(lane);
    if (!reader->dead)
        lane_drop(lane);
}

static void on_worked(uv_work_t *task, int status) {
    struct lane *lane = container_of(task, struct lane, task);
    (void)status;
    lane->working = false;
    lane->answered = true;
    if (!lane->reader) {
        lane_free(lane);
        return;
    }
    count_progress(lane);
    reader_soon(lane->reader);
    release_decoded(lane);
}

void lane_step(struct lane *lane) {
    struct reader *reader = lane->reader;
    lane->starving = false;
    lane_ask(lane);
    if (lane->working)
        return;
    if (lane->answered) {
        if (!answer_work(lane) || reader->dead)
            return;
        lane->answered = false;
    }
    if (lane->over || lane->broken) {
        finish(lane);
        return;
    }
    lane_ask(lane);
    set_to_work(lane);
}

size_t lane_reserve(const struct reader *reader, size_t object, size_t part) {
    size_t batch = reader->options.check_only ? 0 : BATCH_ROOM + SPANS_ROOM;
    return room_of(reader, object, part) + TEXT_ROOM + unpacker_size(reader->output->compression) + batch;
}

void lane_open(struct reader *reader, size_t object, size_t part, uint64_t before) {
    const struct source_object *whole = &reader->output->objects[object];
    const struct source_part *piece = &whole->parts[part];
    struct decode_options options = {.format = reader->output->format,
                                     .compression = reader->output->compression,
                                     .first = part == 0,
                                     .last = part + 1 == whole->part_count,
                                     .check_only = reader->options.check_only,
                                     .columns = reader->output->columns};
    struct lane *lane = x_calloc(1, sizeof *lane);
    *lane = (struct lane){.reader = reader,
                          .pool = reader->pool,
                          .object = object,
                          .part = part,
                          .before = before,
                          .offset = piece->offset,
                          .way = way_of(reader, object, part),
                          .room = room_of(reader, object, part),
                          .reserved = lane_reserve(reader, object, part)};
    lane->knows_end = piece->length != SOURCE_UNKNOWN && piece->length > 0;
    lane->end = piece->offset + (piece->length == SOURCE_UNKNOWN ? 0 : piece->length);
    lane->sink = lane_sink(lane);
    lane->columns = options.columns ? csv_columns_ref(reader->output->columns) : NULL;
    lane->work.check_only = options.check_only;
    lane->work.pool = reader->pool;
    lane->work.decode = lane->way == LANE_STRAIGHT;
    lane->work.md5 = digest_new_md5();
    lane->work.decoder = decoder_new(&options);
    lane->text = (struct decode_text){x_malloc(TEXT_ROOM), TEXT_ROOM};
    decoder_lend_text(lane->work.decoder, lane->text);
    if (!options.check_only)
        make_batch(lane, BATCH_ROOM);
    TAILQ_INSERT_TAIL(&reader->lanes, lane, entry);
    reader->lane_count++;
}
