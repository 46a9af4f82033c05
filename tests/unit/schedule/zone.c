/* SPDX-License-Identifier: Apache-2.0 */
/* Zones: the system's own against libc, which reads the same files with code not ours; and files that no system has. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/memory.h"
#include "zone_private.h"

static const char *const names[] = {"Asia/Ho_Chi_Minh",    "Europe/Berlin",       "America/New_York",
                                    "Australia/Lord_Howe", "Africa/Casablanca",   "UTC",
                                    "Asia/Tehran",         "America/St_Johns",    "Pacific/Apia",
                                    "America/Nuuk",        "Europe/Dublin",       "Asia/Kathmandu",
                                    "Pacific/Chatham",     "Antarctica/Troll",    "Africa/El_Aaiun",
                                    "Asia/Gaza",           "America/Sao_Paulo",   "Europe/London",
                                    "Asia/Jerusalem",      "America/Scoresbysund"};

/* Tests that need the system's database are skipped where there is none. */
static struct zone *system_zone(const char *name) {
    struct error error = {0};
    struct zone *zone = zone_load(name, &error);
    if (!zone && access("/usr/share/zoneinfo/Europe/Berlin", R_OK) != 0) {
        error_clear(&error);
        skip();
    }
    assert_non_null(zone);
    return zone;
}

static void compare_with_libc(const struct zone *zone, time_t at) {
    struct tm tm;
    const char *abbreviation;
    assert_non_null(localtime_r(&at, &tm));
    int32_t offset = zone_offset(zone, at, &abbreviation);
    if (offset != tm.tm_gmtoff || strcmp(abbreviation, tm.tm_zone) != 0)
        fail_msg("%s at %lld: %d %s, libc %ld %s", zone_name(zone), (long long)at, offset, abbreviation, tm.tm_gmtoff,
                 tm.tm_zone);
}

static void offsets_are_those_of_libc(void **state) {
    (void)state;
    for (size_t i = 0; i < array_length(names); i++) {
        struct zone *zone = system_zone(names[i]);
        assert_string_equal(zone_name(zone), names[i]);
        setenv("TZ", names[i], 1);
        tzset();
        for (int64_t at = -2208988800; at < 16725225600; at += 86400 * 5 + 3607) /* 1900 to 2500 */
            compare_with_libc(zone, at);
        for (int64_t at = 946684800; at < 4102444800;
             at = zone_span_at(zone, at).end) { /* each change of this century */
            struct zone_span span = zone_span_at(zone, at);
            if (span.end > 4102444800)
                break;
            compare_with_libc(zone, span.end - 1);
            compare_with_libc(zone, span.end);
        }
        zone_unref(zone);
    }
    unsetenv("TZ");
    tzset();
}

static int64_t civil(int year, int month, int day, int hour, int minute) {
    return civil_seconds(&(struct civil){year, month, day, hour, minute, 0});
}

static void a_skipped_hour_has_no_instant_but_its_end(void **state) {
    (void)state;
    struct zone *zone = system_zone("Europe/Berlin");
    int64_t got[2];
    assert_int_equal(zone_instants(zone, civil(2026, 3, 29, 2, 30), got), 0);
    assert_int_equal(got[0], civil(2026, 3, 29, 1, 0));
    assert_int_equal(zone_instants(zone, civil(2026, 3, 29, 3, 0), got), 1);
    assert_int_equal(got[0], civil(2026, 3, 29, 1, 0));
    zone_unref(zone);
}

static void a_repeated_hour_has_two_instants(void **state) {
    (void)state;
    struct zone *zone = system_zone("Europe/Berlin");
    int64_t got[2];
    assert_int_equal(zone_instants(zone, civil(2026, 10, 25, 2, 30), got), 2);
    assert_int_equal(got[0], civil(2026, 10, 25, 0, 30));
    assert_int_equal(got[1], civil(2026, 10, 25, 1, 30));
    assert_int_equal(zone_instants(zone, civil(2026, 10, 25, 3, 0), got), 1);
    assert_int_equal(got[0], civil(2026, 10, 25, 2, 0));
    zone_unref(zone);
}

static void half_an_hour_and_a_whole_day_can_be_skipped(void **state) {
    (void)state;
    int64_t got[2];
    struct zone *howe = system_zone("Australia/Lord_Howe");
    assert_int_equal(zone_instants(howe, civil(2026, 10, 4, 2, 15), got), 0);
    assert_int_equal(got[0], civil(2026, 10, 3, 15, 30));
    assert_int_equal(zone_instants(howe, civil(2026, 4, 5, 1, 45), got), 2);
    assert_int_equal(got[1] - got[0], 1800);
    zone_unref(howe);
    struct zone *apia = system_zone("Pacific/Apia");
    assert_int_equal(zone_instants(apia, civil(2011, 12, 30, 12, 0), got), 0);
    assert_int_equal(got[0], civil(2011, 12, 30, 10, 0));
    zone_unref(apia);
}

static void instants_are_those_that_show_the_time(void **state) {
    (void)state;
    for (size_t i = 0; i < array_length(names); i++) {
        struct zone *zone = system_zone(names[i]);
        for (int64_t at = civil(2024, 1, 1, 0, 0); at < civil(2027, 1, 1, 0, 0); at += 1777) {
            int64_t got[2], local = at + zone_offset(zone, at, NULL);
            int count = zone_instants(zone, local, got);
            assert_true(count == 1 || count == 2);
            assert_true(got[0] == at || (count == 2 && got[1] == at));
        }
        zone_unref(zone);
    }
}

static void a_time_is_written_with_its_zone(void **state) {
    (void)state;
    _cleanup_buffer_ struct buffer out = BUFFER_INIT(BUFFER_OURS);
    struct zone *zone = system_zone("Asia/Ho_Chi_Minh");
    zone_format(zone, civil(2025, 7, 6, 2, 0), &out);
    assert_string_equal(out.data, "2025-07-06 09:00:00 +07");
    zone_unref(zone);
}

static void expect_refusal(const char *name, enum error_code code, const char *words) {
    struct error error = {0};
    assert_null(zone_load(name, &error));
    assert_int_equal(error.code, code);
    if (!strstr(error.message, words))
        fail_msg("\"%s\" is not in: %s", words, error.message);
    error_clear(&error);
}

static void an_unknown_name_hears_the_nearest(void **state) {
    (void)state;
    zone_unref(system_zone("UTC"));
    zone_unref(system_zone("Europe/Berlin"));
    expect_refusal("Asia/Ho_Chi_Min", ERROR_INVALID, "Asia/Ho_Chi_Minh");
    expect_refusal("asia/ho_chi_minh", ERROR_INVALID, "did you mean Asia/Ho_Chi_Minh?");
    expect_refusal("Ameirca/Argentina/Ushuaia", ERROR_INVALID, "America/Argentina/Ushuaia");
    expect_refusal("Europe/Berlin/Mitte", ERROR_INVALID, "no time zone");
    expect_refusal("Europe", ERROR_INVALID, "no time zone");
    expect_refusal("Xyzzyxyzzyxyzzy/Xyzzy", ERROR_INVALID, "accepted are names like");
}

static void a_name_never_leaves_the_folder(void **state) {
    (void)state;
    static const char *const bad[] = {
        "",    "/etc/passwd", "../../../etc/passwd", "Europe/../../../../etc/passwd", "Europe//Berlin", "Europe/",
        "a b", "x\n"};
    for (size_t i = 0; i < array_length(bad); i++)
        expect_refusal(bad[i], ERROR_INVALID, "no time zone");
}

static void utc_needs_no_file(void **state) {
    (void)state;
    setenv("TZDIR", "/nonexistent", 1);
    struct zone *zone = zone_load("UTC", NULL);
    const char *abbreviation;
    assert_int_equal(zone_offset(zone, 0, &abbreviation), 0);
    assert_string_equal(abbreviation, "UTC");
    struct zone *same = zone_ref(zone);
    zone_unref(zone);
    assert_string_equal(zone_name(same), "UTC");
    zone_unref(same);
    zone_unref(NULL);
    expect_refusal("Europe/Berlin", ERROR_INVALID, "/nonexistent");
    unsetenv("TZDIR");
}

/* Files of our own making. */

struct maker {
    struct buffer bytes;
};

static void put_32(struct buffer *out, uint32_t value) {
    const unsigned char bytes[] = {(unsigned char)(value >> 24), (unsigned char)(value >> 16),
                                   (unsigned char)(value >> 8), (unsigned char)value};
    buffer_add_bytes(out, bytes, 4);
}

static void put_64(struct buffer *out, int64_t value) {
    put_32(out, (uint32_t)((uint64_t)value >> 32));
    put_32(out, (uint32_t)value);
}

static void put_header(struct buffer *out, char version, const uint32_t counts[6]) {
    static const char reserved[15];
    buffer_add(out, "TZif");
    buffer_add_bytes(out, &version, 1);
    buffer_add_bytes(out, reserved, sizeof reserved);
    for (int i = 0; i < 6; i++)
        put_32(out, counts[i]);
}

struct sample {
    char version;
    int64_t times[3];
    unsigned char kind_of[3];
    uint32_t time_count;
    int32_t offsets[2];
    unsigned char abbreviations[2];
    uint32_t leaps;
    const char *footer;
};

static const struct sample good = {'4', {100, 200, 300}, {1, 0, 1}, 3, {3600, -7200}, {0, 4}, 0, "\n<+07>-7\n"};

static void put_block(struct buffer *out, const struct sample *sample, size_t size) {
    for (uint32_t i = 0; i < sample->time_count; i++) {
        if (size == 8)
            put_64(out, sample->times[i]);
        else
            put_32(out, (uint32_t)sample->times[i]);
    }
    buffer_add_bytes(out, sample->kind_of, sample->time_count);
    for (int i = 0; i < 2; i++) {
        put_32(out, (uint32_t)sample->offsets[i]);
        buffer_add_bytes(out, "\0", 1);
        buffer_add_bytes(out, &sample->abbreviations[i], 1);
    }
    buffer_add_bytes(out, "ABC\0DEF", 8);
}

static void make(struct buffer *out, const struct sample *sample) {
    const uint32_t counts[6] = {0, 0, sample->leaps, sample->time_count, 2, 8};
    put_header(out, sample->version, counts);
    put_block(out, sample, 4);
    if (!sample->version)
        return;
    put_header(out, sample->version, counts);
    put_block(out, sample, 8);
    if (sample->footer)
        buffer_add(out, sample->footer);
}

static struct zone *parse(const struct sample *sample, struct error *error) {
    _cleanup_buffer_ struct buffer bytes = BUFFER_INIT(BUFFER_OURS);
    make(&bytes, sample);
    return zone_parse("Test/Made", bytes.data, bytes.length, error);
}

static void the_footer_rules_after_the_table(void **state) {
    (void)state;
    const char *abbreviation;
    struct zone *zone = parse(&good, NULL);
    assert_int_equal(zone_offset(zone, INT64_MIN, &abbreviation), 3600);
    assert_string_equal(abbreviation, "ABC");
    assert_int_equal(zone_offset(zone, 100, &abbreviation), -7200);
    assert_string_equal(abbreviation, "DEF");
    assert_int_equal(zone_offset(zone, 299, NULL), 3600);
    assert_int_equal(zone_offset(zone, 300, &abbreviation), 7 * 3600);
    assert_string_equal(abbreviation, "+07");
    assert_int_equal(zone_offset(zone, INT64_MAX, NULL), 7 * 3600);
    zone_unref(zone);
}

static void version_one_and_an_empty_footer_keep_the_last_time(void **state) {
    (void)state;
    struct sample one = good;
    one.version = 0;
    struct zone *zone = parse(&one, NULL);
    assert_int_equal(zone_offset(zone, 1000, NULL), -7200);
    zone_unref(zone);
    struct sample empty = good;
    empty.footer = "\n\n";
    zone = parse(&empty, NULL);
    assert_int_equal(zone_offset(zone, 1000, NULL), -7200);
    zone_unref(zone);
}

static void expect_corrupt(const struct sample *sample, const char *words) {
    struct error error = {0};
    assert_null(parse(sample, &error));
    assert_int_equal(error.code, ERROR_CORRUPT);
    if (!strstr(error.message, words))
        fail_msg("\"%s\" is not in: %s", words, error.message);
    error_clear(&error);
}

static void a_damaged_file_is_refused(void **state) {
    (void)state;
    struct sample bad = good;
    bad.version = 'x';
    expect_corrupt(&bad, "version");
    bad = good;
    bad.leaps = 1;
    expect_corrupt(&bad, "leap seconds");
    bad = good;
    bad.times[2] = 200;
    expect_corrupt(&bad, "in order");
    bad = good;
    bad.kind_of[1] = 2;
    expect_corrupt(&bad, "does not have");
    bad = good;
    bad.offsets[1] = 26 * 3600;
    expect_corrupt(&bad, "more than a day");
    bad = good;
    bad.abbreviations[1] = 8;
    expect_corrupt(&bad, "abbreviation");
    bad = good;
    bad.footer = NULL;
    expect_corrupt(&bad, "footer is missing");
    bad.footer = "\nCET-1";
    expect_corrupt(&bad, "footer is missing");
    bad.footer = "CET-1\n";
    expect_corrupt(&bad, "footer is missing");
    bad.footer = "\nCET\n";
    expect_corrupt(&bad, "POSIX");
}

static void every_shortened_file_is_refused(void **state) {
    (void)state;
    _cleanup_buffer_ struct buffer bytes = BUFFER_INIT(BUFFER_OURS);
    make(&bytes, &good);
    for (size_t length = 0; length < bytes.length; length++) {
        struct error error = {0};
        char *exact = x_malloc(length);
        memcpy(exact, bytes.data, length);
        assert_null(zone_parse("Test/Short", exact, length, &error));
        assert_int_equal(error.code, ERROR_CORRUPT);
        error_clear(&error);
        free(exact);
    }
    bytes.data[0] = 't';
    assert_null(zone_parse("Test/Short", bytes.data, bytes.length, NULL));
    bytes.data[0] = 'T';
    memcpy(bytes.data + 36, "\0\0\1\1", 4);
    assert_null(zone_parse("Test/Short", bytes.data, bytes.length, NULL));
    _cleanup_free_ char *huge = x_calloc(((size_t)1 << 20) + 1, 1);
    assert_null(zone_parse("Test/Huge", huge, ((size_t)1 << 20) + 1, NULL));
}

static void a_file_too_large_or_unreadable_is_no_zone(void **state) {
    (void)state;
    char folder[] = "/tmp/sched-zones-XXXXXX";
    assert_non_null(mkdtemp(folder));
    _cleanup_free_ char *huge = x_printf("%s/Huge", folder), *loop = x_printf("%s/Loop", folder),
                        *pipe = x_printf("%s/Pipe", folder);
    FILE *file = fopen(huge, "w");
    assert_int_equal(ftruncate(fileno(file), (1 << 20) + 1), 0);
    fclose(file);
    assert_int_equal(symlink("Loop", loop), 0);
    assert_int_equal(mkfifo(pipe, 0600), 0);
    setenv("TZDIR", folder, 1);
    expect_refusal("Huge", ERROR_SYSTEM, "too large");
    expect_refusal("Loop", ERROR_SYSTEM, "symbolic links");
    expect_refusal("Pipe", ERROR_INVALID, "no time zone");
    unsetenv("TZDIR");
    unlink(huge);
    unlink(loop);
    unlink(pipe);
    assert_int_equal(rmdir(folder), 0);
}

/* Rules. */

static void rules_that_are_none(void **state) {
    (void)state;
    static const char *const bad[] = {"",
                                      "CE-1",
                                      "CET",
                                      "CET-25",
                                      "CET-1:60",
                                      "CET-1:00:60",
                                      "CET-",
                                      "<+07-7",
                                      "<+0>-7",
                                      "CET-1CEST",
                                      "CET-1CEST,M3.5.0",
                                      "CET-1CEST,M13.5.0,M10.5.0",
                                      "CET-1CEST,M3.6.0,M10.5.0",
                                      "CET-1CEST,M3.5.7,M10.5.0",
                                      "CET-1CEST,J0,J365",
                                      "CET-1CEST,J366,J1",
                                      "CET-1CEST,366,1",
                                      "CET-1CEST,M3.5.0/168,M10.5.0",
                                      "CET-1CEST,M3.5.0,M10.5.0/3x",
                                      "CET-1CE,M3.5.0,M10.5.0",
                                      "CET-1CESTx99,M3.5.0,M10.5.0",
                                      "CET-1CEST-99,M3.5.0,M10.5.0",
                                      "CET-0001",
                                      "ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFGHIJ-1"};
    struct zone_rule rule;
    for (size_t i = 0; i < array_length(bad); i++)
        if (zone_rule_parse(bad[i], &rule))
            fail_msg("accepted: %s", bad[i]);
}

static void expect_rule(const char *text, int64_t at, int32_t offset) {
    struct zone_rule rule;
    assert_true(zone_rule_parse(text, &rule));
    struct zone_span span = zone_rule_span(&rule, at);
    if (span.offset != offset)
        fail_msg("%s at %lld: %d, not %d", text, (long long)at, span.offset, offset);
    assert_true(span.start <= at && at < span.end);
}

static void each_form_of_date_is_understood(void **state) {
    (void)state;
    /* Jn never counts 29 February: J60 is 1 March, n counts it: 59 is 29 February in a leap year, 1 March in others */
    expect_rule("AAA0BBB,J60/0,J300/0", civil(2024, 3, 1, 0, 0) - 1, 0);
    expect_rule("AAA0BBB,J60/0,J300/0", civil(2024, 3, 1, 0, 0), 3600);
    expect_rule("AAA0BBB,J60/0,J300/0", civil(2025, 3, 1, 0, 0), 3600);
    expect_rule("AAA0BBB,59/0,J300/0", civil(2024, 2, 29, 0, 0), 3600);
    expect_rule("AAA0BBB,59/0,J300/0", civil(2025, 3, 1, 0, 0) - 1, 0);
    expect_rule("AAA0BBB,59/0,J300/0", civil(2025, 3, 1, 0, 0), 3600);
    expect_rule("AAA3:30:15BBB2,M3.2.0,M11.1.0", civil(2025, 1, 1, 0, 0), -(3 * 3600 + 30 * 60 + 15));
    expect_rule("AAA3:30:15BBB2,M3.2.0,M11.1.0", civil(2025, 7, 1, 0, 0), -7200);
    expect_rule("<-02>2<-01>,M3.5.0/-1,M10.5.0/0", civil(2025, 3, 30, 1, 0), -3600); /* 23:00 the day before, -02 */
    expect_rule("<-02>2<-01>,M3.5.0/-1,M10.5.0/0", civil(2025, 3, 30, 1, 0) - 1, -7200);
    expect_rule("<+1245>-12:45<+1345>,M9.5.0/2:45,M4.1.0/3:45", civil(2025, 1, 1, 0, 0),
                13 * 3600 + 45 * 60); /* southern */
    expect_rule("IST-2IDT,M3.4.4/26,M10.5.0", civil(2025, 3, 28, 0, 0),
                3 * 3600); /* 26:00 of Thursday is Friday 02:00 */
    expect_rule("<+07>-7", INT64_MAX / 8, 7 * 3600);
}

static void daylight_time_all_year_has_no_gap(void **state) {
    (void)state;
    for (int64_t at = civil(2024, 12, 30, 0, 0); at < civil(2025, 1, 3, 0, 0); at += 60)
        expect_rule("XXX3EDT4,0/0,J365/23", at, -4 * 3600); /* RFC 8536, 3.3.1 */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(offsets_are_those_of_libc),
        cmocka_unit_test(a_skipped_hour_has_no_instant_but_its_end),
        cmocka_unit_test(a_repeated_hour_has_two_instants),
        cmocka_unit_test(half_an_hour_and_a_whole_day_can_be_skipped),
        cmocka_unit_test(instants_are_those_that_show_the_time),
        cmocka_unit_test(a_time_is_written_with_its_zone),
        cmocka_unit_test(an_unknown_name_hears_the_nearest),
        cmocka_unit_test(a_name_never_leaves_the_folder),
        cmocka_unit_test(utc_needs_no_file),
        cmocka_unit_test(the_footer_rules_after_the_table),
        cmocka_unit_test(version_one_and_an_empty_footer_keep_the_last_time),
        cmocka_unit_test(a_damaged_file_is_refused),
        cmocka_unit_test(every_shortened_file_is_refused),
        cmocka_unit_test(a_file_too_large_or_unreadable_is_no_zone),
        cmocka_unit_test(rules_that_are_none),
        cmocka_unit_test(each_form_of_date_is_understood),
        cmocka_unit_test(daylight_time_all_year_has_no_gap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
