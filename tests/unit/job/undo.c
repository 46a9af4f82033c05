/* SPDX-License-Identifier: Apache-2.0 */
/* A run taken back, call by call, with a client that answers when told to: what is asked, in which order, what goes on. */
#include "../aws/fake_client.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "job/settle.h"
#include "job/undo.h"

#define ROOT  "p/AWSDynamoDB/01751767200123-1a2b3c4d/"
#define PLAIN "p/backup-20250706-020000-1a2b3c4d.json"

static const unsigned char identity[16] = {0x1a, 0x2b, 0x3c, 0x4d};
static const struct s3_bucket bucket = {.name = "b"};

struct world {
    struct backup_names names;
    unsigned times;
    char *error; /* NULL: all went */
};

static void on_undone(void *arg, const struct error *error) {
    struct world *world = arg;
    world->times++;
    free(world->error);
    world->error = error ? x_strdup(error->message) : NULL;
}

static int set_up(void **state) {
    struct world *world = x_calloc(1, sizeof *world);
    backup_names_init(&world->names, "b", "p/", 1751767200123, identity);
    *state = world;
    return fake_reset(state);
}

static int tear_down(void **state) {
    struct world *world = *state;
    backup_names_fini(&world->names);
    free(world->error);
    free(world);
    return fake_reset(state);
}

static void assert_asked(const char *begin) {
    if (strncmp(fake.line, begin, strlen(begin)) != 0)
        fail_msg("asked \"%s\", not \"%s...\"", fake.line, begin);
}

#define NO_UPLOADS "<ListMultipartUploadsResult/>"
#define NO_OBJECTS "<ListBucketResult/>"

static void everything_goes_and_started_is_last(void **state) {
    struct world *world = *state;
    undo_start(&bucket, &world->names, on_undone, world);
    assert_asked("DELETE b /" ROOT "backup.json");
    fake_answer(204, "", "");
    assert_asked("GET b /?uploads");
    fake_answer(200, "",
                "<ListMultipartUploadsResult><Upload><Key>" PLAIN "</Key><UploadId>u1</UploadId></Upload>"
                "</ListMultipartUploadsResult>");
    assert_asked("DELETE b /" PLAIN "?uploadId=u1");
    fake_answer(204, "", "");
    assert_asked("GET b /?list-type=2");
    fake_answer(200, "", "<ListBucketResult><Contents><Key>" PLAIN "</Key></Contents></ListBucketResult>");
    assert_asked("HEAD b /" PLAIN);
    _cleanup_free_ char *ours = x_printf("content-length: 1\nx-amz-meta-run: %s\n", world->names.run);
    fake_answer(200, ours, "");
    assert_asked("DELETE b /" PLAIN);
    fake_answer(204, "", "");
    fake_answer(200, "",
                "<ListBucketResult><Contents><Key>" ROOT "_started</Key></Contents>"
                "<Contents><Key>" ROOT "data/00001.json.gz</Key></Contents></ListBucketResult>");
    assert_asked("POST b /?delete");
    assert_null(strstr(fake.body, "_started"));
    assert_non_null(strstr(fake.body, "data/00001.json.gz"));
    fake_answer(200, "", "<DeleteResult/>");
    assert_asked("GET b /?list-type=2"); /* a PUT may still have been on its way */
    fake_answer(200, "", "<ListBucketResult><Contents><Key>" ROOT "_started</Key></Contents></ListBucketResult>");
    assert_asked("DELETE b /" ROOT "_started");
    assert_int_equal(world->times, 0);
    fake_answer(204, "", "");
    assert_int_equal(world->times, 1);
    assert_null(world->error);
}

static void another_runs_object_stays(void **state) {
    struct world *world = *state;
    undo_start(&bucket, &world->names, on_undone, world);
    fake_answer(204, "", "");
    fake_answer(200, "", NO_UPLOADS);
    fake_answer(200, "", "<ListBucketResult><Contents><Key>" PLAIN "</Key></Contents></ListBucketResult>");
    fake_answer(200, "content-length: 1\nx-amz-meta-run: another\n", "");
    assert_asked("GET b /?list-type=2"); /* not DELETE */
    fake_answer(200, "", NO_OBJECTS);
    fake_answer(204, "", "");
    assert_int_equal(world->times, 1);
}

static void keys_that_are_not_the_runs_are_never_touched(void **state) {
    struct world *world = *state;
    undo_start(&bucket, &world->names, on_undone, world);
    fake_answer(204, "", "");
    fake_answer(200, "",
                "<ListMultipartUploadsResult><Upload><Key>p/other</Key><UploadId>u1</UploadId></Upload>"
                "</ListMultipartUploadsResult>"); /* a store that ignores prefix= */
    fake_answer(200, "", NO_OBJECTS);
    fake_answer(200, "", NO_OBJECTS);
    assert_asked("DELETE b /" ROOT "_started");
    fake_answer(204, "", "");
    assert_int_equal(world->times, 1);
}

static void after_an_error_the_rest_goes_but_started_stays(void **state) {
    struct world *world = *state;
    undo_start(&bucket, &world->names, on_undone, world);
    fake_answer(204, "", "");
    fake_error(ERROR_DENIED, 403, "403 AccessDenied");
    assert_asked("GET b /?list-type=2");
    fake_answer(200, "", NO_OBJECTS);
    fake_answer(200, "",
                "<ListBucketResult><Contents><Key>" ROOT "data/00001.json.gz</Key></Contents></ListBucketResult>");
    fake_answer(200, "", "<DeleteResult/>");
    assert_int_equal(world->times, 1);
    assert_non_null(strstr(world->error, "AccessDenied"));
    assert_false(fake.running);
}

/* Broke: the files went, and the backup.json that named them stayed, and was listed. */
static void where_backup_json_stays_its_objects_stay_too(void **state) {
    struct world *world = *state;
    struct undo *undo = undo_start(&bucket, &world->names, on_undone, world);
    undo_add_upload(undo, PLAIN, "u0");
    fake_error(ERROR_DENIED, 403, "403 AccessDenied");
    assert_asked("DELETE b /" PLAIN "?uploadId=u0");
    fake_answer(204, "", "");
    assert_asked("GET b /?uploads");
    fake_answer(200, "", NO_UPLOADS);
    assert_int_equal(world->times, 1);
    assert_non_null(strstr(world->error, "AccessDenied"));
    assert_false(fake.running);
}

static void a_key_that_is_refused_is_named(void **state) {
    struct world *world = *state;
    undo_start(&bucket, &world->names, on_undone, world);
    fake_answer(204, "", "");
    fake_answer(200, "", NO_UPLOADS);
    fake_answer(200, "", NO_OBJECTS);
    fake_answer(200, "",
                "<ListBucketResult><Contents><Key>" ROOT "data/00001.json.gz</Key></Contents></ListBucketResult>");
    fake_answer(200, "",
                "<DeleteResult><Error><Key>" ROOT "data/00001.json.gz</Key><Code>AccessDenied</Code>"
                "<Message>locked</Message></Error></DeleteResult>");
    assert_int_equal(world->times, 1);
    assert_non_null(strstr(world->error, "data/00001.json.gz"));
}

static void a_sweep_aborts_uploads_and_touches_nothing_else(void **state) {
    struct world *world = *state;
    undo_uploads_start(&bucket, &world->names, on_undone, world);
    fake_answer(200, "",
                "<ListMultipartUploadsResult><Upload><Key>" PLAIN "</Key><UploadId>u1</UploadId></Upload>"
                "</ListMultipartUploadsResult>");
    assert_asked("DELETE b /" PLAIN "?uploadId=u1");
    fake_answer(204, "", "");
    assert_int_equal(world->times, 1);
    assert_null(world->error);
}

/* Broke: the undo of a run listed for ever where the server named the same next page again and again. */
static void a_list_that_goes_round_ends(void **state) {
    struct world *world = *state;
    static const char round[] = "<ListBucketResult><IsTruncated>true</IsTruncated>"
                                "<NextContinuationToken>t</NextContinuationToken></ListBucketResult>";
    undo_start(&bucket, &world->names, on_undone, world);
    fake_answer(204, "", "");
    fake_answer(200, "", NO_UPLOADS);
    fake_answer(200, "", NO_OBJECTS);
    fake_answer(200, "", round);
    fake_answer(200, "", round);
    assert_int_equal(world->times, 1);
    assert_non_null(strstr(world->error, "followed by itself"));
    assert_false(fake.running);
}

static void a_cancelled_undo_never_tells(void **state) {
    struct world *world = *state;
    struct undo *undo = undo_start(&bucket, &world->names, on_undone, world);
    fake_answer(204, "", "");
    undo_cancel(undo);
    undo_cancel(NULL);
    assert_int_equal(world->times, 0);
    assert_int_equal(fake.cancels, 1);
}

/* ------------------------------------------------------------ settle.c: who made the object that stands there? */

struct settled {
    unsigned times;
    char *etag, *error;
};

static void on_settled(void *arg, const char *etag, const struct error *error) {
    struct settled *settled = arg;
    settled->times++;
    settled->etag = x_strdup(etag);
    settled->error = error ? x_strdup(error->message) : NULL;
}

static void forget(struct settled *settled) {
    assert_int_equal(settled->times, 1);
    free(settled->etag);
    free(settled->error);
    *settled = (struct settled){0};
}

static struct settle *put_object(struct settled *settled) {
    static const struct http_slice slice = {"12345", 5};
    struct s3_put put = {.key = "k", .run = "r1", .body = {.slices = &slice, .slice_count = 1, .sha256 = "00"}};
    return settle_put(&bucket, &put, on_settled, settled);
}

static void a_412_on_our_own_object_is_a_success(void **state) {
    (void)state;
    struct settled settled = {0};
    put_object(&settled);
    assert_non_null(strcasestr(fake.headers, "if-none-match: *"));
    fake_error(ERROR_EXISTS, 412, "412 PreconditionFailed");
    assert_asked("HEAD b /k");
    fake_answer(200, "content-length: 5\netag: \"e1\"\nx-amz-meta-run: r1\n", "");
    assert_string_equal(settled.etag, "e1");
    forget(&settled);
}

static void a_412_on_anothers_object_is_a_failure(void **state) {
    (void)state;
    struct settled settled = {0};
    put_object(&settled);
    fake_error(ERROR_EXISTS, 412, "412 PreconditionFailed");
    fake_answer(200, "content-length: 5\netag: \"e1\"\nx-amz-meta-run: r2\n", "");
    assert_non_null(strstr(settled.error, "another run"));
    forget(&settled);
    put_object(&settled);
    fake_error(ERROR_EXISTS, 412, "412 PreconditionFailed");
    fake_answer(200, "content-length: 4\netag: \"e1\"\nx-amz-meta-run: r1\n", ""); /* ours, but not these bytes */
    assert_null(settled.etag);
    forget(&settled);
}

static void a_completed_upload_whose_answer_was_lost_is_found(void **state) {
    (void)state;
    struct settled settled = {0};
    struct s3_part part = {1, "p1", 7};
    struct s3_complete complete = {.key = "k", .upload_id = "u", .parts = &part, .part_count = 1, .size = 9};
    settle_complete(&bucket, &complete, "r1", on_settled, &settled);
    fake_error(ERROR_NOT_FOUND, 404, "404 NoSuchUpload");
    fake_answer(200, "content-length: 9\netag: \"e-1\"\nx-amz-meta-run: r1\n", "");
    assert_string_equal(settled.etag, "e-1");
    forget(&settled);
    settle_complete(&bucket, &complete, "r1", on_settled, &settled);
    fake_error(ERROR_NOT_FOUND, 404, "404 NoSuchUpload");
    fake_answer(404, "", "");
    assert_non_null(strstr(settled.error, "NoSuchUpload"));
    forget(&settled);
}

static void an_etag_that_complete_did_not_name_is_asked_for(void **state) {
    (void)state;
    struct settled settled = {0};
    struct s3_part part = {1, "p1", 7};
    struct s3_complete complete = {.key = "k", .upload_id = "u", .parts = &part, .part_count = 1, .size = 9};
    for (int answered = 0; answered < 2; answered++) {
        settle_complete(&bucket, &complete, "r1", on_settled, &settled);
        fake_answer(200, "", "<CompleteMultipartUploadResult><ETag/></CompleteMultipartUploadResult>");
        assert_asked("HEAD b /k");
        if (answered)
            fake_answer(200, "content-length: 9\netag: \"e-1\"\nx-amz-meta-run: r1\n", "");
        else
            fake_error(ERROR_DENIED, 403, "403 Forbidden"); /* it stands all the same */
        assert_null(settled.error);
        if (answered)
            assert_string_equal(settled.etag, "e-1");
        forget(&settled);
    }
}

static void other_failures_are_told_as_they_are(void **state) {
    (void)state;
    struct settled settled = {0};
    put_object(&settled);
    fake_error(ERROR_DENIED, 403, "403 AccessDenied");
    assert_string_equal(settled.error, "403 AccessDenied");
    forget(&settled);
    put_object(&settled);
    fake_error(ERROR_EXISTS, 412, "412 PreconditionFailed");
    fake_error(ERROR_DENIED, 403, "403 Forbidden");
    assert_non_null(strstr(settled.error, "412"));
    assert_non_null(strstr(settled.error, "403 Forbidden"));
    forget(&settled);
}

static void a_cancelled_settle_never_tells(void **state) {
    (void)state;
    struct settled settled = {0};
    settle_cancel(put_object(&settled));
    struct settle *asking = put_object(&settled);
    fake_error(ERROR_EXISTS, 412, "412 PreconditionFailed");
    settle_cancel(asking);
    settle_cancel(NULL);
    assert_int_equal(settled.times, 0);
}

#define STORY(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        STORY(everything_goes_and_started_is_last),
        STORY(another_runs_object_stays),
        STORY(keys_that_are_not_the_runs_are_never_touched),
        STORY(after_an_error_the_rest_goes_but_started_stays),
        STORY(where_backup_json_stays_its_objects_stay_too),
        STORY(a_key_that_is_refused_is_named),
        STORY(a_sweep_aborts_uploads_and_touches_nothing_else),
        STORY(a_list_that_goes_round_ends),
        STORY(a_cancelled_undo_never_tells),
        STORY(a_412_on_our_own_object_is_a_success),
        STORY(a_412_on_anothers_object_is_a_failure),
        STORY(a_completed_upload_whose_answer_was_lost_is_found),
        STORY(an_etag_that_complete_did_not_name_is_asked_for),
        STORY(other_failures_are_told_as_they_are),
        STORY(a_cancelled_settle_never_tells),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
