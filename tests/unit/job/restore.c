/* SPDX-License-Identifier: Apache-2.0 */
/* Whole restores against the cloud: what stands in the table at the end, whatever came in between; and a restore that is dropped
 * anywhere leaves nothing behind but its notes. */
#include "world.h"

#include <unistd.h>

#include "base/json.h"
#include "job/restore.h"
#include "state/restores.h"

struct restore_world {
    struct world *world;
    char folder[32];
    struct restore *restore;
    struct restore_result result;
    bool over;
};

static int set_up(void **state) {
    struct restore_world *world = x_calloc(1, sizeof *world);
    *world = (struct restore_world){.folder = "/tmp/restore-test-XXXXXX"};
    world_set_up(state);
    world->world = *state;
    if (!mkdtemp(world->folder))
        return 1;
    *state = world;
    return 0;
}

static void open_state(struct restore_world *world) {
    struct error set_aside = {0}, error = {0};
    world->world->shared.state = state_open(&world->world->loop, world->folder, &set_aside, &error);
    if (!world->world->shared.state)
        fail_msg("%s", error.message);
}

static int tear_down(void **state) {
    static const char *const files[] = {"state.db", "state.db-wal", "state.db-shm", "lock"};
    struct restore_world *world = *state;
    void *inner = world->world;
    restore_cancel(world->restore);
    restore_result_fini(&world->result);
    state_free(world->world->shared.state);
    int left = world_tear_down(&inner);
    for (size_t i = 0; i < array_length(files); i++) {
        _cleanup_free_ char *path = x_printf("%s/%s", world->folder, files[i]);
        unlink(path);
    }
    left += rmdir(world->folder);
    free(world);
    return left;
}

/* A backup of some pages; what was counted until then is not the restore's. */
static void back_up(struct restore_world *world, const char *job, unsigned pages, unsigned items, size_t size) {
    world_job(world->world, job);
    for (unsigned page = 0; page < pages; page++)
        world_page(world->world, 0, items, size);
    world_run(world->world);
    assert_int_equal(world->world->result.outcome, RUN_SUCCEEDED);
}

static void on_over(void *arg, struct restore_result *result) {
    struct restore_world *world = arg;
    assert_false(world->over);
    world->over = true;
    world->restore = NULL;
    restore_result_fini(&world->result);
    world->result = *result;
    *result = (struct restore_result){0};
}

static void start(struct restore_world *world, const struct restore_order *wishes) {
    struct restore_order order = *wishes;
    order.engine = world->world->engine;
    order.config = world->world->config;
    order.job = world->world->config->jobs[0];
    order.prefix = "p/";
    order.id = world->world->result.id;
    order.table = order.table ? order.table : "new";
    world->over = false;
    world->restore = restore_start(&order, on_over, world);
}

static void finish(struct restore_world *world) {
    run_until(&world->world->loop, &world->over);
}

static void run(struct restore_world *world, const struct restore_order *wishes) {
    start(world, wishes);
    finish(world);
}

static void assert_success(const struct restore_world *world) {
    if (world->result.outcome != RUN_SUCCEEDED)
        fail_msg("%s", world->result.error.message);
}

static void assert_failure(const struct restore_world *world, enum error_code code, const char *words) {
    assert_int_equal(world->result.outcome, RUN_FAILED);
    if (world->result.error.code != code || !strstr(world->result.error.message, words))
        fail_msg("%s: \"%s\" does not say \"%s\"", error_code_name(world->result.error.code),
                 world->result.error.message, words);
}

static void assert_all_there(const struct restore_world *world) {
    assert_int_equal(cloud_items(world->world->cloud), world->world->items);
    for (unsigned i = 0; i < world->world->items; i++) {
        _cleanup_free_ char *id = x_printf("i%u", i);
        assert_non_null(cloud_item(world->world->cloud, id));
    }
}

#define CREATE (&(struct restore_order){.create = true})

static void a_table_is_made_filled_and_finished(void **state) {
    struct restore_world *world = *state;
    back_up(world, "", 3, 40, 100);
    run(world, CREATE);
    assert_success(world);
    assert_all_there(world);
    assert_true(world->result.created);
    assert_int_equal(world->result.items, 120);
    assert_string_equal(world->result.table_arn, "arn:aws:dynamodb:eu-west-1:123456789012:table/new");
    assert_non_null(strstr(cloud_body(world->world->cloud, "CreateTable"), "PROVISIONED"));
    assert_non_null(strstr(cloud_body(world->world->cloud, "UpdateTable"), "DeletionProtectionEnabled"));
}

static void an_empty_backup_makes_an_empty_table(void **state) {
    struct restore_world *world = *state;
    back_up(world, "Format=dynamodb-json json\n", 0, 0, 0);
    run(world, CREATE);
    assert_success(world);
    assert_int_equal(cloud_items(world->world->cloud), 0);
    assert_int_equal(cloud_count(world->world->cloud, "UpdateTable"), 1);
}

static void plain_json_comes_back_typed(void **state) {
    struct restore_world *world = *state;
    back_up(world, "Format=json\n", 2, 30, 100);
    run(world, CREATE);
    assert_success(world);
    assert_all_there(world);
}

/* Its own CreateTable, carried out and answered into the void, is repeated and answered with "in use". */
static void a_lost_answer_to_createtable_is_no_failure(void **state) {
    struct restore_world *world = *state;
    back_up(world, "", 1, 30, 100);
    cloud_rule(world->world->cloud, &(struct cloud_rule){.match = "CreateTable", .act = CLOUD_LOSE, .times = 1});
    run(world, CREATE);
    assert_success(world);
    assert_all_there(world);
}

static void what_is_refused_is_told_with_its_reason(void **state) {
    static const struct {
        const char *match, *words;
    } cases[] = {{"DescribeTable", "dynamodb:DescribeTable"},
                 {"CreateTable", "dynamodb:CreateTable"},
                 {"Count", "dynamodb:Scan"},
                 {"BatchWriteItem", "dynamodb:BatchWriteItem"},
                 {"GET /bkt/p/AWSDynamoDB", "s3:GetObject"}};
    struct restore_world *world = *state;
    back_up(world, "", 1, 30, 100);
    for (size_t i = 0; i < array_length(cases); i++) {
        cloud_no_rules(world->world->cloud);
        cloud_unmake(world->world->cloud);
        cloud_rule(
            world->world->cloud,
            &(struct cloud_rule){.match = cases[i].match, .act = CLOUD_REFUSE, .status = 403, .code = "AccessDenied"});
        run(world, CREATE);
        assert_failure(world, ERROR_DENIED, cases[i].words);
    }
}

static void a_restore_dropped_anywhere_leaves_no_handle(void **state) {
    static const char *const matches[] = {"GET /bkt/p/AWSDynamoDB", "DescribeTable",  "CreateTable", "Count",
                                          "GET /bkt/p/AWSDynamoDB", "BatchWriteItem", "UpdateTable"};
    struct restore_world *world = *state;
    open_state(world);
    back_up(world, "", 2, 30, 100);
    for (size_t i = 0; i < array_length(matches); i++) {
        cloud_no_rules(world->world->cloud);
        cloud_unmake(world->world->cloud);
        unsigned before = cloud_held(world->world->cloud, matches[i]);
        cloud_rule(world->world->cloud,
                   &(struct cloud_rule){.match = matches[i], .act = CLOUD_HOLD, .after = i == 4 ? 1 : 0});
        start(world, CREATE);
        world_until_held(world->world, matches[i], before + 1);
        restore_cancel(take_pointer(world->restore));
        cloud_forget_held(world->world->cloud);
        run_for(&world->world->loop, 20);
    }
    assert_false(world->over);
}

struct recollection {
    bool over;
    size_t parts;
};

static void on_found(void *arg, const struct restore_memory *memory, const struct error *error) {
    struct recollection *found = arg;
    assert_null(error);
    *found = (struct recollection){.over = true, .parts = memory->part_count};
}

/* Until the state has noted that many parts of the restore into table new. */
static void until_noted(struct restore_world *world, size_t parts) {
    const struct restore_key key = {.source = world->world->result.uri, .target = "eu-west-1 new"};
    struct recollection found = {0};
    for (uint64_t start = uv_hrtime(); found.parts < parts; run_for(&world->world->loop, 5)) {
        if (uv_hrtime() - start > 120 * (uint64_t)1000000000)
            fail_msg("%zu parts noted, not %zu", found.parts, parts);
        found.over = false;
        restores_find(world->world->shared.state, &key, on_found, &found);
        run_until(&world->world->loop, &found.over);
    }
}

/* Three files of some 4 MiB; a restore of them ends when two stand in the table. */
static void interrupt(struct restore_world *world, const struct restore_order *wishes) {
    cloud_rule(world->world->cloud, &(struct cloud_rule){.match = "data/00003", .act = CLOUD_HOLD});
    start(world, wishes);
    until_noted(world, 2);
    restore_cancel(take_pointer(world->restore));
    cloud_forget_held(world->world->cloud);
    cloud_no_rules(world->world->cloud);
}

static void an_interrupted_restore_goes_on(void **state) {
    struct restore_world *world = *state;
    open_state(world);
    world_memory(world->world, (size_t)48 << 20);
    back_up(world, "Compression=none\n", 12, 10, 100000); /* three files of some 4 MiB */
    unsigned most = world->world->items;
    interrupt(world, CREATE);
    unsigned before = cloud_count(world->world->cloud, "BatchWriteItem");
    run(world, CREATE);
    assert_success(world);
    assert_all_there(world);
    assert_true(world->result.resumed && world->result.created);
    assert_true(world->result.items_before > 0);
    assert_int_equal(world->result.items + world->result.items_before, most);
    assert_true(cloud_count(world->world->cloud, "BatchWriteItem") - before < before + 1);
    run(world, CREATE);
    assert_failure(world, ERROR_INVALID, "not empty");
}

static void on_aged(void *arg, const struct error *error) {
    bool *aged = arg;
    assert_null(error);
    *aged = true;
}

/* As if that restore had been interrupted so many hours ago. */
static void age_notes(struct restore_world *world, int64_t hours) {
    const struct restore_key key = {.source = world->world->result.uri, .target = "eu-west-1 new"};
    struct restored_parts none = {.now = aws_client_now(world->world->engine->client) - hours * 3600 * SECOND_MS};
    bool aged = false;
    restores_parts(world->world->shared.state, &key, &none, on_aged, &aged);
    run_until(&world->world->loop, &aged);
}

static void assert_all_written(const struct restore_world *world) {
    assert_success(world);
    assert_all_there(world);
    assert_false(world->result.resumed);
    assert_int_equal(world->result.items_before, 0);
    assert_int_equal(world->result.items, world->world->items);
}

/* Broke: the table's user wrote to it for weeks, and the items of 60 % of the backup were left as they were, with success. */
static void old_notes_are_not_believed(void **state) {
    struct restore_world *world = *state;
    open_state(world);
    world_memory(world->world, (size_t)48 << 20);
    back_up(world, "Compression=none\n", 12, 10, 100000);
    interrupt(world, CREATE);
    age_notes(world, 25);
    run(world, CREATE);
    assert_failure(world, ERROR_INVALID, "more than a day ago");
    run(world, &(struct restore_order){.overwrite = true});
    assert_all_written(world);
    assert_true(world->result.created); /* by the one before: its settings were still to come */
}

static void notes_of_a_clock_that_ran_ahead_are_not_believed(void **state) {
    static const struct restore_order overwrite = {.overwrite = true};
    struct restore_world *world = *state;
    open_state(world);
    world_memory(world->world, (size_t)48 << 20);
    back_up(world, "Compression=none\n", 12, 10, 100000);
    cloud_make(world->world->cloud);
    interrupt(world, &overwrite);
    age_notes(world, -25);
    run(world, &overwrite);
    assert_all_written(world);
}

static void an_overwrite_goes_on_from_an_overwrite_alone(void **state) {
    static const struct restore_order overwrite = {.overwrite = true};
    struct restore_world *world = *state;
    open_state(world);
    world_memory(world->world, (size_t)48 << 20);
    back_up(world, "Compression=none\n", 12, 10, 100000);
    interrupt(world, CREATE);
    run(world, &overwrite);
    assert_all_written(world);
    interrupt(world, &overwrite);
    age_notes(world, 23);
    run(world, &overwrite);
    assert_success(world);
    assert_true(world->result.resumed && world->result.items_before > 0);
}

/* A table of that name that was made anew holds somebody else's items. */
static void notes_of_another_table_are_worth_nothing(void **state) {
    struct restore_world *world = *state;
    open_state(world);
    back_up(world, "", 2, 30, 100);
    cloud_rule(world->world->cloud, &(struct cloud_rule){.match = "UpdateTable", .act = CLOUD_HOLD});
    start(world, CREATE);
    world_until_held(world->world, "UpdateTable", 1);
    restore_cancel(take_pointer(world->restore));
    cloud_forget_held(world->world->cloud);
    cloud_no_rules(world->world->cloud);
    cloud_unmake(world->world->cloud);
    run(world, CREATE);
    assert_success(world);
    assert_all_there(world);
    assert_false(world->result.resumed);
    assert_int_equal(world->result.items_before, 0);
}

static void a_backup_that_is_read_is_held_and_one_that_goes_is_not_read(void **state) {
    struct restore_world *world = *state;
    struct in_use *set = world->world->shared.in_use;
    back_up(world, "", 1, 30, 100);
    const char *uri = world->world->result.uri;
    cloud_rule(world->world->cloud, &(struct cloud_rule){.match = "BatchWriteItem", .act = CLOUD_HOLD, .times = 1});
    start(world, CREATE);
    world_until_held(world->world, "BatchWriteItem", 1);
    assert_string_equal(in_use_by(set, uri), "the restore into table new");
    assert_false(in_use_take_alone(set, uri));
    assert_true(cloud_release(world->world->cloud, "BatchWriteItem"));
    finish(world);
    assert_success(world);
    assert_true(in_use_take_alone(set, uri));
    run(world, &(struct restore_order){.overwrite = true});
    assert_failure(world, ERROR_NOT_FOUND, "removed by a prune");
    in_use_give_back(set, uri);
}

/* Broke: two restores wrote into one table where one of them named its region, or its ARN, and the other did not. */
static void one_table_takes_one_restore_at_a_time(void **state) {
    static const char arn[] = "arn:aws:dynamodb:eu-west-1:123456789012:table/new";
    const struct restore_order second[] = {
        {.create = true}, {.overwrite = true, .to_region = "eu-west-1"}, {.overwrite = true, .table = arn}};
    struct restore_world *world = *state, other = {.world = world->world};
    back_up(world, "", 1, 30, 100);
    cloud_rule(world->world->cloud, &(struct cloud_rule){.match = "BatchWriteItem", .act = CLOUD_HOLD, .times = 1});
    start(world, CREATE);
    world_until_held(world->world, "BatchWriteItem", 1);
    for (size_t i = 0; i < array_length(second); i++) {
        run(&other, &second[i]);
        assert_failure(&other, ERROR_EXISTS, "under way");
    }
    run(&other, &(struct restore_order){.overwrite = true, .dry_run = true});
    assert_success(&other);
    assert_true(cloud_release(world->world->cloud, "BatchWriteItem"));
    finish(world);
    assert_success(world);
    assert_all_there(world);
    run(&other, &second[2]);
    assert_success(&other);
    restore_result_fini(&other.result);
}

static void a_dry_run_changes_nothing(void **state) {
    struct restore_world *world = *state;
    open_state(world);
    back_up(world, "", 1, 30, 100);
    run(world, &(struct restore_order){.create = true, .dry_run = true});
    assert_success(world);
    const char *plan = json_object_to_json_string(world->result.plan);
    assert_non_null(strstr(plan, "table new is made"));
    assert_non_null(strstr(plan, "30 items"));
    assert_non_null(strstr(plan, "after the data come deletion protection"));
    cloud_make(world->world->cloud);
    run(world, &(struct restore_order){.dry_run = true});
    assert_success(world);
    assert_int_equal(cloud_items(world->world->cloud) + cloud_count(world->world->cloud, "CreateTable") +
                         cloud_count(world->world->cloud, "BatchWriteItem"),
                     0);
}

/* Broke: CreateTable was denied, a person made the table, and the restore into it switched the backup's TTL on, by which DynamoDB began to
 * delete that person's items. */
static void a_table_made_after_a_refusal_is_the_persons_own(void **state) {
    static const struct restore_order orders[] = {{.create = true}, {0}};
    struct restore_world *world = *state;
    open_state(world);
    back_up(world, "", 1, 5, 10);
    for (size_t i = 0; i < array_length(orders); i++) {
        cloud_rule(world->world->cloud,
                   &(struct cloud_rule){
                       .match = "CreateTable", .act = CLOUD_REFUSE, .status = 400, .code = "AccessDeniedException"});
        run(world, CREATE);
        assert_failure(world, ERROR_DENIED, "CreateTable");
        cloud_no_rules(world->world->cloud);
        cloud_make(world->world->cloud);
        run(world, &orders[i]);
        assert_success(world);
        assert_false(world->result.created);
        assert_int_equal(cloud_count(world->world->cloud, "UpdateTable"), 0);
        cloud_unmake(world->world->cloud);
    }
}

/* It died with CreateTable on its way. */
static void die_making(struct restore_world *world) {
    unsigned before = cloud_held(world->world->cloud, "CreateTable");
    cloud_unmake(world->world->cloud);
    cloud_rule(world->world->cloud, &(struct cloud_rule){.match = "CreateTable", .act = CLOUD_HOLD});
    start(world, CREATE);
    world_until_held(world->world, "CreateTable", before + 1);
    restore_cancel(take_pointer(world->restore));
    cloud_forget_held(world->world->cloud);
    cloud_no_rules(world->world->cloud);
    cloud_make(world->world->cloud);
}

static void a_table_that_was_about_to_be_made_is_ours_while_all_says_so(void **state) {
    struct restore_world *world = *state;
    open_state(world);
    back_up(world, "", 1, 5, 10);
    die_making(world);
    run(world, CREATE);
    assert_success(world);
    assert_true(world->result.created);
    assert_int_equal(cloud_count(world->world->cloud, "UpdateTable"), 1);
    die_making(world);
    run(world, &(struct restore_order){0}); /* not asked to make one: it is taken as it is */
    assert_success(world);
    assert_false(world->result.created);
    for (int older = 0; older < 2; older++) {
        die_making(world);
        cloud_grow_older(world->world->cloud, older ? 3600 : -3600); /* it was there before, or it came much later */
        run(world, CREATE);
        assert_success(world);
        assert_false(world->result.created);
    }
    assert_int_equal(cloud_count(world->world->cloud, "UpdateTable"), 1);
}

/* Broke: a backup went into the region of whichever job could read it. */
static void the_table_is_where_the_backups_was_unless_told(void **state) {
    static const struct restore_order orders[] = {{.create = true, .dry_run = true},
                                                  {.create = true, .dry_run = true, .to_region = "ap-south-1"}};
    static const char *const regions[] = {"eu-west-1", "ap-south-1"};
    struct restore_world *world = *state;
    back_up(world, "", 1, 1, 10);
    config_unref(world->world->config);
    world->world->config = world_config(
        world->world, "", "reader", "[Job]\nTable=tab\nRegion=us-east-1\n[Destination]\nBucket=bkt\nPrefix=p/\n", NULL);
    for (size_t i = 0; i < array_length(orders); i++) {
        run(world, &orders[i]);
        assert_success(world);
        assert_string_equal(world->result.region, regions[i]);
        _cleanup_free_ char *words = x_printf("region %s; the credentials of job \\\"reader\\\" writes", regions[i]);
        if (!strstr(json_object_to_json_string(world->result.plan), words))
            fail_msg("%s", json_object_to_json_string(world->result.plan));
    }
}

/* Whose account that is, nobody has said: an existing table is written to only where it is the backup's own. */
static void a_job_that_only_reads_writes_to_no_table_of_another_account(void **state) {
    static const struct restore_order foreign = {.foreign = true, .overwrite = true},
                                      told = {.foreign = true, .overwrite = true, .to_region = "eu-west-1"},
                                      own = {.overwrite = true}, make = {.foreign = true, .create = true};
    struct restore_world *world = *state;
    back_up(world, "", 1, 5, 10);
    cloud_make(world->world->cloud);
    run(world, &foreign); /* of one account */
    assert_success(world);
    unsigned before = cloud_count(world->world->cloud, "BatchWriteItem");
    cloud_account(world->world->cloud, "999999999999");
    run(world, &foreign);
    assert_failure(world, ERROR_INVALID, "account 999999999999, and job \"j\", by which it would be written");
    assert_non_null(strstr(world->result.error.message, "--to-region"));
    assert_int_equal(cloud_count(world->world->cloud, "BatchWriteItem"), before);
    run(world, &told);
    assert_success(world);
    run(world, &own);
    assert_success(world);
    assert_non_null(strstr(json_object_to_json_string(world->result.plan), "account 999999999999"));
    cloud_unmake(world->world->cloud);
    run(world, &make); /* it takes nothing from anybody */
    assert_success(world);
}

static void write_capacities(void **state) {
    (void)state;
    static const char *const good[] = {"1", "500", "0.5", "25%", "100%"};
    static const char *const bad[] = {"",  "0",    "-1",  "101%", "0%",   "5 %",   "x",
                                      "%", "1e99", "nan", "5%%",  "0x10", "1.2.3", "1e2"};
    for (size_t i = 0; i < array_length(good); i++) {
        struct write_capacity capacity;
        assert_true(write_capacity_parse(&capacity, good[i], NULL));
        assert_int_equal(capacity.percent, strchr(good[i], '%') != NULL);
    }
    for (size_t i = 0; i < array_length(bad); i++) {
        struct write_capacity capacity;
        struct error error = {0};
        if (write_capacity_parse(&capacity, bad[i], &error))
            fail_msg("%s was read as %g", bad[i], capacity.value);
        assert_int_equal(error.code, ERROR_INVALID);
        error_clear(&error);
    }
}

#define WITH_RESTORE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_RESTORE(a_table_is_made_filled_and_finished),
        WITH_RESTORE(an_empty_backup_makes_an_empty_table),
        WITH_RESTORE(plain_json_comes_back_typed),
        WITH_RESTORE(a_lost_answer_to_createtable_is_no_failure),
        WITH_RESTORE(what_is_refused_is_told_with_its_reason),
        WITH_RESTORE(a_restore_dropped_anywhere_leaves_no_handle),
        WITH_RESTORE(an_interrupted_restore_goes_on),
        WITH_RESTORE(old_notes_are_not_believed),
        WITH_RESTORE(notes_of_a_clock_that_ran_ahead_are_not_believed),
        WITH_RESTORE(an_overwrite_goes_on_from_an_overwrite_alone),
        WITH_RESTORE(notes_of_another_table_are_worth_nothing),
        WITH_RESTORE(a_backup_that_is_read_is_held_and_one_that_goes_is_not_read),
        WITH_RESTORE(one_table_takes_one_restore_at_a_time),
        WITH_RESTORE(a_dry_run_changes_nothing),
        WITH_RESTORE(a_table_made_after_a_refusal_is_the_persons_own),
        WITH_RESTORE(a_table_that_was_about_to_be_made_is_ours_while_all_says_so),
        WITH_RESTORE(the_table_is_where_the_backups_was_unless_told),
        WITH_RESTORE(a_job_that_only_reads_writes_to_no_table_of_another_account),
        cmocka_unit_test(write_capacities),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
