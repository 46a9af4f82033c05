/* SPDX-License-Identifier: Apache-2.0 */
/* Encodings: the RFCs' examples, every byte there and back, and each spelling that a decoder must refuse. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/encoding.h"

static void hex_goes_there_and_back(void **state) {
    (void)state;
    unsigned char bytes[256], back[256];
    char text[513];
    for (int i = 0; i < 256; i++)
        bytes[i] = (unsigned char)i;
    hex_encode(text, bytes, 256);
    assert_memory_equal(text, "000102030405060708090a0b", 24);
    assert_true(hex_decode(back, 256, text));
    assert_memory_equal(back, bytes, 256);
    assert_true(hex_decode(back, 2, "aBCd"));
    assert_int_equal(back[0], 0xab);
}

static void hex_of_another_length_or_letter_is_refused(void **state) {
    (void)state;
    unsigned char back[2];
    assert_false(hex_decode(back, 2, "abc"));
    assert_false(hex_decode(back, 2, "abcde"));
    assert_false(hex_decode(back, 2, "abcg"));
    assert_false(hex_decode(back, 2, "ab c"));
    assert_true(hex_decode(back, 0, ""));
}

static void base64_of_rfc_4648(void **state) {
    (void)state;
    static const char *const pairs[][2] = {{"", ""},
                                           {"f", "Zg=="},
                                           {"fo", "Zm8="},
                                           {"foo", "Zm9v"},
                                           {"foob", "Zm9vYg=="},
                                           {"fooba", "Zm9vYmE="},
                                           {"foobar", "Zm9vYmFy"}};
    for (size_t i = 0; i < 7; i++) {
        char text[BASE64_LENGTH(6) + 1];
        _cleanup_buffer_ struct buffer back = BUFFER_INIT(64);
        base64_encode(text, pairs[i][0], strlen(pairs[i][0]));
        assert_string_equal(text, pairs[i][1]);
        assert_true(base64_decode(&back, text, strlen(text)));
        assert_int_equal(back.length, strlen(pairs[i][0]));
        assert_string_equal(back.data, pairs[i][0]);
    }
}

static void base64_that_is_not_canonical_is_refused(void **state) {
    (void)state;
    static const char *const bad[] = {"Z",      "Zg",   "Zg=",  "Zh==", "Zm9=", "====", "Z===", "Zg==Zg==",
                                      "Zm9v\n", "Zm 9", "Zm9_", "Zm-v", "=m9v", "Z=9v", "Zm=v"};
    _cleanup_buffer_ struct buffer back = BUFFER_INIT(64);
    assert_true(buffer_append(&back, "kept", 4));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_false(base64_decode(&back, bad[i], strlen(bad[i])));
        assert_int_equal(back.length, 4);
    }
    assert_false(base64_decode(&back, "Zm9v\0AAA", 8));
    struct buffer small = BUFFER_INIT(2);
    assert_false(base64_decode(&small, "Zm9v", 4));
    buffer_fini(&small);
}

static void percent_keeps_the_unreserved_alone(void **state) {
    (void)state;
    _cleanup_buffer_ struct buffer out = BUFFER_INIT(BUFFER_OURS);
    percent_encode(&out, "AZaz09-._~ /+\xc3\xbc\0", 16, "");
    assert_string_equal(out.data, "AZaz09-._~%20%2F%2B%C3%BC%00");
    buffer_clear(&out);
    percent_encode(&out, "a/b c", 5, "/");
    assert_string_equal(out.data, "a/b%20c");
}

static void percent_is_decoded_or_refused(void **state) {
    (void)state;
    _cleanup_buffer_ struct buffer out = BUFFER_INIT(8);
    assert_true(percent_decode(&out, "a%20+%c3%BC", 11));
    assert_string_equal(out.data, "a +\xc3\xbc");
    buffer_clear(&out);
    assert_false(percent_decode(&out, "%", 1));
    assert_false(percent_decode(&out, "%4", 2));
    assert_false(percent_decode(&out, "%4g", 3));
    assert_false(percent_decode(&out, "%g4", 3));
    assert_false(percent_decode(&out, "%41", 2));
    buffer_clear(&out);
    assert_false(percent_decode(&out, "123456789", 9));
}

static void markup_is_escaped(void **state) {
    (void)state;
    _cleanup_buffer_ struct buffer out = BUFFER_INIT(BUFFER_OURS);
    markup_escape(&out, "<a href=\"x\">Tom & Anh's</a>");
    assert_string_equal(out.data, "&lt;a href=&quot;x&quot;&gt;Tom &amp; Anh&#39;s&lt;/a&gt;");
}

static void json_strings_are_quoted(void **state) {
    (void)state;
    _cleanup_buffer_ struct buffer out = BUFFER_INIT(BUFFER_OURS);
    json_quote(&out, "a\"b\\c\n\r\t\x01\x1f\x7f Nguy\xe1\xbb\x85n \xf0\x9f\x8e\x93");
    assert_string_equal(out.data, "\"a\\\"b\\\\c\\n\\r\\t\\u0001\\u001f\\u007f Nguy\xe1\xbb\x85n \xf0\x9f\x8e\x93\"");
    buffer_clear(&out);
    json_quote(&out, "x\xffy\xe1\xbb");
    assert_string_equal(out.data, "\"x\xef\xbf\xbdy\xef\xbf\xbd\xef\xbf\xbd\"");
}

static void utf8_is_judged_by_rfc_3629(void **state) {
    (void)state;
    static const char *const good[] = {"",
                                       "a",
                                       "\x7f",
                                       "\xc2\x80",
                                       "\xdf\xbf",
                                       "\xe0\xa0\x80",
                                       "\xed\x9f\xbf",
                                       "\xee\x80\x80",
                                       "\xef\xbf\xbf",
                                       "\xf0\x90\x80\x80",
                                       "\xf4\x8f\xbf\xbf"};
    static const char *const bad[] = {"\x80",
                                      "\xbf",
                                      "\xc0\x80",
                                      "\xc1\xbf",
                                      "\xc2",
                                      "\xc2\x7f",
                                      "\xc2\xc0",
                                      "\xe0\x9f\xbf",
                                      "\xe1\x80",
                                      "\xed\xa0\x80",
                                      "\xed\xbf\xbf",
                                      "\xf0\x8f\xbf\xbf",
                                      "\xf1\x80\x80",
                                      "\xf1\x80\x80\x61",
                                      "\xf4\x90\x80\x80",
                                      "\xf5\x80\x80\x80",
                                      "\xff",
                                      "a\xfe"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        assert_true(utf8_valid(good[i], strlen(good[i])));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(utf8_valid(bad[i], strlen(bad[i])));
    assert_true(utf8_valid("a\0b", 3));
    for (size_t at = 0; at < 24; at++) { /* wherever it stands among words of ASCII */
        char text[26] = "abcdefghijklmnopqrstuvwxy";
        text[at] = (char)0xff;
        assert_false(utf8_valid(text, 25));
        text[at] = (char)0xc3;
        text[at + 1] = (char)0xa9;
        assert_true(utf8_valid(text, 25));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hex_goes_there_and_back),
        cmocka_unit_test(hex_of_another_length_or_letter_is_refused),
        cmocka_unit_test(base64_of_rfc_4648),
        cmocka_unit_test(base64_that_is_not_canonical_is_refused),
        cmocka_unit_test(percent_keeps_the_unreserved_alone),
        cmocka_unit_test(percent_is_decoded_or_refused),
        cmocka_unit_test(markup_is_escaped),
        cmocka_unit_test(json_strings_are_quoted),
        cmocka_unit_test(utf8_is_judged_by_rfc_3629),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
