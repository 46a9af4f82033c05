/* SPDX-License-Identifier: Apache-2.0 */
#include "processes.h"

#include <stdio.h>
#include <unistd.h>

#include "state/fires.h"

int town_set_up(void **state) {
    struct town *town = x_calloc(1, sizeof *town);
    void *world;
    world_set_up(&world);
    *town = (struct town){.world = world, .folder = "/tmp/restarts-XXXXXX"};
    *state = town;
    return mkdtemp(town->folder) ? 0 : 1;
}

void end_process(struct town *town) {
    jobs_free(take_pointer(town->jobs));
    if (town->alarms)
        alarm_queue_free(take_pointer(town->alarms));
    state_free(take_pointer(town->world->shared.state)); /* in the same turn, as the daemon does */
    run_for(&town->world->loop, 1);
}

void open_state(struct town *town) {
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

int town_tear_down(void **state) {
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

void begin_process(struct town *town, const char *job, bool alarms) {
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

void note_job(struct town *town, const char *job, int64_t at) {
    open_state(town);
    fires_note(town->world->shared.state, &(struct fire_note){job, at}, 1, NULL, NULL);
    state_free(take_pointer(town->world->shared.state));
}

void note(struct town *town, int64_t at) {
    note_job(town, "j", at);
}

static void on_over(void *arg, const struct run_result *result) {
    struct town *town = arg;
    run_result_fini(&town->world->result);
    town->world->result = run_result_copy(result);
    town->over = true;
}

void watch_run(struct town *town, const char *run) {
    struct jobs_watcher watcher = {.over = on_over, .arg = town};
    town->over = false;
    jobs_watch(town->jobs, "j", run, &watcher);
    run_until(&town->world->loop, &town->over);
}

void run_until_over(struct town *town) {
    char run[RUN_LENGTH + 1];
    enum jobs_refusal refusal = jobs_run(town->jobs, "j", "a test", run);
    assert_true(refusal == JOBS_OK || refusal == JOBS_RUNNING);
    watch_run(town, run);
}

void wait_until_said(struct town *town, const char *words) {
    for (int i = 0; i < 1000 && !world_has_said(town->world, words); i++)
        run_for(&town->world->loop, 10);
    assert_true(world_has_said(town->world, words));
}

void assert_status(struct town *town, const char *member, const char *expected) {
    _cleanup_json_ struct json_object *status = jobs_status(town->jobs, "j");
    struct json_object *last = json_object_at(status, "last");
    const char *found = json_string(last, member);
    assert_string_equal(found ? found : "(none)", expected);
}

int64_t now(void) {
    return clock_wall() / SECOND_MS;
}

void cut_off_a_run(struct town *town, const char *job) {
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

void wait_until_nothing_is_left(struct town *town) {
    for (int i = 0; i < 1000 && cloud_objects(town->world->cloud); i++)
        run_for(&town->world->loop, 10);
    assert_nothing_left(town->world);
}

static void on_stopped(void *arg) {
    ((struct town *)arg)->stopped = true;
}

void stop_process(struct town *town, int64_t timeout) {
    town->stopped = false;
    jobs_stop(town->jobs, timeout, on_stopped, town);
    run_until(&town->world->loop, &town->stopped);
}
