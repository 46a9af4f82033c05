/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From pages to parts.
 *
 *     feed() -> WAITING --memory, a free task--> ENCODING (worker) -> ENCODED --its turn--> appended to every output
 *                                                                                  |
 *                              output_send() of one, or of all: a cut  <--planner--+
 *
 *     a cut: closed --all its parts acknowledged--> written into the state --> recorded
 *
 * An upload that is full (10,000 parts) is rolled over at a moment when no page is between: pages wait until all that were
 * encoded for the old object have been appended to it.
 */
#include "job/assembly.h"

#include <stdlib.h>
#include <sys/queue.h>

#include "base/memory.h"
#include "cuts.h"

#define TASKS_AT_ONCE  4 /* libuv's worker threads; other runs share them */
#define PAGES_HELD     6 /* waiting or encoded: from here on the scan is held ... */
#define PAGES_RELEASED 2 /* ... until here */
#define PARTS_HELD     6 /* closed but not acknowledged, of one output */

enum task_state { TASK_WAITING, TASK_ENCODING, TASK_ENCODED };

struct task {
    TAILQ_ENTRY(task) entry;
    struct assembly *assembly; /* NULL: the assembly has gone, only give the memory back */
    struct workshop *workshop;
    enum task_state state;
    struct scan_page *page; /* its bytes go once it is encoded */
    size_t page_length;
    size_t count; /* of outputs */
    struct chunk_encode encode[RECORD_OUTPUTS];
    struct chunk chunks[RECORD_OUTPUTS];
    struct csv_columns *columns; /* that the worker reads */
    struct type_counts types;
    unsigned char digest_key[ITEM_DIGEST_KEY];
    bool digests;
    struct item_digest digest; /* of the page's items, where wanted */
    struct error error;
    size_t reserved;
    uv_work_t work;
};

struct assembly {
    struct assembly_options options;
    struct assembly_events events;
    struct output *outputs[RECORD_OUTPUTS];
    size_t count;
    TAILQ_HEAD(, task) tasks; /* in order of arrival */
    unsigned waiting, encoding, held_tasks;
    bool opens[RECORD_OUTPUTS];  /* the next page with items is the first of its object */
    struct csv_columns *columns; /* csv's; NULL until a page with items is encoded, and where there is no csv */
    bool closing, closed, failed, pressed, completing;
    bool stopping, hungry /* to stop it needs further pages */, stopped;
    size_t completed;
    struct cuts *cuts;
    struct pool_waiter waiter;
    uv_timer_t soon; /* stored() is never called from inside close() */
};

static void advance(struct assembly *assembly);

static struct pool *pool_of(const struct assembly *assembly) {
    return workshop_pool(assembly->options.output.workshop);
}

static void fail(struct assembly *assembly, const struct error *error) {
    if (assembly->failed)
        return;
    assembly->failed = true;
    assembly->events.failed(assembly->events.arg, error);
}

static void on_output_failed(void *arg, const struct error *error) {
    fail(arg, error);
}

static void on_acknowledged(void *arg) {
    advance(arg);
}

static void on_output_completed(void *arg) {
    struct assembly *assembly = arg;
    if (++assembly->completed == assembly->count && !assembly->failed)
        assembly->events.completed(assembly->events.arg);
}

static void on_memory(void *arg) {
    advance(arg);
}

static void on_recorded(void *arg) {
    struct assembly *assembly = arg;
    if (assembly->failed)
        return;
    assembly->events.recorded(assembly->events.arg);
    advance(assembly);
}

struct assembly *assembly_new(const struct assembly_options *options, const struct assembly_events *events) {
    struct assembly *assembly = x_calloc(1, sizeof *assembly);
    assembly->options = *options;
    assembly->events = *events;
    assembly->count = options->record->output_count;
    TAILQ_INIT(&assembly->tasks);
    assembly->waiter = (struct pool_waiter){.wake = on_memory, .arg = assembly};
    assembly->soon.data = assembly;
    uv_timer_init(options->output.loop, &assembly->soon);
    struct output_events heard = {on_acknowledged, on_output_completed, on_output_failed, assembly};
    for (size_t i = 0; i < assembly->count; i++) {
        struct output_options output = options->output;
        output.record = &options->record->outputs[i];
        output.which = (unsigned)i;
        assembly->outputs[i] = output_new(&output, &heard);
        assembly->opens[i] = output_opens(assembly->outputs[i]);
    }
    struct cuts_options cuts = {options->record, options->output.ledger, assembly->outputs, on_recorded, assembly};
    assembly->cuts = cuts_new(&cuts);
    return assembly;
}

/* ------------------------------------------------------------ a page's task */

static void task_free(struct task *task) {
    struct pool *pool = workshop_pool(task->workshop);
    size_t reserved = task->reserved;
    for (size_t i = 0; i < task->count; i++)
        chunk_fini(&task->chunks[i], pool);
    scan_page_free(task->page);
    csv_columns_unref(task->columns);
    error_clear(&task->error);
    free(task);
    pool_release(pool, reserved);
}

/* Its own memory for a page of a megabyte: nothing beside the hashing. An item that has no digest costs the backup its digest, and
 * nothing else. */
static void digest_page(struct task *task) {
    struct item_digester *digester = item_digester_new(task->digest_key);
    const struct page_index *index = &task->page->index;
    bool digested = true;
    for (size_t i = 0; i < index->count && digested; i++)
        digested = item_digester_add(digester, &task->digest, task->page->page->data + index->items[i].offset,
                                     index->items[i].length, NULL);
    item_digester_free(digester);
}

/* On a worker thread: the page, once for each output. The format that parses items counts their types. */
static void encode_work(uv_work_t *work) {
    struct task *task = container_of(work, struct task, work);
    struct chunk_workspace *workspace = workshop_take(task->workshop);
    struct pool *pool = workshop_pool(task->workshop);
    for (size_t i = task->count; i-- > 0 && !task->error.code;)
        chunk_encode(&task->chunks[i], pool, workspace, &task->encode[i], i == task->count - 1 ? &task->types : NULL,
                     &task->error);
    if (task->digests && !task->error.code)
        digest_page(task);
    workshop_give(task->workshop, workspace);
}

/* What was reserved beyond the blocks that the chunks took. */
static size_t take_surplus(struct task *task) {
    size_t used = 0;
    for (size_t i = 0; i < task->count; i++)
        used += task->chunks[i].block_count * BLOCK_SIZE;
    size_t surplus = task->reserved > used ? task->reserved - used : 0;
    task->reserved -= surplus;
    return surplus;
}

/* Back on the loop. Whatever gives memory back may wake us, and the task be appended and gone: so that comes last. */
static void on_encoded(uv_work_t *work, int status) {
    struct task *task = container_of(work, struct task, work);
    struct assembly *assembly = task->assembly;
    (void)status;
    if (!assembly) {
        task_free(task);
        return;
    }
    struct pool *pool = pool_of(assembly);
    struct page *page = take_pointer(task->page->page);
    size_t surplus = take_surplus(task);
    task->state = TASK_ENCODED;
    assembly->encoding--;
    page_free(page);
    if (surplus)
        pool_release(pool, surplus);
    advance(assembly);
}

static size_t most_blocks(const struct task *task) {
    size_t blocks = 0;
    for (size_t i = 0; i < task->count; i++)
        blocks += chunk_bound(&task->encode[i]);
    return blocks;
}

/* Nothing of this run is under way that would give memory back. */
static bool stands_still(const struct assembly *assembly) {
    if (assembly->encoding)
        return false;
    for (size_t i = 0; i < assembly->count; i++)
        if (output_outstanding(assembly->outputs[i]))
            return false;
    return true;
}

static bool reserve(struct assembly *assembly, struct task *task) {
    size_t bytes = most_blocks(task) * BLOCK_SIZE;
    if (!pool_reserve(pool_of(assembly), bytes)) {
        if (!stands_still(assembly)) {
            pool_wait(pool_of(assembly), &assembly->waiter);
            return false;
        }
        pool_overdraw(pool_of(assembly), bytes);
    }
    task->reserved = bytes;
    return true;
}

/* Known from Columns=, from the run before, or now: the keys, and what this page's items have. */
static void learn_columns(struct assembly *assembly, const struct task *task) {
    struct backup_record *record = assembly->options.record;
    if (assembly->columns || !task->page->index.count || !backup_record_output(record, FORMAT_CSV))
        return;
    assembly->columns = record_columns(record);
    if (record->csv_header)
        return;
    csv_columns_add_page(assembly->columns, task->page->page->data, &task->page->index);
    record->csv_header = csv_columns_save(assembly->columns);
}

static void prepare(struct assembly *assembly, struct task *task) {
    learn_columns(assembly, task);
    for (size_t i = 0; i < task->count; i++) {
        task->encode[i].opens = assembly->opens[i];
        task->encode[i].columns = assembly->columns;
    }
}

static void start_encoding(struct assembly *assembly, struct task *task) {
    for (size_t i = 0; i < task->count; i++)
        if (task->page->index.count)
            assembly->opens[i] = false;
    task->columns = assembly->columns ? csv_columns_ref(assembly->columns) : NULL;
    task->state = TASK_ENCODING;
    assembly->waiting--;
    assembly->encoding++;
    uv_queue_work(assembly->options.output.loop, &task->work, encode_work, on_encoded);
}

static bool outputs_are_behind(const struct assembly *assembly) {
    for (size_t i = 0; i < assembly->count; i++)
        if (output_outstanding(assembly->outputs[i]) >= PARTS_HELD)
            return true;
    return false;
}

/* An upload is full: nothing is encoded until all that was has been appended, and the object is closed. */
static bool rolls_over(struct assembly *assembly) {
    size_t between = assembly->held_tasks - assembly->waiting;
    bool full = false;
    for (size_t i = 0; i < assembly->count; i++)
        full = full || output_full(assembly->outputs[i], between);
    if (!full || between)
        return full;
    for (size_t i = 0; i < assembly->count; i++)
        if (output_full(assembly->outputs[i], 0)) {
            output_roll(assembly->outputs[i]);
            assembly->opens[i] = true;
        }
    return false;
}

static void start_tasks(struct assembly *assembly) {
    if (!assembly->waiting)
        return;
    struct task *task;
    TAILQ_FOREACH(task, &assembly->tasks, entry) {
        if (task->state != TASK_WAITING)
            continue;
        if (assembly->encoding >= TASKS_AT_ONCE || outputs_are_behind(assembly) || rolls_over(assembly))
            return;
        prepare(assembly, task);
        if (!reserve(assembly, task))
            return;
        start_encoding(assembly, task);
    }
}

/* ------------------------------------------------------------ appending, in order */

static void cut_everywhere(struct assembly *assembly) {
    for (size_t i = 0; i < assembly->count; i++)
        output_send(assembly->outputs[i], UINT64_MAX);
    cuts_close(assembly->cuts, false);
}

static void close_parts(struct assembly *assembly) {
    for (;;) {
        struct plan_pending pending[RECORD_OUTPUTS];
        for (size_t i = 0; i < assembly->count; i++)
            pending[i] = output_pending(assembly->outputs[i]);
        size_t which = 0;
        switch (plan_next(pending, assembly->count, &which)) {
        case PLAN_WAIT:
            return;
        case PLAN_SPLIT:
            output_send(assembly->outputs[which], pending[which].target);
            break;
        case PLAN_CUT:
            cut_everywhere(assembly);
            return;
        }
    }
}

static void append(struct assembly *assembly, struct task *task) {
    struct backup_record *record = assembly->options.record;
    record->pages++;
    record->scanned_bytes += task->page_length;
    record->read_units += task->page->index.read_units;
    record->items += task->page->index.count;
    item_digest_join(&record->digest, &task->digest);
    type_counts_add(&record->types, &task->types);
    for (size_t i = 0; i < assembly->count; i++)
        output_append(assembly->outputs[i], &task->chunks[i]);
    task->reserved = 0; /* went with the chunks */
    cuts_add_page(assembly->cuts, task->page);
    close_parts(assembly);
}

/* ------------------------------------------------------------ stopping */

static bool may_cut(const struct assembly *assembly) {
    for (size_t i = 0; i < assembly->count; i++)
        if (!output_may_close(assembly->outputs[i]))
            return false;
    return true;
}

/* Pages that the last cut will not hold: they are read again. */
static void drop_tasks(struct assembly *assembly) {
    struct task *task;
    while ((task = TAILQ_FIRST(&assembly->tasks))) {
        TAILQ_REMOVE(&assembly->tasks, task, entry);
        assembly->held_tasks--;
        task->assembly = NULL;
        if (task->state == TASK_WAITING)
            assembly->waiting--;
        if (task->state == TASK_ENCODING)
            assembly->encoding--;
        else
            task_free(task);
    }
}

/* With pages still to be appended there may be a better cut; one that needed further pages takes the first there is. */
static void stop_at_cut(struct assembly *assembly) {
    if (!assembly->stopping || assembly->closing || assembly->stopped || assembly->failed)
        return;
    if (!assembly->hungry && !TAILQ_EMPTY(&assembly->tasks))
        return;
    bool fills = cuts_fill(assembly->cuts);
    if (fills && !may_cut(assembly)) {
        assembly->hungry = true;
        return;
    }
    if (fills)
        cut_everywhere(assembly);
    assembly->hungry = false;
    assembly->stopped = true;
    drop_tasks(assembly);
}

static bool append_ready(struct assembly *assembly) {
    struct task *task;
    while ((task = TAILQ_FIRST(&assembly->tasks)) && task->state == TASK_ENCODED && cuts_take_pages(assembly->cuts)) {
        TAILQ_REMOVE(&assembly->tasks, task, entry);
        assembly->held_tasks--;
        if (task->error.code) {
            struct error error = error_take(&task->error);
            error_context(&error, "Scan of %s, segment %u", assembly->options.record->table, task->page->segment);
            task_free(task);
            fail(assembly, &error);
            error_clear(&error);
            return false;
        }
        append(assembly, task);
        task_free(task);
        stop_at_cut(assembly);
    }
    return true;
}

static void press(struct assembly *assembly) {
    bool press = assembly->pressed ? assembly->held_tasks > PAGES_RELEASED : assembly->held_tasks >= PAGES_HELD;
    if (assembly->stopping && !assembly->hungry)
        press = true;
    if (press == assembly->pressed)
        return;
    assembly->pressed = press;
    assembly->events.pressure(assembly->events.arg, press);
}

static void close_outputs(struct assembly *assembly) {
    if (!assembly->columns && backup_record_output(assembly->options.record, FORMAT_CSV))
        assembly->columns = record_columns(assembly->options.record); /* there was no item */
    for (size_t i = 0; i < assembly->count; i++)
        output_close(assembly->outputs[i], assembly->columns);
}

/* No page is left and no more will come: the last parts close, and when all are recorded it is stored. */
static void finish(struct assembly *assembly) {
    if (!assembly->closed) {
        if (!cuts_take_pages(assembly->cuts))
            return;
        assembly->closed = true;
        close_outputs(assembly);
        cuts_close(assembly->cuts, true);
    }
    cuts_record(assembly->cuts);
    if (!assembly->failed && !cuts_closed(assembly->cuts) && !assembly->completing) {
        assembly->completing = true;
        assembly->events.stored(assembly->events.arg);
    }
}

/* All that can follow a page, an acknowledgement, a recorded cut, or memory. An event may free the assembly: `failed` says so,
 * and its own memory stays until this turn of the loop is over. */
static void advance(struct assembly *assembly) {
    if (assembly->failed || !append_ready(assembly) ||
        assembly->failed) /* memory given back may wake, and fail, us inside */
        return;
    stop_at_cut(assembly);
    cuts_record(assembly->cuts);
    if (assembly->failed)
        return;
    start_tasks(assembly);
    press(assembly);
    if (assembly->failed)
        return;
    if (assembly->closing && TAILQ_EMPTY(&assembly->tasks))
        finish(assembly);
    else if (assembly->stopped && !cuts_closed(assembly->cuts) && !assembly->completing) {
        assembly->completing = true;
        assembly->events.stopped(assembly->events.arg);
    }
}

void assembly_feed(struct assembly *assembly, struct scan_page *page) {
    if (assembly->failed || assembly->stopped) {
        scan_page_free(page);
        return;
    }
    struct task *task = x_calloc(1, sizeof *task);
    task->assembly = assembly;
    task->workshop = assembly->options.output.workshop;
    task->page = page;
    task->count = assembly->count;
    for (size_t i = 0; i < assembly->count; i++) {
        task->encode[i].format = assembly->options.record->outputs[i].format;
        task->encode[i].compression = assembly->options.record->outputs[i].compression;
        task->encode[i].page = page->page->data;
        task->encode[i].index = &page->index;
    }
    task->digests = assembly->options.record->digests;
    if (task->digests)
        backup_digest_key(task->digest_key, assembly->options.record->names.run);
    task->page_length = page->page->length;
    TAILQ_INSERT_TAIL(&assembly->tasks, task, entry);
    assembly->waiting++;
    assembly->held_tasks++;
    advance(assembly);
}

static void on_soon(uv_timer_t *timer) {
    advance(timer->data);
}

void assembly_close(struct assembly *assembly) {
    if (assembly->stopped) /* pages have been dropped: this is not the end */
        return;
    assembly->closing = true;
    uv_timer_start(&assembly->soon, on_soon, 0, 0);
}

void assembly_stop(struct assembly *assembly) {
    assembly->stopping = true;
    assembly->pressed = true; /* who stops has held the scan */
    uv_timer_start(&assembly->soon, on_soon, 0, 0);
}

void assembly_complete(struct assembly *assembly) {
    for (size_t i = 0; i < assembly->count; i++)
        output_complete(assembly->outputs[i]);
}

bool assembly_writes(const struct assembly *assembly) {
    bool writes = false;
    for (size_t i = 0; i < assembly->count; i++)
        writes = writes || output_writes(assembly->outputs[i]);
    return writes;
}

static void on_closed(uv_handle_t *handle) {
    free(handle->data);
}

void assembly_free(struct assembly *assembly) {
    if (!assembly)
        return;
    assembly->failed = true; /* nothing is told any more */
    pool_wait_cancel(&assembly->waiter);
    drop_tasks(assembly);
    cuts_free(assembly->cuts);
    for (size_t i = 0; i < assembly->count; i++)
        output_free(assembly->outputs[i]);
    csv_columns_unref(assembly->columns);
    uv_close((uv_handle_t *)&assembly->soon, on_closed);
}
