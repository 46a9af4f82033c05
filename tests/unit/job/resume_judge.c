/* SPDX-License-Identifier: Apache-2.0 */
/* Whether an interrupted run may go on: each thing that must be as it was, and what becomes of it where it is not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "job/resume.h"

#define TEXT(text) ((char *)(uintptr_t)(text))
#define NOW        INT64_C(1751767200000)

static struct job_config job_of(void) {
    return (struct job_config){.name = TEXT("j"),
                               .table = TEXT("tab"),
                               .region = TEXT("eu-west-1"),
                               .bucket = TEXT("bkt"),
                               .prefix = TEXT("p/"),
                               .formats = CONFIG_DYNAMODB_JSON | CONFIG_JSON,
                               .enabled = true,
                               .resume_within = DAY_MS};
}

static struct checkpoint_run run_of(void) {
    return (struct checkpoint_run){.run = TEXT("0123456789abcdef0123456789abcdef"),
                                   .job = TEXT("j"),
                                   .table = TEXT("tab"),
                                   .table_id = TEXT("id-1"),
                                   .region = TEXT("eu-west-1"),
                                   .bucket = TEXT("bkt"),
                                   .prefix = TEXT("p/"),
                                   .formats = TEXT("dynamodb-json/gzip json/none"),
                                   .scan_started = NOW - 2 * DAY_MS,
                                   .last_cut = NOW - HOUR_MS};
}

static void expect(const struct checkpoint_run *run, const struct resume_now *now, enum resume_verdict verdict,
                   const char *words) {
    _cleanup_error_ struct error why = {0};
    assert_int_equal(resume_judge(run, now, &why), verdict);
    if (!words)
        assert_null(why.message);
    else if (!why.message || !strstr(why.message, words))
        fail_msg("\"%s\" does not say \"%s\"", why.message, words);
}

static void a_run_of_the_same_job_goes_on(void **state) {
    (void)state;
    struct job_config job = job_of();
    struct checkpoint_run run = run_of();
    struct resume_now now = {.job = &job, .now = NOW};
    expect(&run, &now, RESUME_GO_ON, NULL);
    job.region = NULL; /* the credentials' source knew it, and cannot be asked here */
    expect(&run, &now, RESUME_GO_ON, NULL);
    run.last_cut = NOW + HOUR_MS; /* the clock was set back */
    expect(&run, &now, RESUME_GO_ON, NULL);
    run.deaths = CHECKPOINT_DEATHS - 1;
    expect(&run, &now, RESUME_GO_ON, NULL);
}

static void what_would_make_another_backup_starts_over(void **state) {
    (void)state;
    struct checkpoint_run run = run_of();
    const struct {
        struct job_config job;
        const char *endpoint, *words;
    } cases[] = {
        {.job = {.table = TEXT("other")}, .words = "its table was tab and is other now"},
        {.job = {.region = TEXT("us-east-1")}, .words = "region was eu-west-1 and is us-east-1"},
        {.job = {.bucket = TEXT("bucket2")}, .words = "bucket was bkt and is bucket2"},
        {.job = {.prefix = TEXT("q/")}, .words = "prefix was p/ and is q/"},
        {.job = {.formats = CONFIG_JSON}, .words = "and is json/none now"},
        {.job = {.compression = CONFIG_COMPRESSION_ZSTD}, .words = "dynamodb-json/zstd json/zstd"},
        {.job = {.kms_key_id = TEXT("alias/k")}, .words = "KMS key was none and is alias/k"},
        {.endpoint = "http://127.0.0.1:9000", .words = "S3 endpoint was none"},
    };
    for (size_t i = 0; i < array_length(cases); i++) {
        struct job_config job = job_of();
        const struct job_config *other = &cases[i].job;
        job.table = other->table ? other->table : job.table;
        job.region = other->region ? other->region : job.region;
        job.bucket = other->bucket ? other->bucket : job.bucket;
        job.prefix = other->prefix ? other->prefix : job.prefix;
        job.formats = other->formats ? other->formats : job.formats;
        job.compression = other->compression;
        job.kms_key_id = other->kms_key_id;
        struct resume_now now = {.job = &job, .s3_endpoint = cases[i].endpoint, .now = NOW};
        expect(&run, &now, RESUME_START_OVER, cases[i].words);
    }
}

/* What was asked for counts; what a first page had is the run's own. */
static void other_columns_are_another_csv(void **state) {
    (void)state;
    char *columns[] = {TEXT("id"), TEXT("full name"), NULL}, *none[] = {NULL};
    struct job_config job = job_of();
    struct checkpoint_run run = run_of();
    struct resume_now now = {.job = &job, .now = NOW};
    job.columns = columns;
    run.settings = TEXT("{\"Destination\":{\"Format\":[\"csv\"],\"Columns\":[\"id,\\\"full name\\\"\"]}}");
    run.csv_header = TEXT("[\"id\",\"full name\",\"_more\"]");
    expect(&run, &now, RESUME_GO_ON, NULL); /* no csv at all: the columns do not count */
    job.formats = CONFIG_CSV;
    run.formats = TEXT("csv/none");
    expect(&run, &now, RESUME_GO_ON, NULL);
    job.columns = none;
    expect(&run, &now, RESUME_START_OVER, "its list of columns was id,\"full name\" and is none now");
    run.settings = TEXT("{\"Destination\":{\"Format\":[\"csv\"]}}");
    expect(&run, &now, RESUME_GO_ON, NULL);
    job.columns = columns;
    expect(&run, &now, RESUME_START_OVER, "its list of columns was none and is id,\"full name\" now");
}

static void its_last_cut_must_be_young_enough(void **state) {
    (void)state;
    struct job_config job = job_of();
    struct checkpoint_run run = run_of();
    struct resume_now now = {.job = &job, .now = NOW};
    run.last_cut = NOW - DAY_MS;
    expect(&run, &now, RESUME_GO_ON, NULL);
    run.last_cut--;
    expect(&run, &now, RESUME_START_OVER, "ResumeWithin=");
    run.last_cut = 0; /* none yet: the scan's own age counts */
    expect(&run, &now, RESUME_START_OVER, "ResumeWithin=");
    run.scan_started = NOW - HOUR_MS;
    expect(&run, &now, RESUME_GO_ON, NULL);
    job.resume_within = 0;
    expect(&run, &now, RESUME_START_OVER, "ResumeWithin=");
}

static void without_its_job_it_is_abandoned(void **state) {
    (void)state;
    struct job_config job = job_of();
    struct checkpoint_run run = run_of();
    struct resume_now now = {.now = NOW};
    expect(&run, &now, RESUME_ABANDON, "no longer configured");
    now.job = &job;
    job.enabled = false;
    expect(&run, &now, RESUME_ABANDON, "disabled");
}

static void one_that_was_given_up_or_kills_its_process_never_goes_on(void **state) {
    (void)state;
    struct job_config job = job_of();
    struct checkpoint_run run = run_of();
    struct resume_now now = {.job = &job, .now = NOW};
    run.deaths = CHECKPOINT_DEATHS;
    expect(&run, &now, RESUME_FAIL, "died 3 times");
    run.given_up = TEXT("AccessDenied");
    expect(&run, &now, RESUME_FAIL, "AccessDenied");
    run.given_up = TEXT("cancelled by root");
    run.cancelled = true;
    expect(&run, &now, RESUME_ABANDON, "cancelled by root");
}

/* ------------------------------------------------------------ the record */

static struct checkpoint_part part_of(unsigned output, unsigned object, unsigned number, uint64_t items) {
    return (struct checkpoint_part){
        .output = output, .object = object, .number = number, .length = 100, .items = items, .etag = TEXT("e")};
}

/* Two files, the second after a gap; one upload that is closed, one that goes on, one that no cut holds. */
static void a_record_is_put_together_again(void **state) {
    (void)state;
    struct checkpoint_part parts[] = {part_of(0, 1, 1, 30), part_of(0, 100, 1, 10), part_of(1, 1, 1, 30),
                                      part_of(1, 1, 2, 0), part_of(1, 2, 1, 10)};
    struct checkpoint_object objects[] = {{.output = 1, .number = 1, .upload_id = TEXT("u1"), .closed = true},
                                          {.output = 1, .number = 2, .upload_id = TEXT("u2")},
                                          {.output = 1, .number = 3, .upload_id = TEXT("u3")}};
    struct checkpoint_cut cuts[] = {{30, {1, 1}}, {40, {2, 3}}};
    struct checkpoint checkpoint = {.run = run_of(),
                                    .objects = objects,
                                    .object_count = array_length(objects),
                                    .parts = parts,
                                    .part_count = array_length(parts),
                                    .cuts = cuts,
                                    .cut_count = array_length(cuts)};
    checkpoint.run.definition = TEXT("{\"Table\":{\"TableName\":\"tab\"}}");
    checkpoint.run.segments = 8;
    checkpoint.run.numbers = 200;
    checkpoint.run.cuts = 2;
    checkpoint.run.started = NOW;
    checkpoint.run.counts.items = 40;
    struct backup_record *record = backup_record_new();
    struct checkpoint_object *loose = NULL;
    size_t loose_count = 0;
    struct error error = {0};
    if (!record_resume(record, &checkpoint, &loose, &loose_count, &error))
        fail_msg("%s", error.message);
    assert_int_equal(loose_count, 1);
    assert_string_equal(loose[0].upload_id, "u3");
    assert_string_equal(record->table, "tab");
    assert_int_equal(record->outputs[0].object_count, 2);
    assert_int_equal(record->outputs[0].objects[1].number, 100);
    assert_non_null(strstr(record->outputs[0].objects[1].key, "/data/00100.json.gz"));
    const struct object_record *plain = record->outputs[1].objects;
    assert_int_equal(record->outputs[1].object_count, 2);
    assert_true(plain[0].closed && !plain[1].closed);
    assert_int_equal(plain[0].part_count, 2);
    assert_int_equal(plain[0].size, 200);
    assert_non_null(strstr(plain[1].key, ".2.json"));
    assert_string_equal(plain[1].upload_id, "u2");
    assert_int_equal(record->cut_count, 2);
    backup_record_unref(record);
    free(loose);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_run_of_the_same_job_goes_on),
        cmocka_unit_test(what_would_make_another_backup_starts_over),
        cmocka_unit_test(other_columns_are_another_csv),
        cmocka_unit_test(its_last_cut_must_be_young_enough),
        cmocka_unit_test(without_its_job_it_is_abandoned),
        cmocka_unit_test(one_that_was_given_up_or_kills_its_process_never_goes_on),
        cmocka_unit_test(a_record_is_put_together_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
