/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A restore's WRITE: the transfer, and each written part noted in the state. At most one note is under way; the parts that are written
 * meanwhile go with the next one.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "restore_private.h"

void restore_result_fini(struct restore_result *result) {
    free(result->source);
    free(result->table);
    free(result->table_arn);
    free(result->region);
    json_object_put(result->missing);
    json_object_put(result->plan);
    error_clear(&result->error);
    *result = (struct restore_result){0};
}

bool write_capacity_parse(struct write_capacity *capacity, const char *text, struct error *error) {
    const char *end = text + strspn(text, "0123456789.");
    char *read;
    double value = strtod(text, &read); /* which takes signs, exponents and hex too */
    bool percent = *end == '%', plain = read == end && *text >= '0' && *text <= '9';
    if (plain && value > 0 && value <= 1e9 && !end[percent] && (!percent || value <= 100)) {
        *capacity = (struct write_capacity){value, percent};
        return true;
    }
    error_set(error, ERROR_INVALID,
              "write capacity \"%s\": accepted are write units a second (500), or a share of what the table has "
              "provisioned (25%%)",
              text);
    return false;
}

/* ------------------------------------------------------------ what stands already */

static int by_place(const void *key, const void *element) {
    const struct restored_part *a = key, *b = element;
    if (a->object != b->object)
        return a->object < b->object ? -1 : 1;
    return a->part < b->part ? -1 : a->part > b->part;
}

static bool is_wanted(void *arg, size_t object, size_t part) {
    const struct restore *restore = arg;
    struct restored_part place = {object, part};
    return !restore->part_count ||
           !bsearch(&place, restore->parts, restore->part_count, sizeof *restore->parts, by_place);
}

/* A part whose items nobody has counted counts as none. */
static void count_before(struct restore *restore) {
    const struct source_output *output = &restore->source->outputs[restore->output];
    for (size_t i = 0; i < restore->part_count; i++) {
        const struct restored_part *place = &restore->parts[i];
        if (place->object >= output->object_count || place->part >= output->objects[place->object].part_count)
            continue;
        uint64_t items = output->objects[place->object].parts[place->part].items;
        restore->result.items_before += items == SOURCE_UNKNOWN ? 0 : items;
    }
}

void restore_prepare_writing(struct restore *restore) {
    _cleanup_buffer_ struct buffer words = BUFFER_INIT(BUFFER_OURS);
    uint64_t items = restore->source->items;
    count_before(restore);
    if (items == SOURCE_UNKNOWN)
        buffer_add(&words, "all");
    else
        format_count(&words, items);
    buffer_printf(&words, " items of %s are written", restore->source->uri);
    if (restore->result.items_before) {
        buffer_add(&words, ", but for ");
        format_count(&words, restore->result.items_before);
        buffer_add(&words, " that stand there already");
    }
    if (restore->units_a_second > 0)
        buffer_printf(&words, ", with at most %g write units a second", restore->units_a_second);
    restore_plan(restore, buffer_take(&words));
}

/* ------------------------------------------------------------ noting */

static void note_more(struct restore *restore);

/* A part that could not be noted is written again after an interruption: a warning, not an end. */
static void on_noted(void *arg, const struct error *error) {
    struct restore *restore = arg;
    restore->noting = NULL;
    if (error && !restore->warned) {
        restore->warned = true;
        report(restore->engine->shared.reporter,
               EVENT(EVENT_RUN_WARNING, .job = restore->job->name, .table = restore->table, .error = error,
                     .message = "the restore goes on, but how far it is cannot be noted"));
    }
    note_more(restore);
}

static void note_more(struct restore *restore) {
    struct restore_key key = restore_key_of(restore);
    if (restore->noting)
        return;
    if (restore->to_note_count) {
        struct restored_parts parts = {restore->to_note, restore->to_note_count, restore_now(restore)};
        restore->noting = restores_parts(restore->state_room, &key, &parts, on_noted, restore);
        restore->to_note_count = 0;
    } else if (restore->transferred) {
        restore_enter(restore, SETTLE);
    }
}

static void on_part(void *arg, size_t object, size_t part) {
    struct restore *restore = arg;
    if (!restore->state_room)
        return;
    if (restore->to_note_count == restore->to_note_capacity) {
        restore->to_note_capacity = restore->to_note_capacity ? 2 * restore->to_note_capacity : 16;
        restore->to_note = x_realloc(restore->to_note, restore->to_note_capacity * sizeof *restore->to_note);
    }
    restore->to_note[restore->to_note_count++] = (struct restored_part){object, part};
    note_more(restore);
}

/* ------------------------------------------------------------ the transfer */

/* What was read is what the backup says that it holds. */
static bool is_complete(const struct restore *restore, struct error *error) {
    uint64_t wanted = restore->source->items, got = restore->result.items + restore->result.items_before;
    if (wanted == SOURCE_UNKNOWN || wanted == got)
        return true;
    error_set(error, ERROR_CORRUPT,
              "the backup should hold %" PRIu64 " items, and %" PRIu64
              " were written to %s: see dynamodb-backupctl verify",
              wanted, got, restore->table);
    return false;
}

/* An index that was added later than the item was written left it out; one that is there first refuses the item, each time. DynamoDB names
 * the index and its attribute in its words, DynamoDB Local does not. */
static void advise_on_index(const struct restore *restore, struct error *error) {
    bool is_index = error->code == ERROR_INVALID && error->message &&
                    (strstr(error->message, "Index Key") || strstr(error->message, "IndexName") ||
                     strstr(error->message, "secondary index"));
    _cleanup_free_ char *keys = is_index ? definition_index_keys(restore->described) : NULL;
    if (keys)
        error_advice(error,
                     "the item has a value that an index of the table does not take as its key (%s): make the table "
                     "without that "
                     "index, restore without --create, and add the index afterwards, which leaves such items out",
                     keys);
}

static void on_transferred(void *arg, const struct error *error) {
    struct restore *restore = arg;
    _cleanup_error_ struct error short_of = {0};
    struct writer_progress progress = transfer_progress(restore->transfer);
    restore->result.items = progress.items;
    restore->result.bytes = progress.bytes;
    restore->result.write_units = progress.units;
    transfer_free(take_pointer(restore->transfer));
    if (error) {
        struct error told = error_copy(error);
        advise_on_index(restore, &told);
        restore_fail(restore, &told);
        error_clear(&told);
        return;
    }
    if (!is_complete(restore, &short_of)) {
        restore_fail(restore, &short_of);
        return;
    }
    restore->transferred = true;
    note_more(restore);
}

/* Into a table that may hold what is good: a wrong item would replace it. In one that was empty it is only told. */
static bool writes_over(const struct restore *restore) {
    return !restore->result.created && (restore->overwrite || restore->remembered_overwrite);
}

void restore_write(struct restore *restore) {
    struct transfer_options options = {.reader = {.source = restore->source,
                                                  .output = restore->output,
                                                  .workshop = restore->engine->shared.workshop,
                                                  .loop = restore->engine->shared.loop,
                                                  .twice = writes_over(restore)},
                                       .writer = {.session = restore->session,
                                                  .table = restore->table,
                                                  .key = restore->key,
                                                  .units_a_second = restore->units_a_second,
                                                  .retry_for = restore->job->retry_for}};
    struct transfer_events events = {is_wanted, on_part, on_transferred, restore};
    restore->began = aws_client_now(restore->engine->client);
    restore->transfer = transfer_start(&options, &events);
}
