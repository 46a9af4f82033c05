/* SPDX-License-Identifier: Apache-2.0 */
/* A file's MD5: taken from the store's answer where that attests it, else summed; right in each case (assert_whole()
 * looks). */
#include "world.h"

#include "slow.h"
#include "small.h"

#define AES "x-amz-server-side-encryption: AES256\r\n"

static void make_files(struct world *world) {
    world_job(world, "Compression=none\n[Scan]\nSegments=1\n");
    for (unsigned page = 0; page < 8; page++)
        world_page(world, 0, 60, SMALL_PAGE / 20);
}

/* Runs whole; how many data files there are. */
static unsigned run_files(struct world *world) {
    world_run(world);
    assert_whole(world);
    unsigned files = cloud_count(world->cloud, "/data/");
    assert_true(files > 3);
    return files;
}

static unsigned summed(const struct world *world) {
    return cloud_summed(world->cloud, "/data/");
}

static void what_the_store_attests_is_not_summed(void **state) {
    struct world *world = *state;
    make_files(world);
    cloud_attest(world->cloud, AES, 0);
    run_files(world);
    assert_int_equal(summed(world), 0);
    assert_int_equal(cloud_summed(world->cloud, "/_started"), 1);
}

static void expect_all_summed(struct world *world) {
    unsigned files = run_files(world);
    assert_int_equal(summed(world), files);
}

static void a_store_that_repeats_no_checksum_attests_nothing(void **state) {
    make_files(*state);
    expect_all_summed(*state);
}

static void etags_that_are_not_the_md5_are_seen_at_the_first_object(void **state) {
    struct world *world = *state;
    make_files(world);
    cloud_attest(world->cloud, "", 0);
    cloud_other_etags(world->cloud);
    expect_all_summed(world);
}

static void what_is_encrypted_with_a_key_of_kms_is_summed(void **state) {
    struct world *world = *state;
    make_files(world);
    cloud_attest(world->cloud, "x-amz-server-side-encryption: aws:kms\r\n", 0);
    expect_all_summed(world);
}

/* The bucket's default has changed: what was sent without is summed from the bytes that are still there. */
static void a_key_of_kms_that_comes_in_between_is_seen(void **state) {
    struct world *world = *state;
    make_files(world);
    cloud_attest(world->cloud, AES, 0);
    cloud_rule(world->cloud, &(struct cloud_rule){.match = "/data/00002", .act = CLOUD_HOLD});
    world_start(world);
    world_until_held(world, "/data/00002", 1);
    cloud_attest(world->cloud, "x-amz-server-side-encryption: aws:kms\r\n", 0);
    cloud_other_etags(world->cloud);
    cloud_release(world->cloud, "/data/00002");
    world_finish(world);
    assert_whole(world);
}

/* Two are on their way, and only the answer to the first is silent: none is believed behind it. */
static void a_store_that_was_silent_once_is_not_believed_again(void **state) {
    struct world *world = *state;
    make_files(world);
    cloud_attest(world->cloud, AES, 0);
    cloud_rule(world->cloud, &(struct cloud_rule){.match = "/data/", .act = CLOUD_HOLD});
    world_start(world);
    world_until_held(world, "/data/", 2);
    cloud_no_rules(world->cloud);
    cloud_attest(world->cloud, AES, 1);
    while (cloud_release(world->cloud, "/data/"))
        continue;
    world_finish(world);
    assert_whole(world);
    assert_in_range(summed(world), 1, cloud_count(world->cloud, "/data/") - 2);
    const struct cloud_object *last = NULL;
    for (size_t i = 0; i < cloud_objects(world->cloud); i++)
        if (strstr(cloud_object(world->cloud, i)->key, "/data/"))
            last = cloud_object(world->cloud, i);
    assert_non_null(last);
    assert_int_equal(cloud_summed(world->cloud, strstr(last->key, "/data/")), 1);
}

static void a_run_that_goes_on_asks_again_what_the_store_attests(void **state) {
    struct world *world = *state;
    world_keep(world);
    make_files(world);
    cloud_attest(world->cloud, AES, 0);
    world_start(world);
    world_until_asked(world, "/data/", 2);
    world_kill(world);
    world_resume(world);
    world_finish(world);
    assert_whole(world);
    assert_int_equal(cloud_summed(world->cloud, "/_started"), 2);
    assert_int_equal(summed(world), 0);
}

/* Wherever it is: while a worker sums, too. */
static void a_run_that_is_cancelled_leaves_nothing(void **state) {
    unsigned step = stride(3, 15), in_between = 0;
    bool over = false;
    for (unsigned turns = 0; !over; turns += step) {
        struct world *world = *state;
        make_files(world);
        cloud_attest(world->cloud, AES, 2); /* the first file's is left out */
        world_start(world);
        world_until_asked(world, "/data/", 1);
        for (unsigned i = 0; i < turns && !world->over; i++)
            uv_run(&world->loop, UV_RUN_ONCE);
        in_between += !world->over && cloud_find(world->cloud, "/data/") && !summed(world);
        if (!world->over) {
            backup_cancel(world->backup, "cancelled by the test");
            world_finish(world);
        }
        over = world->result.outcome == RUN_SUCCEEDED; /* too late to cancel it */
        if (over)
            assert_whole(world);
        else
            assert_nothing_left(world);
        assert_int_equal(world_tear_down(state), 0);
        assert_int_equal(world_set_up(state), 0);
    }
    assert_true(in_between >
                0); /* the first file stood there and its MD5 was not known to anything that came behind it */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_WORLD(what_the_store_attests_is_not_summed),
        WITH_WORLD(a_store_that_repeats_no_checksum_attests_nothing),
        WITH_WORLD(etags_that_are_not_the_md5_are_seen_at_the_first_object),
        WITH_WORLD(what_is_encrypted_with_a_key_of_kms_is_summed),
        WITH_WORLD(a_key_of_kms_that_comes_in_between_is_seen),
        WITH_WORLD(a_store_that_was_silent_once_is_not_believed_again),
        WITH_WORLD(a_run_that_goes_on_asks_again_what_the_store_attests),
        WITH_WORLD(a_run_that_is_cancelled_leaves_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
