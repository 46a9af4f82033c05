/* SPDX-License-Identifier: Apache-2.0 */
/* Backups that the daemon's own story made, read back: every item once, within the pool, whatever the receiver does; and what is
 * damaged is told with object, part and line. */
#include "job/reader.h"
#include "world.h"

#include "base/json.h"

struct reading {
    struct world *world;
    struct source *source;
    struct reader *reader;
    struct reader_batch *kept; /* batches that the receiver sits on */
    uv_timer_t give;           /* gives them back, a moment later */
    bool opened, over, lenient, twice, stop_at_batch;
    enum error_code code;
    char *message;
    unsigned *met;
    uint64_t items, parts, part_items, batches;
    struct buffer damage; /* "KEY part 1 lines 3-3: words\n" */
    size_t peak;
};

static int set_up(void **state) {
    struct reading *reading = x_calloc(1, sizeof *reading);
    void *world;
    world_set_up(&world);
    reading->world = world;
    reading->damage = BUFFER_INIT(BUFFER_OURS);
    reading->give.data = reading;
    uv_timer_init(&reading->world->loop, &reading->give);
    *state = reading;
    return 0;
}

static void free_kept(struct reading *reading) {
    while (reading->kept) {
        struct reader_batch *batch = reading->kept;
        reading->kept = batch->next;
        reader_batch_free(batch);
    }
}

static int tear_down(void **state) {
    struct reading *reading = *state;
    void *world = reading->world;
    free_kept(reading);
    uv_close((uv_handle_t *)&reading->give, NULL);
    reader_free(reading->reader);
    source_unref(reading->source);
    world_tear_down(&world);
    free(reading->met);
    free(reading->message);
    buffer_fini(&reading->damage);
    free(reading);
    return 0;
}
#define WITH_READING(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

static void note(struct reading *reading, const struct error *error) {
    reading->code = error ? error->code : ERROR_NONE;
    x_replace(&reading->message, error ? error->message : NULL);
}

static void on_source(void *arg, struct source *source, const struct error *error) {
    struct reading *reading = arg;
    reading->opened = true;
    note(reading, error);
    reading->source = source ? source_ref(source) : NULL;
}

static void open_as(struct reading *reading, const char *id, const char *plain_key) {
    struct world *world = reading->world;
    struct source_request request = {.engine = world->engine,
                                     .config = world->config,
                                     .job = world->config->jobs[0],
                                     .id = id,
                                     .plain_key = plain_key,
                                     .lenient = reading->lenient};
    reading->opened = false;
    source_open_start(&request, on_source, reading);
    assert_false(reading->opened);
    run_until(&world->loop, &reading->opened);
}

static void open_backup(struct reading *reading) {
    open_as(reading, reading->world->result.id, NULL);
    if (!reading->source)
        fail_msg("%s", reading->message);
    assert_int_equal(reading->source->kind, BACKUP_OURS);
}

static void on_give(uv_timer_t *timer) {
    free_kept(timer->data);
}

static void on_batch(void *arg, struct reader_batch *batch) {
    struct reading *reading = arg;
    assert_true(batch->count > 0);
    for (size_t i = 0; i < batch->count; i++) {
        static const char id[] = "{\"id\":{\"S\":\"i";
        const char *item = batch->bytes + batch->items[i].offset;
        assert_memory_equal(item, id, sizeof id - 1);
        assert_true(item[batch->items[i].length - 1] == '}');
        unsigned long number = strtoul(item + sizeof id - 1, NULL, 10);
        assert_true(number < reading->world->items);
        reading->met[number]++;
    }
    reading->items += batch->count;
    reading->batches++;
    batch->next = reading->kept;
    reading->kept = batch;
    uv_timer_start(&reading->give, on_give, 1, 0);
    if (reading->stop_at_batch) {
        reader_free(take_pointer(reading->reader));
        reading->over = true;
    }
}

static void on_part(void *arg, const struct reader_part *part) {
    struct reading *reading = arg;
    const struct source_part *told = &reading->source->outputs[0].objects[part->object].parts[part->part];
    reading->parts++;
    reading->part_items += part->items;
    if (reading->source->kind == BACKUP_OURS) {
        assert_int_equal(part->crc32, told->crc32);
        if (told->length != SOURCE_UNKNOWN)
            assert_int_equal(part->stored_bytes, told->length);
    }
}

static void on_damage(void *arg, const struct reader_damage *damage) {
    struct reading *reading = arg;
    const struct source_object *object = &reading->source->outputs[0].objects[damage->object];
    buffer_printf(&reading->damage, "%s", strrchr(object->key, '/') + 1);
    if (damage->part != READER_NO_PART)
        buffer_printf(&reading->damage, " part %zu lines %llu-%llu", damage->part + 1,
                      (unsigned long long)damage->first_line, (unsigned long long)damage->last_line);
    buffer_printf(&reading->damage, ": %s\n", damage->error->message);
}

static void on_ended(void *arg, const struct error *error) {
    struct reading *reading = arg;
    assert_false(reading->over);
    reading->over = true;
    note(reading, error);
    free_kept(reading);
}

static void start(struct reading *reading, size_t output) {
    struct reader_options options = {.source = reading->source,
                                     .output = output,
                                     .workshop = reading->world->workshop,
                                     .loop = &reading->world->loop,
                                     .check_only = reading->lenient,
                                     .twice = reading->twice};
    struct reader_events events = {.batch = on_batch, .part = on_part, .ended = on_ended, .arg = reading};
    if (reading->lenient)
        events.damage = on_damage;
    reading->met = x_calloc(reading->world->items + 1, sizeof *reading->met);
    reading->over = false;
    reading->reader = reader_start(&options, &events);
    assert_false(reading->over);
}

static void read_output(struct reading *reading, size_t output) {
    start(reading, output);
    run_until(&reading->world->loop, &reading->over);
}

static void assert_all_met(struct reading *reading) {
    if (reading->code)
        fail_msg("%s", reading->message);
    for (unsigned i = 0; i < reading->world->items; i++)
        assert_int_equal(reading->met[i], 1);
    assert_int_equal(reading->items, reading->world->items);
    assert_int_equal(reading->part_items, reading->world->items);
    struct reader_progress progress = reader_progress(reading->reader);
    assert_int_equal(progress.items, reading->world->items);
    assert_int_equal(progress.damages, 0);
}

static void back_up(struct reading *reading, const char *job, unsigned pages, unsigned items, size_t size) {
    world_job(reading->world, job);
    for (unsigned i = 0; i < pages; i++)
        world_page(reading->world, 0, items, size);
    world_run(reading->world);
    assert_whole(reading->world);
}

/* ------------------------------------------------------------ good ones */

static void every_item_comes_once(void **state) {
    static const char *const jobs[] = {"Compression=none\n", "Compression=gzip\n", "Compression=zstd\n"};
    for (unsigned i = 0; i < array_length(jobs); i++) {
        void *again;
        set_up(&again);
        struct reading *reading = again;
        back_up(reading, jobs[i], 5, 300, 2000);
        open_backup(reading);
        assert_int_equal(source_restorable(reading->source, NULL), 0);
        read_output(reading, 0);
        assert_all_met(reading);
        tear_down(&again);
    }
    (void)state;
}

static void a_large_backup_keeps_within_the_pool(void **state) {
    struct reading *reading = *state;
    back_up(reading, "Compression=none\n", 40, 1000, 1000);
    open_backup(reading);
    assert_true(reading->source->outputs[0].object_count > 3);
    world_memory(reading->world, (size_t)24 << 20);
    read_output(reading, 0);
    assert_all_met(reading);
    assert_true(pool_stats(workshop_pool(reading->world->workshop)).peak <= (size_t)24 << 20);
}

static void a_pool_smaller_than_a_lane_still_serves(void **state) {
    struct reading *reading = *state;
    back_up(reading, "Compression=gzip\n", 10, 1000, 1000);
    open_backup(reading);
    world_memory(reading->world, (size_t)1 << 20);
    read_output(reading, 0);
    assert_all_met(reading);
}

static void plain_parts_are_read_side_by_side(void **state) {
    struct reading *reading = *state;
    back_up(reading, "Format=json\nCompression=gzip\n", 30, 1000, 1000);
    open_backup(reading);
    assert_true(reading->source->outputs[0].objects[0].part_count > 2);
    assert_int_equal(source_restorable(reading->source, NULL), 0);
    read_output(reading, 0);
    assert_all_met(reading);
}

static void an_empty_table_has_no_items(void **state) {
    static const char *const jobs[] = {"Compression=none\n", "", "Compression=zstd\n", "Format=json\n",
                                       "Format=json\nCompression=zstd\n"};
    for (unsigned i = 0; i < array_length(jobs); i++) {
        void *again;
        set_up(&again);
        struct reading *reading = again;
        back_up(reading, jobs[i], 0, 0, 0);
        open_backup(reading);
        read_output(reading, 0);
        assert_all_met(reading);
        assert_int_equal(reading->parts, 1);
        tear_down(&again);
    }
    (void)state;
}

static bool only_the_first(void *arg, size_t object, size_t part) {
    (void)arg;
    return object == 0 && part == 0;
}

static void parts_that_are_not_wanted_are_not_asked_for(void **state) {
    struct reading *reading = *state;
    back_up(reading, "Compression=none\n", 20, 1000, 1000);
    open_backup(reading);
    struct reader_options options = {.source = reading->source,
                                     .workshop = reading->world->workshop,
                                     .loop = &reading->world->loop,
                                     .wanted = only_the_first};
    struct reader_events events = {.batch = on_batch, .part = on_part, .ended = on_ended, .arg = reading};
    reading->met = x_calloc(reading->world->items + 1, sizeof *reading->met);
    reading->reader = reader_start(&options, &events);
    run_until(&reading->world->loop, &reading->over);
    assert_int_equal(reading->items, reading->source->outputs[0].objects[0].items);
    assert_int_equal(cloud_count(reading->world->cloud, "GET /bkt/p/AWSDynamoDB/") > 1, true);
    assert_int_equal(cloud_count(reading->world->cloud, "data/00002"), 1); /* its PUT */
}

static void a_reader_may_be_freed_from_its_own_event(void **state) {
    struct reading *reading = *state;
    back_up(reading, "", 20, 1000, 1000);
    open_backup(reading);
    reading->stop_at_batch = true;
    read_output(reading, 0);
    assert_int_equal(reading->batches, 1);
}

static void held_is_held(void **state) {
    struct reading *reading = *state;
    back_up(reading, "", 5, 1000, 1000);
    open_backup(reading);
    start(reading, 0);
    reader_hold(reading->reader, true);
    for (int i = 0; i < 20; i++)
        uv_run(&reading->world->loop, UV_RUN_NOWAIT);
    assert_int_equal(reading->batches, 0);
    reader_hold(reading->reader, false);
    run_until(&reading->world->loop, &reading->over);
    assert_all_met(reading);
}

static void a_plain_array_is_taken_on_its_word(void **state) {
    struct reading *reading = *state;
    static const char text[] = "[ {\"id\":\"i0\",\"n\":1},\n{\"id\":\"i1\"} ]";
    world_job(reading->world, "");
    cloud_put(reading->world->cloud, "p/dump.json", NULL, text, sizeof text - 1);
    reading->world->items = 2;
    open_as(reading, NULL, "p/dump.json");
    assert_int_equal(reading->source->kind, BACKUP_PLAIN);
    assert_int_equal(source_restorable(reading->source, NULL), 0);
    read_output(reading, 0);
    assert_all_met(reading);
}

/* ------------------------------------------------------------ damage */

static struct cloud_object *object(struct reading *reading, const char *key) {
    struct cloud_object *found = NULL;
    for (size_t i = 0; i < cloud_objects(reading->world->cloud) && !found; i++) {
        const struct cloud_object *one = cloud_object(reading->world->cloud, i);
        if (strstr(one->key, key))
            memcpy(&found, &one, sizeof found); /* ours to damage */
    }
    assert_non_null(found);
    return found;
}

static void a_changed_byte_is_told_with_its_part(void **state) {
    static const char *const jobs[] = {"Compression=none\n", "Compression=gzip\n", "Compression=zstd\n",
                                       "Format=json\n", "Format=json\nCompression=gzip\n"};
    for (unsigned i = 0; i < array_length(jobs); i++) {
        for (unsigned where = 0; where < 5; where++) {
            void *again;
            set_up(&again);
            struct reading *reading = again;
            reading->lenient = true;
            back_up(reading, jobs[i], 2, 50, 100);
            struct cloud_object *victim = object(reading, i < 3 ? "data/00001" : "p/backup-");
            victim->bytes.data[(victim->bytes.length - 1) * where / 4] ^= 1;
            open_backup(reading);
            read_output(reading, 0);
            assert_int_equal(reading->code, ERROR_NONE);
            assert_non_null(strstr(reading->damage.data, " part 1 lines "));
            assert_int_equal(reading->parts, 0);
            tear_down(&again);
        }
    }
    (void)state;
}

static void a_bad_line_is_told_with_its_number(void **state) {
    struct reading *reading = *state;
    reading->lenient = true;
    back_up(reading, "Compression=none\n", 2, 50, 100);
    struct cloud_object *victim = object(reading, "data/00001");
    char *line = victim->bytes.data;
    for (int i = 1; i < 60; i++)
        line = strchr(line, '\n') + 1;
    line[0] = 'x';
    open_backup(reading);
    read_output(reading, 0);
    assert_non_null(
        strstr(reading->damage.data, "00001.json part 1 lines 60-60: not the JSON of a line: expected '{'"));
    assert_non_null(strstr(reading->damage.data, "00001.json part 1 lines 1-100: the CRC-32"));
}

static void the_first_damage_ends_who_wants_no_more(void **state) {
    struct reading *reading = *state;
    back_up(reading, "", 2, 50, 100);
    struct cloud_object *victim = object(reading, "data/00001");
    victim->bytes.data[victim->bytes.length / 2] ^= 1;
    open_backup(reading);
    read_output(reading, 0);
    assert_int_equal(reading->code, ERROR_CORRUPT);
    assert_non_null(strstr(reading->message, "data/00001.json.gz: part 1: "));
}

/* As an export of DynamoDB's own: the length of a file is not told, and its MD5 is all that proves it. */
static void forget_all_but_md5(struct reading *reading) {
    for (size_t i = 0; i < reading->source->outputs[0].object_count; i++) {
        struct source_object *one = &reading->source->outputs[0].objects[i];
        assert_true(one->has_md5);
        one->size = one->parts[0].length = SOURCE_UNKNOWN;
        one->has_crc32 = one->parts[0].has_crc32 = false;
    }
}

#define SMALL_POOL ((size_t)17 << 20) /* holds no part */

/* More than a batch of it would be decoded before its end. */
static void read_damaged(struct reading *reading, const char *job, size_t memory, bool export) {
    back_up(reading, job, 4, 1000, 1000);
    struct cloud_object *victim = object(reading, "data/00001");
    victim->bytes.data[victim->bytes.length - 20] ^= 1;
    open_backup(reading);
    assert_int_equal(reading->source->outputs[0].object_count, 1);
    if (export)
        forget_all_but_md5(reading);
    world_memory(reading->world, memory);
    read_output(reading, 0);
    assert_int_equal(reading->code, ERROR_CORRUPT);
    assert_int_equal(reading->parts, 0);
}

static void a_damaged_part_delivers_nothing(void **state) {
    static const char *const jobs[] = {"Compression=none\n", "Compression=gzip\n", "Compression=zstd\n"};
    for (unsigned i = 0; i < 4 * array_length(jobs); i++) {
        void *again;
        set_up(&again);
        struct reading *reading = again;
        reading->twice = i & 1;
        read_damaged(reading, jobs[i / 4], i & 1 ? SMALL_POOL : (size_t)64 << 20, i & 2);
        assert_non_null(strstr(reading->message, "data/00001."));
        assert_non_null(strstr(reading->message, ": part 1: the "));
        assert_non_null(strstr(reading->message, " of its stored bytes is "));
        assert_null(strstr(reading->message, "table"));
        assert_int_equal(reading->batches, 0);
        tear_down(&again);
    }
    (void)state;
}

static void a_damaged_part_that_could_not_be_held_is_told_with_what_was_written(void **state) {
    struct reading *reading = *state;
    read_damaged(reading, "Compression=none\n", SMALL_POOL, false);
    assert_true(reading->batches > 0);
    assert_non_null(strstr(reading->message, "data/00001.json: part 1: "));
    assert_non_null(strstr(reading->message, "wrong ones may stand in the table"));
}

static void what_cannot_be_held_is_read_twice_and_comes_once(void **state) {
    for (unsigned i = 0; i < 4; i++) {
        void *again;
        set_up(&again);
        struct reading *reading = again;
        back_up(reading, i & 1 ? "Compression=none\n" : "", 10, 1000, 1000);
        open_backup(reading);
        if (i & 2)
            forget_all_but_md5(reading);
        unsigned before = cloud_count(reading->world->cloud, "GET /bkt/p/AWSDynamoDB/");
        world_memory(reading->world, SMALL_POOL);
        read_output(reading, 0);
        assert_all_met(reading);
        unsigned once = cloud_count(reading->world->cloud, "GET /bkt/p/AWSDynamoDB/") - before;
        reader_free(take_pointer(reading->reader));
        free(take_pointer(reading->met));
        reading->items = reading->parts = reading->part_items = 0;
        reading->twice = true;
        read_output(reading, 0);
        assert_all_met(reading);
        assert_int_equal(cloud_count(reading->world->cloud, "GET /bkt/p/AWSDynamoDB/") - before, 3 * once);
        tear_down(&again);
    }
    (void)state;
}

/* An export's file that there is room for is not read twice, however its length was learnt. */
static void what_can_be_held_is_read_once(void **state) {
    struct reading *reading = *state;
    reading->twice = true;
    back_up(reading, "Compression=none\n", 4, 1000, 1000);
    open_backup(reading);
    forget_all_but_md5(reading);
    unsigned before = cloud_count(reading->world->cloud, "GET /bkt/p/AWSDynamoDB/");
    world_memory(reading->world, (size_t)64 << 20);
    read_output(reading, 0);
    assert_all_met(reading);
    assert_in_range(cloud_count(reading->world->cloud, "GET /bkt/p/AWSDynamoDB/") - before, 1, 2);
    assert_true(pool_stats(workshop_pool(reading->world->workshop)).peak <= (size_t)64 << 20);
}

static void an_object_that_is_missing_or_cut_is_told_once(void **state) {
    struct reading *reading = *state;
    reading->lenient = true;
    back_up(reading, "Format=json\n", 30, 1000, 1000);
    struct cloud_object *victim = object(reading, "p/backup-");
    victim->bytes.length = 100000;
    open_backup(reading);
    read_output(reading, 0);
    assert_non_null(strstr(reading->damage.data, ": the object ends at byte 100000; it was written with "));
    assert_null(strstr(strchr(reading->damage.data, '\n') + 1, "ends at"));
}

static void a_missing_file_is_told_and_the_others_are_read(void **state) {
    struct reading *reading = *state;
    reading->lenient = true;
    back_up(reading, "Compression=none\n", 30, 1000, 1000);
    cloud_rule(reading->world->cloud, &(struct cloud_rule){.match = "GET /bkt/p/AWSDynamoDB/",
                                                           .act = CLOUD_REFUSE,
                                                           .status = 404,
                                                           .code = "NoSuchKey",
                                                           .after = 2,
                                                           .times = 1});
    open_backup(reading);
    read_output(reading, 0);
    assert_string_equal(reading->damage.data, "00002.json: the object is missing\n");
    assert_int_equal(reading->part_items, reading->world->items - reading->source->outputs[0].objects[1].items);
}

static void an_object_of_another_run_is_told(void **state) {
    struct reading *reading = *state;
    reading->lenient = true;
    back_up(reading, "", 1, 50, 100);
    x_replace(&object(reading, "data/00001")->run, "somebody");
    open_backup(reading);
    read_output(reading, 0);
    assert_non_null(strstr(reading->damage.data, "00001.json.gz: x-amz-meta-run says that run somebody wrote it"));
}

static void what_s3_refuses_is_the_end(void **state) {
    struct reading *reading = *state;
    reading->lenient = true;
    back_up(reading, "", 1, 50, 100);
    open_backup(reading);
    cloud_rule(reading->world->cloud,
               &(struct cloud_rule){
                   .match = "GET /bkt/p/AWSDynamoDB/", .act = CLOUD_REFUSE, .status = 403, .code = "AccessDenied"});
    read_output(reading, 0);
    assert_int_equal(reading->code, ERROR_DENIED);
}

static void a_changed_backup_json_is_refused_or_told(void **state) {
    struct reading *reading = *state;
    back_up(reading, "", 1, 50, 100);
    struct cloud_object *victim = object(reading, "/backup.json");
    char *digit = strstr(victim->bytes.data, "\"pages\":1") + 8;
    *digit = '2';
    open_as(reading, reading->world->result.id, NULL);
    assert_null(reading->source);
    assert_int_equal(reading->code, ERROR_CORRUPT);
    assert_non_null(strstr(reading->message, "/backup.json: it is not what was written"));
    reading->lenient = true;
    open_backup(reading);
    assert_non_null(strstr(reading->source->damage.message, "it is not what was written"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_item_comes_once),
        WITH_READING(a_large_backup_keeps_within_the_pool),
        WITH_READING(a_pool_smaller_than_a_lane_still_serves),
        WITH_READING(plain_parts_are_read_side_by_side),
        cmocka_unit_test(an_empty_table_has_no_items),
        WITH_READING(parts_that_are_not_wanted_are_not_asked_for),
        WITH_READING(a_reader_may_be_freed_from_its_own_event),
        WITH_READING(held_is_held),
        WITH_READING(a_plain_array_is_taken_on_its_word),
        cmocka_unit_test(a_changed_byte_is_told_with_its_part),
        WITH_READING(a_bad_line_is_told_with_its_number),
        WITH_READING(the_first_damage_ends_who_wants_no_more),
        cmocka_unit_test(a_damaged_part_delivers_nothing),
        WITH_READING(a_damaged_part_that_could_not_be_held_is_told_with_what_was_written),
        cmocka_unit_test(what_cannot_be_held_is_read_twice_and_comes_once),
        WITH_READING(what_can_be_held_is_read_once),
        WITH_READING(an_object_that_is_missing_or_cut_is_told_once),
        WITH_READING(a_missing_file_is_told_and_the_others_are_read),
        WITH_READING(an_object_of_another_run_is_told),
        WITH_READING(what_s3_refuses_is_the_end),
        WITH_READING(a_changed_backup_json_is_refused_or_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
