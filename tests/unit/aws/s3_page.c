/* SPDX-License-Identifier: Apache-2.0 */
/* S3's XML answers as AWS and Ceph write them, and those that must not pass for one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <string.h>

#include "aws/s3_call.h"

static bool parse(struct s3_page *page, const char *root, const char *document, struct error *error) {
    const struct http_answer answer = {.status = 200, .body = document, .length = strlen(document)};
    return s3_page_parse(page, root, &answer, error);
}

static void must_parse(struct s3_page *page, const char *root, const char *document) {
    struct error error = {0};
    *page = (struct s3_page){0};
    if (!parse(page, root, document, &error))
        fail_msg("%s", error.message);
}

static void must_refuse(const char *root, const char *document, const char *why) {
    _cleanup_error_ struct error error = {0};
    struct s3_page page = {0};
    assert_false(parse(&page, root, document, &error));
    s3_page_fini(&page);
    assert_int_equal(error.code, ERROR_CORRUPT);
    if (!strstr(error.message, why))
        fail_msg("\"%s\" does not say \"%s\"", error.message, why);
}

static void a_list_of_objects(void **state) {
    (void)state;
    struct s3_page page;
    must_parse(&page, "ListBucketResult",
               "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
               "<ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Name>b</Name><Prefix>p/</Prefix>"
               "<NextContinuationToken>1ueGc+/=</NextContinuationToken><KeyCount>2</KeyCount><MaxKeys>2</MaxKeys>"
               "<EncodingType>url</EncodingType><IsTruncated>true</IsTruncated>"
               "<Contents><Key>p/a+b%2Bc%25%E1%BB%8D</Key><LastModified>2025-07-06T02:00:00.000Z</LastModified>"
               "<ETag>&quot;d41d8&quot;</ETag><Size>5368709120</Size><StorageClass>STANDARD</StorageClass></Contents>"
               "<Contents><Key>p/z%01</Key><LastModified>1970-01-01T00:00:01.000Z</LastModified><ETag>\"x-2\"</ETag>"
               "<Size>0</Size><Owner><ID>1</ID></Owner></Contents>"
               "<CommonPrefixes><Prefix>p/d+d/</Prefix></CommonPrefixes></ListBucketResult>");
    assert_int_equal(page.entry_count, 2);
    assert_string_equal(page.entries[0].key, "p/a b+c%\xe1\xbb\x8d");
    assert_string_equal(page.entries[0].etag, "d41d8");
    assert_int_equal(page.entries[0].size, 5368709120);
    assert_int_equal(page.entries[0].modified, 1751767200);
    assert_string_equal(page.entries[1].key, "p/z\x01");
    assert_string_equal(page.entries[1].etag, "x-2");
    assert_int_equal(page.prefix_count, 1);
    assert_string_equal(page.prefixes[0], "p/d d/");
    assert_true(page.truncated);
    assert_string_equal(page.next, "1ueGc+/=");
    s3_page_fini(&page);
}

static void keys_are_left_alone_where_the_store_does_not_encode(void **state) {
    (void)state;
    struct s3_page page;
    must_parse(&page, "ListBucketResult",
               "<ListBucketResult><IsTruncated>false</IsTruncated><Contents><Key>a+b%20c &amp; d</Key></Contents>"
               "</ListBucketResult>");
    assert_string_equal(page.entries[0].key, "a+b%20c & d");
    assert_null(page.entries[0].etag);
    s3_page_fini(&page);
}

static void an_empty_list(void **state) {
    (void)state;
    struct s3_page page;
    must_parse(&page, "ListBucketResult", "<ListBucketResult/>");
    assert_int_equal(page.entry_count + page.prefix_count, 0);
    assert_false(page.truncated);
    assert_null(page.next);
    s3_page_fini(&page);
}

static void a_list_of_parts(void **state) {
    (void)state;
    struct s3_page page;
    must_parse(&page, "ListPartsResult",
               "<ListPartsResult><Bucket>b</Bucket><Key>k</Key><UploadId>u</UploadId>"
               "<PartNumberMarker>0</PartNumberMarker><NextPartNumberMarker>3</NextPartNumberMarker>"
               "<IsTruncated>true</IsTruncated><Part><PartNumber>2</PartNumber><LastModified>2025-07-06T02:00:00.000Z"
               "</LastModified><ETag>&quot;aa&quot;</ETag><Size>5242880</Size></Part><Part><ETag>bb</ETag><PartNumber>3"
               "</PartNumber></Part></ListPartsResult>");
    assert_int_equal(page.entry_count, 2);
    assert_int_equal(page.entries[0].part_number, 2);
    assert_int_equal(page.entries[0].size, 5242880);
    assert_int_equal(page.entries[1].part_number, 3);
    assert_string_equal(page.entries[1].etag, "bb");
    assert_string_equal(page.next, "3");
    s3_page_fini(&page);
}

static void the_last_page_has_no_next(void **state) {
    (void)state;
    struct s3_page page;
    must_parse(&page, "ListPartsResult",
               "<ListPartsResult><NextPartNumberMarker>3</NextPartNumberMarker><IsTruncated>false</IsTruncated>"
               "</ListPartsResult>");
    assert_null(page.next);
    s3_page_fini(&page);
}

static void a_list_of_uploads_goes_on_at_two_markers(void **state) {
    (void)state;
    struct s3_page page;
    must_parse(
        &page, "ListMultipartUploadsResult",
        "<ListMultipartUploadsResult><EncodingType>url</EncodingType><NextKeyMarker>a+b</NextKeyMarker>"
        "<NextUploadIdMarker>u/1</NextUploadIdMarker><IsTruncated>true</IsTruncated><Upload><Key>a+b</Key>"
        "<UploadId>u/1</UploadId><Initiated>2025-07-06T02:00:00Z</Initiated></Upload></ListMultipartUploadsResult>");
    assert_string_equal(page.entries[0].key, "a b");
    assert_string_equal(page.entries[0].upload_id, "u/1");
    assert_int_equal(page.entries[0].modified, 1751767200);
    assert_string_equal(page.next, "key-marker=a%20b&upload-id-marker=u%2F1");
    s3_page_fini(&page);
    must_parse(&page, "ListMultipartUploadsResult",
               "<ListMultipartUploadsResult><NextKeyMarker>a+b</NextKeyMarker><IsTruncated>true</IsTruncated>"
               "</ListMultipartUploadsResult>");
    assert_string_equal(page.next, "key-marker=a%2Bb");
    s3_page_fini(&page);
}

static void an_upload_id_and_an_etag(void **state) {
    (void)state;
    struct s3_page page;
    must_parse(&page, "InitiateMultipartUploadResult",
               "<InitiateMultipartUploadResult><UploadId>2~abc</UploadId></InitiateMultipartUploadResult>");
    assert_string_equal(page.upload_id, "2~abc");
    s3_page_fini(&page);
    must_parse(&page, "CompleteMultipartUploadResult",
               " \n\n<CompleteMultipartUploadResult><ETag>&#34;e-2&#34;</ETag></CompleteMultipartUploadResult>");
    assert_string_equal(page.etag, "e-2");
    s3_page_fini(&page);
    must_parse(&page, "CompleteMultipartUploadResult",
               "<CompleteMultipartUploadResult><ETag></ETag></CompleteMultipartUploadResult>");
    assert_null(page.etag);
    s3_page_fini(&page);
}

static void failures_of_many_batches_gather(void **state) {
    (void)state;
    struct s3_page page = {0};
    for (int i = 0; i < 3; i++)
        assert_true(parse(&page, "DeleteResult",
                          "<DeleteResult><Deleted><Key>fine</Key></Deleted><Error><Key>k</Key><Code>AccessDenied</Code>"
                          "<Message>no</Message></Error></DeleteResult>",
                          NULL));
    assert_int_equal(page.failure_count, 3);
    assert_string_equal(page.failures[2].key, "k");
    assert_string_equal(page.failures[2].code, "AccessDenied");
    assert_string_equal(page.failures[2].message, "no");
    s3_page_fini(&page);
}

static void a_stranger_is_no_empty_list(void **state) {
    (void)state;
    must_refuse("ListBucketResult", "<html><body>welcome</body></html>", "not what was asked for");
    must_refuse("ListBucketResult", "<Error><Code>SlowDown</Code></Error>", "not what was asked for");
    must_refuse("ListBucketResult", "<ListBucketResults/>", "not what was asked for");
    must_refuse("ListBucketResult", "", "no element found");
    must_refuse("ListBucketResult", "<ListBucketResult><Contents><Key>a</Key>", "no element found");
}

static void what_a_list_must_hold(void **state) {
    (void)state;
    const char *list = "ListBucketResult", *parts = "ListPartsResult", *uploads = "ListMultipartUploadsResult";
    must_refuse(list, "<ListBucketResult><Contents><Size>1</Size></Contents></ListBucketResult>", "not what");
    must_refuse(list, "<ListBucketResult><Contents><Key>a</Key><Size>-1</Size></Contents></ListBucketResult>",
                "not what");
    must_refuse(
        list, "<ListBucketResult><Contents><Key>a</Key><LastModified>now</LastModified></Contents></ListBucketResult>",
        "not what");
    must_refuse(list, "<ListBucketResult><IsTruncated>maybe</IsTruncated></ListBucketResult>", "not what");
    must_refuse(list, "<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>", "where to go on");
    must_refuse(list, "<ListBucketResult><IsTruncated>true</IsTruncated><NextContinuationToken/></ListBucketResult>",
                "where to go on");
    must_refuse(
        list,
        "<ListBucketResult><EncodingType>url</EncodingType><Contents><Key>%zz</Key></Contents></ListBucketResult>",
        "percent-encoded");
    must_refuse(
        list,
        "<ListBucketResult><EncodingType>url</EncodingType><Contents><Key>a%00b</Key></Contents></ListBucketResult>",
        "percent-encoded");
    must_refuse(parts, "<ListPartsResult><Part><PartNumber>1</PartNumber></Part></ListPartsResult>", "not what");
    must_refuse(parts, "<ListPartsResult><Part><ETag>a</ETag></Part></ListPartsResult>", "not what");
    must_refuse(parts, "<ListPartsResult><Part><PartNumber>10001</PartNumber></Part></ListPartsResult>", "not what");
    must_refuse(uploads, "<ListMultipartUploadsResult><Upload><Key>a</Key></Upload></ListMultipartUploadsResult>",
                "not what");
    must_refuse("DeleteResult", "<DeleteResult><Error><Key>a</Key></Error></DeleteResult>", "not what");
}

static void numbers_are_strict(void **state) {
    (void)state;
    uint64_t value;
    assert_true(s3_number("18446744073709551615", &value));
    assert_int_equal(value, UINT64_MAX);
    assert_false(s3_number("18446744073709551616", &value));
    assert_false(s3_number("", &value));
    assert_false(s3_number("+1", &value));
    assert_false(s3_number("1 ", &value));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_list_of_objects),
        cmocka_unit_test(keys_are_left_alone_where_the_store_does_not_encode),
        cmocka_unit_test(an_empty_list),
        cmocka_unit_test(a_list_of_parts),
        cmocka_unit_test(the_last_page_has_no_next),
        cmocka_unit_test(a_list_of_uploads_goes_on_at_two_markers),
        cmocka_unit_test(an_upload_id_and_an_etag),
        cmocka_unit_test(failures_of_many_batches_gather),
        cmocka_unit_test(a_stranger_is_no_empty_list),
        cmocka_unit_test(what_a_list_must_hold),
        cmocka_unit_test(numbers_are_strict),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
