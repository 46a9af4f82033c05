/* SPDX-License-Identifier: Apache-2.0 */
/* One process after another on one state: what the second knows of the first. */
#include "world.h"

#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/json.h"
#include "job/jobs.h"
#include "state/fires.h"

#define MAIL    "[Email]\nFrom=a@example.org\nTo=b@example.org\n"
#define NIGHTLY "[Job]\nSchedule=0 2 * * *\n"
#define SES     "outbound-emails"

struct town {
    struct world *world;
    char folder[32];
    struct alarm_queue *alarms;
    struct jobs *jobs;
    bool stopped, over;
};

static int set_up(void **state) {
    struct town *town = x_calloc(1, sizeof *town);
    void *world;
    world_set_up(&world);
    *town = (struct town){.world = world, .folder = "/tmp/restarts-XXXXXX"};
    *state = town;
    return mkdtemp(town->folder) ? 0 : 1;
}

/* The process ends: at once, as a kill would end it, but that what has been asked of the state is still carried out. */
static void end_process(struct town *town) {
    jobs_free(take_pointer(town->jobs));
    if (town->alarms)
        alarm_queue_free(take_pointer(town->alarms));
    state_free(take_pointer(town->world->shared.state)); /* in the same turn, as the daemon does */
    run_for(&town->world->loop, 1);
}

/* The process before it may still be writing: it has the lock as long as that takes. */
static void open_state(struct town *town) {
    struct engine_shared *shared = &town->world->shared;
    for (int i = 0; !shared->state; i++) {
        _cleanup_error_ struct error set_aside = {0}, error = {0};
        shared->state = state_open(shared->loop, town->folder, &set_aside, &error);
        if (!shared->state && (error.code != ERROR_EXISTS || i == 1000))
            fail_msg("%s", error.message);
        if (!shared->state)
            run_for(shared->loop, 10);
    }
}

static int tear_down(void **state) {
    static const char *const files[] = {"state.db", "state.db-wal", "state.db-shm", "lock"};
    struct town *town = *state;
    void *world = town->world;
    end_process(town);
    open_state(town); /* it can be opened: all that was asked of it is written */
    state_free(take_pointer(town->world->shared.state));
    world_tear_down(&world);
    for (size_t i = 0; i < array_length(files); i++) {
        _cleanup_free_ char *path = x_printf("%s/%s", town->folder, files[i]);
        unlink(path);
    }
    rmdir(town->folder);
    free(town);
    return 0;
}

#define WITH_TOWN(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

/* A process of job "j"; with `alarms` it keeps its schedule. */
static void begin_process(struct town *town, const char *job, bool alarms) {
    _cleanup_error_ struct error error = {0};
    struct config *config = world_config(town->world, "", "j", job, NULL);
    if (!town->world->shared.state)
        open_state(town);
    if (alarms)
        town->alarms = alarm_queue_new(&town->world->loop, &error);
    town->jobs = jobs_new(&town->world->shared, town->alarms, config, &error);
    assert_non_null(town->jobs);
    config_unref(config);
}

static void note_job(struct town *town, const char *job, int64_t at) {
    open_state(town);
    fires_note(town->world->shared.state, &(struct fire_note){job, at}, 1, NULL, NULL);
    state_free(take_pointer(town->world->shared.state));
}

static void note(struct town *town, int64_t at) {
    note_job(town, "j", at);
}

static void on_over(void *arg, const struct run_result *result) {
    struct town *town = arg;
    run_result_fini(&town->world->result);
    town->world->result = run_result_copy(result);
    town->over = true;
}

static void run_until_over(struct town *town) {
    char run[RUN_LENGTH + 1];
    struct jobs_watcher watcher = {.over = on_over, .arg = town};
    town->over = false;
    enum jobs_refusal refusal = jobs_run(town->jobs, "j", "a test", run);
    assert_true(refusal == JOBS_OK || refusal == JOBS_RUNNING);
    jobs_watch(town->jobs, "j", run, &watcher);
    run_until(&town->world->loop, &town->over);
}

static void wait_until_said(struct town *town, const char *words) {
    for (int i = 0; i < 1000 && !world_has_said(town->world, words); i++)
        run_for(&town->world->loop, 10);
    assert_true(world_has_said(town->world, words));
}

static void assert_status(struct town *town, const char *member, const char *expected) {
    _cleanup_json_ struct json_object *status = jobs_status(town->jobs, "j");
    struct json_object *last = json_object_at(status, "last");
    const char *found = json_string(last, member);
    assert_string_equal(found ? found : "(none)", expected);
}

static int64_t now(void) {
    return clock_wall() / SECOND_MS;
}

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

static void on_stopped(void *arg) {
    ((struct town *)arg)->stopped = true;
}

static void a_run_that_a_stop_ended_is_made_up_for(void **state) {
    struct town *town = *state;
    note(town, now() - 10 * 86400);
    begin_process(town, NIGHTLY, true);
    cloud_rule(town->world->cloud, &(struct cloud_rule){.match = "DescribeTable", .act = CLOUD_HOLD});
    world_until_held(town->world, "DescribeTable", 1);
    jobs_stop(town->jobs, 1000, on_stopped, town);
    run_until(&town->world->loop, &town->stopped);
    end_process(town);
    cloud_no_rules(town->world->cloud);
    begin_process(town, NIGHTLY, true);
    assert_int_equal(jobs_running(town->jobs), 1);
}

/* ------------------------------------------------------------ runs that were cut off */

#define SMALL "PartSize=64K\n"

/* Six pages, each a cut; the run is cut off while the fifth is being read. */
static void cut_off_a_run(struct town *town, const char *job) {
    char run[RUN_LENGTH + 1];
    for (unsigned i = 0; i < 6; i++)
        world_page(town->world, 0, 100, 1000);
    begin_process(town, job, false);
    cloud_rule(town->world->cloud, &(struct cloud_rule){.match = "Scan", .act = CLOUD_HOLD, .after = 4});
    assert_int_equal(jobs_run(town->jobs, "j", "a test", run), JOBS_OK);
    world_until_held(town->world, "Scan", 1);
    for (int i = 0; i < 1000 && cloud_count(town->world->cloud, "PUT /bkt/p/AWSDynamoDB") < 4; i++)
        run_for(&town->world->loop, 10);
    run_for(&town->world->loop, 100); /* and its cut is recorded */
    end_process(town);
    cloud_no_rules(town->world->cloud);
    cloud_forget_held(town->world->cloud);
    buffer_clear(&town->world->said);
}

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

static void wait_until_nothing_is_left(struct town *town) {
    for (int i = 0; i < 1000 && cloud_objects(town->world->cloud); i++)
        run_for(&town->world->loop, 10);
    assert_nothing_left(town->world);
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
    jobs_stop(town->jobs, 200, on_stopped, town);
    run_until(&town->world->loop, &town->stopped);
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
