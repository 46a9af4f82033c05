/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which backups are being removed: written before the first of their objects goes, struck out after the last has gone. What stands
 * here and has no backup.json any more was left half removed, and is removed to the end.
 *
 * All functions are a state_work's business (state/state.h): on a worker, inside a transaction.
 */
#ifndef STATE_PRUNES_H
#define STATE_PRUNES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct sqlite3;

extern const char prunes_schema[];

struct prune_begun {
    char *uri; /* of the backup's folder: "s3://BUCKET/PREFIXAWSDynamoDB/ID/" */
    char *job, *run;
    int64_t began; /* ms since 1970, by the store's clock */
};

struct prunes_list {
    struct prune_begun *items; /* in order of address */
    size_t count;
};
void prunes_list_fini(struct prunes_list *list);

/* A second time is fine: it goes on. */
bool prunes_begin(struct sqlite3 *db, const struct prune_begun *begun, struct error *error);

/* One that is not there is fine. */
bool prunes_end(struct sqlite3 *db, const char *uri, struct error *error);

/* All whose address begins with `parent`. The caller uses prunes_list_fini() in any case. */
bool prunes_read(struct sqlite3 *db, const char *parent, struct prunes_list *list, struct error *error);

#endif
