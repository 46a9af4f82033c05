/* SPDX-License-Identifier: Apache-2.0 */
/* The pace of reading: simulated scans, minute by minute, by a clock of their own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "job/read_pace.h"

#define NOW        ((int64_t)1000000)
#define MINUTES    5
#define LANES_MOST 8
#define MIB        1048576u

/* A table without an end, and how it is read. */
struct story {
    double rate;
    unsigned segments;
    unsigned least, most; /* bytes of an item */
    double item_bytes;    /* what DescribeTable makes believe; 0: nothing */
    int64_t latency;      /* ms of a page, and up to as much again */
    bool consistent;
    bool deaf;            /* a server that does not know Limit */
    unsigned lost_of_100; /* pages that come damaged, and are asked for again */
};

struct lane {
    int64_t until; /* its page comes; 0: none is in flight */
    unsigned limit;
    double reserved;
    struct read_pace_page page;
};

struct sim {
    const struct story *story;
    struct read_pace pace;
    struct lane lanes[LANES_MOST];
    uint64_t dice;
    double *second; /* units that the table gave in each */
    double largest; /* of a page */
};

static uint64_t draw(struct sim *sim, uint64_t below) {
    sim->dice = sim->dice * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (sim->dice >> 33) % below;
}

/* What DynamoDB does: whole items until Limit or 1 MB is reached, rounded up to blocks. */
static struct read_pace_page read_page(struct sim *sim, unsigned limit) {
    const struct story *story = sim->story;
    struct read_pace_page page = {.limit = limit};
    while (page.bytes < MIB && (story->deaf || !limit || page.items < limit)) {
        page.bytes += story->least + draw(sim, story->most - story->least + 1);
        page.items++;
    }
    page.units = (double)((page.bytes + 4095) / 4096) * (story->consistent ? 1 : 0.5);
    return page;
}

static void start(struct sim *sim, struct lane *lane, int64_t now) {
    int64_t took = sim->story->latency + (int64_t)draw(sim, (uint64_t)sim->story->latency + 1);
    lane->page = read_page(sim, read_pace_limit(&sim->pace));
    lane->reserved = read_pace_reserve(&sim->pace, lane->page.limit);
    lane->until = now + took;
    sim->second[(now - NOW) / SECOND_MS] += lane->page.units;
    if (lane->page.units > sim->largest)
        sim->largest = lane->page.units;
}

/* The same request is sent again by the call itself. */
static void come(struct sim *sim, struct lane *lane, int64_t now) {
    if (draw(sim, 100) < sim->story->lost_of_100) {
        read_pace_waste(&sim->pace, lane->reserved);
        lane->until = now + sim->story->latency;
        sim->second[(now - NOW) / SECOND_MS] += lane->page.units;
        return;
    }
    read_pace_take(&sim->pace, lane->reserved, &lane->page);
    lane->until = 0;
}

/* As scan.c: a page that has come makes room for a request, and so does the timer. */
static void run(struct sim *sim, const struct story *story) {
    *sim = (struct sim){.story = story, .dice = 7};
    sim->second = x_calloc(MINUTES * 60 + 1, sizeof *sim->second);
    read_pace_init(&sim->pace, story->rate, story->consistent, story->item_bytes, NOW);
    for (int64_t now = NOW; now < NOW + MINUTES * MINUTE_MS; now++) {
        for (unsigned i = 0; i < story->segments; i++)
            if (sim->lanes[i].until && sim->lanes[i].until <= now)
                come(sim, &sim->lanes[i], now);
        for (unsigned i = 0; i < story->segments; i++)
            if (!sim->lanes[i].until && read_pace_wait(&sim->pace, now) == 0)
                start(sim, &sim->lanes[i], now);
    }
}

/* Any minute, the first one as well, within `percent` of what was asked for. */
static void assert_minutes(const struct story *story, double percent) {
    struct sim sim;
    run(&sim, story);
    for (unsigned from = 0; from + 60 <= MINUTES * 60; from++) {
        double units = 0, wanted = 60 * story->rate;
        for (unsigned i = 0; i < 60; i++)
            units += sim.second[from + i];
        if (units > wanted * (1 + percent / 100) || units < wanted * (1 - percent / 100))
            fail_msg("%g/s, %u segments, items of %u to %u: %g units from second %u on, of %g", story->rate,
                     story->segments, story->least, story->most, units, from, wanted);
    }
    free(sim.second);
}

static const double rates[] = {10, 25, 100, 200, 5000};

static void any_minute_is_within_5_percent(void **state) {
    (void)state;
    for (size_t i = 0; i < array_length(rates); i++)
        for (unsigned segments = 1; segments <= 8; segments += 7) {
            struct story story = {.rate = rates[i], .segments = segments, .least = 200, .most = 200, .latency = 10};
            assert_minutes(&story, 5);
            story.least = 40; /* and of all sizes */
            story.most = 8000;
            assert_minutes(&story, 5);
            story.item_bytes = 3; /* DescribeTable's figures are six hours old, and may be wrong by far */
            assert_minutes(&story, 5);
            story.item_bytes = 300000;
            assert_minutes(&story, 5);
        }
}

static void consistent_reads_cost_twice_and_are_as_even(void **state) {
    (void)state;
    for (size_t i = 0; i < array_length(rates); i++)
        for (unsigned segments = 1; segments <= 8; segments += 7)
            assert_minutes(&(struct story){.rate = rates[i],
                                           .segments = segments,
                                           .least = 100,
                                           .most = 3000,
                                           .latency = 15,
                                           .consistent = true},
                           5);
}

static void the_smallest_tables_rate_holds(void **state) {
    (void)state;
    for (double rate = 1; rate <= 2; rate += 0.25) /* 5 units provisioned, and 25% of them */
        assert_minutes(&(struct story){.rate = rate, .segments = 1, .least = 200, .most = 200, .latency = 20}, 6);
}

static void pages_that_are_read_twice_count_twice(void **state) {
    (void)state;
    for (unsigned segments = 1; segments <= 8; segments += 7)
        assert_minutes(
            &(struct story){
                .rate = 100, .segments = segments, .least = 200, .most = 2000, .latency = 20, .lost_of_100 = 10},
            8);
}

/* Whole pages of 128 units whatever is asked for: then a minute is as near as whole pages come to it. */
static void a_server_without_limit_is_off_by_a_page_at_most(void **state) {
    (void)state;
    for (size_t i = 0; i < array_length(rates); i++)
        for (unsigned segments = 1; segments <= 8; segments += 7) {
            double page = 128.5, minute = 60 * rates[i];
            struct story story = {
                .rate = rates[i], .segments = segments, .least = 500, .most = 500, .latency = 10, .deaf = true};
            assert_minutes(&story, 100 * (rates[i] + 2 * page) / minute);
        }
}

/* One item of 350 KB is 44 units: no Limit is smaller than an item. */
static void huge_items_are_off_by_one_at_most(void **state) {
    (void)state;
    for (double rate = 10; rate <= 100; rate += 15)
        assert_minutes(&(struct story){.rate = rate, .segments = 4, .least = 350000, .most = 350000, .latency = 20},
                       100 * (rate + 2 * 44) / (60 * rate));
}

static void no_page_takes_more_than_about_a_second(void **state) {
    struct story story = {.rate = 25, .segments = 8, .least = 400, .most = 400, .item_bytes = 400, .latency = 20};
    struct sim sim;
    (void)state;
    run(&sim, &story);
    assert_true(sim.largest <= 26);
    assert_true(sim.largest >= 20); /* nor less: each is rounded up */
    free(sim.second);
}

static void without_a_limit_pages_are_whole_and_nothing_waits(void **state) {
    struct read_pace pace;
    (void)state;
    read_pace_init(&pace, 0, false, 100, NOW);
    for (int i = 0; i < 1000; i++) {
        assert_int_equal(read_pace_wait(&pace, NOW), 0);
        assert_int_equal(read_pace_limit(&pace), 0);
        double reserved = read_pace_reserve(&pace, 0);
        read_pace_take(&pace, reserved, &(struct read_pace_page){.items = 10, .bytes = MIB, .units = 128});
    }
}

static void a_rate_of_a_page_a_second_asks_for_whole_pages(void **state) {
    struct read_pace pace;
    (void)state;
    read_pace_init(&pace, 129, false, 100, NOW);
    assert_int_equal(read_pace_limit(&pace), 0);
    read_pace_init(&pace, 129, true, 100, NOW);
    assert_int_not_equal(read_pace_limit(&pace), 0);
}

/* Old emulators send no ConsumedCapacity. */
static void a_server_that_tells_no_units_is_believed_by_its_bytes(void **state) {
    struct read_pace pace;
    (void)state;
    read_pace_init(&pace, 10, false, 100, NOW);
    double reserved = read_pace_reserve(&pace, read_pace_limit(&pace));
    read_pace_take(&pace, reserved, &(struct read_pace_page){.items = 10, .bytes = 40 * 4096 - 1});
    assert_int_equal(read_pace_wait(&pace, NOW), 1001); /* 20 units, of which a second's worth had been saved up */
    read_pace_take(&pace, 0, &(struct read_pace_page){.items = 1, .bytes = 8 * MIB}); /* JSON may be longer */
    assert_true(read_pace_wait(&pace, NOW) < 14000);
}

/* The estimate's error alone may go too far, and is paid back. */
static void what_is_in_flight_is_reserved(void **state) {
    struct read_pace pace;
    unsigned started = 0;
    (void)state;
    read_pace_init(&pace, 300, false, 0, NOW);
    while (read_pace_wait(&pace, NOW) == 0 && started < 100) {
        read_pace_reserve(&pace, 0);
        started++;
    }
    assert_int_equal(started, 3); /* of 128.5 */
    assert_int_equal(read_pace_wait(&pace, NOW + 300), 0);
}

static void a_request_that_comes_to_nothing_gives_its_units_back(void **state) {
    struct read_pace pace;
    (void)state;
    read_pace_init(&pace, 200, false, 0, NOW);
    double first = read_pace_reserve(&pace, 0), second = read_pace_reserve(&pace, 0);
    assert_true(read_pace_wait(&pace, NOW) > 0);
    read_pace_drop(&pace, first);
    assert_int_equal(read_pace_wait(&pace, NOW), 0);
    read_pace_waste(&pace, second); /* it came, and is not used */
    assert_true(read_pace_wait(&pace, NOW) > 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_minute_is_within_5_percent),
        cmocka_unit_test(consistent_reads_cost_twice_and_are_as_even),
        cmocka_unit_test(the_smallest_tables_rate_holds),
        cmocka_unit_test(pages_that_are_read_twice_count_twice),
        cmocka_unit_test(a_server_without_limit_is_off_by_a_page_at_most),
        cmocka_unit_test(huge_items_are_off_by_one_at_most),
        cmocka_unit_test(no_page_takes_more_than_about_a_second),
        cmocka_unit_test(without_a_limit_pages_are_whole_and_nothing_waits),
        cmocka_unit_test(a_rate_of_a_page_a_second_asks_for_whole_pages),
        cmocka_unit_test(a_server_that_tells_no_units_is_believed_by_its_bytes),
        cmocka_unit_test(what_is_in_flight_is_reserved),
        cmocka_unit_test(a_request_that_comes_to_nothing_gives_its_units_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
