/* SPDX-License-Identifier: Apache-2.0 */
/* Events as sentences and as fields, and the catalog that explains each. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/memory.h"
#include "report/event.h"

static void collect(void *arg, const struct iovec *fields, size_t count) {
    struct buffer *out = arg;
    for (size_t i = 0; i < count; i++)
        buffer_printf(out, "%.*s\n", (int)fields[i].iov_len, (const char *)fields[i].iov_base);
    buffer_add(out, "\n");
}

static void expect_text(const struct event *event, const char *text) {
    _cleanup_buffer_ struct buffer out = BUFFER_INIT(BUFFER_OURS);
    event_text(&out, event);
    assert_string_equal(out.data, text);
}

static struct error denied(void) {
    struct error error = {0};
    error_set(&error, ERROR_DENIED, "studentData: upload of part 7 to s3://b/k: 403 AccessDenied");
    error.aws_code = x_strdup("AccessDenied");
    error.request_id = x_strdup("7Q1");
    return error;
}

static void a_sentence_has_job_message_numbers_and_error(void **state) {
    (void)state;
    _cleanup_error_ struct error error = denied(), none = {0};
    expect_text(EVENT(EVENT_READY, .message = "ready: 3 jobs"), "ready: 3 jobs");
    expect_text(EVENT(EVENT_STOPPED), "stopped");
    expect_text(EVENT(EVENT_RUN_STARTED, .job = "a", .message = "backup started"), "a: backup started");
    expect_text(EVENT(EVENT_RUN_STARTED, .job = "a", .message = "a: backup started"), "a: backup started");
    expect_text(EVENT(EVENT_RUN_STARTED, .job = "a", .message = "ab: x"), "a: ab: x");
    expect_text(EVENT(EVENT_RUN_SUCCEEDED, .job = "a", .message = "backup succeeded", .items = 1),
                "a: backup succeeded: 1 item");
    expect_text(EVENT(EVENT_RUN_FAILED, .job = "studentData", .message = "backup failed", .error = &error),
                "studentData: backup failed: upload of part 7 to s3://b/k: 403 AccessDenied");
    expect_text(EVENT(EVENT_RUN_FAILED, .job = "b", .message = "backup failed", .error = &none), "b: backup failed");
    expect_text(EVENT(EVENT_RUN_FAILED, .message = "two\nlines?X-Amz-Signature=feed"), "two lines?X-Amz-Signature=***");
}

static void numbers_stand_in_words(void **state) {
    (void)state;
    _cleanup_buffer_ struct buffer out = BUFFER_INIT(BUFFER_OURS), size = BUFFER_INIT(BUFFER_OURS),
                                   time = BUFFER_INIT(BUFFER_OURS);
    format_size(&size, 46285);
    format_duration(&time, 3200);
    buffer_printf(&out, "a: backup succeeded: 1,000 items, %s in %s", size.data, time.data);
    expect_text(EVENT(EVENT_RUN_SUCCEEDED, .job = "a", .message = "backup succeeded", .items = 1000, .bytes = 46285,
                      .duration_ms = 3200),
                out.data);
    buffer_clear(&out);
    buffer_printf(&out, "x after %s", time.data);
    expect_text(EVENT(EVENT_STOPPED, .message = "x", .duration_ms = 3200), out.data);
}

static void an_entry_has_its_fields(void **state) {
    (void)state;
    struct buffer out = BUFFER_INIT(BUFFER_OURS);
    struct error error = denied();
    struct reporter *reporter = reporter_new_writer(LOG_INFO, collect, &out);
    report(reporter, EVENT(EVENT_RUN_FAILED, .job = "studentData", .run = "r1", .table = "stu\ndent",
                           .message = "backup failed", .items = 5, .bytes = 6, .duration_ms = 7, .error = &error));
    report(reporter, EVENT(EVENT_RUN_PROGRESS, .message = "debug is not asked for"));
    reporter_free(reporter);
    assert_non_null(strstr(out.data,
                           "\nMESSAGE_ID=9eff058fd0709e6e8a7f2afe6794a49f\nPRIORITY=3\n"
                           "SYSLOG_IDENTIFIER=dynamodb-backupd\nJOB=studentData\nRUN_ID=r1\nTABLE=stu dent\n"
                           "ITEMS=5\nBYTES=6\nDURATION_MS=7\nERROR_CODE=AccessDenied\nAWS_REQUEST_ID=7Q1\n\n"));
    assert_ptr_equal(strstr(out.data, "MESSAGE=studentData: backup failed: 5 items"), out.data);
    assert_null(strstr(out.data, "debug"));
    error_clear(&error);
    buffer_fini(&out);
}

static void an_error_without_a_code_of_aws_has_ours(void **state) {
    (void)state;
    struct error error = {.code = ERROR_TRANSIENT};
    const struct event *event = EVENT(EVENT_MAIL_FAILED, .message = "mail", .error = &error);
    assert_string_equal(event_error_code(event), error_code_name(ERROR_TRANSIENT));
    _cleanup_free_ char *text = x_printf("mail: %s", error_code_name(ERROR_TRANSIENT));
    expect_text(event, text);
}

struct heard {
    struct report_listener listener;
    struct reporter *reporter;
    int times;
    char text[100];
};

static void on_heard(void *arg, const struct event *event, int64_t wall_ms, const char *text) {
    struct heard *heard = arg;
    assert_true(wall_ms > 1000000000000);
    heard->times++;
    snprintf(heard->text, sizeof heard->text, "%s", text);
    if (event->kind == EVENT_STOPPED)
        reporter_unlisten(heard->reporter, &heard->listener);
}

static void listeners_hear_until_they_leave(void **state) {
    (void)state;
    struct buffer out = BUFFER_INIT(BUFFER_OURS);
    struct reporter *reporter = reporter_new_writer(LOG_WARNING, collect, &out);
    struct heard one = {.listener = {on_heard, &one, NULL}, .reporter = reporter},
                 two = {.listener = {on_heard, &two, NULL}, .reporter = reporter};
    reporter_listen(reporter, &one.listener);
    reporter_listen(reporter, &two.listener);
    report(reporter, EVENT(EVENT_STOPPED, .message = "below the level"));
    assert_int_equal(one.times + two.times, 0);
    reporter_set_level(reporter, LOG_DEBUG);
    report(reporter, EVENT(EVENT_RUN_PROGRESS, .job = "a", .message = "scan"));
    assert_string_equal(one.text, "a: scan");
    report(reporter, EVENT(EVENT_STOPPED, .message = "both leave"));
    report(reporter, EVENT(EVENT_READY, .message = "nobody is left"));
    assert_int_equal(one.times, 2);
    assert_int_equal(two.times, 2);
    reporter_unlisten(reporter, &one.listener); /* again: nothing happens */
    reporter_free(reporter);
    buffer_fini(&out);
}

static void stderr_is_the_journal_when_journal_stream_names_it(void **state) {
    (void)state;
    struct stat status;
    fstat(STDERR_FILENO, &status);
    char text[64];
    snprintf(text, sizeof text, "%ju:%ju", (uintmax_t)status.st_dev, (uintmax_t)status.st_ino);
    setenv("JOURNAL_STREAM", text, 1);
    assert_true(reporter_stderr_is_journal());
    setenv("JOURNAL_STREAM", "1:1", 1);
    assert_false(reporter_stderr_is_journal());
    setenv("JOURNAL_STREAM", "nonsense", 1);
    assert_false(reporter_stderr_is_journal());
    unsetenv("JOURNAL_STREAM");
    assert_false(reporter_stderr_is_journal());
    reporter_free(reporter_new(LOG_INFO, false));
    reporter_free(reporter_new(LOG_INFO, true));
}

static char *read_file(const char *path) {
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    char *text = x_calloc(1, 100000);
    assert_true(fread(text, 1, 99999, file) > 0);
    fclose(file);
    return text;
}

static void each_event_has_one_entry_in_the_catalog(void **state) {
    (void)state;
    _cleanup_free_ char *catalog = read_file(getenv("CATALOG"));
    int entries = 0;
    for (const char *at = catalog; (at = strstr(at, "-- ")); at++)
        entries += at == catalog || at[-1] == '\n';
    assert_int_equal(entries, EVENT_KINDS);
    for (int kind = 0; kind < EVENT_KINDS; kind++) {
        assert_non_null(event_name((enum event_kind)kind));
        assert_int_equal(strlen(event_message_id((enum event_kind)kind)), 32);
        assert_in_range(event_priority((enum event_kind)kind), LOG_ERR, LOG_DEBUG);
        _cleanup_free_ char *entry = x_printf("-- %s\nSubject: ", event_message_id((enum event_kind)kind));
        const char *at = strstr(catalog, entry);
        assert_non_null(at);
        assert_null(strstr(at + 1, entry));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sentence_has_job_message_numbers_and_error),
        cmocka_unit_test(numbers_stand_in_words),
        cmocka_unit_test(an_entry_has_its_fields),
        cmocka_unit_test(an_error_without_a_code_of_aws_has_ours),
        cmocka_unit_test(listeners_hear_until_they_leave),
        cmocka_unit_test(stderr_is_the_journal_when_journal_stream_names_it),
        cmocka_unit_test(each_event_has_one_entry_in_the_catalog),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
