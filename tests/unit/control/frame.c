/* SPDX-License-Identifier: Apache-2.0 */
/* Messages out of a stream that is cut anywhere. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/memory.h"
#include "control/frame.h"

static void expect(struct frames *frames, const char *wanted) {
    const char *text;
    size_t length;
    assert_true(frames_next(frames, &text, &length));
    assert_int_equal(length, strlen(wanted));
    assert_string_equal(text, wanted);
}

static void expect_none(struct frames *frames) {
    const char *text;
    size_t length;
    assert_false(frames_next(frames, &text, &length));
}

static void messages_come_out_wherever_the_stream_is_cut(void **state) {
    (void)state;
    static const char stream[] = "one\0\0three\0"; /* and the array's own NUL: an empty fourth */
    for (size_t cut = 0; cut <= sizeof stream; cut++) {
        struct frames frames;
        frames_init(&frames, 100);
        expect_none(&frames);
        assert_true(frames_feed(&frames, stream, cut));
        assert_true(frames_feed(&frames, stream + cut, sizeof stream - cut));
        assert_int_equal(frames_waiting(&frames), sizeof stream);
        expect(&frames, "one");
        expect(&frames, "");
        assert_true(frames_feed(&frames, "x", 1));
        expect(&frames, "three");
        expect(&frames, "");
        expect_none(&frames);
        assert_int_equal(frames_waiting(&frames), 1);
        assert_true(frames_feed(&frames, "yz", 3));
        expect(&frames, "xyz");
        frames_fini(&frames);
    }
}

static void one_byte_at_a_time(void **state) {
    (void)state;
    struct frames frames;
    frames_init(&frames, 100);
    for (const char *at = "slow"; *at; at++) {
        assert_true(frames_feed(&frames, at, 1));
        expect_none(&frames);
    }
    assert_true(frames_feed(&frames, "", 1));
    expect(&frames, "slow");
    frames_fini(&frames);
}

static void a_message_too_long_is_refused_with_its_last_byte(void **state) {
    (void)state;
    struct frames frames;
    frames_init(&frames, 4);
    assert_true(frames_feed(&frames, "abcd", 5));
    expect(&frames, "abcd");
    assert_true(frames_feed(&frames, "abcd", 4));
    assert_false(frames_feed(&frames, "e", 1));
    frames_fini(&frames);
    frames_init(&frames, 4);
    char *flood = x_calloc(1, (size_t)1 << 20);
    assert_false(frames_feed(&frames, flood, (size_t)1 << 20)); /* short messages, but far too much at once */
    frames_fini(&frames);
    free(flood);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_come_out_wherever_the_stream_is_cut),
        cmocka_unit_test(one_byte_at_a_time),
        cmocka_unit_test(a_message_too_long_is_refused_with_its_last_byte),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
