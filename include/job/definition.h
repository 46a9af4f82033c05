/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A table's saved definition (backup.json's `table`, as job/describe.h made it) turned back into the calls that make such a
 * table, and held against a table that exists. Pure.
 *
 * https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_CreateTable.html
 */
#ifndef JOB_DEFINITION_H
#define JOB_DEFINITION_H

#include <json-c/json.h>
#include <stdbool.h>

#include "base/error.h"
#include "stream/batch.h"

/* The members of CreateTable that a store or a policy may refuse while the table can still be made, as bits. */
enum {
    OPTIONAL_TABLE_CLASS = 1,
    OPTIONAL_TAGS = 2,
    OPTIONAL_ON_DEMAND_THROUGHPUT = 4,
    OPTIONAL_STREAM = 8,
    OPTIONAL_ALL = 15,
};

/* How the table is to be made. Borrowed. */
struct definition_use {
    struct json_object *definition; /* {"Table": ..., "Tags": ..., ...} */
    const char *table;              /* the new one's name */
    const char *region;             /* where it will be */
    bool other_account;             /* than the definition's: its KMS keys are not ours to use */
    bool keys_only;                 /* a scratch table: its keys, on demand, nothing else */
};

/* The body of CreateTable, without those members of enum OPTIONAL_* that `without` names. The caller frees. NULL with
 * ERROR_CORRUPT where the definition lacks its keys. */
char *definition_create(const struct definition_use *use, unsigned without, struct error *error);

/* The optional members that the body for `use` holds, and the name of one ("TableClass"). */
unsigned definition_optional(const struct definition_use *use);
const char *definition_optional_name(unsigned bit);

/* What comes after the data, in this order. Each may be refused; the table stands without it. */
enum definition_step {
    STEP_ENCRYPTION,
    STEP_TAGS,
    STEP_TIME_TO_LIVE,
    STEP_RECOVERY,
    STEP_PROTECTION, /* last: what is protected is finished */
    DEFINITION_STEPS,
};

const char *definition_step_name(enum definition_step step);      /* "point-in-time recovery": for a person */
const char *definition_step_operation(enum definition_step step); /* "UpdateContinuousBackups" */
bool definition_step_updates(enum definition_step step); /* makes the table UPDATING: it must be ACTIVE before */

/* The step's body; NULL where the definition does not ask for it. `arn`: of the new table. The caller frees. */
char *definition_step_body(const struct definition_use *use, enum definition_step step, const char *arn);

/*
 * What of the definition cannot be made again however the calls go, one sentence each, added to the array: what the role could
 * not read, replicas, a KMS key of another region, tags of AWS's own.
 */
void definition_lost(const struct definition_use *use, struct json_object *sentences);

/*
 * Has `existing` (DescribeTable's Table) the definition's keys: the same names in the same roles with the same types? False
 * with ERROR_INVALID that says both.
 */
bool definition_matches(struct json_object *definition, struct json_object *existing, struct error *error);

/* "by-mail: mail (S), at (N); by-x: x (N)": the keys of its indexes, for a person. NULL where it has none. The caller frees. */
char *definition_index_keys(struct json_object *table);

/* The key of DescribeTable's Table. Borrowed from it. False with ERROR_CORRUPT where it names none. */
bool definition_key(struct json_object *table, struct key_names *key, struct error *error);

/* ProvisionedThroughput.WriteCapacityUnits of DescribeTable's Table; 0: on demand. */
double definition_write_capacity(struct json_object *table);

/* ReadCapacityUnits likewise; of a table on demand its OnDemandThroughput.MaxReadRequestUnits; 0: it has neither. */
double definition_read_capacity(struct json_object *table);

/* Are the table and all its indexes ACTIVE? */
bool definition_is_active(struct json_object *table);

#endif
