/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The book in which events wait for CloudWatch. A batch stays in the book until it is known to have arrived; what falls out of
 * a full book leaves a line in its place, so that a reader of the stream sees the gap.
 */
#include "report/logbook.h"

#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "base/encoding.h"
#include "base/memory.h"
#include "report/clean.h"

struct log_event {
    TAILQ_ENTRY(log_event) next;
    int64_t time;        /* ms since 1970 */
    uint64_t stands_for; /* events: 1, or those that a line about lost ones counts */
    size_t size;         /* as PutLogEvents counts it */
    char *text;
};

void logbook_init(struct logbook *book, const char *job) {
    *book = (struct logbook){.job = x_strdup(job)};
    TAILQ_INIT(&book->waiting);
    TAILQ_INIT(&book->sending);
}

static void free_event(struct log_event *event) {
    free(event->text);
    free(event);
}

static void clear(struct log_events *events) {
    struct log_event *event;
    while ((event = TAILQ_FIRST(events))) {
        TAILQ_REMOVE(events, event, next);
        free_event(event);
    }
}

void logbook_fini(struct logbook *book) {
    clear(&book->waiting);
    clear(&book->sending);
    free(book->job);
}

static const char *level_name(int priority) {
    return priority <= LOG_ERR       ? "error"
           : priority == LOG_WARNING ? "warning"
           : priority == LOG_DEBUG   ? "debug"
                                     : "info";
}

static void add_member(struct buffer *out, const char *name, const char *value) {
    if (!value)
        return;
    _cleanup_buffer_ struct buffer clean = BUFFER_INIT(BUFFER_OURS);
    clean_text(&clean, value, 1024);
    buffer_printf(out, ",\"%s\":", name);
    json_quote(out, clean.data ? clean.data : "");
}

static void add_number(struct buffer *out, const char *name, int64_t value) {
    if (value >= 0)
        buffer_printf(out, ",\"%s\":%lld", name, (long long)value);
}

char *logbook_line(const struct event *event, const char *text) {
    struct buffer out = BUFFER_INIT(BUFFER_OURS);
    buffer_printf(&out, "{\"level\":\"%s\",\"event\":\"%s\",\"message\":", level_name(event_priority(event->kind)),
                  event_name(event->kind));
    json_quote(&out, text); /* clean already */
    add_member(&out, "job", event->job);
    add_member(&out, "run", event->run);
    add_member(&out, "table", event->table);
    add_number(&out, "items", event->items);
    add_number(&out, "bytes", event->bytes);
    add_number(&out, "duration_ms", event->duration_ms);
    add_member(&out, "error_code", event_error_code(event));
    add_member(&out, "aws_request_id", event_error_code(event) ? event->error->request_id : NULL);
    buffer_add(&out, "}");
    return buffer_take(&out);
}

static struct log_event *event_new(int64_t time, uint64_t stands_for, char *text) {
    struct log_event *event = x_calloc(1, sizeof *event);
    *event = (struct log_event){.time = time, .stands_for = stands_for, .text = text};
    event->size = strlen(text) + LOGBOOK_EVENT_OVERHEAD;
    return event;
}

/* The oldest go until the rest fits. */
static void trim(struct logbook *book) {
    struct log_event *event;
    while (book->held > LOGBOOK_BYTES && (event = TAILQ_FIRST(&book->waiting))) {
        TAILQ_REMOVE(&book->waiting, event, next);
        book->held -= event->size;
        book->lost += event->stands_for;
        book->lost_total += event->stands_for;
        free_event(event);
    }
}

void logbook_add(struct logbook *book, int64_t time, char *line) {
    struct log_event *event = event_new(time, 1, line);
    TAILQ_INSERT_TAIL(&book->waiting, event, next);
    book->held += event->size;
    trim(book);
}

/* It stands where the lost ones would have stood. */
static void tell_of_lost(struct logbook *book) {
    struct log_event *first = TAILQ_FIRST(&book->waiting);
    if (!book->lost || !first)
        return;
    char *text =
        x_printf("{\"level\":\"warning\",\"event\":\"cloudwatch-lost\",\"message\":\"%s: %llu events before this one "
                 "were lost: CloudWatch Logs could not be reached, and the buffer is bounded\",\"job\":\"%s\"}",
                 book->job, (unsigned long long)book->lost, book->job);
    struct log_event *lost = event_new(first->time, book->lost, text);
    book->lost = 0;
    TAILQ_INSERT_HEAD(&book->waiting, lost, next);
    book->held += lost->size;
}

/* In order of time, those of one instant in order of arrival: AWS wants it so, and the wall clock may have been set back. */
static void insert(struct log_events *events, struct log_event *event) {
    struct log_event *before = TAILQ_LAST(events, log_events);
    while (before && before->time > event->time)
        before = TAILQ_PREV(before, log_events, next);
    if (before)
        TAILQ_INSERT_AFTER(events, before, event, next);
    else
        TAILQ_INSERT_HEAD(events, event, next);
}

size_t logbook_take(struct logbook *book) {
    tell_of_lost(book);
    size_t count = 0, bytes = 0;
    int64_t earliest = INT64_MAX, latest = INT64_MIN;
    struct log_event *event;
    while ((event = TAILQ_FIRST(&book->waiting))) {
        int64_t first = event->time < earliest ? event->time : earliest,
                last = event->time > latest ? event->time : latest;
        if (count == LOGBOOK_BATCH_EVENTS || bytes + event->size > LOGBOOK_BATCH_BYTES ||
            last - first > LOGBOOK_BATCH_SPAN_MS)
            break;
        earliest = first;
        latest = last;
        count++;
        bytes += event->size;
        TAILQ_REMOVE(&book->waiting, event, next);
        insert(&book->sending, event);
        book->held -= event->size;
    }
    return count;
}

void logbook_write(const struct logbook *book, struct buffer *out) {
    const char *separator = "[";
    struct log_event *event;
    TAILQ_FOREACH(event, &book->sending, next) {
        buffer_printf(out, "%s{\"timestamp\":%lld,\"message\":", separator, (long long)event->time);
        json_quote(out, event->text);
        buffer_add(out, "}");
        separator = ",";
    }
    buffer_add(out, *separator == '[' ? "[]" : "]");
}

void logbook_sent(struct logbook *book) {
    clear(&book->sending);
}

void logbook_put_back(struct logbook *book) {
    struct log_event *event;
    while ((event = TAILQ_LAST(&book->sending, log_events))) {
        TAILQ_REMOVE(&book->sending, event, next);
        TAILQ_INSERT_HEAD(&book->waiting, event, next);
        book->held += event->size;
    }
    trim(book);
}

void logbook_drop(struct logbook *book) {
    struct log_event *event;
    TAILQ_FOREACH(event, &book->sending, next)
    book->lost_total += event->stands_for;
    clear(&book->sending);
}
