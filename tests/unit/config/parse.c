/* SPDX-License-Identifier: Apache-2.0 */
/* Whole configurations: defaults, every key, what a job takes from the main file and what it replaces. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/memory.h"
#include "config/check.h"
#include "config/keys.h"
#include "config/lists.h"
#include "parsing.h"

#define MIB ((uint64_t)1 << 20)

static void an_empty_file_gives_the_defaults(void **state) {
    (void)state;
    struct config *config = parse_good("", NULL);
    assert_string_equal(config->file, "main.conf");
    assert_string_equal(config->state_directory, "/var/lib/dynamodb-backupd");
    assert_string_equal(config->runtime_directory, "/run/dynamodb-backupd");
    assert_int_equal(config->max_concurrent_jobs, 4);
    assert_int_equal(config->buffer_memory, 64 * MIB);
    assert_int_equal(config->stop_timeout, 30 * SECOND_MS);
    assert_int_equal(config->log_level, LOG_INFO);
    for (int i = 0; i < CONFIG_ENDPOINTS; i++)
        assert_null(config->endpoints[i]);
    assert_null(config->ca_bundle);
    assert_null(config->proxy);
    assert_int_equal(config->job_count, 0);
    assert_null(config_job(config, "students"));
    config_unref(config);
    config_unref(NULL);
}

static void a_job_of_two_keys_gives_the_defaults(void **state) {
    (void)state;
    struct config *config = parse_good("", "[Job]\nTable=studentData\n[Destination]\nBucket=student-backup\n");
    const struct job_config *job = config_job(config, "students");
    assert_string_equal(job->name, "students");
    assert_string_equal(job->file, "jobs.d/students.conf");
    assert_string_equal(job->table, "studentData");
    assert_null(job->region);
    assert_int_equal(job->schedules.count, 0);
    assert_int_equal(job->drill_schedules.count, 0);
    assert_string_equal(job->drill_table_prefix, "students-drill-");
    assert_string_equal(zone_name(job->zone), "UTC");
    assert_int_equal(job->randomized_delay, 0);
    assert_int_equal(job->timeout, 0);
    assert_int_equal(job->retry_for, 10 * MINUTE_MS);
    assert_int_equal(job->warn_items_drop, 20);
    assert_true(job->enabled);
    assert_int_equal(job->overlap, CONFIG_OVERLAP_SKIP);
    assert_int_equal(job->source, CONFIG_SOURCE_AUTO);
    assert_null(job->role_arn);
    assert_int_equal(job->duration, HOUR_MS);
    assert_int_equal(job->segments, 0);
    assert_false(job->consistent_read);
    assert_string_equal(job->prefix, "students/");
    assert_int_equal(job->formats, CONFIG_DYNAMODB_JSON);
    assert_int_equal(job->compression, CONFIG_COMPRESSION_DEFAULT);
    assert_int_equal(job->part_size, 0);
    assert_null(job->tags);
    assert_null(job->mail_from);
    assert_null(job->mail_to[0]);
    assert_null(job->mail_cc[0]);
    assert_null(job->mail_reply_to[0]);
    assert_int_equal(job->mail_on, CONFIG_MAIL_SUCCESS | CONFIG_MAIL_FAILURE);
    assert_int_equal(job->link_expires, HOUR_MS);
    assert_null(job->log_group);
    assert_int_equal(job->retention_days, 0);
    assert_int_equal(job->keep_last + job->keep_hourly + job->keep_daily, 0);
    assert_int_equal(job->keep_weekly + job->keep_monthly + job->keep_yearly, 0);
    assert_int_equal(job->keep_within.years + job->keep_within.months + job->keep_within.days, 0);
    assert_int_equal(job->keep_within.ms, 0);
    config_unref(config);
}

static void the_contracts_example_is_good(void **state) {
    (void)state;
    struct config *config =
        parse_good("", "# jobs.d/studentData.conf\n"
                       "[Job]\nTable=studentData\nRegion=us-east-1\nSchedule=0 2 * * *\n"
                       "TimeZone=Asia/Ho_Chi_Minh\n\n"
                       "[Credentials]\nRoleArn=arn:aws:iam::123456789012:role/DynamoDBBackupRole\n\n"
                       "[Destination]\nBucket=student-backup-20250706\nPrefix=backups/\nFormat=json\n\n"
                       "[Email]\nFrom=backup@example.edu.vn\nTo=registrar@example.edu.vn\n"
                       "LinkExpires=1h\n");
    const struct job_config *job = config->jobs[0];
    assert_int_equal(job->schedules.count, 1);
    assert_string_equal(schedule_text(job->schedules.items[0]), "0 2 * * *");
    assert_string_equal(zone_name(job->zone), "Asia/Ho_Chi_Minh");
    assert_string_equal(job->role_arn, "arn:aws:iam::123456789012:role/DynamoDBBackupRole");
    assert_string_equal(job->prefix, "backups/");
    assert_int_equal(job->formats, CONFIG_JSON);
    assert_string_equal(job->mail_to[0], "registrar@example.edu.vn");
    config_unref(config);
}

static void every_key_of_the_main_file_is_kept(void **state) {
    (void)state;
    struct config *config =
        parse_good("[Daemon]\nStateDirectory=/s\nRuntimeDirectory=/r\nMaxConcurrentJobs=9\nBufferMemory=1G\n"
                   "StopTimeout=2min\nLogLevel=debug\n"
                   "[Endpoints]\nDynamoDB=http://a:1\nS3=http://b:2/\nSES=http://c\nSTS=https://d/x\nLogs=http://e\n"
                   "IAM=http://f\nIMDS=http://g\nCaBundle=/ca.pem\nProxy=http://u:p@proxy:3128\n",
                   NULL);
    assert_string_equal(config->state_directory, "/s");
    assert_string_equal(config->runtime_directory, "/r");
    assert_int_equal(config->max_concurrent_jobs, 9);
    assert_int_equal(config->buffer_memory, 1024 * MIB);
    assert_int_equal(config->stop_timeout, 2 * MINUTE_MS);
    assert_int_equal(config->log_level, LOG_DEBUG);
    static const char *const urls[] = {"http://a:1", "http://b:2", "http://c", "https://d/x",
                                       "http://e",   "http://f",   "http://g"};
    for (int i = 0; i < CONFIG_ENDPOINTS; i++)
        assert_string_equal(config->endpoints[i], urls[i]);
    assert_string_equal(config->ca_bundle, "/ca.pem");
    assert_string_equal(config->proxy, "http://u:p@proxy:3128");
    config_unref(config);
}

static void every_key_of_a_job_is_kept(void **state) {
    (void)state;
    struct config *config = parse_job(
        "",
        "[Job]\nSchedule=0 2 * * "
        "*\nSchedule=@weekly\nTimeZone=UTC\nRandomizedDelay=5min\nOverlap=queue\n"
        "Timeout=6h\nRetryFor=1h\nWarnItemsDrop=5%\nEnabled=off\n"
        "[Credentials]\nSource=profile\nProfile=school\nRoleArn=arn:aws:iam::123456789012:role/"
        "x\nExternalId=student-42\n"
        "SessionName=me\nDuration=2h\n"
        "[Scan]\nSegments=16\nConsistentRead=yes\nReadCapacity=100%\nMethod=scan\n"
        "[Destination]\nPrefix=a/b\nFormat=json dynamodb-json\nCompression=zstd\nPartSize=8M\nStorageClass=GLACIER_IR\n"
        "KmsKeyId=alias/backup\nExpectedBucketOwner=123456789012\nTags=a=1\nTags=b=2\n"
        "RoleArn=arn:aws:iam::123456789012:role/y\n"
        "[Email]\nFrom=Backup "
        "<b@x.org>\nTo=c@x.org\nTo=d@x.org\nCc=e@x.org\nReplyTo=f@x.org\nOn=failure\nLinkExpires=7d\n"
        "Region=eu-west-1\nTemplate=/t\nConfigurationSet=set\n"
        "[CloudWatch]\nLogGroup=/g\nLogStream=s\nRetentionDays=30\nRegion=eu-west-2\n"
        "[Retention]\nKeepLast=3\nKeepHourly=24\nKeepDaily=7\nKeepWeekly=5\nKeepMonthly=12\nKeepYearly=75\n"
        "KeepWithin=1y 6months\n"
        "[Drill]\nSchedule=0 5 * * 0\nSchedule=@monthly\nTablePrefix=scratch.\n");
    const struct job_config *job = config->jobs[0];
    assert_int_equal(job->schedules.count, 2);
    assert_int_equal(job->randomized_delay, 5 * MINUTE_MS);
    assert_false(job->enabled);
    assert_int_equal(job->overlap, CONFIG_OVERLAP_QUEUE);
    assert_int_equal(job->timeout, 6 * HOUR_MS);
    assert_int_equal(job->retry_for, HOUR_MS);
    assert_int_equal(job->warn_items_drop, 5);
    assert_int_equal(job->source, CONFIG_SOURCE_PROFILE);
    assert_string_equal(job->profile, "school");
    assert_string_equal(job->role_arn, "arn:aws:iam::123456789012:role/x");
    assert_string_equal(job->external_id, "student-42");
    assert_string_equal(job->session_name, "me");
    assert_int_equal(job->duration, 2 * HOUR_MS);
    assert_int_equal(job->segments, 16);
    assert_true(job->consistent_read);
    assert_int_equal(job->read_capacity.value, 100);
    assert_true(job->read_capacity.percent);
    assert_string_equal(job->prefix, "a/b/");
    assert_int_equal(job->formats, CONFIG_JSON | CONFIG_DYNAMODB_JSON);
    assert_int_equal(job->compression, CONFIG_COMPRESSION_ZSTD);
    assert_int_equal(job->part_size, 8 * MIB);
    assert_string_equal(job->storage_class, "GLACIER_IR");
    assert_string_equal(job->kms_key_id, "alias/backup");
    assert_string_equal(job->expected_bucket_owner, "123456789012");
    assert_string_equal(job->tags, "a=1&b=2");
    assert_string_equal(job->destination_role_arn, "arn:aws:iam::123456789012:role/y");
    assert_string_equal(job->mail_from, "Backup <b@x.org>");
    assert_int_equal(config_list_length(job->mail_to), 2);
    assert_string_equal(job->mail_cc[0], "e@x.org");
    assert_string_equal(job->mail_reply_to[0], "f@x.org");
    assert_int_equal(job->mail_on, CONFIG_MAIL_FAILURE);
    assert_int_equal(job->link_expires, 7 * DAY_MS);
    assert_string_equal(job->mail_region, "eu-west-1");
    assert_string_equal(job->mail_template, "/t");
    assert_string_equal(job->configuration_set, "set");
    assert_string_equal(job->log_group, "/g");
    assert_string_equal(job->log_stream, "s");
    assert_int_equal(job->retention_days, 30);
    assert_string_equal(job->logs_region, "eu-west-2");
    assert_int_equal(job->drill_schedules.count, 2);
    assert_string_equal(schedule_text(job->drill_schedules.items[1]), "@monthly");
    assert_string_equal(job->drill_table_prefix, "scratch.");
    assert_int_equal(job->keep_last, 3);
    assert_int_equal(job->keep_hourly, 24);
    assert_int_equal(job->keep_daily, 7);
    assert_int_equal(job->keep_weekly, 5);
    assert_int_equal(job->keep_monthly, 12);
    assert_int_equal(job->keep_yearly, 75);
    assert_int_equal(job->keep_within.years, 1);
    assert_int_equal(job->keep_within.months, 6);
    config_unref(config);
}

static void the_main_file_gives_defaults_to_jobs(void **state) {
    (void)state;
    struct config *config =
        parse_job("[Job]\nRetryFor=1h\nSchedule=0 3 * * *\n[Email]\nFrom=a@x.org\nTo=b@x.org\nTo=c@x.org\n", "");
    const struct job_config *job = config->jobs[0];
    assert_int_equal(job->retry_for, HOUR_MS);
    assert_int_equal(job->schedules.count, 1);
    assert_int_equal(config_list_length(job->mail_to), 2);
    config_unref(config);
}

static void a_jobs_key_replaces_the_default_lists_included(void **state) {
    (void)state;
    struct config *config =
        parse_job("[Job]\nRetryFor=1h\nSchedule=0 3 * * *\n[Email]\nFrom=a@x.org\nTo=b@x.org\nTo=c@x.org\n",
                  "[Job]\nRetryFor=2h\nSchedule=0 4 * * *\nSchedule=0 5 * * *\n[Email]\nTo=d@x.org\n");
    const struct job_config *job = config->jobs[0];
    assert_int_equal(job->retry_for, 2 * HOUR_MS);
    assert_int_equal(job->schedules.count, 2);
    assert_string_equal(schedule_text(job->schedules.items[0]), "0 4 * * *");
    assert_int_equal(config_list_length(job->mail_to), 1);
    assert_string_equal(job->mail_to[0], "d@x.org");
    config_unref(config);
}

static void an_empty_assignment_resets_a_list(void **state) {
    (void)state;
    struct config *config =
        parse_job("[Job]\nSchedule=0 3 * * *\n", "[Job]\nSchedule=\n[Destination]\nTags=a=1\nTags=\nTags=b=2\n");
    assert_int_equal(config->jobs[0]->schedules.count, 0);
    assert_string_equal(config->jobs[0]->tags, "b=2");
    config_unref(config);
}

static void an_empty_assignment_returns_to_the_products_default(void **state) {
    (void)state;
    struct config *config =
        parse_job("[Job]\nRetryFor=1h\n[Email]\nFrom=a@x.org\n", "[Job]\nRetryFor=\n[Email]\nFrom=\n");
    assert_int_equal(config->jobs[0]->retry_for, 10 * MINUTE_MS);
    assert_null(config->jobs[0]->mail_from);
    config_unref(config);
}

static void words_stand_for_no_bound(void **state) {
    (void)state;
    struct config *config =
        parse_job("[Job]\nTimeout=1h\n[Scan]\nSegments=4\nReadCapacity=9\n[Destination]\nPartSize=8M\n"
                  "[Retention]\nKeepLast=3\nKeepWithin=30d\n",
                  "[Job]\nTimeout=none\n[Scan]\nSegments=auto\nReadCapacity=none\n[Destination]\nPartSize=auto\n"
                  "[Retention]\nKeepLast=none\nKeepWithin=none\n");
    assert_int_equal(config->jobs[0]->keep_last, 0);
    assert_int_equal(config->jobs[0]->keep_within.days, 0);
    assert_int_equal(config->jobs[0]->timeout, 0);
    assert_int_equal(config->jobs[0]->segments, 0);
    assert_int_equal(config->jobs[0]->read_capacity.value, 0);
    assert_int_equal(config->jobs[0]->part_size, 0);
    config_unref(config);
}

static void an_empty_prefix_is_the_buckets_root(void **state) {
    (void)state;
    struct config *config = parse_job("[Destination]\nPrefix=all/\n", "Prefix=\n");
    assert_string_equal(config->jobs[0]->prefix, "");
    config_unref(config);
}

static void an_arn_brings_its_region(void **state) {
    (void)state;
    struct config *config = parse_good("", "[Job]\nTable=arn:aws:dynamodb:eu-west-1:123456789012:table/"
                                           "studentData\n[Destination]\nBucket=student-backup\n");
    assert_string_equal(config->jobs[0]->region, "eu-west-1");
    config_unref(config);
}

static void keys_of_one_section_may_stand_apart(void **state) {
    (void)state;
    struct config *config = parse_job("", "[Job]\nRetryFor=1h\n[Scan]\n[Job]\nTimeout=2h\n");
    assert_int_equal(config->jobs[0]->retry_for, HOUR_MS);
    assert_int_equal(config->jobs[0]->timeout, 2 * HOUR_MS);
    config_unref(config);
}

static void a_value_keeps_its_signs_and_blanks(void **state) {
    (void)state;
    struct config *config = parse_job("", "[Destination]\nPrefix = sao l\xc6\xb0u =;# x/\\\n  y\n");
    assert_string_equal(config->jobs[0]->prefix, "sao l\xc6\xb0u =;# x/ y/");
    config_unref(config);
}

static void jobs_are_in_order_of_name_and_found(void **state) {
    (void)state;
    struct config_problems problems = {0};
    struct config_text main_file = {"main.conf", "", 0};
    struct config_text jobs[9];
    char names[9][32];
    for (int i = 0; i < 9; i++) {
        snprintf(names[i], sizeof names[i], "jobs.d/job%d.conf", (i * 5 + 3) % 9);
        jobs[i] = (struct config_text){names[i], GOOD_JOB, strlen(GOOD_JOB)};
    }
    struct config *config = config_parse(&main_file, jobs, 9, parsing_getenv, &problems);
    assert_int_equal(config->job_count, 9);
    for (int i = 0; i < 9; i++) {
        _cleanup_free_ char *name = x_printf("job%d", i);
        assert_string_equal(config->jobs[i]->name, name);
        assert_ptr_equal(config_job(config, name), config->jobs[i]);
    }
    assert_null(config_job(config, "job"));
    assert_null(config_job(config, "job9"));
    config_unref(config);
}

static void a_reference_keeps_it(void **state) {
    (void)state;
    struct config *config = parse_job("", "");
    struct config *other = config_ref(config);
    config_unref(config);
    assert_string_equal(other->jobs[0]->name, "students");
    config_unref(other);
}

static void memory_is_two_parts_an_output_and_the_pages(void **state) {
    (void)state;
    struct job_config job = {.formats = CONFIG_DYNAMODB_JSON};
    assert_int_equal(config_job_memory(&job), 24 * MIB);
    job.formats = CONFIG_JSON;
    assert_int_equal(config_job_memory(&job), 26 * MIB);
    job.formats = CONFIG_JSON | CONFIG_DYNAMODB_JSON;
    assert_int_equal(config_job_memory(&job), 34 * MIB);
    job.part_size = 8 * MIB;
    assert_int_equal(config_job_memory(&job), 48 * MIB);
}

/* A later key that somebody builds must lose its flag, its neighbours' order must hold, and each must be explained. */
static void the_table_of_keys_is_whole(void **state) {
    (void)state;
    size_t count;
    const struct config_key *keys = config_keys(&count);
    for (size_t i = 0; i < count; i++) {
        _cleanup_buffer_ struct buffer accepts = BUFFER_INIT(BUFFER_OURS);
        config_key_accepts(&keys[i], &accepts);
        assert_int_equal(config_key_find(keys[i].section, keys[i].name), i);
        assert_true(keys[i].later || accepts.length);
        assert_true(keys[i].later || keys[i].slot != CONFIG_NO_SLOT || strcmp(keys[i].name, "Method") == 0);
        assert_non_null(keys[i].help);
        assert_true(i == 0 || keys[i].section >= keys[i - 1].section);
    }
    assert_true(config_key_find(SECTION_JOB, "Bucket") == SIZE_MAX);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_file_gives_the_defaults),
        cmocka_unit_test(a_job_of_two_keys_gives_the_defaults),
        cmocka_unit_test(the_contracts_example_is_good),
        cmocka_unit_test(every_key_of_the_main_file_is_kept),
        cmocka_unit_test(every_key_of_a_job_is_kept),
        cmocka_unit_test(the_main_file_gives_defaults_to_jobs),
        cmocka_unit_test(a_jobs_key_replaces_the_default_lists_included),
        cmocka_unit_test(an_empty_assignment_resets_a_list),
        cmocka_unit_test(an_empty_assignment_returns_to_the_products_default),
        cmocka_unit_test(words_stand_for_no_bound),
        cmocka_unit_test(an_empty_prefix_is_the_buckets_root),
        cmocka_unit_test(an_arn_brings_its_region),
        cmocka_unit_test(keys_of_one_section_may_stand_apart),
        cmocka_unit_test(a_value_keeps_its_signs_and_blanks),
        cmocka_unit_test(jobs_are_in_order_of_name_and_found),
        cmocka_unit_test(a_reference_keeps_it),
        cmocka_unit_test(memory_is_two_parts_an_output_and_the_pages),
        cmocka_unit_test(the_table_of_keys_is_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
