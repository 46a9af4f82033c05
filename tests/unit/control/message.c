/* SPDX-License-Identifier: Apache-2.0 */
/* Calls and replies, there and back; and the interface's description, which must name what the constants name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/json.h"
#include "base/memory.h"
#include "control/interface.h"
#include "control/message.h"

static void a_call_is_read(void **state) {
    (void)state;
    static const char text[] = "{\"method\":\"io.dynamodb_backup.Run\",\"parameters\":{\"job\":\"a\"},\"more\":true,"
                               "\"oneway\":true,\"other\":1}";
    struct control_call call;
    assert_true(control_call_parse(text, strlen(text), &call, NULL));
    assert_string_equal(call.method, CONTROL_RUN);
    assert_string_equal(json_string(call.parameters, "job"), "a");
    assert_true(call.more && call.oneway);
    control_call_fini(&call);
    static const char *const bare[] = {"{\"method\":\"a.B\"}", " {\"method\":\"a.B\",\"parameters\":null} "};
    for (size_t i = 0; i < array_length(bare); i++) {
        assert_true(control_call_parse(bare[i], strlen(bare[i]), &call, NULL));
        assert_int_equal(json_object_object_length(call.parameters), 0);
        assert_false(call.more || call.oneway);
        control_call_fini(&call);
    }
}

static void what_is_no_call_is_refused(void **state) {
    (void)state;
    static const char *const bad[] = {"",
                                      "{",
                                      "[]",
                                      "1",
                                      "null",
                                      "{}",
                                      "{\"method\":1}",
                                      "{\"method\":\"a.B\",\"parameters\":[]}",
                                      "{\"method\":\"a.B\"} x",
                                      "{\"method\":\"a.B\",\"parameters\":\"x\"}"};
    for (size_t i = 0; i < array_length(bad); i++) {
        struct error error = {0};
        struct control_call call;
        if (control_call_parse(bad[i], strlen(bad[i]), &call, &error))
            fail_msg("accepted: %s", bad[i]);
        assert_int_equal(error.code, ERROR_CORRUPT);
        error_clear(&error);
        control_call_fini(&call);
    }
}

static void expect_bytes(struct json_object *message, const char *text) {
    size_t length;
    const char *bytes = control_message_bytes(message, &length);
    assert_string_equal(bytes, text);
    assert_int_equal(length, strlen(text) + 1);
    json_object_put(message);
}

static void messages_are_written_tightly_and_end_in_nul(void **state) {
    (void)state;
    struct json_object *parameters = json_object_new_object();
    json_put_string(parameters, "uri", "s3://b/k");
    expect_bytes(control_call_message("a.B", parameters, true),
                 "{\"method\":\"a.B\",\"parameters\":{\"uri\":\"s3://b/k\"},\"more\":true}");
    expect_bytes(control_call_message("a.B", NULL, false), "{\"method\":\"a.B\"}");
    expect_bytes(control_answer_message(NULL, NULL, true), "{\"parameters\":{},\"continues\":true}");
    expect_bytes(control_answer_message("a.E", NULL, false), "{\"error\":\"a.E\",\"parameters\":{}}");
}

static void an_answer_is_read(void **state) {
    (void)state;
    static const char text[] = "{\"error\":\"a.E\",\"parameters\":{\"job\":\"a\"},\"continues\":true}";
    struct control_answer answer;
    assert_true(control_answer_parse(text, strlen(text), &answer, NULL));
    assert_string_equal(answer.error, "a.E");
    assert_true(answer.continues);
    control_answer_fini(&answer);
    assert_true(control_answer_parse("{}", 2, &answer, NULL));
    assert_null(answer.error);
    assert_non_null(answer.parameters);
    control_answer_fini(&answer);
    struct error error = {0};
    assert_false(control_answer_parse("{\"parameters\":1}", 16, &answer, &error));
    control_answer_fini(&answer);
    error_clear(&error);
    assert_false(control_answer_parse("[]", 2, &answer, NULL));
    control_answer_fini(&answer);
}

static void expect_described(const char *kind, const char *full_name) {
    const char *dot = strrchr(full_name, '.');
    _cleanup_free_ char *line = x_printf("\n%s %s", kind, dot + 1);
    const struct control_interface *interface =
        strncmp(full_name, "io.", 3) == 0 ? &control_dynamodb_backup : &control_varlink_service;
    assert_int_equal(strncmp(full_name, interface->name, (size_t)(dot - full_name)), 0);
    const char *found = strstr(interface->description, line);
    if (!found || !strchr(" (", found[strlen(line)]))
        fail_msg("the description has no%s", line);
}

static void the_description_names_every_method_and_error(void **state) {
    (void)state;
    static const char *const methods[] = {CONTROL_STATUS, CONTROL_RUN,  CONTROL_CANCEL, CONTROL_LIST, CONTROL_SHOW,
                                          CONTROL_LINK,   CONTROL_NEXT, CONTROL_RELOAD, CONTROL_PRUNE};
    static const char *const errors[] = {
        CONTROL_NO_SUCH_JOB,  CONTROL_NO_SUCH_BACKUP,    CONTROL_ALREADY_RUNNING,     CONTROL_NOT_RUNNING,
        CONTROL_JOB_DISABLED, CONTROL_STOPPING,          CONTROL_CONFIG_INVALID,      CONTROL_PERMISSION_DENIED,
        CONTROL_FAILED,       VARLINK_INVALID_PARAMETER, VARLINK_INTERFACE_NOT_FOUND, VARLINK_METHOD_NOT_FOUND};
    for (size_t i = 0; i < array_length(methods); i++)
        expect_described("method", methods[i]);
    for (size_t i = 0; i < array_length(errors); i++)
        expect_described("error", errors[i]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_call_is_read),
        cmocka_unit_test(what_is_no_call_is_refused),
        cmocka_unit_test(messages_are_written_tightly_and_end_in_nul),
        cmocka_unit_test(an_answer_is_read),
        cmocka_unit_test(the_description_names_every_method_and_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
