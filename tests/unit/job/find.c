/* SPDX-License-Identifier: Apache-2.0 */
/* What show, link, verify and restore see: a backup by each of its names, and whose it is. */
#include "shelf.h"

/* ------------------------------------------------------------ by name */

static void a_backup_is_found_by_its_id_whatever_job_made_it(void **state) {
    struct shelf *shelf = *state;
    put(shelf, "q/", SECOND, SECOND, "second");
    find(shelf, SECOND);
    assert_string_equal(shelf->ids, SECOND);
    assert_string_equal(shelf->uri, "s3://bkt/q/AWSDynamoDB/" SECOND "/");
    assert_string_equal(shelf->job, "second");
}

static void the_latest_of_a_job_is_its_own_newest(void **state) {
    struct shelf *shelf = *state;
    put(shelf, "p/", FIRST, FIRST, "students");
    put(shelf, "p/", SECOND, SECOND, "students");
    put(shelf, "p/", THIRD, THIRD, "other");
    find(shelf, "students@latest");
    assert_string_equal(shelf->ids, SECOND);
    assert_string_equal(shelf->job, "students");
}

/* A host whose clock ran ahead made it: it stands last in the list and is not the latest. */
static void a_backup_of_the_future_is_never_the_latest(void **state) {
    struct shelf *shelf = *state;
    put(shelf, "p/", FIRST, FIRST, "students");
    put(shelf, "p/", THIRD, THIRD, "students");
    cloud_date(shelf->world->cloud, 1751767400 - 7); /* THIRD's second, less what clocks may differ */
    find(shelf, "students@latest");
    assert_string_equal(shelf->ids, FIRST);
    cloud_date(shelf->world->cloud, 1751767400 - 6);
    find(shelf, "students@latest");
    assert_string_equal(shelf->ids, THIRD);
    cloud_date(shelf->world->cloud, 1751767100);
    find(shelf, "students@latest");
    assert_int_equal(shelf->code, ERROR_NOT_FOUND);
}

static void a_backup_is_found_by_its_address(void **state) {
    struct shelf *shelf = *state;
    put(shelf, "moved/", FIRST, FIRST, "second");
    find(shelf, "s3://bkt/moved/AWSDynamoDB/" FIRST "/");
    assert_string_equal(shelf->ids, FIRST);
    find(shelf, "s3://bkt/moved/AWSDynamoDB/" FIRST);
    assert_string_equal(shelf->uri, "s3://bkt/moved/AWSDynamoDB/" FIRST "/");
    assert_int_equal(cloud_count(shelf->world->cloud, "GET /bkt/p/"), 0); /* no other place is asked */
}

/* What the tool's --region, --profile and --role-arn are for: a job is made for the address alone. */
static void an_address_is_read_as_it_was_said(void **state) {
    struct shelf *shelf = *state;
    put(shelf, "moved/", FIRST, FIRST, "second");
    find_by(shelf, "s3://bkt/moved/AWSDynamoDB/" FIRST "/", &(struct find_access){.region = "eu-west-1"});
    assert_string_equal(shelf->ids, FIRST);
    assert_string_equal(shelf->job, ADDRESS_JOB);
    assert_string_equal(shelf->writer, "second"); /* to read is one thing, to write another */
    put(shelf, "moved/", THIRD, THIRD, "of-another-host");
    find_by(shelf, "s3://bkt/moved/AWSDynamoDB/" THIRD "/", &(struct find_access){.region = "eu-west-1"});
    assert_string_equal(shelf->writer, ADDRESS_JOB);
    assert_false(shelf->foreign); /* there is no other way */
}

/* Broke: `restore ID --region R` wrote to the job's region, and the option was not heard. */
static void what_a_job_reads_is_not_read_in_another_way(void **state) {
    static const struct find_access ways[] = {{.region = "us-east-1"}, {.profile = "p"}, {.role_arn = "arn:r"}};
    static const char *const texts[] = {FIRST, "students@latest"};
    struct shelf *shelf = *state;
    put(shelf, "p/", FIRST, FIRST, "students");
    for (size_t i = 0; i < array_length(ways) * array_length(texts); i++) {
        find_by(shelf, texts[i % 2], &ways[i / 2]);
        assert_int_equal(shelf->code, ERROR_INVALID);
        assert_non_null(strstr(shelf->message, "--to-region"));
    }
    find_by(shelf, FIRST, &(struct find_access){0});
    assert_int_equal(shelf->code, ERROR_NONE);
}

/* ------------------------------------------------------------ whose it is */

/* Broke: two jobs share a place, and whichever came first in the alphabet lent its region and role to write with. */
static void of_jobs_that_share_a_place_its_own_is_asked(void **state) {
    static const char *const texts[] = {FIRST, "students@latest", "s3://bkt/p/AWSDynamoDB/" FIRST "/"};
    struct shelf *shelf = *state;
    put(shelf, "p/", FIRST, FIRST, "students");
    for (size_t i = 0; i < array_length(texts); i++) {
        find(shelf, texts[i]);
        assert_string_equal(shelf->job, "students");
        assert_string_equal(shelf->writer, "students");
        assert_string_equal(shelf->uri, "s3://bkt/p/AWSDynamoDB/" FIRST "/");
        assert_false(shelf->foreign);
    }
    put(shelf, "p/", SECOND, SECOND, "second"); /* whose place is q/ */
    find(shelf, SECOND);
    assert_string_equal(shelf->uri, "s3://bkt/p/AWSDynamoDB/" SECOND "/");
    assert_string_equal(shelf->job, "other"); /* who found it */
    assert_string_equal(shelf->writer, "second");
    put(shelf, "q/", SECOND, SECOND, "second");
    find(shelf, SECOND);
    assert_string_equal(shelf->uri, "s3://bkt/q/AWSDynamoDB/" SECOND "/");
    assert_string_equal(shelf->job, "second");
}

/* Its own job's role may not read the bucket of today; it is found all the same, and written by its own. */
static void where_its_own_job_cannot_read_it_the_finder_does(void **state) {
    struct shelf *shelf = *state;
    put(shelf, "p/", FIRST, FIRST, "students");
    cloud_rule(shelf->world->cloud,
               &(struct cloud_rule){
                   .match = "GET", .act = CLOUD_REFUSE, .status = 403, .code = "AccessDenied", .after = 1, .times = 1});
    find(shelf, FIRST);
    assert_int_equal(shelf->code, ERROR_NONE);
    assert_string_equal(shelf->job, "other");
    assert_string_equal(shelf->writer, "students");
}

static void a_job_of_that_name_for_another_table_did_not_make_it(void **state) {
    struct shelf *shelf = *state;
    put_of(shelf, "p/", FIRST, FIRST, "students", OTHER);
    put(shelf, "p/", SECOND, SECOND, "of-another-host");
    put(shelf, "p/", THIRD, THIRD, "address");
    find(shelf, FIRST);
    assert_string_equal(shelf->writer, "other");
    assert_true(shelf->foreign);
    find(shelf, SECOND);
    assert_string_equal(shelf->writer, "other");
    assert_true(shelf->foreign);
    find(shelf, THIRD);
    assert_true(shelf->foreign);
}

/* It does not say whose it is: fine where every job of the bucket leads to one place. */
static void a_plain_array_is_nobodys_where_jobs_differ(void **state) {
    struct shelf *shelf = *state;
    cloud_put(shelf->world->cloud, "x.json", NULL, "[]", 2);
    find_by(shelf, "s3://bkt/x.json", &(struct find_access){.plain = true});
    assert_int_equal(shelf->code, ERROR_NONE);
    assert_false(shelf->foreign);
    config_unref(shelf->world->config);
    shelf->world->config = world_config(shelf->world, "", "other", "", "second",
                                        "[Job]\nTable=tab\nRegion=us-east-1\n[Destination]\nBucket=bkt\n", NULL);
    jobs_free(shelf->jobs);
    shelf->jobs = jobs_new(&shelf->world->shared, NULL, shelf->world->config, NULL);
    find_by(shelf, "s3://bkt/x.json", &(struct find_access){.plain = true});
    assert_true(shelf->foreign);
}

/* It has no backup.json: its manifests say what it is. */
static void an_export_of_dynamodb_is_found_by_its_address(void **state) {
    struct shelf *shelf = *state;
    static const char summary[] = "{\"version\":\"2020-06-30\",\"tableArn\":\"arn:aws:dynamodb:eu-west-1:1:table/tab\","
                                  "\"manifestFilesS3Key\":\"x\",\"itemCount\":2,\"outputFormat\":\"DYNAMODB_JSON\"}";
    static const char files[] = "{\"itemCount\":2,\"md5Checksum\":\"1B2M2Y8AsgTpgAmY7PhCfg==\",\"etag\":\"e-1\","
                                "\"dataFileS3Key\":\"old/AWSDynamoDB/" FIRST "/data/a.json.gz\"}\n";
    cloud_put(shelf->world->cloud, "exports/AWSDynamoDB/" FIRST "/manifest-summary.json", NULL, summary,
              sizeof summary - 1);
    find(shelf, "s3://bkt/exports/AWSDynamoDB/" FIRST "/");
    assert_int_equal(shelf->code, ERROR_CORRUPT); /* half of it */
    cloud_put(shelf->world->cloud, "exports/AWSDynamoDB/" FIRST "/manifest-files.json", NULL, files, sizeof files - 1);
    find(shelf, "s3://bkt/exports/AWSDynamoDB/" FIRST "/");
    assert_int_equal(shelf->code, ERROR_NONE);
    assert_string_equal(shelf->ids, FIRST);
}

static void what_is_not_there_is_said(void **state) {
    struct shelf *shelf = *state;
    find(shelf, FIRST);
    assert_int_equal(shelf->code, ERROR_NOT_FOUND);
    find(shelf, "students@latest");
    assert_int_equal(shelf->code, ERROR_NOT_FOUND);
    find(shelf, "nobody@latest");
    assert_int_equal(shelf->code, ERROR_NOT_FOUND);
    find(shelf, "s3://bkt/elsewhere/AWSDynamoDB/" FIRST "/");
    assert_int_equal(shelf->code, ERROR_NOT_FOUND);
    find(shelf, "yesterday's");
    assert_int_equal(shelf->code, ERROR_INVALID);
    find(shelf, "s3://bkt/no/export");
    assert_int_equal(shelf->code, ERROR_INVALID);
}

static void a_place_that_may_not_be_read_is_said_where_no_other_has_it(void **state) {
    struct shelf *shelf = *state;
    cloud_rule(shelf->world->cloud,
               &(struct cloud_rule){.match = "/bkt/p/", .act = CLOUD_REFUSE, .status = 403, .code = "AccessDenied"});
    find(shelf, FIRST);
    assert_int_equal(shelf->code, ERROR_DENIED);
    put(shelf, "q/", FIRST, FIRST, "second");
    find(shelf, FIRST);
    assert_int_equal(shelf->code, ERROR_NONE);
}

static void a_search_cancelled_at_any_moment_leaves_nothing(void **state) {
    struct shelf *shelf = *state;
    static const char *const texts[] = {"students@latest", FIRST};
    put(shelf, "p/", FIRST, FIRST, "students");
    for (unsigned i = 0; i < 6; i++) {
        unsigned reads = i / 2 < 2 ? i / 2 : 0;
        cloud_no_rules(shelf->world->cloud);
        cloud_rule(shelf->world->cloud, &(struct cloud_rule){.match = "GET", .act = CLOUD_HOLD, .after = reads});
        struct find *search = find_start(shelf->jobs, texts[i % 2], on_found, shelf);
        if (i < 2 || i == 2)
            world_until_held(shelf->world, "GET", 1);
        find_cancel(search);
        cloud_forget_held(shelf->world->cloud);
    }
    assert_int_equal(shelf->times, 0);
}

/* ------------------------------------------------------------ off the loop */

#define WORKERS 4 /* of libuv */

struct workers {
    uv_work_t works[WORKERS];
    uv_sem_t go;
    unsigned ended;
    bool all_ended;
};

static void stand_still(uv_work_t *work) {
    struct workers *workers = work->data;
    uv_sem_wait(&workers->go);
}

static void on_moved(uv_work_t *work, int status) {
    struct workers *workers = work->data;
    assert_int_equal(status, 0);
    workers->all_ended = ++workers->ended == WORKERS;
}

static void stop_workers(const struct shelf *shelf, struct workers *workers) {
    *workers = (struct workers){0};
    uv_sem_init(&workers->go, 0);
    for (size_t i = 0; i < WORKERS; i++) {
        workers->works[i].data = workers;
        uv_queue_work(&shelf->world->loop, &workers->works[i], stand_still, on_moved);
    }
}

static void let_workers_go(const struct shelf *shelf, struct workers *workers) {
    for (size_t i = 0; i < WORKERS; i++)
        uv_sem_post(&workers->go);
    run_until(&shelf->world->loop, &workers->all_ended);
    uv_sem_destroy(&workers->go);
}

/* Broke: the record of a backup of 50,000 files, 11 MB, held the loop for 0.35 s. */
static void a_record_is_not_parsed_on_the_loop(void **state) {
    struct shelf *shelf = *state;
    struct workers workers;
    put(shelf, "p/", FIRST, FIRST, "students");
    find(shelf, "s3://bkt/p/AWSDynamoDB/" FIRST "/"); /* reads the credentials, by a worker too */
    stop_workers(shelf, &workers);
    shelf->over = false;
    find_start(shelf->jobs, "s3://bkt/p/AWSDynamoDB/" FIRST "/", on_found, shelf);
    world_until_asked(shelf->world, "GET", 2);
    run_for(&shelf->world->loop, 100);
    assert_false(shelf->over);
    let_workers_go(shelf, &workers);
    run_until(&shelf->world->loop, &shelf->over);
    assert_string_equal(shelf->ids, FIRST);
    assert_int_equal(shelf->times, 2);
}

static void a_search_cancelled_while_a_record_is_parsed_leaves_nothing(void **state) {
    struct shelf *shelf = *state;
    struct workers workers;
    put(shelf, "p/", FIRST, FIRST, "students");
    find(shelf, "s3://bkt/p/AWSDynamoDB/" FIRST "/");
    stop_workers(shelf, &workers);
    struct find *search = find_start(shelf->jobs, "s3://bkt/p/AWSDynamoDB/" FIRST "/", on_found, shelf);
    world_until_asked(shelf->world, "GET", 2);
    run_for(&shelf->world->loop, 100);
    find_cancel(search);
    let_workers_go(shelf, &workers);
    run_for(&shelf->world->loop, 20);
    assert_int_equal(shelf->times, 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_SHELF(a_backup_is_found_by_its_id_whatever_job_made_it),
        WITH_SHELF(the_latest_of_a_job_is_its_own_newest),
        WITH_SHELF(a_backup_of_the_future_is_never_the_latest),
        WITH_SHELF(a_backup_is_found_by_its_address),
        WITH_SHELF(an_address_is_read_as_it_was_said),
        WITH_SHELF(what_a_job_reads_is_not_read_in_another_way),
        WITH_SHELF(of_jobs_that_share_a_place_its_own_is_asked),
        WITH_SHELF(where_its_own_job_cannot_read_it_the_finder_does),
        WITH_SHELF(a_job_of_that_name_for_another_table_did_not_make_it),
        WITH_SHELF(a_plain_array_is_nobodys_where_jobs_differ),
        WITH_SHELF(an_export_of_dynamodb_is_found_by_its_address),
        WITH_SHELF(what_is_not_there_is_said),
        WITH_SHELF(a_place_that_may_not_be_read_is_said_where_no_other_has_it),
        WITH_SHELF(a_search_cancelled_at_any_moment_leaves_nothing),
        WITH_SHELF(a_record_is_not_parsed_on_the_loop),
        WITH_SHELF(a_search_cancelled_while_a_record_is_parsed_leaves_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
