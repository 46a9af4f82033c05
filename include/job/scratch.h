/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A drill's scratch table goes away: deleted, and waited for until it is gone. Deletes nothing but what is written down in
 * state/scratch.h, and of that only what is provably the table that we made: the one that CreateTable's answer named, or, where that
 * answer was never heard, one that has come into being since the name was written down, when no such table was there.
 */
#ifndef JOB_SCRATCH_H
#define JOB_SCRATCH_H

#include <json-c/json.h>

#include "aws/client.h"
#include "state/scratch.h"

/* NULL where no such table of ours is there any more. ERROR_EXISTS: a table of the name is there, and not ours: left alone. Any other
 * error: it could not be deleted, and may still be there. */
typedef void scratch_removed(void *arg, const struct error *error);

struct scratch_removal;

/* `table` is copied. `landing`: ms to wait for a table that may be about to appear, as CreateTable was sent a moment ago.
 * `done` fires once, never from inside this call. The session outlives it. */
struct scratch_removal *scratch_remove_start(struct aws_session *session, const struct scratch_table *table,
                                             int64_t landing, scratch_removed *done, void *arg);
void scratch_remove_cancel(struct scratch_removal *removal); /* NULL is fine */

/* Is a table, as DescribeTable tells it, the one written down? Pure. */
bool scratch_is_ours(const struct scratch_table *table, struct json_object *described);

#endif
