/* SPDX-License-Identifier: Apache-2.0 */
/* What list and show see: the catalog of a job, and a backup by each of its names. */
#include "job/find.h"
#include "world.h"

#include "base/json.h"
#include "job/catalog.h"
#include "state/history.h"

#define FIRST  "01751767200000-aaaaaaaa"
#define SECOND "01751767300000-bbbbbbbb"
#define THIRD  "01751767400000-cccccccc"
#define OWN    "arn:aws:dynamodb:eu-west-1:123456789012:table/tab" /* as the cloud describes it */
#define OTHER  "arn:aws:dynamodb:us-east-1:123456789012:table/tab"
#define OTHERS "arn:aws:dynamodb:eu-west-1:999999999999:table/tab"

struct shelf {
    struct world *world;
    struct jobs *jobs;
    bool over;
    unsigned times;
    enum error_code code;
    char *message;
    char *ids; /* joined by blanks */
    char *uri, *job;
};

static int set_up(void **state) {
    struct shelf *shelf = x_calloc(1, sizeof *shelf);
    struct error error = {0};
    void *world;
    world_set_up(&world);
    shelf->world = world;
    shelf->world->config = world_config(world, "", "other", "", "second",
                                        "[Job]\nTable=tab\nRegion=eu-west-1\n[Destination]\nBucket=bkt\nPrefix=q/\n",
                                        "students", "", NULL);
    shelf->jobs = jobs_new(&shelf->world->shared, NULL, shelf->world->config, &error);
    assert_non_null(shelf->jobs);
    *state = shelf;
    return 0;
}

static int tear_down(void **state) {
    struct shelf *shelf = *state;
    void *world = shelf->world;
    jobs_free(shelf->jobs);
    world_tear_down(&world);
    free(shelf->message);
    free(shelf->ids);
    free(shelf->uri);
    free(shelf->job);
    free(shelf);
    return 0;
}

#define WITH_SHELF(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

static void put_of(struct shelf *shelf, const char *prefix, const char *folder, const char *id, const char *job,
                   const char *arn) {
    _cleanup_free_ char *key = x_printf("%sAWSDynamoDB/%s/backup.json", prefix, folder);
    _cleanup_free_ char *text = x_printf(
        "{\"version\":1,\n\"id\":\"%s\",\n\"job\":\"%s\",\n\"run\":\"r\",\n\"table_name\":\"tab\",\n\"table_arn\":"
        "\"%s\",\n"
        "\"started\":\"2025-07-06T02:00:00.000Z\",\n\"ended\":\"2025-07-06T02:00:01.000Z\",\n\"items\":1,\n"
        "\"stored_bytes\":10,\n\"objects\":1,\n\"formats\":[\"json\"],\n\"table\":{},\n\"cuts\":[],\n\"outputs\":[]}\n",
        id, job, arn);
    cloud_put(shelf->world->cloud, key, "r", text, strlen(text));
}

static void put(struct shelf *shelf, const char *prefix, const char *folder, const char *id, const char *job) {
    put_of(shelf, prefix, folder, id, job, OWN);
}

static const struct job_config *job_of(const struct shelf *shelf, const char *name) {
    return config_job(shelf->world->config, name);
}

static void note_error(struct shelf *shelf, const struct error *error) {
    shelf->over = true;
    shelf->times++;
    shelf->code = error ? error->code : ERROR_NONE;
    x_replace(&shelf->message, error ? error->message : NULL);
}

static void on_catalog(void *arg, const struct backup_summary *backups, size_t count, const struct error *error) {
    struct shelf *shelf = arg;
    struct buffer ids = BUFFER_INIT(BUFFER_OURS);
    note_error(shelf, error);
    for (size_t i = 0; i < count; i++)
        buffer_printf(&ids, "%s%s", i ? " " : "", backups[i].id);
    free(shelf->ids);
    shelf->ids = buffer_take(&ids);
    x_replace(&shelf->uri, count ? backups[0].uri : NULL);
}

static void list(struct shelf *shelf) {
    shelf->over = false;
    catalog_start(jobs_engine(shelf->jobs), shelf->world->config, job_of(shelf, "students"), on_catalog, shelf);
    assert_false(shelf->over);
    run_until(&shelf->world->loop, &shelf->over);
}

static void on_found(void *arg, const struct found_backup *found, const struct error *error) {
    struct shelf *shelf = arg;
    note_error(shelf, error);
    x_replace(&shelf->ids, found ? found->id : NULL);
    x_replace(&shelf->uri, found ? found->uri : NULL);
    x_replace(&shelf->job, found ? found->job->name : NULL);
    if (found)
        assert_string_equal(json_string(found->backup, "id"), found->id);
}

static void find(struct shelf *shelf, const char *text) {
    shelf->over = false;
    find_start(shelf->jobs, text, on_found, shelf);
    assert_false(shelf->over);
    run_until(&shelf->world->loop, &shelf->over);
}

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
    put_of(shelf, "p/", FIRST, FIRST, "students", OTHER);
    find(shelf, "students@latest");
    assert_string_equal(shelf->ids, FIRST); /* of one table alone: a table that was lost with its region, say */
    put(shelf, "p/", SECOND, SECOND, "students");
    list(shelf);
    assert_string_equal(shelf->ids, FIRST " " SECOND);
    find(shelf, "students@latest");
    assert_int_equal(shelf->code, ERROR_INVALID);
    assert_non_null(strstr(shelf->message, OWN));
    assert_non_null(strstr(shelf->message, OTHER));
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
    shelf->over = false;
    find_by_start(shelf->jobs, "s3://bkt/moved/AWSDynamoDB/" FIRST "/", &(struct find_access){.region = "eu-west-1"},
                  on_found, shelf);
    run_until(&shelf->world->loop, &shelf->over);
    assert_string_equal(shelf->ids, FIRST);
    assert_string_equal(shelf->job, ADDRESS_JOB);
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
        WITH_SHELF(an_empty_bucket_has_no_backups),
        WITH_SHELF(the_catalog_is_in_order_and_of_this_job_alone),
        WITH_SHELF(what_has_no_backup_json_is_no_backup),
        WITH_SHELF(a_backup_json_of_another_id_is_not_listed),
        WITH_SHELF(a_catalog_that_may_not_be_read_says_so),
        WITH_SHELF(a_table_of_that_name_in_another_region_or_account_is_anothers),
        WITH_SHELF(the_last_run_says_whose_backups_are_ours_where_dynamodb_does_not),
        WITH_SHELF(where_nobody_knows_whose_they_are_all_are_listed_and_none_is_the_latest),
        WITH_SHELF(a_catalog_of_nothing_does_not_wait_for_dynamodb),
        WITH_SHELF(a_catalog_cancelled_while_it_asks_whose_the_table_is_leaves_nothing),
        WITH_SHELF(a_catalog_cancelled_at_any_moment_leaves_nothing),
        WITH_SHELF(a_backup_is_found_by_its_id_whatever_job_made_it),
        WITH_SHELF(the_latest_of_a_job_is_its_own_newest),
        WITH_SHELF(a_backup_of_the_future_is_never_the_latest),
        WITH_SHELF(a_backup_is_found_by_its_address),
        WITH_SHELF(an_address_is_read_as_it_was_said),
        WITH_SHELF(an_export_of_dynamodb_is_found_by_its_address),
        WITH_SHELF(what_is_not_there_is_said),
        WITH_SHELF(a_place_that_may_not_be_read_is_said_where_no_other_has_it),
        WITH_SHELF(a_search_cancelled_at_any_moment_leaves_nothing),
        WITH_SHELF(a_record_is_not_parsed_on_the_loop),
        WITH_SHELF(a_search_cancelled_while_a_record_is_parsed_leaves_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
