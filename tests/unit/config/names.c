/* SPDX-License-Identifier: Apache-2.0 */
/* Names that AWS takes and names that it refuses, each kind's edges. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/memory.h"
#include "config/names.h"

static void all_are(bool (*check)(const char *), bool wanted, const char *const *names) {
    for (; *names; names++)
        if (check(*names) != wanted)
            fail_msg("\"%s\" was %s", *names, wanted ? "refused" : "taken");
}
#define taken(check, ...)   all_are(check, true, (const char *const[]){__VA_ARGS__, NULL})
#define refused(check, ...) all_are(check, false, (const char *const[]){__VA_ARGS__, NULL})

static char *many(char c, size_t count) {
    char *text = x_calloc(count + 1, 1);
    memset(text, c, count);
    return text;
}

static bool is_job(const char *name) {
    return name_is_job(name, strlen(name));
}

static void jobs(void **state) {
    (void)state;
    _cleanup_free_ char *most = many('x', 200), *over = many('x', 201);
    taken(is_job, "studentData", "a", "_x", "0", "a.b-c_d", most);
    refused(is_job, "", ".hidden", "-x", "a b", "a/b", "b\xc3\xbc", over);
}

static void tables(void **state) {
    (void)state;
    _cleanup_free_ char *most = many('t', 255), *over = many('t', 256);
    taken(name_is_table, "abc", "student.Data-1_x", most, "arn:aws:dynamodb:us-east-1:123456789012:table/studentData",
          "arn:aws-cn:dynamodb:cn-north-1:123456789012:table/abc",
          "arn:aws-us-gov:dynamodb:us-gov-west-1:123456789012:table/abc");
    taken(name_is_table_prefix, "a", "student.Data-drill_", "-", NULL);
    refused(name_is_table_prefix, "", "a b", "a/", "arn:aws:dynamodb:us-east-1:123456789012:table/x", NULL);
    refused(name_is_table, "", "ab", "a b c", "t/x", over, "arn:aws:dynamodb:us-east-1:123456789012:table/ab",
            "arn:aws:dynamodb:us-east-1:12345678901:table/abc", "arn:aws:dynamodb::123456789012:table/abc",
            "arn:aws:dynamodb:us-east-1:123456789012:table/abc/export/1", "arn:aws:s3:us-east-1:123456789012:table/abc",
            "arn:aws-x:dynamodb:us-east-1:123456789012:table/abc", "arn:aws:dynamodb:us-east-1:123456789012",
            "arn:aws");
}

static void the_region_of_a_tables_arn(void **state) {
    (void)state;
    size_t length = 0;
    const char *region = name_table_arn_region("arn:aws:dynamodb:eu-west-1:123456789012:table/abc", &length);
    assert_int_equal(length, 9);
    assert_memory_equal(region, "eu-west-1", 9);
    assert_null(name_table_arn_region("studentData", &length));
}

static void regions_and_accounts(void **state) {
    (void)state;
    taken(name_is_region, "us-east-1", "us-gov-east-1", "ap-southeast-3", "local-1");
    refused(name_is_region, "", "useast1", "us_east_1", "US-EAST-1", "-us-east", "us-east-", "us", "us east-1");
    taken(name_is_account, "123456789012", "000000000000");
    refused(name_is_account, "", "12345678901", "1234567890123", "12345678901x");
}

static void roles(void **state) {
    (void)state;
    _cleanup_free_ char *long_name = many('r', 601);
    _cleanup_free_ char *over = x_printf("arn:aws:iam::123456789012:role/%s", long_name);
    taken(name_is_role_arn, "arn:aws:iam::123456789012:role/DynamoDBBackupRole",
          "arn:aws-cn:iam::123456789012:role/a/b/c", "arn:aws:iam::123456789012:role/service-role/x+=,.@-_");
    refused(name_is_role_arn, "", "DynamoDBBackupRole", "arn:aws:iam::123456789012:role/",
            "arn:aws:iam::123456789012:role/a/", "arn:aws:iam::123456789012:user/x",
            "arn:aws:iam:us-east-1:123456789012:role/x", "arn:aws:iam::1234:role/x",
            "arn:aws:sts::123456789012:assumed-role/x/y", "arn:aws:iam::123456789012:role/a b", over);
}

static void sessions_and_external_ids(void **state) {
    (void)state;
    _cleanup_free_ char *most = many('s', 64), *over = many('s', 65), *far_over = many('s', 1225);
    taken(name_is_session, "ab", "dynamodb-backupd-x", "a_b+c=d,e.f@g-h", most);
    refused(name_is_session, "", "a", "a b", "a/b", "a:b", over);
    taken(name_is_external_id, "student-42", "a:b/c");
    refused(name_is_external_id, "", "x", "a b", far_over);
}

static void profiles(void **state) {
    (void)state;
    _cleanup_free_ char *over = many('p', 129);
    taken(name_is_profile, "default", "school admin", "tr\xc6\xb0\xe1\xbb\x9dng");
    refused(name_is_profile, "", "a]b", over);
}

static void buckets(void **state) {
    (void)state;
    _cleanup_free_ char *most = many('b', 63), *over = many('b', 64);
    taken(name_is_bucket, "abc", "student-backup-20250706", "a.b-c", "1bc", most);
    refused(name_is_bucket, "", "ab", "ABC", "a_b", "-abc", "abc-", ".abc", "abc.", "a..b", "192.168.1.1", "xn--abc",
            "sthree-x", "amzn-s3-demo-x", "a/b", over);
}

static void prefixes(void **state) {
    (void)state;
    _cleanup_free_ char *most = many('p', 800), *over = many('p', 801);
    taken(name_is_prefix, "", "backups/", "sao l\xc6\xb0u/", "a+b%20c", "a//b", most);
    refused(name_is_prefix, "/", "/backups", over);
}

static void kms_keys(void **state) {
    (void)state;
    taken(name_is_kms_key, "1234abcd-12ab-34cd-56ef-1234567890ab", "mrk-1234abcd", "alias/backup", "alias/aws/s3",
          "arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab",
          "arn:aws:kms:us-east-1:123456789012:alias/backup");
    refused(name_is_kms_key, "", "alias/", "alias/a b", "a b", "arn:aws:kms:us-east-1:123456789012:key/",
            "arn:aws:kms:us-east-1:123456789012:grant/x", "arn:aws:s3:us-east-1:123456789012:key/x");
}

static void storage_classes_and_retention_days(void **state) {
    (void)state;
    taken(name_is_storage_class, "STANDARD", "STANDARD_IA", "GLACIER_IR", "DEEP_ARCHIVE");
    refused(name_is_storage_class, "", "standard", "STANDRD");
    taken(name_is_retention_days, "1", "30", "3653");
    refused(name_is_retention_days, "0", "2", "31", "030", "3654", "");
}

static void mail_addresses(void **state) {
    (void)state;
    _cleanup_free_ char *local = many('l', 65);
    _cleanup_free_ char *over = x_printf("%s@example.org", local);
    _cleanup_free_ char *name = many('n', 320), *too_long = x_printf("%s <a@b.c>", name);
    taken(name_is_mail_address, "backup@example.edu.vn", "a.b+c_d'e@x.y", "Backup <backup@example.org>",
          "Ph\xc3\xb2ng \xc4\x90\xc3\xa0o t\xe1\xba\xa1o <a@b.c>", "<a@b.c>");
    refused(name_is_mail_address, "", "backup", "@b.c", "a@", "a@b", "a b@c.d", "a@b c.d", "a@@b.c", ".a@b.c", "a.@b.c",
            "a@.b.c", "a@b.c.", "a@b..c", "Backup <a@b.c", "Backup <>", "Backup <a@b>", "A, B <a@b.c>", "A <x> <a@b.c>",
            "a@b.c <a@b.c>", "h\xc3\xbc@b.c", over, too_long);
}

static void cloudwatch_names(void **state) {
    (void)state;
    _cleanup_free_ char *over = many('g', 513), *set_over = many('s', 65);
    taken(name_is_log_group, "/dynamodb-backupd/studentData", "a.b-c_d/e#f");
    refused(name_is_log_group, "", "a b", "a:b", over);
    taken(name_is_log_stream, "host/job", "a b");
    refused(name_is_log_stream, "", "a:b", "a*b", over);
    taken(name_is_configuration_set, "backup_set-1");
    refused(name_is_configuration_set, "", "a b", set_over);
}

static void urls(void **state) {
    (void)state;
    taken(name_is_url, "http://127.0.0.1:8000", "https://s3.example.org", "HTTPS://s3.example.org/",
          "http://[::1]:9000", "http://[fd00:ec2::254]", "https://vpce-1-x.s3.us-east-1.vpce.amazonaws.com:443/path/x",
          "http://localhost:1");
    refused(name_is_url, "", "http://", "https:///x", "s3.example.org", "ftp://x", "http://user@x", "http://x?y",
            "http://x#y", "http://x y", "http://x:", "http://x:0", "http://x:65536", "http://x:123456", "http://x:8a",
            "http://[::1", "http://[x]", "http://[::1]x", "http://.x", "http://x.", "http://a..b");
}

static void proxies(void **state) {
    (void)state;
    taken(name_is_proxy, "http://proxy:3128", "https://user:p%40ss@proxy.example.org:443/", "socks5://127.0.0.1:1080",
          "socks5h://proxy");
    refused(name_is_proxy, "", "proxy:3128", "http://", "http://proxy/path", "http://a b", "http://u:p@", "http://x:0");
}

static void directories(void **state) {
    (void)state;
    _cleanup_free_ char *over = many('/', 1025);
    taken(name_is_directory, "/", "/var/lib/dynamodb-backupd", "/a/..b/c..");
    refused(name_is_directory, "", "var/lib", "./x", "/a/../b", "/a/..", over);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(jobs),
        cmocka_unit_test(tables),
        cmocka_unit_test(the_region_of_a_tables_arn),
        cmocka_unit_test(regions_and_accounts),
        cmocka_unit_test(roles),
        cmocka_unit_test(sessions_and_external_ids),
        cmocka_unit_test(profiles),
        cmocka_unit_test(buckets),
        cmocka_unit_test(prefixes),
        cmocka_unit_test(kms_keys),
        cmocka_unit_test(storage_classes_and_retention_days),
        cmocka_unit_test(mail_addresses),
        cmocka_unit_test(cloudwatch_names),
        cmocka_unit_test(urls),
        cmocka_unit_test(proxies),
        cmocka_unit_test(directories),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
