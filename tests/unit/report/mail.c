/* SPDX-License-Identifier: Apache-2.0 */
/* Mails out of the templates that ship, and out of folders that are wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "report/mail.h"

static const struct mail_link a_link = {
    .name = "backup-20250706-020000-1a2b3c4d.json",
    .url = "https://b.s3.amazonaws.com/k?X-Amz-Expires=3600&X-Amz-Signature=feed",
    .ends = 1751770800,
    .zone_ends = "2025-07-06 10:00:00 +07",
    .size = 45000,
};

static struct mail_facts success(void) {
    return (struct mail_facts){
        .job = "studentData",
        .table = "studentData",
        .region = "us-east-1",
        .run = "0123456789abcdef0123456789abcdef",
        .host = "backup1",
        .success = true,
        .items = 1000,
        .stored_bytes = 45000,
        .started = 1751767200,
        .ended = 1751767205,
        .duration_ms = 4840,
        .zone_time_started = "2025-07-06 09:00:00 +07",
        .zone_time_ended = "2025-07-06 09:00:05 +07",
        .backup_uri = "s3://b/backups/AWSDynamoDB/01751767200000-1a2b3c4d/",
        .restore_command =
            "dynamodb-backupctl restore s3://b/backups/AWSDynamoDB/01751767200000-1a2b3c4d/ --table studentData",
        .links = &a_link,
        .link_count = 1,
    };
}

static struct mail_facts failure(void) {
    struct mail_facts facts = success();
    facts.success = false;
    facts.links = NULL;
    facts.link_count = 0;
    facts.error = "studentData: Scan of studentData: 403 AccessDeniedException\n<b>";
    facts.advice = "allow dynamodb:Scan on the table";
    facts.error_code = "AccessDeniedException";
    facts.request_id = "7Q1";
    return facts;
}

static struct mail_text rendered(const char *folder, const struct mail_facts *facts) {
    struct error error = {0};
    struct mail_templates *templates = mail_templates_load(folder, &error);
    if (!templates)
        fail_msg("%s", error.message);
    struct mail_text mail;
    assert_true(mail_render(&mail, templates, facts, &error));
    mail_templates_free(templates);
    return mail;
}

static void has(const char *text, const char *part) {
    if (!strstr(text, part))
        fail_msg("\"%s\" is not in:\n%s", part, text);
}

static void a_success_says_all_that_a_person_needs(void **state) {
    (void)state;
    struct mail_facts facts = success();
    struct mail_text mail = rendered(NULL, &facts);
    has(mail.subject, "Backup of studentData succeeded: 1,000 items");
    for (int i = 0; i < 2; i++) {
        const char *text = i ? mail.html : mail.text;
        has(text, "2025-07-06 03:00:00 UTC"); /* the link's end */
        has(text, "2025-07-06 10:00:00 +07");
        has(text, "2025-07-06 02:00:05 UTC");
        has(text, "s3://b/backups/AWSDynamoDB/01751767200000-1a2b3c4d/");
        has(text, "dynamodb-backupctl restore s3://");
        has(text, "1,000");
        assert_null(strstr(text, "{{"));
        assert_null(strstr(text, "WARNING"));
        assert_null(strstr(text, "more files"));
    }
    has(mail.text, a_link.url); /* its signature whole: this is where it belongs */
    has(mail.html, "href=\"https://b.s3.amazonaws.com/k?X-Amz-Expires=3600&amp;X-Amz-Signature=feed\"");
    assert_ptr_equal(strstr(mail.text, "The backup of studentData is complete."), mail.text);
    mail_text_fini(&mail);
    assert_null(mail.subject);
}

static void a_resumed_backup_says_so_and_when_it_was_read(void **state) {
    (void)state;
    struct mail_facts facts = success();
    struct mail_text mail = rendered(NULL, &facts);
    assert_null(strstr(mail.text, "Resumed"));
    assert_null(strstr(mail.html, "Resumed"));
    mail_text_fini(&mail);
    facts.resumed = 2;
    facts.read_first = 1751767200;
    facts.read_last = 1751770800;
    mail = rendered(NULL, &facts);
    assert_non_null(strstr(mail.text, "2 times after an interruption"));
    assert_non_null(strstr(mail.text, "2025-07-06 02:00:00 UTC to 2025-07-06 03:00:00 UTC"));
    assert_non_null(strstr(mail.html, "2 times after an interruption"));
    mail_text_fini(&mail);
}

static void a_failure_says_what_failed_and_what_to_do(void **state) {
    (void)state;
    struct mail_facts facts = failure();
    struct mail_text mail = rendered(NULL, &facts);
    assert_string_equal(mail.subject, "Backup of studentData FAILED: AccessDeniedException");
    has(mail.text, "Scan of studentData: 403 AccessDeniedException <b>\n");
    has(mail.html, "403 AccessDeniedException &lt;b&gt;");
    has(mail.text, "allow dynamodb:Scan");
    has(mail.text, "7Q1");
    has(mail.html, "RUN_ID=0123456789abcdef0123456789abcdef");
    has(mail.text, "There is no new backup");
    mail_text_fini(&mail);
}

static void many_links_a_note_and_a_warning_are_said(void **state) {
    (void)state;
    struct mail_link links[2] = {a_link, a_link};
    links[1].name = "data/00001.json.gz";
    links[1].zone_ends = NULL;
    struct mail_facts facts = success();
    facts.links = links;
    facts.link_count = 2;
    facts.links_left_out = 1234;
    facts.link_note = "It ends with the credentials.";
    facts.warning = "30 % fewer items than last time";
    struct mail_text mail = rendered(NULL, &facts);
    has(mail.text, "data/00001.json.gz");
    has(mail.text, "and 1,234 more files: dynamodb-backupctl link s3://b/");
    has(mail.html, "It ends with the credentials.");
    has(mail.text, "WARNING: 30 % fewer items");
    mail_text_fini(&mail);
}

static void facts_that_are_absent_leave_no_trace(void **state) {
    (void)state;
    struct mail_facts facts = {.job = "a", .table = "t", .run = "r", .success = true};
    struct mail_text mail = rendered(NULL, &facts);
    assert_null(strstr(mail.text, "restore"));
    assert_null(strstr(mail.html, "Download"));
    assert_null(strstr(mail.text, "Download"));
    mail_text_fini(&mail);
    facts.success = false;
    mail = rendered(NULL, &facts);
    assert_string_equal(mail.subject, "Backup of t FAILED");
    assert_null(strstr(mail.text, "What to do"));
    mail_text_fini(&mail);
}

static void the_folder_that_ships_is_what_is_built_in(void **state) {
    (void)state;
    struct mail_facts facts[2] = {success(), failure()};
    for (int i = 0; i < 2; i++) {
        struct mail_text one = rendered(NULL, &facts[i]), two = rendered(getenv("TEMPLATES"), &facts[i]);
        assert_string_equal(one.text, two.text);
        assert_string_equal(one.html, two.html);
        assert_string_equal(one.subject, two.subject);
        mail_text_fini(&one);
        mail_text_fini(&two);
    }
}

/* A folder with one file in it. */
struct folder {
    char path[40], file[80];
};

static struct folder folder_with(const char *name, const char *text, size_t length) {
    struct folder folder = {"/tmp/mail-XXXXXX", ""};
    assert_non_null(mkdtemp(folder.path));
    snprintf(folder.file, sizeof folder.file, "%s/%s", folder.path, name);
    FILE *file = fopen(folder.file, "w");
    fwrite(text, 1, length, file);
    fclose(file);
    return folder;
}

static void remove_folder(const struct folder *folder) {
    unlink(folder->file);
    rmdir(folder->path);
}

static void a_folder_may_change_one_of_the_four(void **state) {
    (void)state;
    static const char text[] = "Subject: {{table}}:\x01 {{^links}}none{{/links}}\r\nXin ch\u00e0o {{job}}";
    struct folder folder = folder_with("success.txt", text, sizeof text - 1);
    struct mail_facts facts = success();
    facts.link_count = 0;
    struct mail_text mail = rendered(folder.path, &facts);
    assert_string_equal(mail.subject, "studentData:  none ");
    assert_string_equal(mail.text, "Xin ch\u00e0o studentData");
    has(mail.html, "Backup of studentData succeeded");
    mail_text_fini(&mail);
    remove_folder(&folder);
}

static void refuse(const char *name, const char *text, size_t length, const char *words) {
    struct folder folder = folder_with(name, text, length);
    struct error error = {0};
    assert_null(mail_templates_load(folder.path, &error));
    has(error.message, words);
    error_clear(&error);
    assert_null(mail_templates_load(folder.path, NULL));
    remove_folder(&folder);
}

static void a_folder_that_is_wrong_is_refused(void **state) {
    (void)state;
    refuse("success.txt", "Hello", 5, "success.txt:1: the first line must be \"Subject: ...\"");
    refuse("failure.html", "{{tabel}}", 9, "failure.html:1: {{tabel}}: there is nothing of that name");
    refuse("success.html", "a\0b", 3, "NUL");
    refuse("other.txt", "", 0, "has none of success.html");
    char *large = x_calloc(1, MAIL_TEMPLATE_LIMIT + 1);
    memset(large, 'x', MAIL_TEMPLATE_LIMIT + 1);
    refuse("success.html", large, MAIL_TEMPLATE_LIMIT + 1, "larger than 256 KiB");
    free(large);
    struct error error = {0};
    assert_null(mail_templates_load("/dev/null", &error));
    assert_int_equal(error.code, ERROR_SYSTEM);
    error_clear(&error);
}

static void a_mail_without_end_is_refused(void **state) {
    (void)state;
    static char text[100000] = "{{#links}}";
    memset(text + 10, 'x', sizeof text - 21);
    snprintf(text + sizeof text - 11, 11, "{{/links}}");
    struct folder folder = folder_with("success.html", text, sizeof text - 1);
    struct error error = {0};
    struct mail_templates *templates = mail_templates_load(folder.path, &error);
    assert_non_null(templates);
    struct mail_link links[50];
    for (size_t i = 0; i < array_length(links); i++)
        links[i] = a_link;
    struct mail_facts facts = success();
    facts.links = links;
    facts.link_count = array_length(links);
    struct mail_text mail;
    assert_false(mail_render(&mail, templates, &facts, &error));
    assert_int_equal(error.code, ERROR_TOO_LARGE);
    assert_null(mail.text);
    error_clear(&error);
    mail_templates_free(templates);
    remove_folder(&folder);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_resumed_backup_says_so_and_when_it_was_read),
        cmocka_unit_test(a_success_says_all_that_a_person_needs),
        cmocka_unit_test(a_failure_says_what_failed_and_what_to_do),
        cmocka_unit_test(many_links_a_note_and_a_warning_are_said),
        cmocka_unit_test(facts_that_are_absent_leave_no_trace),
        cmocka_unit_test(the_folder_that_ships_is_what_is_built_in),
        cmocka_unit_test(a_folder_may_change_one_of_the_four),
        cmocka_unit_test(a_folder_that_is_wrong_is_refused),
        cmocka_unit_test(a_mail_without_end_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
