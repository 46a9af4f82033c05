/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Scan of one table.
 *
 *     ready segments --pump()--> request: page buffer + DynamoDB call --on_answer()--> delivered, segment ready again or done
 *                                   |  evicted, or no room: the buffer goes back, the segment is ready again
 *                                   |  throttled: fewer in flight (the call itself waits and tries again)
 *
 * With ReadCapacity= pump() starts a request only while read units are left (job/read_pace.h), else `kick` comes back when they are.
 *
 * A page counts only when its CRC, its grammar and its counts are right; accept_page() turns anything else into one more
 * try of the same request. A server whose LastEvaluatedKey goes in a circle is found out by Brent's method.
 */
#include "job/scan.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "base/digest.h"
#include "base/encoding.h"
#include "base/memory.h"
#include "job/read_pace.h"

#define PAGES_A_STEP 2               /* pages per segment in flight, without a throttle, before one more is added */
#define CALM_MS      (1 * SECOND_MS) /* one burst of throttles halves once */
#define FIRST_GUESS  ((size_t)1536 << 10) /* of a page's JSON, before the first has come */
#define MOST_AT_ONCE 256u                 /* connections: more than one host's worth of throughput */

/* Where a segment stands. `met` is Brent's tortoise: a key seen at a power of two of steps. */
struct segment {
    char *start_key, *met;
    uint64_t steps, power;
};

struct scan_request {
    LIST_ENTRY(scan_request) entry;
    struct scan *scan;
    struct scan_page *into;
    struct dynamodb_page_sink sink;
    struct dynamodb_call *call;
    unsigned page_limit; /* items that it asks for at most; 0: as many as there are */
    double reserved;     /* read units, until it is known what it took */
    bool no_room;
};

struct scan {
    struct scan_options options;
    struct scan_events events;
    char *table;
    struct segment *segments;
    unsigned *ready; /* a ring of the segments to be asked next */
    unsigned ready_first, ready_count;
    LIST_HEAD(, scan_request) requests;
    unsigned limit, pages_since_change;
    int64_t last_halved;
    size_t guess; /* bytes of a page, from those that came */
    struct scan_progress progress;
    struct read_pace pace;
    int64_t resting_since; /* no request is in flight, for the pace's sake alone; 0: it is not so */
    struct pool_waiter waiter;
    uv_timer_t kick; /* starts the first requests, and the end, outside of the caller's own call; the pace's waits */
    bool held, ended, freed;
    bool starved; /* a page was refused its memory: to ask for it again at once would only cost read units */
};

void scan_page_free(struct scan_page *page) {
    if (!page)
        return;
    page_free(page->page);
    page_index_fini(&page->index);
    free(page->next_key);
    free(page);
}

static void push_ready(struct scan *scan, unsigned segment) {
    scan->ready[(scan->ready_first + scan->ready_count++) % scan->options.segments] = segment;
}

static unsigned pop_ready(struct scan *scan) {
    unsigned segment = scan->ready[scan->ready_first];
    scan->ready_first = (scan->ready_first + 1) % scan->options.segments;
    scan->ready_count--;
    return segment;
}

/* Its page came, or was on its way, and is not used: the table has read it all the same. */
static void waste_units(const struct scan_request *request) {
    read_pace_waste(&request->scan->pace, request->reserved);
}

/* Ends a request whose call has ended or been cancelled. The page inside goes with it unless it was taken. */
static void request_free(struct scan_request *request) {
    LIST_REMOVE(request, entry);
    read_pace_drop(&request->scan->pace, request->reserved);
    request->scan->progress.in_flight--;
    scan_page_free(request->into);
    free(request);
}

static void drop_requests(struct scan *scan) {
    struct scan_request *request;
    while ((request = LIST_FIRST(&scan->requests))) {
        dynamodb_cancel(request->call);
        request_free(request);
    }
}

static void end(struct scan *scan, const struct error *error) {
    if (scan->ended)
        return;
    scan->ended = true;
    pool_wait_cancel(&scan->waiter);
    uv_timer_stop(&scan->kick);
    drop_requests(scan);
    scan->events.ended(scan->events.arg, error);
}

static void pump(struct scan *scan);
static void on_kick(uv_timer_t *timer);

static void wait_for_memory(struct scan *scan) {
    pool_wait(scan->options.pool, &scan->waiter);
}

static void on_memory(void *arg) {
    struct scan *scan = arg;
    scan->starved = false;
    pump(scan);
}

/* Called from inside another page's growth, maybe another job's. */
static void on_evict(void *arg) {
    struct scan_request *request = arg;
    struct scan *scan = request->scan;
    scan->progress.refetched++;
    push_ready(scan, request->into->segment);
    waste_units(request);
    dynamodb_cancel(request->call);
    request_free(request);
    wait_for_memory(scan);
}

static bool begin_page(void *arg, int status, int64_t length) {
    struct scan_request *request = arg;
    (void)status;
    (void)length;
    page_clear(request->into->page);
    request->into->crc32 = 0;
    return true;
}

static bool write_page(void *arg, const char *bytes, size_t length) {
    struct scan_request *request = arg;
    enum page_result result = page_append(request->into->page, bytes, length);
    request->no_room = result == PAGE_NO_ROOM;
    if (result == PAGE_OK) /* summed while it is still in the processor's cache */
        request->into->crc32 = crc32_update(request->into->crc32, bytes, length);
    return result == PAGE_OK;
}

static void on_throttle(void *arg) {
    struct scan *scan = ((struct scan_request *)arg)->scan;
    int64_t now = clock_monotonic();
    scan->progress.throttles++;
    scan->pages_since_change = 0;
    if (now - scan->last_halved < CALM_MS)
        return;
    scan->last_halved = now;
    scan->limit = scan->limit > 1 ? scan->limit / 2 : 1;
}

static bool is_right(struct scan_page *into, const struct http_answer *answer, struct error *error) {
    uint32_t sent;
    if (dynamodb_answer_crc32(answer, &sent) && sent != into->crc32) {
        error_set(error, ERROR_TRANSIENT,
                  "a page of %zu bytes came damaged: CRC-32 %08" PRIx32 ", x-amz-crc32 says %08" PRIx32,
                  into->page->length, into->crc32, sent);
        return false;
    }
    if (!page_slice(&into->index, into->page->data, into->page->length, error)) {
        error->code = ERROR_TRANSIENT;
        return false;
    }
    return true;
}

/* The page is whole and right, or is asked for again, and read again. */
static bool accept_page(void *arg, const struct http_answer *answer, struct error *error) {
    struct scan_request *request = arg;
    if (is_right(request->into, answer, error))
        return true;
    waste_units(request);
    return false;
}

/* False where the key has been seen before: this segment would never end. */
static bool step_segment(struct segment *segment, const struct span *key, const char *bytes) {
    free(segment->start_key);
    segment->start_key = key->length ? x_strndup(bytes + key->offset, key->length) : NULL;
    if (!segment->start_key)
        return true;
    if (segment->met && strcmp(segment->met, segment->start_key) == 0)
        return false;
    if (++segment->steps >= segment->power) {
        x_replace(&segment->met, segment->start_key);
        segment->power = segment->power ? segment->power * 2 : 1;
        segment->steps = 0;
    }
    return true;
}

static void fail_circle(struct scan *scan, unsigned segment) {
    _cleanup_error_ struct error error = {0};
    error_set(
        &error, ERROR_CORRUPT,
        "Scan of %s: segment %u of %u: the server gave a LastEvaluatedKey that it had given before; this scan would "
        "never end",
        scan->table, segment, scan->options.segments);
    end(scan, &error);
}

static unsigned most_at_once(const struct scan *scan) {
    return scan->options.segments < MOST_AT_ONCE ? scan->options.segments : MOST_AT_ONCE;
}

static void count_units(struct scan_request *request) {
    const struct scan_page *into = request->into;
    struct read_pace_page page = {.limit = request->page_limit,
                                  .items = into->index.count,
                                  .bytes = into->page->length,
                                  .units = into->index.read_units,
                                  .last = !into->index.last_key.length};
    read_pace_take(&request->scan->pace, request->reserved, &page);
    request->reserved = 0;
}

static void count_page(struct scan *scan, const struct scan_page *page) {
    scan->progress.pages++;
    scan->progress.items += page->index.count;
    scan->progress.bytes += page->page->length;
    scan->progress.read_units += page->index.read_units;
    if (page->page->length > scan->guess / 2)
        scan->guess = (scan->guess * 3 + page->page->length) / 4;
    if (++scan->pages_since_change >= scan->limit * PAGES_A_STEP && scan->limit < most_at_once(scan)) {
        scan->limit++;
        scan->pages_since_change = 0;
    }
}

/* The call failed for good. Where it was only our own memory, the page is asked for again later. */
static void on_failure(struct scan_request *request, const struct error *error) {
    struct scan *scan = request->scan;
    if (request->no_room) {
        scan->progress.refetched++;
        push_ready(scan, request->into->segment);
        waste_units(request);
        request_free(request);
        scan->starved = pool_stats(scan->options.pool).used > 0; /* who holds the rest will give it back, and wake us */
        wait_for_memory(scan);
        return;
    }
    struct error told = error_copy(error);
    if (told.code == ERROR_TOO_LARGE)
        error_advice(&told, "a page of Scan larger than %zu MiB", PAGE_MAX >> 20);
    error_context(&told, "segment %u of %u", request->into->segment, scan->options.segments);
    request_free(request);
    end(scan, &told);
    error_clear(&told);
}

static void deliver(struct scan_request *request) {
    struct scan *scan = request->scan;
    count_units(request);
    struct scan_page *page = take_pointer(request->into);
    unsigned number = page->segment;
    struct segment *segment = &scan->segments[number];
    page_hold(page->page);
    request_free(request);
    bool goes_on = step_segment(segment, &page->index.last_key, page->page->data);
    page->next_key = x_strdup(segment->start_key);
    count_page(scan, page);
    if (!goes_on) {
        scan_page_free(page);
        fail_circle(scan, number);
        return;
    }
    if (page->next_key)
        push_ready(scan, number);
    else
        scan->progress.segments_done++;
    scan->events.page(scan->events.arg,
                      page); /* may free the scan: its memory stays until this turn of the loop is over */
}

static void on_answer(void *arg, const struct http_answer *answer, const struct error *error) {
    struct scan_request *request = arg;
    struct scan *scan = request->scan;
    (void)answer;
    request->call = NULL;
    if (error)
        on_failure(request, error);
    else
        deliver(request);
    pump(scan);
}

/* Is there memory for one more page, as large as the others, beside those that are still growing? */
static bool has_room(const struct scan *scan) {
    if (!scan->progress.in_flight)
        return true;
    struct pool_stats stats = pool_stats(scan->options.pool);
    size_t growing = 0;
    struct scan_request *request;
    LIST_FOREACH(request, &scan->requests, entry)
    growing += request->into->page->length < scan->guess ? scan->guess - request->into->page->length : 0;
    return stats.used + growing + scan->guess <= stats.limit;
}

/* False where there is no memory now; the segment is then ready still. */
static bool start_request(struct scan *scan) {
    struct scan_request *request = x_calloc(1, sizeof *request);
    struct page *page = page_new(scan->options.pool, on_evict, request);
    if (!page) {
        free(request);
        return false;
    }
    request->scan = scan;
    request->into = x_calloc(1, sizeof *request->into);
    request->into->page = page;
    request->into->segment = pop_ready(scan);
    request->page_limit = read_pace_limit(&scan->pace);
    request->reserved = read_pace_reserve(&scan->pace, request->page_limit);
    request->sink = (struct dynamodb_page_sink){
        .sink = {begin_page, write_page, request}, .accept = accept_page, .on_throttle = on_throttle};
    LIST_INSERT_HEAD(&scan->requests, request, entry);
    if (++scan->progress.in_flight > scan->progress.most_in_flight)
        scan->progress.most_in_flight = scan->progress.in_flight;
    struct dynamodb_scan ask = {.table = scan->table,
                                .segment = request->into->segment,
                                .total_segments = scan->options.segments,
                                .start_key = scan->segments[request->into->segment].start_key,
                                .consistent = scan->options.consistent,
                                .limit = request->page_limit};
    request->call = dynamodb_scan_start(scan->options.session, &ask, &request->sink, on_answer, request);
    return true;
}

/* Whoever holds a page will give it back, and wakes us. Where nobody holds one, it was not BufferMemory that lacked. */
static void wait_or_fail(struct scan *scan) {
    _cleanup_error_ struct error error = {0};
    if (pool_stats(scan->options.pool).pages) {
        wait_for_memory(scan);
        return;
    }
    error_set(&error, ERROR_MEMORY,
              "Scan of %s: the system has no address space for a page (%zu MiB): is the process limited (LimitAS=)?",
              scan->table, PAGE_MAX >> 20);
    end(scan, &error);
}

/* False where the pace has it wait: `kick` will come. RetryFor= is not about such a wait. */
static bool has_units(struct scan *scan) {
    int64_t now = clock_monotonic(), wait = read_pace_wait(&scan->pace, now);
    if (wait) {
        uv_timer_start(&scan->kick, on_kick, (uint64_t)wait, 0);
        if (!scan->progress.in_flight && !scan->resting_since)
            scan->resting_since = now;
        return false;
    }
    if (scan->resting_since)
        aws_session_rested(scan->options.session, now - scan->resting_since);
    scan->resting_since = 0;
    return true;
}

static void pump(struct scan *scan) {
    if (scan->ended || scan->freed)
        return;
    if (!scan->ready_count && !scan->progress.in_flight) {
        end(scan, NULL);
        return;
    }
    while (!scan->held && !scan->starved && scan->ready_count && scan->progress.in_flight < scan->limit) {
        if (!has_units(scan))
            return;
        if (!has_room(scan) || !start_request(scan)) {
            wait_or_fail(scan);
            return;
        }
    }
}

static void on_kick(uv_timer_t *timer) {
    pump(timer->data);
}

/* A segment that has ended is never asked again. */
static void take_positions(struct scan *scan, const struct scan_options *options) {
    bool *over = x_calloc(options->segments, sizeof *over);
    for (size_t i = 0; i < options->position_count; i++) {
        const struct checkpoint_position *position = &options->positions[i];
        if (position->segment >= options->segments)
            continue;
        scan->segments[position->segment].start_key = x_strdup(position->key);
        over[position->segment] = !position->key;
    }
    for (unsigned i = 0; i < options->segments; i++) {
        if (over[i])
            scan->progress.segments_done++;
        else
            push_ready(scan, i);
    }
    free(over);
    scan->options.positions = NULL;
}

struct scan *scan_start(const struct scan_options *options, const struct scan_events *events) {
    struct scan *scan = x_calloc(1, sizeof *scan);
    scan->options = *options;
    scan->events = *events;
    scan->table = x_strdup(options->table);
    scan->segments = x_calloc(options->segments, sizeof *scan->segments);
    scan->ready = x_calloc(options->segments, sizeof *scan->ready);
    take_positions(scan, options);
    LIST_INIT(&scan->requests);
    scan->limit = options->ramp ? 1 : most_at_once(scan);
    scan->guess = FIRST_GUESS;
    scan->last_halved = -CALM_MS;
    read_pace_init(&scan->pace, options->units_a_second, options->consistent, options->item_bytes, clock_monotonic());
    scan->waiter = (struct pool_waiter){.wake = on_memory, .arg = scan};
    scan->kick.data = scan;
    uv_timer_init(aws_client_loop(aws_session_client(options->session)), &scan->kick);
    uv_timer_start(&scan->kick, on_kick, 0, 0);
    return scan;
}

static void on_closed(uv_handle_t *handle) {
    free(handle->data);
}

void scan_free(struct scan *scan) {
    if (!scan)
        return;
    scan->freed = true;
    pool_wait_cancel(&scan->waiter);
    drop_requests(scan);
    for (unsigned i = 0; i < scan->options.segments; i++) {
        free(scan->segments[i].start_key);
        free(scan->segments[i].met);
    }
    free(scan->segments);
    free(scan->ready);
    free(scan->table);
    uv_close((uv_handle_t *)&scan->kick, on_closed);
}

void scan_hold(struct scan *scan, bool held) {
    if (scan->held == held)
        return;
    scan->held = held;
    if (!held && !scan->ended)
        uv_timer_start(&scan->kick, on_kick, 0, 0);
}

struct scan_progress scan_progress(const struct scan *scan) {
    return scan->progress;
}
