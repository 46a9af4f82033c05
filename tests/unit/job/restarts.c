/* SPDX-License-Identifier: Apache-2.0 */
/* One process after another on one state: what the second knows of the first. */
#include "processes.h"

#include <signal.h>
#include <sys/resource.h>

/* ------------------------------------------------------------ results */

static void the_last_result_is_known_to_the_next_process(void **state) {
    struct town *town = *state;
    world_page(town->world, 0, 100, 100);
    begin_process(town, "", false);
    run_until_over(town);
    _cleanup_json_ struct json_object *before = jobs_status(town->jobs, "j");
    end_process(town);
    begin_process(town, "", false);
    assert_status(town, "result", "success");
    assert_status(town, "uri", json_string(json_object_at(before, "last"), "uri"));
    cloud_no_pages(town->world->cloud); /* and what its items were: a table that lost them is told */
    run_until_over(town);
    assert_true(world_has_said(town->world, "run-warning"));
}

static void a_failure_is_known_with_its_words(void **state) {
    struct town *town = *state;
    cloud_rule(town->world->cloud,
               &(struct cloud_rule){
                   .match = "DescribeTable", .act = CLOUD_REFUSE, .status = 400, .code = "AccessDeniedException"});
    begin_process(town, "", false);
    run_until_over(town);
    end_process(town);
    begin_process(town, "", false);
    assert_status(town, "result", "failure");
    assert_status(town, "error_code", "AccessDeniedException");
}

/* ------------------------------------------------------------ mails */

static void a_mail_that_could_not_go_goes_from_the_next_process(void **state) {
    struct town *town = *state;
    begin_process(town, MAIL, false);
    cloud_rule(town->world->cloud,
               &(struct cloud_rule){.match = SES, .act = CLOUD_REFUSE, .status = 400, .code = "MessageRejected"});
    run_until_over(town);
    wait_until_said(town, "mail-failed");
    end_process(town);
    assert_false(world_has_said(town->world, "mail-given-up"));
    cloud_no_rules(town->world->cloud);
    begin_process(town, MAIL, false);
    assert_status(town, "mail", "pending");
    wait_until_said(town, "mail-sent");
    unsigned sent = cloud_count(town->world->cloud, SES);
    end_process(town);
    begin_process(town, MAIL, false); /* and not once more */
    run_for(&town->world->loop, 100);
    assert_int_equal(cloud_count(town->world->cloud, SES), sent);
}

static void a_mail_of_a_job_that_has_gone_is_dropped_and_said(void **state) {
    struct town *town = *state;
    begin_process(town, MAIL, false);
    cloud_rule(town->world->cloud,
               &(struct cloud_rule){.match = SES, .act = CLOUD_REFUSE, .status = 400, .code = "MessageRejected"});
    run_until_over(town);
    wait_until_said(town, "mail-failed");
    end_process(town);
    _cleanup_error_ struct error error = {0};
    struct config *config = world_config(town->world, "", "other", "", NULL);
    open_state(town);
    town->jobs = jobs_new(&town->world->shared, NULL, config, &error);
    config_unref(config);
    wait_until_said(town, "mail-given-up");
    assert_true(world_has_said(town->world, "no longer configured"));
}

/* ------------------------------------------------------------ times that passed */

static void a_time_that_passed_meanwhile_is_made_up_for_once(void **state) {
    struct town *town = *state;
    note(town, now() - 10 * 86400);
    begin_process(town, NIGHTLY, true);
    assert_int_equal(jobs_running(town->jobs), 1); /* one run for ten nights */
    run_until_over(town);
    assert_true(world_has_said(town->world, "run-missed"));
    end_process(town);
    buffer_clear(&town->world->said);
    begin_process(town, NIGHTLY, true);
    assert_int_equal(jobs_running(town->jobs), 0);
    assert_false(world_has_said(town->world, "run-missed"));
}

static void with_persistent_no_it_is_left_out(void **state) {
    struct town *town = *state;
    note(town, now() - 10 * 86400);
    begin_process(town, NIGHTLY "Persistent=no\n", true);
    assert_int_equal(jobs_running(town->jobs), 0);
    end_process(town);
    begin_process(town, NIGHTLY, true); /* what passed under "no" is not dug out later */
    assert_int_equal(jobs_running(town->jobs), 0);
}

static void a_new_job_has_missed_nothing(void **state) {
    struct town *town = *state;
    begin_process(town, NIGHTLY, true);
    assert_int_equal(jobs_running(town->jobs), 0);
    end_process(town);
    begin_process(town, NIGHTLY, true);
    assert_int_equal(jobs_running(town->jobs), 0);
}

static void a_disabled_job_has_missed_nothing(void **state) {
    struct town *town = *state;
    note(town, now() - 10 * 86400);
    begin_process(town, NIGHTLY "Enabled=no\n", true);
    assert_int_equal(jobs_running(town->jobs), 0);
}

static void a_time_noted_by_a_clock_far_ahead_does_not_silence_the_job(void **state) {
    struct town *town = *state;
    note(town, now() + 400 * 86400);
    begin_process(town, NIGHTLY, true);
    assert_int_equal(jobs_running(town->jobs), 0);
    end_process(town);
    note(town, now() - 86400 - 3600);
    begin_process(town, NIGHTLY, true);
    assert_int_equal(jobs_running(town->jobs), 1);
}

static void a_run_that_a_stop_ended_is_made_up_for(void **state) {
    struct town *town = *state;
    note(town, now() - 10 * 86400);
    begin_process(town, NIGHTLY, true);
    cloud_rule(town->world->cloud, &(struct cloud_rule){.match = "DescribeTable", .act = CLOUD_HOLD});
    world_until_held(town->world, "DescribeTable", 1);
    stop_process(town, 1000);
    end_process(town);
    cloud_no_rules(town->world->cloud);
    begin_process(town, NIGHTLY, true);
    assert_int_equal(jobs_running(town->jobs), 1);
}

/* ------------------------------------------------------------ runs that were cut off */

static void a_run_that_was_cut_off_goes_on_by_itself(void **state) {
    struct town *town = *state;
    cut_off_a_run(town, SMALL);
    unsigned scans = cloud_count(town->world->cloud, "Scan");
    begin_process(town, SMALL, true);
    assert_int_equal(jobs_running(town->jobs), 1);
    run_until_over(town);
    assert_true(world_has_said(town->world, "run-resumed"));
    assert_whole(town->world);
    assert_true(cloud_count(town->world->cloud, "Scan") - scans < 6);
    assert_status(town, "result", "success");
    end_process(town);
    begin_process(town, SMALL, true); /* and only once */
    assert_int_equal(jobs_running(town->jobs), 0);
}

static void by_hand_it_goes_on_when_its_job_is_run(void **state) {
    struct town *town = *state;
    cut_off_a_run(town, SMALL);
    begin_process(town, SMALL, false);
    assert_int_equal(jobs_running(town->jobs), 0);
    run_until_over(town);
    assert_true(world_has_said(town->world, "run-resumed"));
    assert_whole(town->world);
}

static void an_interrupted_run_and_a_missed_one_make_one_run(void **state) {
    struct town *town = *state;
    cut_off_a_run(town, SMALL NIGHTLY);
    note(town, now() - 10 * 86400);
    begin_process(town, SMALL NIGHTLY, true);
    run_until_over(town);
    assert_true(world_has_said(town->world, "run-resumed"));
    assert_false(world_has_said(town->world, "run-missed"));
    end_process(town);
    begin_process(town, SMALL NIGHTLY, true);
    assert_int_equal(jobs_running(town->jobs), 0);
}

static void of_a_disabled_job_it_is_taken_back(void **state) {
    struct town *town = *state;
    cut_off_a_run(town, SMALL);
    assert_true(cloud_objects(town->world->cloud) > 0);
    begin_process(town, SMALL "[Job]\nEnabled=no\n", true);
    wait_until_nothing_is_left(town);
    assert_int_equal(jobs_running(town->jobs), 0);
    assert_true(world_has_said(town->world, "run-abandoned"));
    end_process(town);
    buffer_clear(&town->world->said);
    begin_process(town, SMALL, true); /* and is forgotten */
    assert_int_equal(jobs_running(town->jobs), 0);
}

static void of_a_job_that_has_gone_it_is_taken_back(void **state) {
    struct town *town = *state;
    _cleanup_error_ struct error error = {0};
    cut_off_a_run(town, SMALL);
    struct config *config = world_config(town->world, "", "other", "", NULL);
    open_state(town);
    town->alarms = alarm_queue_new(&town->world->loop, &error);
    town->jobs = jobs_new(&town->world->shared, town->alarms, config, &error);
    config_unref(config);
    wait_until_nothing_is_left(town);
}

static void under_another_prefix_it_starts_over(void **state) {
    struct town *town = *state;
    cut_off_a_run(town, SMALL);
    begin_process(town, "[Job]\nTable=tab\nRegion=eu-west-1\n[Destination]\nBucket=bkt\nPrefix=q/\nPartSize=64K\n",
                  true);
    run_until_over(town);
    assert_true(world_has_said(town->world, "run-starts-over"));
    assert_whole(town->world);
    for (int i = 0; i < 1000 && cloud_find(town->world->cloud, "p/"); i++)
        run_for(&town->world->loop, 10);
    assert_null(cloud_find(town->world->cloud, "p/"));
}

static void a_run_under_which_the_process_dies_again_and_again_has_failed(void **state) {
    struct town *town = *state;
    cut_off_a_run(town, SMALL MAIL);
    for (int i = 0; i < 2; i++) { /* each dies at the same request */
        cloud_rule(town->world->cloud, &(struct cloud_rule){.match = "Scan", .act = CLOUD_HOLD});
        begin_process(town, SMALL MAIL, true);
        assert_int_equal(jobs_running(town->jobs), 1);
        world_until_held(town->world, "Scan", 1);
        end_process(town);
        cloud_no_rules(town->world->cloud);
        cloud_forget_held(town->world->cloud);
    }
    begin_process(town, SMALL MAIL, true);
    assert_int_equal(jobs_running(town->jobs), 0);
    wait_until_nothing_is_left(town);
    wait_until_said(town, "mail-sent");
    assert_status(town, "result", "failure");
    end_process(town);
    begin_process(town, SMALL MAIL, true);
    assert_int_equal(jobs_running(town->jobs), 0);
    assert_status(town, "result", "failure");
}

/* A process that dies before a run has had its turn did not die of it. */
static void while_it_waits_no_death_is_a_runs_own(void **state) {
    struct town *town = *state;
    cut_off_a_run(town, SMALL);
    for (int i = 0; i < 4; i++) { /* the process dies before the run's turn comes */
        _cleanup_error_ struct error error = {0};
        struct config *config = world_config(town->world, "[Daemon]\nMaxConcurrentJobs=1\n", "a", "", "j", SMALL, NULL);
        open_state(town);
        town->jobs = jobs_new(&town->world->shared, NULL, config, &error);
        config_unref(config);
        end_process(town);
    }
    begin_process(town, SMALL, true);
    run_until_over(town);
    assert_true(world_has_said(town->world, "run-resumed"));
    assert_whole(town->world);
}

static void a_waiting_interrupted_run_that_is_cancelled_is_taken_back(void **state) {
    struct town *town = *state;
    char run[RUN_LENGTH + 1];
    cut_off_a_run(town, SMALL);
    cloud_rule(town->world->cloud, &(struct cloud_rule){.match = "DescribeTable", .act = CLOUD_HOLD});
    _cleanup_error_ struct error error = {0};
    struct config *config =
        world_config(town->world, "[Daemon]\nMaxConcurrentJobs=1\n", "a", NIGHTLY, "j", SMALL, NULL);
    note_job(town, "a", now() - 10 * 86400);
    open_state(town);
    town->alarms = alarm_queue_new(&town->world->loop, &error);
    town->jobs = jobs_new(&town->world->shared, town->alarms, config, &error);
    config_unref(config);
    world_until_held(town->world, "DescribeTable", 1); /* j goes on: a waits */
    assert_int_equal(jobs_cancel(town->jobs, "a", "a test", run), JOBS_OK);
    assert_int_equal(jobs_cancel(town->jobs, "j", "a test", run), JOBS_OK);
    cloud_no_rules(town->world->cloud);
    while (cloud_release(town->world->cloud, ""))
        ;
    wait_until_nothing_is_left(town);
}

static void a_stop_in_peace_is_no_failure_and_it_goes_on(void **state) {
    struct town *town = *state;
    for (unsigned i = 0; i < 6; i++)
        world_page(town->world, 0, 100, 1000);
    char run[RUN_LENGTH + 1];
    begin_process(town, SMALL MAIL, false);
    cloud_rule(town->world->cloud, &(struct cloud_rule){.match = "Scan", .act = CLOUD_HOLD, .after = 4});
    assert_int_equal(jobs_run(town->jobs, "j", "a test", run), JOBS_OK);
    world_until_held(town->world, "Scan", 1);
    stop_process(town, 200);
    assert_true(world_has_said(town->world, "run-stopped"));
    end_process(town);
    cloud_no_rules(town->world->cloud);
    cloud_forget_held(town->world->cloud);
    assert_int_equal(cloud_count(town->world->cloud, SES), 0);
    begin_process(town, SMALL MAIL, true);
    run_until_over(town);
    assert_true(world_has_said(town->world, "run-resumed"));
    assert_string_equal(town->world->result.run, run);
    assert_whole(town->world);
}

/* ------------------------------------------------------------ a state that fails */

static void a_state_that_cannot_be_written_fails_no_backup_and_is_said_once(void **state) {
    struct town *town = *state;
    struct rlimit before, none = {0};
    signal(SIGXFSZ, SIG_IGN);
    begin_process(town, "", false);
    getrlimit(RLIMIT_FSIZE, &before);
    none.rlim_max = before.rlim_max;
    setrlimit(RLIMIT_FSIZE, &none);
    run_until_over(town);
    assert_status(town, "result", "success");
    wait_until_said(town, "state-failed");
    buffer_clear(&town->world->said);
    run_until_over(town);
    assert_status(town, "result", "success");
    assert_false(world_has_said(town->world, "state-failed"));
    setrlimit(RLIMIT_FSIZE, &before);
    run_until_over(town);
    wait_until_said(town, "state-back");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_TOWN(the_last_result_is_known_to_the_next_process),
        WITH_TOWN(a_failure_is_known_with_its_words),
        WITH_TOWN(a_mail_that_could_not_go_goes_from_the_next_process),
        WITH_TOWN(a_mail_of_a_job_that_has_gone_is_dropped_and_said),
        WITH_TOWN(a_time_that_passed_meanwhile_is_made_up_for_once),
        WITH_TOWN(with_persistent_no_it_is_left_out),
        WITH_TOWN(a_new_job_has_missed_nothing),
        WITH_TOWN(a_disabled_job_has_missed_nothing),
        WITH_TOWN(a_time_noted_by_a_clock_far_ahead_does_not_silence_the_job),
        WITH_TOWN(a_run_that_a_stop_ended_is_made_up_for),
        WITH_TOWN(a_run_that_was_cut_off_goes_on_by_itself),
        WITH_TOWN(by_hand_it_goes_on_when_its_job_is_run),
        WITH_TOWN(an_interrupted_run_and_a_missed_one_make_one_run),
        WITH_TOWN(of_a_disabled_job_it_is_taken_back),
        WITH_TOWN(of_a_job_that_has_gone_it_is_taken_back),
        WITH_TOWN(under_another_prefix_it_starts_over),
        WITH_TOWN(a_run_under_which_the_process_dies_again_and_again_has_failed),
        WITH_TOWN(while_it_waits_no_death_is_a_runs_own),
        WITH_TOWN(a_waiting_interrupted_run_that_is_cancelled_is_taken_back),
        WITH_TOWN(a_stop_in_peace_is_no_failure_and_it_goes_on),
        WITH_TOWN(a_state_that_cannot_be_written_fails_no_backup_and_is_said_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
