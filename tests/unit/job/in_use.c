/* SPDX-License-Identifier: Apache-2.0 */
/* Readers share a backup, a prune has it alone. */
#include "job/in_use.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define A "s3://b/p/AWSDynamoDB/01751767200123-1a2b3c4d/"
#define B "s3://b/p/AWSDynamoDB/01751767200123-1a2b3c4e/"

static void what_is_read_is_not_removed(void **state) {
    (void)state;
    struct in_use *set = in_use_new();
    assert_null(in_use_by(set, A));
    assert_true(in_use_hold(set, A, "a restore"));
    assert_true(in_use_hold(set, A, "a drill"));
    assert_false(in_use_take_alone(set, A));
    assert_true(in_use_take_alone(set, B));
    in_use_let_go(set, A, "a restore");
    assert_string_equal(in_use_by(set, A), "a drill");
    assert_false(in_use_take_alone(set, A));
    in_use_let_go(set, A, "a restore"); /* not held any more: nothing */
    assert_false(in_use_take_alone(set, A));
    in_use_let_go(set, A, "a drill");
    assert_true(in_use_take_alone(set, A));
    in_use_free(set);
}

static void what_is_removed_is_not_read(void **state) {
    (void)state;
    struct in_use *set = in_use_new();
    assert_true(in_use_take_alone(set, A));
    assert_false(in_use_hold(set, A, "a verify"));
    assert_false(in_use_take_alone(set, A));
    assert_string_equal(in_use_by(set, A), "a prune");
    in_use_let_go(set, A, "a prune"); /* not a reader's to let go */
    assert_false(in_use_hold(set, A, "a verify"));
    in_use_give_back(set, A);
    assert_true(in_use_hold(set, A, "a verify"));
    in_use_give_back(set, A);
    assert_non_null(in_use_by(set, A));
    in_use_free(set); /* with one still held */
}

/* A backup's plain objects lie beside its folder, and are removed with it. */
static void the_whole_of_a_backup_is_taken_or_nothing(void **state) {
    (void)state;
    static const char plain[] = "s3://b/p/backup-20250706-020000-1a2b3c4d.json.gz",
                      beside[] = "s3://b/p/backup-20250706-020000-1a2b3c4e.json.gz";
    static const unsigned char identity[16] = {0x1a, 0x2b, 0x3c, 0x4d};
    struct in_use *set = in_use_new();
    struct backup_names names = {0};
    backup_names_init(&names, "b", "p/", 1751767200123, identity);
    assert_true(in_use_hold(set, beside, "a restore"));
    assert_true(in_use_hold(set, plain, "a restore"));
    assert_string_equal(in_use_backup_by(set, &names), "a restore");
    assert_false(in_use_take_backup_alone(set, &names));
    assert_null(in_use_by(set, names.uri)); /* not half of it */
    in_use_let_go(set, plain, "a restore");
    assert_null(in_use_backup_by(set, &names));
    assert_true(in_use_take_backup_alone(set, &names));
    assert_false(in_use_hold(set, plain, "a restore"));
    assert_false(in_use_hold(set, names.uri, "a verify"));
    assert_false(in_use_hold(set, A "data/00001.json", "a restore")); /* of the folder */
    in_use_give_backup_back(set, &names);
    assert_true(in_use_hold(set, plain, "a restore"));
    backup_names_fini(&names);
    in_use_free(set);
}

static void without_a_set_nothing_is_in_use(void **state) {
    (void)state;
    assert_true(in_use_hold(NULL, A, "a verify"));
    assert_true(in_use_take_alone(NULL, A));
    assert_null(in_use_by(NULL, A));
    in_use_let_go(NULL, A, "a verify");
    in_use_give_back(NULL, A);
    in_use_free(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_read_is_not_removed),
        cmocka_unit_test(what_is_removed_is_not_read),
        cmocka_unit_test(the_whole_of_a_backup_is_taken_or_nothing),
        cmocka_unit_test(without_a_set_nothing_is_in_use),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
