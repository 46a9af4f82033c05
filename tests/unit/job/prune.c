/* SPDX-License-Identifier: Apache-2.0 */
/* A prune from start to end against the small AWS: what it asks, in which order, what stops it, and that nothing is left of it. */
#include "job/prune.h"
#include "world.h"

#include <sqlite3.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/encoding.h"
#include "base/json.h"
#include "job/lock_check.h"

#define ARN "arn:aws:dynamodb:eu-west-1:123456789012:table/tab"

struct yard {
    struct world *world;
    int64_t now; /* seconds since 1970: ours and the store's */
    struct prune *prune;
    bool over;
    unsigned times;
    char *error;
    struct json_object *result;
    const char *live; /* a run that is_live() says goes on */
};

static int set_up(void **state) {
    struct yard *yard = x_calloc(1, sizeof *yard);
    void *world;
    world_set_up(&world);
    yard->world = world;
    yard->now = clock_wall() / SECOND_MS;
    cloud_date(yard->world->cloud, yard->now);
    *state = yard;
    return 0;
}

static int tear_down(void **state) {
    struct yard *yard = *state;
    void *world = yard->world;
    prune_cancel(yard->prune);
    json_object_put(yard->result);
    free(yard->error);
    free(yard);
    return world_tear_down(&world);
}

#define IN_YARD(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

/* ------------------------------------------------------------ what stands there */

/* Its folder and run follow from its age and number. */
struct past {
    char id[ID_LENGTH + 1], run[RUN_LENGTH + 1];
    char root[64];
    int64_t modified;
};

static struct past past_of(const struct yard *yard, unsigned days, unsigned number) {
    struct past past = {.modified = yard->now - (int64_t)days * 86400};
    snprintf(past.run, sizeof past.run, "%032x", number);
    past.run[0] = (char)('a' + number % 6);
    snprintf(past.id, sizeof past.id, "%014lld-%.8s", (long long)past.modified * 1000, past.run);
    snprintf(past.root, sizeof past.root, "p/AWSDynamoDB/%s/", past.id);
    return past;
}

static struct cloud_object *put(const struct yard *yard, const struct past *past, const char *name, const char *text) {
    _cleanup_free_ char *key = x_printf("%s%s", past->root, name);
    struct cloud_object *object = cloud_put(yard->world->cloud, key, past->run, text, strlen(text));
    object->modified = past->modified;
    return object;
}

static void put_started(const struct yard *yard, const struct past *past, const char *machine) {
    _cleanup_free_ char *text =
        x_printf("{\"software\":\"dynamodb-backupd\",\"job\":\"j\",\"run\":\"%s\",\"host\":\"h\","
                 "\"machine_id\":\"%s\",\"table_arn\":\"" ARN "\"}",
                 past->run, machine);
    put(yard, past, "_started", text);
    put(yard, past, "data/00001.json.gz", "x");
    put(yard, past, "data/00002.json.gz", "x");
}

static struct past put_remains(const struct yard *yard, unsigned days, unsigned number, const char *machine) {
    struct past past = past_of(yard, days, number);
    put_started(yard, &past, machine ? machine : yard->world->engine->machine_id);
    return past;
}

static struct past put_backup(const struct yard *yard, unsigned days, unsigned number) {
    struct past past = put_remains(yard, days, number, NULL);
    _cleanup_free_ char *text = x_printf(
        "{\"version\":1,\n\"id\":\"%s\",\n\"job\":\"j\",\n\"run\":\"%s\",\n\"table_name\":\"tab\",\n\"table_arn\":"
        "\"" ARN "\",\n\"items\":1,\n\"stored_bytes\":2,\n\"table\":{},\n\"cuts\":[],\n\"outputs\":[]}\n",
        past.id, past.run);
    put(yard, &past, "backup.json", text);
    return past;
}

static unsigned count_objects(const struct yard *yard, const struct past *past) {
    unsigned count = 0;
    for (size_t i = 0; i < cloud_objects(yard->world->cloud); i++)
        count += strncmp(cloud_object(yard->world->cloud, i)->key, past->root, strlen(past->root)) == 0;
    return count;
}

#define WHOLE 4 /* objects of a backup; its remains have one less */

/* ------------------------------------------------------------ the prune */

static bool is_live(void *arg, const char *run) {
    const struct yard *yard = arg;
    return yard->live && strcmp(yard->live, run) == 0;
}

static void on_pruned(void *arg, const struct prune_result *result, const struct error *error) {
    struct yard *yard = arg;
    yard->over = true;
    yard->times++;
    yard->prune = NULL;
    json_object_put(yard->result);
    yard->result = result ? prune_result_json(result) : NULL;
    x_replace(&yard->error, error ? error->message : NULL);
}

static void start(struct yard *yard, bool dry_run) {
    struct prune_order order = {.engine = yard->world->engine,
                                .config = yard->world->config,
                                .job = yard->world->config->jobs[0],
                                .runs = {is_live, yard},
                                .dry_run = dry_run};
    yard->over = false;
    yard->prune = prune_start(&order, on_pruned, yard);
    assert_false(yard->over);
}

static void prune(struct yard *yard) {
    start(yard, false);
    run_until(&yard->world->loop, &yard->over);
}

static const struct json_object *row_of(const struct yard *yard, const struct past *past) {
    const struct json_object *list = json_array_at(yard->result, "backups");
    for (size_t i = 0; list && i < json_object_array_length(list); i++) {
        const struct json_object *row = json_object_array_get_idx(list, i);
        if (strcmp(json_string(row, "id"), past->id) == 0)
            return row;
    }
    fail_msg("%s is not in the result", past->id);
    return NULL;
}

static void expect(const struct yard *yard, const struct past *past, const char *outcome, const char *why) {
    const struct json_object *row = row_of(yard, past);
    assert_string_equal(json_string(row, "outcome"), outcome);
    if (!strstr(json_string(row, "why"), why))
        fail_msg("\"%s\" does not say \"%s\"", json_string(row, "why"), why);
}

static void what_no_rule_keeps_goes(void **state) {
    struct yard *yard = *state;
    world_job(yard->world, "[Retention]\nKeepLast=1\n");
    struct past old = put_backup(yard, 3, 1), new = put_backup(yard, 1, 2);
    cloud_put(yard->world->cloud, "p/AWSDynamoDB/00000000000001-aaaaaaaa/_started", NULL, "", 0);
    prune(yard);
    expect(yard, &old, "removed", "KeepLast=1: all 1 are newer");
    expect(yard, &new, "left", "KeepLast=1: 1 of 1");
    assert_int_equal(count_objects(yard, &old), 0);
    assert_int_equal(count_objects(yard, &new), WHOLE);
    assert_int_equal(json_integer(yard->result, "removed", 0), 1);
    assert_int_equal(json_integer(yard->result, "foreign", 0), 1);
    assert_true(world_has_said(yard->world, "backup-removed j: backup removed: s3://bkt/p/AWSDynamoDB/"));
    assert_null(in_use_by(yard->world->shared.in_use, "s3://bkt/p/AWSDynamoDB/"));
    assert_int_equal(cloud_count(yard->world->cloud, "DescribeTable"), 1);
}

static void a_dry_run_deletes_nothing(void **state) {
    struct yard *yard = *state;
    world_job(yard->world, "[Retention]\nKeepLast=1\n");
    struct past old = put_backup(yard, 3, 1);
    put_backup(yard, 1, 2);
    start(yard, true);
    run_until(&yard->world->loop, &yard->over);
    assert_string_equal(json_string(row_of(yard, &old), "decision"), "remove");
    expect(yard, &old, "left", "all 1 are newer");
    assert_int_equal(cloud_count(yard->world->cloud, "DELETE") + cloud_count(yard->world->cloud, "delete"), 0);
}

static void a_clock_that_is_off_holds_all(void **state) {
    struct yard *yard = *state;
    static const struct {
        int64_t off;
        const char *words;
    } cases[] = {{301, "behind"}, {-301, "ahead"}, {30 * 86400, "behind"}, {0, "no Date"}};
    world_job(yard->world, "[Retention]\nKeepLast=1\n");
    struct past old = put_backup(yard, 90, 1);
    put_backup(yard, 80, 2);
    for (size_t i = 0; i < array_length(cases); i++) {
        cloud_date(yard->world->cloud, cases[i].off ? clock_wall() / SECOND_MS + cases[i].off : 0);
        prune(yard);
        assert_non_null(strstr(json_string(yard->result, "held"), cases[i].words));
        assert_int_equal(count_objects(yard, &old), WHOLE);
    }
    cloud_date(yard->world->cloud, clock_wall() / SECOND_MS + 200);
    prune(yard);
    assert_null(json_string(yard->result, "held"));
    assert_int_equal(count_objects(yard, &old), 0);
}

static void remains_go_only_where_they_are_dead_and_ours(void **state) {
    struct yard *yard = *state;
    world_job(yard->world, "");
    struct past theirs = put_remains(yard, 30, 1, "another"), live = put_remains(yard, 30, 2, NULL),
                young = put_remains(yard, 6, 3, NULL), dead = put_remains(yard, 30, 4, NULL);
    yard->live = live.run;
    prune(yard);
    expect(yard, &theirs, "left", "another host (h)");
    expect(yard, &live, "left", "under way, or will be resumed");
    expect(yard, &young, "left", "once it is over 7 days");
    expect(yard, &dead, "removed", "newest object is 30 days old");
    assert_int_equal(count_objects(yard, &theirs) + count_objects(yard, &live) + count_objects(yard, &young),
                     3 * (WHOLE - 1));
    assert_int_equal(count_objects(yard, &dead), 0);
    assert_true(world_has_said(yard->world, "what was left of a backup removed"));
}

/* A store that tells no LastModified: nothing is old enough. */
static void remains_of_no_age_stay(void **state) {
    struct yard *yard = *state;
    world_job(yard->world, "");
    struct past past = put_remains(yard, 30, 1, NULL);
    for (size_t i = 0; i < cloud_objects(yard->world->cloud); i++)
        ((struct cloud_object *)(uintptr_t)cloud_object(yard->world->cloud, i))->modified = 0;
    prune(yard);
    expect(yard, &past, "left", "once it is over 7 days");
}

static void what_is_read_stays(void **state) {
    struct yard *yard = *state;
    world_job(yard->world, "[Retention]\nKeepLast=1\n");
    struct past old = put_backup(yard, 3, 1), rest = put_remains(yard, 30, 3, NULL);
    put_backup(yard, 1, 2);
    _cleanup_free_ char *uri = x_printf("s3://bkt/%s", old.root), *other = x_printf("s3://bkt/%s", rest.root);
    assert_true(in_use_hold(yard->world->shared.in_use, uri, "a restore"));
    assert_true(in_use_hold(yard->world->shared.in_use, other, "a verify"));
    prune(yard);
    expect(yard, &old, "left", "in use by a restore; the rules would remove it");
    expect(yard, &rest, "left", "in use by a verify");
    in_use_let_go(yard->world->shared.in_use, uri, "a restore");
    in_use_let_go(yard->world->shared.in_use, other, "a verify");
    prune(yard);
    expect(yard, &old, "removed", "all 1 are newer");
}

/* s3://BUCKET/KEY of the backup's plain array, as --assume-plain is given it. */
static char *plain_uri(const struct past *past) {
    struct backup_names names = {0};
    assert_true(backup_names_restore(&names, past->run, "bkt", "p/", past->modified * SECOND_MS));
    _cleanup_free_ char *key = backup_plain_key(&names, 1, FORMAT_JSON, COMPRESSION_NONE);
    backup_names_fini(&names);
    return x_printf("s3://bkt/%s", key);
}

/* Broke: a restore with --assume-plain held its object, a prune asked for the folder alone, and removed both. */
static void a_backup_whose_plain_object_is_read_stays(void **state) {
    struct yard *yard = *state;
    struct in_use *set = yard->world->shared.in_use;
    world_job(yard->world, "[Retention]\nKeepLast=1\n");
    struct past first = put_backup(yard, 9, 1), second = put_backup(yard, 8, 2);
    put_backup(yard, 1, 3);
    _cleanup_free_ char *plain = plain_uri(&first), *later = plain_uri(&second);
    assert_true(in_use_hold(set, plain, "a restore"));
    cloud_rule(yard->world->cloud, &(struct cloud_rule){.match = "POST", .act = CLOUD_HOLD, .times = 1});
    start(yard, false);
    world_until_held(yard->world, "POST", 1);
    assert_false(in_use_hold(set, later, "a restore")); /* what is being removed is not read */
    assert_true(cloud_release(yard->world->cloud, "POST"));
    run_until(&yard->world->loop, &yard->over);
    expect(yard, &first, "left", "in use by a restore; the rules would remove it");
    expect(yard, &second, "removed", "newer");
    in_use_let_go(set, plain, "a restore");
    assert_null(in_use_by(set, "s3://bkt/"));
}

/* Between the decision and its turn somebody has begun to read it; or its run has been taken up. */
static void what_is_taken_up_meanwhile_stays(void **state) {
    struct yard *yard = *state;
    world_job(yard->world, "[Retention]\nKeepLast=1\n");
    struct past first = put_backup(yard, 9, 1), second = put_backup(yard, 8, 2), rest = put_remains(yard, 30, 4, NULL);
    put_backup(yard, 1, 3);
    _cleanup_free_ char *uri = x_printf("s3://bkt/%s", second.root);
    cloud_rule(yard->world->cloud, &(struct cloud_rule){.match = "HEAD", .act = CLOUD_HOLD, .times = 1});
    start(yard, false);
    world_until_held(yard->world, "HEAD", 1); /* of the remains: the oldest */
    assert_true(in_use_hold(yard->world->shared.in_use, uri, "a drill"));
    assert_true(cloud_release(yard->world->cloud, "HEAD"));
    run_until(&yard->world->loop, &yard->over);
    expect(yard, &rest, "removed", "30 days");
    expect(yard, &first, "removed", "newer");
    expect(yard, &second, "left", "in use since");
    in_use_let_go(yard->world->shared.in_use, uri, "a drill");
}

/* To its backup.json. */
static void give_head(const struct yard *yard, const struct past *past, const char *lines) {
    _cleanup_free_ char *key = x_printf("%sbackup.json", past->root);
    ((struct cloud_object *)(uintptr_t)cloud_find(yard->world->cloud, key))->head = lines;
}

static void locked_objects_are_found_before_anything_goes(void **state) {
    struct yard *yard = *state;
    static const char locked[] = "x-amz-version-id: v\r\nx-amz-object-lock-mode: GOVERNANCE\r\n"
                                 "x-amz-object-lock-retain-until-date: 2999-01-01T00:00:00Z\r\n",
                      over[] = "x-amz-version-id: v\r\nx-amz-object-lock-mode: GOVERNANCE\r\n"
                               "x-amz-object-lock-retain-until-date: 2000-01-01T00:00:00Z\r\n",
                      hold[] = "x-amz-version-id: v\r\nx-amz-object-lock-legal-hold: ON\r\n",
                      version[] = "x-amz-version-id: v\r\nx-amz-object-lock-legal-hold: OFF\r\n";
    world_job(yard->world, "[Retention]\nKeepLast=1\n");
    struct past head = put_backup(yard, 9, 1), deep = put_backup(yard, 8, 2), held = put_backup(yard, 7, 3),
                free_one = put_backup(yard, 6, 4);
    put_backup(yard, 1, 5);
    give_head(yard, &head, locked);
    give_head(yard, &deep, version);
    put(yard, &deep, "data/00002.json.gz", "x")->head = locked;
    put(yard, &held, "data/00001.json.gz", "x")->head = hold;
    put(yard, &free_one, "data/00001.json.gz", "x")->head = over;
    put(yard, &deep, "data/00001.json.gz", "x")->head = version;
    prune(yard);
    expect(yard, &head, "left", "under object lock (GOVERNANCE until 2999-01-01T00:00:00Z); the rules would");
    expect(yard, &deep, "left", "data/00002.json.gz; else it would go");
    expect(yard, &held, "left", "under a legal hold on s3://bkt/p/AWSDynamoDB/");
    expect(yard, &free_one, "removed", "newer");
    assert_int_equal(count_objects(yard, &head) + count_objects(yard, &deep) + count_objects(yard, &held), 3 * WHOLE);
}

static void lock_headers_are_understood(void **state) {
    (void)state;
    static const struct {
        struct http_header headers[2];
        const char *words;
    } cases[] = {
        {{{"x-amz-object-lock-mode", "COMPLIANCE", false}}, "object lock (COMPLIANCE until an unknown time)"},
        {{{"x-amz-object-lock-retain-until-date", "1970-01-01T00:00:02Z", false}},
         "object lock (retention until 1970-01-01T00:00:02Z)"},
        {{{"x-amz-object-lock-retain-until-date", "1970-01-01T00:00:01Z", false}}, NULL},
        {{{"x-amz-object-lock-mode", "GOVERNANCE", false}, {"x-amz-object-lock-retain-until-date", "soon", false}},
         "object lock (GOVERNANCE until soon)"},
        {{{"x-amz-object-lock-legal-hold", "ON", false}}, "a legal hold"},
        {{{"x-amz-object-lock-legal-hold", "OFF", false}}, NULL},
    };
    for (size_t i = 0; i < array_length(cases); i++) {
        struct http_answer answer = {.headers = cases[i].headers, .header_count = cases[i].headers[1].name ? 2 : 1};
        _cleanup_free_ char *words = lock_words(&answer, 1);
        assert_true((words != NULL) == (cases[i].words != NULL));
        if (words)
            assert_string_equal(words, cases[i].words);
    }
}

/* ------------------------------------------------------------ what goes wrong */

static void refuse(const struct yard *yard, const char *match) {
    cloud_rule(yard->world->cloud,
               &(struct cloud_rule){.match = match, .act = CLOUD_REFUSE, .status = 403, .code = "AccessDenied"});
}

static void a_place_that_cannot_be_seen_is_an_error(void **state) {
    struct yard *yard = *state;
    static const char *const matches[] = {"DescribeTable", "list-type", "backup.json", "_started",
                                          "prefix=p/AWSDynamoDB/0"};
    world_job(yard->world, "[Retention]\nKeepLast=1\n");
    struct past old = put_backup(yard, 9, 1), rest = put_remains(yard, 30, 3, NULL);
    put_backup(yard, 1, 2);
    for (size_t i = 0; i < array_length(matches); i++) {
        cloud_no_rules(yard->world->cloud);
        refuse(yard, matches[i]);
        prune(yard);
        assert_null(yard->result);
        assert_non_null(strstr(yard->error, "AccessDenied"));
        assert_int_equal(count_objects(yard, &old) + count_objects(yard, &rest), 2 * WHOLE - 1);
    }
}

static void what_is_refused_stays_and_the_others_go(void **state) {
    struct yard *yard = *state;
    world_job(yard->world, "[Retention]\nKeepLast=1\n");
    struct past first = put_backup(yard, 9, 1), second = put_backup(yard, 8, 2), third = put_backup(yard, 7, 3);
    put_backup(yard, 1, 4);
    _cleanup_free_ char *heads = x_printf("HEAD /bkt/%s", first.root);
    _cleanup_free_ char *deletes = x_printf("DELETE /bkt/%sbackup.json", second.root);
    refuse(yard, heads);
    refuse(yard, deletes);
    prune(yard);
    expect(yard, &first, "failed", "newer");
    expect(yard, &second, "failed", "newer");
    expect(yard, &third, "removed", "newer");
    assert_non_null(strstr(json_string(row_of(yard, &second), "error"), "backup.json: "));
    assert_int_equal(count_objects(yard, &first), WHOLE);
    assert_int_equal(count_objects(yard, &second), WHOLE);
    assert_int_equal(json_integer(yard->result, "failed", 0), 2);
}

static void a_stop_ends_between_two_backups(void **state) {
    struct yard *yard = *state;
    world_job(yard->world, "[Retention]\nKeepLast=1\n");
    struct past first = put_backup(yard, 9, 1), second = put_backup(yard, 8, 2);
    put_backup(yard, 1, 3);
    cloud_rule(yard->world->cloud, &(struct cloud_rule){.match = "?delete", .act = CLOUD_HOLD, .times = 1});
    start(yard, false);
    world_until_held(yard->world, "?delete", 1);
    prune_finish(yard->prune);
    assert_true(cloud_release(yard->world->cloud, "?delete"));
    run_until(&yard->world->loop, &yard->over);
    expect(yard, &first, "removed", "newer");
    expect(yard, &second, "left", "newer");
    assert_int_equal(count_objects(yard, &first), 0);
    assert_int_equal(count_objects(yard, &second), WHOLE);
}

/* ------------------------------------------------------------ what the state knows */

/* Something is asked of the file, or done to it, past the engine. */
static void run_sql(const struct yard *yard, const char *text, int (*row)(void *, int, char **, char **), void *arg) {
    sqlite3 *db;
    _cleanup_free_ char *path = x_printf("%s/state.db", yard->world->folder);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, text, row, arg, NULL), SQLITE_OK);
    sqlite3_close(db);
}

static int count_row(void *arg, int columns, char **values, char **names) {
    (void)columns, (void)values, (void)names;
    ++*(unsigned *)arg;
    return 0;
}

static unsigned rows(const struct yard *yard) {
    unsigned count = 0;
    run_sql(yard, "SELECT uri FROM prunes", count_row, &count);
    return count;
}

static void keep_state(struct yard *yard) {
    world_keep(yard->world);
    yard->world->shared.state = yard->world->state;
}

static void it_is_written_down_before_anything_goes(void **state) {
    struct yard *yard = *state;
    keep_state(yard);
    world_job(yard->world, "[Retention]\nKeepLast=1\n");
    struct past old = put_backup(yard, 9, 1);
    put_backup(yard, 1, 2);
    cloud_rule(yard->world->cloud, &(struct cloud_rule){.match = "DELETE", .act = CLOUD_HOLD, .times = 1});
    start(yard, false);
    world_until_held(yard->world, "DELETE", 1);
    assert_int_equal(rows(yard), 1);
    assert_true(cloud_release(yard->world->cloud, "DELETE"));
    run_until(&yard->world->loop, &yard->over);
    expect(yard, &old, "removed", "newer");
    assert_int_equal(rows(yard), 0);
}

/* Dropped at any request: what was begun is finished, whoever made the backup and however young it is. */
static void what_was_begun_is_finished(void **state) {
    struct yard *yard = *state;
    keep_state(yard);
    world_job(yard->world, "[Retention]\nKeepLast=1\n");
    put_backup(yard, 1, 99);
    for (unsigned i = 0; i < 24; i++) {
        struct past old = past_of(yard, 3, 1);
        put_backup(yard, 3, 1);
        put_started(yard, &old, "another");
        unsigned before = cloud_count(yard->world->cloud, "");
        cloud_rule(yard->world->cloud, &(struct cloud_rule){.match = "", .act = CLOUD_HOLD, .after = i, .times = 1});
        start(yard, false);
        while (!yard->over && !cloud_held(yard->world->cloud, ""))
            run_for(&yard->world->loop, 1);
        if (yard->over) {
            assert_true(cloud_count(yard->world->cloud, "") - before <= i);
            assert_int_equal(count_objects(yard, &old), 0);
            assert_true(i > 10);
            return;
        }
        prune_cancel(take_pointer(yard->prune));
        cloud_forget_held(yard->world->cloud);
        cloud_no_rules(yard->world->cloud);
        run_for(&yard->world->loop, 5);
        unsigned stood = count_objects(yard, &old);
        prune(yard);
        if (stood)
            expect(yard, &old, "removed", stood == WHOLE ? "newer" : "an earlier prune was interrupted");
        assert_int_equal(count_objects(yard, &old), 0);
        assert_int_equal(rows(yard), 0);
    }
    fail_msg("a prune of one backup takes more than 24 requests");
}

/* Interrupted a month ago, and our state has it still: it may go on. */
static void a_run_that_may_be_resumed_is_left(void **state) {
    struct yard *yard = *state;
    keep_state(yard);
    world_job(yard->world, "[Retention]\nKeepLast=1\n");
    struct past open = put_remains(yard, 30, 1, NULL), dead = put_remains(yard, 30, 2, NULL);
    _cleanup_free_ char *text = x_printf(
        "INSERT INTO checkpoint(run, job, settings, table_name, table_arn, region, bucket, prefix, formats, "
        "started, segments, table_bytes, part_size, scan_started, numbers) VALUES('%s', 'j', '{}', 'tab', 'a', "
        "'r', 'bkt', 'p/', 'json/none', 1, 1, 1, 1, 1, 1)",
        open.run);
    run_sql(yard, text, NULL, NULL);
    prune(yard);
    expect(yard, &open, "left", "under way, or will be resumed");
    expect(yard, &dead, "removed", "30 days");
    run_sql(yard, "DELETE FROM checkpoint", NULL, NULL);
    prune(yard);
    expect(yard, &open, "removed", "30 days");
}

/* It had been begun, and then the rules were changed: it stands whole, and is forgotten. */
static void what_is_kept_after_all_is_not_finished_later(void **state) {
    struct yard *yard = *state;
    keep_state(yard);
    world_job(yard->world, "[Retention]\nKeepLast=2\n");
    struct past old = put_backup(yard, 9, 1);
    put_backup(yard, 1, 2);
    _cleanup_free_ char *text = x_printf("INSERT INTO prunes VALUES('s3://bkt/%s', 'j', 'r', 1)", old.root);
    run_sql(yard, text, NULL, NULL);
    prune(yard);
    expect(yard, &old, "left", "KeepLast=2: 2 of 2");
    assert_int_equal(rows(yard), 0);
}

static void without_a_state_that_writes_nothing_goes(void **state) {
    struct yard *yard = *state;
    keep_state(yard);
    world_job(yard->world, "[Retention]\nKeepLast=1\n");
    struct past old = put_backup(yard, 9, 1);
    put_backup(yard, 1, 2);
    run_sql(yard, "CREATE TRIGGER no BEFORE INSERT ON prunes BEGIN SELECT raise(ABORT, 'full'); END", NULL, NULL);
    prune(yard);
    expect(yard, &old, "failed", "newer");
    assert_non_null(strstr(json_string(row_of(yard, &old), "error"), "full"));
    assert_int_equal(count_objects(yard, &old), WHOLE);
}

static void a_cancelled_prune_never_tells(void **state) {
    struct yard *yard = *state;
    world_job(yard->world, "[Retention]\nKeepLast=1\n");
    put_backup(yard, 9, 1);
    put_backup(yard, 1, 2);
    start(yard, false);
    prune_cancel(take_pointer(yard->prune));
    prune_cancel(NULL);
    run_for(&yard->world->loop, 20);
    assert_int_equal(yard->times, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_YARD(what_no_rule_keeps_goes),
        IN_YARD(a_dry_run_deletes_nothing),
        IN_YARD(a_clock_that_is_off_holds_all),
        IN_YARD(remains_go_only_where_they_are_dead_and_ours),
        IN_YARD(remains_of_no_age_stay),
        IN_YARD(what_is_read_stays),
        IN_YARD(a_backup_whose_plain_object_is_read_stays),
        IN_YARD(what_is_taken_up_meanwhile_stays),
        IN_YARD(locked_objects_are_found_before_anything_goes),
        cmocka_unit_test(lock_headers_are_understood),
        IN_YARD(a_place_that_cannot_be_seen_is_an_error),
        IN_YARD(what_is_refused_stays_and_the_others_go),
        IN_YARD(a_stop_ends_between_two_backups),
        IN_YARD(it_is_written_down_before_anything_goes),
        IN_YARD(what_was_begun_is_finished),
        IN_YARD(a_run_that_may_be_resumed_is_left),
        IN_YARD(what_is_kept_after_all_is_not_finished_later),
        IN_YARD(without_a_state_that_writes_nothing_goes),
        IN_YARD(a_cancelled_prune_never_tells),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
