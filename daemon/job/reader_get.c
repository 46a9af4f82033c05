/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A lane's bytes: HEAD where their length is not known, or 0; then GET after GET, each one piece. One comes while another waits for the
 * worker: what a lane may hold beside them it has reserved (reader_lane.c).
 */
#include <inttypes.h>
#include <string.h>

#include "base/memory.h"
#include "reader.h"

#define NO_SUCH_RANGE 416

void lane_give_piece(struct lane *lane, struct piece *piece) {
    if (piece->first)
        block_give(lane->pool, piece->first);
    *piece = (struct piece){0};
}

static void clear_coming(struct lane *lane) {
    lane_give_piece(lane, &lane->coming);
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

struct http_sink lane_sink(struct lane *lane) {
    return (struct http_sink){on_begin, on_bytes, lane};
}

static void missing(struct lane *lane) {
    _cleanup_error_ struct error error = {0};
    error_set(&error, ERROR_NOT_FOUND, "the object is missing");
    lane->broken = true;
    lane_object_damaged(lane, TOLD_MISSING, &error);
}

static void too_short(struct lane *lane, uint64_t length) {
    _cleanup_error_ struct error error = {0};
    error_set(&error, ERROR_CORRUPT, "the object ends at byte %" PRIu64 "; it was written with %" PRIu64, length,
              lane_object(lane)->size);
    lane->broken = true;
    lane_object_damaged(lane, TOLD_SHORT, &error);
}

/* What S3 says of the object beside its bytes. Its bytes are judged by their own checksums: who copied a backup has other ETags. */
static void check_answer(struct lane *lane, const struct s3_answer *answer) {
    struct reader *reader = lane->reader;
    const struct source_object *object = lane_object(lane);
    const char *run = reader->options.source->run;
    bool proven = object->has_md5 || object->has_crc32;
    if (!reader->events.damage && proven)
        return;
    if (object->etag && answer->etag && strcmp(object->etag, answer->etag) != 0) {
        _cleanup_error_ struct error error = {0};
        error_set(&error, ERROR_CORRUPT, "its ETag is %s; when it was written it was %s: it was written again",
                  answer->etag, object->etag);
        lane_object_damaged(lane, TOLD_ETAG, &error);
    }
    if (!reader->dead && run && answer->run && strcmp(run, answer->run) != 0) {
        _cleanup_error_ struct error error = {0};
        error_set(&error, ERROR_CORRUPT, "x-amz-meta-run says that run %s wrote it, not %s", answer->run, run);
        lane_object_damaged(lane, TOLD_RUN, &error);
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
    struct s3_get get = {.key = lane_object(lane)->key,
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
        if (!reader->dead && lane_part(lane)->length == SOURCE_UNKNOWN)
            lane->end = answer->length;
        if (!reader->dead)
            lane_settle_way(lane);
        if (!reader->dead && lane->end == lane->offset)
            lane->waiting = (struct piece){.there = true};
    }
    if (!reader->dead)
        reader_soon(reader);
}

void lane_ask(struct lane *lane) {
    if (lane->call || lane->broken || lane->over || lane->waiting.there || lane->reader->held)
        return;
    if (!lane->knows_end)
        lane->call = s3_head_object(source_bucket(lane->reader->options.source), lane_object(lane)->key, on_head, lane);
    else if (lane->offset < lane->end)
        get_piece(lane);
}
