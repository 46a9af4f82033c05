/* SPDX-License-Identifier: Apache-2.0 */
/* Errors gather words on their way up, change hands, and never leak. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/error.h"
#include "base/memory.h"

static void words_gather_before_and_behind(void **state) {
    (void)state;
    _cleanup_error_ struct error error = {0};
    error_set(&error, ERROR_DENIED, "%d %s", 403, "AccessDenied");
    error_context(&error, "upload of part %d", 7);
    error_context(&error, "studentData");
    error_advice(&error, "the role may lack %s", "s3:PutObject");
    assert_int_equal(error.code, ERROR_DENIED);
    assert_string_equal(error.message,
                        "studentData: upload of part 7: 403 AccessDenied: the role may lack s3:PutObject");
}

static void no_error_gathers_nothing(void **state) {
    (void)state;
    struct error error = {0};
    error_context(&error, "studentData");
    error_advice(&error, "do this");
    assert_int_equal(error.code, ERROR_NONE);
    assert_null(error.message);
    error_clear(&error);
}

static void nobody_needs_to_want_the_error(void **state) {
    (void)state;
    error_set(NULL, ERROR_INVALID, "not told");
    error_set_errno(NULL, ENOENT, "not told");
    error_context(NULL, "not told");
    error_advice(NULL, "not told");
}

static void errno_is_put_in_words(void **state) {
    (void)state;
    _cleanup_error_ struct error error = {0};
    error_set_errno(&error, ENOENT, "open %s", "/x");
    assert_int_equal(error.code, ERROR_SYSTEM);
    assert_string_equal(error.message, "open /x: No such file or directory");
}

static void taking_leaves_none(void **state) {
    (void)state;
    struct error error = {0};
    error_set(&error, ERROR_EXPIRED, "gone");
    _cleanup_error_ struct error taken = error_take(&error);
    assert_int_equal(error.code, ERROR_NONE);
    assert_null(error.message);
    assert_string_equal(taken.message, "gone");
}

static void a_copy_is_its_own(void **state) {
    (void)state;
    struct error error = {.http_status = 403, .aws_code = x_strdup("AccessDenied"), .request_id = x_strdup("7Q1")};
    error_set(&error, ERROR_DENIED, "no");
    _cleanup_error_ struct error copy = error_copy(&error);
    error_clear(&error);
    assert_int_equal(copy.code, ERROR_DENIED);
    assert_int_equal(copy.http_status, 403);
    assert_string_equal(copy.aws_code, "AccessDenied");
    assert_string_equal(copy.request_id, "7Q1");
    assert_string_equal(copy.message, "no");
    _cleanup_error_ struct error nothing = error_copy(&error);
    assert_int_equal(nothing.code, ERROR_NONE);
}

static void the_first_error_is_kept(void **state) {
    (void)state;
    _cleanup_error_ struct error first = {0};
    struct error one = {0}, two = {0};
    error_set(&one, ERROR_TRANSIENT, "one");
    error_set(&two, ERROR_DENIED, "two");
    error_keep_first(&first, &one);
    error_keep_first(&first, &two);
    assert_string_equal(first.message, "one");
    assert_null(one.message);
    assert_null(two.message);
}

static void every_code_has_a_name_of_its_own(void **state) {
    (void)state;
    for (int a = ERROR_NONE; a <= ERROR_SYSTEM; a++) {
        assert_non_null(error_code_name((enum error_code)a));
        for (int b = ERROR_NONE; b < a; b++)
            assert_string_not_equal(error_code_name((enum error_code)a), error_code_name((enum error_code)b));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_gather_before_and_behind),
        cmocka_unit_test(no_error_gathers_nothing),
        cmocka_unit_test(nobody_needs_to_want_the_error),
        cmocka_unit_test(errno_is_put_in_words),
        cmocka_unit_test(taking_leaves_none),
        cmocka_unit_test(a_copy_is_its_own),
        cmocka_unit_test(the_first_error_is_kept),
        cmocka_unit_test(every_code_has_a_name_of_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
