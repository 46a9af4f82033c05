/* SPDX-License-Identifier: Apache-2.0 */
/* What processes of one host tell each other of the backups that they read: here each lock is an open file of its own, as it is there. */
#include "job/reading_lock.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/memory.h"

#define ID "01751767200123-1a2b3c4d"

struct place {
    char directory[64];
    char file[128];
};

static int set_up(void **state) {
    struct place *place = x_calloc(1, sizeof *place);
    snprintf(place->directory, sizeof place->directory, "/tmp/reading-XXXXXX");
    assert_non_null(mkdtemp(place->directory));
    snprintf(place->file, sizeof place->file, "%s/" READING_FOLDER "/" ID, place->directory);
    *state = place;
    return 0;
}

static int tear_down(void **state) {
    struct place *place = *state;
    _cleanup_free_ char *folder = x_printf("%s/" READING_FOLDER, place->directory);
    unlink(place->file);
    rmdir(folder);
    unlink(folder);
    assert_int_equal(rmdir(place->directory), 0);
    free(place);
    return 0;
}

static enum reading_result take(const struct place *place, bool alone, const char *who, struct reading_lock *lock,
                                char **by) {
    struct reading_want want = {.directory = place->directory, .name = ID, .by = who, .alone = alone};
    _cleanup_error_ struct error error = {0};
    free(*by);
    *by = NULL;
    enum reading_result result = reading_lock_take(&want, lock, by, &error);
    assert_int_equal(result == READING_UNKNOWN, error.code != ERROR_NONE);
    return result;
}

static size_t listed(const struct place *place, const char *by) {
    struct reading_list list = {0};
    _cleanup_error_ struct error error = {0};
    assert_true(reading_list_add(&list, place->directory, &error));
    size_t count = list.count;
    if (count) {
        assert_string_equal(list.items[0].name, ID);
        assert_non_null(strstr(list.items[0].by, by));
    }
    reading_list_fini(&list);
    return count;
}

static bool stands(const struct place *place) {
    return access(place->file, F_OK) == 0;
}

static void what_is_read_is_not_removed_and_what_is_removed_is_not_read(void **state) {
    const struct place *place = *state;
    struct reading_lock first, second, prune;
    _cleanup_free_ char *by = NULL;
    assert_int_equal(listed(place, ""), 0);
    assert_int_equal(take(place, false, "a verify", &first, &by), READING_TAKEN);
    assert_int_equal(take(place, false, "the restore into table copy", &second, &by), READING_TAKEN);
    assert_int_equal(take(place, true, "a prune", &prune, &by), READING_BUSY);
    assert_string_equal(by, "another process: the restore into table copy");
    assert_int_equal(listed(place, "another process: the restore into table copy"), 1);
    reading_lock_drop(&second);
    assert_int_equal(take(place, true, "a prune", &prune, &by), READING_BUSY);
    reading_lock_drop(&first);
    assert_false(stands(place));
    assert_int_equal(listed(place, ""), 0);
    assert_int_equal(take(place, true, "a prune", &prune, &by), READING_TAKEN);
    assert_int_equal(take(place, false, "a verify", &first, &by), READING_BUSY);
    assert_string_equal(by, "another process: a prune");
    assert_int_equal(take(place, true, "a prune", &second, &by), READING_BUSY);
    reading_lock_drop(&prune);
    assert_false(stands(place));
    assert_int_equal(take(place, false, "a verify", &first, &by), READING_TAKEN);
    reading_lock_drop(&first);
}

static void what_it_makes_is_for_its_owner_alone(void **state) {
    const struct place *place = *state;
    struct reading_lock lock;
    struct stat file, folder;
    _cleanup_free_ char *by = NULL, *path = x_printf("%s/" READING_FOLDER, place->directory);
    assert_int_equal(take(place, false, "a verify", &lock, &by), READING_TAKEN);
    assert_int_equal(stat(place->file, &file), 0);
    assert_int_equal(stat(path, &folder), 0);
    assert_int_equal(file.st_mode & 07777, 0600);
    assert_int_equal(folder.st_mode & 07777, 0700);
    reading_lock_drop(&lock);
}

/* Root makes it in the daemon's state directory: the daemon must be able to look at it. */
static void what_root_makes_is_its_folders_owners(void **state) {
    const struct place *place = *state;
    struct reading_lock lock;
    struct stat file;
    _cleanup_free_ char *by = NULL;
    if (geteuid() != 0)
        skip();
    assert_int_equal(chown(place->directory, 12345, 12346), 0);
    assert_int_equal(take(place, false, "a verify", &lock, &by), READING_TAKEN);
    assert_int_equal(stat(place->file, &file), 0);
    assert_int_equal(file.st_uid, 12345);
    assert_int_equal(file.st_gid, 12346);
    reading_lock_drop(&lock);
}

/* A reader that was killed holds nothing. */
static void the_locks_end_with_the_process_and_its_file_is_stale(void **state) {
    const struct place *place = *state;
    struct reading_lock lock;
    _cleanup_free_ char *by = NULL;
    int ready[2], status;
    char byte;
    assert_int_equal(pipe(ready), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        bool taken = take(place, false, "a restore", &lock, &by) == READING_TAKEN;
        _exit(taken && write(ready[1], "x", 1) == 1 && pause() ? 0 : 1);
    }
    close(ready[1]);
    assert_int_equal(read(ready[0], &byte, 1), 1);
    close(ready[0]);
    assert_int_equal(listed(place, "a restore"), 1);
    assert_int_equal(take(place, true, "a prune", &lock, &by), READING_BUSY);
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(stands(place));
    assert_int_equal(listed(place, ""), 0);
    assert_false(stands(place)); /* and has been removed */
}

static void a_stale_file_is_in_nobodys_way(void **state) {
    const struct place *place = *state;
    struct reading_lock lock;
    _cleanup_free_ char *by = NULL, *folder = x_printf("%s/" READING_FOLDER, place->directory);
    assert_int_equal(mkdir(folder, 0700), 0);
    FILE *file = fopen(place->file, "w");
    assert_non_null(file);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(take(place, true, "a prune", &lock, &by), READING_TAKEN);
    reading_lock_drop(&lock);
    assert_false(stands(place));
}

static void where_it_cannot_be_told_an_error_says_so(void **state) {
    const struct place *place = *state;
    struct reading_lock lock;
    struct reading_list list = {0};
    struct error error = {0};
    _cleanup_free_ char *by = NULL, *folder = x_printf("%s/" READING_FOLDER, place->directory);
    struct reading_want nowhere = {.directory = folder, .name = ID, .by = "a verify"};
    assert_int_equal(reading_lock_take(&nowhere, &lock, &by, &error), READING_NOBODY);
    assert_true(reading_list_add(&list, folder, &error));
    FILE *file = fopen(folder, "w");
    assert_non_null(file);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(take(place, false, "a verify", &lock, &by), READING_UNKNOWN);
    assert_int_equal(take(place, true, "a prune", &lock, &by), READING_UNKNOWN);
    assert_false(reading_list_add(&list, place->directory, &error));
    assert_non_null(strstr(error.message, "/reading: Not a directory"));
    error_clear(&error);
}

/* Nothing can be learnt of it, so it is taken for held. */
static void a_lock_that_cannot_be_opened_keeps_the_backup(void **state) {
    const struct place *place = *state;
    struct reading_lock lock;
    _cleanup_free_ char *by = NULL, *folder = x_printf("%s/" READING_FOLDER, place->directory);
    assert_int_equal(mkdir(folder, 0700), 0);
    assert_int_equal(symlink("/nowhere", place->file), 0); /* never followed */
    assert_int_equal(take(place, true, "a prune", &lock, &by), READING_BUSY);
    assert_non_null(strstr(by, "cannot be opened"));
    assert_int_equal(listed(place, "cannot be opened"), 1);
    assert_int_equal(take(place, false, "a verify", &lock, &by), READING_UNKNOWN);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_read_is_not_removed_and_what_is_removed_is_not_read, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_it_makes_is_for_its_owner_alone, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_root_makes_is_its_folders_owners, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_locks_end_with_the_process_and_its_file_is_stale, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_stale_file_is_in_nobodys_way, set_up, tear_down),
        cmocka_unit_test_setup_teardown(where_it_cannot_be_told_an_error_says_so, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_lock_that_cannot_be_opened_keeps_the_backup, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
