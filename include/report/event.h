/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What happened, said once: to the journal (or as <level> lines where stderr is not connected to it), and to whoever
 * listens (CloudWatch). The only place in the house that logs.
 *
 * Each kind of event has a MESSAGE_ID, an entry in the catalog (conf/catalog), and a level. A text with a line break, a
 * secret or a signed query string never gets through: texts are cleaned here once more, on their way out (report/clean.h).
 */
#ifndef REPORT_EVENT_H
#define REPORT_EVENT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/error.h"
#include "report/journal.h"

/* The table in report/event.c holds each one's name, MESSAGE_ID and level. */
enum event_kind {
    EVENT_READY, /* the daemon serves */
    EVENT_STOPPING,
    EVENT_STOPPED,
    EVENT_RELOADED,
    EVENT_RELOAD_FAILED, /* the old configuration stays */
    EVENT_RUN_STARTED,
    EVENT_RUN_SUCCEEDED,
    EVENT_RUN_FAILED,
    EVENT_RUN_CANCELLED,
    EVENT_RUN_MISSED,      /* its time passed while the daemon was down: it runs now */
    EVENT_RUN_SKIPPED,     /* Overlap=skip */
    EVENT_RUN_STOPPED,     /* the daemon stops; the run goes on when it is there again */
    EVENT_RUN_RESUMED,     /* from which cut, what is kept */
    EVENT_RUN_STARTS_OVER, /* it could not be resumed: why */
    EVENT_RUN_ABANDONED,   /* an interrupted run was taken back, and no other follows: why */
    EVENT_RUN_WARNING,     /* fewer items than expected, Duration= cut to an hour, a link that ends early, ... */
    EVENT_RUN_PROGRESS,    /* debug: a transition of the story, a throttle, a retry */
    EVENT_UNDO_FAILED,     /* what could not be deleted of a failed run */
    EVENT_UNDO_DONE,       /* and has been deleted later */
    EVENT_RESTORE_STARTED,
    EVENT_RESTORE_SUCCEEDED,
    EVENT_RESTORE_FAILED,
    EVENT_RESTORE_INTERRUPTED, /* goes on where it is asked for again */
    EVENT_DRILL_STARTED,
    EVENT_DRILL_PASSED,
    EVENT_DRILL_FAILED,
    EVENT_DRILL_CANCELLED,
    EVENT_DRILL_SKIPPED,   /* the one before it is not over */
    EVENT_SCRATCH_REMOVED, /* a scratch table that a process which died had left */
    EVENT_SCRATCH_LEFT,    /* a scratch table that could not be deleted */
    EVENT_MAIL_SENT,
    EVENT_MAIL_FAILED, /* tried again */
    EVENT_MAIL_GIVEN_UP,
    EVENT_CLOUDWATCH_FAILED, /* once an outage */
    EVENT_CLOUDWATCH_BACK,
    EVENT_VERIFY_SUCCEEDED,
    EVENT_VERIFY_FAILED, /* something is not what was written, or could not be read */
    EVENT_STATE_FAILED,  /* once until it is back */
    EVENT_STATE_BACK,
    EVENT_BACKUP_REMOVED, /* by retention, or what was left of one */
    EVENT_PRUNED,         /* retention has been applied */
    EVENT_PRUNE_FAILED,   /* not, or not wholly */
    EVENT_CLOCK_SET,      /* the schedules are looked at anew */
    EVENT_CONTROL,        /* a person started, cancelled, reloaded */
    EVENT_INTERNAL,       /* the daemon's own trouble */
    EVENT_KINDS,
};

/*
 * All borrowed. NULL, or negative, where it does not apply. What is logged is put together from it:
 *
 *     JOB: MESSAGE: 1,000 items, 45.2 KiB in 3.2 s
 *     JOB: MESSAGE after 3.2 s: ERROR
 *
 * so `message` needs neither the job's name nor numbers that stand here, nor the error's words; an error that already begins
 * with the job's name does not say it twice.
 */
struct event {
    enum event_kind kind;
    const char *job, *run, *table;
    int64_t items, bytes, duration_ms;
    const struct error *error; /* gives ERROR_CODE= and AWS_REQUEST_ID=, and its words behind the message */
    const char *message;       /* a sentence's beginning, without a final period: "backup succeeded" */
};

#define EVENT(event_kind_, ...)                                                                                        \
    (&(struct event){.kind = (event_kind_), .items = -1, .bytes = -1, .duration_ms = -1, __VA_ARGS__})

const char *event_name(enum event_kind kind);       /* "run-started" */
const char *event_message_id(enum event_kind kind); /* 32 hex digits */
int event_priority(enum event_kind kind);           /* LOG_ERR ... LOG_DEBUG */

/* The cleaned sentence as above, appended. Pure. */
void event_text(struct buffer *out, const struct event *event);

/* What AWS called the error, else error_code_name(); NULL where the event has no error. Borrowed from the error. */
const char *event_error_code(const struct event *event);

struct reporter;

/* Writes from a thread of its own, with a bounded queue, so that a journal that hangs never holds the loop. `level`: the
 * lowest priority written (LOG_INFO: no debug). `to_journal`: what reporter_stderr_is_journal() says; tests force either. */
struct reporter *reporter_new(int level, bool to_journal);

/* The same with another end than journald or stderr. `write` as in report/journal.h. */
struct reporter *reporter_new_writer(int level, journal_write *write, void *arg);

/* After all that was said is written, 2 s at most. Listeners must be gone. */
void reporter_free(struct reporter *reporter);
void reporter_set_level(struct reporter *reporter, int level);

/* Is stderr the socket that JOURNAL_STREAM names (device:inode)? sd_journal_stream_fd(3)'s rule, as systemd's own programs
 * follow it. */
bool reporter_stderr_is_journal(void);

/* Thread: the loop's. Everything is copied. */
void report(struct reporter *reporter, const struct event *event);

/* One listener for each job's CloudWatch stream or a test: called for each event at or above the level, on the loop.
 * `text` is event_text()'s. heard() may report further events, and unlisten itself but no other. */
struct report_listener {
    void (*heard)(void *arg, const struct event *event, int64_t wall_ms, const char *text);
    void *arg;
    struct report_listener *next; /* the reporter's */
};
void reporter_listen(struct reporter *reporter, struct report_listener *listener);
void reporter_unlisten(struct reporter *reporter, struct report_listener *listener);

#endif
