/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses and tags over several lines, columns. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/memory.h"
#include "config/lists.h"

static void lines_and_commas_add_up(void **state) {
    (void)state;
    config_list list = config_list_new();
    assert_int_equal(config_list_length(list), 0);
    assert_true(config_list_add_addresses(&list, "a@x.org , B <b@x.org>", NULL));
    assert_true(config_list_add_addresses(&list, "c@x.org", NULL));
    assert_int_equal(config_list_length(list), 3);
    assert_string_equal(list[0], "a@x.org");
    assert_string_equal(list[1], "B <b@x.org>");
    assert_string_equal(list[2], "c@x.org");
    assert_null(list[3]);
    config_list_free(list);
    config_list_free(NULL);
}

static void what_is_no_address_is_named(void **state) {
    (void)state;
    static const char *const bad[] = {"x", "a@x.org b@x.org", "a@x.org,", ",", "a@x.org,,b@x.org", "a@x.org; b@x.org"};
    for (size_t i = 0; i < array_length(bad); i++) {
        config_list list = config_list_new();
        _cleanup_error_ struct error error = {0};
        assert_false(config_list_add_addresses(&list, bad[i], &error));
        assert_int_equal(error.code, ERROR_INVALID);
        assert_non_null(strstr(error.message, "is no mail address"));
        config_list_free(list);
    }
}

static void columns_come_back_as_they_were_written(void **state) {
    (void)state;
    static const char *const names[] = {"id", "full name", "a,b", "say \"no\"", "\xc4\x91i\xe1\xbb\x83m", "#n"};
    static const char *const texts[] = {
        "id,\"full name\",\"a,b\",\"say \"\"no\"\"\",\xc4\x91i\xe1\xbb\x83m,#n",
        " \"id\" \"full name\" , \"a,b\"\t\"say \"\"no\"\"\",\xc4\x91i\xe1\xbb\x83m   #n ",
    };
    for (size_t i = 0; i < array_length(texts); i++) {
        config_list list = config_list_new();
        _cleanup_buffer_ struct buffer text = BUFFER_INIT(BUFFER_OURS);
        assert_true(config_columns_add(&list, texts[i], NULL));
        assert_int_equal(config_list_length(list), array_length(names));
        for (size_t k = 0; k < array_length(names); k++)
            assert_string_equal(list[k], names[k]);
        config_columns_format(list, &text);
        assert_string_equal(text.data, texts[0]);
        config_list_free(list);
    }
}

static void columns_have_an_end(void **state) {
    (void)state;
    config_list list = config_list_new();
    _cleanup_buffer_ struct buffer text = BUFFER_INIT(BUFFER_OURS);
    _cleanup_error_ struct error error = {0};
    for (unsigned i = 0; i < CONFIG_COLUMNS_MOST; i++)
        buffer_printf(&text, "%sc%u", i ? "," : "", i);
    assert_true(config_columns_add(&list, text.data, NULL));
    assert_false(config_columns_add(&list, "more", &error));
    assert_non_null(strstr(error.message, "more than 1024"));
    config_list_free(list);
}

static void tags_become_the_headers_form(void **state) {
    (void)state;
    _cleanup_free_ char *tags = NULL;
    assert_true(config_tags_add(&tags, "team=registrar, cost center=4 2", NULL));
    assert_true(config_tags_add(&tags, "n\xc4\x83m=hai ngh\xc3\xacn", NULL));
    assert_true(config_tags_add(&tags, "empty=", NULL));
    assert_true(config_tags_add(&tags, "base64=YQ==", NULL));
    assert_string_equal(tags, "team=registrar&cost%20center=4%202&n%C4%83m=hai%20ngh%C3%ACn&empty=&base64=YQ%3D%3D");
}

static void expect_tag_refused(const char *before, const char *tag, const char *word) {
    _cleanup_free_ char *tags = x_strdup(before);
    _cleanup_error_ struct error error = {0};
    assert_false(config_tags_add(&tags, tag, &error));
    assert_int_equal(error.code, ERROR_INVALID);
    assert_non_null(strstr(error.message, word));
    if (before)
        assert_string_equal(tags, before);
}

static void tags_that_s3_refuses_are_refused(void **state) {
    (void)state;
    char key[140] = {0}, value[270] = "k=";
    memset(key, 'k', 129);
    strncat(key, "=v", 3);
    memset(value + 2, 'v', 257);
    expect_tag_refused(NULL, "team", "KEY=VALUE");
    expect_tag_refused(NULL, "=x", "KEY=VALUE");
    expect_tag_refused(NULL, "a=b,", "KEY=VALUE");
    expect_tag_refused(NULL, "AWS:x=y", "AWS's own");
    expect_tag_refused(NULL, key, "128");
    expect_tag_refused(NULL, value, "256");
    expect_tag_refused(NULL, "team=it cost=5", "several tags");
    expect_tag_refused("a=1&team=2", "team=3", "already");
    expect_tag_refused("a=&b=&c=&d=&e=&f=&g=&h=&i=&j=", "k=", "ten");
}

static void lengths_are_counted_in_characters(void **state) {
    (void)state;
    char tag[2 * 128 + 3] = {0};
    for (int i = 0; i < 128; i++)
        memcpy(tag + 2 * i, "\xc3\xbc", 2);
    strncat(tag, "=", 2);
    _cleanup_free_ char *tags = NULL;
    assert_true(config_tags_add(&tags, tag, NULL));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_and_commas_add_up),
        cmocka_unit_test(what_is_no_address_is_named),
        cmocka_unit_test(tags_become_the_headers_form),
        cmocka_unit_test(tags_that_s3_refuses_are_refused),
        cmocka_unit_test(lengths_are_counted_in_characters),
        cmocka_unit_test(columns_come_back_as_they_were_written),
        cmocka_unit_test(columns_have_an_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
