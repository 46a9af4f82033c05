/* SPDX-License-Identifier: Apache-2.0 */
/* Items into a table: each is there in the end, once, byte for byte, whatever comes in between; and never faster than asked for. */
#include "world.h"

#include "base/json.h"
#include "job/writer.h"

/* The clock stands still where a test wants it to. Linked in by --wrap. */
int64_t __real_clock_monotonic(void);
int64_t __wrap_clock_monotonic(void);

static int64_t stands_at; /* 0: it runs */

int64_t __wrap_clock_monotonic(void) {
    return stands_at ? stands_at : __real_clock_monotonic();
}

#define BATCHES 8

struct fed {
    struct write_batch write;
    struct buffer bytes;
    struct span *spans;
    size_t count;
    bool written;
};

struct write_world {
    struct world *world;
    struct aws_patience patience;
    struct aws_session *session;
    struct writer *writer;
    struct fed fed[BATCHES];
    size_t fed_count, written;
    bool all_written, failed;
    struct error error;
};

static void on_failed(void *arg, const struct error *error) {
    struct write_world *world = arg;
    assert_false(world->failed);
    world->failed = world->all_written = true;
    world->error = error_copy(error);
}

static void open_writer(struct write_world *world, double units_a_second) {
    struct credential_provider *provider = engine_provider(world->world->engine, world->world->config->jobs[0], false);
    world->patience = (struct aws_patience){.retry_for = 2000, .last_success = clock_monotonic()};
    world->session = aws_session_new(world->world->engine->client, provider, "eu-west-1", &world->patience);
    credential_provider_unref(provider);
    struct writer_options options = {.session = world->session,
                                     .table = "tab",
                                     .key = {"id", NULL},
                                     .units_a_second = units_a_second,
                                     .retry_for = world->patience.retry_for};
    world->writer = writer_new(&options, &(struct writer_events){on_failed, world});
}

static int set_up(void **state) {
    struct write_world *world = x_calloc(1, sizeof *world);
    world_set_up(state);
    world->world = *state;
    world_job(world->world, "");
    *state = world;
    return 0;
}

static void close_writer(struct write_world *world) {
    writer_free(take_pointer(world->writer));
    if (world->session)
        aws_session_free(take_pointer(world->session));
}

static int tear_down(void **state) {
    struct write_world *world = *state;
    close_writer(world);
    stands_at = 0;
    void *inner = world->world;
    for (size_t i = 0; i < world->fed_count; i++) {
        buffer_fini(&world->fed[i].bytes);
        free(world->fed[i].spans);
    }
    error_clear(&world->error);
    free(world);
    return world_tear_down(&inner);
}

static void on_written(struct write_batch *write) {
    struct write_world *world = write->arg;
    struct fed *fed = container_of(write, struct fed, write);
    assert_false(fed->written);
    fed->written = true;
    world->all_written = ++world->written == world->fed_count;
}

static struct fed *fed_new(struct write_world *world) {
    struct fed *fed = &world->fed[world->fed_count++];
    assert_true(world->fed_count <= BATCHES);
    fed->bytes = BUFFER_INIT(BUFFER_OURS);
    return fed;
}

static void add_item(struct fed *fed, const char *text) {
    fed->spans = x_realloc(fed->spans, (fed->count + 1) * sizeof *fed->spans);
    fed->spans[fed->count++] = (struct span){(uint32_t)fed->bytes.length, (uint32_t)strlen(text)};
    buffer_add(&fed->bytes, text);
    buffer_add(&fed->bytes, "\n");
}

static void feed(struct write_world *world, struct fed *fed) {
    fed->write = (struct write_batch){.bytes = fed->bytes.data,
                                      .items = fed->spans,
                                      .count = fed->count,
                                      .first = 1,
                                      .where = "data/00001.json.gz",
                                      .written = on_written,
                                      .arg = world};
    world->all_written = false;
    writer_feed(world->writer, &fed->write);
}

static char *item_text(unsigned id, size_t size) {
    _cleanup_free_ char *pad = x_malloc(size + 1);
    memset(pad, 'x', size);
    pad[size] = '\0';
    return x_printf("{ \"id\" : {\"S\":\"i%u\"},\"pad\":{\"S\":\"%s\"},\"n\":{\"N\":\"1.%u0\"}}", id, pad, id);
}

/* Items i FROM .. FROM+COUNT-1. */
static void feed_many(struct write_world *world, unsigned from, unsigned count, size_t size) {
    struct fed *fed = fed_new(world);
    for (unsigned i = from; i < from + count; i++) {
        _cleanup_free_ char *text = item_text(i, size);
        add_item(fed, text);
    }
    feed(world, fed);
}

static void finish(struct write_world *world) {
    run_until(&world->world->loop, &world->all_written);
    if (world->failed)
        fail_msg("%s", world->error.message);
}

static void assert_items(const struct write_world *world, unsigned count, size_t size) {
    assert_int_equal(cloud_items(world->world->cloud), count);
    for (unsigned i = 0; i < count; i++) {
        _cleanup_free_ char *id = x_printf("i%u", i), *text = item_text(i, size);
        struct json_object *wanted = json_parse(text, strlen(text), NULL);
        assert_string_equal(cloud_item(world->world->cloud, id),
                            json_object_to_json_string_ext(wanted, JSON_C_TO_STRING_PLAIN));
        json_object_put(wanted);
    }
}

static void every_item_is_there_in_calls_of_25(void **state) {
    struct write_world *world = *state;
    open_writer(world, 0);
    feed_many(world, 0, 60, 10);
    feed_many(world, 60, 43, 10);
    finish(world);
    assert_items(world, 103, 10);
    assert_int_equal(cloud_count(world->world->cloud, "BatchWriteItem"), 5);
    struct writer_progress progress = writer_progress(world->writer);
    assert_int_equal(progress.items, 103);
    assert_int_equal(progress.in_flight, 0);
    assert_true(progress.units > 102.9);
}

static void the_bytes_go_as_they_are(void **state) {
    struct write_world *world = *state;
    struct fed *fed = fed_new(world);
    open_writer(world, 0);
    add_item(fed, "{ \"id\" :{\"S\":\"a\"},\"n\":{\"N\":\"1.000E+2\"},\"u\":{\"S\":\"\\u0110\\/\"} }");
    feed(world, fed);
    finish(world);
    assert_non_null(strstr(
        cloud_body(world->world->cloud, "BatchWriteItem"),
        "{\"RequestItems\":{\"tab\":[{\"PutRequest\":{\"Item\":{ \"id\" :{\"S\":\"a\"},\"n\":{\"N\":\"1.000E+2\"},"
        "\"u\":{\"S\":\"\\u0110\\/\"} }}}]},\"ReturnConsumedCapacity\":\"TOTAL\"}"));
}

static void what_comes_back_is_sent_again(void **state) {
    struct write_world *world = *state;
    open_writer(world, 0);
    cloud_give_back(world->world->cloud, 3);
    feed_many(world, 0, 100, 10);
    finish(world);
    assert_items(world, 100, 10);
    struct writer_progress progress = writer_progress(world->writer);
    assert_int_equal(progress.items, 100);
    assert_true(progress.unprocessed >= 40);
}

static void a_batch_is_not_written_before_its_last_item(void **state) {
    struct write_world *world = *state;
    open_writer(world, 0);
    cloud_rule(world->world->cloud, &(struct cloud_rule){.match = "BatchWriteItem", .act = CLOUD_HOLD, .after = 1});
    feed_many(world, 0, 30, 10);
    world_until_held(world->world, "BatchWriteItem", 1);
    run_for(&world->world->loop, 20);
    assert_false(world->fed[0].written);
    cloud_no_rules(world->world->cloud);
    assert_true(cloud_release(world->world->cloud, "BatchWriteItem"));
    finish(world);
    assert_items(world, 30, 10);
}

/* The cloud refuses a call that holds a key twice. */
static void one_key_never_stands_twice_in_a_call(void **state) {
    struct write_world *world = *state;
    struct fed *fed = fed_new(world);
    open_writer(world, 0);
    for (unsigned i = 0; i < 10; i++)
        add_item(fed, i % 2 ? "{\"id\":{\"S\":\"\\u0061\"}}" : "{\"id\":{\"S\":\"a\"}}");
    feed(world, fed);
    finish(world);
    assert_int_equal(cloud_items(world->world->cloud), 1);
    assert_int_equal(cloud_count(world->world->cloud, "BatchWriteItem"), 10);
}

static void a_lost_and_a_damaged_answer_are_asked_for_again(void **state) {
    struct write_world *world = *state;
    open_writer(world, 0);
    cloud_rule(world->world->cloud, &(struct cloud_rule){.match = "BatchWriteItem", .act = CLOUD_LOSE, .times = 1});
    cloud_rule(world->world->cloud,
               &(struct cloud_rule){.match = "BatchWriteItem", .act = CLOUD_DAMAGE, .after = 1, .times = 1});
    feed_many(world, 0, 50, 10);
    finish(world);
    assert_items(world, 50, 10);
    assert_true(cloud_count(world->world->cloud, "BatchWriteItem") >= 4);
}

static void throttles_slow_it_down_and_fail_nothing(void **state) {
    struct write_world *world = *state;
    open_writer(world, 0);
    cloud_rule(world->world->cloud, &(struct cloud_rule){.match = "BatchWriteItem",
                                                         .act = CLOUD_REFUSE,
                                                         .status = 400,
                                                         .code = "ProvisionedThroughputExceededException",
                                                         .times = 3});
    feed_many(world, 0, 100, 10);
    finish(world);
    assert_items(world, 100, 10);
    assert_int_equal(writer_progress(world->writer).throttles, 3);
}

static void large_items_are_hashed_by_a_worker(void **state) {
    struct write_world *world = *state;
    open_writer(world, 0);
    feed_many(world, 0, 12, 300000);
    finish(world);
    assert_items(world, 12, 300000);
    assert_true(cloud_count(world->world->cloud, "BatchWriteItem") >= 4); /* about a MiB each, not 25 items */
}

static void a_writer_that_goes_while_a_worker_hashes_leaves_nothing(void **state) {
    struct write_world *world = *state;
    open_writer(world, 0);
    feed_many(world, 0, 12, 300000);
    for (int i = 0; i < 20 && !writer_progress(world->writer).in_flight; i++)
        uv_run(&world->world->loop, UV_RUN_ONCE);
    close_writer(world);
    buffer_fini(&world->fed[0].bytes);
    uv_run(&world->world->loop, UV_RUN_NOWAIT);
    assert_int_equal(world->written, 0);
}

static void a_writer_that_goes_with_calls_in_flight_leaves_nothing(void **state) {
    struct write_world *world = *state;
    open_writer(world, 0);
    cloud_rule(world->world->cloud, &(struct cloud_rule){.match = "BatchWriteItem", .act = CLOUD_HOLD});
    feed_many(world, 0, 60, 10);
    world_until_held(world->world, "BatchWriteItem", 3);
    close_writer(world);
    run_for(&world->world->loop, 20);
    assert_int_equal(world->written, 0);
}

static void fails_with(struct write_world *world, enum error_code code, const char *words) {
    run_until(&world->world->loop, &world->all_written);
    assert_true(world->failed);
    assert_int_equal(world->error.code, code);
    if (!strstr(world->error.message, words))
        fail_msg("\"%s\" does not say \"%s\"", world->error.message, words);
    run_for(&world->world->loop, 20); /* and nothing follows */
}

static void the_item_that_dynamodb_refuses_is_named(void **state) {
    struct write_world *world = *state;
    struct fed *fed = fed_new(world);
    open_writer(world, 0);
    add_item(fed, "{\"id\":{\"S\":\"good\"}}");
    add_item(fed, "{\"id\":{\"S\":\"rotten\"},\"bad\":{\"S\":\"\"}}");
    add_item(fed, "{\"id\":{\"S\":\"also good\"}}");
    feed(world, fed);
    fails_with(world, ERROR_INVALID, "the item with the key \"rotten\" of data/00001.json.gz");
    assert_non_null(cloud_item(world->world->cloud, "good"));
}

static void an_item_without_its_key_ends_it(void **state) {
    struct write_world *world = *state;
    struct fed *fed = fed_new(world);
    open_writer(world, 0);
    add_item(fed, "{\"id\":{\"S\":\"good\"}}");
    add_item(fed, "{\"ID\":{\"S\":\"rotten\"}}");
    feed(world, fed);
    fails_with(world, ERROR_CORRUPT, "item 2 of data/00001.json.gz: the item lacks the key's attribute \"id\"");
}

static void a_missing_permission_ends_it(void **state) {
    struct write_world *world = *state;
    open_writer(world, 0);
    cloud_rule(world->world->cloud,
               &(struct cloud_rule){
                   .match = "BatchWriteItem", .act = CLOUD_REFUSE, .status = 400, .code = "AccessDeniedException"});
    feed_many(world, 0, 100, 10);
    fails_with(world, ERROR_DENIED, "dynamodb:BatchWriteItem on tab");
}

/* Answers that are a success and write nothing, for longer than retry_for. */
static void a_table_that_takes_nothing_is_given_up(void **state) {
    struct write_world *world = *state;
    open_writer(world, 0);
    cloud_give_back(world->world->cloud, 1);
    stands_at = __real_clock_monotonic();
    feed_many(world, 0, 3, 10);
    world_until_asked(world->world, "BatchWriteItem", 1);
    stands_at += 2500;
    fails_with(world, ERROR_THROTTLED, "no item was taken for 2.0 s");
}

static void no_more_than_the_units_asked_for(void **state) {
    struct write_world *world = *state;
    stands_at = __real_clock_monotonic();
    open_writer(world, 10);
    feed_many(world, 0, 40, 10);
    world_until_asked(world->world, "BatchWriteItem", 1);
    run_for(&world->world->loop, 300);
    assert_int_equal(cloud_items(world->world->cloud), 10); /* a second's worth */
    for (unsigned seconds = 1; seconds <= 3; seconds++) {
        stands_at +=
            500; /* half a second's worth pays for the next call, which goes into debt; the other half pays that back */
        world_until_asked(world->world, "BatchWriteItem", 1 + seconds);
        run_for(&world->world->loop, 300);
        assert_int_equal(cloud_items(world->world->cloud), 10 * (seconds + 1));
        stands_at += 500;
    }
    finish(world);
    assert_items(world, 40, 10);
}

#define WITH_WRITER(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_WRITER(every_item_is_there_in_calls_of_25),
        WITH_WRITER(the_bytes_go_as_they_are),
        WITH_WRITER(what_comes_back_is_sent_again),
        WITH_WRITER(a_batch_is_not_written_before_its_last_item),
        WITH_WRITER(one_key_never_stands_twice_in_a_call),
        WITH_WRITER(a_lost_and_a_damaged_answer_are_asked_for_again),
        WITH_WRITER(throttles_slow_it_down_and_fail_nothing),
        WITH_WRITER(large_items_are_hashed_by_a_worker),
        WITH_WRITER(a_writer_that_goes_while_a_worker_hashes_leaves_nothing),
        WITH_WRITER(a_writer_that_goes_with_calls_in_flight_leaves_nothing),
        WITH_WRITER(the_item_that_dynamodb_refuses_is_named),
        WITH_WRITER(an_item_without_its_key_ends_it),
        WITH_WRITER(a_missing_permission_ends_it),
        WITH_WRITER(a_table_that_takes_nothing_is_given_up),
        WITH_WRITER(no_more_than_the_units_asked_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
