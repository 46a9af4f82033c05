/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A table made from a saved definition: created, waited for, and after the data finished with what belongs on top. For restore and
 * the drill. What is refused and can be done without is told as a sentence, and the table goes on without it.
 */
#ifndef JOB_TABLE_H
#define JOB_TABLE_H

#include "aws/dynamodb.h"
#include "job/definition.h"

/* Exactly one of `table` (DescribeTable's Table: ACTIVE, borrowed) and `error` is given; fires once, never from inside a start. */
typedef void table_done(void *arg, struct json_object *table, const struct error *error);

/* Polls DescribeTable until the table and its indexes are ACTIVE. A table that does not exist is waited for a minute: just made, it may
 * not be seen everywhere yet. */
struct table_wait;
struct table_wait *table_wait_start(struct aws_session *session, const char *table, table_done *done, void *arg);
void table_wait_cancel(struct table_wait *wait); /* NULL is fine */

struct table_make_options {
    struct aws_session *session;
    struct definition_use use;   /* what it points to outlives the operation */
    bool must_be_new;            /* a table of that name is ERROR_EXISTS; else one that appeared meanwhile is taken */
    struct json_object *missing; /* an array: sentences are added to it */
    bool *
        may_exist; /* set once CreateTable has been accepted, or ended without an answer that says otherwise; NULL: not asked */
};

/* The answer's Date, else our own time, in ms since 1970: for the comparison with CreationDateTime, where both are to be DynamoDB's. */
int64_t table_answered(const struct aws_client *client, const struct http_answer *http);

/* CreateTable, and the wait. */
struct table_make;
struct table_make *table_make_start(const struct table_make_options *options, table_done *done, void *arg);
void table_make_cancel(struct table_make *make); /* NULL is fine */

/* What comes after the data: encryption, tags, TTL, point-in-time recovery, deletion protection. The table named by use.table is
 * ACTIVE at the end. `table` in `done` is then the last description; the only error is that of a table that cannot be described. */
struct table_finish;
struct table_finish *table_finish_start(const struct table_make_options *options, const char *arn, table_done *done,
                                        void *arg);
void table_finish_cancel(struct table_finish *finish); /* NULL is fine */

#endif
