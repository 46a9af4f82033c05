/* SPDX-License-Identifier: Apache-2.0 */
/* A run of items looked at by vectors of every width that there is. */
#include "test.h"

#include "pages.h"
#include "survey.h"

static void every_width_of_vector_counts_alike(void **state) {
    (void)state;
    struct dice dice = {15};
    for (unsigned round = 0; round < 60; round++) {
        struct made_page made;
        page_make(&made, &dice, &(struct recipe){.items = 1 + roll_below(&dice, 30), .spaced = round % 10 == 9});
        const char *page = made.page.data, *from = page + made.items[0].offset;
        const char *to = page + made.items[made.count - 1].offset + made.items[made.count - 1].length;
        struct type_counts widest = {0}, wide = {0}, narrow = {0};
        bool sure = survey(from, to, page + made.page.length, &widest);
        assert_int_equal(survey32(from, to, page + made.page.length, &wide), sure);
        assert_int_equal(survey16(from, to, page + made.page.length, &narrow), sure);
        assert_memory_equal(&wide, &narrow, sizeof wide);
        assert_memory_equal(&wide, &widest, sizeof wide);
        if (sure)
            assert_memory_equal(&wide, &made.counts, sizeof wide);
        made_page_fini(&made);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_width_of_vector_counts_alike)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
