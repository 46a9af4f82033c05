/* SPDX-License-Identifier: Apache-2.0 */
/* What the modules of the state keep over a restart: past runs, mails on their way, the schedules' times. */
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
#include "state/checkpoint.h"
#include "state/fires.h"
#include "state/history.h"
#include "state/mails.h"

struct world {
    uv_loop_t loop;
    char folder[32];
    struct state *state;
    unsigned answers;
    char *runs; /* of the last list: "r3 r2 " */
};

static void open_state(struct world *world) {
    _cleanup_error_ struct error set_aside = {0}, error = {0};
    world->state = state_open(&world->loop, world->folder, &set_aside, &error);
    assert_non_null(world->state);
    assert_int_equal(set_aside.code, ERROR_NONE);
}

static void close_state(struct world *world) {
    state_free(take_pointer(world->state));
    uv_run(&world->loop, UV_RUN_DEFAULT);
}

static int set_up(void **state) {
    struct world *world = x_calloc(1, sizeof *world);
    *world = (struct world){.folder = "/tmp/history-test-XXXXXX"};
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
    rmdir(world->folder);
    free(world->runs);
    free(world);
    return left;
}

static void restart(struct world *world) {
    close_state(world);
    open_state(world);
}

static char *text(const char *constant) {
    return (char *)(uintptr_t)constant; /* a row's strings are only read */
}

static struct history_row row(const char *run, const char *job, const char *outcome, int64_t ended) {
    return (struct history_row){.run = text(run),
                                .kind = text("backup"),
                                .job = text(job),
                                .outcome = text(outcome),
                                .started = ended - 10,
                                .ended = ended,
                                .items = ended};
}

static void on_ended(void *arg, const struct error *error) {
    struct world *world = arg;
    assert_null(error);
    world->answers++;
}

static void end_run(struct world *world, struct history_row row, const char *mail, int64_t fired) {
    history_end_run(world->state, &(struct history_end){.row = &row, .mail = mail, .fired = fired}, on_ended, world);
}

static void on_rows(void *arg, const struct history_row *rows, size_t count, const struct error *error) {
    struct world *world = arg;
    struct buffer runs = BUFFER_INIT(BUFFER_OURS);
    assert_null(error);
    for (size_t i = 0; i < count; i++)
        buffer_printf(&runs, "%s ", rows[i].run);
    free(world->runs);
    world->runs = buffer_take(&runs);
    world->answers++;
}

/* Every member, in the order of the struct. */
static void on_full(void *arg, const struct history_row *rows, size_t count, const struct error *error) {
    struct world *world = arg;
    struct buffer words = BUFFER_INIT(BUFFER_OURS);
    assert_null(error);
    assert_int_equal(count, 1);
    const char *const texts[] = {rows->run,        rows->kind,       rows->job,    rows->table,   rows->table_arn,
                                 rows->region,     rows->id,         rows->uri,    rows->outcome, rows->error,
                                 rows->error_code, rows->request_id, rows->warning};
    const int64_t numbers[] = {rows->started,      rows->ended,     rows->items,
                               rows->stored_bytes, rows->raw_bytes, rows->resumed};
    for (size_t i = 0; i < array_length(texts); i++)
        buffer_printf(&words, "%s|", texts[i]);
    for (size_t i = 0; i < array_length(numbers); i++)
        buffer_printf(&words, "%lld|", (long long)numbers[i]);
    free(world->runs);
    world->runs = buffer_take(&words);
}

static const char *list(struct world *world, const char *job, unsigned most) {
    history_list(world->state, job, most, on_rows, world);
    uv_run(&world->loop, UV_RUN_DEFAULT);
    return world->runs;
}

static void runs_are_listed_from_the_newest_over_a_restart(void **state) {
    struct world *world = *state;
    end_run(world, row("r1", "a", "success", 100), NULL, 0);
    end_run(world, row("r2", "b", "failure", 200), NULL, 0);
    end_run(world, row("r3", "a", "failure", 300), NULL, 0);
    restart(world);
    assert_string_equal(list(world, NULL, 10), "r3 r2 r1 ");
    assert_string_equal(list(world, NULL, 2), "r3 r2 ");
    assert_string_equal(list(world, "a", 10), "r3 r1 ");
    assert_string_equal(list(world, "nobody", 10), "");
}

static void every_member_comes_back(void **state) {
    struct world *world = *state;
    struct history_row full = {.run = text("r"),
                               .kind = text("drill"),
                               .job = text("j"),
                               .table = text("t"),
                               .table_arn = text("arn"),
                               .region = text("eu-west-1"),
                               .id = text("id"),
                               .uri = text("s3://b/"),
                               .outcome = text("failure"),
                               .error = text("what failed; it's \"quoted\""),
                               .error_code = text("AccessDenied"),
                               .request_id = text("7Q"),
                               .warning = text("w"),
                               .started = 1,
                               .ended = 2,
                               .items = 3,
                               .stored_bytes = 4,
                               .raw_bytes = INT64_C(1) << 60,
                               .resumed = 5};
    end_run(world, full, NULL, 0);
    restart(world);
    history_list(world->state, "j", 1, on_full, world);
    uv_run(&world->loop, UV_RUN_DEFAULT);
    assert_string_equal(world->runs,
                        "r|drill|j|t|arn|eu-west-1|id|s3://b/|failure|what failed; it's \"quoted\"|AccessDenied|7Q|w|"
                        "1|2|3|4|1152921504606846976|5|");
}

static void old_runs_are_forgotten(void **state) {
    struct world *world = *state;
    struct history_row newest = row("r3", "a", "success", 300);
    end_run(world, row("r1", "a", "success", 100), NULL, 0);
    end_run(world, row("r2", "a", "success", 200), NULL, 0);
    history_end_run(world->state, &(struct history_end){.row = &newest, .now = 300, .keep = 100}, on_ended, world);
    assert_string_equal(list(world, NULL, 10), "r3 r2 ");
    assert_int_equal(world->answers, 4);
}

/* It was right before, and is again. */
static void a_clock_that_is_wrong_once_costs_no_history(void **state) {
    struct world *world = *state;
    int64_t now = 1800000000000, keep = 400 * DAY_MS;
    struct history_row ahead = row("r3", "a", "success", now + 500 * DAY_MS);
    struct history_row failed = row("r4", "a", "failure", now + 500 * DAY_MS + 1);
    struct history_row right = row("r5", "a", "success", now + DAY_MS);
    end_run(world, row("r0", "a", "success", now - 401 * DAY_MS), NULL, 0);
    end_run(world, row("r1", "a", "success", now - 2 * DAY_MS), NULL, 0);
    end_run(world, row("r2", "b", "failure", now - DAY_MS), NULL, 0);
    history_end_run(world->state, &(struct history_end){.row = &ahead, .now = ahead.ended, .keep = keep}, on_ended,
                    world);
    assert_string_equal(list(world, NULL, 10), "r3 r2 r1 r0 ");
    history_end_run(world->state, &(struct history_end){.row = &right, .now = right.ended, .keep = keep}, on_ended,
                    world);
    assert_string_equal(list(world, NULL, 10), "r3 r5 r2 r1 ");
    struct history_row away = row("r3", "a", "failure", ahead.ended); /* the network was away too: again and again */
    history_end_run(world->state, &(struct history_end){.row = &away, .now = away.ended, .keep = keep}, on_ended,
                    world);
    history_end_run(world->state, &(struct history_end){.row = &failed, .now = failed.ended, .keep = keep}, on_ended,
                    world);
    assert_string_equal(list(world, NULL, 10), "r4 r3 r5 r2 r1 ");
}

static bool write_row(struct sqlite3 *db, void *arg, struct error *error) {
    (void)arg;
    struct checkpoint_run run = {.run = text("r1"),
                                 .job = text("a"),
                                 .settings = text("{}"),
                                 .table = text("t"),
                                 .table_arn = text("arn"),
                                 .region = text("eu-west-1"),
                                 .bucket = text("b"),
                                 .prefix = text(""),
                                 .formats = text("json/none")};
    return checkpoint_begin(db, &run, error);
}

struct look {
    bool known;
    struct checkpoint_list list;
};

static bool look_work(struct sqlite3 *db, void *arg, struct error *error) {
    struct look *look = arg;
    return history_knows(db, "r1", &look->known, error) && checkpoint_list(db, &look->list, error);
}

static void what_is_left_of_a_run_outlives_its_end(void **state) {
    struct world *world = *state;
    for (int left = 1; left >= 0; left--) {
        struct history_row over = row("r1", "a", "failure", 100);
        struct look look = {0};
        over.error = text("the network is away");
        if (left)
            assert_true(state_do_now(world->state, write_row, NULL, NULL));
        assert_true(state_do_now(world->state, look_work, &look, NULL));
        assert_int_equal(look.known, !left);
        checkpoint_list_fini(&look.list);
        history_end_run(world->state, &(struct history_end){.row = &over, .left = left}, on_ended, world);
        restart(world);
        assert_true(state_do_now(world->state, look_work, &look, NULL));
        assert_true(look.known);
        assert_int_equal(look.list.count, left);
        if (left)
            assert_string_equal(look.list.items[0].given_up, "the network is away");
        checkpoint_list_fini(&look.list);
    }
}

/* One that had not come so far as to be kept. */
static void a_run_without_rows_may_leave_something(void **state) {
    struct world *world = *state;
    struct history_row over = row("r1", "a", "cancelled", 100);
    history_end_run(world->state, &(struct history_end){.row = &over, .left = true}, on_ended, world);
    assert_string_equal(list(world, NULL, 10), "r1 ");
}

static void on_last(void *arg, size_t index, const struct history_row *last, int64_t good_items) {
    buffer_printf(arg, "%zu:%s:%s:%lld ", index, last->run, last->outcome, (long long)good_items);
}

static void a_jobs_last_run_and_its_last_good_one_are_known(void **state) {
    struct world *world = *state;
    static const char *const jobs[] = {"a", "b", "c", "d"};
    struct history_row drill = row("r9", "a", "success", 900);
    drill.kind = text("drill");
    end_run(world, row("r1", "a", "success", 100), NULL, 0);
    end_run(world, row("r2", "a", "failure", 200), NULL, 0);
    end_run(world, row("r3", "b", "failure", 300), NULL, 0);
    end_run(world, row("r4", "d", "success", 400), NULL, 0);
    end_run(world, drill, NULL, 0);
    restart(world);
    _cleanup_buffer_ struct buffer said = BUFFER_INIT(BUFFER_OURS);
    assert_true(history_last(world->state, jobs, 4, &(struct history_reader){on_last, &said}, NULL));
    assert_string_equal(said.data, "0:r2:failure:100 1:r3:failure:-1 3:r4:success:400 ");
}

static void a_mail_is_kept_with_its_run_until_it_is_gone(void **state) {
    struct world *world = *state;
    struct mail_row *mails;
    size_t count;
    end_run(world, row("r1", "a", "success", 100), "{\"first\":1}", 0);
    end_run(world, row("r2", "b", "success", 200), NULL, 0);
    end_run(world, row("r3", "b", "success", 300), "{}", 0);
    mails_forget(world->state, "r3", on_ended, world);
    restart(world);
    assert_true(mails_load(world->state, &mails, &count, NULL));
    assert_int_equal(count, 1);
    assert_string_equal(mails[0].run, "r1");
    assert_string_equal(mails[0].job, "a");
    assert_string_equal(mails[0].text, "{\"first\":1}");
    mail_row_fini(&mails[0]);
    free(mails);
}

static void the_times_of_schedules_are_kept(void **state) {
    struct world *world = *state;
    const struct fire_note notes[] = {{"b", 50}, {"a", 60}};
    struct fire_row *fires;
    size_t count;
    fires_note(world->state, notes, array_length(notes), on_ended, world);
    end_run(world, row("r1", "a", "success", 100), NULL, 77);
    end_run(world, row("r2", "b", "success", 100), NULL, 0); /* a person's: the schedule stands where it stood */
    restart(world);
    assert_true(fires_load(world->state, &fires, &count, NULL));
    assert_int_equal(count, 2);
    assert_string_equal(fires[0].job, "a");
    assert_int_equal(fires[0].at, 77);
    assert_string_equal(fires[1].job, "b");
    assert_int_equal(fires[1].at, 50);
    fire_rows_free(fires, count);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(runs_are_listed_from_the_newest_over_a_restart),
        TEST(every_member_comes_back),
        TEST(old_runs_are_forgotten),
        TEST(a_clock_that_is_wrong_once_costs_no_history),
        TEST(what_is_left_of_a_run_outlives_its_end),
        TEST(a_run_without_rows_may_leave_something),
        TEST(a_jobs_last_run_and_its_last_good_one_are_known),
        TEST(a_mail_is_kept_with_its_run_until_it_is_gone),
        TEST(the_times_of_schedules_are_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
