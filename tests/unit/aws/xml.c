/* SPDX-License-Identifier: Apache-2.0 */
/* XML answers: what a handler hears, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "aws/xml.h"
#include "base/buffer.h"
#include "base/memory.h"

/* Everything that was heard, "path=text;" and "/path;". */
static bool hear_text(void *arg, const char *path, const char *text) {
    buffer_printf(arg, "%s=%s;", path, text);
    return strcmp(text, "stop") != 0;
}

static bool hear_end(void *arg, const char *path) {
    buffer_printf(arg, "/%s;", path);
    return true;
}

static void assert_heard(const char *document, const char *expected) {
    _cleanup_buffer_ struct buffer heard = BUFFER_INIT(BUFFER_OURS);
    const struct xml_handler handler = {.text = hear_text, .end = hear_end, .arg = &heard};
    struct error error = {0};
    if (!xml_parse(document, strlen(document), &handler, &error))
        fail_msg("%s", error.message);
    assert_string_equal(heard.data, expected);
}

static void assert_refused(const char *document, size_t length, const char *why) {
    _cleanup_error_ struct error error = {0};
    const struct xml_handler nothing = {0};
    assert_false(xml_parse(document, length, &nothing, &error));
    assert_int_equal(error.code, ERROR_CORRUPT);
    if (!strstr(error.message, why))
        fail_msg("\"%s\" does not say \"%s\"", error.message, why);
}

static void elements_are_told_by_path(void **state) {
    (void)state;
    assert_heard(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<R xmlns=\"http://x/\">\n <A>1</A><B><C>2</C>\n<D/></B></R>",
        "R/A=1;R/B/C=2;R/B/D=;/R/B;/R;");
}

static void a_lone_root_is_a_text(void **state) {
    (void)state;
    assert_heard("<R>x</R>", "R=x;");
    assert_heard("<R/>", "R=;");
}

static void white_space_before_the_document_is_skipped(void **state) {
    (void)state;
    assert_heard(" \n \r\n\t<?xml version=\"1.0\"?><R>1</R>", "R=1;");
}

static void namespaces_are_dropped(void **state) {
    (void)state;
    assert_heard("<s3:R xmlns:s3=\"x\"><s3:A>1</s3:A></s3:R>", "R/A=1;/R;");
    assert_heard("<:>1</:>", ":=1;");
}

static void entities_and_references_are_resolved(void **state) {
    (void)state;
    assert_heard("<R>&lt;&amp;&gt;&quot;&apos;&#65;&#x1F393;<!-- no --><![CDATA[<&]]></R>",
                 "R=<&>\"'A\xf0\x9f\x8e\x93<&;");
}

static void a_handler_may_hear_only_one_kind(void **state) {
    (void)state;
    const char *document = "<R><A>1</A></R>";
    _cleanup_buffer_ struct buffer heard = BUFFER_INIT(BUFFER_OURS);
    const struct xml_handler ends = {.end = hear_end, .arg = &heard};
    assert_true(xml_parse(document, strlen(document), &ends, NULL));
    assert_string_equal(heard.data, "/R;");
}

static void a_handler_can_stop(void **state) {
    (void)state;
    _cleanup_buffer_ struct buffer heard = BUFFER_INIT(BUFFER_OURS);
    const struct xml_handler handler = {.text = hear_text, .arg = &heard};
    _cleanup_error_ struct error error = {0};
    const char *document = "<R><A>stop</A>\n<B>2</B></R>";
    assert_false(xml_parse(document, strlen(document), &handler, &error));
    assert_string_equal(heard.data, "R/A=stop;");
    assert_string_equal(error.message, "an XML answer is broken at line 1: not what was asked for");
}

static void broken_documents_say_where(void **state) {
    (void)state;
    assert_refused("", 0, "no element found");
    assert_refused("<R>\n<A>", 7, "line 2");
    assert_refused("<R></Q>", 7, "mismatched tag");
    assert_refused("{}", 2, "not well-formed");
    assert_refused("<R/><R/>", 8, "junk after document element");
    assert_refused("<R>\xff</R>", 8, "not well-formed");
    assert_refused("\0<R/>", 5, "line 1");
    assert_refused("<R>&none;</R>", 13, "undefined entity");
}

static void a_document_type_is_refused(void **state) {
    (void)state;
    const char *bomb = "<!DOCTYPE R [<!ENTITY a \"aaaa\"><!ENTITY b \"&a;&a;\">]><R>&b;</R>";
    assert_refused(bomb, strlen(bomb), "document type");
    const char *outside = "<!DOCTYPE R SYSTEM \"file:///etc/passwd\"><R/>";
    assert_refused(outside, strlen(outside), "document type");
}

static char *nested(size_t depth) {
    struct buffer out = BUFFER_INIT(BUFFER_OURS);
    for (size_t i = 0; i < depth; i++)
        buffer_add(&out, "<a>");
    for (size_t i = 0; i < depth; i++)
        buffer_add(&out, "</a>");
    return buffer_take(&out);
}

static void depth_is_bounded(void **state) {
    (void)state;
    const struct xml_handler nothing = {0};
    _cleanup_free_ char *deepest = nested(XML_DEPTH), *too_deep = nested(XML_DEPTH + 1);
    assert_true(xml_parse(deepest, strlen(deepest), &nothing, NULL));
    assert_refused(too_deep, strlen(too_deep), "nested too deep");
}

static char *long_text(const char *before, size_t length, const char *after) {
    struct buffer out = BUFFER_INIT(BUFFER_OURS);
    buffer_add(&out, before);
    for (size_t i = 0; i < length; i++)
        buffer_add_char(&out, 'a');
    buffer_add(&out, after);
    return buffer_take(&out);
}

static void texts_and_names_are_bounded(void **state) {
    (void)state;
    const struct xml_handler nothing = {0};
    _cleanup_free_ char *longest = long_text("<R>", XML_TEXT, "</R>"),
                        *too_long = long_text("<R>", XML_TEXT + 1, "</R>");
    _cleanup_free_ char *long_name = long_text("<", 5000, "/>");
    assert_true(xml_parse(longest, strlen(longest), &nothing, NULL));
    assert_refused(too_long, strlen(too_long), "a text too long");
    assert_refused(long_name, strlen(long_name), "names too long");
}

static void find_gives_the_first(void **state) {
    (void)state;
    const char *document = "<Error><Code>NoSuchKey</Code><Code>Other</Code></Error>";
    _cleanup_free_ char *code = xml_find(document, strlen(document), "Error/Code");
    assert_string_equal(code, "NoSuchKey");
    assert_null(xml_find(document, strlen(document), "Error/Message"));
    assert_null(xml_find(document, strlen(document) - 1, "Error/Code"));
    assert_null(xml_find("", 0, "Error/Code"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(elements_are_told_by_path),
        cmocka_unit_test(a_lone_root_is_a_text),
        cmocka_unit_test(white_space_before_the_document_is_skipped),
        cmocka_unit_test(namespaces_are_dropped),
        cmocka_unit_test(entities_and_references_are_resolved),
        cmocka_unit_test(a_handler_may_hear_only_one_kind),
        cmocka_unit_test(a_handler_can_stop),
        cmocka_unit_test(broken_documents_say_where),
        cmocka_unit_test(a_document_type_is_refused),
        cmocka_unit_test(depth_is_bounded),
        cmocka_unit_test(texts_and_names_are_bounded),
        cmocka_unit_test(find_gives_the_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
