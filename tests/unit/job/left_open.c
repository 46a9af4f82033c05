/* SPDX-License-Identifier: Apache-2.0 */
/* A run that the process before has left open, beside what this process does meanwhile. */
#include "processes.h"

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

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_TOWN(a_failure_that_is_told_late_leaves_the_newer_run_as_it_is),
        WITH_TOWN(a_failure_that_is_told_late_serves_no_time_of_the_schedule),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
