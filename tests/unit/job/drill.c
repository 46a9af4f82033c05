/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The drill, whatever happens to any one of its requests: refused, cut, lost after it was done, held while the drill is cancelled or the
 * process ends. No scratch table is left then, or it stands in the state and the next start deletes it; and a table that another made is
 * never deleted.
 */
#include "world.h"

#include "job/drill.h"
#include "job/scratch.h"
#include "job/sweep.h"
#include "state/scratch.h"

#define ITEMS 60

/* The looks at a table that is being made or deleted, 100 or 200 ms after each other at first and then twice as long, come fifty times as
 * fast. Linked in by --wrap. */
int __real_uv_timer_start(uv_timer_t *timer, uv_timer_cb ring, uint64_t timeout, uint64_t repeat);
int __wrap_uv_timer_start(uv_timer_t *timer, uv_timer_cb ring, uint64_t timeout, uint64_t repeat);

int __wrap_uv_timer_start(uv_timer_t *timer, uv_timer_cb ring, uint64_t timeout, uint64_t repeat) {
    for (uint64_t look = 100; look <= 6400; look *= 2)
        if (timeout == look)
            return __real_uv_timer_start(timer, ring, timeout / 50, repeat);
    return __real_uv_timer_start(timer, ring, timeout, repeat);
}

struct town {
    struct world *world;
    struct state *state; /* the world's, but for a drill without one */
    struct drill *drill;
    struct sweep *sweep;
    unsigned before;        /* requests that came before the drill's */
    unsigned times;         /* that done fired */
    bool over, looks_after; /* looks_after: as the daemon does, what a drill could not delete is tried again */
    struct run_result result;
};

static struct town *begin_with(const char *job) {
    struct town *town = x_calloc(1, sizeof *town);
    void *world;
    world_set_up(&world);
    town->world = world;
    world_job(town->world, job);
    world_page(town->world, 0, ITEMS / 2, 50);
    world_page(town->world, 0, ITEMS / 2, 50);
    world_run(town->world);
    assert_int_equal(town->world->result.outcome, RUN_SUCCEEDED);
    world_keep(town->world);
    town->state = town->world->state;
    town->before = cloud_count(town->world->cloud, "");
    return town;
}

#define DRILLED "Format=dynamodb-json json\n[Drill]\nSchedule=@weekly\n"

static struct town *begin(void) {
    return begin_with(DRILLED);
}

static void end(struct town *town) {
    void *world = town->world;
    drill_free(town->drill);
    sweep_free(town->sweep);
    run_result_fini(&town->result);
    world_tear_down(&world);
    free(town);
}

static void on_over(void *arg, struct run_result *result) {
    struct town *town = arg;
    const struct scratch_table *left = drill_left(town->drill);
    town->times++;
    town->over = true;
    if (left && town->looks_after)
        town->sweep = sweep_add(town->sweep, town->world->engine, town->state, left);
    town->drill = NULL;
    run_result_fini(&town->result);
    town->result = *result;
    *result = (struct run_result){0};
}

static void start(struct town *town) {
    static const unsigned char identity[16] = {0xde, 0xad, 0xbe, 0xef};
    struct world *world = town->world;
    struct drill_order order = {world->engine, world->config, world->config->jobs[0], town->state, identity};
    town->over = false;
    town->times = 0;
    town->drill = drill_start(&order, on_over, town);
    assert_int_equal(town->times, 0);
}

static void finish(struct town *town) {
    run_until(&town->world->loop, &town->over);
    assert_int_equal(town->times, 1);
}

static void run_drill(struct town *town) {
    start(town);
    finish(town);
}

/* How many tables stand in the state, once what was asked of it is over: looked at as a process does at its start. */
static size_t remembered(struct town *town) {
    struct scratch_table *tables;
    size_t count;
    world_until_written(town->world);
    assert_true(scratch_load(town->state, &tables, &count, NULL));
    for (size_t i = 0; i < count; i++)
        scratch_table_fini(&tables[i]);
    free(tables);
    return count;
}

static void assert_nothing_is_left(struct town *town) {
    const char *left = cloud_scratch(town->world->cloud);
    if (left)
        fail_msg("table %s is left", left);
    assert_int_equal(remembered(town), 0);
}

static void assert_passed(struct town *town) {
    if (town->result.outcome != RUN_SUCCEEDED)
        fail_msg("%s", town->result.error.message);
    assert_int_equal(town->result.kind, RUN_DRILL);
    assert_int_equal(town->result.items, ITEMS);
    assert_string_equal(town->result.id, town->world->result.id);
    assert_nothing_is_left(town);
}

/* Another process on the same state: what an earlier one left goes. */
static void start_again(struct town *town) {
    _cleanup_error_ struct error error = {0};
    town->sweep = sweep_start(town->world->engine, town->state, &error);
    assert_int_equal(error.code, ERROR_NONE);
    for (int i = 0; i < 10000 && remembered(town); i++)
        run_for(&town->world->loop, 1);
    sweep_free(take_pointer(town->sweep));
}

/* ------------------------------------------------------------ each request in turn */

static unsigned requests_of_a_drill(void) {
    struct town *town = begin();
    run_drill(town);
    assert_passed(town);
    unsigned count = cloud_count(town->world->cloud, "") - town->before;
    assert_true(count > 10);
    end(town);
    return count;
}

static void each_in_turn(struct cloud_rule rule, void (*story)(struct town *town)) {
    unsigned count = requests_of_a_drill();
    for (unsigned i = 0; i < count; i++) {
        struct town *town = begin();
        rule.match = "";
        rule.after = i;
        rule.times = 1;
        cloud_rule(town->world->cloud, &rule);
        start(town);
        story(town);
        end(town);
    }
}

static unsigned passed; /* though a request was refused */

static void fails_and_leaves_nothing(struct town *town) {
    finish(town);
    if (town->result.outcome == RUN_SUCCEEDED) {
        assert_passed(town);
        passed++;
        return;
    }
    assert_non_null(strstr(town->result.error.message, "AccessDenied"));
    if (town->result.undo_error.code) { /* of those that delete the table: the next start does it */
        assert_non_null(strstr(town->result.undo_error.message, "aws dynamodb delete-table"));
        assert_int_equal(remembered(town), 1);
        start_again(town);
    }
    assert_nothing_is_left(town);
}

/* All but DescribeTable of the job's own table: whose backups they are is told by what stands there, too. */
static void any_request_refused_fails_the_drill(void **state) {
    (void)state;
    passed = 0;
    each_in_turn((struct cloud_rule){.act = CLOUD_REFUSE, .status = 403, .code = "AccessDenied"},
                 fails_and_leaves_nothing);
    assert_int_equal(passed, 1);
}

/* A refusal that ends: what the drill could not delete goes while the process lives. */
static void a_table_that_could_not_be_deleted_is_tried_again(void **state) {
    (void)state;
    struct town *town = begin();
    town->looks_after = true;
    cloud_rule(town->world->cloud,
               &(struct cloud_rule){
                   .match = "DeleteTable", .act = CLOUD_REFUSE, .status = 403, .code = "AccessDenied", .times = 3});
    run_drill(town);
    assert_int_equal(town->result.outcome, RUN_FAILED);
    assert_int_equal(remembered(town), 1);
    for (int i = 0; i < 1000 && remembered(town); i++)
        run_for(&town->world->loop, 10);
    assert_nothing_is_left(town);
    assert_int_equal(cloud_count(town->world->cloud, "DeleteTable"), 4);
    end(town);
}

static void passes(struct town *town) {
    finish(town);
    assert_passed(town);
}

static void any_request_cut_is_made_again(void **state) {
    (void)state;
    each_in_turn((struct cloud_rule){.act = CLOUD_CUT}, passes);
}

static void any_answer_lost_is_settled(void **state) {
    (void)state;
    each_in_turn((struct cloud_rule){.act = CLOUD_LOSE}, passes);
}

static void cancelled(struct town *town) {
    world_until_held(town->world, "", 1);
    drill_cancel(town->drill, "cancelled by the test");
    drill_cancel(town->drill, "cancelled again");
    cloud_no_rules(town->world->cloud);
    while (cloud_release(town->world->cloud, "")) /* what was on its way is carried out after all */
        ;
    finish(town);
    assert_nothing_is_left(town);
}

static void a_cancel_at_any_request_leaves_nothing(void **state) {
    (void)state;
    each_in_turn((struct cloud_rule){.act = CLOUD_HOLD}, cancelled);
}

static void dropped(struct town *town) {
    world_until_held(town->world, "", 1);
    drill_free(take_pointer(town->drill));
    cloud_no_rules(town->world->cloud);
    while (cloud_release(town->world->cloud, ""))
        ;
    run_for(&town->world->loop, 5);
    assert_int_equal(town->times, 0);
    bool there = cloud_scratch(town->world->cloud);
    assert_true(!there || remembered(town) == 1);
    start_again(town);
    assert_nothing_is_left(town);
}

static void a_process_that_ends_at_any_request_leaves_nothing_behind_the_next_start(void **state) {
    (void)state;
    each_in_turn((struct cloud_rule){.act = CLOUD_HOLD}, dropped);
}

/* ------------------------------------------------------------ whose table it is */

static void the_name_is_written_down_before_the_table_is_made(void **state) {
    (void)state;
    struct town *town = begin();
    cloud_rule(town->world->cloud, &(struct cloud_rule){.match = "CreateTable", .act = CLOUD_HOLD});
    start(town);
    world_until_held(town->world, "CreateTable", 1);
    assert_int_equal(remembered(town), 1);
    const char *asked = cloud_body(town->world->cloud, "CreateTable");
    assert_non_null(strstr(asked, "\"TableName\":\"j-drill-"));
    assert_non_null(strstr(asked, "PAY_PER_REQUEST"));
    end(town);
}

static void a_table_that_another_made_is_left_alone(void **state) {
    (void)state;
    struct town *town = begin();
    cloud_scratch_taken(town->world->cloud);
    run_drill(town);
    assert_int_equal(town->result.outcome, RUN_FAILED);
    assert_int_equal(town->result.error.code, ERROR_EXISTS);
    assert_non_null(strstr(town->result.error.message, "left alone"));
    assert_non_null(cloud_scratch(town->world->cloud));
    assert_int_equal(cloud_count(town->world->cloud, "DeleteTable"), 0);
    assert_int_equal(remembered(town), 0);
    end(town);
}

static void without_a_state_no_table_is_made(void **state) {
    (void)state;
    struct town *town = begin();
    town->state = NULL;
    run_drill(town);
    assert_int_equal(town->result.outcome, RUN_FAILED);
    assert_non_null(strstr(town->result.error.message, "state directory"));
    assert_int_equal(cloud_count(town->world->cloud, "CreateTable"), 0);
    end(town);
}

static struct scratch_table table_of(const char *arn) {
    return (struct scratch_table){.planned = 1000 * SECOND_MS, .arn = (char *)(uintptr_t)arn};
}

static bool is_ours(const char *arn, const char *described) {
    struct scratch_table table = table_of(arn);
    struct json_object *object = json_tokener_parse(described);
    bool ours = scratch_is_ours(&table, object);
    json_object_put(object);
    return ours;
}

static void a_table_is_ours_by_its_arn_or_by_when_it_came_to_be(void **state) {
    (void)state;
    assert_true(is_ours("arn:x", "{\"TableArn\":\"arn:x\",\"CreationDateTime\":1}"));
    assert_false(is_ours("arn:x", "{\"TableArn\":\"arn:y\",\"CreationDateTime\":2000}"));
    assert_false(is_ours("arn:x", "{}"));
    assert_true(is_ours(NULL, "{\"TableArn\":\"arn:y\",\"CreationDateTime\":1000.25}"));
    assert_true(is_ours(NULL, "{\"CreationDateTime\":1000}"));
    assert_false(is_ours(NULL, "{\"CreationDateTime\":999.999}"));
    assert_false(is_ours(NULL, "{\"TableArn\":\"arn:y\"}"));
}

/* ------------------------------------------------------------ what it compares */

static void what_the_table_gives_back_is_compared(void **state) {
    (void)state;
    struct town *town = begin();
    cloud_rule(town->world->cloud, &(struct cloud_rule){.match = "Scan scratch", .act = CLOUD_HOLD});
    start(town);
    world_until_held(town->world, "Scan scratch", 1);
    cloud_change_item(town->world->cloud, "i7", "{\"id\":{\"S\":\"i7\"},\"pad\":{\"S\":\"another\"}}");
    cloud_no_rules(town->world->cloud);
    cloud_release(town->world->cloud, "Scan scratch");
    finish(town);
    assert_int_equal(town->result.error.code, ERROR_CORRUPT);
    assert_non_null(strstr(town->result.error.message, "not the same ones"));
    assert_nothing_is_left(town);
    end(town);
}

/* backup.json says one thing of the items, the data another; only a drill's job has it recorded. */
static void what_the_backup_recorded_is_compared(void **state) {
    (void)state;
    struct town *town = begin();
    struct buffer text = world_read(cloud_find(town->world->cloud, "/backup.json"));
    assert_non_null(strstr(text.data, "\"item_digest\":\""));
    buffer_fini(&text);
    end(town);
    town = begin_with("");
    text = world_read(cloud_find(town->world->cloud, "/backup.json"));
    assert_null(strstr(text.data, "item_digest"));
    buffer_fini(&text);
    run_drill(town); /* and is drilled all the same */
    assert_passed(town);
    end(town);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_request_refused_fails_the_drill),
        cmocka_unit_test(a_table_that_could_not_be_deleted_is_tried_again),
        cmocka_unit_test(any_request_cut_is_made_again),
        cmocka_unit_test(any_answer_lost_is_settled),
        cmocka_unit_test(a_cancel_at_any_request_leaves_nothing),
        cmocka_unit_test(a_process_that_ends_at_any_request_leaves_nothing_behind_the_next_start),
        cmocka_unit_test(the_name_is_written_down_before_the_table_is_made),
        cmocka_unit_test(a_table_that_another_made_is_left_alone),
        cmocka_unit_test(without_a_state_no_table_is_made),
        cmocka_unit_test(a_table_is_ours_by_its_arn_or_by_when_it_came_to_be),
        cmocka_unit_test(what_the_table_gives_back_is_compared),
        cmocka_unit_test(what_the_backup_recorded_is_compared),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
