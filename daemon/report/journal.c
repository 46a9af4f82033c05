/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Between the loop, which must never wait, and journald, which may let it wait.
 *
 *     journal_put [loop] -> queue, bounded in entries and bytes -> writer [thread] -> sd_journal_sendv | stderr
 *
 * The struct belongs to the thread once it runs: it frees it when journal_free() has told it to leave and gone.
 */
#define SD_JOURNAL_SUPPRESS_LOCATION
#include "report/journal.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/queue.h>
#include <syslog.h>
#include <systemd/sd-journal.h>
#include <time.h>
#include <unistd.h>

#include "base/memory.h"

struct journal_entry {
    STAILQ_ENTRY(journal_entry) next;
    size_t bytes, count;
    struct iovec fields[]; /* their bytes stand behind them */
};

STAILQ_HEAD(journal_queue, journal_entry);

struct journal {
    journal_write *write;
    void *arg;
    const char *lost_id;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct journal_queue queue;
    size_t entries, bytes; /* of the queue */
    uint64_t lost;         /* dropped since the last time it was said */
    bool stopping, ended, abandoned;
};

void journal_write_sd(void *arg, const struct iovec *fields, size_t count) {
    (void)arg;
    sd_journal_sendv(fields, (int)count); /* nobody is left to tell of its failure */
}

static const char *field_value(const struct iovec *field, const char *name, size_t *length) {
    size_t name_length = strlen(name);
    const char *text = field->iov_base;
    if (field->iov_len <= name_length || memcmp(text, name, name_length) != 0 || text[name_length] != '=')
        return NULL;
    *length = field->iov_len - name_length - 1;
    return text + name_length + 1;
}

static void add_value(struct buffer *out, const struct iovec *fields, size_t count, const char *name) {
    for (size_t i = 0; i < count; i++) {
        size_t length;
        const char *value = field_value(&fields[i], name, &length);
        if (value)
            buffer_add_bytes(out, value, length);
    }
}

/* What the sentence does not say already; numbers stand in it for people. */
static const char *const line_fields[] = {"TABLE", "RUN_ID", "ERROR_CODE", "AWS_REQUEST_ID"};

/* "MESSAGE (RUN_ID=...)\n" */
static void add_sentence(struct buffer *out, const struct iovec *fields, size_t count) {
    add_value(out, fields, count, "MESSAGE");
    const char *separator = " (";
    for (size_t i = 0; i < array_length(line_fields); i++)
        for (size_t k = 0; k < count; k++) {
            size_t length;
            const char *value = field_value(&fields[k], line_fields[i], &length);
            if (!value)
                continue;
            buffer_printf(out, "%s%s=%.*s", separator, line_fields[i], (int)length, value);
            separator = ", ";
        }
    buffer_add(out, *separator == ',' ? ")\n" : "\n");
}

void journal_line(struct buffer *out, const struct iovec *fields, size_t count) {
    buffer_add(out, "<");
    add_value(out, fields, count, "PRIORITY");
    buffer_add(out, ">");
    add_sentence(out, fields, count);
}

/* What a person calls the level, where that says anything. */
static const char *level_words(const struct iovec *fields, size_t count) {
    _cleanup_buffer_ struct buffer priority = BUFFER_INIT(BUFFER_OURS);
    add_value(&priority, fields, count, "PRIORITY");
    int level = priority.length ? priority.data[0] - '0' : LOG_INFO;
    return level <= LOG_ERR ? "error: " : level == LOG_WARNING ? "warning: " : level == LOG_DEBUG ? "debug: " : "";
}

void journal_words(struct buffer *out, const struct iovec *fields, size_t count) {
    buffer_add(out, level_words(fields, count));
    add_sentence(out, fields, count);
}

static void write_all(int fd, const struct buffer *text) {
    for (size_t sent = 0; sent < text->length;) {
        ssize_t n = write(fd, text->data + sent, text->length - sent);
        if (n < 0 && errno != EINTR)
            return; /* a closed stderr: nobody reads, and nobody is left to tell */
        sent += n > 0 ? (size_t)n : 0;
    }
}

void journal_write_line(void *arg, const struct iovec *fields, size_t count) {
    _cleanup_buffer_ struct buffer line = BUFFER_INIT(BUFFER_OURS);
    journal_line(&line, fields, count);
    write_all(arg ? *(const int *)arg : STDERR_FILENO, &line);
}

void journal_write_words(void *arg, const struct iovec *fields, size_t count) {
    _cleanup_buffer_ struct buffer line = BUFFER_INIT(BUFFER_OURS);
    journal_words(&line, fields, count);
    write_all(arg ? *(const int *)arg : STDERR_FILENO, &line);
}

static struct iovec field_of(char *text) {
    return (struct iovec){text, strlen(text)};
}

static void write_lost(struct journal *journal, uint64_t lost) {
    _cleanup_free_ char *message =
        x_printf("MESSAGE=%llu events were not logged: the log did not take them in time", (unsigned long long)lost);
    _cleanup_free_ char *id = x_printf("MESSAGE_ID=%s", journal->lost_id);
    char priority[] = "PRIORITY=3", identifier[] = "SYSLOG_IDENTIFIER=dynamodb-backupd";
    struct iovec fields[] = {field_of(message), field_of(id), field_of(priority), field_of(identifier)};
    journal->write(journal->arg, fields, array_length(fields));
}

/* The next entry, out of the queue; waits for one. NULL: all is written and we are asked to leave. */
static struct journal_entry *next_entry(struct journal *journal, uint64_t *lost) {
    pthread_mutex_lock(&journal->lock);
    while (STAILQ_EMPTY(&journal->queue) && !journal->lost && !journal->stopping)
        pthread_cond_wait(&journal->changed, &journal->lock);
    struct journal_entry *entry = STAILQ_FIRST(&journal->queue);
    if (entry) {
        STAILQ_REMOVE_HEAD(&journal->queue, next);
        journal->entries--;
        journal->bytes -= entry->bytes;
    }
    /* What was lost came after what stands in the queue: it is told of when the queue has been written. */
    *lost = entry ? 0 : journal->lost;
    journal->lost -= *lost;
    pthread_mutex_unlock(&journal->lock);
    return entry;
}

static void journal_destroy(struct journal *journal) {
    struct journal_entry *entry;
    while ((entry = STAILQ_FIRST(&journal->queue))) {
        STAILQ_REMOVE_HEAD(&journal->queue, next);
        free(entry);
    }
    pthread_cond_destroy(&journal->changed);
    pthread_mutex_destroy(&journal->lock);
    free(journal);
}

static bool is_abandoned(struct journal *journal) {
    pthread_mutex_lock(&journal->lock);
    bool abandoned = journal->abandoned;
    pthread_mutex_unlock(&journal->lock);
    return abandoned;
}

static void *writer_main(void *arg) {
    struct journal *journal = arg;
    struct journal_entry *entry;
    uint64_t lost;
    while (!is_abandoned(journal) && ((entry = next_entry(journal, &lost)) || lost)) {
        if (entry)
            journal->write(journal->arg, entry->fields, entry->count);
        else
            write_lost(journal, lost);
        free(entry);
    }
    pthread_mutex_lock(&journal->lock);
    bool abandoned = journal->abandoned;
    journal->ended = true;
    pthread_cond_broadcast(&journal->changed);
    pthread_mutex_unlock(&journal->lock);
    if (abandoned)
        journal_destroy(journal);
    return NULL;
}

struct journal *journal_new(journal_write *write, void *arg, const char *lost_id) {
    struct journal *journal = x_calloc(1, sizeof *journal);
    *journal = (struct journal){.write = write, .arg = arg, .lost_id = lost_id};
    STAILQ_INIT(&journal->queue);
    pthread_mutex_init(&journal->lock, NULL);
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&journal->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    sigset_t all, old; /* signals are the loop thread's */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    int failed = pthread_create(&journal->thread, NULL, writer_main, journal);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (failed) {
        fprintf(stderr, "<2>cannot start the thread that writes the log: %s\n", strerrordesc_np(failed));
        abort(); /* a daemon that cannot say anything is better started anew */
    }
    return journal;
}

void journal_free(struct journal *journal, int64_t wait_ms) {
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    int64_t ns = until.tv_nsec + wait_ms % 1000 * 1000000;
    until.tv_sec += wait_ms / 1000 + ns / 1000000000;
    until.tv_nsec = ns % 1000000000;
    pthread_t thread = journal->thread;
    pthread_mutex_lock(&journal->lock);
    journal->stopping = true;
    pthread_cond_broadcast(&journal->changed);
    while (!journal->ended && pthread_cond_timedwait(&journal->changed, &journal->lock, &until) != ETIMEDOUT)
        ;
    bool ended = journal->ended;
    journal->abandoned = !ended;
    pthread_mutex_unlock(&journal->lock);
    if (!ended) {
        pthread_detach(thread);
        return;
    }
    pthread_join(thread, NULL);
    journal_destroy(journal);
}

static struct journal_entry *entry_new(const struct iovec *fields, size_t count) {
    size_t text = 0;
    for (size_t i = 0; i < count; i++)
        text += fields[i].iov_len;
    size_t bytes = sizeof(struct journal_entry) + count * sizeof(struct iovec) + text;
    struct journal_entry *entry = x_malloc(bytes);
    entry->bytes = bytes;
    entry->count = count;
    char *to = (char *)&entry->fields[count];
    for (size_t i = 0; i < count; i++) {
        entry->fields[i] = (struct iovec){to, fields[i].iov_len};
        to = (char *)mempcpy(to, fields[i].iov_base, fields[i].iov_len);
    }
    return entry;
}

bool journal_put(struct journal *journal, const struct iovec *fields, size_t count) {
    struct journal_entry *entry = entry_new(fields, count < JOURNAL_FIELDS ? count : JOURNAL_FIELDS);
    pthread_mutex_lock(&journal->lock);
    bool room = journal->entries < JOURNAL_QUEUE_ENTRIES && journal->bytes + entry->bytes <= JOURNAL_QUEUE_BYTES;
    if (room) {
        STAILQ_INSERT_TAIL(&journal->queue, entry, next);
        journal->entries++;
        journal->bytes += entry->bytes;
    } else {
        journal->lost++;
    }
    pthread_cond_signal(&journal->changed);
    pthread_mutex_unlock(&journal->lock);
    if (!room)
        free(entry);
    return room;
}
