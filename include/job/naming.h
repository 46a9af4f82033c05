/* SPDX-License-Identifier: Apache-2.0 */
/* What things are called: runs, backups, and the keys of a backup's objects. Pure. product.md: "A backup in S3". */
#ifndef JOB_NAMING_H
#define JOB_NAMING_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "stream/chunk.h"

#define RUN_LENGTH 32 /* hex digits of a run */
#define ID_LENGTH  23 /* 14 digits of milliseconds, '-', the run's first 8 hex digits */

struct backup_names {
    char run[RUN_LENGTH + 1];
    char id[ID_LENGTH + 1];
    char stamp[16]; /* 20250706-020000: the start, UTC, of plain objects' names */
    char *bucket;
    char *prefix; /* "" or ends in '/' */
    char *root;   /* prefix + "AWSDynamoDB/" + id + "/" */
    char *uri;    /* "s3://bucket/" + root */
};

/* `random` are 16 bytes; `now` in ms since 1970. */
void backup_names_init(struct backup_names *names, const char *bucket, const char *prefix, int64_t now,
                       const unsigned char random[16]);
/* The same of a run whose id is known: 32 hex digits; false where it is none. */
bool backup_names_restore(struct backup_names *names, const char *run, const char *bucket, const char *prefix,
                          int64_t started);
struct backup_names backup_names_copy(const struct backup_names *names);
void backup_names_fini(struct backup_names *names);

/* Keys; the caller frees. */
char *backup_key(const struct backup_names *names, const char *file); /* root + file: "_started", "backup.json" */
char *backup_data_prefix(const struct backup_names *names);           /* root + "data/" */
char *backup_data_key(const struct backup_names *names, unsigned number, enum stream_compression compression);

/* prefix + backup-STAMP-XXXXXXXX[.N].json[.gz]; N from 2 on where one object was not enough. */
char *backup_plain_key(const struct backup_names *names, unsigned number, enum stream_format format,
                       enum stream_compression compression);

/* What all of these addresses begin with: "s3://BUCKET/PREFIXbackup-STAMP-XXXXXXXX.". The caller frees. */
char *backup_plain_stem(const struct backup_names *names);

/* Is it a key that backup_plain_key() gives for these names, whatever the number, format and compression? */
bool backup_plain_key_is(const struct backup_names *names, const char *key);

/* "application/json", "application/x-ndjson", "text/csv", "application/gzip", "application/zstd". */
const char *backup_content_type(enum stream_format format, enum stream_compression compression);

/*
 * Is it dated after now, by the store's clock (its Date: seconds since 1970; 0: unknown, then nothing is)? A Date is in whole seconds, and
 * an ID keeps our own clock as long as that is within 5 s of the server's: so much is no future.
 */
bool backup_id_after(const char *id, int64_t date);
#define BACKUP_DATE_SLACK ((int64_t)6000) /* ms */

bool backup_id_valid(const char *id);

/* The start that an ID holds, in ms since 1970. */
int64_t backup_id_time(const char *id);

/* "s3://BUCKET/PREFIX/AWSDynamoDB/ID/" (the last '/' may be absent) taken apart; false with ERROR_INVALID. The caller
 * frees both; `prefix` "" or ending in '/'; id has ID_LENGTH + 1 bytes. AWS's own exports have IDs of the same form. */
bool backup_uri_parse(const char *uri, char **bucket, char **prefix, char id[ID_LENGTH + 1], struct error *error);

/* The key of the digest that a run records of its items (stream/item_digest.h): its own, and known to whoever reads backup.json. */
void backup_digest_key(unsigned char key[32], const char *run);

/* What a drill's scratch table is called: PREFIX + 20250706-020000-XXXXXXXX, at most 255 characters. `random` are 4 bytes, `now` in
 * ms since 1970. The caller frees. */
char *scratch_table_name(const char *prefix, int64_t now, const unsigned char random[4]);

/* The region in arn:aws:dynamodb:REGION:ACCOUNT:table/NAME; NULL where `table` is a plain name. The caller frees. */
char *table_arn_region(const char *table);

/* The same where it can be a region of AWS: NULL of the ARNs of DynamoDB Local and its kin too, which say "ddblocal" or the like. */
char *table_home_region(const char *table);

#endif
