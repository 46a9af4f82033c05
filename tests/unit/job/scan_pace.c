/* SPDX-License-Identifier: Apache-2.0 */
/* ReadCapacity= as a backup sees it, by a clock that stands still until a test moves it: what waits for it would wait for ever. */
#include "world.h"

#include "base/json.h"

/* Waits are cut, so that only the clock decides; it is asked again and again. Linked in by --wrap. */
int __real_uv_timer_start(uv_timer_t *timer, uv_timer_cb ring, uint64_t timeout, uint64_t repeat);
int __wrap_uv_timer_start(uv_timer_t *timer, uv_timer_cb ring, uint64_t timeout, uint64_t repeat);
int64_t __real_clock_monotonic(void);
int64_t __wrap_clock_monotonic(void);

#define CUT_MS   5
#define A_WHILE  60     /* that a test looks on */
#define PATIENCE 120000 /* of run_until() */

static bool cut; /* all other waits are at most CUT_MS */
static int64_t stands_at;

int __wrap_uv_timer_start(uv_timer_t *timer, uv_timer_cb ring, uint64_t timeout, uint64_t repeat) {
    if (cut && timeout > A_WHILE && timeout != PATIENCE)
        timeout = CUT_MS;
    return __real_uv_timer_start(timer, ring, timeout, repeat);
}

int64_t __wrap_clock_monotonic(void) {
    return stands_at ? stands_at : __real_clock_monotonic();
}

static int set_up(void **state) {
    cut = false;
    stands_at = __real_clock_monotonic();
    return world_set_up(state);
}

static int tear_down(void **state) {
    cut = false;
    stands_at = 0;
    return world_tear_down(state);
}

/* Pages of one segment, each of 128 units. */
static void paced_job(struct world *world, unsigned pages, const char *capacity) {
    _cleanup_free_ char *text = x_printf("[Scan]\nSegments=1\nReadCapacity=%s\n[Job]\nRetryFor=2s\n", capacity);
    world_job(world, text);
    for (unsigned i = 0; i < pages; i++)
        world_page(world, 0, 64, 100);
    cloud_page_units(world->cloud, 128);
}

/* After so many pages, with the clock where it is, no other is asked for. */
static void assert_waits(struct world *world, unsigned pages) {
    world_until_asked(world, "Scan", pages);
    run_for(&world->loop, A_WHILE);
    assert_int_equal(cloud_count(world->cloud, "Scan"), pages);
}

static void a_page_in_debt_is_waited_for(void **state) {
    struct world *world = *state;
    paced_job(world, 4, "100");
    cut = true;
    world_start(world);
    assert_waits(world, 1);
    stands_at += 270; /* a second was saved up: 28 units are owed */
    assert_waits(world, 1);
    stands_at += 20;
    assert_waits(world, 2);
    stands_at += 1260; /* and now 128, less what the 10 ms before have paid */
    assert_waits(world, 2);
    stands_at += 20;
    assert_waits(world, 3);
    stands_at += 1300;
    world_finish(world);
    assert_whole(world);
}

static void the_pace_is_asked_for_in_pages_of_a_second(void **state) {
    struct world *world = *state;
    paced_job(world, 2, "16");
    cut = true;
    world_start(world);
    assert_waits(world, 1);
    assert_non_null(strstr(cloud_body(world->cloud, "Scan"), "\"Limit\":1,")); /* nobody knows how large an item is */
    assert_true(backup_progress(world->backup).read_rate == 16);
    stands_at += 8000;
    assert_waits(world, 2);
    assert_non_null(strstr(cloud_body(world->cloud, "Scan"), "\"Limit\":8,")); /* two units each, it turned out */
    world_finish(world);
    assert_whole(world);
}

/* Four in flight is what the segments would allow; the second's worth is one page. */
static void segments_share_one_allowance(void **state) {
    struct world *world = *state;
    world_job(world, "[Scan]\nSegments=4\nReadCapacity=130\n");
    for (unsigned segment = 0; segment < 4; segment++)
        world_page(world, segment, 10, 100);
    cloud_page_units(world->cloud, 128);
    cut = true;
    cloud_rule(world->cloud, &(struct cloud_rule){.match = "Scan", .act = CLOUD_HOLD});
    world_start(world);
    world_until_held(world, "Scan", 2); /* 1.5 units were left over: enough to go into debt */
    run_for(&world->loop, A_WHILE);
    assert_int_equal(cloud_held(world->cloud, "Scan"), 2);
    cloud_no_rules(world->cloud);
    while (cloud_release(world->cloud, "Scan"))
        ;
    assert_waits(world, 2);
    stands_at += 5000; /* a second's worth is all that is saved up */
    assert_waits(world, 4);
    world_finish(world);
    assert_whole(world);
}

static void a_share_is_of_what_the_table_has(void **state) {
    struct world *world = *state;
    paced_job(world, 2, "25%");
    cloud_provisioned(world->cloud, 400);
    cut = true;
    world_start(world);
    assert_waits(world, 1);
    assert_true(backup_progress(world->backup).read_rate == 100);
    stands_at += 1000;
    world_finish(world);
    assert_null(world->result.warning);
    assert_whole(world);
}

static void a_share_of_a_table_on_demand_is_no_limit_and_is_told(void **state) {
    struct world *world = *state;
    paced_job(world, 20, "25%");
    world_run(world);
    assert_whole(world);
    assert_non_null(strstr(world->result.warning, "ReadCapacity=25%: table tab is on demand"));
    assert_true(world_has_said(world, "ReadCapacity=25%: table tab is on demand"));
    assert_null(strstr(cloud_body(world->cloud, "Scan"), "Limit"));
}

/* The clock stands: had either waited for the pace, it would never be over. */
static void a_cancel_does_not_wait_for_the_pace(void **state) {
    struct world *world = *state;
    paced_job(world, 3, "1");
    world_start(world);
    world_until_asked(world, "Scan", 1);
    run_for(&world->loop, A_WHILE);
    backup_cancel(world->backup, "cancelled by root");
    world_finish(world);
    assert_int_equal(world->result.outcome, RUN_CANCELLED);
    assert_int_equal(cloud_count(world->cloud, "Scan"), 1);
    assert_nothing_left(world);
}

static void a_stop_does_not_wait_for_the_pace(void **state) {
    struct world *world = *state;
    paced_job(world, 3, "1");
    world_keep(world);
    world_start(world);
    world_until_asked(world, "Scan", 1);
    run_for(&world->loop, A_WHILE);
    uint64_t began = uv_hrtime();
    backup_stop(world->backup, "the daemon stops");
    world_finish(world);
    assert_int_equal(world->result.outcome, RUN_STOPPED);
    assert_true(uv_hrtime() - began < UINT64_C(1900000000)); /* nor for pages that are not in flight: 2 s */
}

static void a_run_that_goes_on_keeps_its_pace(void **state) {
    struct world *world = *state;
    paced_job(world, 3, "100");
    world_keep(world);
    cut = true;
    world_start(world);
    assert_waits(world, 1);
    backup_stop(world->backup, "the daemon stops");
    world_finish(world);
    assert_int_equal(world->result.outcome, RUN_STOPPED);
    run_result_fini(&world->result);
    engine_unref(world->engine);
    config_unref(world->config);
    world_job(world, "[Scan]\nReadCapacity=7\n"); /* what the files say by now */
    world_resume(world);
    world_until_asked(world, "Scan", 2);
    run_for(&world->loop, A_WHILE);
    assert_true(backup_progress(world->backup).read_rate == 100);
    for (int i = 0; i < 5 && !world->over; i++) {
        stands_at += 2000;
        run_for(&world->loop, A_WHILE);
    }
    world_finish(world);
    assert_whole(world);
}

/* Broke: after a pause longer than RetryFor= the first hiccup of eight tries was the end of the run. */
static void a_pause_for_the_pace_is_no_failure(void **state) {
    struct world *world = *state;
    paced_job(world, 2, "1");
    cut = true;
    world_start(world);
    assert_waits(world, 1);
    cloud_rule(world->cloud,
               &(struct cloud_rule){
                   .match = "Scan", .act = CLOUD_REFUSE, .status = 500, .code = "InternalServerError", .times = 20});
    stands_at += 200000; /* RetryFor= is 2 s */
    world_finish(world);
    assert_int_equal(cloud_count(world->cloud, "Scan"), 22);
    assert_whole(world);
}

static void after_the_pause_retry_for_counts(void **state) {
    struct world *world = *state;
    paced_job(world, 2, "1");
    cut = true;
    world_start(world);
    assert_waits(world, 1);
    cloud_rule(world->cloud, &(struct cloud_rule){
                                 .match = "Scan", .act = CLOUD_REFUSE, .status = 500, .code = "InternalServerError"});
    stands_at += 200000;
    world_until_asked(world, "Scan", 20);
    assert_false(world->over);
    stands_at += 2001;
    world_finish(world);
    assert_int_equal(world->result.outcome, RUN_FAILED);
    assert_nothing_left(world);
}

/* What the table has read for nothing is its capacity too. */
static void a_damaged_page_is_paid_for(void **state) {
    struct world *world = *state;
    paced_job(world, 2, "100");
    cloud_rule(world->cloud, &(struct cloud_rule){.match = "Scan", .act = CLOUD_DAMAGE, .times = 1});
    cut = true;
    world_start(world);
    assert_waits(world, 2);
    stands_at += 1000; /* a whole page would be paid for, but two came */
    assert_waits(world, 2);
    stands_at += 300;
    assert_waits(world, 3);
    world_finish(world);
    assert_whole(world);
}

#define WITH_PACE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_PACE(a_page_in_debt_is_waited_for),
        WITH_PACE(the_pace_is_asked_for_in_pages_of_a_second),
        WITH_PACE(segments_share_one_allowance),
        WITH_PACE(a_share_is_of_what_the_table_has),
        WITH_PACE(a_share_of_a_table_on_demand_is_no_limit_and_is_told),
        WITH_PACE(a_cancel_does_not_wait_for_the_pace),
        WITH_PACE(a_stop_does_not_wait_for_the_pace),
        WITH_PACE(a_run_that_goes_on_keeps_its_pace),
        WITH_PACE(a_pause_for_the_pace_is_no_failure),
        WITH_PACE(after_the_pause_retry_for_counts),
        WITH_PACE(a_damaged_page_is_paid_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
