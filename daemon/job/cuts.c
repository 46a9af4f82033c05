/* SPDX-License-Identifier: Apache-2.0 */
/*
 *     FILLING --close()--> closed, in a queue --all its parts acknowledged--> written into the state --> recorded
 *
 * What a cut holds of the counts is taken when it closes; of the parts, when it is written: their ETags have come by then.
 */
#include "cuts.h"

#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "base/clock.h"
#include "base/memory.h"

struct cut {
    STAILQ_ENTRY(cut) entry;
    struct cut_record place;
    struct checkpoint_counts counts;
    struct checkpoint_position *positions; /* in order of appending: the last one of a segment counts */
    size_t position_count;
    bool last; /* the scan's end */
};

/* An output's first part behind the last recorded cut. */
struct cursor {
    size_t parts; /* of the output before it */
    size_t object, part;
};

struct cuts {
    struct cuts_options options;
    struct cut *filling; /* NULL: nothing has been appended since the last cut */
    STAILQ_HEAD(, cut) queue;
    unsigned closed;
    bool writing;      /* the first of the queue */
    unsigned recorded; /* over all processes of this run */
    struct cursor cursors[RECORD_OUTPUTS];
    bool has_header; /* csv's columns stand in the state */
};

static struct cursor end_of(const struct output_record *output) {
    struct cursor cursor = {.object = output->object_count};
    for (size_t i = 0; i < output->object_count; i++)
        cursor.parts += output->objects[i].part_count;
    if (!output->object_count || output->objects[output->object_count - 1].closed)
        return cursor;
    cursor.object--;
    cursor.part = output->objects[cursor.object].part_count;
    return cursor;
}

struct cuts *cuts_new(const struct cuts_options *options) {
    struct cuts *cuts = x_calloc(1, sizeof *cuts);
    const struct backup_record *record = options->record;
    cuts->options = *options;
    STAILQ_INIT(&cuts->queue);
    cuts->recorded = (unsigned)record->cut_count;
    cuts->has_header = record->csv_header;
    for (size_t i = 0; i < record->output_count; i++)
        cuts->cursors[i] = end_of(&record->outputs[i]);
    return cuts;
}

static void cut_free(struct cut *cut) {
    if (!cut)
        return;
    for (size_t i = 0; i < cut->position_count; i++)
        free(cut->positions[i].key);
    free(cut->positions);
    free(cut);
}

void cuts_free(struct cuts *cuts) {
    struct cut *cut;
    while ((cut = STAILQ_FIRST(&cuts->queue))) {
        STAILQ_REMOVE_HEAD(&cuts->queue, entry);
        cut_free(cut);
    }
    cut_free(cuts->filling);
    free(cuts);
}

/* ------------------------------------------------------------ filling */

bool cuts_take_pages(const struct cuts *cuts) {
    return cuts->filling || cuts->closed < CUTS_OPEN;
}

static struct cut *filling(struct cuts *cuts) {
    if (!cuts->filling)
        cuts->filling = x_calloc(1, sizeof *cuts->filling);
    return cuts->filling;
}

void cuts_add_page(struct cuts *cuts, struct scan_page *page) {
    struct cut *cut = filling(cuts);
    if (!ledger_tries(cuts->options.ledger))
        return;
    cut->positions = x_grow(cut->positions, cut->position_count, sizeof *cut->positions);
    struct checkpoint_position *position = &cut->positions[cut->position_count++];
    position->segment = page->segment;
    position->key = take_pointer(page->next_key);
}

bool cuts_fill(const struct cuts *cuts) {
    return cuts->filling;
}

void cuts_close(struct cuts *cuts, bool last) {
    struct backup_record *record = cuts->options.record;
    struct cut *cut = filling(cuts);
    cut->place.items = record->items;
    for (size_t i = 0; i < record->output_count; i++)
        cut->place.parts[i] = output_parts(cuts->options.outputs[i]);
    cut->counts = (struct checkpoint_counts){record->items,    record->pages,      record->scanned_bytes,
                                             record->types.b,  record->types.ss,   record->types.ns,
                                             record->types.bs, record->read_units, record->digest};
    cut->last = last;
    backup_record_cut(record, &cut->place);
    cuts->filling = NULL;
    cuts->closed++;
    STAILQ_INSERT_TAIL(&cuts->queue, cut, entry);
}

unsigned cuts_closed(const struct cuts *cuts) {
    return cuts->closed;
}

/* ------------------------------------------------------------ recording */

static bool is_acknowledged(const struct cuts *cuts, const struct cut *cut) {
    for (size_t i = 0; i < cuts->options.record->output_count; i++)
        if (output_acknowledged(cuts->options.outputs[i]) < cut->place.parts[i])
            return false;
    return true;
}

static struct checkpoint_part part_at(const struct output_record *output, const struct cursor *cursor) {
    const struct object_record *object = &output->objects[cursor->object];
    const struct part_record *part = &object->parts[cursor->part];
    struct checkpoint_part taken = {.object = object->number,
                                    .number = (unsigned)cursor->part + 1,
                                    .length = part->length,
                                    .items = part->items,
                                    .crc32 = part->crc32,
                                    .etag = x_strdup(part->etag)};
    memcpy(taken.md5, object->md5, MD5_LENGTH);
    return taken;
}

/* The parts of an output between the last recorded cut and this one, and the uploads that have their last among them. */
static void take_parts(struct cuts *cuts, unsigned which, size_t until, struct checkpoint_step *step) {
    const struct output_record *output = &cuts->options.record->outputs[which];
    struct cursor *cursor = &cuts->cursors[which];
    for (; cursor->parts < until; cursor->parts++) {
        const struct object_record *object = &output->objects[cursor->object];
        step->parts[step->part_count] = part_at(output, cursor);
        step->parts[step->part_count++].output = which;
        if (++cursor->part < object->part_count || !object->closed)
            continue;
        if (output->format != FORMAT_DYNAMODB_JSON)
            step->closed[step->closed_count++] =
                (struct checkpoint_object){.output = which, .number = object->number, .single = object->single};
        *cursor = (struct cursor){.parts = cursor->parts, .object = cursor->object + 1};
    }
}

static void take_all_parts(struct cuts *cuts, const struct cut *cut, struct checkpoint_step *step) {
    size_t outputs = cuts->options.record->output_count, parts = 0;
    for (size_t i = 0; i < outputs; i++)
        parts += cut->place.parts[i] - cuts->cursors[i].parts;
    step->parts = x_calloc(parts + 1, sizeof *step->parts);
    step->closed = x_calloc(parts + 1, sizeof *step->closed);
    for (unsigned i = 0; i < outputs; i++) {
        take_parts(cuts, i, cut->place.parts[i], step);
        step->cut.parts[i] = cut->place.parts[i];
    }
    step->cut.items = cut->place.items;
}

static struct checkpoint_step *step_of(struct cuts *cuts, struct cut *cut) {
    const struct backup_record *record = cuts->options.record;
    struct checkpoint_step *step = x_calloc(1, sizeof *step);
    take_all_parts(cuts, cut, step);
    step->positions = take_pointer(cut->positions);
    step->position_count = cut->position_count;
    cut->position_count = 0;
    step->number = cuts->recorded + 1;
    step->counts = cut->counts;
    step->csv_header = cuts->has_header ? NULL : x_strdup(record->csv_header);
    step->at = clock_wall();
    step->scan_started = record->scan_started;
    step->scan_ended = record->scan_ended;
    step->complete = cut->last;
    cuts->has_header = record->csv_header;
    return step;
}

static void first_is_recorded(struct cuts *cuts) {
    struct cut *cut = STAILQ_FIRST(&cuts->queue);
    STAILQ_REMOVE_HEAD(&cuts->queue, entry);
    cut_free(cut);
    cuts->closed--;
    cuts->recorded++;
}

static void on_written(void *arg) {
    struct cuts *cuts = arg;
    cuts->writing = false;
    first_is_recorded(cuts);
    cuts->options.recorded(cuts->options.arg);
}

void cuts_record(struct cuts *cuts) {
    struct cut *cut = STAILQ_FIRST(&cuts->queue);
    if (!cut || cuts->writing || !is_acknowledged(cuts, cut))
        return;
    if (ledger_tries(cuts->options.ledger))
        cuts->writing = ledger_record(cuts->options.ledger, step_of(cuts, cut), on_written, cuts);
    if (cuts->writing)
        return;
    first_is_recorded(cuts);
    cuts->options.recorded(cuts->options.arg); /* comes back here for the next one */
}
