/* SPDX-License-Identifier: Apache-2.0 */
/* The text of the shared files: what botocore reads is read, what it refuses is refused, with the line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "aws/profile.h"
#include "base/buffer.h"
#include "base/memory.h"

static struct profiles *parse(enum profile_file file, const char *text) {
    struct profiles *profiles = profiles_new();
    struct error error = {0};
    if (!profiles_add(profiles, file, "file", text, strlen(text), &error))
        fail_msg("%s", error.message);
    return profiles;
}

static void assert_value(enum profile_file file, const char *text, const char *key, const char *expected) {
    struct profiles *profiles = parse(file, text);
    const char *value = profiles_get(profiles, "p", key);
    if (expected) {
        assert_non_null(value);
        assert_string_equal(value, expected);
    } else {
        assert_null(value);
    }
    profiles_free(profiles);
}

static void assert_refused_bytes(const char *text, size_t length, const char *why) {
    struct profiles *profiles = profiles_new();
    _cleanup_error_ struct error error = {0};
    assert_false(profiles_add(profiles, PROFILE_CREDENTIALS, "file", text, length, &error));
    assert_int_equal(error.code, ERROR_INVALID);
    if (!strstr(error.message, why))
        fail_msg("\"%s\" does not say \"%s\"", error.message, why);
    profiles_free(profiles);
}

static void assert_refused(const char *text, const char *why) {
    assert_refused_bytes(text, strlen(text), why);
}

static void a_key_and_its_value_are_read(void **state) {
    (void)state;
    assert_value(PROFILE_CREDENTIALS, "[p]\nkey=value\n", "key", "value");
    assert_value(PROFILE_CREDENTIALS, "[p]\nkey = value", "key", "value");
    assert_value(PROFILE_CREDENTIALS, "[p]\nKey:value", "key", "value");
    assert_value(PROFILE_CREDENTIALS, "[p]\r\nkey=a=b:c\r\n", "key", "a=b:c");
    assert_value(PROFILE_CREDENTIALS, "[p]\rkey=value\rother=x", "key", "value");
    assert_value(PROFILE_CREDENTIALS, "[p]\nkey=", "key", "");
    assert_value(PROFILE_CREDENTIALS, "[p]\nkey=value", "other", NULL);
    assert_value(PROFILE_CREDENTIALS, "\xef\xbb\xbf[p]\nkey=value", "key", "value");
}

static void comments_stand_on_lines_of_their_own(void **state) {
    (void)state;
    assert_value(PROFILE_CREDENTIALS, "# x\n; y\n[p]\n  # z\nkey=value # not one ; nor this\n", "key",
                 "value # not one ; nor this");
    assert_value(PROFILE_CREDENTIALS, "[p] # words behind a header are nothing\nkey=value", "key", "value");
}

static void a_deeper_line_goes_on(void **state) {
    (void)state;
    assert_value(PROFILE_CREDENTIALS, "[p]\nkey=a\n  b\n# comment\n\tc\nother=x", "key", "a\nb\nc");
    assert_value(PROFILE_CREDENTIALS, "[p]\nkey=a\n\n  b\n\n\nother=x", "key", "a\n\nb");
    assert_value(PROFILE_CREDENTIALS, "  [p]\n  key=a\n  other=b\n", "other", "b");
    assert_value(PROFILE_CREDENTIALS, "[p]\n  key=a\n other=b\n", "other", "b");
}

static void nested_blocks_are_not_values(void **state) {
    (void)state;
    const char *text = "[p]\ns3 =\n  key = 1\n  other = 2\nkey = 3\n";
    assert_value(PROFILE_CREDENTIALS, text, "s3", NULL);
    assert_value(PROFILE_CREDENTIALS, text, "key", "3");
    assert_value(PROFILE_CREDENTIALS, text, "other", NULL);
    assert_refused("[p]\ns3 =\n  no pair here\n", "file: the block below \"s3\" has a line that is not KEY = VALUE");
}

static void sections_of_config_are_profiles_by_their_word(void **state) {
    (void)state;
    assert_value(PROFILE_CONFIG, "[profile p]\nkey=1", "key", "1");
    assert_value(PROFILE_CONFIG, "[profile \"p\"]\nkey=1", "key", "1");
    assert_value(PROFILE_CONFIG, "[profile 'p']\nkey=1", "key", "1");
    assert_value(PROFILE_CONFIG, "[profile \\p]\nkey=1", "key", "1");
    assert_value(PROFILE_CONFIG, "[profile  p ]\nkey=1", "key", "1");
    assert_value(PROFILE_CONFIG, "[p]\nkey=1", "key", NULL);
    assert_value(PROFILE_CONFIG, "[profile \"p]\nkey=1", "key", NULL);
    assert_value(PROFILE_CONFIG, "[profile p\\]\nkey=1", "key", NULL);
    assert_value(PROFILE_CONFIG, "[profile p q]\nkey=1", "key", NULL);
    assert_value(PROFILE_CONFIG, "[profile]\nkey=1", "key", NULL);
    assert_value(PROFILE_CONFIG, "[sso-session p]\nkey=1", "key", NULL);
    assert_value(PROFILE_CREDENTIALS, "[profile p]\nkey=1", "key", NULL);
}

static void quoted_names_keep_their_blanks(void **state) {
    (void)state;
    struct profiles *profiles = parse(PROFILE_CONFIG, "[profile \"two \\\"words\\\" \\x\"]\nkey=1\n[default]\nkey=2");
    assert_string_equal(profiles_get(profiles, "two \"words\" \\x", "key"), "1");
    assert_string_equal(profiles_get(profiles, "default", "key"), "2");
    assert_true(profiles_has(profiles, "default"));
    assert_false(profiles_has(profiles, "two"));
    profiles_free(profiles);
}

static void the_last_spelling_of_a_profile_is_the_one(void **state) {
    (void)state;
    assert_value(PROFILE_CONFIG, "[profile p]\nkey=1\nother=1\n[profile \"p\"]\nkey=2", "key", "2");
    assert_value(PROFILE_CONFIG, "[profile p]\nkey=1\nother=1\n[profile \"p\"]\nkey=2", "other", NULL);
}

static void a_section_DEFAULT_speaks_for_all(void **state) {
    (void)state;
    assert_value(PROFILE_CREDENTIALS, "[p]\nkey=1\n[DEFAULT]\nkey=2\nother=3\n[DEFAULT]\nthird=4", "key", "1");
    assert_value(PROFILE_CREDENTIALS, "[p]\nkey=1\n[DEFAULT]\nkey=2\nother=3\n[DEFAULT]\nthird=4", "other", "3");
    assert_value(PROFILE_CREDENTIALS, "[p]\nkey=1\n[DEFAULT]\nkey=2\nother=3\n[DEFAULT]\nthird=4", "third", "4");
    struct profiles *profiles = parse(PROFILE_CREDENTIALS, "[DEFAULT]\nkey=2\n");
    assert_null(profiles_get(profiles, "p", "key"));
    assert_false(profiles_has(profiles, "DEFAULT"));
    profiles_free(profiles);
}

static void credentials_win_over_config(void **state) {
    (void)state;
    struct profiles *profiles = parse(PROFILE_CREDENTIALS, "[p]\nkey=1\n");
    const char *config = "[profile p]\nkey=2\nregion=eu-west-1\n";
    assert_true(profiles_add(profiles, PROFILE_CONFIG, "config", config, strlen(config), NULL));
    assert_string_equal(profiles_get(profiles, "p", "key"), "1");
    assert_string_equal(profiles_get(profiles, "p", "region"), "eu-west-1");
    assert_string_equal(profiles_get_in(profiles, PROFILE_CONFIG, "p", "key"), "2");
    assert_null(profiles_get_in(profiles, PROFILE_CREDENTIALS, "p", "region"));
    profiles_free(profiles);
}

static void what_botocore_refuses_is_refused(void **state) {
    (void)state;
    assert_refused("key=1\n", "file:1: a [section] must come first");
    assert_refused("\n\n[p]\nkey\n", "file:4: neither a [section] nor KEY = VALUE");
    assert_refused("[]\n", "file:1: a [section] must come first");
    assert_refused("[p\nkey=1", "file:1: a [section] must come first");
    assert_refused("[p]\n=1\n", "file:2: no key");
    assert_refused("[p]\nkey=1\nKEY=2\n", "file:3: this key was there before");
    assert_refused("[p]\n[q]\n[p]\n", "file:3: this section was there before");
    assert_refused("[p]\nkey=\xff\n", "not a text in UTF-8");
    assert_refused_bytes("[p]\nkey=a\0b\n", 13, "not a text in UTF-8");
}

static void a_value_without_end_is_refused(void **state) {
    (void)state;
    struct buffer text = BUFFER_INIT(BUFFER_OURS);
    buffer_add(&text, "[p]\nkey=");
    for (size_t i = 0; i < PROFILE_FILE_MOST / 16; i++)
        buffer_add(&text, "aaaaaaaaaaaaaaaa");
    buffer_add(&text, "\n b\n");
    assert_refused(text.data, "file:3: too long");
    buffer_clear(&text);
    buffer_add(&text, "[p]\nkey=");
    for (size_t i = 0; i <= PROFILE_FILE_MOST / 16; i++)
        buffer_add(&text, "aaaaaaaaaaaaaaaa");
    assert_refused(text.data, "file:2: too long");
    buffer_fini(&text);
}

static void a_file_without_end_is_refused(void **state) {
    (void)state;
    struct buffer text = BUFFER_INIT(BUFFER_OURS);
    buffer_add(&text, "[p]\n");
    for (int i = 0; i < 10000; i++)
        buffer_printf(&text, "k%d=\n", i);
    assert_refused(text.data, "file:10001: too many lines");
    buffer_clear(&text);
    for (int i = 0; i < 10001; i++)
        buffer_printf(&text, "[s%d]\n", i);
    assert_refused(text.data, "file:10001: too many lines");
    buffer_fini(&text);
}

static void an_empty_file_has_no_profiles(void **state) {
    (void)state;
    struct profiles *profiles = parse(PROFILE_CONFIG, "");
    assert_false(profiles_has(profiles, "default"));
    profiles_free(profiles);
    profiles_free(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_key_and_its_value_are_read),
        cmocka_unit_test(comments_stand_on_lines_of_their_own),
        cmocka_unit_test(a_deeper_line_goes_on),
        cmocka_unit_test(nested_blocks_are_not_values),
        cmocka_unit_test(sections_of_config_are_profiles_by_their_word),
        cmocka_unit_test(quoted_names_keep_their_blanks),
        cmocka_unit_test(the_last_spelling_of_a_profile_is_the_one),
        cmocka_unit_test(a_section_DEFAULT_speaks_for_all),
        cmocka_unit_test(credentials_win_over_config),
        cmocka_unit_test(what_botocore_refuses_is_refused),
        cmocka_unit_test(a_file_without_end_is_refused),
        cmocka_unit_test(a_value_without_end_is_refused),
        cmocka_unit_test(an_empty_file_has_no_profiles),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
