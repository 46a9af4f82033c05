/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every S3 operation against a real server, one after the other, each checked: s3-story URL REGION BUCKET KEY SECRET
 * [TOKEN]. test_s3_client.py runs it against the strict S3 and Ceph RGW, and looks at what it leaves behind.
 *
 * Prints "again: exists|written" (what create_only came to), "link: URL" of an object that stays, and "whole"; ends with
 * status 1 and the reason on standard error at the first thing that is not as it should be.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "aws/s3.h"
#include "base/digest.h"
#include "base/memory.h"

#define PREFIX "story/"

static const char *const keys[] = {
    PREFIX "plain",    PREFIX "a b+c",  PREFIX "100%25",    PREFIX "Tr\xe1\xba\xa7n/\xf0\x9f\x8e\x93",
    PREFIX "q?&=#;:@", PREFIX "<&>\"'", PREFIX "~-._*!$()", PREFIX "d//e",
    PREFIX "kept",
};

struct stage {
    uv_loop_t loop;
    struct http_client *http;
    struct aws_client *client;
    struct credential_provider *provider;
    struct aws_session *session;
    struct s3_bucket bucket;
    struct credentials credentials;
    const char *url;
};

/* What the last operation came to; strings copied. */
static struct {
    bool heard, found, truncated;
    enum error_code code;
    char *message, *etag, *upload_id, *run, *next, *body;
    uint64_t length;
    size_t listed, prefixes, failures, body_length;
} last;

static unsigned seen[array_length(keys)];

static void must(bool good, const char *what) {
    if (good)
        return;
    fprintf(stderr, "s3-story: %s (%s)\n", what, last.message ? last.message : "no error");
    exit(EXIT_FAILURE);
}

static void count_entries(const struct s3_answer *answer) {
    for (size_t i = 0; i < answer->entry_count; i++) {
        for (size_t k = 0; k < array_length(keys); k++)
            seen[k] += answer->entries[i].key && strcmp(answer->entries[i].key, keys[k]) == 0;
    }
    last.listed = answer->entry_count;
    last.prefixes = answer->prefix_count;
    last.failures = answer->failure_count;
    last.truncated = answer->truncated;
}

static void hear(void *arg, const struct s3_answer *answer, const struct error *error) {
    (void)arg;
    last.heard = true;
    last.code = error ? error->code : ERROR_NONE;
    x_replace(&last.message, error ? error->message : NULL);
    if (!answer)
        return;
    last.found = answer->found;
    last.length = answer->length;
    x_replace(&last.etag, answer->etag);
    x_replace(&last.upload_id, answer->upload_id);
    x_replace(&last.run, answer->run);
    x_replace(&last.next, answer->next);
    free(last.body);
    last.body = x_strndup(answer->http->body, answer->http->length);
    last.body_length = answer->http->length;
    count_entries(answer);
}

static void wait_for(struct stage *stage, struct s3_call *call) {
    (void)call;
    last.heard = false;
    while (!last.heard)
        uv_run(&stage->loop, UV_RUN_ONCE);
}

static void must_wait(struct stage *stage, struct s3_call *call, const char *what) {
    wait_for(stage, call);
    must(last.code == ERROR_NONE, what);
}

/* The keys of the command line, for ever. */
struct fixed_source {
    uv_timer_t timer;
    const struct credentials *credentials;
    credentials_done *done;
    void *arg;
};

static void on_fixed(uv_timer_t *timer) {
    struct fixed_source *fixed = timer->data;
    fixed->done(fixed->arg, fixed->credentials, NULL);
}

static void fixed_fetch(void *self, credentials_done *done, void *arg) {
    struct fixed_source *fixed = self;
    fixed->done = done;
    fixed->arg = arg;
    uv_timer_start(&fixed->timer, on_fixed, 0, 0);
}

static void fixed_stop(void *self) {
    uv_timer_stop(&((struct fixed_source *)self)->timer);
}

static void on_fixed_closed(uv_handle_t *handle) {
    free(handle->data);
}

static void fixed_free(void *self) {
    uv_close((uv_handle_t *)&((struct fixed_source *)self)->timer, on_fixed_closed);
}

static const struct credential_source fixed_source = {
    .name = "the command line", .fetch = fixed_fetch, .stop = fixed_stop, .free = fixed_free};

static void open_stage(struct stage *stage, char **words) {
    struct error error = {0};
    *stage = (struct stage){.url = words[1], .credentials = {words[4], words[5], words[6], INT64_MAX}};
    uv_loop_init(&stage->loop);
    stage->http = http_client_new(&stage->loop, &(struct http_options){.user_agent = "s3-story"}, &error);
    must(stage->http, "curl starts");
    const struct aws_client_options options = {
        .loop = &stage->loop,
        .http = stage->http,
        .endpoints.url[AWS_S3] = stage->url,
        .wall = clock_wall,
        .monotonic = clock_monotonic,
        .random = random_uniform,
    };
    stage->client = aws_client_new(&options);
    struct fixed_source *fixed = x_calloc(1, sizeof *fixed);
    fixed->credentials = &stage->credentials;
    fixed->timer.data = fixed;
    uv_timer_init(&stage->loop, &fixed->timer);
    stage->provider = credential_provider_new(&stage->loop, &fixed_source, fixed, clock_wall);
    stage->session = aws_session_new(stage->client, stage->provider, words[2], NULL);
    stage->bucket = (struct s3_bucket){.session = stage->session, .name = words[3]};
}

static void close_stage(struct stage *stage) {
    aws_session_free(stage->session);
    credential_provider_unref(stage->provider);
    aws_client_free(stage->client);
    http_client_free(stage->http);
    uv_run(&stage->loop, UV_RUN_DEFAULT);
    must(uv_loop_close(&stage->loop) == 0, "the loop is empty at the end");
    char *strings[] = {last.message, last.etag, last.upload_id, last.run, last.next, last.body};
    for (size_t i = 0; i < array_length(strings); i++)
        free(strings[i]);
}

static struct s3_body body_of(const struct http_slice *slice, unsigned char check[MD5_LENGTH]) {
    md5(check, slice->data, slice->length);
    return (struct s3_body){
        .slices = slice,
        .slice_count = 1,
        .md5 = check,
        .has_crc32 = true,
        .crc32 = crc32_update(0, slice->data, slice->length),
    };
}

static void put_odd_keys(struct stage *stage) {
    for (size_t i = 0; i < array_length(keys); i++) {
        unsigned char check[MD5_LENGTH];
        const struct http_slice slice = {keys[i], strlen(keys[i])};
        const struct s3_put put = {.key = keys[i],
                                   .content_type = "text/plain",
                                   .run = "run-1",
                                   .body = body_of(&slice, check),
                                   .create_only = true};
        must_wait(stage, s3_put_object(&stage->bucket, &put, hear, NULL), "an object is created");
        must(last.etag && strlen(last.etag) == 32, "its ETag comes back without quotes");
        if (i == 0) {
            wait_for(stage, s3_put_object(&stage->bucket, &put, hear, NULL));
            must(last.code == ERROR_NONE || last.code == ERROR_EXISTS, "created twice: exists, or written again");
            printf("again: %s\n", last.code ? "exists" : "written");
        }
    }
}

static void look_at_them(struct stage *stage) {
    for (size_t i = 0; i < array_length(keys); i++) {
        must_wait(stage, s3_head_object(&stage->bucket, keys[i], hear, NULL), "HEAD");
        must(last.found && last.length == strlen(keys[i]), "HEAD tells the length");
        must(last.run && strcmp(last.run, "run-1") == 0, "HEAD tells the run");
        const struct s3_get get = {.key = keys[i], .first = 1, .last = 3, .limit = 100};
        must_wait(stage, s3_get_object(&stage->bucket, &get, hear, NULL), "GET of a range");
        must(last.body_length == 3 && memcmp(last.body, keys[i] + 1, 3) == 0, "the range is the one asked for");
    }
    must_wait(stage, s3_head_object(&stage->bucket, PREFIX "none", hear, NULL), "HEAD of nothing");
    must(!last.found, "HEAD of nothing is not found");
    const struct s3_get none = {.key = PREFIX "none"};
    must_wait(stage, s3_get_object(&stage->bucket, &none, hear, NULL), "GET of nothing");
    must(!last.found, "GET of nothing is not found");
}

static void list_them(struct stage *stage) {
    _cleanup_free_ char *token = NULL;
    do {
        const struct s3_list list = {.prefix = PREFIX, .token = token, .max_keys = 2};
        must_wait(stage, s3_list_objects(&stage->bucket, &list, hear, NULL), "a page of the list");
        x_replace(&token, last.next);
    } while (token);
    for (size_t k = 0; k < array_length(keys); k++)
        must(seen[k] == 1, keys[k]);
    const struct s3_list folders = {.prefix = PREFIX, .delimiter = "/"};
    must_wait(stage, s3_list_objects(&stage->bucket, &folders, hear, NULL), "a list by folder");
    must(last.prefixes == 2 && last.listed == array_length(keys) - 2, "two folders and the rest");
}

#define LARGE PREFIX "large \xe1\xbb\x8d+%"

static void upload_parts(struct stage *stage, const char *upload_id, const struct http_slice slices[2],
                         struct s3_part parts[2]) {
    for (unsigned i = 0; i < 2; i++) {
        unsigned char check[MD5_LENGTH];
        const struct s3_part_upload part = {
            .key = LARGE, .upload_id = upload_id, .number = i + 1, .body = body_of(&slices[i], check)};
        must_wait(stage, s3_upload_part(&stage->bucket, &part, hear, NULL), "a part");
        must_wait(stage, s3_upload_part(&stage->bucket, &part, hear, NULL), "the same part again");
        parts[i] = (struct s3_part){i + 1, x_strdup(last.etag), part.body.crc32};
    }
}

static void complete_an_upload(struct stage *stage) {
    const struct s3_put put = {.key = LARGE, .content_type = "application/json", .run = "run-1"};
    must_wait(stage, s3_create_upload(&stage->bucket, &put, hear, NULL), "an upload starts");
    _cleanup_free_ char *id = x_strdup(last.upload_id), *bytes = x_calloc(1, S3_PART_MIN);
    const struct http_slice slices[] = {{bytes, S3_PART_MIN}, {"the end", 7}};
    struct s3_part parts[2];
    upload_parts(stage, id, slices, parts);
    must_wait(stage, s3_list_parts(&stage->bucket, LARGE, id, 0, hear, NULL), "the parts");
    must(last.listed == 2, "there are two");
    must_wait(stage, s3_list_parts(&stage->bucket, LARGE, id, 1, hear, NULL), "the parts after the first");
    must(last.listed == 1, "there is one");
    must_wait(stage, s3_list_uploads(&stage->bucket, PREFIX, NULL, hear, NULL), "the uploads");
    must(last.listed == 1, "there is one");
    const struct s3_complete complete = {
        .key = LARGE,
        .upload_id = id,
        .parts = parts,
        .part_count = 2,
        .size = S3_PART_MIN + 7,
        .crc32 = crc32_join(parts[0].crc32, parts[1].crc32, 7),
        .create_only = true,
    };
    must_wait(stage, s3_complete_upload(&stage->bucket, &complete, hear, NULL), "the upload completes");
    must(!last.etag || strstr(last.etag, "-2"), "its ETag, where one is named, says two parts");
    wait_for(stage, s3_complete_upload(&stage->bucket, &complete, hear, NULL));
    must(last.code == ERROR_NONE || last.code == ERROR_NOT_FOUND || last.code == ERROR_EXISTS,
         "completed twice, as after a lost answer: done, or settled by HEAD");
    must_wait(stage, s3_head_object(&stage->bucket, LARGE, hear, NULL), "HEAD");
    must(last.length == S3_PART_MIN + 7 && last.run, "the object is whole and has its run");
    must(last.etag && strstr(last.etag, "-2"), "its ETag says two parts");
    free((char *)(uintptr_t)parts[0].etag);
    free((char *)(uintptr_t)parts[1].etag);
}

static void abort_an_upload(struct stage *stage) {
    const struct s3_put put = {.key = PREFIX "never"};
    must_wait(stage, s3_create_upload(&stage->bucket, &put, hear, NULL), "an upload starts");
    _cleanup_free_ char *id = x_strdup(last.upload_id);
    must_wait(stage, s3_abort_upload(&stage->bucket, put.key, id, hear, NULL), "it is aborted");
    must_wait(stage, s3_abort_upload(&stage->bucket, put.key, id, hear, NULL), "aborting what is gone");
    const struct s3_complete gone = {.key = put.key,
                                     .upload_id = id,
                                     .parts = &(struct s3_part){1, "d41d8cd98f00b204e9800998ecf8427e", 0},
                                     .part_count = 1};
    wait_for(stage, s3_complete_upload(&stage->bucket, &gone, hear, NULL));
    must(last.code == ERROR_NOT_FOUND || (last.message && strstr(last.message, "already in progress")),
         "completing what is gone is not found (Ceph: 500, \"already in progress\")");
    must_wait(stage, s3_list_uploads(&stage->bucket, PREFIX, NULL, hear, NULL), "the uploads");
    must(last.listed == 0, "there are none");
}

/* All but the last one, and one that is not there. */
static void delete_them(struct stage *stage) {
    const char *doomed[array_length(keys) + 1];
    memcpy(doomed, keys, sizeof keys);
    doomed[array_length(keys) - 1] = LARGE;
    doomed[array_length(keys)] = PREFIX "none";
    must_wait(stage, s3_delete_objects(&stage->bucket, doomed, array_length(doomed), hear, NULL), "many are deleted");
    must(last.failures == 0, "no key failed");
    must_wait(stage, s3_delete_object(&stage->bucket, PREFIX "none", hear, NULL), "what is not there is deleted");
    const struct s3_list list = {.prefix = PREFIX};
    must_wait(stage, s3_list_objects(&stage->bucket, &list, hear, NULL), "the rest");
    must(last.listed == 1, "one object is left");
}

static void print_link(const struct stage *stage, const char *region) {
    _cleanup_error_ struct error error = {0};
    const struct endpoints endpoints = {.url[AWS_S3] = stage->url};
    _cleanup_secret_ char *link = aws_presign_get(&endpoints, region, stage->bucket.name, keys[array_length(keys) - 1],
                                                  &stage->credentials, clock_wall(), 600, &error);
    must(link, "a link is signed");
    printf("link: %s\n", link);
}

static void a_missing_bucket(struct stage *stage) {
    const struct s3_bucket none = {.session = stage->session, .name = "no-such-bucket-anywhere"};
    wait_for(stage, s3_get_object(&none, &(struct s3_get){.key = "k"}, hear, NULL));
    must(last.code == ERROR_NOT_FOUND && strstr(last.message, "NoSuchBucket"), "a missing bucket is an error");
}

int main(int count, char **words) {
    if (count < 6) {
        fputs("usage: s3-story URL REGION BUCKET KEY SECRET [TOKEN]\n", stderr);
        return 2;
    }
    struct stage stage;
    open_stage(&stage, words);
    put_odd_keys(&stage);
    look_at_them(&stage);
    list_them(&stage);
    complete_an_upload(&stage);
    abort_an_upload(&stage);
    delete_them(&stage);
    a_missing_bucket(&stage);
    print_link(&stage, words[2]);
    close_stage(&stage);
    puts("whole");
    return EXIT_SUCCESS;
}
