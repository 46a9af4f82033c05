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
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
