/* SPDX-License-Identifier: Apache-2.0 */
/* The small part of Mustache: what is kept, what is dropped, what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "report/template.h"

static const char *const names[] = {"name", "empty", "list", "item", "none", NULL};

static const char *value(void *arg, const char *name, size_t index) {
    static const char *const items[] = {"a", "b", "c"};
    (void)arg;
    if (strcmp(name, "name") == 0)
        return "O'Neil & <Sons>";
    if (strcmp(name, "empty") == 0)
        return "";
    return strcmp(name, "item") == 0 && index < 3 ? items[index] : NULL;
}

static size_t repeat(void *arg, const char *name, size_t index) {
    if (strcmp(name, "list") == 0)
        return 3;
    const char *text = value(arg, name, index);
    return text && *text;
}

static const struct template_values values = {value, repeat, NULL};

static void expect(const char *text, const char *result) {
    struct error error = {0};
    assert_true(template_check("t", text, names, &error));
    _cleanup_buffer_ struct buffer out = BUFFER_INIT(BUFFER_OURS);
    assert_true(template_render(&out, text, &values, false));
    assert_string_equal(out.data ? out.data : "", result);
}

static void names_are_replaced(void **state) {
    (void)state;
    expect("", "");
    expect("no tags, { one } brace", "no tags, { one } brace");
    expect("Dear {{name}}{{empty}}{{none}}!", "Dear O'Neil & <Sons>!");
    expect("a }} b", "a }} b");
}

static void html_is_escaped(void **state) {
    (void)state;
    _cleanup_buffer_ struct buffer out = BUFFER_INIT(BUFFER_OURS);
    assert_true(template_render(&out, "<b>{{name}}</b>", &values, true));
    assert_null(strstr(out.data, "<Sons>"));
    assert_non_null(strstr(out.data, "&amp; &lt;Sons&gt;</b>"));
}

static void sections_stay_repeat_or_go(void **state) {
    (void)state;
    expect("{{#name}}yes{{/name}}{{^name}}no{{/name}}", "yes");
    expect("{{#empty}}yes{{/empty}}{{^empty}}no{{/empty}}", "no");
    expect("{{#list}}<{{item}}{{#name}}{{item}}{{/name}}>{{/list}}.", "<aa><bb><cc>.");
    expect("{{#none}}{{#list}}x{{/list}}{{^none}}y{{/none}}{{/none}}z", "z");
    expect("{{#name}}{{#name}}in{{/name}}{{/name}}", "in");
}

static void a_section_alone_on_its_line_leaves_no_line(void **state) {
    (void)state;
    expect("one\n  {{#name}}\ntwo\n{{/name}}  \r\nthree\n", "one\ntwo\nthree\n");
    expect("{{! a comment with {braces} }}\none {{! another }}two", "one two");
    expect("{{#none}}\nx\n{{/none}}", "");
}

static void refuse(const char *text, const char *words) {
    struct error error = {0};
    assert_false(template_check("t.txt", text, names, &error));
    assert_int_equal(error.code, ERROR_INVALID);
    if (!strstr(error.message, words))
        fail_msg("%s", error.message);
    error_clear(&error);
}

static void what_is_wrong_is_told_with_its_line(void **state) {
    (void)state;
    refuse("one\n{{nome}}",
           "t.txt:2: {{nome}}: there is nothing of that name; the names are name, empty, list, item, none");
    refuse("{{#name}}", "t.txt: section {{#name}} has no {{/name}}");
    refuse("{{/name}}", "t.txt:1: {{/name}}: this section is not the one that was opened last");
    refuse("{{#name}}{{#list}}{{/name}}{{/list}}", "t.txt:1: {{/name}}");
    refuse("\n\n{{name", "t.txt:3: {{}}: a tag is");
    refuse("{{Name}}", "a tag is");
    refuse("{{}}", "a tag is");
    refuse("{{{name}}}", "a tag is");
    refuse("{{aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa}}", "a tag is");
    char deep[200] = "";
    for (int i = 0; i <= TEMPLATE_DEPTH; i++)
        snprintf(deep + 9 * i, 10, "{{#name}}");
    refuse(deep, "at most eight deep");
}

static void a_limit_is_a_limit(void **state) {
    (void)state;
    struct buffer out = BUFFER_INIT(10);
    assert_false(template_render(&out, "{{#list}}1234{{/list}}", &values, false));
    buffer_clear(&out);
    assert_false(template_render(&out, "{{name}}", &values, true));
    buffer_fini(&out);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_replaced),
        cmocka_unit_test(html_is_escaped),
        cmocka_unit_test(sections_stay_repeat_or_go),
        cmocka_unit_test(a_section_alone_on_its_line_leaves_no_line),
        cmocka_unit_test(what_is_wrong_is_told_with_its_line),
        cmocka_unit_test(a_limit_is_a_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
