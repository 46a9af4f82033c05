/* SPDX-License-Identifier: Apache-2.0 */
/* Whole backups against the cloud: what stands in S3 at the end, whatever came in between. */
#include "world.h"

#include "base/json.h"

#define BOTH "Format=dynamodb-json json\n"

static void both_formats_hold_every_item_of_every_page_once(void **state) {
    struct world *world = *state;
    world_job(world, BOTH "[Scan]\nSegments=3\n");
    for (unsigned segment = 0; segment < 3; segment++)
        for (unsigned page = 0; page < 4; page++)
            world_page(world, segment, 50, 200);
    world_run(world);
    assert_whole(world);
    assert_int_equal(world->items, 600);
    assert_non_null(cloud_find(world->cloud, "/_started"));
    assert_non_null(cloud_find(world->cloud, "/manifest-summary.checksum"));
}

static void run_empty(struct world *world, const char *job, const char *plain, const char *text) {
    world_job(world, job);
    world_run(world);
    assert_whole(world);
    assert_int_equal(world->result.items, 0);
    const struct cloud_object *object = cloud_find(world->cloud, plain);
    assert_non_null(object);
    struct buffer read = world_read(object);
    assert_string_equal(read.data ? read.data : "", text);
    buffer_fini(&read);
}

static void an_empty_table_is_an_empty_array(void **state) {
    run_empty(*state, "Format=json\n", "-1a2b3c4d.json", "[\n]\n");
}

static void an_empty_table_is_an_empty_array_in_gzip(void **state) {
    run_empty(*state, "Format=json\nCompression=gzip\n", ".json.gz", "[\n]\n");
}

static void an_empty_table_is_an_empty_array_in_zstd(void **state) {
    run_empty(*state, "Format=json\nCompression=zstd\n", ".json.zst", "[\n]\n");
}

static void an_empty_table_is_one_file_without_lines(void **state) {
    run_empty(*state, "Compression=none\n", "data/00001.json", "");
}

static void an_empty_table_is_one_empty_gzip_member(void **state) {
    run_empty(*state, "", "data/00001.json.gz", "");
}

static void an_empty_table_is_one_empty_zstd_frame(void **state) {
    run_empty(*state, "Compression=zstd\n", "data/00001.json.zst", "");
}

static void pages_without_items_lead_on(void **state) {
    struct world *world = *state;
    world_job(world, BOTH "[Scan]\nSegments=1\n");
    world_page(world, 0, 0, 0);
    world_page(world, 0, 0, 0);
    world_page(world, 0, 2, 10);
    world_page(world, 0, 0, 0);
    world_page(world, 0, 1, 10);
    world_page(world, 0, 0, 0);
    world_run(world);
    assert_whole(world);
    assert_int_equal(cloud_count(world->cloud, "Scan"), 6);
}

/* ------------------------------------------------------------ REGION */

#define NOWHERE "[Job]\nTable=tab\n[Destination]\nBucket=bkt\n"
#define TOKEN   "/latest/api/token"

static void a_run_without_a_region_takes_the_sources(void **state) {
    struct world *world = *state;
    setenv("AWS_REGION", "eu-west-1", 1);
    world_job(world, NOWHERE);
    world_page(world, 0, 1, 10);
    world_run(world);
    assert_whole(world);
    assert_string_equal(world->result.region, "eu-west-1");
}

static void a_run_without_any_region_says_so_and_makes_nothing(void **state) {
    struct world *world = *state;
    cloud_rule(world->cloud,
               &(struct cloud_rule){.match = TOKEN, .act = CLOUD_REFUSE, .status = 403, .code = "Forbidden"});
    world_job(world, NOWHERE);
    world_run(world);
    assert_int_equal(world->result.outcome, RUN_FAILED);
    assert_non_null(strstr(world->result.error.message, "Region="));
    assert_nothing_left(world);
    assert_int_equal(cloud_count(world->cloud, "DescribeTable"), 0);
}

static void a_run_cancelled_while_it_looks_for_its_region_makes_nothing(void **state) {
    struct world *world = *state;
    cloud_rule(world->cloud, &(struct cloud_rule){.match = TOKEN, .act = CLOUD_HOLD});
    world_job(world, NOWHERE);
    world_start(world);
    world_until_held(world, TOKEN, 1);
    backup_cancel(world->backup, "cancelled by the test");
    world_finish(world);
    assert_int_equal(world->result.outcome, RUN_CANCELLED);
    assert_nothing_left(world);
}

static void a_run_dropped_while_it_looks_for_its_region_leaves_no_handle(void **state) {
    struct world *world = *state;
    cloud_rule(world->cloud, &(struct cloud_rule){.match = TOKEN, .act = CLOUD_HOLD});
    world_job(world, NOWHERE);
    world_start(world);
    world_until_held(world, TOKEN, 1);
    backup_free(take_pointer(world->backup));
}

/* What status shows while parts are on their way. */
static void stored_bytes_grow_while_the_run_goes_on(void **state) {
    struct world *world = *state;
    world_job(world, BOTH "[Scan]\nSegments=1\n");
    for (unsigned page = 0; page < 7; page++)
        world_flat_page(world, 0, 2, 1 << 20);
    world_page(world, 0, 1, 10);
    cloud_rule(world->cloud, &(struct cloud_rule){.match = "Scan 0 k7", .act = CLOUD_HOLD});
    world_start(world);
    world_until_asked(world, "?partNumber=1", 1);
    world_until_held(world, "Scan 0 k7", 1);
    struct backup_progress progress = backup_progress(world->backup);
    assert_string_equal(progress.state, "stream");
    assert_true(progress.stored_bytes >= 5 << 20);
    cloud_no_rules(world->cloud);
    assert_true(cloud_release(world->cloud, "Scan"));
    world_finish(world);
    assert_whole(world);
}

/* ------------------------------------------------------------ another table under the same name */

/* Its scan waits for the second page. */
static void begin_slow(struct world *world) {
    world_job(world, BOTH "[Scan]\nSegments=1\n");
    for (unsigned page = 0; page < 3; page++)
        world_page(world, 0, 50, 200);
    cloud_rule(world->cloud, &(struct cloud_rule){.match = "Scan 0 k1", .act = CLOUD_HOLD});
    world_start(world);
    world_until_held(world, "Scan 0 k1", 1);
    cloud_no_rules(world->cloud);
}

static void go_on(struct world *world) {
    assert_true(cloud_release(world->cloud, "Scan"));
    world_finish(world);
}

static void assert_mixed(const struct world *world) {
    assert_int_equal(world->result.outcome, RUN_FAILED);
    assert_non_null(strstr(world->result.error.message, "deleted and made again while it was read"));
    assert_nothing_left(world);
}

static void a_table_that_is_made_again_while_it_is_read_is_no_backup(void **state) {
    struct world *world = *state;
    begin_slow(world);
    cloud_table_id(world->cloud, "id-2");
    go_on(world);
    assert_mixed(world);
}

static void where_a_table_has_no_id_its_creation_tells(void **state) {
    struct world *world = *state;
    cloud_table_id(world->cloud, "");
    cloud_table_made(world->cloud, 1700000000);
    begin_slow(world);
    cloud_table_made(world->cloud, 1700000002);
    go_on(world);
    assert_mixed(world);
}

static void a_table_that_is_made_again_after_its_scan_keeps_its_backup(void **state) {
    struct world *world = *state;
    begin_slow(world);
    cloud_table_id(world->cloud, "id-2");
    cloud_table_made(world->cloud, clock_wall() / SECOND_MS + 60);
    go_on(world);
    assert_whole(world);
    assert_true(world_has_said(world, "made again since its scan ended"));
}

static void a_table_that_has_gone_after_its_scan_keeps_its_backup(void **state) {
    struct world *world = *state;
    begin_slow(world);
    cloud_rule(world->cloud,
               &(struct cloud_rule){
                   .match = "DescribeTable", .act = CLOUD_REFUSE, .status = 400, .code = "ResourceNotFoundException"});
    go_on(world);
    assert_whole(world);
    assert_true(world_has_said(world, "ResourceNotFoundException"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_WORLD(both_formats_hold_every_item_of_every_page_once),
        WITH_WORLD(an_empty_table_is_an_empty_array),
        WITH_WORLD(an_empty_table_is_an_empty_array_in_gzip),
        WITH_WORLD(an_empty_table_is_an_empty_array_in_zstd),
        WITH_WORLD(an_empty_table_is_one_file_without_lines),
        WITH_WORLD(an_empty_table_is_one_empty_gzip_member),
        WITH_WORLD(an_empty_table_is_one_empty_zstd_frame),
        WITH_WORLD(pages_without_items_lead_on),
        WITH_WORLD(a_run_without_a_region_takes_the_sources),
        WITH_WORLD(a_run_without_any_region_says_so_and_makes_nothing),
        WITH_WORLD(a_run_cancelled_while_it_looks_for_its_region_makes_nothing),
        WITH_WORLD(a_run_dropped_while_it_looks_for_its_region_leaves_no_handle),
        WITH_WORLD(stored_bytes_grow_while_the_run_goes_on),
        WITH_WORLD(a_table_that_is_made_again_while_it_is_read_is_no_backup),
        WITH_WORLD(where_a_table_has_no_id_its_creation_tells),
        WITH_WORLD(a_table_that_is_made_again_after_its_scan_keeps_its_backup),
        WITH_WORLD(a_table_that_has_gone_after_its_scan_keeps_its_backup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
