/* SPDX-License-Identifier: Apache-2.0 */
/* A run that the process before has left open, beside what this process does meanwhile. */
#include "processes.h"

#include <sqlite3.h>

#include "state/prunes.h"

/* Two processes more die under it: the next one takes it back, and that is its failure. */
static void cut_off_to_fail(struct town *town, const char *job) {
    cut_off_a_run(town, job);
    for (int i = 0; i < 2; i++) {
        cloud_rule(town->world->cloud, &(struct cloud_rule){.match = "Scan", .act = CLOUD_HOLD});
        begin_process(town, job, false);
        char run[RUN_LENGTH + 1];
        jobs_run(town->jobs, "j", "a test", run);
        world_until_held(town->world, "Scan", 1);
        end_process(town);
        cloud_no_rules(town->world->cloud);
        cloud_forget_held(town->world->cloud);
    }
    buffer_clear(&town->world->said);
}

static void assert_under_way(struct town *town, const char *run) {
    _cleanup_json_ struct json_object *status = jobs_status(town->jobs, "j");
    assert_string_equal(json_string(status, "state"), "running");
    assert_string_equal(json_string(status, "run"), run);
}

static void a_failure_that_is_told_late_leaves_the_newer_run_as_it_is(void **state) {
    struct town *town = *state;
    char run[RUN_LENGTH + 1];
    cut_off_to_fail(town, SMALL MAIL);
    cloud_rule(town->world->cloud, &(struct cloud_rule){.match = "DescribeTable", .act = CLOUD_HOLD});
    begin_process(town, SMALL MAIL, false);
    assert_int_equal(jobs_run(town->jobs, "j", "a test", run),
                     JOBS_OK); /* by hand: the old one is taken back beside it */
    world_until_held(town->world, "DescribeTable", 1);
    wait_until_said(town, "run-failed");
    wait_until_said(town, "mail-sent");
    assert_status(town, "result", "failure");
    assert_under_way(town, run);
    cloud_no_rules(town->world->cloud);
    assert_true(cloud_release(town->world->cloud, "DescribeTable"));
    watch_run(town, run);
    assert_int_equal(town->world->result.outcome, RUN_SUCCEEDED);
    assert_status(town, "result", "success");
    assert_status(town, "run", run);
}

/* The time that the newer run stands for is served when that one is over. */
static void a_failure_that_is_told_late_serves_no_time_of_the_schedule(void **state) {
    struct town *town = *state;
    cut_off_to_fail(town, SMALL NIGHTLY);
    note(town, now() - 10 * 86400);
    cloud_rule(town->world->cloud, &(struct cloud_rule){.match = "DescribeTable", .act = CLOUD_HOLD});
    begin_process(town, SMALL NIGHTLY, true);
    world_until_held(town->world, "DescribeTable", 1);
    wait_until_said(town, "run-failed");
    end_process(town);
    cloud_no_rules(town->world->cloud);
    cloud_forget_held(town->world->cloud);
    begin_process(town, SMALL NIGHTLY, true);
    assert_int_equal(jobs_running(town->jobs), 1);
}

/* The new run would have begun, had the process not ended. */
static void a_run_that_starts_over_while_the_process_stops_begins_with_the_next(void **state) {
    struct town *town = *state;
    cut_off_a_run(town, SMALL);
    _cleanup_free_ char *key = x_strdup(cloud_find(town->world->cloud, "/data/00001.json")->key);
    cloud_delete(town->world->cloud, key);
    cloud_rule(town->world->cloud, &(struct cloud_rule){.match = "?delete", .act = CLOUD_HOLD});
    begin_process(town, SMALL, true);
    world_until_held(town->world, "?delete", 1);
    cloud_no_rules(town->world->cloud);
    assert_true(cloud_release(town->world->cloud, "?delete"));
    stop_process(town, 10000);
    assert_true(world_has_said(town->world, "run-starts-over"));
    assert_nothing_left(town->world);
    end_process(town);
    begin_process(town, SMALL, true);
    assert_int_equal(jobs_running(town->jobs), 1);
    run_until_over(town);
    assert_int_equal(town->world->result.outcome, RUN_STARTS_OVER);
    assert_int_equal(jobs_running(town->jobs), 1);
    run_until_over(town);
    assert_whole(town->world);
}

/* ------------------------------------------------------------ one that had been over */

/* The process dies with backup.json on its way, which lands. */
static void cut_off_at_the_end(struct town *town, const char *job) {
    char run[RUN_LENGTH + 1];
    world_page(town->world, 0, 100, 1000);
    begin_process(town, job, false);
    cloud_rule(town->world->cloud, &(struct cloud_rule){.match = "/backup.json", .act = CLOUD_HOLD});
    assert_int_equal(jobs_run(town->jobs, "j", "a test", run), JOBS_OK);
    world_until_held(town->world, "/backup.json", 1);
    cloud_no_rules(town->world->cloud);
    assert_true(cloud_release(town->world->cloud, "/backup.json"));
    end_process(town);
    buffer_clear(&town->world->said);
    assert_non_null(cloud_find(town->world->cloud, "/backup.json"));
}

static void assert_stands(struct town *town) {
    wait_until_said(town, "run-succeeded");
    wait_until_said(town, "mail-sent");
    assert_status(town, "result", "success");
    _cleanup_json_ struct json_object *status = jobs_status(town->jobs, "j");
    const struct json_object *last = json_object_at(status, "last");
    assert_non_null(strstr(json_string(last, "uri"), "s3://bkt/p/AWSDynamoDB/"));
    assert_int_equal(json_integer(last, "items", 0), 100);
    assert_true(json_integer(last, "bytes", 0) > 0);
    assert_non_null(strstr(cloud_body(town->world->cloud, SES), "/data/00001"));
    run_for(&town->world->loop, 100);
    assert_int_equal(jobs_running(town->jobs), 0);
    assert_int_equal(cloud_count(town->world->cloud, "DescribeTable"),
                     2); /* of the one run: before its scan and after it */
    end_process(town);
    begin_process(town, SMALL MAIL "[Job]\nEnabled=no\n", true); /* and in the history */
    assert_status(town, "result", "success");
    assert_status(town, "uri", json_string(last, "uri"));
}

static void one_of_a_disabled_job_that_stands_is_a_success(void **state) {
    struct town *town = *state;
    cut_off_at_the_end(town, SMALL MAIL);
    begin_process(town, SMALL MAIL "[Job]\nEnabled=no\n", true);
    assert_stands(town);
}

/* It would have started over under other settings: there is a backup, and no second one is made for it. */
static void one_that_stands_does_not_start_over(void **state) {
    struct town *town = *state;
    cut_off_at_the_end(town, SMALL MAIL);
    begin_process(town, SMALL MAIL "[Destination]\nCompression=none\n", true);
    assert_stands(town);
}

/* ------------------------------------------------------------ what cannot be taken back yet */

#define UPLOAD "Format=json\nCompression=none\nPartSize=5M\n[Scan]\nSegments=1\n[Job]\nRetryFor=1s\n"

/* A part of an upload stands; the table's next page is held. */
static void begin_upload(struct town *town, const char *job) {
    char run[RUN_LENGTH + 1];
    for (unsigned i = 0; i < 8; i++)
        world_flat_page(town->world, 0, 1, 1 << 20);
    cloud_rule(town->world->cloud, &(struct cloud_rule){.match = "Scan", .act = CLOUD_HOLD, .after = 7});
    begin_process(town, job, false);
    assert_int_equal(jobs_run(town->jobs, "j", "a test", run), JOBS_OK);
    world_until_held(town->world, "Scan", 1);
    world_until_asked(town->world, "?partNumber=1", 1);
    run_for(&town->world->loop, 100); /* and its cut is recorded */
    assert_int_equal(cloud_uploads(town->world->cloud), 1);
    cloud_no_rules(town->world->cloud);
}

static void s3_is_away(struct town *town) {
    cloud_rule(town->world->cloud, &(struct cloud_rule){.match = "/bkt", .act = CLOUD_CUT});
}

static void cancel_without_s3(struct town *town) {
    char run[RUN_LENGTH + 1];
    s3_is_away(town);
    assert_int_equal(jobs_cancel(town->jobs, "j", "a test", run), JOBS_OK);
    cloud_forget_held(town->world->cloud);
    watch_run(town, run);
    assert_int_equal(town->world->result.outcome, RUN_CANCELLED);
    assert_int_equal(cloud_uploads(town->world->cloud), 1);
}

static unsigned times_said(const struct town *town, const char *words) {
    unsigned times = 0;
    for (const char *at = town->world->said.data; at && (at = strstr(at, words)); at++)
        times++;
    return times;
}

static void what_an_outage_kept_from_being_taken_back_goes_when_it_is_over(void **state) {
    struct town *town = *state;
    begin_upload(town, UPLOAD);
    cancel_without_s3(town);
    wait_until_said(town, "it is tried again");
    run_for(&town->world->loop, 1500); /* and tried again in vain */
    assert_int_equal(cloud_uploads(town->world->cloud), 1);
    cloud_no_rules(town->world->cloud);
    wait_until_said(town, "undo-done");
    assert_nothing_left(town->world);
    assert_int_equal(times_said(town, "undo-failed"), 1);
    end_process(town);
    buffer_clear(&town->world->said);
    begin_process(town, UPLOAD, true); /* and is forgotten */
    run_for(&town->world->loop, 100);
    assert_int_equal(times_said(town, "undo-"), 0);
}

/* The run's end is told once: what is left is no run any more. */
static void what_could_not_be_taken_back_goes_with_the_next_process(void **state) {
    struct town *town = *state;
    begin_upload(town, UPLOAD MAIL);
    cancel_without_s3(town);
    end_process(town);
    cloud_no_rules(town->world->cloud);
    buffer_clear(&town->world->said);
    begin_process(town, UPLOAD MAIL, false); /* --local leaves it to a daemon */
    run_for(&town->world->loop, 100);
    assert_int_equal(cloud_uploads(town->world->cloud), 1);
    end_process(town);
    begin_process(town, UPLOAD MAIL, true);
    assert_int_equal(jobs_running(town->jobs), 0);
    assert_status(town, "result", "cancelled");
    wait_until_said(town, "undo-done");
    assert_nothing_left(town->world);
    assert_int_equal(times_said(town, "run-abandoned"), 0);
    assert_int_equal(times_said(town, "run-cancelled"), 0);
    assert_int_equal(times_said(town, "mail-"), 0);
}

static void an_interrupted_run_that_an_outage_kept_goes_when_it_is_over(void **state) {
    struct town *town = *state;
    begin_upload(town, UPLOAD);
    end_process(town);
    cloud_forget_held(town->world->cloud);
    s3_is_away(town);
    begin_process(town, UPLOAD "Enabled=no\n", true);
    wait_until_said(town, "undo-failed");
    assert_int_equal(cloud_uploads(town->world->cloud), 1);
    end_process(town);
    begin_process(town, UPLOAD "Enabled=no\n", true);
    run_for(&town->world->loop, 100);
    cloud_no_rules(town->world->cloud);
    wait_until_said(town, "undo-done");
    assert_nothing_left(town->world);
    assert_int_equal(times_said(town, "run-abandoned"), 1);
}

/* A person must do something first: it is said, and not tried for ever. */
static void what_may_not_be_taken_back_is_not_tried_again(void **state) {
    struct town *town = *state;
    char run[RUN_LENGTH + 1];
    begin_upload(town, UPLOAD);
    cloud_rule(town->world->cloud,
               &(struct cloud_rule){.match = "/bkt", .act = CLOUD_REFUSE, .status = 403, .code = "AccessDenied"});
    assert_int_equal(jobs_cancel(town->jobs, "j", "a test", run), JOBS_OK);
    cloud_forget_held(town->world->cloud);
    watch_run(town, run);
    unsigned asked = cloud_count(town->world->cloud, "/bkt");
    assert_int_equal(times_said(town, "undo-failed"), 1);
    run_for(&town->world->loop, 300);
    assert_int_equal(cloud_count(town->world->cloud, "/bkt"), asked);
    end_process(town);
    begin_process(town, UPLOAD, true);
    run_for(&town->world->loop, 300);
    assert_int_equal(cloud_count(town->world->cloud, "/bkt"), asked);
}

/* ------------------------------------------------------------ a state that cannot be read whole */

static bool spoil(struct sqlite3 *db, void *arg, struct error *error) {
    (void)error;
    return sqlite3_exec(db, arg, NULL, NULL, NULL) == SQLITE_OK;
}

static void spoil_state(struct town *town, const char *statement) {
    bool is_open = town->world->shared.state;
    if (!is_open)
        open_state(town);
    assert_true(state_do_now(town->world->shared.state, spoil, (void *)(uintptr_t)statement, NULL));
    if (!is_open)
        state_free(take_pointer(town->world->shared.state));
}

static void a_run_whose_settings_are_not_understood_starts_over_and_says_so(void **state) {
    struct town *town = *state;
    cut_off_a_run(town, SMALL);
    spoil_state(town, "UPDATE checkpoint SET settings = '{}'");
    begin_process(town, SMALL, true);
    assert_int_equal(jobs_running(town->jobs), 1);
    assert_true(world_has_said(town->world, "its settings are not understood any more"));
    assert_false(world_has_said(town->world, "a newer run of the job goes on"));
}

static void a_damaged_checkpoint_fails_its_run_and_no_other(void **state) {
    struct town *town = *state;
    begin_upload(town, UPLOAD NIGHTLY);
    end_process(town);
    cloud_forget_held(town->world->cloud);
    spoil_state(town, "UPDATE checkpoint_part SET md5 = x'00'");
    note(town, now() - 10 * 86400);
    cloud_rule(town->world->cloud, &(struct cloud_rule){.match = "DescribeTable", .act = CLOUD_HOLD});
    begin_process(town, UPLOAD NIGHTLY, true);
    assert_int_equal(jobs_running(town->jobs), 1); /* what was missed */
    wait_until_said(town, "run-failed");
    assert_true(world_has_said(town->world, "what the state holds of the run cannot be read"));
    assert_int_equal(cloud_uploads(town->world->cloud), 0);
    cloud_no_rules(town->world->cloud);
    world_until_held(town->world, "DescribeTable", 1);
    assert_true(cloud_release(town->world->cloud, "DescribeTable"));
    run_until_over(town);
    assert_status(town, "result", "success");
}

/* An older run of the job is damaged: the newer one goes on. */
static void beside_a_damaged_checkpoint_others_go_on(void **state) {
    struct town *town = *state;
    cut_off_a_run(town, SMALL);
    spoil_state(town,
                "INSERT INTO checkpoint (id, run, job, settings, table_name, table_arn, region, bucket, prefix,"
                " s3_endpoint, formats, started, segments, table_bytes, part_size, scan_started, numbers)"
                " SELECT 0, 'x', job, settings, table_name, table_arn, region, bucket, prefix, s3_endpoint, formats,"
                " started, segments, table_bytes, part_size, scan_started, numbers FROM checkpoint;"
                "INSERT INTO checkpoint_part VALUES (0, 7, 1, 1, 1, 1, 1, 'e', x'00')");
    begin_process(town, SMALL, true);
    run_until_over(town);
    assert_true(world_has_said(town->world, "run-resumed"));
    assert_true(world_has_said(town->world, "run-abandoned"));
    assert_whole(town->world);
}

/* They can be written all the while. */
static void times_that_could_not_be_read_are_not_taken_as_served(void **state) {
    struct town *town = *state;
    note(town, now() - 10 * 86400);
    spoil_state(town, "ALTER TABLE fires RENAME TO fires_away;"
                      "CREATE VIEW fires AS SELECT job, abs(-9223372036854775807 - 1) AS at FROM fires_away;"
                      "CREATE TRIGGER written INSTEAD OF INSERT ON fires"
                      " BEGIN REPLACE INTO fires_away VALUES (new.job, new.at); END");
    begin_process(town, NIGHTLY, true);
    assert_true(world_has_said(town->world, "state-failed"));
    end_process(town);
    spoil_state(town, "DROP VIEW fires; ALTER TABLE fires_away RENAME TO fires");
    begin_process(town, NIGHTLY, true);
    assert_int_equal(jobs_running(town->jobs), 1);
}

static void what_cannot_be_read_keeps_nothing_else_unread(void **state) {
    struct town *town = *state;
    cut_off_a_run(town, SMALL);
    spoil_state(town,
                "ALTER TABLE scratch RENAME TO scratch_away; ALTER TABLE mails RENAME TO mails_away;"
                "CREATE TRIGGER full BEFORE UPDATE OF deaths ON checkpoint BEGIN SELECT RAISE(ABORT, 'full'); END");
    begin_process(town, SMALL, true);
    spoil_state(town, "ALTER TABLE scratch_away RENAME TO scratch; ALTER TABLE mails_away RENAME TO mails;"
                      "DROP TRIGGER full");
    run_until_over(town);
    assert_true(world_has_said(town->world, "run-resumed"));
    assert_status(town, "result", "success");
}

/* ------------------------------------------------------------ a prune */

static bool begin_prune(struct sqlite3 *db, void *arg, struct error *error) {
    return prunes_begin(db, arg, error);
}

static void note_prune(struct town *town, const char *job, const char *prefix, int64_t began) {
    struct prune_begun begun = {.uri = x_printf("s3://bkt/%sAWSDynamoDB/01751767200123-1a2b3c4d/", prefix),
                                .job = x_strdup(job),
                                .run = x_strdup("1a2b3c4d000000000000000000000000"),
                                .began = began};
    assert_true(state_do_now(town->world->shared.state, begin_prune, &begun, NULL));
    free(begun.uri);
    free(begun.job);
    free(begun.run);
}

static unsigned told_of(struct town *town, const char *words) {
    end_process(town);
    buffer_clear(&town->world->said);
    begin_process(town, SMALL, true);
    return world_times_said(town->world, words);
}

/* Its name, bucket or prefix has changed since: nothing finished it, and nothing said so. */
static void a_prune_that_no_job_will_finish_is_told_of(void **state) {
    struct town *town = *state;
    begin_process(town, SMALL, true);
    const char *prefix = jobs_config(town->jobs)->jobs[0]->prefix;
    _cleanup_free_ char *here = x_strdup(prefix);
    note_prune(town, "j", here, clock_wall());
    assert_int_equal(told_of(town, "half removed"), 0); /* its own next prune does */
    note_prune(town, "another", "q/", clock_wall() - 91 * DAY_MS);
    note_prune(town, "j", "r/", clock_wall());
    assert_int_equal(told_of(town, "half removed"), 2);
    assert_true(world_has_said(town->world, "a prune of the job another that began at"));
    assert_true(world_has_said(town->world, "s3://bkt/q/AWSDynamoDB/01751767200123-1a2b3c4d/ half removed"));
    assert_int_equal(told_of(town, "half removed"), 1); /* the other is over ninety days old */
    assert_true(world_has_said(town->world, "s3://bkt/r/"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_TOWN(a_failure_that_is_told_late_leaves_the_newer_run_as_it_is),
        WITH_TOWN(a_failure_that_is_told_late_serves_no_time_of_the_schedule),
        WITH_TOWN(a_run_that_starts_over_while_the_process_stops_begins_with_the_next),
        WITH_TOWN(one_of_a_disabled_job_that_stands_is_a_success),
        WITH_TOWN(one_that_stands_does_not_start_over),
        WITH_TOWN(what_an_outage_kept_from_being_taken_back_goes_when_it_is_over),
        WITH_TOWN(what_could_not_be_taken_back_goes_with_the_next_process),
        WITH_TOWN(an_interrupted_run_that_an_outage_kept_goes_when_it_is_over),
        WITH_TOWN(what_may_not_be_taken_back_is_not_tried_again),
        WITH_TOWN(a_run_whose_settings_are_not_understood_starts_over_and_says_so),
        WITH_TOWN(a_damaged_checkpoint_fails_its_run_and_no_other),
        WITH_TOWN(beside_a_damaged_checkpoint_others_go_on),
        WITH_TOWN(times_that_could_not_be_read_are_not_taken_as_served),
        WITH_TOWN(what_cannot_be_read_keeps_nothing_else_unread),
        WITH_TOWN(a_prune_that_no_job_will_finish_is_told_of),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
