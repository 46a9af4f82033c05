/* SPDX-License-Identifier: Apache-2.0 */
/* From pages to parts: an upload that is full goes on in the next object; memory that is scarce delays and loses nothing. */
#include <sqlite3.h>
#include <stdio.h>

#include "job/assembly.h"
#include "job/ledger.h"
#include "job/resume.h"
#include "world.h"

#define MIB ((size_t)1 << 20)

struct line {
    struct world *world;
    struct aws_session *session;
    struct credential_provider *provider;
    struct s3_bucket bucket;
    struct s3_object_options objects;
    struct backup_record *record;
    struct plan plan;
    struct ledger *ledger; /* NULL: nothing is kept */
    const char *formats;   /* that are kept; NULL: json */
    bool may_lose;
    unsigned losses, regained;
    unsigned first_number;
    struct assembly *assembly;
    unsigned items, recorded;
    bool stopped, stored, completed, failed, pressed;
};

static void on_pressure(void *arg, bool held) {
    ((struct line *)arg)->pressed = held;
}

static void on_recorded(void *arg) {
    ((struct line *)arg)->recorded++;
}

static void on_stopped(void *arg) {
    struct line *line = arg;
    assert_false(line->stopped || line->stored);
    line->stopped = true;
}

static void on_stored(void *arg) {
    struct line *line = arg;
    assert_false(line->stored);
    line->stored = true;
}

static void on_completed(void *arg) {
    struct line *line = arg;
    assert_false(line->completed);
    line->completed = true;
}

static void on_failed(void *arg, const struct error *error) {
    struct line *line = arg;
    assert_false(line->failed);
    assert_non_null(error->message);
    line->failed = true;
}

static int set_up(void **state) {
    static const unsigned char identity[16] = {0x1a, 0x2b, 0x3c, 0x4d};
    struct line *line = x_calloc(1, sizeof *line);
    void *world;
    world_set_up(&world);
    line->world = world;
    world_job(world, "");
    cloud_part_least(line->world->cloud, 0);
    line->provider = engine_provider(line->world->engine, line->world->config->jobs[0], true);
    line->session = aws_session_new(line->world->engine->client, line->provider, "eu-west-1", NULL);
    line->bucket = (struct s3_bucket){.session = line->session, .name = "bkt"};
    line->record = backup_record_new();
    backup_names_init(&line->record->names, "bkt", "p/", 1751767200123, identity);
    *state = line;
    return 0;
}

static int tear_down(void **state) {
    struct line *line = *state;
    void *world = line->world;
    assembly_free(line->assembly);
    ledger_free(line->ledger);
    aws_session_free(line->session);
    credential_provider_unref(line->provider);
    world_tear_down(&world);
    backup_record_unref(line->record);
    free(line);
    return 0;
}

#define WITH_LINE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

static void open_assembly(struct line *line) {
    struct backup_record *record = line->record;
    line->plan.buffer_memory = MEMORY;
    line->plan.outputs = record->output_count;
    struct assembly_options options = {.output = {.loop = &line->world->loop,
                                                  .workshop = line->world->workshop,
                                                  .bucket = &line->bucket,
                                                  .objects = &line->objects,
                                                  .names = &record->names,
                                                  .plan = &line->plan,
                                                  .ledger = line->ledger,
                                                  .first_number = line->first_number,
                                                  .hash_bodies = true},
                                       .record = record};
    struct assembly_events events = {on_pressure, on_recorded, on_stopped, on_stored, on_completed, on_failed, line};
    line->assembly = assembly_new(&options, &events);
}

static void open_line(struct line *line, bool files, bool plain) {
    struct backup_record *record = line->record;
    if (files)
        record->outputs[record->output_count++] = (struct output_record){.format = FORMAT_DYNAMODB_JSON};
    if (plain)
        record->outputs[record->output_count++] = (struct output_record){.format = FORMAT_JSON};
    open_assembly(line);
}

static void never_evicted(void *arg) {
    (void)arg;
    fail_msg("a page that is held was evicted");
}

static void feed(struct line *line, size_t size) {
    struct scan_page *page = x_calloc(1, sizeof *page);
    _cleanup_buffer_ struct buffer text = BUFFER_INIT(BUFFER_OURS);
    struct error error = {0};
    buffer_printf(&text, "{\"Count\":1,\"Items\":[{\"id\":{\"S\":\"i%u\"},\"pad\":{\"S\":\"", line->items++);
    assert_true(buffer_reserve(&text, size));
    memset(text.data + text.length, 'x', size);
    text.length += size;
    buffer_add(&text, "\"}}]}");
    page->page = page_new(workshop_pool(line->world->workshop), never_evicted, NULL);
    assert_non_null(page->page);
    assert_int_equal(page_append(page->page, text.data, text.length), PAGE_OK);
    page_hold(page->page);
    page->next_key = x_printf("{\"k\":{\"N\":\"%u\"}}", line->items);
    if (!page_slice(&page->index, page->page->data, page->page->length, &error))
        fail_msg("%s", error.message);
    assembly_feed(line->assembly, page);
}

/* Feeds one page after the other, as far as the assembly takes them. */
static void feed_all(struct line *line, unsigned pages, size_t size) {
    for (unsigned i = 0; i < pages; i++) {
        while (line->pressed)
            run_for(&line->world->loop, 1);
        feed(line, size);
    }
}

static void finish(struct line *line) {
    assembly_close(line->assembly);
    assert_false(line->stored);
    run_until(&line->world->loop, &line->stored);
    assembly_complete(line->assembly);
    assert_false(line->completed);
    run_until(&line->world->loop, &line->completed);
    assert_false(line->failed);
    assert_int_equal(line->record->items, line->items);
}

/* Each object a whole array, and the items of all of them in order. */
static void check_arrays(const struct line *line) {
    const struct output_record *output = backup_record_output(line->record, FORMAT_JSON);
    unsigned expected = 0;
    for (size_t i = 0; i < output->object_count; i++) {
        const struct cloud_object *object = cloud_find(line->world->cloud, output->objects[i].key);
        assert_non_null(object);
        const struct buffer *bytes = &object->bytes;
        const char *text = bytes->data;
        assert_true(strncmp(text, "[\n{", 3) == 0);
        assert_string_equal(text + bytes->length - 4, "}\n]\n");
        for (const char *at = text; (at = world_next(bytes, at, "{\"id\":\"i")); expected++)
            assert_int_equal(strtoul(at += strlen("{\"id\":\"i"), NULL, 10), expected);
        assert_null(world_next(bytes, text, "\n]\n,"));
    }
    assert_int_equal(expected, line->items);
}

static void a_full_upload_goes_on_in_the_next_object(void **state) {
    struct line *line = *state;
    line->plan.parts_most = 8;
    open_line(line, false, true);
    feed_all(line, 30, 3 * MIB);
    finish(line);
    const struct output_record *output = &line->record->outputs[0];
    assert_true(output->object_count >= 2);
    assert_string_equal(output->objects[0].key, "p/backup-20250706-020000-1a2b3c4d.json");
    assert_string_equal(output->objects[1].key, "p/backup-20250706-020000-1a2b3c4d.2.json");
    for (size_t i = 0; i < output->object_count; i++)
        assert_true(output->objects[i].part_count <= 8);
    check_arrays(line);
    assert_int_equal(cloud_uploads(line->world->cloud), 0);
}

/* Every object of csv begins with the header, the next ones too, and ends with a row's end; a page without items adds nothing. */
static void every_object_of_csv_has_the_header(void **state) {
    struct line *line = *state;
    struct backup_record *record = line->record;
    const struct output_record *output = &record->outputs[0];
    unsigned expected = 0;
    line->plan.parts_most = 8;
    record->outputs[record->output_count++] = (struct output_record){.format = FORMAT_CSV};
    open_assembly(line);
    feed_all(line, 30, 3 * MIB);
    finish(line);
    assert_true(output->object_count >= 2);
    assert_string_equal(record->csv_header, "[\"id\",\"pad\",\"_more\"]");
    assert_string_equal(output->objects[1].key, "p/backup-20250706-020000-1a2b3c4d.2.csv");
    for (size_t i = 0; i < output->object_count; i++) {
        const struct cloud_object *object = cloud_find(line->world->cloud, output->objects[i].key);
        const char *text = object->bytes.data;
        assert_true(strncmp(text, "id,pad,_more\r\ni", 15) == 0);
        assert_string_equal(text + object->bytes.length - 3, ",\r\n");
        for (const char *at = text; (at = strstr(at, "\r\ni")); expected++)
            assert_int_equal(strtoul(at += 3, NULL, 10), expected);
    }
    assert_int_equal(expected, line->items);
}

/* A page in the worker's hands reads the columns when nobody else has them any more. */
static void columns_live_as_long_as_a_worker_reads_them(void **state) {
    struct line *line = *state;
    line->record->outputs[line->record->output_count++] = (struct output_record){.format = FORMAT_CSV};
    open_assembly(line);
    for (unsigned i = 0; i < 4; i++)
        feed(line, 3 * MIB);
    assembly_free(take_pointer(line->assembly));
}

static void on_lost(void *arg, const struct error *error) {
    struct line *line = arg;
    if (!line->may_lose)
        fail_msg("%s", error->message);
    line->losses++;
}

static void on_regained(void *arg) {
    struct line *line = arg;
    line->regained++;
}

static void keep_in(struct line *line) {
    line->ledger = ledger_new(line->world->state, line->record->names.run, on_lost, line);
    ledger_on_regained(line->ledger, on_regained);
    struct checkpoint_run run = {.run = x_strdup(line->record->names.run),
                                 .job = x_strdup("j"),
                                 .settings = x_strdup("{}"),
                                 .table = x_strdup("tab"),
                                 .table_arn = x_strdup("arn"),
                                 .region = x_strdup("eu-west-1"),
                                 .bucket = x_strdup("bkt"),
                                 .prefix = x_strdup("p/"),
                                 .formats = x_strdup(line->formats ? line->formats : "json/none"),
                                 .definition = x_strdup("{\"Table\":{\"TableName\":\"tab\"}}"),
                                 .started = 1751767200123,
                                 .segments = 1,
                                 .numbers = FILE_NUMBERS};
    assert_true(ledger_begin(line->ledger, &run, NULL, NULL));
}

static void keep(struct line *line) {
    world_keep(line->world);
    keep_in(line);
}

/* The process dies; another one goes on from what the state has. */
static void die_and_resume(struct line *line) {
    struct checkpoint checkpoint;
    struct checkpoint_object *loose = NULL;
    size_t loose_count = 0;
    struct error error = {0};
    ledger_silence(line->ledger);
    assembly_free(take_pointer(line->assembly));
    assert_true(world_checkpoint(line->world, &checkpoint));
    backup_record_unref(line->record);
    line->record = backup_record_new();
    if (!record_resume(line->record, &checkpoint, &loose, &loose_count, &error))
        fail_msg("%s", error.message);
    line->items = 0;
    if (checkpoint.position_count)
        assert_int_equal(sscanf(checkpoint.positions[0].key, "{\"k\":{\"N\":\"%u\"}}", &line->items), 1);
    assert_int_equal(line->items, checkpoint.run.counts.items);
    line->first_number = checkpoint.run.numbers;
    line->pressed = false;
    assert_true(ledger_resume(line->ledger, checkpoint.run.numbers + FILE_NUMBERS, NULL, NULL));
    free(loose);
    checkpoint_fini(&checkpoint);
    open_assembly(line);
}

/* With two outputs: what they have not sent yet leaves less room for pages. */
static void feed_slowly(struct line *line, unsigned pages) {
    for (unsigned i = 0; i < pages; i++) {
        feed_all(line, 1, 3 * MIB);
        run_for(&line->world->loop, 20);
    }
}

static bool run_sql(struct sqlite3 *db, void *arg, struct error *error) {
    (void)error;
    return sqlite3_exec(db, arg, NULL, NULL, NULL) == SQLITE_OK;
}

static void break_state(struct line *line, const char *what) {
    _cleanup_free_ char *sql =
        x_printf("CREATE TRIGGER broken BEFORE %s BEGIN SELECT RAISE(ABORT, 'disk full'); END", what);
    assert_true(state_do_now(line->world->state, run_sql, sql, NULL));
}

static void mend_state(struct line *line) {
    char sql[] = "DROP TRIGGER broken";
    assert_true(state_do_now(line->world->state, run_sql, sql, NULL));
}

/* One failure in hour 1 cost every later cut. Whatever it was that failed, a later cut takes all that is missing with it. */
static void a_state_that_fails_for_a_while_has_the_newest_cut_in_the_end(void **state) {
    (void)state;
    static const char *const failures[] = {"INSERT ON checkpoint",         "INSERT ON checkpoint_object",
                                           "INSERT ON checkpoint_cut",     "INSERT ON checkpoint_part",
                                           "INSERT ON checkpoint_segment", "UPDATE OF cuts ON checkpoint"};
    for (size_t i = 0; i < array_length(failures); i++) {
        void *own;
        set_up(&own);
        struct line *line = own;
        struct checkpoint checkpoint;
        line->may_lose = true;
        line->plan.parts_most = 8;
        line->formats = "dynamodb-json/none json/none";
        world_keep(line->world);
        break_state(line, failures[i]);
        keep_in(line);
        line->first_number = 1;
        open_line(line, true, true);
        feed_slowly(line, 12);
        for (unsigned k = 0; k < 5000 && !line->losses; k++)
            run_for(&line->world->loop, 1);
        mend_state(line);
        unsigned before = line->losses;
        feed_slowly(line, 12);
        for (unsigned k = 0; k < 5000 && !line->regained; k++)
            run_for(&line->world->loop, 1);
        assert_int_equal(before, 1);
        assert_int_equal(line->losses, 1);
        assert_int_equal(line->regained, 1);
        assert_true(ledger_holds(line->ledger) && ledger_keeps(line->ledger));
        assert_true(world_checkpoint(line->world, &checkpoint));
        assert_int_equal(checkpoint.run.cuts, checkpoint.cut_count);
        assert_true(checkpoint.cut_count >= 3);
        assert_int_equal(checkpoint.position_count, 1);
        assert_true(checkpoint.run.counts.items > 6);
        checkpoint_fini(&checkpoint);
        die_and_resume(line);
        feed_slowly(line, 30 - line->items);
        finish(line);
        check_arrays(line);
        tear_down(&own);
    }
}

/* Killed before, while and after the object is full: each object is an array of its own, and no item stands twice. */
static void a_full_upload_that_is_interrupted_goes_on_in_the_next_object(void **state) {
    (void)state;
    for (unsigned killed = 3; killed < 14; killed++) {
        void *own;
        set_up(&own);
        struct line *line = own;
        line->plan.parts_most = 8;
        keep(line);
        open_line(line, false, true);
        feed_all(line, killed, 3 * MIB);
        run_for(&line->world->loop, killed % 3 ? 30 : 0);
        die_and_resume(line);
        feed_all(line, 14 - line->items, 3 * MIB);
        finish(line);
        assert_true(line->record->outputs[0].object_count >= 2);
        check_arrays(line);
        tear_down(&own);
    }
}

static void a_page_alone_is_one_put(void **state) {
    struct line *line = *state;
    open_line(line, true, true);
    feed(line, 10);
    finish(line);
    check_arrays(line);
    assert_int_equal(cloud_count(line->world->cloud, "?uploads"), 0);
    assert_int_equal(cloud_count(line->world->cloud, "PUT"), 2);
    assert_int_equal(line->record->cut_count, 1);
}

static void a_cut_is_one_number_of_items_for_both(void **state) {
    struct line *line = *state;
    open_line(line, true, true);
    feed_all(line, 24, MIB);
    finish(line);
    check_arrays(line);
    assert_true(line->record->cut_count >= 2);
    for (size_t i = 0; i < line->record->cut_count; i++) {
        const struct cut_record *cut = &line->record->cuts[i];
        for (size_t k = 0; k < 2; k++) {
            const struct output_record *output = &line->record->outputs[k];
            uint64_t items = 0;
            size_t parts = 0;
            for (size_t o = 0; o < output->object_count; o++)
                for (size_t p = 0; p < output->objects[o].part_count && parts < cut->parts[k]; p++, parts++)
                    items += output->objects[o].parts[p].items;
            assert_int_equal(items, cut->items);
        }
    }
}

/* One PUT's answer was lost after the store had it: what stands there is asked, and is ours. */
static void a_single_put_whose_answer_was_lost_is_settled_by_head(void **state) {
    struct line *line = *state;
    cloud_rule(line->world->cloud, &(struct cloud_rule){.match = "PUT /bkt/p/backup-", .act = CLOUD_LOSE, .times = 1});
    open_line(line, false, true);
    feed(line, 10);
    finish(line);
    assert_int_equal(cloud_count(line->world->cloud, "HEAD"), 1);
    check_arrays(line);
}

static void an_upload_that_was_completed_unheard_is_settled_by_head(void **state) {
    struct line *line = *state;
    cloud_rule(line->world->cloud, &(struct cloud_rule){.match = ".json?uploadId=", .act = CLOUD_FORGET, .times = 1});
    open_line(line, false, true);
    feed_all(line, 4, 3 * MIB);
    finish(line);
    assert_int_equal(cloud_count(line->world->cloud, "HEAD"), 1);
    check_arrays(line);
}

static void a_failure_is_told_once_and_later_pages_are_only_freed(void **state) {
    struct line *line = *state;
    cloud_rule(line->world->cloud,
               &(struct cloud_rule){.match = "PUT", .act = CLOUD_REFUSE, .status = 403, .code = "AccessDenied"});
    open_line(line, true, true);
    for (unsigned i = 0; i < 4; i++)
        feed(line, 3 * MIB);
    assembly_close(line->assembly);
    run_until(&line->world->loop, &line->failed);
    feed(line, 10);
    run_for(&line->world->loop, 50);
    assert_false(line->stored);
}

static void what_a_worker_has_is_given_back_after_the_assembly_has_gone(void **state) {
    struct line *line = *state;
    open_line(line, true, true);
    for (unsigned i = 0; i < 4; i++)
        feed(line, 3 * MIB);
    run_for(&line->world->loop, 2);
    assembly_free(take_pointer(line->assembly));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_LINE(a_full_upload_goes_on_in_the_next_object),
        cmocka_unit_test(a_state_that_fails_for_a_while_has_the_newest_cut_in_the_end),
        cmocka_unit_test(a_full_upload_that_is_interrupted_goes_on_in_the_next_object),
        WITH_LINE(every_object_of_csv_has_the_header),
        WITH_LINE(columns_live_as_long_as_a_worker_reads_them),
        WITH_LINE(a_page_alone_is_one_put),
        WITH_LINE(a_cut_is_one_number_of_items_for_both),
        WITH_LINE(a_single_put_whose_answer_was_lost_is_settled_by_head),
        WITH_LINE(an_upload_that_was_completed_unheard_is_settled_by_head),
        WITH_LINE(a_failure_is_told_once_and_later_pages_are_only_freed),
        WITH_LINE(what_a_worker_has_is_given_back_after_the_assembly_has_gone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
