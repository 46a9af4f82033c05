/* SPDX-License-Identifier: Apache-2.0 */
/* The writing thread, with an end that can be held. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/memory.h"
#include "report/journal.h"

#define LOST_ID "d670a39ee82ab2026dcee73278e91c23"

/* An end that writes lines into a buffer, and stands still while `held`. */
struct end {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool held;
    size_t writes, standing;
    struct buffer lines;
};

static void write_end(void *arg, const struct iovec *fields, size_t count) {
    struct end *end = arg;
    pthread_mutex_lock(&end->lock);
    end->standing++;
    pthread_cond_broadcast(&end->changed);
    while (end->held)
        pthread_cond_wait(&end->changed, &end->lock);
    end->standing--;
    end->writes++;
    journal_line(&end->lines, fields, count);
    pthread_cond_broadcast(&end->changed);
    pthread_mutex_unlock(&end->lock);
}

static void hold(struct end *end, bool held) {
    pthread_mutex_lock(&end->lock);
    end->held = held;
    pthread_cond_broadcast(&end->changed);
    pthread_mutex_unlock(&end->lock);
}

static void end_init(struct end *end) {
    *end = (struct end){.lines = BUFFER_INIT(BUFFER_OURS)};
    pthread_mutex_init(&end->lock, NULL);
    pthread_cond_init(&end->changed, NULL);
}

static struct iovec field(const char *text) {
    return (struct iovec){x_strdup(text), strlen(text)};
}

static bool put(struct journal *journal, const char *message) {
    _cleanup_free_ char *text = x_printf("MESSAGE=%s", message);
    struct iovec fields[] = {field(text), field("PRIORITY=6"), field("RUN_ID=r1")};
    bool took = journal_put(journal, fields, 3);
    for (size_t i = 0; i < 3; i++)
        free(fields[i].iov_base);
    return took;
}

static void a_line_has_its_level_first_and_its_facts_last(void **state) {
    (void)state;
    struct iovec fields[] = {field("MESSAGE=studentData: backup failed"),
                             field("MESSAGE_ID=x"),
                             field("PRIORITY=3"),
                             field("JOB=studentData"),
                             field("AWS_REQUEST_ID=7Q1"),
                             field("TABLE=students"),
                             field("TABLE")};
    _cleanup_buffer_ struct buffer line = BUFFER_INIT(BUFFER_OURS);
    journal_line(&line, fields, array_length(fields));
    assert_string_equal(line.data, "<3>studentData: backup failed (TABLE=students, AWS_REQUEST_ID=7Q1)\n");
    buffer_clear(&line);
    journal_line(&line, fields, 3);
    assert_string_equal(line.data, "<3>studentData: backup failed\n");
    for (size_t i = 0; i < array_length(fields); i++)
        free(fields[i].iov_base);
}

static void assert_words(const char *priority, const char *wanted) {
    struct iovec fields[] = {field("MESSAGE=students: the mail was not sent"), field(priority), field("RUN_ID=r1")};
    _cleanup_buffer_ struct buffer line = BUFFER_INIT(BUFFER_OURS);
    journal_words(&line, fields, array_length(fields));
    assert_string_equal(line.data, wanted);
    for (size_t i = 0; i < array_length(fields); i++)
        free(fields[i].iov_base);
}

static void a_person_reads_a_word_for_the_level(void **state) {
    (void)state;
    assert_words("PRIORITY=2", "error: students: the mail was not sent (RUN_ID=r1)\n");
    assert_words("PRIORITY=3", "error: students: the mail was not sent (RUN_ID=r1)\n");
    assert_words("PRIORITY=4", "warning: students: the mail was not sent (RUN_ID=r1)\n");
    assert_words("PRIORITY=5", "students: the mail was not sent (RUN_ID=r1)\n");
    assert_words("PRIORITY=6", "students: the mail was not sent (RUN_ID=r1)\n");
    assert_words("PRIORITY=7", "debug: students: the mail was not sent (RUN_ID=r1)\n");
    assert_words("TABLE=t", "students: the mail was not sent (TABLE=t, RUN_ID=r1)\n");
}

static void all_is_written_in_order_before_it_ends(void **state) {
    (void)state;
    struct end end;
    end_init(&end);
    struct journal *journal = journal_new(write_end, &end, LOST_ID);
    assert_true(put(journal, "one"));
    assert_true(put(journal, "two"));
    journal_free(journal, 5000);
    assert_string_equal(end.lines.data, "<6>one (RUN_ID=r1)\n<6>two (RUN_ID=r1)\n");
    buffer_fini(&end.lines);
}

static void a_full_queue_drops_and_says_how_many(void **state) {
    (void)state;
    struct end end;
    end_init(&end);
    hold(&end, true);
    struct journal *journal = journal_new(write_end, &end, LOST_ID);
    size_t took = 0;
    while (put(journal, "again"))
        took++;
    assert_false(put(journal, "again"));
    assert_in_range(took, JOURNAL_QUEUE_ENTRIES, JOURNAL_QUEUE_ENTRIES + 1);
    hold(&end, false);
    journal_free(journal, 5000);
    assert_int_equal(end.writes, took + 1);
    assert_non_null(strstr(end.lines.data, "<3>2 events were not logged"));
    buffer_fini(&end.lines);
}

static void a_queue_is_bounded_in_bytes(void **state) {
    (void)state;
    struct end end;
    end_init(&end);
    hold(&end, true);
    struct journal *journal = journal_new(write_end, &end, LOST_ID);
    char *large = x_malloc(100001);
    memset(large, 'x', 100000);
    large[100000] = '\0';
    size_t took = 0;
    while (put(journal, large))
        took++;
    assert_in_range(took, JOURNAL_QUEUE_BYTES / 100300, JOURNAL_QUEUE_BYTES / 100000 + 1);
    hold(&end, false);
    journal_free(journal, 5000);
    free(large);
    buffer_fini(&end.lines);
}

/* It is left behind, and cleans up after itself when the end moves again. */
static void an_end_that_hangs_does_not_hold_the_stop(void **state) {
    (void)state;
    struct end end;
    end_init(&end);
    hold(&end, true);
    struct journal *journal = journal_new(write_end, &end, LOST_ID);
    put(journal, "one");
    put(journal, "two");
    int64_t before = clock_monotonic();
    journal_free(journal, 1050);
    assert_in_range(clock_monotonic() - before, 1040, 5000);
    pthread_mutex_lock(&end.lock);
    while (end.standing == 0)
        pthread_cond_wait(&end.changed, &end.lock);
    end.held = false;
    pthread_cond_broadcast(&end.changed);
    while (end.writes == 0)
        pthread_cond_wait(&end.changed, &end.lock);
    pthread_mutex_unlock(&end.lock);
    usleep(50000); /* the thread frees what it held */
    assert_int_equal(end.writes, 1);
    buffer_fini(&end.lines);
}

static void lines_go_to_a_descriptor(void **state) {
    (void)state;
    int pipes[2];
    assert_int_equal(pipe(pipes), 0);
    struct journal *journal = journal_new(journal_write_line, &pipes[1], LOST_ID);
    put(journal, "one");
    journal_free(journal, 5000);
    char text[100] = "";
    assert_true(read(pipes[0], text, sizeof text - 1) > 0);
    assert_string_equal(text, "<6>one (RUN_ID=r1)\n");
    journal = journal_new(journal_write_words, &pipes[1], LOST_ID);
    put(journal, "one");
    journal_free(journal, 5000);
    memset(text, 0, sizeof text);
    assert_true(read(pipes[0], text, sizeof text - 1) > 0);
    assert_string_equal(text, "one (RUN_ID=r1)\n");
    close(pipes[0]);
    close(pipes[1]);
    const struct iovec none = {NULL, 0};
    journal_write_line(&pipes[1], &none, 0); /* closed: nothing happens */
    journal_write_sd(NULL, &none, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_has_its_level_first_and_its_facts_last),
        cmocka_unit_test(a_person_reads_a_word_for_the_level),
        cmocka_unit_test(all_is_written_in_order_before_it_ends),
        cmocka_unit_test(a_full_queue_drops_and_says_how_many),
        cmocka_unit_test(a_queue_is_bounded_in_bytes),
        cmocka_unit_test(an_end_that_hangs_does_not_hold_the_stop),
        cmocka_unit_test(lines_go_to_a_descriptor),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
