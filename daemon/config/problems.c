/* SPDX-License-Identifier: Apache-2.0 */
/* The list of problems: each put in its place when it is found, since checks across keys come after those of lines. */
#include "config/problems.h"

#include <string.h>

#include "base/memory.h"

void config_problems_fini(struct config_problems *problems) {
    for (size_t i = 0; i < problems->count; i++) {
        free(problems->items[i].file);
        free(problems->items[i].key);
        free(problems->items[i].text);
    }
    free(problems->items);
    *problems = (struct config_problems){0};
}

/* Does `a` stand before `b`? Main file and environment first, then job files by name; then by line. */
static bool is_before(const struct config_problem *a, const struct config_problem *b) {
    if (a->in_job != b->in_job)
        return b->in_job;
    int order = a->in_job ? strcmp(a->file, b->file) : 0;
    return order ? order < 0 : a->line < b->line;
}

/* Nearly all come in order already: behind the last is where we look first. */
static size_t place_of(const struct config_problems *problems, const struct config_problem *problem) {
    size_t at = problems->count;
    while (at && is_before(problem, &problems->items[at - 1]))
        at--;
    return at;
}

static void insert(struct config_problems *problems, struct config_problem problem) {
    size_t at = place_of(problems, &problem), count = problems->count;
    if (!(count & (count - 1))) /* 0, 1, 2, 4, 8 ...: full */
        problems->items = x_realloc(problems->items, (count ? 2 * count : 1) * sizeof *problems->items);
    memmove(problems->items + at + 1, problems->items + at, (count - at) * sizeof *problems->items);
    problems->items[at] = problem;
    problems->count++;
}

/* True where there is no room for another; the one that comes just too late becomes a last word. */
static bool is_full(struct config_problems *problems) {
    if (problems->count < CONFIG_PROBLEMS_MOST)
        return false;
    if (problems->count == CONFIG_PROBLEMS_MOST) {
        const struct config_problem *last = &problems->items[problems->count - 1];
        insert(problems, (struct config_problem){.file = x_strdup(last->file),
                                                 .line = last->line,
                                                 .text = x_strdup("and more; mend these first"),
                                                 .in_job = last->in_job});
    }
    return true;
}

static void add(struct config_problems *problems, const struct config_place *place, char *text_take) {
    insert(problems, (struct config_problem){.file = x_strdup(place->file),
                                             .line = place->line,
                                             .key = x_strdup(place->key),
                                             .text = text_take,
                                             .in_job = place->in_job});
}

void config_problem_add(struct config_problems *problems, const struct config_place *place, const char *format, ...) {
    if (!problems || is_full(problems))
        return;
    va_list words;
    va_start(words, format);
    add(problems, place, x_vprintf(format, words));
    va_end(words);
}

void config_problem_take(struct config_problems *problems, const struct config_place *place, struct error *error) {
    config_problem_add(problems, place, "%s", error->message ? error->message : "out of memory");
    error_clear(error);
}

void config_problem_format(const struct config_problem *problem, struct buffer *out) {
    buffer_add(out, problem->file);
    if (problem->line)
        buffer_printf(out, ":%u", problem->line);
    if (problem->key)
        buffer_printf(out, ": %s", problem->key);
    buffer_printf(out, ": %s", problem->text);
}
