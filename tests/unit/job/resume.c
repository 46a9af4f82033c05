/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A run that is interrupted at any of its requests and taken up again, by the same state and the same store. What comes of it is
 * what an uninterrupted run would have made, and no more is read again than two cuts and what was under way.
 */
#include "interrupted.h"
#include "slow.h"

/* ------------------------------------------------------------ at any request */

/* What is interrupted again and again. */
struct table {
    struct world *(*make)(unsigned segments);
    unsigned pages_a_cut;
};
static const struct table files = {begin_files, 2}, both = {begin_both, 6}, all = {begin_all, 6};

/* Of the items, as a drill compares it: the run's id is always the same here, and so is the key. */
static char *digest_of(const struct world *world) {
    const struct cloud_object *file = cloud_find(world->cloud, "/backup.json");
    struct json_object *backup = json_parse(file->bytes.data, file->bytes.length, NULL);
    char *digest = x_strdup(json_string(backup, "item_digest"));
    json_object_put(backup);
    assert_non_null(digest);
    return digest;
}

/* What a run makes of a table that nobody interrupts: made once, for all tests of that table. */
struct whole {
    const struct table *table;
    unsigned segments, requests;
    char *digest;
};

static const struct whole *run_whole(const struct table *table, unsigned segments) {
    static struct whole wholes[6];
    struct whole *whole = wholes;
    while (whole->table && (whole->table != table || whole->segments != segments))
        whole++;
    if (whole->table)
        return whole;
    struct world *world = table->make(segments);
    world_run(world);
    assert_resumed(world, 0);
    *whole = (struct whole){table, segments, cloud_count(world->cloud, ""), digest_of(world)};
    end(world);
    return whole;
}

/* As the state has it, and what was asked before the kill. */
struct kill {
    unsigned cuts;
    uint64_t pages, asked;
    bool complete, begun;
};

static struct kill look(struct world *world) {
    struct checkpoint checkpoint;
    struct kill kill = {.begun = world_checkpoint(world, &checkpoint), .asked = cloud_count(world->cloud, "Scan ")};
    kill.cuts = checkpoint.run.cuts;
    kill.pages = checkpoint.run.counts.pages;
    kill.complete = checkpoint.run.complete;
    checkpoint_fini(&checkpoint);
    return kill;
}

static void kill_and_resume(struct world *world, bool carried_out, unsigned request, unsigned bound) {
    cloud_rule(world->cloud, &(struct cloud_rule){.match = "", .act = CLOUD_HOLD, .after = request});
    world_start(world);
    world_until_held(world, "", 1);
    if (carried_out)
        while (cloud_release(world->cloud, ""))
            ; /* and the answers are never read */
    world_kill(world);
    struct kill kill = look(world);
    if (!kill.begun) { /* nothing was made, and nothing is there to resume */
        assert_nothing_left(world);
        return;
    }
    assert_true(kill.pages <= kill.asked && (kill.asked - kill.pages <= bound || kill.complete));
    world_resume(world);
    world_finish(world);
    bool committed = kill.complete && world_has_said(world, "backup.json stands already");
    if (committed)
        assert_whole(world);
    else
        assert_resumed(world, 1);
    uint64_t again = cloud_count(world->cloud, "Scan ") - kill.asked;
    assert_int_equal(again, cloud_pages(world->cloud) - kill.pages); /* from the last cut on, and no page before it */
    _cleanup_free_ char *words = x_printf("goes on from cut %u", kill.cuts);
    assert_true(committed || world_has_said(world, words));
}

/* How many went on from a cut. What is read again: two cuts, the pages that wait for their turn, those in flight. */
static unsigned each_request(const struct table *table, unsigned segments, bool carried_out) {
    const struct whole *whole = run_whole(table, segments);
    unsigned kept = 0, step = stride(1, 8), bound = 2 * table->pages_a_cut + 6 + segments + 1;
    for (unsigned i = 0; i < whole->requests; i += step) {
        struct world *world = table->make(segments);
        kill_and_resume(world, carried_out, i, bound);
        _cleanup_free_ char *digest = cloud_find(world->cloud, "/backup.json") ? digest_of(world) : NULL;
        if (digest && world_has_said(world, "goes on from cut"))
            assert_string_equal(digest, whole->digest); /* what an uninterrupted run records */
        kept += world_has_said(world, "goes on from cut") && !world_has_said(world, "goes on from cut 0");
        end(world);
    }
    return kept * step;
}

static void files_of_one_segment(void **state) {
    (void)state;
    assert_true(each_request(&files, 1, false) > 10);
}

static void files_of_one_segment_whose_last_request_was_carried_out(void **state) {
    (void)state;
    assert_true(each_request(&files, 1, true) > 10);
}

static void files_of_eight_segments(void **state) {
    (void)state;
    assert_true(each_request(&files, 8, false) > 10);
}

static void both_formats_of_one_segment(void **state) {
    (void)state;
    assert_true(each_request(&both, 1, false) > 10);
}

static void both_formats_of_one_segment_whose_last_request_was_carried_out(void **state) {
    (void)state;
    assert_true(each_request(&both, 1, true) > 10);
}

static void both_formats_of_eight_segments(void **state) {
    (void)state;
    each_request(&both, 8, false);
}

static void all_formats_of_one_segment(void **state) {
    (void)state;
    assert_true(each_request(&all, 1, false) > 3);
}

static void all_formats_of_one_segment_whose_last_request_was_carried_out(void **state) {
    (void)state;
    assert_true(each_request(&all, 1, true) > 3);
}

static void all_formats_of_eight_segments(void **state) {
    (void)state;
    each_request(&all, 8, false);
}

/* ------------------------------------------------------------ a stop at any request */

/* Two rounds of the loop later everything that was held is let go: a stop meets pages and acknowledgements that come. */
static void stop_and_resume(struct world *world, unsigned request) {
    cloud_rule(world->cloud, &(struct cloud_rule){.match = "", .act = CLOUD_HOLD, .after = request});
    world_start(world);
    world_until_held(world, "", 1);
    backup_stop(world->backup, "the test stops");
    run_for(&world->loop, 2);
    cloud_no_rules(world->cloud);
    while (cloud_release(world->cloud, ""))
        ;
    world_finish(world);
    if (world->result.outcome == RUN_SUCCEEDED) { /* it was nearly over */
        assert_resumed(world, 0);
        return;
    }
    assert_int_equal(world->result.outcome, RUN_STOPPED);
    struct kill stop = look(world);
    assert_true(stop.begun);
    world_resume(world);
    world_finish(world);
    assert_resumed(world, 1);
    assert_int_equal(cloud_count(world->cloud, "Scan ") - stop.asked, cloud_pages(world->cloud) - stop.pages);
}

static void each_stop(const struct table *table, unsigned segments) {
    unsigned step = stride(1, 8);
    for (unsigned i = 0; i < run_whole(table, segments)->requests; i += step) {
        struct world *world = table->make(segments);
        stop_and_resume(world, i);
        end(world);
    }
}

static void files_of_one_segment_stopped(void **state) {
    (void)state;
    each_stop(&files, 1);
}

static void files_of_eight_segments_stopped(void **state) {
    (void)state;
    each_stop(&files, 8);
}

static void both_formats_of_one_segment_stopped(void **state) {
    (void)state;
    each_stop(&both, 1);
}

static void all_formats_of_one_segment_stopped(void **state) {
    (void)state;
    each_stop(&all, 1);
}

static void both_formats_of_eight_segments_stopped(void **state) {
    (void)state;
    each_stop(&both, 8);
}

/* ------------------------------------------------------------ again and again */

static void a_run_killed_at_every_cut_still_ends(void **state) {
    (void)state;
    struct world *world = begin_files(1);
    unsigned kills = 0;
    for (unsigned page = 3; page < 15; page++, kills++) {
        _cleanup_free_ char *match = x_printf("Scan 0 k%u", page);
        cloud_rule(world->cloud, &(struct cloud_rule){.match = match, .act = CLOUD_HOLD});
        if (kills)
            world_resume(world);
        else
            world_start(world);
        world_until_held(world, match, 1);
        world_until_said(world, "is recorded", page / 2); /* two pages are a cut */
        world_kill(world);
    }
    world_resume(world);
    world_finish(world);
    assert_resumed(world, kills);
    assert_true(cloud_count(world->cloud, "Scan ") < 16 + kills * 6);
    /* numbers go on at the next hundred, and none is used twice */
    assert_non_null(cloud_find(world->cloud, "/data/00001.json"));
    assert_null(cloud_find(world->cloud, "/data/00099.json"));
    end(world);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_of_one_segment),
        cmocka_unit_test(files_of_one_segment_whose_last_request_was_carried_out),
        cmocka_unit_test(files_of_eight_segments),
        cmocka_unit_test(both_formats_of_one_segment),
        cmocka_unit_test(both_formats_of_one_segment_whose_last_request_was_carried_out),
        cmocka_unit_test(both_formats_of_eight_segments),
        cmocka_unit_test(all_formats_of_one_segment),
        cmocka_unit_test(all_formats_of_one_segment_whose_last_request_was_carried_out),
        cmocka_unit_test(all_formats_of_eight_segments),
        cmocka_unit_test(files_of_one_segment_stopped),
        cmocka_unit_test(files_of_eight_segments_stopped),
        cmocka_unit_test(both_formats_of_one_segment_stopped),
        cmocka_unit_test(all_formats_of_one_segment_stopped),
        cmocka_unit_test(both_formats_of_eight_segments_stopped),
        cmocka_unit_test(a_run_killed_at_every_cut_still_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
