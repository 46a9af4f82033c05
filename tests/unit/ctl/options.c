/* SPDX-License-Identifier: Apache-2.0 */
/* Command lines: what is understood, and what is refused in which words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/memory.h"
#include "command.h"

#define MOST_WORDS 24

/* A command line: its words, cut at blanks, live as long as it. */
struct line {
    char *text, *words[MOST_WORDS];
    int count;
};

static void line_init(struct line *line, const char *text) {
    static char name[] = "dynamodb-backupctl";
    *line = (struct line){.text = x_strdup(text), .words = {name}, .count = 1};
    for (char *at = line->text; at && *at;) {
        line->words[line->count++] = at;
        at = strchr(at, ' ');
        if (at)
            *at++ = '\0';
    }
}

static void line_fini(struct line *line) {
    free(line->text);
}

static struct options parsed(struct line *line, const char *text) {
    struct options options;
    struct error error = {0};
    line_init(line, text);
    if (!options_parse(line->count, line->words, &options, &error))
        fail_msg("%s: %s", text, error.message);
    return options;
}

static void options_may_stand_anywhere(void **state) {
    (void)state;
    static const char *const lines[] = {"run --wait small --config=/c --json --socket /s",
                                        "--config /c --socket=/s --json run small --wait",
                                        "--json --config /c run --wait --socket /s -- small"};
    for (size_t i = 0; i < array_length(lines); i++) {
        struct line line;
        struct options options = parsed(&line, lines[i]);
        assert_ptr_equal(options.command, command_find("run"));
        assert_string_equal(options.argument, "small");
        assert_string_equal(options.config, "/c");
        assert_string_equal(options.socket, "/s");
        assert_true(options.wait && options.json && !options.local);
        line_fini(&line);
    }
}

static void what_is_not_given_has_its_default(void **state) {
    (void)state;
    struct line line;
    struct options options = parsed(&line, "status");
    assert_string_equal(options.config, DEFAULT_CONFIG);
    assert_null(options.argument);
    assert_null(options.socket);
    assert_int_equal(options.count, 0);
    line_fini(&line);
}

static void every_option_reaches_its_place(void **state) {
    (void)state;
    struct line line;
    struct options options = parsed(&line, "next @daily --timezone UTC --count 7 --from 2026-11-20");
    assert_string_equal(options.timezone, "UTC");
    assert_string_equal(options.from, "2026-11-20");
    assert_int_equal(options.count, 7);
    line_fini(&line);
    options = parsed(&line, "link x --region r --profile p --role-arn a --local --state d");
    assert_string_equal(options.region, "r");
    assert_string_equal(options.profile, "p");
    assert_string_equal(options.role_arn, "a");
    assert_string_equal(options.state, "d");
    assert_true(options.local);
    assert_false(options.dry_run);
    line_fini(&line);
    options = parsed(&line, "prune --dry-run x");
    assert_true(options.dry_run);
    line_fini(&line);
    options = parsed(
        &line, "restore x --table t --create --overwrite --to-region r --to-role-arn a --write-capacity 25% --dry-run "
               "--assume-plain");
    assert_string_equal(options.table, "t");
    assert_string_equal(options.to_region, "r");
    assert_string_equal(options.to_role_arn, "a");
    assert_string_equal(options.write_capacity, "25%");
    assert_true(options.create && options.overwrite && options.dry_run && options.assume_plain);
    line_fini(&line);
}

static void help_and_version_need_no_command(void **state) {
    (void)state;
    struct line line;
    assert_true(parsed(&line, "--help").help);
    line_fini(&line);
    assert_true(parsed(&line, "--version").version);
    line_fini(&line);
    struct options options = parsed(&line, "run -h");
    assert_true(options.help && options.command == command_find("run"));
    line_fini(&line);
    assert_true(parsed(&line, "verify --help").help);
    line_fini(&line);
}

static void expect_refusal(const char *text, const char *words) {
    struct line line;
    struct options options;
    struct error error = {0};
    line_init(&line, text);
    if (options_parse(line.count, line.words, &options, &error))
        fail_msg("accepted: %s", text);
    assert_int_equal(error.code, ERROR_INVALID);
    if (!strstr(error.message, words))
        fail_msg("%s: \"%s\" is not in: %s", text, words, error.message);
    error_clear(&error);
    line_fini(&line);
}

static void wrong_words_hear_what_is_right(void **state) {
    (void)state;
    expect_refusal("", "no command");
    expect_refusal("--json", "no command");
    expect_refusal("statsu", "unknown command statsu: did you mean status?");
    expect_refusal("frobnicate", "--help lists");
    expect_refusal("status --jsno", "unknown option --jsno: did you mean --json?");
    expect_refusal("status --frobnicate", "--help lists");
    expect_refusal("status -j", "unknown option -j");
    expect_refusal("run", "run needs a JOB");
    expect_refusal("run a b", "run takes one argument: \"b\" is one too many");
    expect_refusal("check a", "check takes no argument");
    expect_refusal("restore --table t", "restore needs a BACKUP");
    expect_refusal("show x --table t", "show takes no option --table");
    expect_refusal("status --wait", "status takes no option --wait");
    expect_refusal("list --count 3", "list takes no option --count");
    expect_refusal("status --config", "--config needs a value");
    expect_refusal("status --config=", "--config needs a value");
    expect_refusal("status --json=yes", "--json takes no value");
    expect_refusal("next @daily --count 0", "accepted are 1 to 1000");
    expect_refusal("next @daily --count 1001", "accepted are 1 to 1000");
    expect_refusal("next @daily --count 5x", "accepted are 1 to 1000");
    expect_refusal("next @daily --count -5", "accepted are 1 to 1000");
}

static void what_comes_later_says_so_whatever_follows(void **state) {
    (void)state;
    static const char *const later[] = {"report --html f", "doctor", "iam policy a"};
    for (size_t i = 0; i < array_length(later); i++)
        expect_refusal(later[i], "is not supported yet");
}

static void help_fits_a_screen_and_names_every_command(void **state) {
    (void)state;
    _cleanup_buffer_ struct buffer all = BUFFER_INIT(BUFFER_OURS);
    help_text(NULL, &all);
    for (size_t i = 0; i < command_count; i++) {
        _cleanup_free_ char *line = x_printf("\n  %s", commands[i].name);
        assert_true(!commands[i].run || strstr(all.data, line));
        _cleanup_buffer_ struct buffer one = BUFFER_INIT(BUFFER_OURS);
        help_text(&commands[i], &one);
        assert_non_null(strstr(one.data, commands[i].name));
    }
    size_t lines = 0;
    for (const char *at = all.data; *at; at = strchr(at, '\n') + 1) {
        assert_true(strcspn(at, "\n") <= 100);
        lines++;
    }
    assert_true(lines <= 24);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_may_stand_anywhere),
        cmocka_unit_test(what_is_not_given_has_its_default),
        cmocka_unit_test(every_option_reaches_its_place),
        cmocka_unit_test(help_and_version_need_no_command),
        cmocka_unit_test(wrong_words_hear_what_is_right),
        cmocka_unit_test(what_comes_later_says_so_whatever_follows),
        cmocka_unit_test(help_fits_a_screen_and_names_every_command),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
