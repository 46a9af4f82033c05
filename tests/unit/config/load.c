/* SPDX-License-Identifier: Apache-2.0 */
/* Files: which are read, and what is said of those that cannot be. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/memory.h"
#include "parsing.h"

struct folder {
    char path[64];
};

static void write_file(const struct folder *folder, const char *name, const char *text) {
    _cleanup_free_ char *path = x_printf("%s/%s", folder->path, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static int set_up(void **state) {
    struct folder *folder = x_calloc(1, sizeof *folder);
    snprintf(folder->path, sizeof folder->path, "/tmp/config-test-XXXXXX");
    assert_non_null(mkdtemp(folder->path));
    *state = folder;
    return 0;
}

static const char *const names[] = {"main.conf",
                                    "jobs.d/b.conf",
                                    "jobs.d/a.conf",
                                    "jobs.d/c.conf~",
                                    "jobs.d/.d.conf",
                                    "jobs.d/e.conf.example",
                                    "jobs.d/.conf",
                                    "jobs.d/big.conf",
                                    "jobs.d/fifo.conf",
                                    "jobs.d/gone.conf",
                                    "jobs.d/dir.conf",
                                    "jobs.d",
                                    ""};

static int tear_down(void **state) {
    struct folder *folder = *state;
    for (size_t i = 0; i < array_length(names); i++) {
        _cleanup_free_ char *path = x_printf("%s/%s", folder->path, names[i]);
        (void)remove(path);
    }
    int left = access(folder->path, F_OK);
    free(folder);
    return left == 0 ? -1 : 0;
}

static void make_jobs(const struct folder *folder) {
    _cleanup_free_ char *path = x_printf("%s/jobs.d", folder->path);
    assert_int_equal(mkdir(path, 0700), 0);
}

static struct config *load(const struct folder *folder, struct config_problems *problems) {
    _cleanup_free_ char *path = x_printf("%s/main.conf", folder->path);
    return config_load(path, parsing_getenv, problems);
}

static void the_jobs_beside_the_main_file_are_read(void **state) {
    struct folder *folder = *state;
    struct config_problems problems = {0};
    make_jobs(folder);
    write_file(folder, "main.conf", "[Scan]\nSegments=3\n");
    write_file(folder, "jobs.d/b.conf", GOOD_JOB);
    write_file(folder, "jobs.d/a.conf", GOOD_JOB);
    struct config *config = load(folder, &problems);
    assert_non_null(config);
    assert_int_equal(config->job_count, 2);
    assert_string_equal(config->jobs[0]->name, "a");
    assert_int_equal(config->jobs[1]->segments, 3);
    assert_non_null(strstr(config->jobs[1]->file, "/jobs.d/b.conf"));
    config_unref(config);
}

static void a_relative_name_finds_its_jobs(void **state) {
    struct folder *folder = *state;
    struct config_problems problems = {0};
    make_jobs(folder);
    write_file(folder, "main.conf", "");
    write_file(folder, "jobs.d/a.conf", GOOD_JOB);
    int here = open(".", O_RDONLY | O_DIRECTORY);
    assert_int_equal(chdir(folder->path), 0);
    struct config *config = config_load("main.conf", parsing_getenv, &problems);
    assert_int_equal(fchdir(here), 0);
    close(here);
    assert_int_equal(config->job_count, 1);
    config_unref(config);
}

static void other_files_are_left_alone(void **state) {
    struct folder *folder = *state;
    struct config_problems problems = {0};
    make_jobs(folder);
    write_file(folder, "main.conf", "");
    write_file(folder, "jobs.d/c.conf~", "rubbish");
    write_file(folder, "jobs.d/.d.conf", "rubbish");
    write_file(folder, "jobs.d/.conf", "rubbish");
    write_file(folder, "jobs.d/e.conf.example", "rubbish");
    struct config *config = load(folder, &problems);
    assert_int_equal(config->job_count, 0);
    config_unref(config);
}

static void no_folder_of_jobs_is_no_jobs(void **state) {
    struct folder *folder = *state;
    struct config_problems problems = {0};
    write_file(folder, "main.conf", "");
    struct config *config = load(folder, &problems);
    assert_int_equal(config->job_count, 0);
    config_unref(config);
}

static struct config *reload(const struct config *running, struct config_problems *problems) {
    return config_reload(running, parsing_getenv, problems);
}

/* A disk that is not mounted, a mv in the wrong folder: all jobs would be dropped without a word. */
static void a_reload_without_the_folder_of_running_jobs_is_refused(void **state) {
    struct folder *folder = *state;
    struct config_problems problems = {0};
    make_jobs(folder);
    write_file(folder, "main.conf", "");
    write_file(folder, "jobs.d/a.conf", GOOD_JOB);
    write_file(folder, "jobs.d/b.conf", GOOD_JOB);
    struct config *running = load(folder, &problems);
    _cleanup_free_ char *here = x_printf("%s/jobs.d", folder->path), *away = x_printf("%s/moved", folder->path);
    assert_int_equal(rename(here, away), 0);
    assert_null(reload(running, &problems));
    assert_int_equal(problems.count, 1);
    assert_string_equal(problems.items[0].file, here);
    assert_string_equal(
        problems.items[0].text,
        "the folder is gone, and with it the files of all 2 jobs; put it back (an empty one removes them)");
    config_problems_fini(&problems);
    assert_int_equal(rename(away, here), 0);
    struct config *again = reload(running, &problems);
    assert_int_equal(again->job_count, 2);
    config_unref(again);
    config_unref(running);
}

static void a_reload_of_an_empty_folder_removes_all_jobs(void **state) {
    struct folder *folder = *state;
    struct config_problems problems = {0};
    make_jobs(folder);
    write_file(folder, "main.conf", "");
    write_file(folder, "jobs.d/a.conf", GOOD_JOB);
    struct config *running = load(folder, &problems);
    _cleanup_free_ char *file = x_printf("%s/jobs.d/a.conf", folder->path);
    assert_int_equal(unlink(file), 0);
    struct config *again = reload(running, &problems);
    assert_int_equal(again->job_count, 0);
    config_unref(running);
    _cleanup_free_ char *here = x_printf("%s/jobs.d", folder->path);
    assert_int_equal(rmdir(here), 0); /* nothing is lost with it any more */
    struct config *third = reload(again, &problems);
    assert_int_equal(third->job_count, 0);
    config_unref(third);
    config_unref(again);
}

static void a_missing_main_file_is_told_and_jobs_still_checked(void **state) {
    struct folder *folder = *state;
    struct config_problems problems = {0};
    make_jobs(folder);
    write_file(folder, "jobs.d/a.conf", "[Jobb]\n");
    assert_null(load(folder, &problems));
    assert_int_equal(problems.count, 4);
    assert_string_equal(problems.items[0].text, "cannot be opened: No such file or directory");
    assert_non_null(strstr(problems.items[3].text, "unknown section"));
    config_problems_fini(&problems);
}

static void what_is_no_regular_file_is_told(void **state) {
    struct folder *folder = *state;
    struct config_problems problems = {0};
    make_jobs(folder);
    write_file(folder, "main.conf", "");
    _cleanup_free_ char *fifo = x_printf("%s/jobs.d/fifo.conf", folder->path);
    _cleanup_free_ char *gone = x_printf("%s/jobs.d/gone.conf", folder->path);
    _cleanup_free_ char *dir = x_printf("%s/jobs.d/dir.conf", folder->path);
    assert_int_equal(mkfifo(fifo, 0600), 0);
    assert_int_equal(symlink("/nonexistent/x", gone), 0);
    assert_int_equal(mkdir(dir, 0700), 0);
    assert_null(load(folder, &problems));
    assert_int_equal(problems.count, 3);
    assert_string_equal(problems.items[0].text, "is no regular file");
    assert_string_equal(problems.items[0].file, dir);
    assert_string_equal(problems.items[1].text, "is no regular file");
    assert_string_equal(problems.items[2].text, "cannot be opened: No such file or directory");
    config_problems_fini(&problems);
}

static void a_folder_that_is_none_is_told(void **state) {
    struct folder *folder = *state;
    struct config_problems problems = {0};
    write_file(folder, "main.conf", "");
    write_file(folder, "jobs.d", "");
    assert_null(load(folder, &problems));
    assert_int_equal(problems.count, 1);
    assert_string_equal(problems.items[0].text, "cannot be read: Not a directory");
    config_problems_fini(&problems);
}

static void a_file_over_the_limit_is_told(void **state) {
    struct folder *folder = *state;
    struct config_problems problems = {0};
    make_jobs(folder);
    write_file(folder, "main.conf", "");
    _cleanup_free_ char *text = x_malloc(3 * CONFIG_FILE_LIMIT + 1);
    memset(text, '\n', 3 * CONFIG_FILE_LIMIT);
    text[3 * CONFIG_FILE_LIMIT] = '\0';
    write_file(folder, "jobs.d/big.conf", text);
    assert_null(load(folder, &problems));
    assert_string_equal(problems.items[0].text, "the file is longer than 1024 KiB");
    config_problems_fini(&problems);
}

/* What meson installs as an example must never teach a mistake. */
static void the_examples_are_good(void **state) {
    (void)state;
    struct config_problems problems = {0};
    struct config *config = config_load(CONF "/examples/dynamodb-backupd.conf", parsing_getenv, &problems);
    if (!config)
        fail_msg("%s: %s", problems.items[0].key, problems.items[0].text);
    assert_int_equal(config->job_count, 1);
    assert_string_equal(config->jobs[0]->name, "studentData");
    config_unref(config);
}

int main(void) {
#define WITH_FOLDER(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        WITH_FOLDER(the_jobs_beside_the_main_file_are_read),
        WITH_FOLDER(a_relative_name_finds_its_jobs),
        WITH_FOLDER(other_files_are_left_alone),
        WITH_FOLDER(no_folder_of_jobs_is_no_jobs),
        WITH_FOLDER(a_reload_without_the_folder_of_running_jobs_is_refused),
        WITH_FOLDER(a_reload_of_an_empty_folder_removes_all_jobs),
        WITH_FOLDER(a_missing_main_file_is_told_and_jobs_still_checked),
        WITH_FOLDER(what_is_no_regular_file_is_told),
        WITH_FOLDER(a_folder_that_is_none_is_told),
        WITH_FOLDER(a_file_over_the_limit_is_told),
        cmocka_unit_test(the_examples_are_good),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
