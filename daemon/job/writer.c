/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Items into a table.
 *
 *     batches --pump()--> put_call: up to 25 items --(large: hashed by a worker)--> BatchWriteItem --on_answer()--+
 *                            ^                                                                                    |
 *        topped up, sent again +---- full-jitter wait <---- unprocessed: the same bytes again <-------------------+--> written
 *
 * How many calls are in flight follows the throttles, as the scan's do. A call that is refused as invalid is sent again item by item: one
 * of them is wrong, and it is named.
 */
#include "job/writer.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/digest.h"
#include "base/encoding.h"
#include "base/memory.h"
#include "job/pace.h"

#define CALL_BYTES   ((size_t)1 << 20)   /* of a body, but for one item that is larger: past it nothing is gained */
#define FLYING_BYTES ((size_t)8 << 20)   /* of all bodies in flight; one call always may */
#define LARGE_BODY   ((size_t)128 << 10) /* from here on a worker hashes it */
#define WAIT_BASE    ((int64_t)50)
#define WAIT_MOST    (20 * SECOND_MS)
#define SLICES       (2 * BATCH_ITEMS + 1)
#define ENVELOPE     ((size_t)4096) /* what a body holds beside its items */

#define PUT_OPEN   "{\"PutRequest\":{\"Item\":"
#define PUT_CLOSE  "}}"
#define CALL_CLOSE "]},\"ReturnConsumedCapacity\":\"TOTAL\"}"

struct put {
    struct write_batch *batch;
    const char *item;
    size_t length;
    size_t key, key_end; /* in the call's keys */
    bool back;           /* the answer gave it back as unprocessed */
};

struct put_call {
    LIST_ENTRY(put_call) entry;
    struct writer *writer; /* NULL: the writer has gone, and a worker still reads the body */
    struct put puts[BATCH_ITEMS];
    size_t count, sent; /* of the puts, the first `sent` are in the body */
    struct buffer keys;
    size_t bytes;    /* of the items */
    double estimate; /* write units, until the answer tells */
    unsigned waits;  /* so far */
    bool alone;      /* refused as invalid: one item a call */

    struct http_slice slices[SLICES];
    struct buffer body; /* a large one, whole; else the slices point to the items */
    char sha256[2 * SHA256_LENGTH + 1];
    uv_work_t work;
    bool working;
    struct dynamodb_call *call;
    struct batch_answer answer;
    uv_timer_t timer;
};

struct writer {
    struct writer_options options;
    struct writer_events events;
    char *table, *opening, *joint;     /* of a body: up to the first item, and between two */
    TAILQ_HEAD(, write_batch) batches; /* not yet wholly in calls */
    LIST_HEAD(, put_call) calls;
    struct write_pace pace;
    size_t flying; /* bytes of the calls' items */
    int64_t last_written;
    struct writer_progress progress;
    struct error failure;
    bool freed;
    uv_timer_t kick; /* pumps, outside of the caller's own call */
};

static void pump(struct writer *writer);
static void go(struct put_call *call);
static void send_call(struct put_call *call);

static uv_loop_t *loop_of(const struct writer *writer) {
    return aws_client_loop(aws_session_client(writer->options.session));
}

static void on_kick(uv_timer_t *timer) {
    pump(timer->data);
}

static void kick(struct writer *writer, int64_t delay_ms) {
    if (!writer->failure.code)
        uv_timer_start(&writer->kick, on_kick, (uint64_t)delay_ms, 0);
}

/* ------------------------------------------------------------ a call's life */

static void on_call_closed(uv_handle_t *handle) {
    struct put_call *call = handle->data;
    batch_answer_fini(&call->answer);
    buffer_fini(&call->body);
    buffer_fini(&call->keys);
    free(call);
}

/* Its requests have ended or are dropped here. A worker that still hashes ends it later. */
static void call_end(struct writer *writer, struct put_call *call) {
    LIST_REMOVE(call, entry);
    writer->progress.in_flight--;
    writer->flying -= call->bytes;
    pace_spend(&writer->pace, call->estimate, 0);
    if (call->call)
        dynamodb_cancel(take_pointer(call->call));
    call->writer = NULL;
    if (!call->working)
        uv_close((uv_handle_t *)&call->timer, on_call_closed);
}

static void drop_calls(struct writer *writer) {
    struct put_call *call;
    while ((call = LIST_FIRST(&writer->calls)))
        call_end(writer, call);
}

/* Takes the error. Told from the loop's own turn; everything stops here. */
static void fail(struct writer *writer, struct error *error) {
    if (!writer->failure.code) {
        writer->failure = error_take(error);
        drop_calls(writer);
        uv_timer_stop(&writer->kick);
        writer->events.failed(writer->events.arg, &writer->failure);
    }
    error_clear(error);
}

/* A server that tells no ConsumedCapacity is believed to have taken what the items' sizes say. */
static void spend(struct put_call *call) {
    struct writer *writer = call->writer;
    pace_spend(&writer->pace, call->estimate, call->answer.units > 0 ? call->answer.units : call->estimate);
    writer->progress.units += call->answer.units;
    call->estimate = 0;
}

/* ------------------------------------------------------------ answers */

static void on_throttle(void *arg) {
    struct put_call *call = arg;
    call->writer->progress.throttles++;
    pace_throttled(&call->writer->pace, clock_monotonic());
}

static struct put *find_put(struct put_call *call, const struct buffer *key) {
    for (size_t i = 0; i < call->sent; i++) {
        struct put *put = &call->puts[i];
        if (!put->back && put->key_end - put->key == key->length &&
            memcmp(call->keys.data + put->key, key->data, key->length) == 0)
            return put;
    }
    return NULL;
}

/* Marks what came back. An item that we never sent is not an answer to this call: it is tried again. */
static bool accept_answer(void *arg, const struct http_answer *http, struct error *error) {
    struct put_call *call = arg;
    _cleanup_buffer_ struct buffer key = BUFFER_INIT(BATCH_BYTES);
    for (size_t i = 0; i < call->sent; i++)
        call->puts[i].back = false;
    bool good = batch_answer_read(&call->answer, http->body, http->length, error);
    for (size_t i = 0; good && i < call->answer.count; i++) {
        struct span item = call->answer.items[i];
        buffer_clear(&key);
        good = item_key(&key, &call->writer->options.key, http->body + item.offset, item.length, error);
        struct put *put = good ? find_put(call, &key) : NULL;
        if (good && !put)
            error_set(error, ERROR_CORRUPT, "the answer gives back an item that was not sent");
        good = put;
        if (put)
            put->back = true;
    }
    if (!good && error->code)
        error->code = ERROR_TRANSIENT;
    return good;
}

/* Who hears of a batch may end the writer, and the call with it. */
static void item_written(struct writer *writer, const struct put *put) {
    struct write_batch *batch = put->batch;
    writer->progress.items++;
    writer->progress.bytes += put->length;
    writer->last_written = clock_monotonic();
    if (--batch->left == 0)
        batch->written(batch);
}

/* Those that stand in the table leave the call. The count of those that do not is what is left of the ones sent. */
static size_t settle_puts(struct put_call *call) {
    struct writer *writer = call->writer;
    struct put written[BATCH_ITEMS];
    size_t done = 0, kept = 0, back = 0;
    for (size_t i = 0; i < call->count; i++) {
        struct put *put = &call->puts[i];
        if (i < call->sent && !put->back) {
            written[done++] = *put;
            call->bytes -= put->length;
            writer->flying -= put->length;
            continue;
        }
        back += i < call->sent;
        call->puts[kept++] = *put;
    }
    call->count = kept;
    for (size_t i = 0; i < done && !writer->freed; i++)
        item_written(writer, &written[i]);
    return back;
}

static void on_waited(uv_timer_t *timer) {
    go(timer->data);
}

/* Full jitter, from aws/retry.h's pace; nothing written for too long is the end. */
static void rest(struct put_call *call) {
    struct writer *writer = call->writer;
    int64_t most = call->waits < 20 && WAIT_BASE << call->waits < WAIT_MOST ? WAIT_BASE << call->waits : WAIT_MOST;
    if (clock_monotonic() - writer->last_written > writer->options.retry_for) {
        _cleanup_buffer_ struct buffer span = BUFFER_INIT(BUFFER_OURS);
        _cleanup_error_ struct error error = {0};
        format_duration(&span, writer->options.retry_for);
        error_set(&error, ERROR_THROTTLED,
                  "BatchWriteItem into %s: no item was taken for %s, all came back unprocessed: the table's write "
                  "capacity is used up",
                  writer->table, span.data);
        fail(writer, &error);
        return;
    }
    uv_timer_start(&call->timer, on_waited, (uint64_t)random_uniform((uint64_t)most + 1), 0);
}

/* The key as a person may read it, cut: "19:Sstudent ..." without its length. */
static char *key_words(const struct put_call *call) {
    const struct put *put = &call->puts[0];
    size_t length = put->key_end - put->key;
    const char *key = call->keys.data + put->key, *colon = memchr(key, ':', length);
    size_t skip = colon ? (size_t)(colon - key) + 2 : 0;
    return x_strndup(key + skip, length - skip < 100 ? length - skip : 100);
}

/* One item is wrong, and the whole call was refused: each alone, until that one is found. */
static void on_refusal(struct put_call *call, const struct error *error) {
    struct writer *writer = call->writer;
    struct error told = error_copy(error);
    if (error->code == ERROR_INVALID && call->sent > 1) {
        error_clear(&told);
        call->alone = true;
        send_call(call);
        return;
    }
    if (error->code == ERROR_INVALID) {
        _cleanup_free_ char *key = key_words(call);
        error_context(&told, "the item with the key \"%s\" of %s", key, call->puts[0].batch->where);
    }
    fail(writer, &told);
}

/* Some items given back are the table at its limit: the calls in flight are as many as it takes. Most of them: too many. */
static void learn(struct put_call *call, size_t sent, size_t back) {
    struct write_pace *pace = &call->writer->pace;
    bool most = 2 * back > sent;
    call->waits = most ? call->waits + 1 : 0;
    if (most)
        pace_throttled(pace, clock_monotonic());
    else if (!back)
        pace_succeeded(pace);
}

static void on_answer(void *arg, const struct http_answer *answer, const struct error *error) {
    struct put_call *call = arg;
    struct writer *writer = call->writer;
    (void)answer;
    call->call = NULL;
    if (error) {
        on_refusal(call, error);
        return;
    }
    writer->progress.calls++;
    writer->progress.unprocessed += call->answer.count;
    spend(call);
    size_t sent = call->sent, back = settle_puts(call);
    if (writer->freed || writer->failure.code) /* by who heard that a batch is written: the call has ended with it */
        return;
    learn(call, sent, back);
    if (back)
        rest(call);
    else if (call->count)
        go(call);
    else
        call_end(writer, call);
    pump(writer);
}

/* ------------------------------------------------------------ sending */

static void post(struct put_call *call, const char *sha256, size_t slices) {
    struct writer *writer = call->writer;
    struct dynamodb_batch_write write = {.table = writer->table,
                                         .body = call->slices,
                                         .body_count = slices,
                                         .sha256 = sha256,
                                         .accept = accept_answer,
                                         .on_throttle = on_throttle};
    call->call = dynamodb_batch_write_start(writer->options.session, &write, on_answer, call);
}

static void hash_body(uv_work_t *work) {
    struct put_call *call = work->data;
    unsigned char value[SHA256_LENGTH];
    sha256(value, call->body.data, call->body.length);
    hex_encode(call->sha256, value, sizeof value);
}

static void on_hashed(uv_work_t *work, int status) {
    struct put_call *call = work->data;
    (void)status;
    call->working = false;
    if (!call->writer) {
        uv_close((uv_handle_t *)&call->timer, on_call_closed);
        return;
    }
    call->slices[0] = (struct http_slice){call->body.data, call->body.length};
    post(call, call->sha256, 1);
}

/* Opening, item, joint, item, ..., closing. */
static size_t fill_slices(struct put_call *call) {
    struct writer *writer = call->writer;
    size_t count = 0;
    for (size_t i = 0; i < call->sent; i++) {
        const char *before = i ? writer->joint : writer->opening;
        call->slices[count++] = (struct http_slice){before, strlen(before)};
        call->slices[count++] = (struct http_slice){call->puts[i].item, call->puts[i].length};
    }
    call->slices[count++] = (struct http_slice){PUT_CLOSE CALL_CLOSE, sizeof PUT_CLOSE CALL_CLOSE - 1};
    return count;
}

static void send_call(struct put_call *call) {
    size_t bytes = 0;
    call->sent = call->alone ? 1 : call->count;
    size_t slices = fill_slices(call);
    for (size_t i = 0; i < slices; i++)
        bytes += call->slices[i].length;
    if (bytes < LARGE_BODY) {
        post(call, NULL, slices);
        return;
    }
    /* A copy: the worker must not read a batch that its owner may free meanwhile. */
    buffer_fini(&call->body);
    call->body = BUFFER_INIT(BATCH_BYTES);
    for (size_t i = 0; i < slices; i++)
        buffer_add_bytes(&call->body, call->slices[i].data, call->slices[i].length);
    call->working = true;
    uv_queue_work(loop_of(call->writer), &call->work, hash_body, on_hashed);
}

/* ------------------------------------------------------------ filling calls */

static bool has_key(const struct put_call *call, size_t start) {
    for (size_t i = 0; i < call->count; i++) {
        size_t length = call->puts[i].key_end - call->puts[i].key;
        if (length == call->keys.length - start &&
            memcmp(call->keys.data + call->puts[i].key, call->keys.data + start, length) == 0)
            return true;
    }
    return false;
}

static bool is_full(const struct put_call *call, size_t length) {
    if (!call->count)
        return false;
    return call->count == BATCH_ITEMS || call->bytes + length > CALL_BYTES ||
           !pace_fits(&call->writer->pace, call->estimate + pace_estimate(length));
}

/* The next item of the first batch, if it fits. False: the call is full, or has failed with an error. */
static bool take_item(struct put_call *call, struct error *error) {
    struct writer *writer = call->writer;
    struct write_batch *batch = TAILQ_FIRST(&writer->batches);
    struct span span = batch->items[batch->sent];
    const char *item = batch->bytes + span.offset;
    size_t start = call->keys.length;
    if (is_full(call, span.length))
        return false;
    if (span.length > BATCH_BYTES - ENVELOPE)
        error_set(error, ERROR_TOO_LARGE,
                  "item %" PRIu64 " of %s has %" PRIu32 " bytes of JSON: more than a BatchWriteItem takes",
                  batch->first + batch->sent, batch->where, span.length);
    else if (!item_key(&call->keys, &writer->options.key, item, span.length, error))
        error_context(error, "item %" PRIu64 " of %s", batch->first + batch->sent, batch->where);
    if (error->code)
        return false;
    if (has_key(call, start)) {
        call->keys.length = start;
        return false;
    }
    call->puts[call->count++] = (struct put){batch, item, span.length, start, call->keys.length, false};
    call->bytes += span.length;
    call->estimate += pace_estimate(span.length);
    if (++batch->sent == batch->count)
        TAILQ_REMOVE(&writer->batches, batch, entry);
    return true;
}

/* The keys of the puts that are left, without those of the ones that are gone. */
static void compact_keys(struct put_call *call) {
    struct buffer kept = BUFFER_INIT(BATCH_BYTES);
    for (size_t i = 0; i < call->count; i++) {
        struct put *put = &call->puts[i];
        size_t start = kept.length;
        buffer_add_bytes(&kept, call->keys.data + put->key, put->key_end - put->key);
        put->key = start;
        put->key_end = kept.length;
    }
    buffer_fini(&call->keys);
    call->keys = kept;
}

/* Up to what one call takes, unless there are more calls than should be: then this one is to come to its end. False: failed. */
static bool fill(struct put_call *call) {
    _cleanup_error_ struct error error = {0};
    struct writer *writer = call->writer;
    size_t before = call->bytes;
    compact_keys(call);
    for (size_t i = 0; i < call->count; i++)
        call->estimate += pace_estimate(call->puts[i].length);
    bool more = !call->alone && (!call->count || writer->progress.in_flight <= writer->pace.at_once);
    while (more && !TAILQ_EMPTY(&writer->batches) && take_item(call, &error))
        ;
    writer->flying += call->bytes - before;
    pace_reserve(&writer->pace, call->estimate);
    if (error.code)
        fail(writer, &error);
    return !writer->failure.code;
}

/* Sends what it holds, and more, as soon as the pace allows it. */
static void go(struct put_call *call) {
    int64_t wait = pace_wait(&call->writer->pace, clock_monotonic());
    if (wait)
        uv_timer_start(&call->timer, on_waited, (uint64_t)wait, 0);
    else if (fill(call))
        send_call(call);
}

static struct put_call *call_new(struct writer *writer) {
    struct put_call *call = x_calloc(1, sizeof *call);
    call->writer = writer;
    call->keys = BUFFER_INIT(BATCH_BYTES);
    call->timer.data = call;
    call->work.data = call;
    uv_timer_init(loop_of(writer), &call->timer);
    LIST_INSERT_HEAD(&writer->calls, call, entry);
    writer->progress.in_flight++;
    return call;
}

static bool start_call(struct writer *writer) {
    if (!writer->progress.in_flight) /* it was the source that took its time */
        writer->last_written = clock_monotonic();
    struct put_call *call = call_new(writer);
    if (!fill(call))
        return false;
    send_call(call);
    return true;
}

static bool may_start(const struct writer *writer) {
    if (writer->freed || writer->failure.code || TAILQ_EMPTY(&writer->batches))
        return false;
    return writer->progress.in_flight < writer->pace.at_once && (!writer->flying || writer->flying < FLYING_BYTES);
}

static void pump(struct writer *writer) {
    while (may_start(writer)) {
        int64_t wait = pace_wait(&writer->pace, clock_monotonic());
        if (wait) {
            kick(writer, wait);
            return;
        }
        if (!start_call(writer))
            return;
    }
}

/* ------------------------------------------------------------ the writer's life */

static char *opening_of(const char *table) {
    struct buffer out = BUFFER_INIT(BUFFER_OURS);
    buffer_add(&out, "{\"RequestItems\":{");
    json_quote(&out, table);
    buffer_add(&out, ":[" PUT_OPEN);
    return buffer_take(&out);
}

struct writer *writer_new(const struct writer_options *options, const struct writer_events *events) {
    struct writer *writer = x_calloc(1, sizeof *writer);
    writer->options = *options;
    writer->events = *events;
    writer->table = x_strdup(options->table);
    writer->opening = opening_of(options->table);
    writer->joint = x_strdup(PUT_CLOSE "," PUT_OPEN);
    TAILQ_INIT(&writer->batches);
    LIST_INIT(&writer->calls);
    writer->last_written = clock_monotonic();
    pace_init(&writer->pace, options->units_a_second, writer->last_written);
    writer->kick.data = writer;
    uv_timer_init(aws_client_loop(aws_session_client(options->session)), &writer->kick);
    return writer;
}

static void on_writer_closed(uv_handle_t *handle) {
    struct writer *writer = handle->data;
    error_clear(&writer->failure);
    free(writer->table);
    free(writer->opening);
    free(writer->joint);
    free(writer);
}

void writer_free(struct writer *writer) {
    if (!writer)
        return;
    writer->freed = true;
    drop_calls(writer);
    uv_close((uv_handle_t *)&writer->kick, on_writer_closed);
}

void writer_feed(struct writer *writer, struct write_batch *batch) {
    batch->sent = 0;
    batch->left = batch->count;
    TAILQ_INSERT_TAIL(&writer->batches, batch, entry);
    kick(writer, 0);
}

struct writer_progress writer_progress(const struct writer *writer) {
    return writer->progress;
}
