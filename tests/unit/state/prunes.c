/* SPDX-License-Identifier: Apache-2.0 */
/* What is being removed, before and after a restart. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "state/prunes.h"

#define A "s3://b/p/AWSDynamoDB/01751767200123-1a2b3c4d/"
#define B "s3://b/p/AWSDynamoDB/01751767200124-1a2b3c4d/"
#define C "s3://b/P/AWSDynamoDB/01751767200124-1a2b3c4d/"

static char uri_a[] = A, uri_b[] = B, uri_c[] = C, job[] = "j", run[] = "r";

static int set_up(void **state) {
    sqlite3 *db;
    if (sqlite3_open(":memory:", &db) != SQLITE_OK || sqlite3_exec(db, prunes_schema, NULL, NULL, NULL) != SQLITE_OK)
        return 1;
    *state = db;
    return 0;
}

static int tear_down(void **state) {
    return sqlite3_close(*state);
}

static void begin(sqlite3 *db, char *uri, int64_t began) {
    assert_true(prunes_begin(db, &(struct prune_begun){uri, job, run, began}, NULL));
}

static void expect(sqlite3 *db, const char *parent, const char *first, size_t count) {
    struct prunes_list list = {0};
    assert_true(prunes_read(db, parent, &list, NULL));
    assert_int_equal(list.count, count);
    if (count) {
        assert_string_equal(list.items[0].uri, first);
        assert_string_equal(list.items[0].job, "j");
        assert_string_equal(list.items[0].run, "r");
        assert_int_equal(list.items[0].began, 7);
    }
    prunes_list_fini(&list);
    assert_null(list.items);
}

static void what_was_begun_stands_until_it_ends(void **state) {
    sqlite3 *db = *state;
    expect(db, "s3://b/", "", 0);
    begin(db, uri_b, 7);
    begin(db, uri_a, 7);
    begin(db, uri_a, 9); /* it goes on */
    begin(db, uri_c, 7);
    expect(db, "s3://b/p/AWSDynamoDB/", A, 2);
    assert_true(prunes_end(db, A, NULL));
    assert_true(prunes_end(db, A, NULL));
    expect(db, "s3://b/p/AWSDynamoDB/", B, 1);
    expect(db, "s3://b/P/AWSDynamoDB/", C, 1);
}

/* A prefix may hold what a pattern would take for a wildcard. */
static void a_parent_is_no_pattern(void **state) {
    sqlite3 *db = *state;
    begin(db, uri_a, 7);
    expect(db, "s3://b/%/AWSDynamoDB/", "", 0);
    expect(db, "s3://b/_/AWSDynamoDB/", "", 0);
}

static void a_table_that_is_not_there_is_an_error(void **state) {
    sqlite3 *db = *state;
    struct error error = {0};
    struct prunes_list list = {0};
    assert_int_equal(sqlite3_exec(db, "DROP TABLE prunes", NULL, NULL, NULL), SQLITE_OK);
    assert_false(prunes_read(db, "s3://b/", &list, &error));
    assert_int_equal(error.code, ERROR_SYSTEM);
    error_clear(&error);
    prunes_list_fini(&list);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_was_begun_stands_until_it_ends, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_parent_is_no_pattern, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_table_that_is_not_there_is_an_error, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
