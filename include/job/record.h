/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a backup is: the record that its run gathers, and that backup.json and DynamoDB's own manifests are written from. Pure.
 *
 * backup.json gives its short members first, one a line, then `table`, `cuts` and `outputs`: a reader of the first 64 KiB
 * knows all that `list` shows, however many parts there are. It and _started end in a checksum of themselves (job/seal.h).
 */
#ifndef JOB_RECORD_H
#define JOB_RECORD_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/digest.h"
#include "base/error.h"
#include "job/naming.h"
#include "stream/chunk.h"
#include "stream/item_digest.h"

/* One part of an object: whole items, compressed on its own. */
struct part_record {
    uint64_t length, items;
    uint32_t crc32;
    char *etag; /* owned; as S3 answered, without quotes */
};

/* One object. A data file is one part; `etag` of a multipart one is Complete's. */
struct object_record {
    unsigned number; /* of its name, from 1; files skip some where a run was resumed */
    char *key, *etag;
    char *upload_id; /* of a multipart one, until it stands; NULL: not created yet, or one PUT */
    bool named;      /* an upload's or plain object's key stands in the state */
    bool single;     /* one PUT */
    bool closed;     /* takes no further part */
    uint64_t size, items;
    uint32_t crc32;
    unsigned char md5[MD5_LENGTH]; /* of data files */
    struct part_record *parts;
    size_t part_count;
};

struct output_record {
    enum stream_format format;
    enum stream_compression compression;
    struct object_record *objects;
    size_t object_count;
};

#define RECORD_OUTPUTS 3 /* a format each */

/* How many items and, for each output, parts (over all its objects) stood before a cut. */
struct cut_record {
    uint64_t items;
    size_t parts[RECORD_OUTPUTS];
};

struct backup_record {
    unsigned references; /* counted on the loop; a worker that renders the record holds one */
    struct backup_names names;
    char *job, *table, *table_arn, *table_id, *region;
    char *host, *machine_id;
    int64_t started, ended, scan_started, scan_ended; /* ms since 1970, by the server's clock */
    unsigned resumed;                                 /* how often */
    uint64_t items, pages, scanned_bytes /* of pages */, table_size_bytes;
    double read_units;
    unsigned segments;
    struct type_counts types;
    bool digests;                   /* is the digest of the items to be recorded? */
    struct item_digest digest;      /* of `items` of them; what covers fewer than there are is not written */
    struct json_object *definition; /* owned: the `table` member */
    char *kms_key_id;
    struct output_record outputs[RECORD_OUTPUTS];
    size_t output_count;
    struct cut_record *cuts;
    size_t cut_count;
    char *csv_header; /* csv: the columns, once they are known: of csv_columns_save() */
};

/* Empty; one reference is the caller's. */
struct backup_record *backup_record_new(void);
struct backup_record *backup_record_ref(struct backup_record *record);
void backup_record_unref(struct backup_record *record);

/* Appends an object or part; what is pointed to is taken. The address is good until the next of its kind. */
struct object_record *output_record_add(struct output_record *output, const struct object_record *object);
struct part_record *object_record_add(struct object_record *object, const struct part_record *part);
void backup_record_cut(struct backup_record *record, const struct cut_record *cut);

/* Size, item count and CRC of an object from its parts'. */
void object_record_sum(struct object_record *object);

uint64_t backup_record_stored(const struct backup_record *record); /* bytes of all objects */
size_t backup_record_objects(const struct backup_record *record);

/*
 * The columns of csv: those that `csv_header` holds, or, while it holds none, the table's keys, to which the first page's attributes
 * are to be added. The caller's reference.
 */
struct csv_columns *record_columns(const struct backup_record *record);

/* The output of that format; NULL where the backup has none. */
const struct output_record *backup_record_output(const struct backup_record *record, enum stream_format format);

/* The files' texts. All appended. */
void record_write_started(const struct backup_record *record, struct buffer *out);
void record_write_backup(const struct backup_record *record, struct buffer *out);

/* DynamoDB's export: manifest-files.json (JSON lines), then the summary, which names it. */
void record_write_manifest_files(const struct backup_record *record, struct buffer *out);
void record_write_manifest_summary(const struct backup_record *record, struct buffer *out);

/* The line of a .checksum file: base64 of the MD5. `text` has room for 25 bytes. */
void record_checksum(char text[25], const struct buffer *manifest);

/* What `list` and `status` show of a backup. Strings owned. */
struct backup_summary {
    char *id, *job, *run, *table_arn, *table, *uri;
    int64_t started, ended; /* ms since 1970 */
    uint64_t items, stored_bytes, objects;
    unsigned formats; /* 1 << enum stream_format */
    bool resumed;
    bool after_now; /* dated after the store's clock, when it was listed: never the latest */
    bool elsewhere; /* of a table in another region than the job's: never the latest either */
};
void backup_summary_fini(struct backup_summary *summary);

/* From a backup.json or its first bytes (`whole`: all of it is there). ERROR_CORRUPT. */
bool backup_summary_parse(struct backup_summary *summary, const char *text, size_t length, bool whole,
                          struct error *error);

/* How much of a backup.json is enough for its summary. */
#define SUMMARY_BYTES ((size_t)64 << 10)

#endif
