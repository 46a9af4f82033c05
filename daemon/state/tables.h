/* SPDX-License-Identifier: Apache-2.0 */
/* Inside state/: the modules' tables, and what the end of a run writes into those of others in its one transaction. */
#ifndef STATE_TABLES_H
#define STATE_TABLES_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

extern const char state_schema_history[], state_schema_fires[], state_schema_mails[], state_schema_restores[],
    state_schema_scratch[];

bool fires_write(sqlite3 *db, const char *job, int64_t at, struct error *error);
bool mails_write(sqlite3 *db, const char *run, const char *job, const char *text, struct error *error);

#endif
