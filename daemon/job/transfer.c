/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reader to writer.
 *
 *     reader --batch--> piece (--tally--> counted) --writer--> written: the batch goes back, its part has one piece less on its way
 *     reader --part---> read to its end; with no piece on its way the part is told as written
 *
 * The reader is held while HOLD_BYTES are on their way: a table that takes a thousand items a second must not fill the memory
 * that backups need.
 */
#include "job/transfer.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/memory.h"

#define HOLD_BYTES ((size_t)12 << 20)

/* A part of which something was read and not all is written. Those being read at one time are few. */
struct open_part {
    LIST_ENTRY(open_part) entry;
    size_t object, part;
    size_t pieces; /* on their way */
    bool read;     /* to its end */
};

struct piece {
    LIST_ENTRY(piece) entry;
    struct transfer *transfer;
    struct write_batch write;
    struct reader_batch *batch;
    struct open_part *of;
    size_t bytes;
    bool counting; /* a worker reads it */
    bool dropped;  /* goes when it has been read; `transfer` is no more */
};

struct transfer {
    struct transfer_events events;
    struct source *source;
    size_t output;
    struct tally *tally;
    struct reader *reader;
    struct writer *writer;
    LIST_HEAD(, open_part) parts;
    LIST_HEAD(, piece) pieces;
    size_t flying;
    bool held, read, over, freed;
    uv_timer_t life; /* its close is when the memory may go: a turn of the loop after transfer_free() */
};

static void end(struct transfer *transfer, const struct error *error) {
    if (transfer->over || transfer->freed)
        return;
    transfer->over = true;
    transfer->events.ended(transfer->events.arg, error);
}

static void hold(struct transfer *transfer) {
    bool held = transfer->held ? transfer->flying > HOLD_BYTES / 2 : transfer->flying > HOLD_BYTES;
    if (held == transfer->held)
        return;
    transfer->held = held;
    reader_hold(transfer->reader, held);
}

/* ------------------------------------------------------------ parts */

static struct open_part *part_of(struct transfer *transfer, size_t object, size_t number) {
    struct open_part *part;
    LIST_FOREACH(part, &transfer->parts, entry)
    if (part->object == object && part->part == number)
        return part;
    part = x_calloc(1, sizeof *part);
    part->object = object;
    part->part = number;
    LIST_INSERT_HEAD(&transfer->parts, part, entry);
    return part;
}

static void settle_part(struct transfer *transfer, struct open_part *part) {
    size_t object = part->object, number = part->part;
    if (!part->read || part->pieces)
        return;
    LIST_REMOVE(part, entry);
    free(part);
    if (transfer->events.part)
        transfer->events.part(transfer->events.arg, object, number);
}

static void settle_all(struct transfer *transfer) {
    if (transfer->read && LIST_EMPTY(&transfer->pieces))
        end(transfer, NULL);
}

/* ------------------------------------------------------------ pieces */

static void piece_free(struct piece *piece) {
    if (!piece->dropped)
        LIST_REMOVE(piece, entry);
    piece->dropped = piece->counting;
    if (piece->counting)
        return;
    reader_batch_free(piece->batch);
    free(piece);
}

static void on_written(struct write_batch *write) {
    struct piece *piece = write->arg;
    struct transfer *transfer = piece->transfer;
    struct open_part *part = piece->of;
    transfer->flying -= piece->bytes;
    piece_free(piece);
    part->pieces--;
    settle_part(transfer, part);
    if (transfer->freed)
        return;
    hold(transfer);
    settle_all(transfer);
}

/* Item `which` of the piece, by the number that a person would count to. */
static void on_counted(void *arg, size_t which, const struct error *error) {
    struct piece *piece = arg;
    if (piece->dropped)
        return;
    if (!error) {
        writer_feed(piece->transfer->writer, &piece->write);
        return;
    }
    struct error told = error_copy(error);
    error_context(&told, "%s: item %" PRIu64, piece->write.where, piece->write.first + which);
    end(piece->transfer, &told);
    error_clear(&told);
}

static void on_read_through(void *arg) {
    struct piece *piece = arg;
    piece->counting = false;
    if (piece->dropped)
        piece_free(piece);
}

static void count(struct piece *piece) {
    piece->counting = true;
    tally_feed(piece->transfer->tally, &(struct tally_piece){.bytes = piece->write.bytes,
                                                             .items = piece->write.items,
                                                             .count = piece->write.count,
                                                             .done = on_counted,
                                                             .release = on_read_through,
                                                             .arg = piece});
}

static size_t bytes_of(const struct reader_batch *batch) {
    const struct span *last = &batch->items[batch->count - 1];
    return (size_t)last->offset + last->length - batch->items[0].offset;
}

static void on_batch(void *arg, struct reader_batch *batch) {
    struct transfer *transfer = arg;
    struct piece *piece = x_calloc(1, sizeof *piece);
    *piece = (struct piece){.transfer = transfer,
                            .batch = batch,
                            .of = part_of(transfer, batch->object, batch->part),
                            .bytes = bytes_of(batch)};
    piece->write = (struct write_batch){.bytes = batch->bytes,
                                        .items = batch->items,
                                        .count = batch->count,
                                        .first = batch->first,
                                        .where = transfer->source->outputs[transfer->output].objects[batch->object].key,
                                        .written = on_written,
                                        .arg = piece};
    piece->of->pieces++;
    LIST_INSERT_HEAD(&transfer->pieces, piece, entry);
    transfer->flying += piece->bytes;
    if (transfer->tally)
        count(piece);
    else
        writer_feed(transfer->writer, &piece->write);
    hold(transfer);
}

static void on_part(void *arg, const struct reader_part *read) {
    struct transfer *transfer = arg;
    struct open_part *part = part_of(transfer, read->object, read->part);
    part->read = true;
    settle_part(transfer, part);
}

static void on_read(void *arg, const struct error *error) {
    struct transfer *transfer = arg;
    if (error) {
        end(transfer, error);
        return;
    }
    transfer->read = true;
    settle_all(transfer);
}

static void on_write_failed(void *arg, const struct error *error) {
    end(arg, error);
}

/* ------------------------------------------------------------ life */

static bool is_wanted(void *arg, size_t object, size_t part) {
    struct transfer *transfer = arg;
    return transfer->events.wanted(transfer->events.arg, object, part);
}

struct transfer *transfer_start(const struct transfer_options *options, const struct transfer_events *events) {
    struct transfer *transfer = x_calloc(1, sizeof *transfer);
    struct reader_options reading = options->reader;
    transfer->events = *events;
    transfer->source = source_ref(options->reader.source);
    transfer->output = options->reader.output;
    transfer->tally = options->tally;
    LIST_INIT(&transfer->parts);
    LIST_INIT(&transfer->pieces);
    transfer->life.data = transfer;
    uv_timer_init(options->reader.loop, &transfer->life);
    struct writer_events written = {on_write_failed, transfer};
    transfer->writer = writer_new(&options->writer, &written);
    reading.wanted = events->wanted ? is_wanted : NULL;
    struct reader_events read = {.batch = on_batch, .part = on_part, .ended = on_read, .arg = transfer};
    transfer->reader = reader_start(&reading, &read);
    return transfer;
}

static void on_closed(uv_handle_t *handle) {
    free(handle->data);
}

void transfer_free(struct transfer *transfer) {
    if (!transfer)
        return;
    transfer->freed = true;
    writer_free(transfer->writer); /* before the batches that it reads from go back */
    reader_free(transfer->reader);
    struct piece *piece;
    while ((piece = LIST_FIRST(&transfer->pieces)))
        piece_free(piece);
    struct open_part *part;
    while ((part = LIST_FIRST(&transfer->parts))) {
        LIST_REMOVE(part, entry);
        free(part);
    }
    source_unref(transfer->source);
    uv_close((uv_handle_t *)&transfer->life, on_closed);
}

struct writer_progress transfer_progress(const struct transfer *transfer) {
    return writer_progress(transfer->writer);
}
