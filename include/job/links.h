/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Download links of a backup's objects, with the true end of their life: the earlier of what was asked for and the end of the
 * credentials that signed them, which are refreshed first where they would end too early.
 */
#ifndef JOB_LINKS_H
#define JOB_LINKS_H

#include "config/config.h"
#include "job/engine.h"
#include "job/place.h"

/* Owned by the list; the URL is a secret. */
struct link {
    char *key, *url;
    int64_t ends; /* ms since 1970 */
};

struct link_list {
    struct link *items;
    size_t count;
    bool cut_short; /* the credentials end more than a minute before what was asked for */
};

/* Exactly one is given; both borrowed until it returns. */
typedef void links_done(void *arg, const struct link_list *links, const struct error *error);

/* What is signed for. Engine and config are referenced, the keys copied. */
struct links_request {
    struct engine *engine;
    struct config *config;
    const struct job_config *job;
    char *const *keys;
    size_t key_count; /* at least one */
    int64_t expires;  /* ms from now; at least a second, at most 7 days */
};

struct links;
struct links *links_start(const struct links_request *request, links_done *done, void *arg);
void links_cancel(struct links *links); /* NULL is fine */

#endif
