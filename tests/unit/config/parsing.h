/* SPDX-License-Identifier: Apache-2.0 */
/* Texts become configurations: the main file and one job called `students`, unless a test says otherwise. */
#ifndef TESTS_UNIT_CONFIG_PARSING_H
#define TESTS_UNIT_CONFIG_PARSING_H

#include "config/config.h"

/* An environment for one parse: NAME, VALUE, NAME, VALUE ..., NULL. Static, since config_getenv has no argument. */
extern const char *const *parsing_environment;
config_getenv parsing_getenv;

/* NULL where there are problems; they are in `problems`. */
struct config *parse_files(const char *main_text, const char *job_text, struct config_problems *problems);

/* The same; fails the test and prints the problems where there are any. */
struct config *parse_good(const char *main_text, const char *job_text);

/* A good job with `more` behind it, under `main_text`. */
#define GOOD_JOB       "[Job]\nTable=studentData\nRegion=us-east-1\n[Destination]\nBucket=student-backup\n"
#define GOOD_JOB_LINES 5
struct config *parse_job(const char *main_text, const char *more);

/* All problems, one a line, as `check` prints them. The caller frees. */
char *parse_problems(const char *main_text, const char *job_text);

/* `GOOD_JOB` + `more` has exactly one problem: "students.conf:LINE: KEY: ...WORDS...", LINE counted from `more`'s first. */
void expect_problem(const char *more, unsigned line, const char *key, const char *words);

/* The main file alone has exactly one. */
void expect_main_problem(const char *main_text, unsigned line, const char *key, const char *words);

#endif
