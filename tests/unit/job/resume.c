/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A run that is interrupted at any of its requests and taken up again, by the same state and the same store. What comes of it is
 * what an uninterrupted run would have made, and no more is read again than two cuts and what was under way.
 */
#include "interrupted.h"

/* ------------------------------------------------------------ at any request */

/* Under valgrind, twenty times slower, one request in seven. */
static unsigned pace(void) {
    const char *preloaded = getenv("LD_PRELOAD");
    return preloaded && strstr(preloaded, "vgpreload") ? 7 : 1;
}

/* Of the items, as a drill compares it: the run's id is always the same here, and so is the key. */
static char *digest_of(const struct world *world) {
    const struct cloud_object *file = cloud_find(world->cloud, "/backup.json");
    struct json_object *backup = json_parse(file->bytes.data, file->bytes.length, NULL);
    char *digest = x_strdup(json_string(backup, "item_digest"));
    json_object_put(backup);
    assert_non_null(digest);
    return digest;
}

static unsigned requests_of_a_run(struct world *(*make)(unsigned), unsigned segments, char **digest) {
    struct world *world = make(segments);
    world_run(world);
    assert_resumed(world, 0);
    *digest = digest_of(world);
    unsigned count = cloud_count(world->cloud, "");
    end(world);
    return count;
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

/* Two cuts of `pages_a_cut` pages, those that wait for their turn, those in flight. */
static unsigned each_request(struct world *(*make)(unsigned), unsigned segments, unsigned pages_a_cut,
                             bool carried_out) {
    _cleanup_free_ char *whole = NULL;
    unsigned requests = requests_of_a_run(make, segments, &whole), kept = 0, bound = 2 * pages_a_cut + 6 + segments + 1;
    /* Eight segments ask in any order; all formats do what both do, and more of it. */
    unsigned step = make == begin_files || (make == begin_both && segments == 1) ? 1 : 3;
    for (unsigned i = 0; i < requests; i += step * pace()) {
        struct world *world = make(segments);
        kill_and_resume(world, carried_out, i, bound);
        _cleanup_free_ char *digest = cloud_find(world->cloud, "/backup.json") ? digest_of(world) : NULL;
        if (digest && world_has_said(world, "goes on from cut"))
            assert_string_equal(digest, whole); /* what an uninterrupted run records */
        kept += world_has_said(world, "goes on from cut") && !world_has_said(world, "goes on from cut 0");
        end(world);
    }
    return kept;
}

static void files_of_one_segment(void **state) {
    (void)state;
    assert_true(each_request(begin_files, 1, 2, false) > 10 / pace());
}

static void files_of_one_segment_whose_last_request_was_carried_out(void **state) {
    (void)state;
    assert_true(each_request(begin_files, 1, 2, true) > 10 / pace());
}

static void files_of_eight_segments(void **state) {
    (void)state;
    assert_true(each_request(begin_files, 8, 2, false) > 10 / pace());
}

static void both_formats_of_one_segment(void **state) {
    (void)state;
    assert_true(each_request(begin_both, 1, 6, false) > 10 / pace());
}

static void both_formats_of_one_segment_whose_last_request_was_carried_out(void **state) {
    (void)state;
    assert_true(each_request(begin_both, 1, 6, true) > 10 / pace());
}

static void both_formats_of_eight_segments(void **state) {
    (void)state;
    each_request(begin_both, 8, 6, false);
}

static void all_formats_of_one_segment(void **state) {
    (void)state;
    assert_true(each_request(begin_all, 1, 6, false) > 3 / pace());
}

static void all_formats_of_one_segment_whose_last_request_was_carried_out(void **state) {
    (void)state;
    assert_true(each_request(begin_all, 1, 6, true) > 3 / pace());
}

static void all_formats_of_eight_segments(void **state) {
    (void)state;
    each_request(begin_all, 8, 6, false);
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

static void each_stop(struct world *(*make)(unsigned), unsigned segments, unsigned every) {
    _cleanup_free_ char *whole = NULL;
    unsigned requests = requests_of_a_run(make, segments, &whole);
    for (unsigned i = 0; i < requests; i += every * pace()) {
        struct world *world = make(segments);
        stop_and_resume(world, i);
        end(world);
    }
}

static void files_of_one_segment_stopped(void **state) {
    (void)state;
    each_stop(begin_files, 1, 1);
}

static void files_of_eight_segments_stopped(void **state) {
    (void)state;
    each_stop(begin_files, 8, 2);
}

static void both_formats_of_one_segment_stopped(void **state) {
    (void)state;
    each_stop(begin_both, 1, 2);
}

static void all_formats_of_one_segment_stopped(void **state) {
    (void)state;
    each_stop(begin_all, 1, 2);
}

static void both_formats_of_eight_segments_stopped(void **state) {
    (void)state;
    each_stop(begin_both, 8, 4);
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
        run_for(&world->loop, 50);
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
