/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An event becomes a sentence for people and fields for machines, once, and goes to the journal and to all who listen.
 *
 * The MESSAGE_IDs are random (sd-id128 new) and never change: people filter and alert by them. conf/catalog explains each
 * to `journalctl -x`; a test holds the two lists equal.
 */
#include "report/event.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/memory.h"
#include "report/clean.h"

#define TEXT_LIMIT  ((size_t)16 << 10)
#define FIELD_LIMIT ((size_t)1 << 10)
#define WAIT_MS     2000

static const struct event_row {
    const char *name, *message_id;
    int priority;
} rows[EVENT_KINDS] = {
    [EVENT_READY] = {"ready", "e3e9d3a5940b557daf0ec28544689ea8", LOG_NOTICE},
    [EVENT_STOPPING] = {"stopping", "36330529c945bba65af13cd759100daa", LOG_INFO},
    [EVENT_STOPPED] = {"stopped", "ad5435739de94f67004e7ba756e5d9fc", LOG_NOTICE},
    [EVENT_RELOADED] = {"reloaded", "cf22b72fc4eabfeef1588b2bd03374f6", LOG_NOTICE},
    [EVENT_RELOAD_FAILED] = {"reload-failed", "64c7f4622ceb80849e4947dc766037ea", LOG_ERR},
    [EVENT_RUN_STARTED] = {"run-started", "6ae30b242d01b6f45a42f6402bc45571", LOG_INFO},
    [EVENT_RUN_SUCCEEDED] = {"run-succeeded", "95771d05f5446965354cb47c0fc3322d", LOG_INFO},
    [EVENT_RUN_FAILED] = {"run-failed", "9eff058fd0709e6e8a7f2afe6794a49f", LOG_ERR},
    [EVENT_RUN_CANCELLED] = {"run-cancelled", "68f8145db614ff5f2325f1fb3cc71eb1", LOG_NOTICE},
    [EVENT_RUN_SKIPPED] = {"run-skipped", "e37d436f5492e59b6107d3fcd630505e", LOG_WARNING},
    [EVENT_RUN_MISSED] = {"run-missed", "6bea3b042af3c0ead39a1bdb5b448323", LOG_NOTICE},
    [EVENT_RUN_STOPPED] = {"run-stopped", "d25a608fb64e4f5b89ced6c6f280e84f", LOG_NOTICE},
    [EVENT_RUN_RESUMED] = {"run-resumed", "2d6c35537c454ae5acf343bf7981babe", LOG_NOTICE},
    [EVENT_RUN_STARTS_OVER] = {"run-starts-over", "364d9e628aec41d794aa9cdde2fe54a3", LOG_WARNING},
    [EVENT_RUN_ABANDONED] = {"run-abandoned", "9ea2de8d92a04a25ac574801eac72cfa", LOG_WARNING},
    [EVENT_RUN_WARNING] = {"run-warning", "c533660bf1c6f6cb3625e24a9ad8e056", LOG_WARNING},
    [EVENT_RUN_PROGRESS] = {"run-progress", "cd18a679e9a794bc85ced2adb6ef2f56", LOG_DEBUG},
    [EVENT_UNDO_FAILED] = {"undo-failed", "5363bb5051e57481a4637a66328d3d81", LOG_ERR},
    [EVENT_UNDO_DONE] = {"undo-done", "52947355bf234c83a7e04a9d495ca799", LOG_NOTICE},
    [EVENT_RESTORE_STARTED] = {"restore-started", "2b7a99c739f212be0ba40add7d67fae9", LOG_NOTICE},
    [EVENT_RESTORE_SUCCEEDED] = {"restore-succeeded", "567c7c295d4893f85421c9be48ddef69", LOG_NOTICE},
    [EVENT_RESTORE_FAILED] = {"restore-failed", "f280cbd22e29cbc1676c1956597be9f2", LOG_ERR},
    [EVENT_RESTORE_INTERRUPTED] = {"restore-interrupted", "5b1c080e46126b49c6c55cd2eedc2dd0", LOG_WARNING},
    [EVENT_DRILL_STARTED] = {"drill-started", "0126c8600b9e4db3848f16216bc59ed2", LOG_INFO},
    [EVENT_DRILL_PASSED] = {"drill-passed", "a84d83dc04074141ae318840acbbfb29", LOG_NOTICE},
    [EVENT_DRILL_FAILED] = {"drill-failed", "35d579b477764be1a21380088e781a8b", LOG_ERR},
    [EVENT_DRILL_CANCELLED] = {"drill-cancelled", "e5c409e0e85d46fc9a2f43b589b122c7", LOG_NOTICE},
    [EVENT_DRILL_SKIPPED] = {"drill-skipped", "517a13124833499597083c7976151554", LOG_WARNING},
    [EVENT_SCRATCH_REMOVED] = {"scratch-removed", "e3fc3a8c66f84048ad99b115361d58ac", LOG_NOTICE},
    [EVENT_SCRATCH_LEFT] = {"scratch-left", "f0f9fa71bd744ae69f98c511f3c36c37", LOG_ERR},
    [EVENT_MAIL_SENT] = {"mail-sent", "fb1188e88a7ef70e21b73c4b6a225f2e", LOG_INFO},
    [EVENT_MAIL_FAILED] = {"mail-failed", "c080b09e032d9c3850d38b2155ff9895", LOG_WARNING},
    [EVENT_MAIL_GIVEN_UP] = {"mail-given-up", "0ec8d8df7d109e25ba240ef1fc2279ce", LOG_ERR},
    [EVENT_CLOUDWATCH_FAILED] = {"cloudwatch-failed", "99bc91a545eb0579aa4429b3628cec3a", LOG_WARNING},
    [EVENT_CLOUDWATCH_BACK] = {"cloudwatch-back", "10b01e763be1ba4509d49771233a03fd", LOG_NOTICE},
    [EVENT_VERIFY_SUCCEEDED] = {"verify-succeeded", "808f511330584981b519d1825f699ed7", LOG_INFO},
    [EVENT_VERIFY_FAILED] = {"verify-failed", "160d3c523f9a4fddac99aba9decbb796", LOG_ERR},
    [EVENT_STATE_FAILED] = {"state-failed", "d554abe4e913fbe5f99ce19ab1b8844c", LOG_ERR},
    [EVENT_STATE_BACK] = {"state-back", "13be84e895ce94abca3780b20743b470", LOG_NOTICE},
    [EVENT_BACKUP_REMOVED] = {"backup-removed", "f71b3b3e30ff468fa6c77c439a17a629", LOG_NOTICE},
    [EVENT_PRUNED] = {"pruned", "66c76ef18c0e4d96a571a246ce1df29a", LOG_INFO},
    [EVENT_PRUNE_FAILED] = {"prune-failed", "afc88a719b3b4912a4f52338aad4aaa0", LOG_WARNING},
    [EVENT_CLOCK_SET] = {"clock-set", "8dd58f60ab1ccea366e43115e98f5a15", LOG_NOTICE},
    [EVENT_CONTROL] = {"control", "7854e97746b805e89931f0006f6f6970", LOG_NOTICE},
    [EVENT_INTERNAL] = {"internal", "d670a39ee82ab2026dcee73278e91c23", LOG_ERR},
};

const char *event_name(enum event_kind kind) {
    return rows[kind].name;
}

const char *event_message_id(enum event_kind kind) {
    return rows[kind].message_id;
}

int event_priority(enum event_kind kind) {
    return rows[kind].priority;
}

struct reporter {
    struct journal *journal;
    int level;
    struct report_listener *listeners;
};

static struct reporter *reporter_alloc(int level) {
    struct reporter *reporter = x_calloc(1, sizeof *reporter);
    reporter->level = level;
    return reporter;
}

struct reporter *reporter_new_writer(int level, journal_write *write, void *arg) {
    struct reporter *reporter = reporter_alloc(level);
    reporter->journal = journal_new(write, arg, event_message_id(EVENT_INTERNAL));
    return reporter;
}

struct reporter *reporter_new(int level, bool to_journal) {
    return reporter_new_writer(level, to_journal ? journal_write_sd : journal_write_line, NULL);
}

void reporter_free(struct reporter *reporter) {
    journal_free(reporter->journal, WAIT_MS);
    free(reporter);
}

void reporter_set_level(struct reporter *reporter, int level) {
    reporter->level = level;
}

bool reporter_stderr_is_journal(void) {
    const char *stream = getenv("JOURNAL_STREAM");
    uintmax_t device, inode;
    struct stat status;
    return stream && sscanf(stream, "%ju:%ju", &device, &inode) == 2 && fstat(STDERR_FILENO, &status) == 0 &&
           (uintmax_t)status.st_dev == device && (uintmax_t)status.st_ino == inode;
}

void reporter_listen(struct reporter *reporter, struct report_listener *listener) {
    listener->next = reporter->listeners;
    reporter->listeners = listener;
}

void reporter_unlisten(struct reporter *reporter, struct report_listener *listener) {
    for (struct report_listener **slot = &reporter->listeners; *slot; slot = &(*slot)->next)
        if (*slot == listener) {
            *slot = listener->next;
            return;
        }
}

const char *event_error_code(const struct event *event) {
    if (!event->error || !event->error->code)
        return NULL;
    return event->error->aws_code ? event->error->aws_code : error_code_name(event->error->code);
}

static void add_numbers(struct buffer *out, const struct event *event) {
    const char *separator = ": ";
    if (event->items >= 0) {
        buffer_add(out, separator);
        format_count(out, (uint64_t)event->items);
        buffer_add(out, event->items == 1 ? " item" : " items");
        separator = ", ";
    }
    if (event->bytes >= 0) {
        buffer_add(out, separator);
        format_size(out, (uint64_t)event->bytes);
        separator = " ";
    }
    if (event->duration_ms >= 0) {
        buffer_add(out, *separator == ':' ? " after " : " in ");
        format_duration(out, event->duration_ms);
    }
}

/* "JOB: " at the beginning of what is said of that job; 0 where it does not stand there. */
static size_t job_prefix(const char *job, const char *text) {
    size_t length = job ? strlen(job) : 0;
    return length && strncmp(text, job, length) == 0 && strncmp(text + length, ": ", 2) == 0 ? length + 2 : 0;
}

void event_text(struct buffer *out, const struct event *event) {
    _cleanup_buffer_ struct buffer raw = BUFFER_INIT(BUFFER_OURS);
    const char *message = event->message ? event->message : event_name(event->kind);
    if (event->job && !job_prefix(event->job, message))
        buffer_printf(&raw, "%s: ", event->job);
    buffer_add(&raw, message);
    add_numbers(&raw, event);
    if (event_error_code(event)) {
        const char *words = event->error->message ? event->error->message : event_error_code(event);
        buffer_printf(&raw, ": %s", words + job_prefix(event->job, words));
    }
    clean_text(out, raw.data, TEXT_LIMIT);
}

/* Fields under construction: `text` holds them behind each other, `ends` where each ends. */
struct fields {
    struct buffer text;
    size_t ends[JOURNAL_FIELDS], count;
};

static void add_field(struct fields *fields, const char *name, const char *value) {
    if (!value || fields->count == JOURNAL_FIELDS)
        return;
    buffer_printf(&fields->text, "%s=", name);
    clean_text(&fields->text, value, FIELD_LIMIT);
    fields->ends[fields->count++] = fields->text.length;
}

static void add_number(struct fields *fields, const char *name, int64_t value) {
    char text[24];
    snprintf(text, sizeof text, "%" PRId64, value);
    add_field(fields, name, value < 0 ? NULL : text);
}

static void put_entry(struct reporter *reporter, const struct event *event, const char *text) {
    struct fields fields = {.text = BUFFER_INIT(BUFFER_OURS)};
    buffer_printf(&fields.text, "MESSAGE=%s", text); /* clean already, and longer than a field */
    fields.ends[fields.count++] = fields.text.length;
    add_field(&fields, "MESSAGE_ID", event_message_id(event->kind));
    add_number(&fields, "PRIORITY", event_priority(event->kind));
    add_field(&fields, "SYSLOG_IDENTIFIER", "dynamodb-backupd");
    add_field(&fields, "JOB", event->job);
    add_field(&fields, "RUN_ID", event->run);
    add_field(&fields, "TABLE", event->table);
    add_number(&fields, "ITEMS", event->items);
    add_number(&fields, "BYTES", event->bytes);
    add_number(&fields, "DURATION_MS", event->duration_ms);
    add_field(&fields, "ERROR_CODE", event_error_code(event));
    add_field(&fields, "AWS_REQUEST_ID", event_error_code(event) ? event->error->request_id : NULL);
    struct iovec vectors[JOURNAL_FIELDS];
    for (size_t i = 0, start = 0; i < fields.count; start = fields.ends[i++])
        vectors[i] = (struct iovec){fields.text.data + start, fields.ends[i] - start};
    journal_put(reporter->journal, vectors, fields.count);
    buffer_fini(&fields.text);
}

void report(struct reporter *reporter, const struct event *event) {
    if (event_priority(event->kind) > reporter->level)
        return;
    int64_t now = clock_wall();
    _cleanup_buffer_ struct buffer text = BUFFER_INIT(BUFFER_OURS);
    event_text(&text, event);
    put_entry(reporter, event, text.data);
    for (struct report_listener *listener = reporter->listeners, *next; listener; listener = next) {
        next = listener->next;
        listener->heard(listener->arg, event, now, text.data);
    }
}
