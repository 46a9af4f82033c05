/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One output: chunks become parts, parts become objects.
 *
 *     append() -> pending chunks --send()--> part: SEALING -> SEALED -> SENDING -> acknowledged
 *                                                     |  files: a number that the state has granted, PutObject; and the MD5
 *                                                     |  is summed (a worker) where the store does not attest it any more
 *                                                     |  upload: its key into the state and CreateMultipartUpload, once;
 *                                                     |  then UploadPart
 *     close() -> the last part; an object that never had another is one PUT
 *     complete() -> CompleteMultipartUpload, object by object
 */
#include "job/output.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "output_part.h"

#define SENDING_AT_ONCE 4 /* connections of one output */
#define PARTS_A_PAGE    2 /* that a page can close: one in between, one at a cut */
#define PARTS_LEFT      4 /* kept free in an upload for its end */

/* An appended chunk that stands in no part yet. */
struct pending {
    STAILQ_ENTRY(pending) entry;
    struct chunk chunk;
};

struct output {
    struct output_options options;
    struct output_events events;
    bool multipart, closed, failed;
    STAILQ_HEAD(, pending) pending;
    uint64_t pending_bytes;
    bool opened;            /* the current object has a chunk: json's ending follows its "[", csv's its header */
    struct part_list parts; /* closed, not acknowledged; in order */
    unsigned outstanding, sending;
    size_t parts_closed;
    const struct csv_columns *columns; /* of an object that holds no item, once output_close() is called */
    unsigned number, granted;          /* files: the next one's; those below are granted */
    bool granting, naming;             /* the state is being written */
    struct s3_call *creating;
    size_t created;    /* index of the object that is being named, or whose upload is being created */
    size_t completing; /* index of the object */
    struct settle *complete_call;
    struct s3_part *complete_parts;
    uv_timer_t soon; /* completed() is never called from inside complete() */
};

struct output *output_new(const struct output_options *options, const struct output_events *events) {
    struct output *output = x_calloc(1, sizeof *output);
    const struct output_record *record = options->record;
    output->options = *options;
    output->events = *events;
    output->multipart = record->format != FORMAT_DYNAMODB_JSON;
    output->opened = output->multipart && record->object_count && !record->objects[record->object_count - 1].closed;
    output->number = options->first_number ? options->first_number : 1;
    output->granted = (output->number / FILE_NUMBERS + 1) * FILE_NUMBERS;
    for (size_t i = 0; i < record->object_count; i++)
        output->parts_closed += record->objects[i].part_count;
    STAILQ_INIT(&output->pending);
    TAILQ_INIT(&output->parts);
    output->soon.data = output;
    uv_timer_init(options->loop, &output->soon);
    return output;
}

static void on_closed(uv_handle_t *handle) {
    free(handle->data);
}

void output_free(struct output *output) {
    if (!output)
        return;
    struct pool *pool = workshop_pool(output->options.workshop);
    struct pending *pending;
    while ((pending = STAILQ_FIRST(&output->pending))) {
        STAILQ_REMOVE_HEAD(&output->pending, entry);
        size_t bytes = pending->chunk.block_count * BLOCK_SIZE;
        chunk_fini(&pending->chunk, pool);
        pool_release(pool, bytes);
        free(pending);
    }
    struct output_part *part;
    while ((part = TAILQ_FIRST(&output->parts))) {
        TAILQ_REMOVE(&output->parts, part, entry);
        part_free(part);
    }
    if (output->creating)
        s3_cancel(output->creating);
    settle_cancel(output->complete_call);
    free(output->complete_parts);
    uv_close((uv_handle_t *)&output->soon, on_closed);
}

static void fail(struct output *output, const struct error *error) {
    if (output->failed)
        return;
    output->failed = true;
    output->events.failed(output->events.arg, error);
}

/* ------------------------------------------------------------ objects and their names */

static struct object_record *object_at(struct output *output, size_t index) {
    return &output->options.record->objects[index];
}

static size_t add_object(struct output *output) {
    struct output_record *record = output->options.record;
    struct object_record object = {.number = (unsigned)record->object_count + 1};
    if (output->multipart) {
        object.key = backup_plain_key(output->options.names, object.number, record->format, record->compression);
    } else {
        object.number = output->number++;
        object.closed = true;
        object.key = backup_data_key(output->options.names, object.number, record->compression);
    }
    output_record_add(record, &object);
    return record->object_count - 1;
}

/* The object that the next part belongs to: files have one each, an upload goes on. */
static size_t current_object(struct output *output) {
    size_t count = output->options.record->object_count;
    if (!output->multipart || !count || !output->opened)
        return add_object(output);
    return count - 1;
}

static struct s3_put put_of(const struct output *output, const struct output_part *part) {
    const struct output_record *record = output->options.record;
    return (struct s3_put){.key = record->objects[part->object].key,
                           .content_type = backup_content_type(record->format, record->compression),
                           .run = output->options.names->run,
                           .body = part_body(part),
                           .options = output->options.objects};
}

/* ------------------------------------------------------------ sending */

static void send_ready(struct output *output);

static void acknowledged(struct output_part *part, const char *etag) {
    struct output *output = part->output;
    struct object_record *object = object_at(output, part->object);
    struct part_record *record = &object->parts[part->index];
    record->etag = x_strdup(etag ? etag : "");
    if (!output->multipart || object->single) {
        x_replace(&object->etag, record->etag);
        memcpy(object->md5, part->seal.md5, MD5_LENGTH);
    }
    TAILQ_REMOVE(&output->parts, part, entry);
    output->outstanding--;
    output->sending--;
    part_free(part);
    send_ready(output);
    output->events.acknowledged(output->events.arg);
}

static void on_summed(struct output_part *part) {
    acknowledged(part, part->etag);
}

/* Of a file that was sent without it, for the manifest. From the first answer on that does not attest it, none is
 * believed. */
static bool take_md5(struct output_part *part, const struct s3_answer *answer) {
    bool *attested = &part->output->options.attested;
    *attested = *attested && s3_attested_md5(part->seal.md5, answer, part->seal.crc32);
    return *attested;
}

static void on_sent(void *arg, const struct s3_answer *answer, const struct error *error) {
    struct output_part *part = arg;
    part->call = NULL;
    if (error) {
        fail(part->output, error);
    } else if (part->output->multipart || part->want_md5 || take_md5(part, answer)) {
        acknowledged(part, answer->etag);
    } else {
        part->etag = x_strdup(answer->etag);
        part_sum(part, part->output->options.loop, on_summed);
    }
}

static void on_settled(void *arg, const char *etag, const struct error *error) {
    struct output_part *part = arg;
    part->settle = NULL;
    if (error)
        fail(part->output, error);
    else
        acknowledged(part, etag);
}

static bool write_name(struct output *output, size_t index, ledger_done *done) {
    const struct object_record *object = object_at(output, index);
    struct checkpoint_object name = {
        .output = output->options.which, .number = object->number, .key = object->key, .upload_id = object->upload_id};
    return ledger_name(output->options.ledger, &name, done, output);
}

static void on_named(void *arg) {
    struct output *output = arg;
    output->naming = false;
    object_at(output, output->created)->named = true;
    send_ready(output);
}

/* Nothing is made under a key that the state does not know: what this process leaves behind, another one finds. */
static bool is_named(struct output *output, struct output_part *part) {
    struct object_record *object = object_at(output, part->object);
    if (object->named || output->naming || output->creating)
        return object->named;
    output->created = part->object;
    output->naming = write_name(output, part->object, on_named);
    object->named = !output->naming;
    return object->named;
}

static void on_granted(void *arg) {
    struct output *output = arg;
    output->granting = false;
    output->granted += FILE_NUMBERS;
    send_ready(output);
}

/* A number is never used twice, by whichever process: the state knows how far they may have gone. */
static bool is_granted(struct output *output, struct output_part *part) {
    unsigned number = object_at(output, part->object)->number;
    while (number >= output->granted && !output->granting && ledger_tries(output->options.ledger)) {
        output->granting = ledger_reserve(output->options.ledger, output->granted + FILE_NUMBERS, on_granted, output);
        output->granted += output->granting ? 0 : FILE_NUMBERS; /* the state cannot be written: it is not waited for */
    }
    return number < output->granted || !ledger_tries(output->options.ledger);
}

static void on_upload_created(void *arg, const struct s3_answer *answer, const struct error *error) {
    struct output *output = arg;
    output->creating = NULL;
    if (error) {
        fail(output, error);
        return;
    }
    object_at(output, output->created)->upload_id = x_strdup(answer->upload_id);
    write_name(output, output->created, NULL); /* before any cut that holds a part of it */
    send_ready(output);
}

/* Uploads are created when their first part is ready; parts wait for it. One at a time. */
static bool upload_is_open(struct output *output, struct output_part *part) {
    if (object_at(output, part->object)->upload_id)
        return true;
    if (!output->creating && !output->naming && is_named(output, part)) {
        struct s3_put put = put_of(output, part);
        output->created = part->object;
        output->creating = s3_create_upload(output->options.bucket, &put, on_upload_created, output);
    }
    return false;
}

/* All that must stand before the part is sent. */
static bool may_be_sent(struct output *output, struct output_part *part) {
    if (!output->multipart)
        return is_granted(output, part);
    return object_at(output, part->object)->single ? is_named(output, part) : upload_is_open(output, part);
}

static void send_upload_part(struct output *output, struct output_part *part, const struct s3_put *put) {
    struct s3_part_upload upload = {.key = put->key,
                                    .upload_id = object_at(output, part->object)->upload_id,
                                    .number = part->number,
                                    .body = put->body};
    part->call = s3_upload_part(output->options.bucket, &upload, on_sent, part);
}

static void send_part(struct output *output, struct output_part *part) {
    struct s3_put put = put_of(output, part);
    part->state = PART_SENDING;
    output->sending++;
    if (!output->multipart)
        part->call = s3_put_object(output->options.bucket, &put, on_sent, part);
    else if (object_at(output, part->object)->single)
        part->settle = output->options.resumed ? settle_put_again(output->options.bucket, &put, on_settled, part)
                                               : settle_put(output->options.bucket, &put, on_settled, part);
    else
        send_upload_part(output, part, &put);
}

static void send_ready(struct output *output) {
    struct output_part *part;
    TAILQ_FOREACH(part, &output->parts, entry) {
        if (output->failed || output->sending >= SENDING_AT_ONCE)
            return;
        if (part->state != PART_SEALED)
            continue;
        if (may_be_sent(output, part))
            send_part(output, part);
    }
}

static void on_part_sealed(struct output_part *part) {
    struct output *output = part->output;
    struct object_record *object = object_at(output, part->object);
    struct part_record *record = &object->parts[part->index];
    record->length = part->chunk.length; /* with the ending */
    object->size += record->length;
    record->crc32 = part->seal.crc32;
    send_ready(output);
}

/* ------------------------------------------------------------ closing parts */

void output_append(struct output *output, struct chunk *chunk) {
    if (!chunk->block_count && !chunk->items)
        return;
    struct pending *pending = x_calloc(1, sizeof *pending);
    chunk_join(&pending->chunk, chunk);
    output->pending_bytes += pending->chunk.length;
    STAILQ_INSERT_TAIL(&output->pending, pending, entry);
}

static unsigned next_number(const struct output *output) {
    size_t count = output->options.record->object_count;
    if (!output->multipart)
        return (unsigned)count + 1;
    return output->opened ? (unsigned)output->options.record->objects[count - 1].part_count + 1 : 1;
}

/* A part takes whole chunks: what stays is less than `pending - target` by up to a chunk. */
static uint64_t rest_behind(const struct output *output, uint64_t target) {
    uint64_t taken = 0;
    const struct pending *pending;
    STAILQ_FOREACH(pending, &output->pending, entry) {
        if (taken >= target)
            break;
        taken += pending->chunk.length;
    }
    return output->pending_bytes - taken;
}

struct plan_pending output_pending(const struct output *output) {
    unsigned number = next_number(output);
    uint64_t target =
        output->multipart ? plan_part_size(output->options.plan, number) : plan_file_size(output->options.plan, number);
    return (struct plan_pending){.multipart = output->multipart,
                                 .bytes = output->pending_bytes,
                                 .target = target,
                                 .rest = rest_behind(output, target)};
}

/* Moves whole chunks into the part until it holds `bytes`. */
static void fill_part(struct output *output, struct output_part *part, uint64_t bytes) {
    struct pending *pending;
    while ((pending = STAILQ_FIRST(&output->pending)) && part->chunk.length < bytes) {
        STAILQ_REMOVE_HEAD(&output->pending, entry);
        output->pending_bytes -= pending->chunk.length;
        chunk_join(&part->chunk, &pending->chunk);
        free(pending);
    }
}

static void close_part(struct output *output, struct output_part *part) {
    const struct output_record *record = output->options.record;
    part->output = output;
    part->workshop = output->options.workshop;
    part->object = current_object(output);
    output->opened = output->multipart;
    struct object_record *object = object_at(output, part->object);
    object_record_add(object, &(struct part_record){.items = part->chunk.items});
    part->index = object->part_count - 1;
    part->number = (unsigned)object->part_count;
    part->serial = output->parts_closed;
    part->compression = record->compression;
    part->want_md5 = !output->multipart && !output->options.attested;
    part->want_sha256 = output->options.hash_bodies;
    TAILQ_INSERT_TAIL(&output->parts, part, entry);
    output->outstanding++;
    output->parts_closed++;
    part_seal(part, output->options.loop, on_part_sealed);
}

void output_send(struct output *output, uint64_t bytes) {
    struct output_part *part = x_calloc(1, sizeof *part);
    fill_part(output, part, bytes);
    if (part->chunk.length)
        close_part(output, part);
    else
        free(part);
}

/* The object's last part, with the format's ending; an object that has no other is one PUT. */
static void close_object(struct output *output) {
    struct output_part *part = x_calloc(1, sizeof *part);
    bool has_items = output->opened || !STAILQ_EMPTY(&output->pending);
    bool single = !output->opened;
    enum stream_format format = output->options.record->format;
    fill_part(output, part, UINT64_MAX);
    part->ending = has_items ? x_strdup(format_ending(format)) : format_empty(format, output->columns);
    close_part(output, part);
    object_at(output, part->object)->single = single;
    object_at(output, part->object)->closed = true;
    output->opened = false;
}

void output_close(struct output *output, const struct csv_columns *columns) {
    output->closed = true;
    output->columns = columns;
    if (output->multipart) {
        /* after a roll with nothing behind it there is no further object */
        if (output->opened || !STAILQ_EMPTY(&output->pending) || !output->options.record->object_count)
            close_object(output);
        return;
    }
    bool empty_table = !output->options.record->object_count && STAILQ_EMPTY(&output->pending);
    if (empty_table) {
        struct output_part *part = x_calloc(1, sizeof *part);
        part->ending = format_empty(output->options.record->format, NULL);
        close_part(output, part);
    } else {
        output_send(output, UINT64_MAX);
    }
}

bool output_full(const struct output *output, size_t pages) {
    unsigned most = output->options.plan->parts_most ? output->options.plan->parts_most : PLAN_PARTS_MAX;
    return output->multipart && next_number(output) + PARTS_LEFT + PARTS_A_PAGE * pages > most;
}

void output_roll(struct output *output) {
    close_object(output);
}

unsigned output_outstanding(const struct output *output) {
    return output->outstanding;
}

bool output_writes(const struct output *output) {
    return output->sending || output->creating || output->complete_call;
}

size_t output_parts(const struct output *output) {
    return output->parts_closed;
}

size_t output_acknowledged(const struct output *output) {
    const struct output_part *first = TAILQ_FIRST(&output->parts);
    return first ? first->serial : output->parts_closed;
}

bool output_opens(const struct output *output) {
    return !output->opened;
}

bool output_may_close(const struct output *output) {
    return !output->multipart || !output->pending_bytes || output->pending_bytes >= PLAN_PART_MIN;
}

/* ------------------------------------------------------------ completing */

static void complete_next(struct output *output);

static void on_completed(void *arg, const char *etag, const struct error *error) {
    struct output *output = arg;
    struct object_record *object = object_at(output, output->completing);
    output->complete_call = NULL;
    free(take_pointer(output->complete_parts));
    if (error) {
        fail(output, error);
        return;
    }
    x_replace(&object->etag, etag);
    x_replace(&object->upload_id, NULL);
    output->completing++;
    complete_next(output);
}

static void complete_object(struct output *output, struct object_record *object) {
    output->complete_parts = x_calloc(object->part_count, sizeof *output->complete_parts);
    for (size_t i = 0; i < object->part_count; i++)
        output->complete_parts[i] = (struct s3_part){(unsigned)i + 1, object->parts[i].etag, object->parts[i].crc32};
    struct s3_complete complete = {.key = object->key,
                                   .upload_id = object->upload_id,
                                   .parts = output->complete_parts,
                                   .part_count = object->part_count,
                                   .size = object->size,
                                   .crc32 = object->crc32};
    output->complete_call =
        settle_complete(output->options.bucket, &complete, output->options.names->run, on_completed, output);
}

static void complete_next(struct output *output) {
    struct output_record *record = output->options.record;
    for (; output->completing < record->object_count; output->completing++) {
        struct object_record *object = object_at(output, output->completing);
        object_record_sum(object);
        if (object->upload_id) {
            complete_object(output, object);
            return;
        }
    }
    output->events.completed(output->events.arg);
}

static void on_soon(uv_timer_t *timer) {
    complete_next(timer->data);
}

void output_complete(struct output *output) {
    uv_timer_start(&output->soon, on_soon, 0, 0);
}
