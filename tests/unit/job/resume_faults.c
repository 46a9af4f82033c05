/* SPDX-License-Identifier: Apache-2.0 */
/* What a run finds when it is taken up again, and is not as it was left: then it starts over, fails, or is taken back, and says why. */
#include "interrupted.h"

#include <sqlite3.h>

/* Six of the sixteen pages have been read; two cuts or so are recorded. */
static struct world *begin_interrupted(void) {
    struct world *world = begin_files(1);
    cloud_rule(world->cloud, &(struct cloud_rule){.match = "Scan 0 k10", .act = CLOUD_HOLD});
    world_start(world);
    world_until_held(world, "Scan 0 k10", 1);
    world_until_asked(world, "/data/00003", 1);
    world_until_said(world, "is recorded", 1);
    world_kill(world);
    return world;
}

static struct world *begin_interrupted_upload(void) {
    struct world *world = begin_both(1);
    cloud_rule(world->cloud, &(struct cloud_rule){.match = "Scan 0 k14", .act = CLOUD_HOLD});
    world_start(world);
    world_until_held(world, "Scan 0 k14", 1);
    world_until_asked(world, "?partNumber=2", 1);
    world_until_said(world, "is recorded", 1);
    world_kill(world);
    return world;
}

static void resume(struct world *world) {
    world_resume(world);
    world_finish(world);
}

static void assert_starts_over(struct world *world, const char *words) {
    if (world->result.outcome != RUN_STARTS_OVER)
        fail_msg("it ended with outcome %d (%s)", world->result.outcome, world->result.error.message);
    if (!strstr(world->result.error.message, words))
        fail_msg("\"%s\" does not say \"%s\"", world->result.error.message, words);
    assert_int_equal(world->result.undo_error.code, ERROR_NONE);
    assert_nothing_left(world);
}

/* ------------------------------------------------------------ S3 holds something else */

static void a_vanished_upload_makes_it_start_over(void **state) {
    (void)state;
    struct world *world = begin_interrupted_upload();
    assert_int_equal(cloud_uploads(world->cloud), 1);
    cloud_abort_uploads(world->cloud);
    resume(world);
    assert_starts_over(world, "lost its upload");
    assert_int_equal(cloud_count(world->cloud, "max-parts"), 8); /* it was not believed at once */
    end(world);
}

static const struct cloud_rule seems_gone = {
    .match = "max-parts", .act = CLOUD_REFUSE, .status = 404, .code = "NoSuchUpload", .times = 2};

/* Broke: Ceph RGW once said so of an upload that stood, and all that had been read was read again. */
static void an_upload_that_is_said_to_be_gone_for_a_moment_is_kept(void **state) {
    (void)state;
    struct world *world = begin_interrupted_upload();
    unsigned asked = cloud_count(world->cloud, "Scan ");
    world_resume(world);
    cloud_rule(world->cloud, &seems_gone);
    world_finish(world);
    assert_resumed(world, 1);
    assert_int_equal(cloud_count(world->cloud, "max-parts"), 3);
    assert_false(world_has_said(world, "goes on from cut 0"));
    assert_true(cloud_count(world->cloud, "Scan ") - asked < cloud_pages(world->cloud));
    end(world);
}

/* The same once the scan is over, when there may be an object instead, and is none; and behind the list's first page. */
static void an_upload_to_be_completed_that_is_said_to_be_gone_for_a_moment_is_kept(void **state) {
    (void)state;
    struct world *world = begin_both(1);
    cloud_rule(world->cloud, &(struct cloud_rule){.match = ".json?uploadId=", .act = CLOUD_HOLD});
    world_start(world);
    world_until_held(world, ".json?uploadId=", 1);
    world_kill(world);
    unsigned asked = cloud_count(world->cloud, "Scan ");
    world_resume(world);
    struct cloud_rule rule = seems_gone;
    rule.after = 1;
    cloud_rule(world->cloud, &rule);
    world_finish(world);
    assert_resumed(world, 1);
    assert_int_equal(cloud_count(world->cloud, "max-parts"), 5);
    assert_int_equal(cloud_count(world->cloud, "part-number-marker"), 2);
    assert_int_equal(cloud_count(world->cloud, "Scan "), asked);
    end(world);
}

static void a_cancel_while_an_upload_is_in_doubt_leaves_nothing(void **state) {
    (void)state;
    struct world *world = begin_interrupted_upload();
    world_resume(world);
    cloud_rule(world->cloud,
               &(struct cloud_rule){.match = "max-parts", .act = CLOUD_REFUSE, .status = 404, .code = "NoSuchUpload"});
    world_until_asked(world, "max-parts", 3);
    run_for(&world->loop, 5);
    backup_cancel(world->backup, "cancelled by the test");
    world_finish(world);
    assert_int_equal(world->result.outcome, RUN_CANCELLED);
    assert_nothing_left(world);
    end(world);
}

static void an_upload_that_vanishes_later_makes_it_start_over(void **state) {
    (void)state;
    struct world *world = begin_interrupted_upload();
    cloud_rule(world->cloud, &(struct cloud_rule){.match = "Scan 0 k15", .act = CLOUD_HOLD});
    world_resume(world);
    world_until_held(world, "Scan 0 k15", 1);
    cloud_abort_uploads(world->cloud);
    cloud_no_rules(world->cloud);
    assert_true(cloud_release(world->cloud, "Scan"));
    world_finish(world);
    assert_starts_over(world, "NoSuchUpload");
    end(world);
}

static void a_changed_file_makes_it_start_over(void **state) {
    (void)state;
    struct world *world = begin_interrupted();
    const struct cloud_object *file = cloud_find(world->cloud, "/data/00001.json");
    _cleanup_free_ char *key = x_strdup(file->key), *run = x_strdup(file->run);
    _cleanup_free_ char *bytes = x_strndup(file->bytes.data, file->bytes.length);
    size_t length = file->bytes.length;
    bytes[length / 2] ^= 1; /* the same size */
    cloud_put(world->cloud, key, run, bytes, length);
    resume(world);
    assert_starts_over(world, "00001.json is another than was made");
    end(world);
}

static void a_missing_file_makes_it_start_over(void **state) {
    (void)state;
    struct world *world = begin_interrupted();
    _cleanup_free_ char *key = x_strdup(cloud_find(world->cloud, "/data/00002.json")->key);
    cloud_delete(world->cloud, key);
    resume(world);
    assert_starts_over(world, "00002.json is gone");
    end(world);
}

/* It went on, and then somebody changed what it had kept: the manifests must not name it. */
static void a_file_that_goes_while_it_goes_on_makes_it_start_over(void **state) {
    (void)state;
    struct world *world = begin_interrupted();
    cloud_rule(world->cloud, &(struct cloud_rule){.match = "Scan 0 k15", .act = CLOUD_HOLD});
    world_resume(world);
    world_until_held(world, "Scan 0 k15", 1);
    _cleanup_free_ char *key = x_strdup(cloud_find(world->cloud, "/data/00001.json")->key);
    cloud_delete(world->cloud, key);
    cloud_no_rules(world->cloud);
    assert_true(cloud_release(world->cloud, "Scan"));
    world_finish(world);
    assert_starts_over(world, "00001.json is gone");
    end(world);
}

static char *stray_of(const struct world *world, const char *name) {
    const char *first = cloud_find(world->cloud, "/data/00001.json")->key;
    return x_printf("%.*s%s", (int)(strrchr(first, '/') + 1 - first), first, name);
}

static void files_that_no_cut_holds_are_deleted(void **state) {
    (void)state;
    struct world *world = begin_interrupted();
    static const char *const names[] = {"00099.json", "00001.json.gz", "00001.json2", "0001.json", "notes.txt"};
    for (size_t i = 0; i < array_length(names); i++) {
        _cleanup_free_ char *key = stray_of(world, names[i]);
        cloud_put(world->cloud, key, "another", "x", 1);
    }
    resume(world);
    assert_resumed(world, 1);
    end(world);
}

/* Sent by the process before, and landed late. */
static void a_file_that_lands_late_is_deleted_before_the_manifests(void **state) {
    (void)state;
    struct world *world = begin_interrupted();
    cloud_rule(world->cloud, &(struct cloud_rule){.match = "Scan 0 k15", .act = CLOUD_HOLD});
    world_resume(world);
    world_until_held(world, "Scan 0 k15", 1);
    _cleanup_free_ char *key = stray_of(world, "00050.json");
    cloud_put(world->cloud, key, "late", "x", 1);
    cloud_no_rules(world->cloud);
    assert_true(cloud_release(world->cloud, "Scan"));
    world_finish(world);
    assert_resumed(world, 1);
    end(world);
}

static void a_stray_that_may_not_be_deleted_fails_the_run(void **state) {
    (void)state;
    struct world *world = begin_interrupted();
    _cleanup_free_ char *key = stray_of(world, "00099.json");
    cloud_put(world->cloud, key, "another", "x", 1);
    cloud_rule(world->cloud,
               &(struct cloud_rule){.match = "?delete", .act = CLOUD_REFUSE, .status = 403, .code = "AccessDenied"});
    resume(world);
    assert_int_equal(world->result.outcome, RUN_FAILED);
    assert_non_null(strstr(world->result.error.message, "AccessDenied"));
    assert_null(cloud_find(world->cloud, "/backup.json"));
    end(world);
}

/* Fewer items, fewer files: nothing of what the first process had sent may stay. */
static void items_deleted_meanwhile_leave_fewer_files(void **state) {
    (void)state;
    struct world *world = begin_files(1);
    cloud_rule(world->cloud, &(struct cloud_rule){.match = "/data/00004", .act = CLOUD_HOLD});
    world_start(world);
    world_until_held(world, "/data/00004", 1);
    world_until_asked(world, "/data/00005", 1);
    world_until_said(world, "is recorded", 3);
    world_kill(world);
    assert_non_null(cloud_find(world->cloud, "/data/00005"));
    cloud_keep_pages(world->cloud, 7); /* three files are recorded: six pages */
    world->items = 4 * 7;
    resume(world);
    assert_resumed(world, 1);
    assert_null(cloud_find(world->cloud, "/data/00005"));
    assert_non_null(cloud_find(world->cloud, "/data/00100"));
    assert_null(cloud_find(world->cloud, "/data/00101"));
    end(world);
}

static void a_table_made_anew_makes_it_start_over(void **state) {
    (void)state;
    struct world *world = begin_interrupted();
    cloud_table_id(world->cloud, "id-2");
    resume(world);
    assert_starts_over(world, "its id was id-1 and is id-2");
    end(world);
}

/* ------------------------------------------------------------ ends of a resumed run */

static void a_cancel_of_a_resumed_run_takes_back_what_both_processes_made(void **state) {
    (void)state;
    struct world *world = begin_interrupted_upload();
    cloud_rule(world->cloud, &(struct cloud_rule){.match = "Scan 0 k15", .act = CLOUD_HOLD});
    world_resume(world);
    world_until_held(world, "Scan 0 k15", 1);
    cloud_no_rules(world->cloud);
    cloud_forget_held(world->cloud);
    backup_cancel(world->backup, "cancelled by the test");
    world_finish(world);
    assert_int_equal(world->result.outcome, RUN_CANCELLED);
    assert_nothing_left(world);
    struct checkpoint checkpoint;
    assert_true(world_checkpoint(world, &checkpoint)); /* until the history has it */
    assert_string_equal(checkpoint.run.given_up, "cancelled by the test");
    assert_true(checkpoint.run.cancelled);
    checkpoint_fini(&checkpoint);
    end(world);
}

/* The id alone is enough: a role may be allowed to abort and not to list. */
static void uploads_are_aborted_by_their_ids_where_they_cannot_be_listed(void **state) {
    (void)state;
    struct world *world = begin_interrupted_upload();
    cloud_rule(world->cloud, &(struct cloud_rule){
                                 .match = "max-uploads", .act = CLOUD_REFUSE, .status = 403, .code = "AccessDenied"});
    world_resume(world);
    world_until_asked(world, "Scan 0 k14", 2);
    backup_cancel(world->backup, "cancelled by the test");
    world_finish(world);
    assert_true(cloud_count(world->cloud, "max-uploads") > 0);
    assert_int_equal(cloud_uploads(world->cloud), 0);
    end(world);
}

/* Broke: there was no way to S3 yet when it was to be taken back. */
static void a_resumed_run_cancelled_at_once_takes_everything_back(void **state) {
    (void)state;
    for (int turns = 0; turns < 3; turns++) {
        struct world *world = begin_interrupted_upload();
        world_resume(world);
        for (int i = 0; i < turns; i++)
            uv_run(&world->loop, UV_RUN_NOWAIT);
        backup_cancel(world->backup, "cancelled by the test");
        world_finish(world);
        assert_int_equal(world->result.outcome, RUN_CANCELLED);
        assert_nothing_left(world);
        end(world);
    }
}

static void nothing_of_a_run_that_was_over_is_lost(void **state) {
    (void)state;
    struct world *world = begin_both(1);
    cloud_rule(world->cloud, &(struct cloud_rule){.match = "/backup.json", .act = CLOUD_HOLD});
    world_start(world);
    world_until_held(world, "/backup.json", 1);
    assert_true(cloud_release(world->cloud, "/backup.json"));
    world_kill(world);
    world_resume(world);
    world_finish(world);
    assert_whole(world);
    assert_true(world_has_said(world, "stands already"));
    end(world);
}

/* ------------------------------------------------------------ abandoned */

struct abandoned {
    bool over, stands;
    enum error_code code;
};

static void on_abandoned(void *arg, bool stands, const struct error *error) {
    struct abandoned *abandoned = arg;
    assert_false(abandoned->over);
    *abandoned = (struct abandoned){true, stands, error ? error->code : ERROR_NONE};
}

static struct abandoned abandon(struct world *world) {
    struct checkpoint checkpoint;
    struct abandoned abandoned = {0};
    assert_true(world_checkpoint(world, &checkpoint));
    struct backup_order order = {
        .engine = world->engine, .config = world->config, .job = world->config->jobs[0], .resume = &checkpoint};
    assert_non_null(backup_abandon_start(&order, on_abandoned, &abandoned));
    assert_false(abandoned.over);
    run_until(&world->loop, &abandoned.over);
    return abandoned;
}

static void an_abandoned_run_leaves_nothing(void **state) {
    (void)state;
    struct world *world = begin_interrupted_upload();
    cloud_put(world->cloud, "p/AWSDynamoDB/01751767200123-aaaaaaaa/data/00001.json", "foreign", "x", 1);
    struct abandoned abandoned = abandon(world);
    assert_false(abandoned.stands);
    assert_int_equal(abandoned.code, ERROR_NONE);
    assert_int_equal(cloud_objects(world->cloud), 1); /* another's */
    assert_int_equal(cloud_uploads(world->cloud), 0);
    end(world);
}

static void a_run_that_had_been_over_is_not_abandoned(void **state) {
    (void)state;
    struct world *world = begin_both(1);
    world_run(world);
    size_t objects = cloud_objects(world->cloud);
    struct abandoned abandoned = abandon(world);
    assert_true(abandoned.stands);
    assert_int_equal(cloud_objects(world->cloud), objects);
    assert_whole(world);
    end(world);
}

static void an_abandoning_that_is_cancelled_leaves_no_handle(void **state) {
    (void)state;
    struct world *world = begin_interrupted();
    struct checkpoint checkpoint;
    struct abandoned abandoned = {0};
    for (int held = 0; held < 2; held++) {
        assert_true(world_checkpoint(world, &checkpoint));
        struct backup_order order = {
            .engine = world->engine, .config = world->config, .job = world->config->jobs[0], .resume = &checkpoint};
        struct abandon *abandon = backup_abandon_start(&order, on_abandoned, &abandoned);
        if (held) {
            cloud_rule(world->cloud, &(struct cloud_rule){.match = "DELETE", .act = CLOUD_HOLD});
            world_until_held(world, "DELETE", 1);
        }
        backup_abandon_cancel(abandon);
        cloud_forget_held(world->cloud);
    }
    assert_false(abandoned.over);
    end(world);
}

/* ------------------------------------------------------------ the state */

static bool spoil(struct sqlite3 *db, void *arg, struct error *error) {
    (void)error;
    return sqlite3_exec(db, arg, NULL, NULL, NULL) == SQLITE_OK;
}

/* As a full disk would: some entries stand, from a moment on none does. */
static struct world *begin_spoilt(const char *statement) {
    struct world *world = begin_both(1);
    cloud_rule(world->cloud, &(struct cloud_rule){.match = "Scan 0 k8", .act = CLOUD_HOLD});
    world_start(world);
    world_until_held(world, "Scan 0 k8", 1);
    world_until_asked(world, "?partNumber=1", 1);
    world_until_said(world, "is recorded", 1);
    struct checkpoint checkpoint;
    assert_true(world_checkpoint(world, &checkpoint)); /* and nothing is being written */
    checkpoint_fini(&checkpoint);
    assert_true(state_do_now(world->state, spoil, (void *)(uintptr_t)statement, NULL));
    return world;
}

#define FULL "CREATE TRIGGER full BEFORE INSERT ON checkpoint_cut BEGIN SELECT RAISE(ABORT, 'disk full'); END"

static void a_run_goes_on_without_a_state_and_says_so_once(void **state) {
    (void)state;
    struct world *world = begin_spoilt(FULL);
    cloud_no_rules(world->cloud);
    assert_true(cloud_release(world->cloud, "Scan"));
    world_finish(world);
    assert_resumed(world, 0);
    assert_int_equal(world_times_said(world, "the state cannot be written"), 1);
    end(world);
}

/* The state has stayed behind: what it knows is still true, or the run starts over. Never a wrong backup. */
static void a_run_whose_state_stayed_behind_is_resumed_or_starts_over(void **state) {
    (void)state;
    for (unsigned page = 9; page < 18; page++) {
        struct world *world = begin_spoilt(FULL);
        _cleanup_free_ char *match = x_printf("Scan 0 k%u", page);
        cloud_no_rules(world->cloud);
        cloud_rule(world->cloud, &(struct cloud_rule){.match = page < 17 ? match : "/backup.json", .act = CLOUD_HOLD});
        assert_true(cloud_release(world->cloud, "Scan"));
        world_until_held(world, page < 17 ? match : "/backup.json", 1);
        run_for(&world->loop, 50);
        world_kill(world);
        assert_true(state_do_now(world->state, spoil, (void *)(uintptr_t) "DROP TRIGGER full", NULL));
        resume(world);
        if (world->result.outcome == RUN_STARTS_OVER)
            assert_nothing_left(world);
        else
            assert_resumed(world, 1);
        end(world);
    }
}

/* The numbers are those of the last cut that was recorded: whoever reads them is told. */
static void a_run_that_was_over_while_its_state_stayed_behind_says_so(void **state) {
    (void)state;
    struct world *world = begin_spoilt(FULL);
    cloud_no_rules(world->cloud);
    cloud_rule(world->cloud, &(struct cloud_rule){.match = "/backup.json", .act = CLOUD_HOLD});
    assert_true(cloud_release(world->cloud, "Scan"));
    world_until_held(world, "/backup.json", 1);
    assert_true(cloud_release(world->cloud, "/backup.json"));
    world_kill(world);
    size_t objects = cloud_objects(world->cloud);
    resume(world);
    assert_int_equal(world->result.outcome, RUN_SUCCEEDED);
    assert_non_null(world->result.warning);
    assert_int_equal(cloud_objects(world->cloud), objects);
    assert_data_is_the_manifests(world);
    end(world);
}

static void a_stop_without_a_state_is_a_cancel(void **state) {
    struct world *world = *state;
    world_job(world, "PartSize=64K\n[Scan]\nSegments=1\n");
    world_page(world, 0, 1, 10);
    cloud_rule(world->cloud, &(struct cloud_rule){.match = "Scan", .act = CLOUD_HOLD});
    world_start(world);
    world_until_held(world, "Scan", 1);
    backup_stop(world->backup, "the test stops");
    world_finish(world);
    assert_int_equal(world->result.outcome, RUN_CANCELLED);
    assert_nothing_left(world);
}

/* A cut, or the stop itself too, could not be written: what was recorded before is not thrown away for that. */
static void a_stop_while_the_state_stays_behind_keeps_what_is_recorded(void **state) {
    (void)state;
    static const char *const refused[] = {
        FULL,
        FULL "; CREATE TRIGGER stops BEFORE UPDATE OF stopped ON checkpoint BEGIN SELECT RAISE(ABORT, 'full'); END"};
    for (size_t i = 0; i < 2 * array_length(refused); i++) {
        struct world *world = begin_spoilt(refused[i / 2]);
        size_t objects = cloud_objects(world->cloud);
        cloud_no_rules(world->cloud);
        if (i % 2) { /* it is stopped once the state is known to fail, or finds that out while it stops */
            cloud_rule(world->cloud, &(struct cloud_rule){.match = "Scan 0 k15", .act = CLOUD_HOLD});
            assert_true(cloud_release(world->cloud, "Scan"));
            world_until_held(world, "Scan 0 k15", 1);
            for (int wait = 0; wait < 1000 && !world_has_said(world, "the state cannot be written"); wait++)
                run_for(&world->loop, 10);
            assert_true(world_has_said(world, "the state cannot be written"));
        }
        backup_stop(world->backup, "the test stops");
        if (!(i % 2))
            assert_true(cloud_release(world->cloud, "Scan"));
        world_finish(world);
        assert_int_equal(world->result.outcome, RUN_STOPPED);
        assert_true(cloud_objects(world->cloud) >= objects);
        assert_true(state_do_now(world->state, spoil, (void *)(uintptr_t) "DROP TRIGGER full", NULL));
        state_do_now(world->state, spoil, (void *)(uintptr_t) "DROP TRIGGER IF EXISTS stops", NULL);
        cloud_no_rules(world->cloud);
        cloud_forget_held(world->cloud);
        resume(world);
        if (world->result.outcome == RUN_STARTS_OVER)
            assert_nothing_left(world);
        else
            assert_resumed(world, 1);
        end(world);
    }
}

static void what_does_not_fit_together_starts_over(void **state) {
    (void)state;
    static const char *const statements[] = {
        "DELETE FROM checkpoint_part WHERE object = 1",
        "DELETE FROM checkpoint_cut WHERE cut = 1",
        "UPDATE checkpoint SET items = items + 1",
        "UPDATE checkpoint_part SET items = items + 1 WHERE object = 2",
        "UPDATE checkpoint_part SET part = 2 WHERE object = 1",
        "UPDATE checkpoint SET formats = 'parquet/none'",
        "UPDATE checkpoint SET definition = '{}'",
        "UPDATE checkpoint SET segments = 0",
    };
    for (size_t i = 0; i < array_length(statements); i++) {
        struct world *world = begin_interrupted();
        assert_true(state_do_now(world->state, spoil, (void *)(uintptr_t)statements[i], NULL));
        resume(world);
        assert_starts_over(world, "");
        assert_int_equal(cloud_count(world->cloud, "DescribeTable"), 1);
        end(world);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_vanished_upload_makes_it_start_over),
        cmocka_unit_test(an_upload_that_is_said_to_be_gone_for_a_moment_is_kept),
        cmocka_unit_test(an_upload_to_be_completed_that_is_said_to_be_gone_for_a_moment_is_kept),
        cmocka_unit_test(a_cancel_while_an_upload_is_in_doubt_leaves_nothing),
        cmocka_unit_test(an_upload_that_vanishes_later_makes_it_start_over),
        cmocka_unit_test(a_changed_file_makes_it_start_over),
        cmocka_unit_test(a_missing_file_makes_it_start_over),
        cmocka_unit_test(a_file_that_goes_while_it_goes_on_makes_it_start_over),
        cmocka_unit_test(files_that_no_cut_holds_are_deleted),
        cmocka_unit_test(a_file_that_lands_late_is_deleted_before_the_manifests),
        cmocka_unit_test(a_stray_that_may_not_be_deleted_fails_the_run),
        cmocka_unit_test(items_deleted_meanwhile_leave_fewer_files),
        cmocka_unit_test(a_table_made_anew_makes_it_start_over),
        cmocka_unit_test(a_cancel_of_a_resumed_run_takes_back_what_both_processes_made),
        cmocka_unit_test(uploads_are_aborted_by_their_ids_where_they_cannot_be_listed),
        cmocka_unit_test(a_resumed_run_cancelled_at_once_takes_everything_back),
        cmocka_unit_test(nothing_of_a_run_that_was_over_is_lost),
        cmocka_unit_test(an_abandoned_run_leaves_nothing),
        cmocka_unit_test(a_run_that_had_been_over_is_not_abandoned),
        cmocka_unit_test(an_abandoning_that_is_cancelled_leaves_no_handle),
        cmocka_unit_test(a_run_goes_on_without_a_state_and_says_so_once),
        cmocka_unit_test(a_run_whose_state_stayed_behind_is_resumed_or_starts_over),
        cmocka_unit_test(a_run_that_was_over_while_its_state_stayed_behind_says_so),
        WITH_WORLD(a_stop_without_a_state_is_a_cancel),
        cmocka_unit_test(a_stop_while_the_state_stays_behind_keeps_what_is_recorded),
        cmocka_unit_test(what_does_not_fit_together_starts_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
