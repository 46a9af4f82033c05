/* SPDX-License-Identifier: Apache-2.0 */
/* The memory of scratch tables: what was planned, what was made, what a process that died has left behind. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "state/scratch.h"

struct world {
    uv_loop_t loop;
    char folder[32];
    struct state *state;
    enum error_code code; /* of the last change */
    int done;
};

static void open_state(struct world *world) {
    struct error error = {0};
    world->state = state_open(&world->loop, world->folder, &error, &error);
    if (!world->state)
        fail_msg("%s", error.message);
}

static void close_state(struct world *world) {
    state_free(take_pointer(world->state));
    uv_run(&world->loop, UV_RUN_DEFAULT);
}

static int set_up(void **state) {
    struct world *world = x_calloc(1, sizeof *world);
    snprintf(world->folder, sizeof world->folder, "/tmp/scratch-test-XXXXXX");
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
    int left = uv_loop_close(&world->loop);
    for (size_t i = 0; i < array_length(files); i++) {
        _cleanup_free_ char *path = x_printf("%s/%s", world->folder, files[i]);
        unlink(path);
    }
    left += rmdir(world->folder);
    free(world);
    return left;
}

static void on_done(void *arg, const struct error *error) {
    struct world *world = arg;
    world->done++;
    world->code = error ? error->code : ERROR_NONE;
}

static enum error_code finish(struct world *world) {
    world->done = 0;
    uv_run(&world->loop, UV_RUN_DEFAULT);
    assert_int_equal(world->done, 1);
    return world->code;
}

static char text[6][32] = {"a-drill-1", "us-east-1", "a", "run", "profile", "school"};
static const struct scratch_table one = {.name = text[0],
                                         .region = text[1],
                                         .job = text[2],
                                         .run = text[3],
                                         .access = {.source = text[4], .profile = text[5]},
                                         .planned = 1751767200123};

struct found {
    struct scratch_table *tables;
    size_t count;
};

/* As a process that starts anew sees them. */
static struct found found_again(struct world *world) {
    struct found found;
    struct error error = {0};
    close_state(world);
    open_state(world);
    if (!scratch_load(world->state, &found.tables, &found.count, &error))
        fail_msg("%s", error.message);
    return found;
}

static void found_fini(struct found *found) {
    for (size_t i = 0; i < found->count; i++)
        scratch_table_fini(&found->tables[i]);
    free(found->tables);
}

static void a_planned_table_stands_until_it_is_forgotten(void **state) {
    struct world *world = *state;
    scratch_plan(world->state, &one, on_done, world);
    assert_int_equal(finish(world), ERROR_NONE);
    struct found found = found_again(world);
    assert_int_equal(found.count, 1);
    assert_string_equal(found.tables[0].name, "a-drill-1");
    assert_string_equal(found.tables[0].region, "us-east-1");
    assert_string_equal(found.tables[0].job, "a");
    assert_string_equal(found.tables[0].run, "run");
    assert_string_equal(found.tables[0].access.source, "profile");
    assert_string_equal(found.tables[0].access.profile, "school");
    assert_null(found.tables[0].access.role_arn);
    assert_null(found.tables[0].access.external_id);
    assert_null(found.tables[0].arn);
    assert_int_equal(found.tables[0].planned, one.planned);
    found_fini(&found);
    scratch_forget(world->state, &one, on_done, world);
    assert_int_equal(finish(world), ERROR_NONE);
    found = found_again(world);
    assert_int_equal(found.count, 0);
    found_fini(&found);
}

static void a_made_table_is_known_by_its_arn(void **state) {
    struct world *world = *state;
    struct scratch_table other = scratch_table_copy(&one);
    x_replace(&other.region, "eu-west-1");
    other.planned++;
    scratch_plan(world->state, &one, NULL, NULL);
    scratch_plan(world->state, &other, NULL, NULL);
    scratch_made(world->state, &other, "arn:x", on_done, world);
    assert_int_equal(finish(world), ERROR_NONE);
    assert_null(other.arn);
    scratch_table_fini(&other);
    struct found found = found_again(world);
    assert_int_equal(found.count, 2);
    assert_null(found.tables[0].arn);
    assert_string_equal(found.tables[1].region, "eu-west-1");
    assert_string_equal(found.tables[1].arn, "arn:x");
    found_fini(&found);
}

static void a_name_stands_once(void **state) {
    struct world *world = *state;
    scratch_plan(world->state, &one, NULL, NULL);
    scratch_plan(world->state, &one, on_done, world);
    assert_int_not_equal(finish(world), ERROR_NONE);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_planned_table_stands_until_it_is_forgotten, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_made_table_is_known_by_its_arn, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_name_stands_once, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
