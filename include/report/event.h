/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What happened, said once: to the journal (or as <level> lines where stderr is not connected to it), and to whoever
 * listens (CloudWatch). The only place in the house that logs.
 *
 * Each kind of event has a MESSAGE_ID, an entry in the catalog, and a level. A text with a line break, a secret or a signed
 * query string never gets through: texts are cleaned here once more, on their way out.
 */
#ifndef REPORT_EVENT_H
#define REPORT_EVENT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

/* The table in report/event.c holds each one's name, MESSAGE_ID and level. */
enum event_kind {
    EVENT_READY,            /* the daemon serves */
    EVENT_STOPPING,
    EVENT_STOPPED,
    EVENT_RELOADED,
    EVENT_RELOAD_FAILED,    /* the old configuration stays */
    EVENT_RUN_STARTED,
    EVENT_RUN_SUCCEEDED,
    EVENT_RUN_FAILED,
    EVENT_RUN_CANCELLED,
    EVENT_RUN_SKIPPED,      /* Overlap=skip */
    EVENT_RUN_WARNING,      /* fewer items than expected, Duration= cut to an hour, a link that ends early, ... */
    EVENT_RUN_PROGRESS,     /* debug: a transition of the story, a throttle, a retry */
    EVENT_UNDO_FAILED,      /* what could not be deleted of a failed run */
    EVENT_MAIL_SENT,
    EVENT_MAIL_FAILED,      /* tried again */
    EVENT_MAIL_GIVEN_UP,
    EVENT_CLOUDWATCH_FAILED, /* once an outage */
    EVENT_CLOUDWATCH_BACK,
    EVENT_CONTROL,          /* a person started, cancelled, reloaded */
    EVENT_INTERNAL,         /* the daemon's own trouble */
    EVENT_KINDS,
};

/* All borrowed. NULL, or negative, where it does not apply. */
struct event {
    enum event_kind kind;
    const char *job, *run, *table;
    int64_t items, bytes, duration_ms;
    const struct error *error; /* gives ERROR_CODE= and AWS_REQUEST_ID=, and its words behind the message */
    const char *message;       /* one sentence, without a final period */
};

#define EVENT(event_kind_, ...) (&(struct event){.kind = (event_kind_), .items = -1, .bytes = -1, .duration_ms = -1, __VA_ARGS__})

const char *event_name(enum event_kind kind);       /* "run-started" */
const char *event_message_id(enum event_kind kind); /* 32 hex digits */
int event_priority(enum event_kind kind);           /* LOG_ERR ... LOG_DEBUG */

struct reporter;

/* Writes from a thread of its own, with a bounded queue, so that a journal that hangs never holds the loop. `level`: the lowest
 * priority written. `stderr_is_journal` as sd_journal_stream_fd's rule has it (JOURNAL_STREAM); tests force either. */
struct reporter *reporter_new(int level, bool to_journal);
void reporter_free(struct reporter *reporter); /* after all that was said is written, 2 s at most */
void reporter_set_level(struct reporter *reporter, int level);
bool reporter_stderr_is_journal(void);

/* Thread: the loop's. Everything is copied. */
void report(struct reporter *reporter, const struct event *event);

/* One listener for each job's CloudWatch stream or a test: called for each event at or above the level, on the loop. */
struct report_listener {
    void (*heard)(void *arg, const struct event *event, int64_t wall_ms, const char *text);
    void *arg;
    struct report_listener *next; /* the reporter's */
};
void reporter_listen(struct reporter *reporter, struct report_listener *listener);
void reporter_unlisten(struct reporter *reporter, struct report_listener *listener);

#endif
