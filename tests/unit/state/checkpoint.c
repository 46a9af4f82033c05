/* SPDX-License-Identifier: Apache-2.0 */
/* Runs under way in the state: what was recorded comes back, cut by cut, and nothing else; a cut is all or nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "state/checkpoint.h"

#define RUN   "0123456789abcdef0123456789abcdef"
#define OTHER "ffffffffffffffffffffffffffffffff"

static int set_up(void **state) {
    sqlite3 *db = NULL;
    if (sqlite3_open(":memory:", &db) || sqlite3_exec(db, checkpoint_schema, NULL, NULL, NULL) ||
        sqlite3_exec(db, checkpoint_change_2, NULL, NULL, NULL))
        return 1;
    *state = db;
    return 0;
}

static int tear_down(void **state) {
    return sqlite3_close(*state);
}

static void begin(sqlite3 *db, const char *run) {
    struct error error = {0};
    struct checkpoint_run row = {.run = (char *)(uintptr_t)run,
                                 .job = (char *)(uintptr_t) "studentData",
                                 .settings = (char *)(uintptr_t) "{\"Job\":{}}",
                                 .table = (char *)(uintptr_t) "studentData",
                                 .table_arn = (char *)(uintptr_t) "arn:aws:dynamodb:eu-west-1:1:table/studentData",
                                 .region = (char *)(uintptr_t) "eu-west-1",
                                 .bucket = (char *)(uintptr_t) "bkt",
                                 .prefix = (char *)(uintptr_t) "p/",
                                 .formats = (char *)(uintptr_t) "dynamodb-json/gzip json/none",
                                 .definition = (char *)(uintptr_t) "{\"Table\":{}}",
                                 .started = 1751767200123,
                                 .scan_started = 1751767200456,
                                 .segments = 4096,
                                 .table_bytes = UINT64_C(1) << 50,
                                 .part_size = 65536,
                                 .numbers = 100};
    if (!checkpoint_begin(db, &row, &error))
        fail_msg("%s", error.message);
}

/* A cut that ends a file of one part, adds a part to an upload, and moves one segment. */
static struct checkpoint_step *step_of(unsigned number, unsigned segment, const char *key) {
    struct checkpoint_step *step = x_calloc(1, sizeof *step);
    step->positions = x_calloc(1, sizeof *step->positions);
    step->positions[step->position_count++] = (struct checkpoint_position){segment, x_strdup(key)};
    step->parts = x_calloc(2, sizeof *step->parts);
    step->parts[step->part_count++] = (struct checkpoint_part){.output = 0,
                                                               .object = number,
                                                               .number = 1,
                                                               .length = 1000 + number,
                                                               .items = 10,
                                                               .crc32 = 0xfedcba98,
                                                               .md5 = {0, 1, 0, 255},
                                                               .etag = x_strdup("file")};
    step->parts[step->part_count++] = (struct checkpoint_part){.output = 1,
                                                               .object = 1,
                                                               .number = number,
                                                               .length = 6 << 20,
                                                               .items = 10,
                                                               .crc32 = 1,
                                                               .etag = x_strdup("part")};
    step->number = number;
    step->cut = (struct checkpoint_cut){.items = 10 * number, .parts = {number, number, 2 * number}};
    step->counts = (struct checkpoint_counts){
        10 * number, number, 5000 * number, 1, 2, 3, 4, 0.5 * number, {{number, 2, 3, UINT64_MAX}, 10 * number}};
    step->at = 1751767200999 + number;
    step->scan_started = 1751767200456;
    return step;
}

static void record(sqlite3 *db, const char *run, struct checkpoint_step *step) {
    struct error error = {0};
    if (!checkpoint_record(db, run, step, &error))
        fail_msg("%s", error.message);
    checkpoint_step_free(step);
}

static void name_upload(sqlite3 *db, const char *run, unsigned number, const char *id) {
    struct checkpoint_object object = {
        .output = 1, .number = number, .key = (char *)(uintptr_t) "p/backup.json", .upload_id = (char *)(uintptr_t)id};
    assert_true(checkpoint_name(db, run, &object, NULL));
}

static struct checkpoint load(sqlite3 *db, const char *run) {
    struct checkpoint checkpoint;
    struct error error = {0};
    if (!checkpoint_load(db, run, &checkpoint, &error))
        fail_msg("%s", error.message);
    return checkpoint;
}

static void a_new_run_comes_back_as_it_was_begun(void **state) {
    begin(*state, RUN);
    struct checkpoint checkpoint = load(*state, RUN);
    const struct checkpoint_run *run = &checkpoint.run;
    assert_string_equal(run->run, RUN);
    assert_string_equal(run->job, "studentData");
    assert_null(run->table_id);
    assert_null(run->s3_endpoint);
    assert_null(run->given_up);
    assert_string_equal(run->definition, "{\"Table\":{}}");
    assert_string_equal(run->formats, "dynamodb-json/gzip json/none");
    assert_int_equal(run->started, 1751767200123);
    assert_int_equal(run->scan_started, 1751767200456);
    assert_int_equal(run->segments, 4096);
    assert_true(run->table_bytes == UINT64_C(1) << 50);
    assert_int_equal(run->numbers, 100);
    assert_int_equal(run->cuts, 0);
    assert_int_equal(run->last_cut, 0);
    assert_false(run->stopped || run->complete || run->cancelled);
    assert_int_equal(checkpoint.part_count + checkpoint.position_count + checkpoint.cut_count, 0);
    checkpoint_fini(&checkpoint);
}

static void cuts_add_up(void **state) {
    begin(*state, RUN);
    name_upload(*state, RUN, 1, "u-1");
    record(*state, RUN, step_of(1, 7, "{\"id\":{\"S\":\"a\\u0000\"}}"));
    record(*state, RUN, step_of(2, 7, NULL));
    record(*state, RUN, step_of(3, 4095, "{\"id\":{\"S\":\"z\"}}"));
    struct checkpoint checkpoint = load(*state, RUN);
    assert_int_equal(checkpoint.run.cuts, 3);
    assert_int_equal(checkpoint.run.last_cut, 1751767200999 + 3);
    assert_int_equal(checkpoint.run.counts.items, 30);
    assert_int_equal(checkpoint.run.counts.ns, 3);
    assert_true(item_digest_equal(&checkpoint.run.counts.digest, &(struct item_digest){{3, 2, 3, UINT64_MAX}, 30}));
    assert_true(checkpoint.run.counts.read_units > 1.49 && checkpoint.run.counts.read_units < 1.51);
    assert_int_equal(checkpoint.position_count, 2);
    assert_int_equal(checkpoint.positions[0].segment, 7);
    assert_null(checkpoint.positions[0].key);
    assert_int_equal(checkpoint.positions[1].segment, 4095);
    assert_string_equal(checkpoint.positions[1].key, "{\"id\":{\"S\":\"z\"}}");
    assert_int_equal(checkpoint.part_count, 6);
    assert_int_equal(checkpoint.parts[2].object, 3);
    assert_int_equal(checkpoint.parts[2].length, 1003);
    assert_true(checkpoint.parts[2].crc32 == 0xfedcba98);
    assert_memory_equal(checkpoint.parts[2].md5, "\0\1\0\xff\0\0", 6);
    assert_string_equal(checkpoint.parts[2].etag, "file");
    assert_int_equal(checkpoint.parts[5].output, 1);
    assert_int_equal(checkpoint.parts[5].number, 3);
    assert_int_equal(checkpoint.object_count, 1);
    assert_string_equal(checkpoint.objects[0].upload_id, "u-1");
    assert_false(checkpoint.objects[0].closed);
    assert_int_equal(checkpoint.cut_count, 3);
    assert_int_equal(checkpoint.cuts[1].items, 20);
    assert_int_equal(checkpoint.cuts[1].parts[1], 2);
    assert_int_equal(checkpoint.cuts[1].parts[2], 4);
    checkpoint_fini(&checkpoint);
}

static void the_last_cut_closes_its_objects(void **state) {
    begin(*state, RUN);
    name_upload(*state, RUN, 1, NULL);
    struct checkpoint_step *step = step_of(1, 0, NULL);
    step->closed = x_calloc(1, sizeof *step->closed);
    step->closed[step->closed_count++] = (struct checkpoint_object){.output = 1, .number = 1, .single = true};
    step->complete = true;
    step->scan_ended = 1751767299000;
    step->csv_header = x_strdup("id,name");
    record(*state, RUN, step);
    struct checkpoint checkpoint = load(*state, RUN);
    assert_true(checkpoint.run.complete);
    assert_int_equal(checkpoint.run.scan_ended, 1751767299000);
    assert_string_equal(checkpoint.run.csv_header, "id,name");
    assert_true(checkpoint.objects[0].closed && checkpoint.objects[0].single);
    checkpoint_fini(&checkpoint);
}

/* A part that is recorded twice would be a wrong backup: the cut is refused as a whole. (The engine rolls back.) */
static void a_part_is_recorded_once(void **state) {
    struct error error = {0};
    begin(*state, RUN);
    name_upload(*state, RUN, 1, "u-1");
    record(*state, RUN, step_of(1, 0, "{}"));
    struct checkpoint_step *again = step_of(1, 0, "{}");
    again->number = 2;
    assert_false(checkpoint_record(*state, RUN, again, &error));
    assert_non_null(error.message);
    error_clear(&error);
    checkpoint_step_free(again);
}

/* The transactions of one run are asked for ahead: where one fails, those behind it must not stand without it. */
static void a_cut_behind_one_that_is_missing_is_refused(void **state) {
    begin(*state, RUN);
    name_upload(*state, RUN, 1, "u-1");
    record(*state, RUN, step_of(1, 0, "{}"));
    struct checkpoint_step *third = step_of(3, 0, "{}");
    assert_false(checkpoint_record(*state, RUN, third, NULL));
    checkpoint_step_free(third);
    record(*state, RUN, step_of(2, 0, "{}"));
}

static void a_run_that_is_not_there_is_no_run(void **state) {
    struct error error = {0};
    struct checkpoint checkpoint;
    unsigned deaths;
    struct checkpoint_step *step = step_of(1, 0, NULL);
    struct checkpoint_object object = {.output = 1, .number = 1, .key = (char *)(uintptr_t) "k"};
    begin(*state, OTHER);
    assert_false(checkpoint_record(*state, RUN, step, &error));
    assert_int_equal(error.code, ERROR_NOT_FOUND);
    assert_false(checkpoint_name(*state, RUN, &object, NULL));
    assert_false(checkpoint_reserve(*state, RUN, 200, NULL));
    assert_false(checkpoint_stop(*state, RUN, NULL));
    assert_false(checkpoint_resume(*state, RUN, 200, NULL));
    assert_false(checkpoint_give_up(*state, RUN, "why", false, NULL));
    assert_false(checkpoint_count_death(*state, RUN, &deaths, NULL));
    assert_false(checkpoint_load(*state, RUN, &checkpoint, NULL));
    error_clear(&error);
    checkpoint_step_free(step);
}

static unsigned die(sqlite3 *db) {
    unsigned deaths = 99;
    assert_true(checkpoint_count_death(db, RUN, &deaths, NULL));
    return deaths;
}

static void deaths_count_until_a_cut_and_a_stop_is_none(void **state) {
    begin(*state, RUN);
    name_upload(*state, RUN, 1, "u-1");
    assert_int_equal(die(*state), 1);
    assert_true(checkpoint_resume(*state, RUN, 200, NULL));
    assert_int_equal(die(*state), 2);
    assert_true(checkpoint_take_up(*state, RUN, NULL));
    record(*state, RUN, step_of(1, 0, "{}"));
    assert_int_equal(die(*state), 1);
    assert_int_equal(die(*state), 1); /* it only waited: not its death */
    assert_true(checkpoint_take_up(*state, RUN, NULL));
    assert_true(checkpoint_stop(*state, RUN, NULL));
    assert_int_equal(die(*state), 1);
    assert_true(checkpoint_take_up(*state, RUN, NULL));
    assert_int_equal(die(*state), 2);
    assert_true(checkpoint_take_up(*state, RUN, NULL));
    assert_int_equal(die(*state), CHECKPOINT_DEATHS);
}

/* What had no part in a cut is aborted at a resume, and its name forgotten; what has, stays with its upload. */
static void a_resume_forgets_names_without_a_part(void **state) {
    begin(*state, RUN);
    begin(*state, OTHER);
    name_upload(*state, RUN, 1, "u-1");
    name_upload(*state, RUN, 2, "u-2");
    name_upload(*state, OTHER, 2, "u-3");
    record(*state, RUN, step_of(1, 0, "{}"));
    assert_true(checkpoint_resume(*state, RUN, 300, NULL));
    struct checkpoint checkpoint = load(*state, RUN);
    assert_int_equal(checkpoint.object_count, 1);
    assert_string_equal(checkpoint.objects[0].upload_id, "u-1");
    assert_int_equal(checkpoint.run.resumed, 1);
    assert_int_equal(checkpoint.run.numbers, 300);
    checkpoint_fini(&checkpoint);
    checkpoint = load(*state, OTHER);
    assert_int_equal(checkpoint.object_count, 1);
    checkpoint_fini(&checkpoint);
}

static void a_run_that_is_given_up_says_why(void **state) {
    begin(*state, RUN);
    assert_true(checkpoint_give_up(*state, RUN, "cancelled by root", true, NULL));
    struct checkpoint checkpoint = load(*state, RUN);
    assert_string_equal(checkpoint.run.given_up, "cancelled by root");
    assert_true(checkpoint.run.cancelled);
    checkpoint_fini(&checkpoint);
}

static void the_end_of_a_run_leaves_nothing_of_it_and_all_of_others(void **state) {
    begin(*state, OTHER);
    begin(*state, RUN);
    name_upload(*state, RUN, 1, "u-1");
    name_upload(*state, OTHER, 1, "u-1");
    record(*state, RUN, step_of(1, 0, "{}"));
    record(*state, OTHER, step_of(1, 0, "{}"));
    struct checkpoint_list list;
    assert_true(checkpoint_list(*state, &list, NULL));
    assert_int_equal(list.count, 2);
    assert_string_equal(list.items[0].run, OTHER);
    assert_null(list.items[0].definition);
    checkpoint_list_fini(&list);
    assert_true(checkpoint_end(*state, RUN, NULL));
    assert_true(checkpoint_end(*state, RUN, NULL)); /* again: nothing to do */
    assert_true(checkpoint_list(*state, &list, NULL));
    assert_int_equal(list.count, 1);
    checkpoint_list_fini(&list);
    sqlite3_stmt *left = NULL;
    sqlite3_prepare_v2(*state,
                       "SELECT (SELECT count(*) FROM checkpoint_part) + (SELECT count(*) FROM checkpoint_segment) +"
                       " (SELECT count(*) FROM checkpoint_object) + (SELECT count(*) FROM checkpoint_cut)",
                       -1, &left, NULL);
    assert_int_equal(sqlite3_step(left), SQLITE_ROW);
    assert_int_equal(sqlite3_column_int(left, 0), 2 + 1 + 1 + 1);
    sqlite3_finalize(left);
}

/* A cut costs what it adds, whatever stands there already. */
static void a_late_cut_of_a_large_run_writes_little(void **state) {
    begin(*state, RUN);
    name_upload(*state, RUN, 1, "u-1");
    assert_int_equal(sqlite3_exec(*state, "BEGIN", NULL, NULL, NULL), SQLITE_OK);
    for (unsigned number = 1; number <= 4000; number++)
        record(*state, RUN, step_of(number, number, "{\"id\":{\"S\":\"some key of a table\"}}"));
    assert_int_equal(sqlite3_exec(*state, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
    int before = sqlite3_total_changes(*state);
    record(*state, RUN, step_of(4001, 17, "{}"));
    assert_int_equal(sqlite3_total_changes(*state) - before, 1 + 1 + 2 + 1); /* run, segment, parts, cut */
    struct checkpoint checkpoint = load(*state, RUN);
    assert_int_equal(checkpoint.part_count, 8002);
    assert_int_equal(checkpoint.parts[4000].object, 4001); /* in order of number, not of text */
    checkpoint_fini(&checkpoint);
}

#define WITH_TABLES(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_TABLES(a_new_run_comes_back_as_it_was_begun),
        WITH_TABLES(cuts_add_up),
        WITH_TABLES(the_last_cut_closes_its_objects),
        WITH_TABLES(a_part_is_recorded_once),
        WITH_TABLES(a_cut_behind_one_that_is_missing_is_refused),
        WITH_TABLES(a_run_that_is_not_there_is_no_run),
        WITH_TABLES(deaths_count_until_a_cut_and_a_stop_is_none),
        WITH_TABLES(a_resume_forgets_names_without_a_part),
        WITH_TABLES(a_run_that_is_given_up_says_why),
        WITH_TABLES(the_end_of_a_run_leaves_nothing_of_it_and_all_of_others),
        WITH_TABLES(a_late_cut_of_a_large_run_writes_little),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
