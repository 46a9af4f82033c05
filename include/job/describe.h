/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a table is, so that it can be made again: DescribeTable, and TTL, tags and point-in-time recovery where the role may read them.
 * What it may not read is noted as unknown and fails nothing.
 */
#ifndef JOB_DESCRIBE_H
#define JOB_DESCRIBE_H

#include <json-c/json.h>

#include "aws/dynamodb.h"

/* Borrowed until `done` returns; take `definition` with json_object_get(). */
struct table_description {
    const char *name, *arn, *id, *status;
    uint64_t items, bytes;          /* DynamoDB's own count, up to six hours old */
    int64_t clock_offset;           /* ms that the server's Date is ahead of aws_client_now(); 0 within 5 s */
    struct json_object *definition; /* {"Table":..., "TimeToLiveDescription":..., "Tags":..., ..., "unknown":[...]} */
};

/* Pure: what the "Table" of a definition says; all of it borrowed, `clock_offset` 0. A count below zero, which is none, reads
 * as 0. ERROR_CORRUPT where the table has no name or ARN: no backup of it could be named. */
bool table_description_read(struct table_description *description, struct json_object *definition, struct error *error);

/* When the table was made, by DescribeTable's "Table": ms since 1970; 0: it does not tell. */
double table_created(const struct json_object *table);

typedef void describe_done(void *arg, const struct table_description *table, const struct error *error);

struct describe;
struct describe *describe_start(struct aws_session *session, const char *table, describe_done *done, void *arg);
void describe_cancel(struct describe *describe); /* NULL is fine */

#endif
