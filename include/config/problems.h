/* SPDX-License-Identifier: Apache-2.0 */
/* Gathers what is wrong, in order of file and line, up to a bound. See struct config_problems in config/config.h. */
#ifndef CONFIG_PROBLEMS_H
#define CONFIG_PROBLEMS_H

#include "config/config.h"

#define CONFIG_PROBLEMS_MOST 10000 /* those after it are dropped, and the last says so */

/* Where a problem is. All borrowed. */
struct config_place {
    const char *file;
    unsigned line;   /* 0: the file as a whole */
    const char *key; /* NULL: none */
    bool in_job;     /* job files come after the main one */
};

/* `format` says what is wrong, what was found and what is accepted, without a final period. `problems` may be NULL. */
void config_problem_add(struct config_problems *problems, const struct config_place *place, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The same with an error's message; clears the error. */
void config_problem_take(struct config_problems *problems, const struct config_place *place, struct error *error);

#endif
