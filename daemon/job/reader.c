/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parts of one output, in order, several at a time: each is a lane. Memory is reserved for a lane before it begins; a lane that wants
 * more than that and is refused starves, no new lane begins while one does, and where nothing else is under way that would give some
 * back the oldest goes on overdrawn: reading never waits for itself.
 */
#include "reader.h"

#include <stdlib.h>

#include "base/memory.h"

#define PIECE_LEAST ((size_t)256 << 10)
#define PIECE_MOST  ((size_t)4 << 20)

/* ------------------------------------------------------------ memory */

static bool anything_under_way(const struct reader *reader, const struct lane *but) {
    const struct lane *lane;
    TAILQ_FOREACH(lane, &reader->lanes, entry) {
        if (lane != but && (lane->working || lane->call))
            return true;
    }
    return reader->batches_out > 0;
}

bool reader_reserve(struct reader *reader, struct lane *lane, size_t bytes) {
    if (pool_reserve(reader->pool, bytes)) {
        lane->reserved += bytes;
        return true;
    }
    if (lane == TAILQ_FIRST(&reader->lanes) && !anything_under_way(reader, lane)) {
        pool_overdraw(reader->pool, bytes);
        lane->reserved += bytes;
        return true;
    }
    lane->starving = true;
    pool_wait(reader->pool, &reader->waiter);
    return false;
}

static bool one_starves(const struct reader *reader) {
    const struct lane *lane;
    TAILQ_FOREACH(lane, &reader->lanes, entry) {
        if (lane->starving)
            return true;
    }
    return false;
}

static bool reserve_lane(struct reader *reader) {
    size_t bytes = lane_reserve(reader, reader->object, reader->part);
    if (pool_reserve(reader->pool, bytes))
        return true;
    if (!pool_stats(reader->pool).used) { /* a pool that is smaller than a lane */
        pool_overdraw(reader->pool, bytes);
        return true;
    }
    pool_wait(reader->pool, &reader->waiter);
    return false;
}

/* Half of what pages leave, for two pieces a lane. */
static size_t piece_size(const struct pool *pool, unsigned lanes) {
    size_t limit = pool_stats(pool).limit, spare = limit > PAGE_MAX ? (limit - PAGE_MAX) / 2 : 0;
    size_t size = spare / (2 * lanes) / BLOCK_SIZE * BLOCK_SIZE;
    return size < PIECE_LEAST ? PIECE_LEAST : size > PIECE_MOST ? PIECE_MOST : size;
}

/* ------------------------------------------------------------ parts */

static void next_part(struct reader *reader) {
    const struct source_object *object = &reader->output->objects[reader->object];
    uint64_t items = object->parts[reader->part].items;
    reader->before += items == SOURCE_UNKNOWN ? 0 : items;
    if (++reader->part < object->part_count)
        return;
    reader->object++;
    reader->part = 0;
    reader->before = 0;
}

/* Moves on to a part that is wanted. False: there is none left. */
static bool find_part(struct reader *reader) {
    const struct reader_options *options = &reader->options;
    while (reader->object < reader->output->object_count) {
        const struct source_object *object = &reader->output->objects[reader->object];
        if (!object->part_count || reader->told[reader->object] & TOLD_MISSING) {
            reader->object++;
            reader->part = 0;
            reader->before = 0;
        } else if (options->wanted && !options->wanted(reader->events.arg, reader->object, reader->part)) {
            next_part(reader);
        } else {
            return true;
        }
    }
    return false;
}

static void open_lanes(struct reader *reader) {
    unsigned most = reader->options.lanes ? reader->options.lanes : LANES_DEFAULT;
    while (reader->lane_count < most && !reader->held && !one_starves(reader) && find_part(reader) &&
           reserve_lane(reader)) {
        lane_open(reader, reader->object, reader->part, reader->before);
        next_part(reader);
    }
}

/* ------------------------------------------------------------ moving */

static void drop_lanes(struct reader *reader) {
    struct lane *lane;
    while ((lane = TAILQ_FIRST(&reader->lanes)))
        lane_drop(lane);
}

static void end(struct reader *reader) {
    reader->ended = true;
    drop_lanes(reader);
    reader->events.ended(reader->events.arg, reader->failure.code ? &reader->failure : NULL);
}

static void step_lanes(struct reader *reader) {
    struct lane *next;
    for (struct lane *lane = TAILQ_FIRST(&reader->lanes); lane; lane = next) {
        next = TAILQ_NEXT(lane, entry);
        lane_step(lane);
        if (reader->dead || reader->failure.code)
            return;
    }
}

/* Until nothing more can be done now: a lane that has ended makes room for the next. */
static void on_soon(uv_timer_t *timer) {
    struct reader *reader = timer->data;
    if (reader->ended)
        return;
    if (!reader->failure.code) {
        step_lanes(reader);
        if (reader->dead)
            return;
    }
    if (reader->failure.code) {
        end(reader);
        return;
    }
    unsigned before = reader->lane_count;
    open_lanes(reader);
    if (reader->lane_count > before)
        reader_soon(reader);
    else if (!reader->lane_count && !reader->held && !find_part(reader))
        end(reader);
}

void reader_soon(struct reader *reader) {
    if (!reader->dead && !reader->ended)
        uv_timer_start(&reader->soon, on_soon, 0, 0);
}

static void on_room(void *arg) {
    reader_soon(arg);
}

void reader_fail(struct reader *reader, const struct error *error) {
    struct error copy = error_copy(error);
    error_keep_first(&reader->failure, &copy);
}

void reader_damage(struct reader *reader, const struct doubt *doubt, struct error *error) {
    const struct source_object *object = &reader->output->objects[doubt->object];
    reader->progress.damages++;
    if (!reader->events.damage) {
        if (doubt->part == READER_NO_PART)
            error_context(error, "s3://%s/%s", reader->options.source->bucket, object->key);
        else
            error_context(error, "s3://%s/%s: part %zu", reader->options.source->bucket, object->key, doubt->part + 1);
        reader_fail(reader, error);
        error_clear(error);
        return;
    }
    struct reader_damage damage = {.object = doubt->object,
                                   .part = doubt->part,
                                   .first_line = doubt->first_line,
                                   .last_line = doubt->last_line,
                                   .error = error};
    struct error told = error_take(error);
    damage.error = &told;
    reader->events.damage(reader->events.arg, &damage);
    error_clear(&told);
}

/* ------------------------------------------------------------ its life */

struct reader *reader_start(const struct reader_options *options, const struct reader_events *events) {
    struct reader *reader = x_calloc(1, sizeof *reader);
    reader->options = *options;
    reader->options.source = source_ref(options->source);
    reader->events = *events;
    reader->output = &options->source->outputs[options->output];
    reader->pool = workshop_pool(options->workshop);
    reader->piece_size = piece_size(reader->pool, options->lanes ? options->lanes : LANES_DEFAULT);
    reader->hold_most = lane_hold_most(reader->pool, reader->output->compression);
    reader->told = x_calloc(reader->output->object_count + 1, 1);
    reader->home = x_calloc(1, sizeof *reader->home);
    *reader->home = (struct batch_home){.references = 1, .reader = reader, .pool = reader->pool};
    reader->waiter = (struct pool_waiter){.wake = on_room, .arg = reader};
    TAILQ_INIT(&reader->lanes);
    reader->soon.data = reader;
    uv_timer_init(options->loop, &reader->soon);
    reader_soon(reader);
    return reader;
}

static void on_closed(uv_handle_t *handle) {
    struct reader *reader = handle->data;
    error_clear(&reader->failure);
    free(reader->told);
    free(reader);
}

void reader_free(struct reader *reader) {
    if (!reader)
        return;
    reader->dead = true;
    pool_wait_cancel(&reader->waiter);
    drop_lanes(reader);
    reader->home->reader = NULL;
    if (!--reader->home->references)
        free(reader->home);
    source_unref(reader->options.source);
    uv_close((uv_handle_t *)&reader->soon, on_closed);
}

void reader_hold(struct reader *reader, bool held) {
    reader->held = held;
    if (!held)
        reader_soon(reader);
}

struct reader_progress reader_progress(const struct reader *reader) {
    return reader->progress;
}
