/* SPDX-License-Identifier: Apache-2.0 */
/* What is remembered of restores that have not come to their end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/memory.h"
#include "state/restores.h"

struct world {
    uv_loop_t loop;
    char folder[32];
    struct state *state;
    unsigned done;
    char *found; /* "id created overwrite 0/1 0/2", "nothing" */
    int64_t noted;
};

static const struct restore_key one = {"s3://b/p/", "us-east-1 new"}, other = {"s3://b/p/", "us-east-1 another"};

static void open_state(struct world *world) {
    struct error set_aside = {0}, error = {0};
    world->state = state_open(&world->loop, world->folder, &set_aside, &error);
    if (!world->state || set_aside.code)
        fail_msg("%s", error.message ? error.message : set_aside.message);
}

static void close_state(struct world *world) {
    state_free(take_pointer(world->state));
    uv_run(&world->loop, UV_RUN_DEFAULT);
}

static int set_up(void **state) {
    struct world *world = x_calloc(1, sizeof *world);
    *world = (struct world){.folder = "/tmp/restores-test-XXXXXX"};
    if (!mkdtemp(world->folder))
        return 1;
    uv_loop_init(&world->loop);
    open_state(world);
    *state = world;
    return 0;
}

static int tear_down(void **state) {
    static const char *const files[] = {"state.db", "state.db-wal", "state.db-shm", "lock"};
    struct world *world = *state;
    close_state(world);
    for (size_t i = 0; i < array_length(files); i++) {
        _cleanup_free_ char *path = x_printf("%s/%s", world->folder, files[i]);
        unlink(path);
    }
    int left = rmdir(world->folder) + uv_loop_close(&world->loop);
    free(world->found);
    free(world);
    return left;
}

static void on_done(void *arg, const struct error *error) {
    struct world *world = arg;
    if (error)
        fail_msg("%s", error->message);
    world->done++;
}

static void on_found(void *arg, const struct restore_memory *memory, const struct error *error) {
    struct world *world = arg;
    struct buffer out = BUFFER_INIT(BUFFER_OURS);
    if (error)
        fail_msg("%s", error->message);
    buffer_printf(&out, "%s%s%s", memory->table_id ? memory->table_id : "nothing", memory->created ? " created" : "",
                  memory->overwrite ? " overwrite" : "");
    world->noted = memory->noted;
    for (size_t i = 0; i < memory->part_count; i++)
        buffer_printf(&out, " %u/%u", (unsigned)memory->parts[i].object, (unsigned)memory->parts[i].part);
    free(world->found);
    world->found = buffer_take(&out);
}

static void begin(struct world *world, const struct restore_key *key, const char *table_id, bool created) {
    struct restore_begin begin = {.table_id = table_id, .created = created, .goes_on = true, .now = 1000};
    restores_begin(world->state, key, &begin, on_done, world);
}

static void part(struct world *world, const struct restore_key *key, uint64_t object, uint64_t number) {
    struct restored_part one_part = {object, number};
    restores_parts(world->state, key, &(struct restored_parts){&one_part, 1, 2000}, on_done, world);
}

static void assert_found(struct world *world, const struct restore_key *key, const char *wanted) {
    restores_find(world->state, key, on_found, world);
    uv_run(&world->loop, UV_RUN_DEFAULT);
    assert_string_equal(world->found, wanted);
}

static void parts_are_remembered_in_order_and_over_a_restart(void **state) {
    struct world *world = *state;
    assert_found(world, &one, "nothing");
    begin(world, &one, "id-1", true);
    part(world, &one, 2, 0);
    part(world, &one, 0, 1);
    part(world, &one, 0, 0);
    part(world, &one, 0, 0); /* written once more: once is enough */
    assert_found(world, &one, "id-1 created 0/0 0/1 2/0");
    assert_int_equal(world->done, 5);
    close_state(world);
    open_state(world);
    assert_found(world, &one, "id-1 created 0/0 0/1 2/0");
}

static void several_parts_in_one_transaction(void **state) {
    struct world *world = *state;
    const struct restored_part parts[] = {{1, 1}, {1, 0}};
    begin(world, &one, "id-1", false);
    restores_parts(world->state, &one, &(struct restored_parts){parts, array_length(parts), 2000}, on_done, world);
    assert_found(world, &one, "id-1 1/0 1/1");
}

static void another_table_of_the_same_name_holds_no_part(void **state) {
    struct world *world = *state;
    begin(world, &one, "", true);
    begin(world, &one, "id-1", true);
    part(world, &one, 0, 0);
    begin(world, &one, "id-1", true);
    assert_found(world, &one, "id-1 created 0/0");
    begin(world, &one, "id-2", false);
    assert_found(world, &one, "id-2");
}

static void restores_are_kept_apart_and_forgotten_alone(void **state) {
    struct world *world = *state;
    begin(world, &one, "id-1", false);
    begin(world, &other, "id-2", false);
    part(world, &one, 1, 0);
    part(world, &other, 2, 0);
    restores_end(world->state, &one, on_done, world);
    assert_found(world, &one, "nothing");
    assert_found(world, &other, "id-2 2/0");
}

/* Broke: restore A interrupted, B into the same table, A asked for again: it skipped the parts that B had replaced. */
static void another_backup_in_the_table_ends_what_was_noted_of_the_first(void **state) {
    static const struct restore_key second = {"s3://b/q/", "us-east-1 new"};
    static const struct restore_key by_arn = {"s3://b/q/", "us-east-1 arn:aws:dynamodb:us-east-1:1:table/new"};
    struct world *world = *state;
    begin(world, &one, "id-1", false);
    part(world, &one, 0, 0);
    begin(world, &other, "id-2", false);
    part(world, &other, 2, 0);
    begin(world, &second, "id-1", false);
    part(world, &second, 3, 0);
    assert_found(world, &one, "nothing");
    assert_found(world, &second, "id-1 3/0");
    restores_end(world->state, &second, on_done, world);
    assert_found(world, &one, "nothing");
    assert_found(world, &other, "id-2 2/0");
    begin(world, &one, "id-1", false);
    part(world, &one, 0, 0);
    begin(world, &by_arn, "id-1", false);
    assert_found(world, &one, "nothing");
}

static void a_restore_that_does_not_go_on_has_written_no_part(void **state) {
    struct world *world = *state;
    struct restore_begin anew = {.table_id = "id-1", .overwrite = true, .now = 1000};
    begin(world, &one, "id-1", false);
    part(world, &one, 0, 0);
    restores_begin(world->state, &one, &anew, on_done, world);
    assert_found(world, &one, "id-1 overwrite");
    assert_int_equal(world->noted, 1000);
    part(world, &one, 0, 1);
    assert_found(world, &one, "id-1 overwrite 0/1");
    assert_int_equal(world->noted, 2000);
}

static void a_cancelled_question_is_not_answered(void **state) {
    struct world *world = *state;
    state_cancel(restores_find(world->state, &one, on_found, world));
    uv_run(&world->loop, UV_RUN_DEFAULT);
    assert_null(world->found);
}

#define WITH_STATE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_STATE(parts_are_remembered_in_order_and_over_a_restart),
        WITH_STATE(several_parts_in_one_transaction),
        WITH_STATE(another_table_of_the_same_name_holds_no_part),
        WITH_STATE(restores_are_kept_apart_and_forgotten_alone),
        WITH_STATE(another_backup_in_the_table_ends_what_was_noted_of_the_first),
        WITH_STATE(a_restore_that_does_not_go_on_has_written_no_part),
        WITH_STATE(a_cancelled_question_is_not_answered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
