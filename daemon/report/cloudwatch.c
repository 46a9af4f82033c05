/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A second reader of the journal's events, one that may be slow, away or forbidden.
 *
 *     IDLE -> GATHER -> PUT -> IDLE | PUT                    as long as all is well
 *     PUT -404-> STREAM -> PUT; STREAM -404-> GROUP -> (KEEP) -> STREAM
 *     PUT -> (KEEP) -> ...                                   RetentionDays= of a group that was there
 *     any -> WAIT -> PUT                                     an outage or a denial: said once, tried again
 *
 * The stream is tried before the group, so that a role without logs:CreateLogGroup can write to a group that stands.
 */
#include "report/cloudwatch.h"

#include <stdbool.h>
#include <string.h>

#include "aws/logs.h"
#include "base/encoding.h"
#include "base/json.h"
#include "base/memory.h"
#include "report/logbook.h"

#define FLUSH_AFTER_MS  1000
#define FIRST_WAIT_MS   (5 * SECOND_MS)
#define LONGEST_WAIT_MS (5 * MINUTE_MS)
#define MOST_MAKES      3 /* a group that vanishes as soon as it is made */

enum cloudwatch_state { IDLE, GATHER, PUT, STREAM, GROUP, KEEP, WAIT };

static const char *const operations[] = {
    [PUT] = "PutLogEvents",
    [STREAM] = "CreateLogStream",
    [GROUP] = "CreateLogGroup",
    [KEEP] = "PutRetentionPolicy",
};

struct cloudwatch {
    struct aws_session *session;
    struct reporter *reporter;
    struct report_listener listener;
    char *group, *stream, *job;
    int retention_days;
    int64_t flush_after_ms;
    enum cloudwatch_state state, after_keep;
    struct logs_call *call; /* NULL: none under way */
    struct logbook book;
    unsigned makes; /* since the last success */
    int64_t wait_ms;
    bool outage, refusal_said;
    uv_timer_t timer, limit; /* gather and wait; drain's end */
    int open_handles;
    void (*drained)(void *arg); /* NULL: not draining */
    void *drained_arg;
};

static void step(struct cloudwatch *cw);

/* Our own troubles stay in the journal: telling CloudWatch of them would never end. */
static void on_heard(void *arg, const struct event *event, int64_t wall_ms, const char *text) {
    struct cloudwatch *cw = arg;
    if (!event->job || strcmp(event->job, cw->job) != 0 || event->kind == EVENT_CLOUDWATCH_FAILED ||
        event->kind == EVENT_CLOUDWATCH_BACK)
        return;
    logbook_add(&cw->book, wall_ms, logbook_line(event, text));
    if (cw->state == IDLE) {
        cw->state = cw->drained ? PUT : GATHER;
        step(cw);
    }
}

static void add_name(struct buffer *out, const char *name, const char *value) {
    buffer_printf(out, "\"%s\":", name);
    json_quote(out, value);
}

static void on_answer(void *arg, struct json_object *answer, const struct error *error);

static void start_call(struct cloudwatch *cw) {
    _cleanup_buffer_ struct buffer body = BUFFER_INIT(BUFFER_OURS);
    buffer_add(&body, "{");
    add_name(&body, "logGroupName", cw->group);
    if (cw->state == PUT || cw->state == STREAM) {
        buffer_add(&body, ",");
        add_name(&body, "logStreamName", cw->stream);
    }
    if (cw->state == KEEP)
        buffer_printf(&body, ",\"retentionInDays\":%d", cw->retention_days);
    if (cw->state == PUT) {
        buffer_add(&body, ",\"logEvents\":");
        logbook_write(&cw->book, &body);
    }
    buffer_add(&body, "}");
    cw->call = logs_start(cw->session, operations[cw->state], body.data, on_answer, cw);
}

static void on_drain_end(uv_timer_t *timer) {
    struct cloudwatch *cw = timer->data;
    void (*done)(void *arg) = cw->drained;
    cw->drained = NULL;
    done(cw->drained_arg);
}

static void end_drain(struct cloudwatch *cw) {
    if (cw->drained)
        uv_timer_start(&cw->limit, on_drain_end, 0, 0);
}

static void on_timer(uv_timer_t *timer) {
    struct cloudwatch *cw = timer->data;
    cw->state = PUT;
    step(cw);
}

static void step(struct cloudwatch *cw) {
    switch (cw->state) {
    case IDLE:
        end_drain(cw);
        return;
    case GATHER:
        uv_timer_start(&cw->timer, on_timer, (uint64_t)cw->flush_after_ms, 0);
        return;
    case PUT:
        if (logbook_take(&cw->book)) {
            start_call(cw);
            return;
        }
        cw->state = IDLE;
        end_drain(cw);
        return;
    case STREAM:
    case GROUP:
    case KEEP:
        start_call(cw);
        return;
    case WAIT:
        uv_timer_start(&cw->timer, on_timer, (uint64_t)cw->wait_ms, 0);
        end_drain(cw); /* whoever drains wants to stop, and will not wait for better times */
        return;
    }
}

static void say(struct cloudwatch *cw, enum event_kind kind, const struct error *error, const char *message) {
    report(cw->reporter, EVENT(kind, .job = cw->job, .error = error, .message = message));
}

static void say_failure(struct cloudwatch *cw, const struct error *error) {
    if (cw->outage)
        return;
    cw->outage = true;
    cw->book.lost_total = 0;
    _cleanup_free_ char *message = NULL;
    if (error->code == ERROR_DENIED)
        message =
            x_printf("CloudWatch Logs refuses events: the job's role lacks logs:%s on log group %s, or its policy "
                     "names another; they are kept, up to 1 MiB, and offered again",
                     operations[cw->state], cw->group);
    else
        message = x_printf(
            "CloudWatch Logs takes no events for log group %s; they are kept, up to 1 MiB, and sent later", cw->group);
    say(cw, EVENT_CLOUDWATCH_FAILED, error, message);
}

static void fail(struct cloudwatch *cw, const struct error *error) {
    say_failure(cw, error);
    if (error->code == ERROR_INVALID)
        logbook_drop(&cw->book); /* what AWS will never take must not stand in the way of what comes after it */
    logbook_put_back(&cw->book);
    cw->wait_ms = cw->wait_ms ? cw->wait_ms * 2 : FIRST_WAIT_MS;
    if (cw->wait_ms > LONGEST_WAIT_MS || error->code == ERROR_DENIED)
        cw->wait_ms = LONGEST_WAIT_MS;
    cw->makes = 0;
    cw->state = WAIT;
}

/* Events older than 14 days or the group's retention, or more than 2 h ahead: dropped by AWS while the rest is taken. */
const char *cloudwatch_dropped(const struct json_object *answer) {
    const struct json_object *info = json_object_at(answer, "rejectedLogEventsInfo");
    if (!info)
        return NULL;
    bool ahead = json_integer(info, "tooNewLogEventStartIndex", -1) >= 0;
    return ahead ? "CloudWatch Logs dropped events that lie more than two hours ahead of its clock: check this host's"
                 : "CloudWatch Logs dropped events older than 14 days or than the group's retention";
}

/* Once: the next call would say the same. */
static void note_dropped(struct cloudwatch *cw, const struct json_object *answer) {
    const char *dropped = cw->refusal_said ? NULL : cloudwatch_dropped(answer);
    if (!dropped)
        return;
    cw->refusal_said = true;
    say(cw, EVENT_CLOUDWATCH_FAILED, NULL, dropped);
}

static void all_is_well(struct cloudwatch *cw) {
    cw->makes = 0;
    cw->wait_ms = 0;
    if (!cw->outage)
        return;
    cw->outage = false;
    _cleanup_free_ char *message = x_printf("CloudWatch Logs takes events again; %llu were lost meanwhile",
                                            (unsigned long long)cw->book.lost_total);
    say(cw, EVENT_CLOUDWATCH_BACK, NULL, message);
}

/* RetentionDays=, once: here or where the group is made. */
static void keep_then(struct cloudwatch *cw, enum cloudwatch_state next) {
    cw->state = cw->retention_days ? KEEP : next;
    cw->after_keep = next;
}

static void on_put(struct cloudwatch *cw, struct json_object *answer, const struct error *error) {
    if (error && error->code == ERROR_NOT_FOUND && cw->makes++ < MOST_MAKES) {
        logbook_put_back(&cw->book);
        cw->state = STREAM;
    } else if (error) {
        fail(cw, error);
    } else {
        logbook_sent(&cw->book);
        note_dropped(cw, answer);
        all_is_well(cw);
        keep_then(cw, PUT); /* which turns IDLE where nothing is left */
    }
}

static void on_kept(struct cloudwatch *cw, const struct error *error) {
    if (error) {
        _cleanup_free_ char *message =
            x_printf("RetentionDays=%d was not set on log group %s: the role may lack logs:PutRetentionPolicy",
                     cw->retention_days, cw->group);
        say(cw, EVENT_CLOUDWATCH_FAILED, error, message);
    }
    cw->retention_days = 0; /* once: what failed is said, and the group's own setting stays */
    cw->state = cw->after_keep;
}

static void on_answer(void *arg, struct json_object *answer, const struct error *error) {
    struct cloudwatch *cw = arg;
    cw->call = NULL;
    bool made = !error || error->code == ERROR_EXISTS;
    switch (cw->state) {
    case PUT:
        on_put(cw, answer, error);
        break;
    case STREAM:
        if (made)
            cw->state = PUT;
        else if (error->code == ERROR_NOT_FOUND && cw->makes++ < MOST_MAKES)
            cw->state = GROUP;
        else
            fail(cw, error);
        break;
    case GROUP:
        if (made)
            keep_then(cw, STREAM);
        else
            fail(cw, error);
        break;
    case KEEP:
        on_kept(cw, error);
        break;
    case IDLE:
    case GATHER:
    case WAIT:
        return; /* no call is under way in these */
    }
    step(cw);
}

static char *stream_name(const char *name) {
    char *copy = x_strndup(name, 512);
    for (char *c = copy; (c = strpbrk(c, ":*"));)
        *c = '-';
    return copy;
}

struct cloudwatch *cloudwatch_new(struct aws_session *session, struct reporter *reporter,
                                  const struct cloudwatch_options *options) {
    struct cloudwatch *cw = x_calloc(1, sizeof *cw);
    cw->session = session;
    cw->reporter = reporter;
    cw->group = x_strdup(options->group);
    cw->stream = stream_name(options->stream);
    cw->job = x_strdup(options->job);
    cw->retention_days = options->retention_days;
    cw->flush_after_ms = options->flush_after_ms ? options->flush_after_ms : FLUSH_AFTER_MS;
    logbook_init(&cw->book, options->job);
    uv_loop_t *loop = aws_client_loop(aws_session_client(session));
    uv_timer_init(loop, &cw->timer); /* cannot fail */
    uv_timer_init(loop, &cw->limit);
    cw->timer.data = cw->limit.data = cw;
    cw->open_handles = 2;
    cw->listener = (struct report_listener){.heard = on_heard, .arg = cw};
    reporter_listen(reporter, &cw->listener);
    return cw;
}

void cloudwatch_drain(struct cloudwatch *cw, int64_t limit_ms, void (*done)(void *arg), void *arg) {
    cw->drained = done;
    cw->drained_arg = arg;
    uv_timer_start(&cw->limit, on_drain_end, (uint64_t)limit_ms, 0);
    if (cw->call)
        return; /* its answer goes on from there */
    uv_timer_stop(&cw->timer);
    cw->state = PUT;
    step(cw);
}

static void on_closed(uv_handle_t *handle) {
    struct cloudwatch *cw = handle->data;
    if (--cw->open_handles > 0)
        return;
    free(cw->group);
    free(cw->stream);
    free(cw->job);
    free(cw);
}

void cloudwatch_free(struct cloudwatch *cw) {
    reporter_unlisten(cw->reporter, &cw->listener);
    if (cw->call)
        logs_cancel(cw->call);
    logbook_fini(&cw->book);
    uv_close((uv_handle_t *)&cw->timer, on_closed);
    uv_close((uv_handle_t *)&cw->limit, on_closed);
}
