/* SPDX-License-Identifier: Apache-2.0 */
/* Between source.c, which fetches, and source_feed.c, source_parse.c and source_export.c, which read. */
#ifndef JOB_SOURCE_PRIVATE_H
#define JOB_SOURCE_PRIVATE_H

#include "job/source.h"

struct source *source_new(enum source_kind kind);

/* Where it was found: bucket, prefix, root, uri; and keys that name another place of the same folder, for a backup that was copied,
 * are led to this one. */
void source_settle(struct source *source, const char *bucket, const char *prefix);

/* Members of a JSON object. Counts that are absent or none are SOURCE_UNKNOWN; texts are the caller's; an ETag is borrowed, and
 * without its quotes `length` bytes long. */
char *source_text(const struct json_object *object, const char *name);
uint64_t source_count(const struct json_object *object, const char *name);
int64_t source_time(const struct json_object *object, const char *name);
bool source_bytes(const struct json_object *object, const char *name, unsigned char *bytes, size_t length);
const char *source_etag(const struct json_object *object, size_t *length);

/* A sum; SOURCE_UNKNOWN where one is, or where it is too large. */
uint64_t source_plus(uint64_t a, uint64_t b);

/* backup.json's short members; `root` is kept in part. */
void source_read_head(struct source *source, const struct json_object *root);

/* Room for one more object, which is not zeroed. ERROR_TOO_LARGE past SOURCE_OBJECTS_MOST. */
struct source_object *source_add_object(struct source_output *output, struct error *error);

/* The output's sums, from its objects. */
void source_add_up(struct source_output *output);

/* Once an export is settled: its document, as backup.json would have it. For `show` and `link`. */
void source_describe_export(struct source *source);

/* A source of one object, whose name tells its compression. */
struct source *source_of_plain(const char *bucket, const char *key);

#endif
