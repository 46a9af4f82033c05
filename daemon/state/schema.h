/* SPDX-License-Identifier: Apache-2.0 */
/* Inside state/: the tables of its modules. Each module's text is `CREATE TABLE ...;` statements of its own. */
#ifndef STATE_SCHEMA_H
#define STATE_SCHEMA_H

#define STATE_VERSION 2 /* user_version: of all tables together; a newer one is refused */

extern const char *const state_schema[];  /* version 1; ends in NULL */
extern const char *const state_changes[]; /* from each version to the next; ends in NULL */

#endif
