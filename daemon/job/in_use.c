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

static bool begins_with(const char *text, const char *begin) {
    return strncmp(text, begin, strlen(begin)) == 0;
}

static struct hold *next_of(struct hold *hold, const char *uri) {
    while (hold && !begins_with(hold->uri, uri) && !begins_with(uri, hold->uri))
        hold = LIST_NEXT(hold, entry);
    return hold;
}

/* Anything of it, or that it is of. */
static struct hold *find(const struct in_use *set, const char *uri) {
    return set ? next_of(LIST_FIRST(&set->holds), uri) : NULL;
}

static struct hold *find_own(const struct in_use *set, const char *uri, const char *by, bool alone) {
    struct hold *hold = set ? LIST_FIRST(&set->holds) : NULL;
    while (hold && (hold->alone != alone || strcmp(hold->uri, uri) != 0 || strcmp(hold->by, by) != 0))
        hold = LIST_NEXT(hold, entry);
    return hold;
}

static void add(struct in_use *set, const char *uri, const char *by, bool alone) {
    struct hold *hold = x_calloc(1, sizeof *hold);
    *hold = (struct hold){.uri = x_strdup(uri), .by = x_strdup(by), .alone = alone};
    LIST_INSERT_HEAD(&set->holds, hold, entry);
}

bool in_use_hold(struct in_use *set, const char *uri, const char *by) {
    for (struct hold *hold = find(set, uri); hold; hold = next_of(LIST_NEXT(hold, entry), uri))
        if (hold->alone)
            return false;
    if (set)
        add(set, uri, by, false);
    return true;
}

void in_use_let_go(struct in_use *set, const char *uri, const char *by) {
    struct hold *hold = find_own(set, uri, by, false);
    if (hold)
        hold_free(hold);
}

bool in_use_take_alone(struct in_use *set, const char *uri) {
    if (find(set, uri))
        return false;
    if (set)
        add(set, uri, PRUNE, true);
    return true;
}

void in_use_give_back(struct in_use *set, const char *uri) {
    struct hold *hold = find_own(set, uri, PRUNE, true);
    if (hold)
        hold_free(hold);
}

const char *in_use_by(const struct in_use *set, const char *uri) {
    const struct hold *hold = find(set, uri);
    return hold ? hold->by : NULL;
}

/* ------------------------------------------------------------ the whole of a backup */

bool in_use_take_backup_alone(struct in_use *set, const struct backup_names *names) {
    _cleanup_free_ char *plain = backup_plain_stem(names);
    if (!in_use_take_alone(set, names->uri))
        return false;
    if (in_use_take_alone(set, plain))
        return true;
    in_use_give_back(set, names->uri);
    return false;
}

void in_use_give_backup_back(struct in_use *set, const struct backup_names *names) {
    _cleanup_free_ char *plain = backup_plain_stem(names);
    in_use_give_back(set, names->uri);
    in_use_give_back(set, plain);
}

const char *in_use_backup_by(const struct in_use *set, const struct backup_names *names) {
    _cleanup_free_ char *plain = backup_plain_stem(names);
    const char *by = in_use_by(set, names->uri);
    return by ? by : in_use_by(set, plain);
}
