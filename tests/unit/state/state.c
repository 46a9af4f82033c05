/* SPDX-License-Identifier: Apache-2.0 */
/* The engine of the state: order, all or nothing, who may open it, what becomes of a file that cannot be used. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/memory.h"
#include "state/state.h"

struct world {
    uv_loop_t loop;
    char folder[32];
    struct state *state;
    struct error set_aside, error;
};

static void open_state(struct world *world) {
    world->state = state_open(&world->loop, world->folder, &world->set_aside, &world->error);
}

static void close_state(struct world *world) {
    state_free(take_pointer(world->state));
    uv_run(&world->loop, UV_RUN_DEFAULT);
}

static int set_up(void **state) {
    struct world *world = x_calloc(1, sizeof *world);
    *world = (struct world){.folder = "/tmp/state-test-XXXXXX"};
    if (!mkdtemp(world->folder))
        return 1;
    uv_loop_init(&world->loop);
    *state = world;
    return 0;
}

static void remove_folder(const char *folder) {
    DIR *directory = opendir(folder);
    struct dirent *entry;
    while ((entry = readdir(directory))) {
        _cleanup_free_ char *path = x_printf("%s/%s", folder, entry->d_name);
        unlink(path);
    }
    closedir(directory);
    rmdir(folder);
}

static int tear_down(void **state) {
    struct world *world = *state;
    close_state(world);
    int left = uv_loop_close(&world->loop);
    remove_folder(world->folder);
    error_clear(&world->set_aside);
    error_clear(&world->error);
    free(world);
    return left;
}

static bool run(sqlite3 *db, const char *text, struct error *error) {
    if (sqlite3_exec(db, text, NULL, NULL, NULL) == SQLITE_OK)
        return true;
    error_set(error, ERROR_SYSTEM, "%s", sqlite3_errmsg(db));
    return false;
}

/* One transaction of the tests: a text, and whether it then fails all the same. */
struct step {
    const char *text;
    bool fails;
    int *clock, when, released; /* `when` done() came, counted by all steps together */
    enum error_code code;
};

static bool step_work(sqlite3 *db, void *arg, struct error *error) {
    struct step *step = arg;
    if (!run(db, step->text, error))
        return false;
    if (step->fails)
        error_set(error, ERROR_INVALID, "it changed its mind");
    return !step->fails;
}

static void step_done(void *arg, const struct error *error) {
    struct step *step = arg;
    step->when = ++*step->clock;
    step->code = error ? error->code : ERROR_NONE;
}

static void step_release(void *arg) {
    ((struct step *)arg)->released++;
}

static struct state_op *take_step(struct world *world, struct step *step) {
    return state_do(world->state, &(struct state_order){step_work, step_done, step_release, step});
}

static bool count_rows(sqlite3 *db, void *arg, struct error *error) {
    sqlite3_stmt *statement = NULL;
    (void)error;
    sqlite3_prepare_v2(db, "SELECT count(*) FROM t", -1, &statement, NULL);
    *(int *)arg = sqlite3_step(statement) == SQLITE_ROW ? sqlite3_column_int(statement, 0) : -1;
    return sqlite3_finalize(statement) == SQLITE_OK;
}

static int rows(struct world *world) {
    int count = -1;
    state_do_now(world->state, count_rows, &count, NULL);
    return count;
}

static void transactions_keep_their_order_and_are_whole_or_nothing(void **state) {
    struct world *world = *state;
    int clock = 0;
    struct step steps[] = {{"CREATE TABLE t(x)", .clock = &clock},
                           {"INSERT INTO t VALUES(1), (2)", .clock = &clock},
                           {"INSERT INTO t VALUES(3)", .fails = true, .clock = &clock},
                           {"INSERT INTO nowhere VALUES(4)", .clock = &clock},
                           {"INSERT INTO t VALUES(5)", .clock = &clock}};
    open_state(world);
    for (size_t i = 0; i < array_length(steps); i++)
        take_step(world, &steps[i]);
    assert_int_equal(clock, 0); /* never from inside */
    uv_run(&world->loop, UV_RUN_DEFAULT);
    for (size_t i = 0; i < array_length(steps); i++) {
        assert_int_equal(steps[i].when, (int)i + 1);
        assert_int_equal(steps[i].released, 1);
    }
    assert_int_equal(steps[2].code, ERROR_INVALID);
    assert_int_equal(steps[3].code, ERROR_SYSTEM);
    assert_int_equal(steps[4].code, ERROR_NONE);
    assert_int_equal(rows(world), 3);
    close_state(world);
    open_state(world);
    assert_int_equal(rows(world), 3);
    assert_int_equal(world->set_aside.code, ERROR_NONE);
}

static unsigned commits;
static bool refuses; /* the second and the third */

/* Installed inside the state's own connection. Non-zero: COMMIT becomes ROLLBACK. */
static int on_commit(void *arg) {
    (void)arg;
    commits++;
    return refuses && (commits == 2 || commits == 3);
}

static bool count_commits(sqlite3 *db, void *arg, struct error *error) {
    (void)arg, (void)error;
    sqlite3_commit_hook(db, on_commit, NULL);
    return true;
}

/* A table of its own, one after the other. */
static void take_together(struct world *world, struct step *steps, size_t count, int *clock, bool refuse) {
    struct step made = {"CREATE TABLE t(x)", .clock = clock};
    open_state(world);
    assert_true(state_do_now(world->state, step_work, &made, NULL));
    refuses = false;
    assert_true(state_do_now(world->state, count_commits, NULL, NULL));
    commits = 0;
    refuses = refuse;
    for (size_t i = 0; i < count; i++) {
        steps[i].clock = clock;
        state_do(world->state, &(struct state_order){step_work, step_done, step_release, &steps[i], .again = true});
    }
    assert_int_equal(*clock, 0);
    uv_run(&world->loop, UV_RUN_DEFAULT);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(steps[i].when, (int)i + 1);
        assert_int_equal(steps[i].released, 1);
    }
}

static void what_waits_together_is_committed_together(void **state) {
    struct step steps[200];
    int clock = 0;
    for (size_t i = 0; i < array_length(steps); i++)
        steps[i] = (struct step){"INSERT INTO t VALUES(1)"};
    take_together(*state, steps, array_length(steps), &clock, false);
    assert_in_range(commits, 4, 6); /* the first went at once, the others 64 at a time */
    for (size_t i = 0; i < array_length(steps); i++)
        assert_int_equal(steps[i].code, ERROR_NONE);
    assert_int_equal(rows(*state), 200);
}

static void one_that_fails_takes_no_other_with_it(void **state) {
    struct step steps[] = {{"INSERT INTO t VALUES(1)"},
                           {"INSERT INTO t VALUES(2)"},
                           {"INSERT INTO t VALUES(3)", .fails = true},
                           {"INSERT INTO nowhere VALUES(4)"},
                           {"INSERT INTO t VALUES(5)"}};
    int clock = 0;
    take_together(*state, steps, array_length(steps), &clock, false);
    assert_int_equal(commits, 2);
    static const enum error_code codes[] = {ERROR_NONE, ERROR_NONE, ERROR_INVALID, ERROR_SYSTEM, ERROR_NONE};
    for (size_t i = 0; i < array_length(steps); i++)
        assert_int_equal(steps[i].code, codes[i]);
    assert_int_equal(rows(*state), 3);
}

static void a_shared_transaction_that_fails_is_done_one_by_one(void **state) {
    struct step steps[] = {{"SELECT 1"},
                           {"INSERT INTO t VALUES(1)"},
                           {"INSERT INTO t VALUES(2)", .fails = true},
                           {"INSERT INTO t VALUES(3)"}};
    int clock = 0;
    take_together(*state, steps, array_length(steps), &clock, true); /* the shared one, and the first one alone */
    assert_int_equal(commits, 4);
    assert_int_equal(steps[1].code, ERROR_SYSTEM);
    assert_int_equal(steps[2].code, ERROR_INVALID);
    assert_int_equal(steps[3].code, ERROR_NONE);
    assert_int_equal(rows(*state), 1);
}

/* ROLLBACK inside of one, as a full disk has it, takes back what the others did: they do it again. */
static void one_that_ends_the_transaction_takes_no_other_with_it(void **state) {
    struct step steps[] = {{"SELECT 1"},
                           {"INSERT INTO t VALUES(1)"},
                           {"INSERT INTO t VALUES(2); ROLLBACK; INSERT INTO nowhere VALUES(3)"},
                           {"INSERT INTO t VALUES(4)"}};
    int clock = 0;
    take_together(*state, steps, array_length(steps), &clock, false);
    assert_int_equal(steps[1].code, ERROR_NONE);
    assert_int_equal(steps[2].code, ERROR_SYSTEM);
    assert_int_equal(steps[3].code, ERROR_NONE);
    assert_int_equal(rows(*state), 2);
}

static bool insert_one(sqlite3 *db, void *arg, struct error *error) {
    (void)arg;
    return run(db, "INSERT INTO t VALUES(2)", error);
}

static void end_world(void *arg, const struct error *error) {
    struct world *world = arg;
    (void)error;
    state_free(world->state);
    world->state = NULL;
}

/* The end comes from the first that is told, while the others of its transaction are still to be. */
static void those_told_together_with_the_end_are_silent(void **state) {
    struct world *world = *state;
    int clock = 0;
    struct step first = {"CREATE TABLE t(x)", .clock = &clock}, last = {"INSERT INTO t VALUES(1)", .clock = &clock};
    open_state(world);
    take_step(world, &first);
    state_do(world->state, &(struct state_order){insert_one, end_world, NULL, world, .again = true});
    state_do(world->state, &(struct state_order){step_work, step_done, step_release, &last, .again = true});
    uv_run(&world->loop, UV_RUN_DEFAULT);
    assert_int_equal(clock, 1);
    assert_int_equal(last.when, 0);
    assert_int_equal(last.released, 1);
    open_state(world);
    assert_int_equal(rows(world), 2);
}

static void a_cancelled_one_is_silent_and_still_released(void **state) {
    struct world *world = *state;
    int clock = 0;
    struct step made = {"CREATE TABLE t(x)", .clock = &clock}, silent = {"INSERT INTO t VALUES(1)", .clock = &clock};
    open_state(world);
    take_step(world, &made);
    state_cancel(take_step(world, &silent));
    uv_run(&world->loop, UV_RUN_DEFAULT);
    assert_int_equal(clock, 1);
    assert_int_equal(silent.when, 0);
    assert_int_equal(silent.released, 1);
}

static void what_was_asked_for_before_the_end_is_carried_out(void **state) {
    struct world *world = *state;
    int clock = 0;
    struct step steps[] = {{"CREATE TABLE t(x)", .clock = &clock}, {"INSERT INTO t VALUES(1)", .clock = &clock}};
    open_state(world);
    for (size_t i = 0; i < array_length(steps); i++)
        take_step(world, &steps[i]);
    close_state(world);
    assert_int_equal(clock, 0);
    assert_int_equal(steps[1].released, 1);
    open_state(world);
    assert_int_equal(rows(world), 1);
}

/* Start-up reads while what it has found already makes it write. */
static void at_once_and_by_a_worker_do_not_meet(void **state) {
    struct world *world = *state;
    int clock = 0;
    struct step made = {"CREATE TABLE t(x)", .clock = &clock}, steps[40];
    open_state(world);
    assert_true(state_do_now(world->state, step_work, &made, NULL));
    for (size_t i = 0; i < array_length(steps); i++) {
        struct step now = {"INSERT INTO t VALUES(2)", .clock = &clock};
        steps[i] = (struct step){"INSERT INTO t VALUES(1)", .clock = &clock};
        take_step(world, &steps[i]);
        assert_true(state_do_now(world->state, step_work, &now, NULL));
        uv_run(&world->loop, UV_RUN_NOWAIT);
    }
    uv_run(&world->loop, UV_RUN_DEFAULT);
    for (size_t i = 0; i < array_length(steps); i++)
        assert_int_equal(steps[i].code, ERROR_NONE);
    assert_int_equal(rows(world), 2 * (int)array_length(steps));
}

static void a_second_process_is_refused_by_name(void **state) {
    struct world *world = *state;
    open_state(world);
    assert_non_null(world->state);
    assert_null(state_open(&world->loop, world->folder, &world->set_aside, &world->error));
    assert_int_equal(world->error.code, ERROR_EXISTS);
    _cleanup_free_ char *pid = x_printf("pid %ld", (long)getpid());
    assert_non_null(strstr(world->error.message, pid));
    close_state(world);
    error_clear(&world->error);
    open_state(world); /* the lock went with it */
    assert_non_null(world->state);
}

static void a_lock_file_that_somebody_removed_locks_all_the_same(void **state) {
    struct world *world = *state;
    _cleanup_free_ char *path = x_printf("%s/lock", world->folder);
    open_state(world);
    assert_int_equal(unlink(path), 0);
    assert_null(state_open(&world->loop, world->folder, &world->set_aside, &world->error));
    assert_int_equal(world->error.code, ERROR_EXISTS);
}

static void nobody_else_reads_it(void **state) {
    struct world *world = *state;
    struct stat status;
    _cleanup_free_ char *path = x_printf("%s/state.db", world->folder);
    mode_t mask = umask(0);
    open_state(world);
    umask(mask);
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 077, 0);
}

static void write_file(const struct world *world, const char *bytes, size_t length) {
    _cleanup_free_ char *path = x_printf("%s/state.db", world->folder);
    FILE *file = fopen(path, "w");
    assert_int_equal(fwrite(bytes, 1, length, file), length);
    fclose(file);
}

static int files_set_aside(const struct world *world) {
    DIR *directory = opendir(world->folder);
    struct dirent *entry;
    int count = 0;
    while ((entry = readdir(directory)))
        if (strncmp(entry->d_name, "state.db.damaged-", 17) == 0)
            count++;
    closedir(directory);
    return count;
}

static void a_file_that_is_none_is_set_aside(void **state) {
    struct world *world = *state;
    char noise[8192];
    memset(noise, 'x', sizeof noise);
    write_file(world, noise, sizeof noise);
    open_state(world);
    assert_non_null(world->state);
    assert_int_equal(world->set_aside.code, ERROR_CORRUPT);
    assert_non_null(strstr(world->set_aside.message, "state.db.damaged-"));
    assert_int_equal(files_set_aside(world), 1);
    close_state(world);
    error_clear(&world->set_aside);
    write_file(world, noise, sizeof noise); /* again, in the same second */
    open_state(world);
    assert_non_null(world->state);
    assert_int_equal(files_set_aside(world), 2);
}

static void another_programs_file_is_set_aside_untouched(void **state) {
    struct world *world = *state;
    _cleanup_free_ char *path = x_printf("%s/state.db", world->folder);
    sqlite3 *db;
    sqlite3_open(path, &db);
    assert_true(run(db, "PRAGMA application_id = 7; CREATE TABLE theirs(x)", NULL));
    sqlite3_close(db);
    open_state(world);
    assert_non_null(world->state);
    assert_non_null(strstr(world->set_aside.message, "another program"));
    assert_int_equal(files_set_aside(world), 1);
}

static void a_damaged_file_is_set_aside(void **state) {
    struct world *world = *state;
    int clock = 0;
    struct step steps[] = {
        {"CREATE TABLE t(x); CREATE INDEX i ON t(x)", .clock = &clock},
        {"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000) INSERT INTO t SELECT i FROM n",
         .clock = &clock}};
    open_state(world);
    for (size_t i = 0; i < array_length(steps); i++)
        take_step(world, &steps[i]);
    close_state(world);
    _cleanup_free_ char *path = x_printf("%s/state.db", world->folder);
    int file = open(path, O_RDWR | O_CLOEXEC);
    char noise[4096];
    memset(noise, 0xa5, sizeof noise);
    assert_int_equal(pwrite(file, noise, sizeof noise, 5 * (off_t)sizeof noise), sizeof noise);
    close(file);
    open_state(world);
    assert_non_null(world->state);
    assert_int_equal(world->set_aside.code, ERROR_CORRUPT);
    assert_int_equal(files_set_aside(world), 1);
}

static void an_empty_file_is_none_of_ours(void **state) {
    struct world *world = *state;
    open_state(world);
    close_state(world);
    write_file(world, "", 0);
    open_state(world);
    assert_non_null(world->state);
    assert_int_equal(world->set_aside.code, ERROR_CORRUPT);
    assert_non_null(strstr(world->set_aside.message, "it is empty"));
    assert_int_equal(files_set_aside(world), 1);
}

static void a_log_without_its_file_is_set_aside(void **state) {
    struct world *world = *state;
    _cleanup_free_ char *from = x_printf("%s/state.db", world->folder),
                        *to = x_printf("%s/state.db-wal", world->folder);
    write_file(world, "what stood there", 16);
    assert_int_equal(rename(from, to), 0);
    open_state(world);
    assert_non_null(world->state);
    assert_int_equal(world->set_aside.code, ERROR_CORRUPT);
    assert_non_null(strstr(world->set_aside.message, "missing beside"));
    assert_int_equal(files_set_aside(world), 1);
}

static void a_newer_versions_file_is_left_alone(void **state) {
    struct world *world = *state;
    int clock = 0;
    struct step newer = {"PRAGMA user_version = 99", .clock = &clock};
    open_state(world);
    take_step(world, &newer);
    close_state(world);
    open_state(world);
    assert_null(world->state);
    assert_int_equal(world->error.code, ERROR_INVALID);
    assert_non_null(strstr(world->error.message, "newer"));
    assert_int_equal(files_set_aside(world), 0);
}

/* What version 1 had; a reader of version 2 finds what it looks for, and what stood there before. */
static void an_older_versions_file_is_brought_up_to_ours(void **state) {
    struct world *world = *state;
    int clock = 0;
    struct step older = {"ALTER TABLE checkpoint_cut DROP COLUMN parts_3;"
                         "INSERT INTO checkpoint_cut VALUES (1, 1, 10, 2, 3, 4); PRAGMA user_version = 1",
                         .clock = &clock};
    struct step newer = {"INSERT INTO checkpoint_cut SELECT run, 2, items, parts_1, parts_2, recorded, parts_3 + 5 FROM"
                         " checkpoint_cut; CREATE TABLE t AS SELECT * FROM checkpoint_cut WHERE parts_3 = 5",
                         .clock = &clock};
    open_state(world);
    take_step(world, &older);
    close_state(world);
    assert_int_equal(older.code, ERROR_NONE);
    for (int i = 0; i < 2; i++) { /* once, and not again */
        open_state(world);
        assert_non_null(world->state);
        if (!i)
            take_step(world, &newer);
        uv_run(&world->loop, UV_RUN_DEFAULT);
        assert_int_equal(rows(world), 1);
        close_state(world);
    }
    assert_int_equal(files_set_aside(world), 0);
}

static void a_full_disk_is_an_error_and_loses_nothing(void **state) {
    struct world *world = *state;
    int clock = 0;
    struct rlimit before, small = {.rlim_cur = 256 << 10};
    struct step made = {"CREATE TABLE t(x); INSERT INTO t VALUES(1)", .clock = &clock},
                large = {"INSERT INTO t VALUES(randomblob(4000000))", .clock = &clock},
                after = {"INSERT INTO t VALUES(2)", .clock = &clock};
    signal(SIGXFSZ, SIG_IGN);
    open_state(world);
    take_step(world, &made);
    uv_run(&world->loop, UV_RUN_DEFAULT);
    getrlimit(RLIMIT_FSIZE, &before);
    small.rlim_max = before.rlim_max;
    setrlimit(RLIMIT_FSIZE, &small);
    take_step(world, &large);
    uv_run(&world->loop, UV_RUN_DEFAULT);
    setrlimit(RLIMIT_FSIZE, &before);
    take_step(world, &after);
    uv_run(&world->loop, UV_RUN_DEFAULT);
    assert_int_equal(large.code, ERROR_SYSTEM);
    assert_int_equal(after.code, ERROR_NONE);
    assert_int_equal(rows(world), 2);
}

/* A child counts up, one transaction a step, and says each that stands; it is killed in the middle. */
static void count_until_killed(const char *folder, int out) {
    struct error set_aside = {0}, error = {0};
    uv_loop_t loop;
    uv_loop_init(&loop);
    struct state *state = state_open(&loop, folder, &set_aside, &error);
    int clock = 0;
    struct step made = {"CREATE TABLE t(x)", .clock = &clock}, one = {"INSERT INTO t VALUES(1)", .clock = &clock};
    if (!state || !state_do_now(state, step_work, &made, NULL))
        _exit(1);
    while (state_do_now(state, step_work, &one, NULL) && write(out, "1", 1) == 1)
        ;
    _exit(2);
}

static void what_was_said_to_stand_survives_sigkill(void **state) {
    struct world *world = *state;
    int ends[2], said = 0;
    char bytes[64];
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0)
        count_until_killed(world->folder, ends[1]);
    close(ends[1]);
    while (said < 20) {
        ssize_t got = read(ends[0], bytes, sizeof bytes);
        assert_true(got > 0);
        said += (int)got;
    }
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    for (ssize_t got; (got = read(ends[0], bytes, sizeof bytes)) > 0;)
        said += (int)got;
    close(ends[0]);
    open_state(world);
    assert_non_null(world->state);
    assert_int_equal(world->set_aside.code, ERROR_NONE);
    assert_in_range(rows(world), said, said + 1);
}

static void a_directory_that_cannot_be_made_is_refused(void **state) {
    struct world *world = *state;
    assert_null(state_open(&world->loop, "/dev/null/state", &world->set_aside, &world->error));
    assert_int_equal(world->error.code, ERROR_SYSTEM);
    assert_non_null(strstr(world->error.message, "/dev/null"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(transactions_keep_their_order_and_are_whole_or_nothing),
        TEST(what_waits_together_is_committed_together),
        TEST(one_that_fails_takes_no_other_with_it),
        TEST(a_shared_transaction_that_fails_is_done_one_by_one),
        TEST(one_that_ends_the_transaction_takes_no_other_with_it),
        TEST(those_told_together_with_the_end_are_silent),
        TEST(a_cancelled_one_is_silent_and_still_released),
        TEST(what_was_asked_for_before_the_end_is_carried_out),
        TEST(at_once_and_by_a_worker_do_not_meet),
        TEST(a_second_process_is_refused_by_name),
        TEST(a_lock_file_that_somebody_removed_locks_all_the_same),
        TEST(an_empty_file_is_none_of_ours),
        TEST(a_log_without_its_file_is_set_aside),
        TEST(nobody_else_reads_it),
        TEST(a_file_that_is_none_is_set_aside),
        TEST(another_programs_file_is_set_aside_untouched),
        TEST(a_damaged_file_is_set_aside),
        TEST(a_newer_versions_file_is_left_alone),
        TEST(an_older_versions_file_is_brought_up_to_ours),
        TEST(a_full_disk_is_an_error_and_loses_nothing),
        TEST(what_was_said_to_stand_survives_sigkill),
        TEST(a_directory_that_cannot_be_made_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
