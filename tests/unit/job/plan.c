/* SPDX-License-Identifier: Apache-2.0 */
/* The planner at the sizes where it could go wrong: 1 byte, 5 MiB and its neighbours, 160 GB, 10 TB. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "job/plan.h"

#define MIB ((uint64_t)1 << 20)

static struct plan plan_of(uint64_t memory, uint64_t table, size_t outputs) {
    return (struct plan){.buffer_memory = memory, .table_bytes = table, .outputs = outputs};
}

static void files_start_at_eight_mib_or_four_where_memory_is_small(void **state) {
    (void)state;
    struct plan usual = plan_of(64 * MIB, 1, 1), small = plan_of(64 * MIB - 1, 1, 1);
    assert_int_equal(plan_file_size(&usual, 1), 8 * MIB);
    assert_int_equal(plan_file_size(&small, 1), 4 * MIB);
}

static void files_double_every_ten_thousand_as_far_as_memory_allows(void **state) {
    (void)state;
    struct plan plan = plan_of(1024 * MIB, 1, 1);
    assert_int_equal(plan_file_size(&plan, 10000), 8 * MIB);
    assert_int_equal(plan_file_size(&plan, 10001), 16 * MIB);
    assert_int_equal(plan_file_size(&plan, 50001), 256 * MIB);
    assert_int_equal(plan_file_size(&plan, 90001), 256 * MIB);
}

static void a_large_table_starts_with_larger_files(void **state) {
    (void)state;
    struct plan plan = plan_of((uint64_t)8192 * MIB, (uint64_t)10000000000000, 1); /* 10 TB */
    assert_int_equal(plan_file_size(&plan, 1), 10000000000000 / 40000);
    struct plan tight = plan_of(64 * MIB, (uint64_t)10000000000000, 1);
    assert_int_equal(plan_file_size(&tight, 1), 16 * MIB);
}

static void forty_thousand_files_hold_160_gb(void **state) {
    (void)state;
    struct plan plan = plan_of(256 * MIB, (uint64_t)160000000000, 1);
    uint64_t held = 0;
    unsigned files = 0;
    while (held < plan.table_bytes)
        held += plan_file_size(&plan, ++files);
    assert_true(files <= 40000);
}

static void ten_thousand_parts_hold_10_tb_given_the_memory(void **state) {
    (void)state;
    struct plan plan = plan_of((uint64_t)16384 * MIB, 0, 1);
    uint64_t held = 0;
    for (unsigned part = 1; part <= PLAN_PARTS_MAX; part++)
        held += plan_part_size(&plan, part);
    assert_true(held > (uint64_t)10000000000000);
}

static void parts_are_never_smaller_than_s3_takes(void **state) {
    (void)state;
    struct plan plan = plan_of(16 * MIB, 1, 2);
    assert_int_equal(plan_part_size(&plan, 1), 5 * MIB);
    assert_int_equal(plan_part_size(&plan, PLAN_PARTS_MAX), 5 * MIB);
    plan.part_size = 1;
    assert_int_equal(plan_part_size(&plan, 1), 5 * MIB);
}

static void the_part_size_that_was_asked_for_is_the_first(void **state) {
    (void)state;
    struct plan plan = plan_of(1024 * MIB, 0, 1);
    plan.part_size = 32 * MIB;
    assert_int_equal(plan_part_size(&plan, 1), 32 * MIB);
    assert_int_equal(plan_file_size(&plan, 1), 32 * MIB);
}

static void a_job_reserves_two_smallest_parts_an_output(void **state) {
    (void)state;
    assert_int_equal(plan_reserve(1, 0), 8 * MIB);
    assert_int_equal(plan_reserve(1, 1), 18 * MIB);
}

static void segments_follow_the_tables_size(void **state) {
    (void)state;
    assert_int_equal(plan_segments(0), 1);
    assert_int_equal(plan_segments(127999999), 1);
    assert_int_equal(plan_segments(128000000), 2);
    assert_int_equal(plan_segments((uint64_t)10000000000000), 4096);
}

/* As if its chunks were of one byte: all beyond the target stays behind. */
static uint64_t beyond(uint64_t bytes, uint64_t target) {
    return bytes > target ? bytes - target : 0;
}

static struct plan_pending file(uint64_t bytes) {
    return (struct plan_pending){.bytes = bytes, .target = 8 * MIB, .rest = beyond(bytes, 8 * MIB)};
}

static struct plan_pending multipart(uint64_t bytes) {
    return (struct plan_pending){.multipart = true, .bytes = bytes, .target = 5 * MIB, .rest = beyond(bytes, 5 * MIB)};
}

static enum plan_step step(struct plan_pending a, struct plan_pending b, size_t *which) {
    struct plan_pending both[] = {a, b};
    return plan_next(both, 2, which);
}

static void one_output_cuts_whenever_it_is_full(void **state) {
    (void)state;
    size_t which;
    struct plan_pending pending = multipart(5 * MIB - 1);
    assert_int_equal(plan_next(&pending, 1, &which), PLAN_WAIT);
    pending.bytes = 5 * MIB;
    assert_int_equal(plan_next(&pending, 1, &which), PLAN_CUT);
    pending.bytes = 5 * MIB + 1;
    assert_int_equal(plan_next(&pending, 1, &which), PLAN_CUT);
}

static void two_outputs_cut_only_together(void **state) {
    (void)state;
    size_t which = 9;
    assert_int_equal(step(file(8 * MIB), multipart(5 * MIB), &which), PLAN_CUT);
    assert_int_equal(step(file(1), multipart(6 * MIB), &which), PLAN_WAIT);
    assert_int_equal(step(file(1), multipart(1), &which), PLAN_WAIT);
}

static void a_faster_upload_sends_in_between_and_holds_back_what_the_cut_needs(void **state) {
    (void)state;
    size_t which = 9;
    assert_int_equal(step(file(1), multipart(10 * MIB - 1), &which), PLAN_WAIT);
    assert_int_equal(step(file(1), multipart(10 * MIB), &which), PLAN_SPLIT);
    assert_int_equal(which, 1);
}

/* Broke with chunks of a megabyte: a part of less than 5 MiB went out, and S3 refused the whole upload: EntityTooSmall. */
static void a_part_that_would_leave_too_little_behind_waits(void **state) {
    (void)state;
    size_t which = 9;
    struct plan_pending coarse = multipart(11 * MIB);
    coarse.rest = 5 * MIB - 1;
    assert_int_equal(step(file(1), coarse, &which), PLAN_WAIT);
}

static void a_faster_file_output_sends_all_it_has(void **state) {
    (void)state;
    size_t which = 9;
    assert_int_equal(step(file(8 * MIB), multipart(1), &which), PLAN_SPLIT);
    assert_int_equal(which, 0);
    assert_int_equal(step(file(0), multipart(5 * MIB), &which), PLAN_WAIT);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_start_at_eight_mib_or_four_where_memory_is_small),
        cmocka_unit_test(files_double_every_ten_thousand_as_far_as_memory_allows),
        cmocka_unit_test(a_large_table_starts_with_larger_files),
        cmocka_unit_test(forty_thousand_files_hold_160_gb),
        cmocka_unit_test(ten_thousand_parts_hold_10_tb_given_the_memory),
        cmocka_unit_test(parts_are_never_smaller_than_s3_takes),
        cmocka_unit_test(the_part_size_that_was_asked_for_is_the_first),
        cmocka_unit_test(a_job_reserves_two_smallest_parts_an_output),
        cmocka_unit_test(segments_follow_the_tables_size),
        cmocka_unit_test(one_output_cuts_whenever_it_is_full),
        cmocka_unit_test(two_outputs_cut_only_together),
        cmocka_unit_test(a_faster_upload_sends_in_between_and_holds_back_what_the_cut_needs),
        cmocka_unit_test(a_part_that_would_leave_too_little_behind_waits),
        cmocka_unit_test(a_faster_file_output_sends_all_it_has),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
