/* SPDX-License-Identifier: Apache-2.0 */
/* Columns that line up, whatever stands in them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/memory.h"
#include "table.h"

static void columns_line_up(void **state) {
    (void)state;
    _cleanup_buffer_ struct buffer out = BUFFER_INIT(BUFFER_OURS);
    struct table table = {.columns = 3, .right = 1 << 1};
    static const char *const cells[] = {"NAME", "ITEMS", "WHERE", "sinh viên", "1,000", "s3://b", "x", "7", NULL};
    for (size_t i = 0; i < array_length(cells); i++)
        table_add(&table, x_strdup(cells[i]));
    table_print(&table, &out);
    assert_string_equal(out.data, "NAME       ITEMS  WHERE\n"
                                  "sinh viên  1,000  s3://b\n"
                                  "x              7\n");
    table_fini(&table);
    buffer_clear(&out);
    table_print(&table, &out);
    assert_int_equal(out.length, 0);
}

static void control_characters_never_reach_the_terminal(void **state) {
    (void)state;
    _cleanup_free_ char *text = plain_text("a\x1b[31m\n\x7f\xc2\x9b"
                                           "b é");
    assert_string_equal(text, "a?[31m???b é");
    _cleanup_free_ char *none = plain_text(NULL);
    assert_string_equal(none, "");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(columns_line_up),
        cmocka_unit_test(control_characters_never_reach_the_terminal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
