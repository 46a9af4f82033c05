/* SPDX-License-Identifier: Apache-2.0 */
/* The Scan as a backup sees it: order of arrival, memory that runs out, damaged and hostile pages. */
#include "world.h"

#include "base/json.h"

#define MIB  ((size_t)1 << 20)
#define BOTH "Format=dynamodb-json json\n"

/* Where an item's text stands in the one plain object. */
static size_t place_of(const struct world *world, const char *id) {
    _cleanup_free_ char *words = x_printf("\"id\":\"%s\"", id);
    struct buffer text = world_read(cloud_find(world->cloud, "-1a2b3c4d.json"));
    const char *at = strstr(text.data, words);
    assert_non_null(at);
    size_t place = (size_t)(at - text.data);
    buffer_fini(&text);
    return place;
}

static void pages_are_appended_in_order_of_arrival(void **state) {
    struct world *world = *state;
    world_job(world, BOTH "[Scan]\nSegments=3\n");
    for (unsigned segment = 0; segment < 3; segment++)
        world_page(world, segment, 1, 10);
    cloud_rule(world->cloud, &(struct cloud_rule){.match = "Scan", .act = CLOUD_HOLD});
    world_start(world);
    world_until_held(world, "Scan", 3);
    assert_true(cloud_release(world->cloud, "Scan 2"));
    run_for(&world->loop, 50);
    assert_true(cloud_release(world->cloud, "Scan 0"));
    run_for(&world->loop, 50);
    assert_true(cloud_release(world->cloud, "Scan 1"));
    world_finish(world);
    assert_whole(world);
    assert_true(place_of(world, "i2") < place_of(world, "i0") && place_of(world, "i0") < place_of(world, "i1"));
}

/* Where a page given back wakes a task that waited for memory, the one that gave it back goes with it: its own account must
 * have been settled before. */
static void a_task_woken_by_the_page_that_another_gave_back(void **state) {
    struct world *world = *state;
    world_memory(world, 19 * MIB);
    world_job(world, BOTH "[Scan]\nSegments=6\n");
    for (unsigned segment = 0; segment < 6; segment++)
        for (unsigned page = 0; page < 2; page++)
            world_page(world, segment, 10, 100000);
    world_run(world);
    assert_whole(world);
}

static void a_page_given_back_for_want_of_memory_is_asked_for_again(void **state) {
    struct world *world = *state;
    world_memory(world, 18 * MIB);
    world_job(world, "Compression=none\n[Scan]\nSegments=4\n");
    for (unsigned segment = 0; segment < 4; segment++)
        world_page(world, segment, 6, MIB);
    world_run(world);
    assert_whole(world);
    assert_true(cloud_count(world->cloud, "Scan") > 4);
}

/* The plain object is full long before the file that is to close with it, and a page is larger than what a split leaves. */
static void a_page_larger_than_two_parts_is_no_endless_loop(void **state) {
    struct world *world = *state;
    world_job(world, BOTH "[Scan]\nSegments=1\n");
    world_flat_page(world, 0, 14, MIB);
    world_flat_page(world, 0, 1, 10);
    world_run(world);
    assert_whole(world);
}

static void no_part_of_an_upload_is_smaller_than_s3_takes(void **state) {
    struct world *world = *state;
    world_job(world, BOTH "[Scan]\nSegments=1\n");
    for (unsigned page = 0; page < 24; page++)
        world_page(world, 0, 10, 100000);
    world_run(world);
    assert_whole(world); /* the cloud refuses such a part */
    assert_true(cloud_find(world->cloud, "-1a2b3c4d.json")->parts > 2);
}

/* ------------------------------------------------------------ damaged and hostile pages */

static void a_damaged_page_is_asked_for_again(void **state) {
    struct world *world = *state;
    world_job(world, BOTH);
    world_page(world, 0, 20, 100);
    cloud_rule(world->cloud, &(struct cloud_rule){.match = "Scan", .act = CLOUD_DAMAGE, .times = 1});
    world_run(world);
    assert_whole(world);
    assert_int_equal(cloud_count(world->cloud, "Scan"), 2);
}

static void a_throttled_scan_is_slower_and_whole(void **state) {
    struct world *world = *state;
    world_job(world, BOTH "[Scan]\nSegments=2\n");
    world_page(world, 0, 20, 100);
    world_page(world, 1, 20, 100);
    cloud_rule(world->cloud, &(struct cloud_rule){.match = "Scan",
                                                  .act = CLOUD_REFUSE,
                                                  .status = 400,
                                                  .code = "ProvisionedThroughputExceededException",
                                                  .times = 1});
    world_run(world);
    assert_whole(world);
}

static void ends_badly(struct world *world, const char *words) {
    world_run(world);
    assert_int_equal(world->result.outcome, RUN_FAILED);
    if (!strstr(world->result.error.message, words))
        fail_msg("\"%s\" does not say \"%s\"", world->result.error.message, words);
    assert_int_equal(world->result.undo_error.code, ERROR_NONE);
    assert_nothing_left(world);
}

static void keys_that_go_in_a_circle_end_the_run(void **state) {
    struct world *world = *state;
    world_job(world, BOTH "[Scan]\nSegments=1\n");
    world_page(world, 0, 1, 10);
    cloud_circle(world->cloud);
    ends_badly(world, "never end");
}

static void a_page_over_16_mib_is_refused(void **state) {
    struct world *world = *state;
    world_job(world, BOTH "[Scan]\nSegments=1\n");
    world_flat_page(world, 0, 17, MIB);
    ends_badly(world, "larger than 16 MiB");
}

static void a_page_that_is_no_json_ends_the_run_when_patience_is_over(void **state) {
    struct world *world = *state;
    world_job(world, BOTH "[Job]\nRetryFor=1s\n");
    cloud_page(world->cloud, 0, "{\"id\":{\"S\":\"i0\"}", 1);
    ends_badly(world, "Scan");
}

/* Broke: bytes that are no UTF-8 went into a backup that no reader of JSON could read again. */
static void a_page_that_is_not_utf_8_never_becomes_a_backup(void **state) {
    struct world *world = *state;
    world_job(world, BOTH "[Job]\nRetryFor=1s\n");
    cloud_page(world->cloud, 0, "{\"id\":{\"S\":\"i0\xff\xfe\"}}", 1);
    ends_badly(world, "is not UTF-8 at byte 92");
}

static void an_item_of_no_known_type_ends_the_run(void **state) {
    struct world *world = *state;
    world_job(world, BOTH);
    cloud_page(world->cloud, 0, "{\"id\":{\"Q\":\"i0\"}}", 1);
    ends_badly(world, "Scan of tab, segment 0: item 1 of 1");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_WORLD(pages_are_appended_in_order_of_arrival),
        WITH_WORLD(a_task_woken_by_the_page_that_another_gave_back),
        WITH_WORLD(a_page_larger_than_two_parts_is_no_endless_loop),
        WITH_WORLD(no_part_of_an_upload_is_smaller_than_s3_takes),
        WITH_WORLD(a_page_given_back_for_want_of_memory_is_asked_for_again),
        WITH_WORLD(a_damaged_page_is_asked_for_again),
        WITH_WORLD(a_throttled_scan_is_slower_and_whole),
        WITH_WORLD(keys_that_go_in_a_circle_end_the_run),
        WITH_WORLD(a_page_over_16_mib_is_refused),
        WITH_WORLD(a_page_that_is_no_json_ends_the_run_when_patience_is_over),
        WITH_WORLD(a_page_that_is_not_utf_8_never_becomes_a_backup),
        WITH_WORLD(an_item_of_no_known_type_ends_the_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
