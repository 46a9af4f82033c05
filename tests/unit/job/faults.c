/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whatever happens to any one of a run's requests: refused, cut, lost after it was done, held while the run is cancelled or
 * dropped. The run then stands whole, or nothing of it is left, and done has fired once.
 */
#include "small.h"
#include "world.h"

/* Two segments, both formats, an upload of more than one part, files, and an empty page. */
static struct world *begin(void) {
    void *state;
    world_set_up(&state);
    struct world *world = state;
    cloud_part_least(world->cloud, SMALL_PART);
    world_job(world, "Format=dynamodb-json json\n[Scan]\nSegments=2\n");
    world_flat_page(world, 0, 6, SMALL_PAGE);
    world_flat_page(world, 1, 6, SMALL_PAGE);
    world_page(world, 0, 0, 0);
    return world;
}

static void end(struct world *world) {
    void *state = world;
    world_tear_down(&state);
}

static unsigned requests_of_a_run(void) {
    struct world *world = begin();
    world_run(world);
    assert_whole(world);
    assert_int_equal(cloud_find(world->cloud, "-1a2b3c4d.json")->parts, 2);
    unsigned count = cloud_count(world->cloud, "");
    end(world);
    return count;
}

/* Each request in turn: the rule is for the one that comes after `i` others. */
static void each_in_turn(struct cloud_rule rule, void (*story)(struct world *world)) {
    unsigned count = requests_of_a_run();
    for (unsigned i = 0; i < count; i++) {
        struct world *world = begin();
        rule.match = "";
        rule.after = i;
        rule.times = 1;
        cloud_rule(world->cloud, &rule);
        world_start(world);
        story(world);
        end(world);
    }
}

static void all_or_nothing(struct world *world) {
    world_finish(world);
    if (world->result.outcome == RUN_SUCCEEDED) {
        assert_whole(world);
        return;
    }
    assert_int_equal(world->result.outcome, RUN_FAILED);
    assert_non_null(strstr(world->result.error.message, "AccessDenied"));
    assert_int_equal(world->result.undo_error.code, ERROR_NONE);
    assert_nothing_left(world);
}

static void any_request_refused_takes_everything_back(void **state) {
    (void)state;
    each_in_turn((struct cloud_rule){.act = CLOUD_REFUSE, .status = 403, .code = "AccessDenied"}, all_or_nothing);
}

static void is_whole(struct world *world) {
    world_finish(world);
    assert_whole(world);
}

static void any_request_cut_is_made_again(void **state) {
    (void)state;
    each_in_turn((struct cloud_rule){.act = CLOUD_CUT}, is_whole);
}

static void any_answer_lost_is_settled(void **state) {
    (void)state;
    each_in_turn((struct cloud_rule){.act = CLOUD_LOSE}, is_whole);
}

static void cancelled(struct world *world) {
    world_until_held(world, "", 1);
    bool too_late = cloud_held(world->cloud, "/backup.json") == 1;
    backup_cancel(world->backup, "cancelled by the test");
    backup_cancel(world->backup, "cancelled again");
    cloud_no_rules(world->cloud);
    if (too_late)
        assert_true(cloud_release(world->cloud, "/backup.json"));
    world_finish(world);
    if (too_late) {
        assert_whole(world);
        return;
    }
    assert_int_equal(world->result.outcome, RUN_CANCELLED);
    assert_string_equal(world->result.error.message, "cancelled by the test");
    assert_int_equal(world->result.undo_error.code, ERROR_NONE);
    assert_nothing_left(world);
}

static void a_cancel_at_any_request_takes_everything_back(void **state) {
    (void)state;
    each_in_turn((struct cloud_rule){.act = CLOUD_HOLD}, cancelled);
}

static void dropped(struct world *world) {
    world_until_held(world, "", 1);
    backup_free(take_pointer(world->backup));
    run_for(&world->loop, 5);
    assert_int_equal(world->times, 0);
}

static void a_run_dropped_at_any_request_leaves_no_handle_and_no_memory(void **state) {
    (void)state;
    each_in_turn((struct cloud_rule){.act = CLOUD_HOLD}, dropped);
}

static void a_run_dropped_before_its_first_turn_leaves_nothing(void **state) {
    (void)state;
    struct world *world = begin();
    world_start(world);
    backup_free(take_pointer(world->backup));
    end(world);
}

static void a_run_cancelled_before_its_first_turn_asks_nothing(void **state) {
    (void)state;
    struct world *world = begin();
    world_start(world);
    backup_cancel(world->backup, "at once");
    assert_int_equal(world->times, 0);
    world_finish(world);
    assert_int_equal(world->result.outcome, RUN_CANCELLED);
    assert_int_equal(cloud_count(world->cloud, ""), 0);
    end(world);
}

/* ------------------------------------------------------------ while it is taken back */

/* A run that has made what a run can make before its last scan page is held, and is then cancelled. What undo asks meets the
 * rule after `i` others: how many they are depends on how far the parts had come. */
static struct world *begin_undo(const struct cloud_rule *rule, unsigned i) {
    struct world *world = begin();
    cloud_rule(world->cloud, &(struct cloud_rule){.match = "Scan 0 k1", .act = CLOUD_HOLD});
    world_start(world);
    world_until_held(world, "Scan 0 k1", 1);
    world_until_asked(world, "?partNumber", 1);
    cloud_no_rules(world->cloud);
    struct cloud_rule later = *rule;
    later.match = "";
    later.after = i;
    later.times = 1;
    backup_cancel(world->backup, "cancelled by the test");
    cloud_forget_held(world->cloud);
    cloud_rule(world->cloud, &later);
    return world;
}

#define UNDO_REQUESTS 12 /* more than there are */

static void what_cannot_be_taken_back_is_told(void **state) {
    (void)state;
    for (unsigned i = 0; i < UNDO_REQUESTS; i++) {
        struct world *world =
            begin_undo(&(struct cloud_rule){.act = CLOUD_REFUSE, .status = 403, .code = "AccessDenied"}, i);
        unsigned before = cloud_count(world->cloud, "");
        world_finish(world);
        assert_int_equal(world->result.outcome, RUN_CANCELLED);
        bool met = cloud_count(world->cloud, "") - before > i;
        assert_int_equal(world->result.undo_error.code, met ? ERROR_DENIED : ERROR_NONE);
        assert_null(cloud_find(world->cloud, "/backup.json"));
        if (!met)
            assert_nothing_left(world);
        end(world);
    }
}

/* False where the undo had fewer requests. */
static bool until_held_or_over(struct world *world) {
    while (!world->over && !cloud_held(world->cloud, ""))
        run_for(&world->loop, 1);
    return !world->over;
}

static void a_cancel_while_it_is_taken_back_changes_nothing(void **state) {
    (void)state;
    for (unsigned i = 0; i < UNDO_REQUESTS; i++) {
        struct world *world = begin_undo(&(struct cloud_rule){.act = CLOUD_HOLD}, i);
        if (until_held_or_over(world)) {
            backup_cancel(world->backup, "cancelled again");
            assert_true(cloud_release(world->cloud, ""));
        }
        world_finish(world);
        assert_string_equal(world->result.error.message, "cancelled by the test");
        assert_nothing_left(world);
        end(world);
    }
}

static void a_run_dropped_while_it_is_taken_back_leaves_no_handle(void **state) {
    (void)state;
    for (unsigned i = 0; i < UNDO_REQUESTS; i++) {
        struct world *world = begin_undo(&(struct cloud_rule){.act = CLOUD_HOLD}, i);
        if (until_held_or_over(world))
            dropped(world);
        end(world);
    }
}

/* ------------------------------------------------------------ where COMMIT fails */

/* backup.json is stored, the answer lost, and whoever asks again is refused `refusals` times. */
static void run_with_a_lost_commit(struct world *world, unsigned refusals) {
    cloud_rule(world->cloud, &(struct cloud_rule){.match = "/backup.json", .act = CLOUD_LOSE, .times = 1});
    cloud_rule(
        world->cloud,
        &(struct cloud_rule){
            .match = "/backup.json", .act = CLOUD_REFUSE, .status = 403, .code = "AccessDenied", .times = refusals});
    world_start(world);
    world_finish(world);
    assert_non_null(cloud_find(world->cloud, "/backup.json"));
    assert_int_equal(cloud_count(world->cloud, "DELETE"), 0);
}

/* Broke: it was deleted, good and whole. */
static void a_backup_that_stands_is_not_taken_back(void **state) {
    (void)state;
    struct world *world = begin();
    run_with_a_lost_commit(world, 1);
    assert_whole(world);
    assert_true(world_has_said(world, "only the answer was lost"));
    end(world);
}

static void a_backup_that_may_stand_is_left_as_it_is(void **state) {
    (void)state;
    struct world *world = begin();
    run_with_a_lost_commit(world, 2);
    assert_int_equal(world->result.outcome, RUN_FAILED);
    assert_int_equal(world->result.error.code, ERROR_DENIED);
    assert_non_null(strstr(world->result.undo_error.message, "may stand"));
    end(world);
}

static void a_run_dropped_while_it_asks_leaves_no_handle(void **state) {
    (void)state;
    struct world *world = begin();
    cloud_rule(world->cloud, &(struct cloud_rule){.match = "HEAD", .act = CLOUD_HOLD});
    cloud_rule(world->cloud, &(struct cloud_rule){
                                 .match = "/backup.json", .act = CLOUD_REFUSE, .status = 403, .code = "AccessDenied"});
    world_start(world);
    world_until_held(world, "HEAD", 1);
    backup_cancel(world->backup, "too late");
    dropped(world);
    end(world);
}

static void a_timeout_takes_everything_back(void **state) {
    struct world *world = *state;
    world_job(world, "[Job]\nTimeout=1s\n");
    world_page(world, 0, 1, 10);
    cloud_rule(world->cloud, &(struct cloud_rule){.match = "Scan", .act = CLOUD_HOLD});
    world_run(world);
    assert_int_equal(world->result.outcome, RUN_FAILED);
    assert_non_null(strstr(world->result.error.message, "Timeout="));
    assert_nothing_left(world);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_request_refused_takes_everything_back),
        cmocka_unit_test(any_request_cut_is_made_again),
        cmocka_unit_test(any_answer_lost_is_settled),
        cmocka_unit_test(a_cancel_at_any_request_takes_everything_back),
        cmocka_unit_test(a_run_dropped_at_any_request_leaves_no_handle_and_no_memory),
        cmocka_unit_test(a_run_dropped_before_its_first_turn_leaves_nothing),
        cmocka_unit_test(a_run_cancelled_before_its_first_turn_asks_nothing),
        cmocka_unit_test(what_cannot_be_taken_back_is_told),
        cmocka_unit_test(a_cancel_while_it_is_taken_back_changes_nothing),
        cmocka_unit_test(a_run_dropped_while_it_is_taken_back_leaves_no_handle),
        cmocka_unit_test(a_backup_that_stands_is_not_taken_back),
        cmocka_unit_test(a_backup_that_may_stand_is_left_as_it_is),
        cmocka_unit_test(a_run_dropped_while_it_asks_leaves_no_handle),
        WITH_WORLD(a_timeout_takes_everything_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
