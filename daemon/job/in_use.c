/* SPDX-License-Identifier: Apache-2.0 */
/* A list: what is read or removed at one moment are a handful. */
#include "job/in_use.h"

#include <string.h>
#include <sys/queue.h>

#include "base/memory.h"

#define PRUNE "a prune"

struct hold {
    LIST_ENTRY(hold) entry;
    char *uri, *by;
    bool alone;
};

struct in_use {
    LIST_HEAD(, hold) holds;
};

static void hold_free(struct hold *hold) {
    LIST_REMOVE(hold, entry);
    free(hold->uri);
    free(hold->by);
    free(hold);
}

struct in_use *in_use_new(void) {
    struct in_use *set = x_calloc(1, sizeof *set);
    LIST_INIT(&set->holds);
    return set;
}

void in_use_free(struct in_use *set) {
    struct hold *hold;
    while (set && (hold = LIST_FIRST(&set->holds)))
        hold_free(hold);
    free(set);
}

static struct hold *find(const struct in_use *set, const char *uri, const char *by) {
    struct hold *hold = set ? LIST_FIRST(&set->holds) : NULL;
    while (hold && (strcmp(hold->uri, uri) != 0 || (by && strcmp(hold->by, by) != 0)))
        hold = LIST_NEXT(hold, entry);
    return hold;
}

static void add(struct in_use *set, const char *uri, const char *by, bool alone) {
    struct hold *hold = x_calloc(1, sizeof *hold);
    *hold = (struct hold){.uri = x_strdup(uri), .by = x_strdup(by), .alone = alone};
    LIST_INSERT_HEAD(&set->holds, hold, entry);
}

bool in_use_hold(struct in_use *set, const char *uri, const char *by) {
    const struct hold *hold = find(set, uri, NULL);
    if (hold && hold->alone)
        return false;
    if (set)
        add(set, uri, by, false);
    return true;
}

void in_use_let_go(struct in_use *set, const char *uri, const char *by) {
    struct hold *hold = find(set, uri, by);
    if (hold && !hold->alone)
        hold_free(hold);
}

bool in_use_take_alone(struct in_use *set, const char *uri) {
    if (find(set, uri, NULL))
        return false;
    if (set)
        add(set, uri, PRUNE, true);
    return true;
}

void in_use_give_back(struct in_use *set, const char *uri) {
    struct hold *hold = find(set, uri, PRUNE);
    if (hold && hold->alone)
        hold_free(hold);
}

const char *in_use_by(const struct in_use *set, const char *uri) {
    const struct hold *hold = find(set, uri, NULL);
    return hold ? hold->by : NULL;
}
