/* SPDX-License-Identifier: Apache-2.0 */
/* S3's operations: what each sends, to the letter, and what it makes of the answers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <string.h>

#include "aws/s3_call.h"
#include "base/encoding.h"
#include "base/memory.h"
#include "fake_client.h"

static const struct s3_bucket bucket = {.name = "b"};
static const struct s3_bucket owned = {.name = "b", .expected_owner = "123456789012"};

/* What `done` was told; strings copied. */
struct heard {
    unsigned times;
    bool found, truncated;
    enum error_code code;
    uint64_t length;
    int64_t date;
    size_t entries, failures;
    char *etag, *upload_id, *run, *next, *message;
};

static void hear(void *arg, const struct s3_answer *answer, const struct error *error) {
    struct heard *heard = arg;
    heard->times++;
    assert_true(!answer != !error);
    if (error) {
        heard->code = error->code;
        heard->message = x_strdup(error->message);
        return;
    }
    assert_non_null(answer->http);
    heard->found = answer->found;
    heard->truncated = answer->truncated;
    heard->length = answer->length;
    heard->date = answer->date;
    heard->entries = answer->entry_count;
    heard->failures = answer->failure_count;
    heard->etag = x_strdup(answer->etag);
    heard->upload_id = x_strdup(answer->upload_id);
    heard->run = x_strdup(answer->run);
    heard->next = x_strdup(answer->next);
}

#define _cleanup_heard_ __attribute__((cleanup(heard_fini)))
static void heard_fini(struct heard *heard) {
    free(heard->etag);
    free(heard->upload_id);
    free(heard->run);
    free(heard->next);
    free(heard->message);
}

static void assert_failed(const struct heard *heard, enum error_code code, const char *message) {
    assert_int_equal(heard->times, 1);
    assert_int_equal(heard->code, code);
    assert_string_equal(heard->message, message);
}

static void assert_done(const struct heard *heard) {
    if (heard->message)
        fail_msg("%s", heard->message);
    assert_int_equal(heard->times, 1);
}

static const struct http_slice hello[] = {{"hel", 3}, {"lo", 2}};

static struct s3_body hello_body(void) {
    return (struct s3_body){
        .slices = hello,
        .slice_count = 2,
        .sha256 = "2cf24dba",
        .md5 = (const unsigned char *)"\x5d\x41\x40\x2a\xbc\x4b\x2a\x76\xb9\x71\x9d\x91\x10\x17\xc5\x92",
        .has_crc32 = true,
        .crc32 = 0x3610a686,
    };
}

static void put_sends_all_it_was_given(void **state) {
    (void)state;
    _cleanup_heard_ struct heard heard = {0};
    const struct s3_object_options options = {.storage_class = "STANDARD_IA", .kms_key_id = "key/1", .tags = "a=b&c=d"};
    const struct s3_put put = {.key = "a b/+%\xe1\xbb\x8d.gz",
                               .content_type = "application/gzip",
                               .run = "r1",
                               .body = hello_body(),
                               .options = &options,
                               .create_only = true};
    s3_put_object(&owned, &put, hear, &heard);
    assert_string_equal(fake.line, "PUT b /a%20b/%2B%25%E1%BB%8D.gz");
    assert_string_equal(fake.what, "upload of s3://b/a b/+%\xe1\xbb\x8d.gz");
    assert_string_equal(fake.headers, "x-amz-expected-bucket-owner: 123456789012\n"
                                      "content-type: application/gzip\n"
                                      "x-amz-meta-run: r1\n"
                                      "x-amz-storage-class: STANDARD_IA\n"
                                      "x-amz-server-side-encryption: aws:kms\n"
                                      "x-amz-server-side-encryption-aws-kms-key-id: key/1\n"
                                      "x-amz-tagging: a=b&c=d\n"
                                      "if-none-match: *\n"
                                      "content-md5: XUFAKrxLKna5cZ2REBfFkg==\n"
                                      "x-amz-checksum-crc32: NhCmhg==\n");
    assert_string_equal(fake.body, "hello");
    assert_string_equal(fake.request.body_sha256, "2cf24dba");
    assert_false(fake.request.answer_404);
    fake_answer(200, "etag: \"5d41\"\ndate: Sun, 06 Jul 2025 02:00:00 GMT\n", "");
    assert_done(&heard);
    assert_string_equal(heard.etag, "5d41");
    assert_int_equal(heard.date, 1751767200);
}

static void put_sends_nothing_else(void **state) {
    (void)state;
    _cleanup_heard_ struct heard heard = {0};
    const struct s3_put put = {.key = "k"};
    s3_put_object(&bucket, &put, hear, &heard);
    assert_string_equal(fake.line, "PUT b /k");
    assert_string_equal(fake.needs, "s3:PutObject on b/k");
    assert_string_equal(fake.headers, "");
    assert_null(fake.request.body_sha256);
    fake_answer(200, "date: soon\n", "");
    assert_done(&heard);
    assert_null(heard.etag);
    assert_int_equal(heard.date, 0);
}

static void hear_md5(void *arg, const struct s3_answer *answer, const struct error *error) {
    unsigned char value[MD5_LENGTH];
    char *text = arg;
    assert_null(error);
    hex_encode(text, value, s3_attested_md5(value, answer, 0x3610a686) ? sizeof value : 0);
}

static const char *attested(const char *headers) {
    static char text[2 * MD5_LENGTH + 1];
    const struct s3_put put = {.key = "k", .body = hello_body()};
    text[0] = '?';
    text[1] = '\0';
    s3_put_object(&bucket, &put, hear_md5, text);
    fake_answer(200, headers, "");
    return text;
}

static void the_md5_is_believed_only_of_our_bytes_and_where_s3_promises_it(void **state) {
    (void)state;
#define CRC  "x-amz-checksum-crc32: NhCmhg==\n"
#define ETAG "etag: \"5d41402abc4b2a76b9719d911017c592\"\n"
#define SSE  "x-amz-server-side-encryption"
    static const char *const refused[] = {
        ETAG,
        CRC,
        ETAG "x-amz-checksum-crc32: NhCmhw==\n",
        ETAG CRC SSE ": aws:kms\n",
        ETAG CRC SSE ": aws:kms:dsse\n",
        ETAG CRC SSE ": aws:fsx\n",
        ETAG CRC SSE "-customer-algorithm: AES256\n",
        CRC "etag: \"5d41402abc4b2a76b9719d911017c592-1\"\n",
        CRC "etag: \"5d41402abc4b2a76b9719d911017c59\"\n",
        CRC "etag: \"5d41402abc4b2a76b9719d911017c59g\"\n",
        CRC "etag: \"\"\n",
    };
    assert_string_equal(attested(ETAG CRC), "5d41402abc4b2a76b9719d911017c592");
    assert_string_equal(attested(ETAG CRC SSE ": AES256\n"), "5d41402abc4b2a76b9719d911017c592");
    for (size_t i = 0; i < array_length(refused); i++)
        assert_string_equal(attested(refused[i]), "");
}

static void a_store_without_if_none_match_is_asked_again_without(void **state) {
    (void)state;
    _cleanup_heard_ struct heard heard = {0};
    const struct s3_put put = {.key = "k", .run = "r1", .create_only = true, .body = hello_body()};
    s3_put_object(&bucket, &put, hear, &heard);
    fake_error(ERROR_INVALID, 501, "NotImplemented");
    assert_int_equal(heard.times, 0);
    assert_int_equal(fake.starts, 2);
    assert_null(strstr(fake.headers, "if-none-match"));
    assert_non_null(strstr(fake.headers, "x-amz-meta-run: r1\n"));
    assert_string_equal(fake.body, "hello");
    fake_answer(200, "etag: \"e\"\n", "");
    assert_done(&heard);
}

static void a_second_501_is_an_error(void **state) {
    (void)state;
    _cleanup_heard_ struct heard heard = {0};
    const struct s3_put put = {.key = "k", .create_only = true};
    s3_put_object(&bucket, &put, hear, &heard);
    fake_error(ERROR_INVALID, 501, "NotImplemented");
    fake_error(ERROR_INVALID, 501, "NotImplemented");
    assert_failed(&heard, ERROR_INVALID, "NotImplemented");
}

static void an_existing_object_is_told(void **state) {
    (void)state;
    _cleanup_heard_ struct heard heard = {0};
    const struct s3_put put = {.key = "k", .create_only = true};
    s3_put_object(&bucket, &put, hear, &heard);
    fake_error(ERROR_EXISTS, 412, "upload of s3://b/k: 412");
    assert_failed(&heard, ERROR_EXISTS, "upload of s3://b/k: 412");
    assert_int_equal(fake.starts, 1);
}

static void a_cancelled_call_never_hears(void **state) {
    (void)state;
    _cleanup_heard_ struct heard heard = {0};
    const struct s3_put put = {.key = "k", .create_only = true};
    s3_cancel(s3_put_object(&bucket, &put, hear, &heard));
    struct s3_call *again = s3_put_object(&bucket, &put, hear, &heard);
    fake_error(ERROR_INVALID, 501, "NotImplemented");
    s3_cancel(again);
    assert_int_equal(fake.cancels, 2);
    assert_int_equal(heard.times, 0);
}

static void get_asks_for_ranges(void **state) {
    (void)state;
    static const struct {
        uint64_t first, last;
        const char *headers;
    } cases[] = {{0, 0, ""}, {0, 9, "range: bytes=0-9\n"}, {5, 0, "range: bytes=5-\n"}, {5, 7, "range: bytes=5-7\n"}};
    for (size_t i = 0; i < array_length(cases); i++) {
        _cleanup_heard_ struct heard heard = {0};
        const struct s3_get get = {.key = "k", .first = cases[i].first, .last = cases[i].last, .limit = 77};
        s3_get_object(&bucket, &get, hear, &heard);
        assert_string_equal(fake.line, "GET b /k");
        assert_string_equal(fake.needs, "s3:GetObject on b/k");
        assert_string_equal(fake.headers, cases[i].headers);
        assert_int_equal(fake.request.answer_limit, 77);
        fake_answer(i ? 206 : 200, "x-amz-meta-run: r1\netag: \"e\"\n", "bytes");
        assert_done(&heard);
        assert_true(heard.found);
        assert_string_equal(heard.run, "r1");
    }
}

static void the_whole_object_is_no_range(void **state) {
    (void)state;
    _cleanup_heard_ struct heard heard = {0};
    const struct s3_get get = {.key = "k", .first = 5};
    s3_get_object(&bucket, &get, hear, &heard);
    fake_answer(200, "", "everything");
    assert_failed(&heard, ERROR_CORRUPT, "asked for a range, the store answered 200 with the whole object");
}

static void get_passes_the_sink_on(void **state) {
    (void)state;
    _cleanup_heard_ struct heard heard = {0};
    const struct http_sink sink = {0};
    const struct s3_get get = {.key = "k", .sink = &sink};
    s3_cancel(s3_get_object(&bucket, &get, hear, &heard));
    assert_ptr_equal(fake.request.sink, &sink);
}

static void what_is_not_there_is_an_answer(void **state) {
    (void)state;
    const char *no_key = "<Error><Code>NoSuchKey</Code></Error>";
    const struct s3_get get = {.key = "k"};
    struct heard heard[3] = {0};
    s3_get_object(&bucket, &get, hear, &heard[0]);
    fake_answer(404, "", no_key);
    s3_head_object(&bucket, "k", hear, &heard[1]);
    assert_string_equal(fake.line, "HEAD b /k");
    fake_answer(404, "", "");
    s3_delete_object(&bucket, "k", hear, &heard[2]);
    assert_string_equal(fake.line, "DELETE b /k");
    assert_string_equal(fake.needs, "s3:DeleteObject on b/k");
    fake_answer(404, "", no_key);
    for (size_t i = 0; i < array_length(heard); i++) {
        assert_done(&heard[i]);
        assert_false(heard[i].found);
        heard_fini(&heard[i]);
    }
}

static void a_missing_bucket_is_an_error(void **state) {
    (void)state;
    _cleanup_heard_ struct heard heard = {0};
    s3_delete_object(&bucket, "k", hear, &heard);
    fake_answer(404, "", "<Error><Code>NoSuchBucket</Code><Message>gone</Message></Error>");
    assert_int_equal(heard.times, 1);
    assert_int_equal(heard.code, ERROR_NOT_FOUND);
    assert_ptr_equal(strstr(heard.message, "deletion of s3://b/k: "), heard.message);
    assert_non_null(strstr(heard.message, "NoSuchBucket"));
}

static void head_tells_size_run_and_etag(void **state) {
    (void)state;
    _cleanup_heard_ struct heard heard = {0}, odd = {0};
    s3_head_object(&bucket, "k", hear, &heard);
    fake_answer(200, "content-length: 5368709121\netag: \"e-2\"\nx-amz-meta-run: r9\n", "");
    assert_done(&heard);
    assert_true(heard.found);
    assert_int_equal(heard.length, 5368709121);
    assert_string_equal(heard.etag, "e-2");
    assert_string_equal(heard.run, "r9");
    s3_head_object(&bucket, "k", hear, &odd);
    fake_answer(200, "content-length: 99999999999999999999\n", "");
    assert_int_equal(odd.length, 0);
}

static void deleting_many_goes_in_batches(void **state) {
    (void)state;
    _cleanup_heard_ struct heard heard = {0};
    const char *keys[S3_DELETE_BATCH + 2];
    for (size_t i = 0; i < array_length(keys); i++)
        keys[i] = "k";
    keys[S3_DELETE_BATCH] = "a&b\r\n<\x01>";
    keys[S3_DELETE_BATCH + 1] = "last";
    s3_delete_objects(&bucket, keys, array_length(keys), hear, &heard);
    assert_string_equal(fake.line, "POST b /?delete");
    assert_string_equal(fake.needs, "s3:DeleteObject on b/*");
    assert_string_equal(fake.what, "deletion of 1000 objects in s3://b");
    fake_answer(200, "", "<DeleteResult><Error><Key>k</Key><Code>AccessDenied</Code></Error></DeleteResult>");
    assert_int_equal(heard.times, 0);
    assert_string_equal(fake.what, "deletion of 2 objects in s3://b");
    assert_string_equal(fake.body, "<Delete xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Quiet>true</Quiet>"
                                   "<Object><Key>a&amp;b&#13;&#10;&lt;&#1;&gt;</Key></Object>"
                                   "<Object><Key>last</Key></Object></Delete>");
    assert_string_equal(fake.headers, "content-type: application/xml\ncontent-md5: +2y0eCm/vIyCPen5fzmKTg==\n");
    assert_int_equal(strlen(fake.request.body_sha256), 64);
    fake_answer(200, "", "<DeleteResult/>");
    assert_done(&heard);
    assert_int_equal(heard.failures, 1);
}

static void a_batch_that_fails_ends_the_call(void **state) {
    (void)state;
    _cleanup_heard_ struct heard heard = {0};
    const char *keys[] = {"k"};
    s3_delete_objects(&bucket, keys, 1, hear, &heard);
    fake_error(ERROR_DENIED, 403, "no");
    assert_failed(&heard, ERROR_DENIED, "no");
}

static void list_asks_with_encoding(void **state) {
    (void)state;
    _cleanup_heard_ struct heard heard = {0}, plain = {0};
    const struct s3_list list = {
        .prefix = "a b/", .delimiter = "/", .token = "t+/=", .start_after = "a b/0", .max_keys = 7};
    s3_list_objects(&owned, &list, hear, &heard);
    assert_string_equal(fake.line, "GET b /?list-type=2&encoding-type=url&max-keys=7&prefix=a%20b%2F&delimiter=%2F&"
                                   "start-after=a%20b%2F0&continuation-token=t%2B%2F%3D");
    assert_string_equal(fake.headers, "x-amz-expected-bucket-owner: 123456789012\n");
    assert_int_equal(fake.request.answer_limit, S3_PAGE_MOST);
    fake_answer(200, "",
                "<ListBucketResult><IsTruncated>true</IsTruncated><NextContinuationToken>n</NextContinuationToken>"
                "<Contents><Key>a b/k</Key></Contents></ListBucketResult>");
    assert_done(&heard);
    assert_int_equal(heard.entries, 1);
    assert_true(heard.truncated);
    assert_string_equal(heard.next, "n");
    s3_cancel(s3_list_objects(&bucket, &(struct s3_list){0}, hear, &plain));
    assert_string_equal(fake.line, "GET b /?list-type=2&encoding-type=url&max-keys=1000");
    assert_string_equal(fake.needs, "s3:ListBucket on b");
}

static void a_list_of_what_was_not_asked_for_is_an_error(void **state) {
    (void)state;
    static const char *const strays[] = {"<Contents><Key>p/</Key></Contents>", "<Contents><Key></Key></Contents>",
                                         "<CommonPrefixes><Prefix>q/AWSDynamoDB/</Prefix></CommonPrefixes>"};
    static const char *const names[] = {"p/", "", "q/AWSDynamoDB/"};
    for (size_t i = 0; i < array_length(strays); i++) {
        _cleanup_heard_ struct heard heard = {0};
        _cleanup_free_ char *page =
            x_printf("<ListBucketResult><IsTruncated>false</IsTruncated>%s</ListBucketResult>", strays[i]);
        _cleanup_free_ char *words =
            x_printf("list of s3://b/p/AWS: it lists \"%s\", which does not begin with \"p/AWS\"", names[i]);
        s3_list_objects(&bucket, &(struct s3_list){.prefix = "p/AWS"}, hear, &heard);
        fake_answer(200, "", page);
        assert_failed(&heard, ERROR_CORRUPT, words);
    }
}

static void a_list_that_goes_round_is_an_error(void **state) {
    (void)state;
    _cleanup_heard_ struct heard objects = {0}, uploads = {0};
    s3_list_objects(&bucket, &(struct s3_list){.token = "n"}, hear, &objects);
    fake_answer(200, "",
                "<ListBucketResult><IsTruncated>true</IsTruncated><NextContinuationToken>n</NextContinuationToken>"
                "</ListBucketResult>");
    assert_failed(&objects, ERROR_CORRUPT, "list of s3://b/: the page after \"n\" says that it is followed by itself");
    s3_list_uploads(&bucket, NULL, "key-marker=k", hear, &uploads);
    fake_answer(200, "",
                "<ListMultipartUploadsResult><IsTruncated>true</IsTruncated><NextKeyMarker>k</NextKeyMarker>"
                "</ListMultipartUploadsResult>");
    assert_int_equal(uploads.code, ERROR_CORRUPT);
}

static void a_broken_list_is_not_accepted(void **state) {
    (void)state;
    _cleanup_heard_ struct heard heard = {0};
    s3_list_objects(&bucket, &(struct s3_list){.prefix = "p/"}, hear, &heard);
    fake_answer(200, "", "<ListBucketResult><Contents>");
    assert_failed(&heard, ERROR_CORRUPT, "an XML answer is broken at line 1: no element found");
}

static void lists_of_parts_and_uploads(void **state) {
    (void)state;
    _cleanup_heard_ struct heard heard = {0};
    s3_cancel(s3_list_parts(&bucket, "a/k", "u+1", 0, hear, &heard));
    assert_string_equal(fake.line, "GET b /a/k?uploadId=u%2B1&max-parts=1000");
    assert_string_equal(fake.needs, "s3:ListMultipartUploadParts on b/a/k");
    s3_list_parts(&bucket, "a/k", "u", 1000, hear, &heard);
    assert_string_equal(fake.line, "GET b /a/k?uploadId=u&max-parts=1000&part-number-marker=1000");
    fake_answer(200, "", "<ListPartsResult/>");
    assert_done(&heard);
    s3_cancel(s3_list_uploads(&bucket, "p/", NULL, hear, &heard));
    assert_string_equal(fake.line, "GET b /?uploads&encoding-type=url&max-uploads=1000&prefix=p%2F");
    assert_string_equal(fake.needs, "s3:ListBucketMultipartUploads on b");
    s3_cancel(s3_list_uploads(&bucket, NULL, "key-marker=k%20&upload-id-marker=u", hear, &heard));
    assert_string_equal(fake.line,
                        "GET b /?uploads&encoding-type=url&max-uploads=1000&key-marker=k%20&upload-id-marker=u");
}

static void create_names_the_checksum(void **state) {
    (void)state;
    _cleanup_heard_ struct heard heard = {0}, without = {0};
    const struct s3_put put = {.key = "k", .content_type = "application/json", .run = "r", .create_only = true};
    s3_create_upload(&bucket, &put, hear, &heard);
    assert_string_equal(fake.line, "POST b /k?uploads");
    assert_string_equal(fake.needs, "s3:PutObject on b/k");
    assert_string_equal(fake.headers, "content-type: application/json\nx-amz-meta-run: r\n"
                                      "x-amz-checksum-algorithm: CRC32\nx-amz-checksum-type: FULL_OBJECT\n");
    fake_answer(200, "", "<InitiateMultipartUploadResult><UploadId>u</UploadId></InitiateMultipartUploadResult>");
    assert_done(&heard);
    assert_string_equal(heard.upload_id, "u");
    s3_create_upload(&bucket, &put, hear, &without);
    fake_answer(200, "", "<InitiateMultipartUploadResult/>");
    assert_failed(&without, ERROR_CORRUPT, "start of the upload of s3://b/k: the answer names no upload id");
}

static void a_part_is_sent_with_its_checksums(void **state) {
    (void)state;
    _cleanup_heard_ struct heard heard = {0};
    const struct s3_part_upload part = {.key = "k", .upload_id = "2~u/", .number = 7, .body = hello_body()};
    s3_upload_part(&bucket, &part, hear, &heard);
    assert_string_equal(fake.line, "PUT b /k?partNumber=7&uploadId=2~u%2F");
    assert_string_equal(fake.needs, "s3:PutObject on b/k");
    assert_string_equal(fake.what, "upload of part 7 of s3://b/k");
    assert_string_equal(fake.headers, "content-md5: XUFAKrxLKna5cZ2REBfFkg==\nx-amz-checksum-crc32: NhCmhg==\n");
    fake_answer(200, "etag: \"p7\"\n", "");
    assert_done(&heard);
    assert_string_equal(heard.etag, "p7");
}

static const struct s3_part two_parts[] = {{1, "e1", 0}, {2, "e\"2", 0x01020304}};
static const struct s3_complete completion = {
    .key = "k", .upload_id = "u", .parts = two_parts, .part_count = 2, .size = 10485761, .crc32 = 0xffffffff};

static void complete_sends_every_part(void **state) {
    (void)state;
    _cleanup_heard_ struct heard heard = {0};
    struct s3_complete complete = completion;
    complete.create_only = true;
    s3_complete_upload(&bucket, &complete, hear, &heard);
    assert_string_equal(fake.line, "POST b /k?uploadId=u");
    assert_string_equal(fake.needs, "s3:PutObject on b/k");
    assert_string_equal(fake.body, "<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">"
                                   "<Part><PartNumber>1</PartNumber><ETag>&quot;e1&quot;</ETag>"
                                   "<ChecksumCRC32>AAAAAA==</ChecksumCRC32></Part>"
                                   "<Part><PartNumber>2</PartNumber><ETag>&quot;e&quot;2&quot;</ETag>"
                                   "<ChecksumCRC32>AQIDBA==</ChecksumCRC32></Part></CompleteMultipartUpload>");
    assert_ptr_equal(strstr(fake.headers, "x-amz-checksum-crc32: /////w==\nx-amz-checksum-type: FULL_OBJECT\n"
                                          "x-amz-mp-object-size: 10485761\nif-none-match: *\n"
                                          "content-type: application/xml\ncontent-md5: "),
                     fake.headers);
    fake_error(ERROR_INVALID, 501, "NotImplemented");
    assert_null(strstr(fake.headers, "if-none-match"));
    fake_answer(200, "",
                "\n\n  <?xml version=\"1.0\"?><CompleteMultipartUploadResult><ETag>\"e-2\"</ETag>"
                "</CompleteMultipartUploadResult>");
    assert_done(&heard);
    assert_string_equal(heard.etag, "e-2");
}

static void an_error_inside_a_200_is_an_error(void **state) {
    (void)state;
    _cleanup_heard_ struct heard heard = {0};
    s3_complete_upload(&bucket, &completion, hear, &heard);
    fake_answer(200, "",
                "  \n<?xml version=\"1.0\"?><Error><Code>InternalError</Code><Message>again</Message></Error>");
    assert_int_equal(heard.code, ERROR_TRANSIENT);
    assert_non_null(strstr(heard.message, "InternalError"));
}

static void a_200_that_ends_in_white_space_is_tried_again(void **state) {
    (void)state;
    _cleanup_heard_ struct heard heard = {0};
    s3_complete_upload(&bucket, &completion, hear, &heard);
    fake_answer(200, "", "   \n\n");
    assert_failed(&heard, ERROR_TRANSIENT, "status 200, but an XML answer is broken at line 1: no element found");
}

static void aborting_what_is_gone_succeeds(void **state) {
    (void)state;
    _cleanup_heard_ struct heard heard = {0}, gone = {0};
    s3_abort_upload(&bucket, "k", "u", hear, &heard);
    assert_string_equal(fake.line, "DELETE b /k?uploadId=u");
    assert_string_equal(fake.needs, "s3:AbortMultipartUpload on b/k");
    fake_answer(204, "", "");
    assert_done(&heard);
    s3_abort_upload(&bucket, "k", "u", hear, &gone);
    fake_answer(404, "", "<Error><Code>NoSuchUpload</Code></Error>");
    assert_done(&gone);
}

#define WITH_FAKE(test) cmocka_unit_test_setup_teardown(test, fake_reset, fake_reset)

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_FAKE(put_sends_all_it_was_given),
        WITH_FAKE(put_sends_nothing_else),
        WITH_FAKE(the_md5_is_believed_only_of_our_bytes_and_where_s3_promises_it),
        WITH_FAKE(a_store_without_if_none_match_is_asked_again_without),
        WITH_FAKE(a_second_501_is_an_error),
        WITH_FAKE(an_existing_object_is_told),
        WITH_FAKE(a_cancelled_call_never_hears),
        WITH_FAKE(get_asks_for_ranges),
        WITH_FAKE(the_whole_object_is_no_range),
        WITH_FAKE(get_passes_the_sink_on),
        WITH_FAKE(what_is_not_there_is_an_answer),
        WITH_FAKE(a_missing_bucket_is_an_error),
        WITH_FAKE(head_tells_size_run_and_etag),
        WITH_FAKE(deleting_many_goes_in_batches),
        WITH_FAKE(a_batch_that_fails_ends_the_call),
        WITH_FAKE(list_asks_with_encoding),
        WITH_FAKE(a_list_of_what_was_not_asked_for_is_an_error),
        WITH_FAKE(a_list_that_goes_round_is_an_error),
        WITH_FAKE(a_broken_list_is_not_accepted),
        WITH_FAKE(lists_of_parts_and_uploads),
        WITH_FAKE(create_names_the_checksum),
        WITH_FAKE(a_part_is_sent_with_its_checksums),
        WITH_FAKE(complete_sends_every_part),
        WITH_FAKE(an_error_inside_a_200_is_an_error),
        WITH_FAKE(a_200_that_ends_in_white_space_is_tried_again),
        WITH_FAKE(aborting_what_is_gone_succeeds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
