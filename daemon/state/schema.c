/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The list of all tables, as the first version had them, and of what has changed since: a module adds its text to the end of the second,
 * and STATE_VERSION counts on. What stands here is never changed itself, for there are files that were made by it.
 */
#include "schema.h"

#include <stddef.h>

#include "state/checkpoint.h"
#include "state/prunes.h"
#include "tables.h"

const char *const state_schema[] = {
    state_schema_history, state_schema_fires,    state_schema_mails,   checkpoint_schema,
    prunes_schema,        state_schema_restores, state_schema_scratch, NULL,
};

const char *const state_changes[] = {
    checkpoint_change_2,
    NULL,
};
