/* SPDX-License-Identifier: Apache-2.0 */
/* What list sees, and which of it is the newest: the catalog of a job. */
#include "shelf.h"
#include "state/history.h"

/* ------------------------------------------------------------ the catalog */

static void an_empty_bucket_has_no_backups(void **state) {
    struct shelf *shelf = *state;
    list(shelf);
    assert_string_equal(shelf->ids, "");
    assert_int_equal(shelf->code, ERROR_NONE);
}

static void the_catalog_is_in_order_and_of_this_job_alone(void **state) {
    struct shelf *shelf = *state;
    put(shelf, "p/", SECOND, SECOND, "students");
    put(shelf, "p/", FIRST, FIRST, "students");
    put(shelf, "p/", THIRD, THIRD, "other");
    list(shelf);
    assert_string_equal(shelf->ids, FIRST " " SECOND);
    assert_string_equal(shelf->uri, "s3://bkt/p/AWSDynamoDB/" FIRST "/");
}

static void what_has_no_backup_json_is_no_backup(void **state) {
    struct shelf *shelf = *state;
    cloud_put(shelf->world->cloud, "p/AWSDynamoDB/" FIRST "/_started", "r", "", 0);
    cloud_put(shelf->world->cloud, "p/AWSDynamoDB/" SECOND "/backup.json", "r", "no json", 7);
    cloud_put(shelf->world->cloud, "p/AWSDynamoDB/elsewhere/backup.json", "r", "{}", 2);
    list(shelf);
    assert_string_equal(shelf->ids, "");
}

/* A folder copied under another ID, or a backup.json edited by hand: what is shown must be what `show` then finds. */
static void a_backup_json_of_another_id_is_not_listed(void **state) {
    struct shelf *shelf = *state;
    put(shelf, "p/", FIRST, "x", "students");
    put(shelf, "p/", SECOND, THIRD, "students");
    list(shelf);
    assert_string_equal(shelf->ids, "");
    find(shelf, "students@latest");
    assert_int_equal(shelf->code, ERROR_NOT_FOUND);
}

static void a_catalog_that_may_not_be_read_says_so(void **state) {
    struct shelf *shelf = *state;
    put(shelf, "p/", FIRST, FIRST, "students");
    cloud_rule(shelf->world->cloud,
               &(struct cloud_rule){.match = "GET", .act = CLOUD_REFUSE, .status = 403, .code = "AccessDenied"});
    list(shelf);
    assert_int_equal(shelf->code, ERROR_DENIED);
}

static void a_catalog_cancelled_at_any_moment_leaves_nothing(void **state) {
    struct shelf *shelf = *state;
    for (unsigned i = 0; i < 20; i++)
        put(shelf, "p/", FIRST, FIRST, "students");
    put(shelf, "p/", SECOND, SECOND, "students");
    for (unsigned i = 0; i < 3; i++) {
        cloud_no_rules(shelf->world->cloud);
        cloud_rule(shelf->world->cloud, &(struct cloud_rule){.match = "GET", .act = CLOUD_HOLD, .after = i});
        struct catalog *catalog =
            catalog_start(jobs_engine(shelf->jobs), shelf->world->config, job_of(shelf, "students"), on_catalog, shelf);
        world_until_held(shelf->world, "GET", 1);
        catalog_cancel(catalog);
        cloud_forget_held(shelf->world->cloud);
    }
    catalog_cancel(
        catalog_start(jobs_engine(shelf->jobs), shelf->world->config, job_of(shelf, "students"), on_catalog, shelf));
    assert_int_equal(shelf->times, 0);
}

/* ------------------------------------------------------------ whose table? */

/* Before the first run, or where the state was lost: nothing is remembered. */
static void keep_history(struct shelf *shelf) {
    world_keep(shelf->world);
    shelf->world->shared.state = shelf->world->state;
    jobs_engine(shelf->jobs)->shared.state = shelf->world->state;
}

static void on_remembered(void *arg, const struct error *error) {
    bool *remembered = arg;
    assert_null(error);
    *remembered = true;
}

/* A run of job students that is over. */
static void remember(const struct shelf *shelf, const char *run, int64_t ended, const char *region, const char *arn) {
    char *const texts[] = {x_strdup(run),    x_strdup("backup"), x_strdup("students"), x_strdup("tab"),
                           x_strdup(region), x_strdup(arn),      x_strdup("success")};
    struct history_row row = {.run = texts[0],
                              .kind = texts[1],
                              .job = texts[2],
                              .table = texts[3],
                              .region = texts[4],
                              .table_arn = texts[5],
                              .outcome = texts[6],
                              .started = ended - 1,
                              .ended = ended};
    bool remembered = false;
    history_end_run(shelf->world->state, &(struct history_end){.row = &row}, on_remembered, &remembered);
    run_until(&shelf->world->loop, &remembered);
    history_row_fini(&row);
}

static void no_dynamodb(const struct shelf *shelf, int status, const char *code) {
    cloud_rule(shelf->world->cloud,
               &(struct cloud_rule){.match = "DescribeTable", .act = CLOUD_REFUSE, .status = status, .code = code});
}

/* Broke: the same job file on two hosts in two regions, one bucket: each took the other's newest backup for its own. */
static void a_table_of_that_name_in_another_region_or_account_is_anothers(void **state) {
    struct shelf *shelf = *state;
    put(shelf, "p/", FIRST, FIRST, "students");
    put_of(shelf, "p/", SECOND, SECOND, "students", OTHERS);
    put_of(shelf, "p/", THIRD, THIRD, "students", OTHER);
    list(shelf);
    assert_string_equal(shelf->ids, FIRST);
    assert_int_equal(cloud_count(shelf->world->cloud, "DescribeTable"), 1);
    find(shelf, "students@latest");
    assert_string_equal(shelf->ids, FIRST);
    find(shelf, THIRD); /* who names it means it */
    assert_string_equal(shelf->ids, THIRD);
    cloud_delete(shelf->world->cloud, "p/AWSDynamoDB/" FIRST "/backup.json");
    find(shelf, "students@latest");
    assert_int_equal(shelf->code, ERROR_NOT_FOUND);
}

/* The table is gone, or may not be described, or DynamoDB is out of reach. */
static void the_last_run_says_whose_backups_are_ours_where_dynamodb_does_not(void **state) {
    static const struct {
        int status;
        const char *code;
    } cases[] = {{400, "ResourceNotFoundException"}, {400, "AccessDeniedException"}};
    struct shelf *shelf = *state;
    keep_history(shelf);
    remember(shelf, "r1", 1000, "eu-west-1", OWN);
    remember(shelf, "r2", 2000, "eu-west-1", NULL);  /* it failed before it saw the table */
    remember(shelf, "r3", 3000, "us-east-1", OTHER); /* Region= was another then */
    put(shelf, "p/", FIRST, FIRST, "students");
    put_of(shelf, "p/", THIRD, THIRD, "students", OTHER);
    for (size_t i = 0; i < array_length(cases); i++) {
        cloud_no_rules(shelf->world->cloud);
        no_dynamodb(shelf, cases[i].status, cases[i].code);
        find(shelf, "students@latest");
        assert_string_equal(shelf->ids, FIRST);
    }
    cloud_no_rules(shelf->world->cloud);
    cloud_rule(shelf->world->cloud, &(struct cloud_rule){.match = "DescribeTable", .act = CLOUD_HOLD});
    list(shelf);
    assert_string_equal(shelf->ids, FIRST);
    cloud_forget_held(shelf->world->cloud);
}

static void where_nobody_knows_whose_they_are_all_are_listed_and_none_is_the_latest(void **state) {
    struct shelf *shelf = *state;
    no_dynamodb(shelf, 400, "AccessDeniedException");
    put_of(shelf, "p/", FIRST, FIRST, "students", OTHERS);
    find(shelf, "students@latest");
    assert_string_equal(shelf->ids, FIRST); /* of one table alone */
    put(shelf, "p/", SECOND, SECOND, "students");
    list(shelf);
    assert_string_equal(shelf->ids, FIRST " " SECOND);
    find(shelf, "students@latest");
    assert_int_equal(shelf->code, ERROR_INVALID);
    assert_non_null(strstr(shelf->message, OWN));
    assert_non_null(strstr(shelf->message, OTHERS));
}

/* Broke: a host whose role may not describe its table took the backups of another region's for its own, and a drill of them was one of
 * nothing. */
static void where_nobody_knows_whose_they_are_another_regions_are_still_anothers(void **state) {
    struct shelf *shelf = *state;
    no_dynamodb(shelf, 400, "AccessDeniedException");
    put_of(shelf, "p/", SECOND, SECOND, "students", OTHER);
    find(shelf, "students@latest");
    assert_int_equal(shelf->code, ERROR_INVALID);
    assert_non_null(strstr(shelf->message, "another region alone, " OTHER));
    assert_non_null(strstr(shelf->message, "by its ID"));
    list(shelf);
    assert_string_equal(shelf->ids, SECOND); /* a person may choose it */
    find(shelf, SECOND);
    assert_string_equal(shelf->ids, SECOND);
    put(shelf, "p/", FIRST, FIRST, "students");
    find(shelf, "students@latest");
    assert_string_equal(shelf->ids, FIRST);
}

static void the_region_of_dynamodb_local_says_nothing(void **state) {
    struct shelf *shelf = *state;
    no_dynamodb(shelf, 400, "AccessDeniedException");
    put_of(shelf, "p/", FIRST, FIRST, "students", "arn:aws:dynamodb:ddblocal:000000000000:table/tab");
    find(shelf, "students@latest");
    assert_string_equal(shelf->ids, FIRST);
}

static void a_catalog_of_nothing_does_not_wait_for_dynamodb(void **state) {
    struct shelf *shelf = *state;
    cloud_rule(shelf->world->cloud, &(struct cloud_rule){.match = "DescribeTable", .act = CLOUD_HOLD});
    put(shelf, "p/", FIRST, FIRST, "other");
    uint64_t start = uv_hrtime();
    list(shelf);
    assert_string_equal(shelf->ids, "");
    assert_true(uv_hrtime() - start < 1000 * (uint64_t)1000000);
    cloud_forget_held(shelf->world->cloud);
}

static void a_catalog_cancelled_while_it_asks_whose_the_table_is_leaves_nothing(void **state) {
    struct shelf *shelf = *state;
    keep_history(shelf);
    put(shelf, "p/", FIRST, FIRST, "students");
    cloud_rule(shelf->world->cloud, &(struct cloud_rule){.match = "DescribeTable", .act = CLOUD_HOLD});
    for (unsigned i = 1; i <= 2; i++) {
        struct catalog *catalog =
            catalog_start(jobs_engine(shelf->jobs), shelf->world->config, job_of(shelf, "students"), on_catalog, shelf);
        world_until_held(shelf->world, "DescribeTable", 1);
        if (i == 2)
            world_until_asked(shelf->world, "backup.json", 1);
        run_for(&shelf->world->loop, 20);
        catalog_cancel(catalog);
        cloud_forget_held(shelf->world->cloud);
    }
    assert_int_equal(shelf->times, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_SHELF(an_empty_bucket_has_no_backups),
        WITH_SHELF(the_catalog_is_in_order_and_of_this_job_alone),
        WITH_SHELF(what_has_no_backup_json_is_no_backup),
        WITH_SHELF(a_backup_json_of_another_id_is_not_listed),
        WITH_SHELF(a_catalog_that_may_not_be_read_says_so),
        WITH_SHELF(a_table_of_that_name_in_another_region_or_account_is_anothers),
        WITH_SHELF(the_last_run_says_whose_backups_are_ours_where_dynamodb_does_not),
        WITH_SHELF(where_nobody_knows_whose_they_are_all_are_listed_and_none_is_the_latest),
        WITH_SHELF(where_nobody_knows_whose_they_are_another_regions_are_still_anothers),
        WITH_SHELF(the_region_of_dynamodb_local_says_nothing),
        WITH_SHELF(a_catalog_of_nothing_does_not_wait_for_dynamodb),
        WITH_SHELF(a_catalog_cancelled_while_it_asks_whose_the_table_is_leaves_nothing),
        WITH_SHELF(a_catalog_cancelled_at_any_moment_leaves_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
