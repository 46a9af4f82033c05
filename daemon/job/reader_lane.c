/* SPDX-License-Identifier: Apache-2.0 */
/*
 *     HEAD (only where the length is not known, or 0) -> GET a piece -> GET the next while a worker decodes -> ... -> CHECK
 *
 * A piece waits while another is decoded: two are in memory at most. What the decoder asks for (a batch's end, more room) is done
 * here, on the loop.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/encoding.h"
#include "base/memory.h"
#include "job/workshop.h"
#include "reader.h"
#include "stream/unpack.h"

#define NO_SUCH_RANGE 416

static const struct source_object *object_of(const struct lane *lane) {
    return &lane->reader->output->objects[lane->object];
}

static const struct source_part *part_of(const struct lane *lane) {
    return &object_of(lane)->parts[lane->part];
}

/* ------------------------------------------------------------ what is wrong */

/* Lines of the object, from those of the part. Our arrays have one member a line, from the second line on; csv has its header before
 * the rows, each of which counts as a line whatever its cells hold. */
static struct doubt doubt_of(const struct lane *lane, uint64_t first, uint64_t last) {
    uint64_t shift = lane->before + (lane->reader->output->format != FORMAT_DYNAMODB_JSON);
    bool told = lane->reader->options.source->kind != BACKUP_PLAIN;
    return (struct doubt){.object = lane->object,
                          .part = lane->part,
                          .first_line = told && first ? shift + first : 0,
                          .last_line = told && last >= first && last ? shift + last : 0};
}

static void damaged(struct lane *lane, uint64_t first, uint64_t last, struct error *error) {
    struct doubt doubt = doubt_of(lane, first, last);
    lane->damages++;
    reader_damage(lane->reader, &doubt, error);
}

/* Of the whole part. */
static void part_damaged(struct lane *lane, struct error *error) {
    uint64_t items = part_of(lane)->items;
    damaged(lane, items && items != SOURCE_UNKNOWN ? 1 : 0, items == SOURCE_UNKNOWN ? 0 : items, error);
}

/* Of the object as a whole: once, whatever part finds it. */
static void object_damaged(struct lane *lane, unsigned what, struct error *error) {
    unsigned char *told = &lane->reader->told[lane->object];
    struct doubt doubt = {.object = lane->object, .part = READER_NO_PART};
    lane->damages++;
    if (*told & what) {
        error_clear(error);
        return;
    }
    *told |= (unsigned char)what;
    reader_damage(lane->reader, &doubt, error);
}

/* ------------------------------------------------------------ GET */

static void give_piece(struct lane *lane, struct piece *piece) {
    if (piece->first)
        block_give(lane->pool, piece->first);
    *piece = (struct piece){0};
}

static void clear_coming(struct lane *lane) {
    give_piece(lane, &lane->coming);
    lane->coming.there = true;
}

static bool on_begin(void *arg, int status, int64_t length) {
    (void)status;
    (void)length;
    clear_coming(arg);
    return true;
}

static bool on_bytes(void *arg, const char *bytes, size_t length) {
    struct lane *lane = arg;
    struct piece *piece = &lane->coming;
    if (length > lane->wanted - piece->length)
        return false;
    piece->length += length;
    while (length) {
        if (!piece->last || piece->last->length == BLOCK_SIZE) {
            struct block *block = block_take(lane->pool);
            *(piece->last ? &piece->last->next : &piece->first) = block;
            piece->last = block;
        }
        size_t room = BLOCK_SIZE - piece->last->length, step = length < room ? length : room;
        memcpy(piece->last->data + piece->last->length, bytes, step);
        piece->last->length += step;
        bytes += step;
        length -= step;
    }
    return true;
}

static void missing(struct lane *lane) {
    _cleanup_error_ struct error error = {0};
    error_set(&error, ERROR_NOT_FOUND, "the object is missing");
    lane->broken = true;
    object_damaged(lane, TOLD_MISSING, &error);
}

static void too_short(struct lane *lane, uint64_t length) {
    _cleanup_error_ struct error error = {0};
    error_set(&error, ERROR_CORRUPT, "the object ends at byte %" PRIu64 "; it was written with %" PRIu64, length,
              object_of(lane)->size);
    lane->broken = true;
    object_damaged(lane, TOLD_SHORT, &error);
}

/* What S3 says of the object beside its bytes. Its bytes are judged by their own checksums: who copied a backup has other ETags. */
static void check_answer(struct lane *lane, const struct s3_answer *answer) {
    struct reader *reader = lane->reader;
    const struct source_object *object = object_of(lane);
    const char *run = reader->options.source->run;
    bool proven = object->has_md5 || object->has_crc32;
    if (!reader->events.damage && proven)
        return;
    if (object->etag && answer->etag && strcmp(object->etag, answer->etag) != 0) {
        _cleanup_error_ struct error error = {0};
        error_set(&error, ERROR_CORRUPT, "its ETag is %s; when it was written it was %s: it was written again",
                  answer->etag, object->etag);
        object_damaged(lane, TOLD_ETAG, &error);
    }
    if (!reader->dead && run && answer->run && strcmp(run, answer->run) != 0) {
        _cleanup_error_ struct error error = {0};
        error_set(&error, ERROR_CORRUPT, "x-amz-meta-run says that run %s wrote it, not %s", answer->run, run);
        object_damaged(lane, TOLD_RUN, &error);
    }
}

static void take_piece(struct lane *lane) {
    if (lane->coming.length < lane->wanted) {
        too_short(lane, lane->offset + lane->coming.length);
        return;
    }
    lane->offset += lane->wanted;
    lane->reader->progress.stored_bytes += lane->wanted;
    lane->waiting = lane->coming;
    lane->coming = (struct piece){0};
}

static void on_got(void *arg, const struct s3_answer *answer, const struct error *error) {
    struct lane *lane = arg;
    struct reader *reader = lane->reader;
    lane->call = NULL;
    if (error && error->http_status == NO_SUCH_RANGE) {
        too_short(lane, lane->offset);
    } else if (error) {
        reader_fail(reader, error);
    } else if (!answer->found) {
        missing(lane);
    } else {
        check_answer(lane, answer);
        if (!reader->dead)
            take_piece(lane);
    }
    if (!reader->dead)
        reader_soon(reader);
}

static void get_piece(struct lane *lane) {
    uint64_t left = lane->end - lane->offset;
    lane->wanted = left < lane->reader->piece_size ? left : lane->reader->piece_size;
    clear_coming(lane);
    struct s3_get get = {.key = object_of(lane)->key,
                         .first = lane->offset,
                         .last = lane->offset + lane->wanted - 1,
                         .sink = &lane->sink};
    /* A part that is the first byte alone is no range to s3_get_object(): it asks for all, and takes no more than was wanted. */
    lane->call = s3_get_object(source_bucket(lane->reader->options.source), &get, on_got, lane);
}

/* The length that S3 tells, where nobody else has. */
static void on_head(void *arg, const struct s3_answer *answer, const struct error *error) {
    struct lane *lane = arg;
    struct reader *reader = lane->reader;
    lane->call = NULL;
    if (error) {
        reader_fail(reader, error);
    } else if (!answer->found) {
        missing(lane);
    } else {
        check_answer(lane, answer);
        lane->knows_end = true;
        if (!reader->dead && part_of(lane)->length == SOURCE_UNKNOWN)
            lane->end = answer->length;
        if (!reader->dead && lane->end == lane->offset)
            lane->waiting = (struct piece){.there = true};
    }
    if (!reader->dead)
        reader_soon(reader);
}

static void ask_for_more(struct lane *lane) {
    if (lane->call || lane->broken || lane->over || lane->waiting.there || lane->reader->held)
        return;
    if (!lane->knows_end)
        lane->call = s3_head_object(source_bucket(lane->reader->options.source), object_of(lane)->key, on_head, lane);
    else if (lane->offset < lane->end)
        get_piece(lane);
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
        work->block = NULL;
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
    uint64_t items = part_of(lane)->items;
    lane->broken = true;
    damaged(lane, figures.sound + 1, items == SOURCE_UNKNOWN ? 0 : items, &lane->work.error);
}

static void fault(struct lane *lane) {
    uint64_t line = decoder_figures(lane->work.decoder).lines;
    damaged(lane, line, line, &lane->work.error);
}

/* What the worker wants. False: it cannot be done now. */
static bool answer_work(struct lane *lane) {
    switch (lane->work.result) {
    case DECODE_INPUT:
        give_piece(lane, &lane->work.piece);
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

static void check_crc(struct lane *lane) {
    const struct source_part *part = part_of(lane);
    _cleanup_error_ struct error error = {0};
    if (!part->has_crc32 || part->crc32 == lane->work.crc32)
        return;
    error_set(&error, ERROR_CORRUPT, "the CRC-32 of its stored bytes is %08" PRIx32 "; %08" PRIx32 " was written",
              lane->work.crc32, part->crc32);
    part_damaged(lane, &error);
}

static void check_md5(struct lane *lane, const unsigned char *found) {
    const struct source_object *object = object_of(lane);
    _cleanup_error_ struct error error = {0};
    char is[BASE64_LENGTH(MD5_LENGTH) + 1], was[BASE64_LENGTH(MD5_LENGTH) + 1];
    bool told = object->has_md5 && object->part_count == 1 && !part_of(lane)->has_crc32;
    if (!told || memcmp(found, object->md5, MD5_LENGTH) == 0)
        return;
    base64_encode(is, found, MD5_LENGTH);
    base64_encode(was, object->md5, MD5_LENGTH);
    error_set(&error, ERROR_CORRUPT, "the MD5 of its stored bytes is %s; %s was written", is, was);
    part_damaged(lane, &error);
}

static void check_items(struct lane *lane, uint64_t found) {
    uint64_t items = part_of(lane)->items;
    _cleanup_error_ struct error error = {0};
    if (items == SOURCE_UNKNOWN || items == found)
        return;
    error_set(&error, ERROR_CORRUPT, "it holds %" PRIu64 " items; %" PRIu64 " were written", found, items);
    part_damaged(lane, &error);
}

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
    digest_final(take_pointer(lane->work.md5), part.md5);
    if (!lane->broken)
        check_crc(lane);
    if (!reader->dead && !lane->broken)
        check_md5(lane, part.md5);
    if (!reader->dead && !lane->broken)
        check_items(lane, figures.lines);
    if (reader->dead)
        return;
    reader->progress.parts++;
    if (!lane->damages && !lane->broken && reader->events.part)
        reader->events.part(reader->events.arg, &part);
}

static void lane_free(struct lane *lane) {
    struct pool *pool = lane->pool;
    size_t reserved = lane->reserved;
    give_piece(lane, &lane->coming);
    give_piece(lane, &lane->waiting);
    give_piece(lane, &lane->work.piece);
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
}

void lane_step(struct lane *lane) {
    struct reader *reader = lane->reader;
    lane->starving = false;
    ask_for_more(lane);
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
    ask_for_more(lane);
    set_to_work(lane);
}

size_t lane_reserve(const struct reader *reader) {
    size_t batch = reader->options.check_only ? 0 : BATCH_ROOM + SPANS_ROOM;
    return 2 * reader->piece_size + TEXT_ROOM + unpacker_size(reader->output->compression) + batch;
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
                          .reserved = lane_reserve(reader)};
    lane->knows_end = piece->length != SOURCE_UNKNOWN && piece->length > 0;
    lane->end = piece->offset + (piece->length == SOURCE_UNKNOWN ? 0 : piece->length);
    lane->sink = (struct http_sink){on_begin, on_bytes, lane};
    lane->columns = options.columns ? csv_columns_ref(reader->output->columns) : NULL;
    lane->work.check_only = options.check_only;
    lane->work.md5 = digest_new_md5();
    lane->work.decoder = decoder_new(&options);
    lane->text = (struct decode_text){x_malloc(TEXT_ROOM), TEXT_ROOM};
    decoder_lend_text(lane->work.decoder, lane->text);
    if (!options.check_only)
        make_batch(lane, BATCH_ROOM);
    TAILQ_INSERT_TAIL(&reader->lanes, lane, entry);
    reader->lane_count++;
}
