/* SPDX-License-Identifier: Apache-2.0 */
/* What is wrong is told with file, line and key, all of it, in order, and each thing once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/memory.h"
#include "config/problems.h"
#include "parsing.h"

static void an_unknown_key_names_the_nearest(void **state) {
    (void)state;
    expect_problem("Fromat=json\n", 1, "Fromat",
                   "unknown key in [Destination]; did you mean Format? Accepted: Bucket, Prefix");
    expect_problem("[Job]\nBogus=1\n", 2, "Bogus", "unknown key in [Job]; accepted: Table, Region");
    expect_main_problem("[Daemon]\nLogLevl=info\n", 2, "LogLevl", "did you mean LogLevel?");
}

static void a_key_of_another_section_names_it(void **state) {
    (void)state;
    expect_problem("[Scan]\nPrefix=x\n", 2, "Prefix", "unknown in [Scan]; it belongs to [Destination]");
}

static void an_unknown_section_is_told_once_and_its_keys_are_not(void **state) {
    (void)state;
    expect_problem("[Jobb]\nTable=t\nx=y\n", 1, "[Jobb]", "did you mean [Job]? Accepted: [Job], [Credentials], [Scan]");
    expect_problem("[Wonderful]\n", 1, "[Wonderful]", "unknown section; accepted: [Job]");
    expect_problem("[]\n", 1, "[]", "unknown section");
    expect_main_problem("[job]\n", 1, "[job]", "did you mean [Job]? Accepted: [Daemon], [Endpoints], [Job]");
}

static void what_is_not_built_is_known(void **state) {
    (void)state;
    expect_problem("[Link]\nVia=s3\n", 1, "[Link]", "not supported yet");
    expect_problem("[Job]\nPingUrl=https://x\n", 2, "PingUrl", "not supported yet");
    expect_problem("[Scan]\nMethod=export\n", 2, "Method", "export is not supported yet");
    expect_problem("[Credentials]\nSource=container\n", 2, "Source", "container is not supported yet");
    expect_main_problem("[Daemon]\nMetricsFile=/x\n", 2, "MetricsFile", "not supported yet");
    expect_main_problem("[Endpoints]\nKMS=http://x\n", 2, "KMS", "not supported yet");
}

static void columns_that_are_none_are_refused(void **state) {
    (void)state;
    expect_problem("Format=json\nColumns=a b\n", 2, "Columns", "does nothing without csv in Format");
    expect_problem("Format=csv\nColumns=a, b,,c\n", 2, "Columns", "a name is empty");
    expect_problem("Format=csv\nColumns=a,\n", 2, "Columns", "a name is empty");
    expect_problem("Format=csv\nColumns=a,\"\"\n", 2, "Columns", "a name is empty");
    expect_problem("Format=csv\nColumns=a b a\n", 2, "Columns", "\"a\": it is there twice");
    expect_problem("Format=csv\nColumns=a,_more\n", 2, "Columns", "_more is the last column already");
    expect_problem("Format=csv\nColumns=a,\"b\n", 2, "Columns", "begins with a quote ends with one");
    expect_problem("Format=csv\nColumns=a,b\"c\n", 2, "Columns", "stands in double quotes");
    expect_problem("Format=csv\n[Drill]\nSchedule=@weekly\n", 3, "Schedule", "csv alone does not restore");
}

static void the_daemons_sections_stand_in_the_main_file(void **state) {
    (void)state;
    expect_problem("[Daemon]\nLogLevel=debug\n", 1, "[Daemon]", "stands in the main file");
    expect_problem("[Endpoints]\nS3=http://x\n", 1, "[Endpoints]", "stands in the main file");
}

static void a_key_given_twice_is_told(void **state) {
    (void)state;
    expect_problem("Bucket=other-bucket\n", 1, "Bucket", "stands in line 5 already");
    expect_problem("Prefix=\nPrefix=x\n", 2, "Prefix", "stands in line 6 already");
}

static void a_line_that_is_none_is_told(void **state) {
    (void)state;
    expect_problem("what is this\n", 1, "", "\"what is this\" is neither [Section] nor Key=value");
    expect_problem("=x\n", 1, "", "neither");
    expect_problem("[Job\n", 1, "[Job", "ends with ']'");
    expect_problem("[\n", 1, "[", "ends with ']'");
    expect_problem("Prefix=\x01\n", 1, "", "control character");
    expect_problem("Prefix=\xff\n", 1, "", "not UTF-8");
    expect_main_problem("Table=t\n[Job]\n", 1, "", "before any [Section]");
}

static void a_line_too_long_is_told_and_skipped(void **state) {
    (void)state;
    size_t length = 70000;
    _cleanup_free_ char *more = x_malloc(length + 1);
    memset(more, 'x', length);
    more[length] = '\0';
    expect_problem(more, 1, "", "longer than 64 KiB");
}

static void a_file_too_long_is_not_read(void **state) {
    (void)state;
    size_t length = CONFIG_FILE_LIMIT + 1;
    _cleanup_free_ char *text = x_malloc(length + 1);
    memset(text, '\n', length);
    text[length] = '\0';
    expect_main_problem(text, 0, "", "longer than 1024 KiB");
}

static void values_out_of_range_say_what_is_accepted(void **state) {
    (void)state;
    expect_problem("[Scan]\nSegments=0\n", 2, "Segments",
                   "\"0\" is not accepted; accepted: a number from 1 to 1000000, or auto");
    expect_problem("[Scan]\nSegments=1000001\n", 2, "Segments", "1 to 1000000");
    expect_problem("[Scan]\nSegments=many\n", 2, "Segments", "1 to 1000000");
    expect_problem("[Scan]\nConsistentRead=maybe\n", 2, "ConsistentRead", "yes or no");
    expect_problem("[Job]\nRetryFor=0\n", 2, "RetryFor", "from 1s to 366d");
    expect_problem("[Job]\nRetryFor=soon\n", 2, "RetryFor", "a time span (90s, 5min, 1h 30min, 7d)");
    expect_problem("[Job]\nTimeout=0\n", 2, "Timeout", ", or none");
    expect_problem("[Job]\nWarnItemsDrop=101%\n", 2, "WarnItemsDrop", "0% to 100%");
    expect_problem("[Job]\nWarnItemsDrop=20\n", 2, "WarnItemsDrop", "0% to 100%");
    expect_problem("[Job]\nOverlap=quue\n", 2, "Overlap", "accepted: skip or queue; did you mean queue?");
    expect_problem("Format=jsn\n", 1, "Format",
                   "accepted: dynamodb-json, json and csv, one or several separated by blanks; did you mean json?");
    expect_problem("Compression=lz4\n", 1, "Compression", "gzip, none or zstd");
    expect_problem("PartSize=6G\n", 1, "PartSize", "a size (bytes, or with K, M, G) from 64K to 5G, or auto");
    expect_problem("Prefix=/x\n", 1, "Prefix", "do not begin with '/'");
    expect_problem("Tags=x\n", 1, "Tags", "KEY=VALUE");
    expect_problem("[Email]\nFrom=a@x.org\nTo=b\n", 3, "To", "is no mail address");
    expect_problem("[Email]\nLinkExpires=8d\n", 2, "LinkExpires", "from 1s to 7d");
    expect_problem("[Credentials]\nRoleArn=arn:aws:iam::123456789012:role/x\nDuration=10min\n", 3, "Duration",
                   "from 15min to 12h");
    expect_problem("[CloudWatch]\nLogGroup=g\nRetentionDays=31\n", 3, "RetentionDays", "1, 3, 5, 7, 14");
    expect_problem("[CloudWatch]\nLogGroup=g\nRetentionDays=x\n", 3, "RetentionDays", "1, 3, 5, 7, 14");
    expect_problem("[Retention]\nKeepLast=0\n", 2, "KeepLast", "a number from 1 to 1000000, or none");
    expect_problem("[Retention]\nKeepDaily=-1\n", 2, "KeepDaily", "a number from 1 to 1000000, or none");
    expect_problem("[Retention]\nKeepWithin=5m\n", 2, "KeepWithin", "a month is M or months, a minute min");
    expect_problem("[Retention]\nKeepDayly=7\n", 2, "KeepDayly", "KeepDaily");
    expect_main_problem("[Daemon]\nLogLevel=loud\n", 2, "LogLevel", "debug, info, notice, warning or error");
    expect_main_problem("[Endpoints]\nS3=s3.example.org\n", 2, "S3", "http:// or https://");
}

#define CAPACITY "accepted: units a second from 1 to 1000000000, or a share from 1% to 100%, or none"

static void a_read_capacity_of_nothing_is_refused(void **state) {
    (void)state;
    expect_problem("[Scan]\nReadCapacity=0\n", 2, "ReadCapacity", "\"0\" is not accepted; " CAPACITY);
    expect_problem("[Scan]\nReadCapacity=0%\n", 2, "ReadCapacity", "\"0%\" is not accepted; " CAPACITY);
    expect_problem("[Scan]\nReadCapacity=-5\n", 2, "ReadCapacity", CAPACITY);
}

static void a_read_capacity_of_more_than_there_is_is_refused(void **state) {
    (void)state;
    expect_problem("[Scan]\nReadCapacity=101%\n", 2, "ReadCapacity", "\"101%\" is not accepted; " CAPACITY);
    expect_problem("[Scan]\nReadCapacity=1000000001\n", 2, "ReadCapacity", CAPACITY);
    expect_problem("[Scan]\nReadCapacity=18446744073709551616\n", 2, "ReadCapacity", CAPACITY);
}

static void a_read_capacity_that_is_no_number_is_refused(void **state) {
    static const char *const bad[] = {"all", "25 %", "%", "12.5%", "25%%", "1e3", "0x10", "500/s", "+5", "25%x"};
    (void)state;
    for (size_t i = 0; i < array_length(bad); i++) {
        _cleanup_free_ char *text = x_printf("[Scan]\nReadCapacity=%s\n", bad[i]);
        expect_problem(text, 2, "ReadCapacity", CAPACITY);
    }
}

static void schedules_and_zones_are_checked(void **state) {
    (void)state;
    expect_problem("[Job]\nSchedule=61 * * * *\n", 2, "Schedule", "61");
    expect_problem("[Job]\nSchedule=0 2 * * *\nSchedule=0 0 30 2 *\n", 3, "Schedule", "never comes");
    expect_problem("[Job]\nTimeZone=Asia/Saigoon\n", 2, "TimeZone", "Asia/Sai");
}

static void a_long_value_is_shown_in_part(void **state) {
    (void)state;
    expect_problem(
        "[Scan]\nSegments=12345678901234567890123456789012345678901234567890123456789012345678901234567890123\n", 2,
        "Segments", "8901234567890...\" is not accepted");
}

static void a_secret_is_not_shown(void **state) {
    (void)state;
    _cleanup_free_ char *found = parse_problems("[Endpoints]\nProxy=http://user:hunter2@\n", NULL);
    assert_non_null(strstr(found, "main.conf:2: Proxy: "));
    assert_null(strstr(found, "hunter2"));
}

static void keys_that_need_another_say_so(void **state) {
    (void)state;
    expect_problem("[Credentials]\nExternalId=student\n", 2, "ExternalId", "without RoleArn");
    expect_problem("[Credentials]\nSessionName=me\n", 2, "SessionName", "without RoleArn");
    expect_problem("[Credentials]\nDuration=2h\n", 2, "Duration", "without RoleArn");
    expect_problem("[Credentials]\nSource=imds\nProfile=x\n", 3, "Profile", "Source=profile or auto");
    expect_problem("[Email]\nTo=a@x.org\n", 2, "To", "without From");
    expect_problem("[Email]\nFrom=a@x.org\n", 0, "To", "nobody to send to");
    expect_problem("[CloudWatch]\nLogStream=x\n", 2, "LogStream", "without LogGroup");
    expect_problem("[CloudWatch]\nRetentionDays=7\n", 2, "RetentionDays", "without LogGroup");
}

static void what_is_required_is_missed(void **state) {
    (void)state;
    _cleanup_free_ char *found = parse_problems("", "[Job]\nRegion=us-east-1\n");
    assert_string_equal(found, "jobs.d/students.conf: Table: missing in [Job]: which table is to be backed up?\n"
                               "jobs.d/students.conf: Bucket: missing in [Destination]: where is the backup to go?\n");
    _cleanup_free_ char *wrong = parse_problems("", "[Job]\nTable=x\n[Destination]\nBucket=student-backup\n");
    assert_null(strstr(wrong, "missing"));
}

static void a_region_must_be_the_arns(void **state) {
    (void)state;
    _cleanup_free_ char *found =
        parse_problems("", "[Job]\nTable=arn:aws:dynamodb:eu-west-1:123456789012:table/studentData\nRegion=us-east-1\n"
                           "[Destination]\nBucket=student-backup\n");
    assert_string_equal(
        found, "jobs.d/students.conf:3: Region: us-east-1, but the table's ARN is in eu-west-1; leave Region out\n");
}

static void storage_classes_are_s3s_unless_the_store_is_another(void **state) {
    (void)state;
    expect_problem("StorageClass=STANDRD\n", 1, "StorageClass", "no storage class of S3");
    config_unref(parse_job("[Endpoints]\nS3=http://store:1\n", "StorageClass=COLD\n"));
}

static void a_mail_has_fifty_recipients_at_most(void **state) {
    (void)state;
    _cleanup_buffer_ struct buffer more = BUFFER_INIT(BUFFER_OURS);
    buffer_add(&more, "[Email]\nFrom=a@x.org\nCc=c@x.org\nTo=t0@x.org");
    for (int i = 1; i < 50; i++)
        buffer_printf(&more, ",t%d@x.org", i);
    expect_problem(more.data, 4, "To", "51 addresses in To and Cc");
}

static void memory_too_small_for_a_job_says_the_minimum(void **state) {
    (void)state;
    _cleanup_free_ char *found = parse_problems("[Daemon]\nBufferMemory=20M\n", GOOD_JOB);
    assert_non_null(
        strstr(found, "main.conf:2: BufferMemory: for job students: 20M of BufferMemory is too small for this job; "
                      "accepted: 24M or more"));
    expect_problem("PartSize=40M\n", 1, "PartSize", "accepted: 96M or more");
    expect_problem("Format=json\nPartSize=1M\n", 2, "PartSize",
                   "too small for json and csv: S3 takes parts from 5M to 5G");
    config_unref(parse_job("", "PartSize=64K\n"));
}

static void a_slip_in_a_default_is_told_once(void **state) {
    (void)state;
    expect_main_problem("[Job]\nRetryFor=soon\n", 2, "RetryFor", "a time span");
}

static void a_default_that_fits_no_job_names_the_job(void **state) {
    (void)state;
    expect_main_problem("[Destination]\nStorageClass=STANDRD\n", 2, "StorageClass", "for job students: ");
}

static void all_problems_are_told_in_order(void **state) {
    (void)state;
    _cleanup_free_ char *found = parse_problems("[Daemon]\nx=1\nStopTimeout=x\n[Nowhere]\n",
                                                "[Job]\nRegion=us-east-1\nRegio=x\nRetryFor=x\n[Destination]\n");
    static const char *const starts[] = {"main.conf:2: x: ",
                                         "main.conf:3: StopTimeout: ",
                                         "main.conf:4: [Nowhere]: ",
                                         "jobs.d/students.conf: Table: ",
                                         "jobs.d/students.conf: Bucket: ",
                                         "jobs.d/students.conf:3: Regio: ",
                                         "jobs.d/students.conf:4: RetryFor: "};
    const char *at = found;
    for (size_t i = 0; i < array_length(starts); i++) {
        assert_memory_equal(at, starts[i], strlen(starts[i]));
        at = strchr(at, '\n') + 1;
    }
    assert_string_equal(at, "");
}

static void job_names_are_checked(void **state) {
    (void)state;
    struct config_problems problems = {0};
    struct config_text main_file = {"main.conf", "", 0};
    struct config_text jobs[] = {{"jobs.d/b\xc3\xbc.conf", GOOD_JOB, strlen(GOOD_JOB)},
                                 {"jobs.d/a.conf", GOOD_JOB, strlen(GOOD_JOB)},
                                 {"other/a.conf", GOOD_JOB, strlen(GOOD_JOB)},
                                 {"c", GOOD_JOB, strlen(GOOD_JOB)}};
    assert_null(config_parse(&main_file, jobs, 4, parsing_getenv, &problems));
    assert_int_equal(problems.count, 2);
    assert_non_null(strstr(problems.items[0].text, "is no job's; accepted"));
    assert_string_equal(problems.items[0].file, "jobs.d/b\xc3\xbc.conf");
    assert_string_equal(problems.items[1].text, "a second job of the name a");
    config_problems_fini(&problems);
}

static void more_jobs_than_the_most_are_refused(void **state) {
    (void)state;
    struct config_problems problems = {0};
    struct config_text main_file = {"main.conf", "", 0};
    struct config_text *jobs = x_calloc(CONFIG_JOBS_MOST + 1, sizeof *jobs);
    char(*names)[12] = x_calloc(CONFIG_JOBS_MOST + 1, sizeof *names);
    for (unsigned i = 0; i <= CONFIG_JOBS_MOST; i++) {
        snprintf(names[i], sizeof names[i], "%05u.conf", i);
        jobs[i] = (struct config_text){names[i], GOOD_JOB, strlen(GOOD_JOB)};
    }
    assert_null(config_parse(&main_file, jobs, CONFIG_JOBS_MOST + 1, parsing_getenv, &problems));
    assert_int_equal(problems.count, 1);
    assert_non_null(strstr(problems.items[0].text, "one job too many"));
    config_problems_fini(&problems);
    free(names);
    free(jobs);
}

static void problems_without_end_are_cut(void **state) {
    (void)state;
    _cleanup_buffer_ struct buffer text = BUFFER_INIT(BUFFER_OURS);
    for (int i = 0; i < CONFIG_PROBLEMS_MOST + 100; i++)
        buffer_add(&text, "x\n");
    struct config_problems problems = {0};
    assert_null(parse_files(text.data, GOOD_JOB, &problems));
    assert_int_equal(problems.count, CONFIG_PROBLEMS_MOST + 1);
    assert_string_equal(problems.items[CONFIG_PROBLEMS_MOST].text, "and more; mend these first");
    config_problems_fini(&problems);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_unknown_key_names_the_nearest),
        cmocka_unit_test(a_key_of_another_section_names_it),
        cmocka_unit_test(an_unknown_section_is_told_once_and_its_keys_are_not),
        cmocka_unit_test(what_is_not_built_is_known),
        cmocka_unit_test(columns_that_are_none_are_refused),
        cmocka_unit_test(the_daemons_sections_stand_in_the_main_file),
        cmocka_unit_test(a_key_given_twice_is_told),
        cmocka_unit_test(a_line_that_is_none_is_told),
        cmocka_unit_test(a_line_too_long_is_told_and_skipped),
        cmocka_unit_test(a_file_too_long_is_not_read),
        cmocka_unit_test(values_out_of_range_say_what_is_accepted),
        cmocka_unit_test(schedules_and_zones_are_checked),
        cmocka_unit_test(a_read_capacity_of_nothing_is_refused),
        cmocka_unit_test(a_read_capacity_of_more_than_there_is_is_refused),
        cmocka_unit_test(a_read_capacity_that_is_no_number_is_refused),
        cmocka_unit_test(a_long_value_is_shown_in_part),
        cmocka_unit_test(a_secret_is_not_shown),
        cmocka_unit_test(keys_that_need_another_say_so),
        cmocka_unit_test(what_is_required_is_missed),
        cmocka_unit_test(a_region_must_be_the_arns),
        cmocka_unit_test(storage_classes_are_s3s_unless_the_store_is_another),
        cmocka_unit_test(a_mail_has_fifty_recipients_at_most),
        cmocka_unit_test(memory_too_small_for_a_job_says_the_minimum),
        cmocka_unit_test(a_slip_in_a_default_is_told_once),
        cmocka_unit_test(a_default_that_fits_no_job_names_the_job),
        cmocka_unit_test(all_problems_are_told_in_order),
        cmocka_unit_test(job_names_are_checked),
        cmocka_unit_test(more_jobs_than_the_most_are_refused),
        cmocka_unit_test(problems_without_end_are_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
