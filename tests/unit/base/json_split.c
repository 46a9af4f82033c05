/* SPDX-License-Identifier: Apache-2.0 */
/* A text in pieces: cut anywhere, it gives the same elements and the same rest; what is no JSON is refused by one of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buffer.h"
#include "base/json.h"
#include "base/json_split.h"
#include "base/memory.h"

enum { OUTER, INNER, OTHER };

static const struct json_split_rule rules[] = {
    [OUTER] = {"outer", -1, 100}, [INNER] = {"inner", OUTER, 30}, [OTHER] = {"other", -1, 30}};

struct told {
    struct buffer text; /* RULE:TEXT; ... */
    bool refuse;
};

static bool on_element(void *arg, size_t rule, const char *text, size_t length, struct error *error) {
    struct told *told = arg;
    buffer_printf(&told->text, "%zu:%.*s;", rule, (int)length, text);
    struct json_object *root = told->refuse ? json_parse(text, length, error) : NULL;
    json_object_put(root);
    return root || !told->refuse;
}

/* Elements, then "=" and the rest; or "!" and why not. In pieces of `first`, then `piece` bytes. */
static char *split_text(const char *text, size_t first, size_t piece, bool parse) {
    struct told told = {.text = BUFFER_INIT(BUFFER_OURS), .refuse = parse};
    struct json_split_events events = {on_element, &told};
    struct json_split *split = json_split_new(rules, array_length(rules), 200, &events);
    struct error error = {0};
    size_t length = strlen(text), left;
    const char *rest;
    bool good = true;
    for (size_t at = 0, count = first; good && at < length; at += count, count = piece) {
        count = count > length - at ? length - at : count;
        char *alone = x_malloc(count + !count); /* so that a byte read past its end is seen */
        memcpy(alone, text + at, count);
        good = json_split_add(split, alone, count, &error);
        free(alone);
    }
    if (good && json_split_end(split, &rest, &left, &error)) {
        buffer_printf(&told.text, "=%.*s", (int)left, rest);
        if (parse)
            json_object_put(json_parse(rest, left, &error));
    }
    if (error.code) {
        buffer_clear(&told.text);
        buffer_printf(&told.text, "!%s", error.message);
    }
    error_clear(&error);
    json_split_free(split);
    return buffer_take(&told.text);
}

#define TEXT                                                                                                           \
    "{\"a\":[1,2],\"outer\":[{\"x\":\"]},\\\"\",\"inner\":[{\"p\":[1,{}]}, 2 ,\"\\\\\"],\"y\":1}, {\"inner\":[]}],"    \
    "\"other\" : [ ] ,\"z\":{\"outer\":[3]}}\n"
#define PIECES                                                                                                         \
    "1:{\"p\":[1,{}]};1: 2 ;1:\"\\\\\";0:{\"x\":\"]},\\\"\",\"inner\":[],\"y\":1};0: {\"inner\":[]};"                  \
    "={\"a\":[1,2],\"outer\":[],\"other\" : [] ,\"z\":{\"outer\":[3]}}\n"

static void a_text_is_the_same_however_it_is_cut(void **state) {
    (void)state;
    for (size_t first = 0; first <= sizeof TEXT; first++)
        for (size_t piece = 1; piece < 12; piece++) {
            _cleanup_free_ char *told = split_text(TEXT, first, piece, true);
            assert_string_equal(told, PIECES);
        }
}

static void expect(const char *text, const char *wanted) {
    _cleanup_free_ char *told = split_text(text, strlen(text), 1, true);
    if (!strstr(told, wanted))
        fail_msg("%s gave %s, and not %s", text, told, wanted);
}

static void what_is_no_json_is_refused(void **state) {
    (void)state;
    static const char *const bad[] = {"{\"outer\":[1,]}",
                                      "{\"outer\":[,1]}",
                                      "{\"outer\":[1}",
                                      "{\"outer\":[1 2]}",
                                      "{\"outer\":[{}{}]}",
                                      "{\"outer\":[\"]}",
                                      "{\"outer\":[1]",
                                      "{\"outer\":[1]]}",
                                      "{\"outer\":[1]\"other\":[]}",
                                      "{\"outer\":5[1]}",
                                      "{\"outer\"[1]}",
                                      "}",
                                      "{\"outer\":[{\"inner\":[x]}]}",
                                      "{\"outer\":[1]}x",
                                      "{\"outer\":[1]}{}",
                                      ""};
    for (size_t i = 0; i < array_length(bad); i++)
        expect(bad[i], "!");
}

static void the_same_array_twice_is_refused(void **state) {
    (void)state;
    expect("{\"outer\":[1],\"outer\":[2]}", "\"outer\" stands there twice");
    expect("{\"outer\":[{\"inner\":[],\"inner\":[]}]}", "\"inner\" stands there twice");
    expect("{\"outer\":[{\"inner\":[1]},{\"inner\":[2]}]}",
           "1:1;0:{\"inner\":[]};1:2;0:{\"inner\":[]};={\"outer\":[]}");
}

static void other_arrays_stay_where_they_are(void **state) {
    (void)state;
    expect("[{\"outer\":[1]}]", "=[{\"outer\":[1]}]");
    expect("{\"inner\":[1]}", "={\"inner\":[1]}");
    expect("{\"outer\":{\"outer\":[1]}}", "={\"outer\":{\"outer\":[1]}}");
    expect("{\"x\":\"outer\",\"y\":[1]}", "={\"x\":\"outer\",\"y\":[1]}");
    expect("{\"o\\u0075ter\":[1]}", "={\"o\\u0075ter\":[1]}");
    expect("{\"outer_and_a_long_name\":[1]}", "={\"outer_and_a_long_name\":[1]}");
    expect("{\"outer\":[[{\"inner\":[1]}]]}", "0:[{\"inner\":[1]}];={\"outer\":[]}");
}

static void each_bound_holds(void **state) {
    (void)state;
    char text[400];
    snprintf(text, sizeof text, "{\"other\":[\"%0*d\"]}", 28, 0);
    expect(text, "2:");
    snprintf(text, sizeof text, "{\"other\":[\"%0*d\"]}", 29, 0);
    expect(text, "a piece of more than 30 bytes");
    snprintf(text, sizeof text, "{\"x\":\"%0*d\"}", 300, 0);
    expect(text, "a piece of more than 200 bytes");
    memset(text, '[', 65);
    text[65] = 0;
    expect(text, "nested too deep");
    memset(text, 0, sizeof text);
}

static void what_was_refused_stays_so(void **state) {
    (void)state;
    struct told told = {.text = BUFFER_INIT(BUFFER_OURS)};
    struct json_split_events events = {on_element, &told};
    struct json_split *split = json_split_new(rules, array_length(rules), 200, &events);
    struct error error = {0};
    const char *rest;
    size_t left;
    assert_false(json_split_add(split, "]", 1, &error));
    error_clear(&error);
    assert_false(json_split_add(split, "{}", 2, &error));
    error_clear(&error);
    assert_false(json_split_end(split, &rest, &left, &error));
    assert_int_equal(error.code, ERROR_CORRUPT);
    error_clear(&error);
    json_split_free(split);
    json_split_free(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_text_is_the_same_however_it_is_cut),
        cmocka_unit_test(what_is_no_json_is_refused),
        cmocka_unit_test(the_same_array_twice_is_refused),
        cmocka_unit_test(other_arrays_stay_where_they_are),
        cmocka_unit_test(each_bound_holds),
        cmocka_unit_test(what_was_refused_stays_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
