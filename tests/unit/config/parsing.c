/* SPDX-License-Identifier: Apache-2.0 */
/* What the configuration's tests share. */
#include "parsing.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/memory.h"

const char *const *parsing_environment;

const char *parsing_getenv(const char *name) {
    for (const char *const *at = parsing_environment; at && *at; at += 2)
        if (strcmp(at[0], name) == 0)
            return at[1];
    return NULL;
}

struct config *parse_files(const char *main_text, const char *job_text, struct config_problems *problems) {
    struct config_text main_file = {"main.conf", main_text, strlen(main_text)};
    struct config_text job = {"jobs.d/students.conf", job_text, job_text ? strlen(job_text) : 0};
    return config_parse(&main_file, &job, job_text ? 1 : 0, parsing_getenv, problems);
}

static char *join_problems(const struct config_problems *problems) {
    struct buffer out = BUFFER_INIT(BUFFER_OURS);
    for (size_t i = 0; i < problems->count; i++) {
        config_problem_format(&problems->items[i], &out);
        buffer_add_char(&out, '\n');
    }
    return buffer_take(&out);
}

struct config *parse_good(const char *main_text, const char *job_text) {
    struct config_problems problems = {0};
    struct config *config = parse_files(main_text, job_text, &problems);
    _cleanup_free_ char *text = join_problems(&problems);
    config_problems_fini(&problems);
    assert_string_equal(text, "");
    assert_non_null(config);
    return config;
}

struct config *parse_job(const char *main_text, const char *more) {
    _cleanup_free_ char *job = x_printf("%s%s", GOOD_JOB, more);
    return parse_good(main_text, job);
}

char *parse_problems(const char *main_text, const char *job_text) {
    struct config_problems problems = {0};
    assert_null(parse_files(main_text, job_text, &problems));
    char *text = join_problems(&problems);
    config_problems_fini(&problems);
    return text;
}

static void expect_one(const char *found, const char *file, unsigned line, const char *key, const char *words) {
    _cleanup_free_ char *place = line ? x_printf("%s:%u: %s%s", file, line, key, *key ? ": " : "")
                                      : x_printf("%s: %s%s", file, key, *key ? ": " : "");
    if (strncmp(found, place, strlen(place)) != 0 || !strstr(found, words) || strchr(found, '\n')[1])
        fail_msg("wanted %s...%s..., found:\n%s", place, words, found);
}

void expect_problem(const char *more, unsigned line, const char *key, const char *words) {
    _cleanup_free_ char *job = x_printf("%s%s", GOOD_JOB, more);
    _cleanup_free_ char *found = parse_problems("", job);
    expect_one(found, "jobs.d/students.conf", line ? GOOD_JOB_LINES + line : 0, key, words);
}

void expect_main_problem(const char *main_text, unsigned line, const char *key, const char *words) {
    _cleanup_free_ char *found = parse_problems(main_text, GOOD_JOB);
    expect_one(found, "main.conf", line, key, words);
}
