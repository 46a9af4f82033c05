/* SPDX-License-Identifier: Apache-2.0 */
/* The set of jobs, alive: turns, watchers, reloads, stops, mails, and what status says, against the cloud. */
#include "world.h"

#include "base/json.h"
#include "job/jobs.h"

#define SECONDLY "[Job]\nSchedule=* * * * * *\n"

struct town {
    struct world *world;
    struct alarm_queue *alarms;
    struct jobs *jobs;
    bool stopped;
};

static int set_up(void **state) {
    struct town *town = x_calloc(1, sizeof *town);
    void *world;
    world_set_up(&world);
    town->world = world;
    *state = town;
    return 0;
}

static int tear_down(void **state) {
    struct town *town = *state;
    void *world = town->world;
    jobs_free(town->jobs);
    if (town->alarms)
        alarm_queue_free(town->alarms);
    world_tear_down(&world);
    free(town);
    return 0;
}

#define WITH_TOWN(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

/* Takes the configuration. */
static void open_jobs(struct town *town, struct config *config) {
    struct error error = {0};
    town->jobs = jobs_new(&town->world->shared, town->alarms, config, &error);
    assert_non_null(town->jobs);
    config_unref(config);
}

static void open_alarms(struct town *town) {
    struct error error = {0};
    town->alarms = alarm_queue_new(&town->world->loop, &error);
    assert_non_null(town->alarms);
}

static void apply(struct town *town, struct config *config) {
    struct error error = {0};
    assert_true(jobs_apply(town->jobs, config, &error));
    config_unref(config);
}

/* Somebody who waits for a run. */
struct waiter {
    struct jobs_watcher watcher;
    unsigned times;
    bool over;
    enum run_outcome outcome;
};

static void on_over(void *arg, const struct run_result *result) {
    struct waiter *waiter = arg;
    waiter->times++;
    waiter->over = true;
    waiter->outcome = result->outcome;
    assert_string_equal(result->run, waiter->watcher.run);
}

static enum jobs_refusal ask(struct town *town, const char *job, struct waiter *waiter) {
    char run[RUN_LENGTH + 1];
    enum jobs_refusal refusal = jobs_run(town->jobs, job, "a test", run);
    if (waiter && (refusal == JOBS_OK || refusal == JOBS_RUNNING)) {
        *waiter = (struct waiter){.watcher = {.over = on_over, .arg = waiter}};
        jobs_watch(town->jobs, job, run, &waiter->watcher);
    }
    return refusal;
}

static void wait_for(struct town *town, struct waiter *waiter) {
    run_until(&town->world->loop, &waiter->over);
    assert_int_equal(waiter->times, 1);
}

static struct cloud *cloud(const struct town *town) {
    return town->world->cloud;
}

static void hold(struct town *town, const char *match) {
    cloud_rule(cloud(town), &(struct cloud_rule){.match = match, .act = CLOUD_HOLD});
}

/* A member of jobs_status(), as text; the caller frees. */
static char *status_of(const struct town *town, const char *job, const char *group, const char *member) {
    struct json_object *object = jobs_status(town->jobs, job), *from = group ? json_object_at(object, group) : object;
    char *text = x_strdup(json_string(from, member));
    json_object_put(object);
    return text;
}

static void assert_status(const struct town *town, const char *job, const char *group, const char *member,
                          const char *expected) {
    _cleanup_free_ char *text = status_of(town, job, group, member);
    assert_string_equal(text ? text : "(none)", expected);
}

/* ------------------------------------------------------------ turns */

static void a_watcher_hears_of_its_run_once(void **state) {
    struct town *town = *state;
    struct waiter first, second;
    open_jobs(town, world_config(town->world, "", "j", "", NULL));
    assert_int_equal(ask(town, "nobody", NULL), JOBS_NO_SUCH_JOB);
    assert_int_equal(ask(town, "j", &first), JOBS_OK);
    assert_int_equal(ask(town, "j", &second), JOBS_RUNNING);
    assert_string_equal(first.watcher.run, second.watcher.run);
    assert_int_equal(jobs_running(town->jobs), 1);
    wait_for(town, &first);
    wait_for(town, &second);
    assert_int_equal(first.outcome, RUN_SUCCEEDED);
    assert_int_equal(jobs_running(town->jobs), 0);
    assert_status(town, "j", NULL, "state", "idle");
    assert_status(town, "j", "last", "result", "success");
    assert_status(town, "j", "last", "run", first.watcher.run);
    assert_status(town, "j", "last", "mail", "off");
}

static void who_watches_no_more_hears_nothing(void **state) {
    struct town *town = *state;
    struct waiter first, second;
    open_jobs(town, world_config(town->world, "", "j", "", NULL));
    ask(town, "j", &first);
    ask(town, "j", &second);
    jobs_unwatch(town->jobs, &first.watcher);
    wait_for(town, &second);
    assert_int_equal(first.times, 0);
}

static void only_so_many_jobs_run_at_once(void **state) {
    struct town *town = *state;
    struct waiter a, b, c;
    open_jobs(town, world_config(town->world, "[Daemon]\nMaxConcurrentJobs=2\n", "a", "", "b", "", "c", "", NULL));
    hold(town, "DescribeTable");
    ask(town, "a", &a);
    ask(town, "b", &b);
    ask(town, "c", &c);
    world_until_held(town->world, "DescribeTable", 2);
    run_for(&town->world->loop, 20);
    assert_int_equal(jobs_running(town->jobs), 2);
    assert_status(town, "c", NULL, "state", "waiting");
    assert_status(town, "c", NULL, "run", c.watcher.run);
    cloud_no_rules(cloud(town));
    while (cloud_release(cloud(town), ""))
        ;
    wait_for(town, &a);
    wait_for(town, &b);
    wait_for(town, &c);
    assert_int_equal(c.outcome, RUN_SUCCEEDED);
}

static void jobs_wait_for_memory_that_others_have_planned(void **state) {
    struct town *town = *state;
    struct waiter a, b;
    open_jobs(town, world_config(town->world, "[Daemon]\nBufferMemory=36M\n", "a", "Format=dynamodb-json json\n", "b",
                                 "Format=dynamodb-json json\n", NULL));
    hold(town, "DescribeTable");
    ask(town, "a", &a);
    ask(town, "b", &b);
    world_until_held(town->world, "DescribeTable", 1);
    assert_status(town, "b", NULL, "state", "waiting");
    cloud_no_rules(cloud(town));
    assert_true(cloud_release(cloud(town), ""));
    wait_for(town, &b);
    assert_int_equal(a.times, 1);
}

static void a_waiting_run_that_is_cancelled_never_starts(void **state) {
    struct town *town = *state;
    struct waiter a, b;
    char run[RUN_LENGTH + 1];
    open_jobs(town, world_config(town->world, "[Daemon]\nMaxConcurrentJobs=1\n", "a", "", "b", "", NULL));
    hold(town, "DescribeTable");
    assert_int_equal(jobs_cancel(town->jobs, "b", "a test", run), JOBS_NOT_RUNNING);
    ask(town, "a", &a);
    ask(town, "b", &b);
    world_until_held(town->world, "DescribeTable", 1);
    assert_int_equal(jobs_cancel(town->jobs, "b", "a test", run), JOBS_OK);
    assert_int_equal(b.times, 1);
    assert_int_equal(b.outcome, RUN_CANCELLED);
    assert_string_equal(run, b.watcher.run);
    assert_int_equal(jobs_cancel(town->jobs, "a", "a test", run), JOBS_OK);
    assert_status(town, "a", NULL, "state", "stopping");
    wait_for(town, &a);
    assert_int_equal(a.outcome, RUN_CANCELLED);
    assert_nothing_left(town->world);
    assert_int_equal(cloud_count(cloud(town), "DescribeTable"), 1);
}

static void a_disabled_job_does_not_run(void **state) {
    struct town *town = *state;
    open_jobs(town, world_config(town->world, "", "j", "[Job]\nEnabled=no\n", NULL));
    assert_int_equal(ask(town, "j", NULL), JOBS_DISABLED);
}

/* WarnItemsDrop=20%: of 50 items the first, 39 are too few, and 40 are not. */
static void run_with(struct town *town, unsigned items, bool warned) {
    struct waiter waiter;
    cloud_no_pages(cloud(town));
    world_page(town->world, 0, items, 10);
    buffer_clear(&town->world->said);
    ask(town, "j", &waiter);
    wait_for(town, &waiter);
    assert_int_equal(waiter.outcome, RUN_SUCCEEDED);
    assert_int_equal(world_has_said(town->world, "is the table as it should be?"), warned);
}

static void a_small_table_that_shrank_is_warned_of(void **state) {
    struct town *town = *state;
    open_jobs(town, world_config(town->world, "", "j", "", NULL));
    run_with(town, 50, false);
    run_with(town, 39, true);
    run_with(town, 32, false);
    run_with(town, 0, true);
}

/* ------------------------------------------------------------ the schedule */

static void a_job_that_is_due_while_it_runs_is_skipped(void **state) {
    struct town *town = *state;
    open_alarms(town);
    open_jobs(town, world_config(town->world, "", "j", SECONDLY, NULL));
    hold(town, "DescribeTable");
    world_until_held(town->world, "DescribeTable", 1);
    while (!world_has_said(town->world, "run-skipped"))
        run_for(&town->world->loop, 10);
    assert_int_equal(cloud_count(cloud(town), "DescribeTable"), 1);
    assert_int_equal(jobs_running(town->jobs), 1);
}

static int64_t lateness(const struct town *town) {
    struct json_object *status = jobs_status(town->jobs, "j");
    int64_t late = json_integer(status, "late_ms", -1);
    json_object_put(status);
    return late;
}

/* The loop stands still, as it does where a host sleeps, past the second that the job is due in. */
static void an_alarm_tells_how_late_it_rang(void **state) {
    struct town *town = *state;
    open_alarms(town);
    hold(town, "DescribeTable");
    open_jobs(town, world_config(town->world, "", "j", SECONDLY, NULL));
    assert_int_equal(lateness(town), -1);
    int64_t due = (clock_wall() / SECOND_MS + 1) * SECOND_MS;
    while (clock_wall() < due + 300)
        uv_sleep(10);
    world_until_held(town->world, "DescribeTable", 1);
    assert_in_range(lateness(town), 300, 60000);
}

static void with_overlap_queue_it_runs_once_more_afterwards(void **state) {
    struct town *town = *state;
    struct waiter first;
    open_alarms(town);
    open_jobs(town, world_config(town->world, "", "j", SECONDLY "Overlap=queue\n", NULL));
    hold(town, "DescribeTable");
    world_until_held(town->world, "DescribeTable", 1);
    assert_int_equal(ask(town, "j", &first), JOBS_RUNNING);
    run_for(&town->world->loop, 2200);                         /* due twice */
    apply(town, world_config(town->world, "", "j", "", NULL)); /* and then never again */
    cloud_no_rules(cloud(town));
    assert_true(cloud_release(cloud(town), "DescribeTable"));
    wait_for(town, &first);
    assert_int_equal(jobs_running(town->jobs), 1);
    while (jobs_running(town->jobs))
        run_for(&town->world->loop, 10);
    run_for(&town->world->loop, 50);
    assert_int_equal(cloud_count(cloud(town), "DescribeTable"),
                     2 * 2); /* each run looks before its scan and after it */
    assert_false(world_has_said(town->world, "run-skipped"));
}

/* RandomizedDelay= holds a run back; a reload meanwhile must not lose it. */
static void a_reload_keeps_a_run_that_is_due_and_delayed(void **state) {
    struct town *town = *state;
    static const char delayed[] = SECONDLY "RandomizedDelay=7d\n";
    open_alarms(town);
    open_jobs(town, world_config(town->world, "", "j", delayed, NULL));
    _cleanup_free_ char *before = status_of(town, "j", NULL, "next");
    run_for(&town->world->loop, 1100);
    apply(town, world_config(town->world, "", "j", delayed, NULL));
    assert_status(town, "j", NULL, "next", before);
    apply(town, world_config(town->world, "", "j", "", NULL));
    assert_status(town, "j", NULL, "next", "(none)");
}

/* ------------------------------------------------------------ reloads */

static void a_removed_job_ends_its_run_and_goes(void **state) {
    struct town *town = *state;
    struct waiter a;
    open_jobs(town, world_config(town->world, "", "a", "", "b", "", NULL));
    hold(town, "DescribeTable");
    ask(town, "a", &a);
    world_until_held(town->world, "DescribeTable", 1);
    apply(town, world_config(town->world, "", "b", "", NULL));
    assert_int_equal(ask(town, "a", NULL), JOBS_NO_SUCH_JOB);
    cloud_no_rules(cloud(town));
    assert_true(cloud_release(cloud(town), ""));
    wait_for(town, &a);
    assert_int_equal(a.outcome, RUN_SUCCEEDED);
    assert_null(jobs_status(town->jobs, "a"));
}

static void who_waits_for_a_job_that_a_reload_removes_is_told(void **state) {
    struct town *town = *state;
    struct waiter a, b;
    open_jobs(town, world_config(town->world, "[Daemon]\nMaxConcurrentJobs=1\n", "a", "", "b", "", NULL));
    hold(town, "DescribeTable");
    ask(town, "a", &a);
    ask(town, "b", &b);
    apply(town, world_config(town->world, "[Daemon]\nMaxConcurrentJobs=1\n", "a", "", NULL));
    assert_int_equal(b.times, 1);
    assert_int_equal(b.outcome, RUN_CANCELLED);
    assert_null(jobs_status(town->jobs, "b"));
}

static void a_waiting_run_starts_under_the_settings_of_a_reload(void **state) {
    struct town *town = *state;
    struct waiter a, b;
    open_jobs(town, world_config(town->world, "[Daemon]\nMaxConcurrentJobs=1\n", "a", "", "b", "", NULL));
    hold(town, "DescribeTable");
    ask(town, "a", &a);
    ask(town, "b", &b);
    world_until_held(town->world, "DescribeTable", 1);
    apply(town, world_config(town->world, "[Daemon]\nMaxConcurrentJobs=2\n", "a", "Format=json\n", "b", "Format=json\n",
                             NULL));
    cloud_no_rules(cloud(town));
    while (cloud_release(cloud(town), ""))
        ;
    wait_for(town, &a);
    wait_for(town, &b);
    _cleanup_free_ char *new_one = x_printf("-%.8s.json", b.watcher.run);
    _cleanup_free_ char *old_one = x_printf("-%.8s.json", a.watcher.run);
    assert_non_null(cloud_find(cloud(town), new_one));
    assert_null(cloud_find(cloud(town), old_one)); /* under its old ones */
}

/* ------------------------------------------------------------ stopping */

static void on_stopped(void *arg) {
    struct town *town = arg;
    assert_false(town->stopped);
    town->stopped = true;
}

static void a_stop_takes_running_jobs_back(void **state) {
    struct town *town = *state;
    struct waiter a, b;
    open_jobs(town, world_config(town->world, "[Daemon]\nMaxConcurrentJobs=1\n", "a", "", "b", "", NULL));
    hold(town, "Scan");
    ask(town, "a", &a);
    ask(town, "b", &b);
    world_until_held(town->world, "Scan", 1);
    jobs_stop(town->jobs, 10000, on_stopped, town);
    assert_false(town->stopped);
    assert_int_equal(ask(town, "b", NULL), JOBS_STOPPING);
    run_until(&town->world->loop, &town->stopped);
    assert_int_equal(a.times, 1);
    assert_int_equal(a.outcome, RUN_CANCELLED);
    assert_int_equal(b.times, 1);
    assert_int_equal(b.outcome, RUN_CANCELLED);
    assert_nothing_left(town->world);
    assert_int_equal(cloud_count(cloud(town), "DescribeTable"), 1);
}

static void a_stop_with_nothing_to_do_is_told_later(void **state) {
    struct town *town = *state;
    open_jobs(town, world_config(town->world, "", "a", "", NULL));
    jobs_stop(town->jobs, 10000, on_stopped, town);
    assert_false(town->stopped);
    run_until(&town->world->loop, &town->stopped);
}

static void a_stop_that_runs_out_of_time_drops_what_runs(void **state) {
    struct town *town = *state;
    struct waiter a;
    open_jobs(town, world_config(town->world, "", "a", "", NULL));
    hold(town, "Scan");
    hold(town, "DELETE");
    ask(town, "a", &a);
    world_until_held(town->world, "Scan", 1);
    jobs_stop(town->jobs, 100, on_stopped, town);
    run_until(&town->world->loop, &town->stopped);
    assert_int_equal(jobs_running(town->jobs), 0);
    assert_true(world_has_said(town->world, "StopTimeout="));
    assert_non_null(cloud_find(cloud(town), "/_started")); /* so that it can be found */
}

/* Its events are copied where the run was told to at its start, to the last. */
static void a_reload_during_a_run_does_not_end_the_copy_of_its_events(void **state) {
    struct town *town = *state;
    struct waiter a;
    open_jobs(town, world_config(town->world, "", "a", "[CloudWatch]\nLogGroup=/old\n", NULL));
    hold(town, "DescribeTable");
    ask(town, "a", &a);
    world_until_held(town->world, "DescribeTable", 1);
    apply(town, world_config(town->world, "", "a", "[CloudWatch]\nLogGroup=/new\n", NULL));
    cloud_no_rules(cloud(town));
    assert_true(cloud_release(cloud(town), ""));
    wait_for(town, &a);
    run_for(&town->world->loop, 1200); /* events gather for a second */
    const char *last = cloud_body(cloud(town), "PutLogEvents");
    assert_non_null(last);
    assert_non_null(strstr(last, "run-succeeded"));
    assert_non_null(strstr(last, "/old"));
    ask(town, "a", &a);
    wait_for(town, &a);
    run_for(&town->world->loop, 1200);
    assert_non_null(strstr(cloud_body(cloud(town), "PutLogEvents"), "/new"));
}

static void the_logs_region_is_that_of_the_tables_arn(void **state) {
    struct town *town = *state;
    struct waiter a;
    open_jobs(town, world_config(town->world, "", "a",
                                 "[Job]\nTable=arn:aws:dynamodb:ap-southeast-1:123456789012:table/tab\n"
                                 "[Destination]\nBucket=bkt\n[CloudWatch]\nLogGroup=/g\n",
                                 NULL));
    ask(town, "a", &a);
    wait_for(town, &a);
    run_for(&town->world->loop, 1200);
    assert_false(world_has_said(town->world, "cloudwatch-failed"));
    assert_true(cloud_count(cloud(town), "PutLogEvents") >= 1);
}

static void a_second_stop_is_at_once(void **state) {
    struct town *town = *state;
    struct waiter a;
    open_jobs(town, world_config(town->world, "", "a", "", NULL));
    hold(town, "Scan");
    hold(town, "DELETE");
    ask(town, "a", &a);
    world_until_held(town->world, "Scan", 1);
    jobs_stop(town->jobs, 600000, on_stopped, town);
    jobs_stop(town->jobs, 600000, on_stopped, town);
    run_until(&town->world->loop, &town->stopped);
    assert_int_equal(jobs_running(town->jobs), 0);
}

static void jobs_freed_in_the_middle_leave_nothing(void **state) {
    struct town *town = *state;
    open_alarms(town);
    open_jobs(town, world_config(town->world, "[Daemon]\nMaxConcurrentJobs=1\n", "a", SECONDLY, "b", "", NULL));
    hold(town, "Scan");
    ask(town, "a", NULL);
    ask(town, "b", NULL);
    world_until_held(town->world, "Scan", 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_TOWN(a_watcher_hears_of_its_run_once),
        WITH_TOWN(who_watches_no_more_hears_nothing),
        WITH_TOWN(only_so_many_jobs_run_at_once),
        WITH_TOWN(jobs_wait_for_memory_that_others_have_planned),
        WITH_TOWN(a_waiting_run_that_is_cancelled_never_starts),
        WITH_TOWN(a_disabled_job_does_not_run),
        WITH_TOWN(a_small_table_that_shrank_is_warned_of),
        WITH_TOWN(a_job_that_is_due_while_it_runs_is_skipped),
        WITH_TOWN(an_alarm_tells_how_late_it_rang),
        WITH_TOWN(with_overlap_queue_it_runs_once_more_afterwards),
        WITH_TOWN(a_reload_keeps_a_run_that_is_due_and_delayed),
        WITH_TOWN(a_removed_job_ends_its_run_and_goes),
        WITH_TOWN(who_waits_for_a_job_that_a_reload_removes_is_told),
        WITH_TOWN(a_waiting_run_starts_under_the_settings_of_a_reload),
        WITH_TOWN(a_stop_takes_running_jobs_back),
        WITH_TOWN(a_stop_with_nothing_to_do_is_told_later),
        WITH_TOWN(a_stop_that_runs_out_of_time_drops_what_runs),
        WITH_TOWN(a_reload_during_a_run_does_not_end_the_copy_of_its_events),
        WITH_TOWN(the_logs_region_is_that_of_the_tables_arn),
        WITH_TOWN(a_second_stop_is_at_once),
        WITH_TOWN(jobs_freed_in_the_middle_leave_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
