/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a backup is made of, for who reads it back: restore, verify and the drill. From backup.json where the backup is ours,
 * from manifest-summary.json and manifest-files.json where it is a full export that DynamoDB itself wrote
 * (https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/S3DataExport.Output.html); or one plain JSON array that
 * nothing describes, where the caller says so.
 *
 * A source keeps its bucket open: read its objects with job/reader.h, or with source_bucket() and aws/s3.h.
 */
#ifndef JOB_SOURCE_H
#define JOB_SOURCE_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "aws/s3.h"
#include "base/arena.h"
#include "base/digest.h"
#include "base/error.h"
#include "config/config.h"
#include "job/engine.h"
#include "job/naming.h"
#include "stream/chunk.h"
#include "stream/item_digest.h"

#define SOURCE_UNKNOWN UINT64_MAX /* a size or a count that nobody has told */

enum source_kind {
    BACKUP_OURS,
    BACKUP_EXPORT, /* ExportTableToPointInTime: no parts, no table definition, no plain json */
    BACKUP_PLAIN,  /* one JSON array, taken on its word */
};

/* Whole items, compressed on their own: can be read without what stands before. An object that nobody cut has one. */
struct source_part {
    uint64_t offset, length, items; /* `items`, `length`: SOURCE_UNKNOWN where not told */
    uint32_t crc32;                 /* of the stored bytes, where `has_crc32` */
    bool has_crc32;
};

/* There may be hundreds of thousands: what it points to is the source's, in `texts`. */
struct source_object {
    char *key, *etag;     /* `etag` without quotes; NULL: not told */
    uint64_t size, items; /* SOURCE_UNKNOWN where not told */
    uint32_t crc32;
    unsigned char md5[MD5_LENGTH]; /* of the stored bytes */
    bool has_crc32, has_md5;
    struct source_part *parts; /* from the first byte to the last, in order; at least one */
    size_t part_count;
};

/* All objects of one format: each output holds every item once. */
struct source_output {
    enum stream_format format;
    enum stream_compression compression;
    struct source_object *objects;
    size_t object_count, object_room;
    uint64_t size, items;        /* sums; SOURCE_UNKNOWN where one is */
    struct csv_columns *columns; /* of csv; NULL: not told */
};

#define SOURCE_OUTPUTS   3
#define SOURCE_MANIFESTS 2

/* More than a backup has: in files of 8 MiB, as large as the smallest BufferMemory makes them, 32 TB. */
#define SOURCE_OBJECTS_MOST ((size_t)4 << 20)
#define SOURCE_PARTS_MOST   ((size_t)8 << 20)

#define SOURCE_SHOWN ((size_t)512 << 10)

/* What backup.json says of a manifest of DynamoDB's form that stands beside it. */
struct source_manifest {
    char *name; /* "manifest-files.json" */
    uint64_t size;
    unsigned char md5[MD5_LENGTH];
};

/* Strings are owned, and NULL where not told. Nothing changes once it is open. */
struct source {
    unsigned references; /* of the loop thread */
    enum source_kind kind;
    char id[ID_LENGTH + 1];                      /* "" of a plain one */
    char *uri, *bucket, *prefix;                 /* uri: "s3://BUCKET/PREFIXAWSDynamoDB/ID/", or the plain object's */
    char *root;                                  /* PREFIXAWSDynamoDB/ID/; of a plain one its key */
    char *job, *run;                             /* of ours */
    char *host, *machine_id;                     /* of ours: what _started says too */
    char *table, *table_arn, *table_id, *region; /* of the table */
    int64_t started, ended;                      /* ms since 1970: of the read; of an export both are its exportTime */
    unsigned resumed;
    uint64_t items;           /* SOURCE_UNKNOWN of a plain one */
    struct type_counts types; /* where `has_types`: of ours */
    bool has_types;
    struct item_digest digest; /* of the items, as they were read from the table, where `has_digest`; its key is
                                  backup_digest_key(run) */
    bool has_digest;
    struct json_object *definition; /* what job/describe.h gathered; NULL of an export and a plain one */
    /* backup.json, or for an export what it would say; NULL of a plain one. For `show`. Of the objects, parts and cuts of a large backup
     * only the first SOURCE_SHOWN bytes: `objects_left_out`, `parts_left_out`, `cuts_left_out` count the rest. */
    struct json_object *document;
    struct arena texts;
    struct source_output outputs[SOURCE_OUTPUTS];
    size_t output_count;
    struct source_manifest manifests[SOURCE_MANIFESTS]; /* of ours with dynamodb-json */
    size_t manifest_count;
    struct error
        damage; /* of one opened with `lenient`: what is wrong with what describes it, all else being readable */
    struct place *place;
};

/* Where to look. All borrowed but for engine and config, which are referenced; `job` is one of `config`'s. */
struct source_request {
    struct engine *engine;
    struct config *config;
    const struct job_config *job; /* whose bucket, credentials and endpoint serve */
    const char *prefix;           /* "" or ends in '/'; NULL: the job's */
    const char *id;
    const char *plain_key; /* instead of prefix and id: one object that is a plain JSON array (--assume-plain) */
    bool lenient;          /* verify: a self-checksum that does not hold is told in `damage`, not an end */
};

/* Exactly one is given. `source` is borrowed: source_ref() keeps it. ERROR_NOT_FOUND where neither a backup.json nor a
 * manifest-summary.json stands there; ERROR_INVALID for what is there and not readable by us: an incremental export, ION. */
typedef void source_done(void *arg, struct source *source, const struct error *error);

struct source_open;

/* `done` fires once, never from inside this call. backup.json and the manifests are read a range at a time, and parsed off the loop: however
 * long they are, only some 200 bytes an object are held. */
struct source_open *source_open_start(const struct source_request *request, source_done *done, void *arg);
void source_open_cancel(struct source_open *open); /* NULL is fine */

struct source *source_ref(struct source *source);
void source_unref(struct source *source); /* NULL is fine; its bucket's calls have ended or been cancelled */

const struct s3_bucket *source_bucket(const struct source *source);

/* The output to restore from: dynamodb-json where there is one (lossless), else json. SIZE_MAX with ERROR_INVALID where none
 * restores exactly: only csv, or plain json with B, SS, NS or BS in it (the counts are told). */
size_t source_restorable(const struct source *source, struct error *error);

/* ------------------------------------------------------------ pure */

/* Whole texts become a source without a place; NULL with an error as above. The caller's reference. */
struct source *source_parse_backup(const char *text, size_t length, bool lenient, struct error *error);
struct source *source_parse_summary(const char *text, size_t length, struct error *error);

/* backup.json in pieces. False: it is read no further, and _end() says why. _end() and _free() free; NULL is fine for the latter. */
struct backup_feed;
struct backup_feed *backup_feed_new(bool lenient);
bool backup_feed_add(struct backup_feed *feed, const char *bytes, size_t length);
struct source *backup_feed_end(struct backup_feed *feed, struct error *error);
void backup_feed_free(struct backup_feed *feed);

/* manifest-files.json likewise, into what source_parse_summary() made, which lives as long. */
struct files_feed;
struct files_feed *files_feed_new(struct source *source);
bool files_feed_add(struct files_feed *feed, const char *bytes, size_t length);
bool files_feed_end(struct files_feed *feed, struct error *error);
void files_feed_free(struct files_feed *feed);

/* manifest-files.json into what source_parse_summary() made. */
bool source_parse_files(struct source *source, const char *text, size_t length, struct error *error);

#endif
