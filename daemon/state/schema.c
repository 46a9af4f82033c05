/* SPDX-License-Identifier: Apache-2.0 */
/* The list of all tables. A module adds its text here; one that has been released is never changed, only followed by another. */
#include "schema.h"

#include <stddef.h>

#include "state/checkpoint.h"
#include "state/prunes.h"
#include "tables.h"

const char *const state_schema[] = {
    state_schema_history, state_schema_fires,    state_schema_mails,   checkpoint_schema,
    prunes_schema,        state_schema_restores, state_schema_scratch, NULL,
};
