/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What backup.json says in its short members, and where the objects that it names stand. Its long ones: source_feed.c. Pure.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/encoding.h"
#include "base/json.h"
#include "base/memory.h"
#include "source.h"

/* ------------------------------------------------------------ members */

char *source_text(const struct json_object *object, const char *name) {
    return x_strdup(json_string(object, name));
}

/* SOURCE_UNKNOWN where absent or no count. */
uint64_t source_count(const struct json_object *object, const char *name) {
    int64_t value = json_integer(object, name, -1);
    return value < 0 ? SOURCE_UNKNOWN : (uint64_t)value;
}

int64_t source_time(const struct json_object *object, const char *name) {
    const char *text = json_string(object, name);
    int64_t seconds = 0;
    return text && time_parse_iso(text, &seconds) ? seconds * SECOND_MS : 0;
}

bool source_bytes(const struct json_object *object, const char *name, unsigned char *bytes, size_t length) {
    const char *text = json_string(object, name);
    _cleanup_buffer_ struct buffer decoded = BUFFER_INIT(64);
    if (!text || !base64_decode(&decoded, text, strlen(text)) || decoded.length != length)
        return false;
    memcpy(bytes, decoded.data, length);
    return true;
}

const char *source_etag(const struct json_object *object, size_t *length) {
    const char *text = json_string(object, "etag");
    if (!text || !*text)
        return NULL;
    *length = strlen(text);
    if (*length < 2 || text[0] != '"' || text[*length - 1] != '"')
        return text;
    *length -= 2;
    return text + 1;
}

static size_t length_of(const struct json_object *array) {
    return array ? json_object_array_length(array) : 0;
}

uint64_t source_plus(uint64_t a, uint64_t b) {
    return a == SOURCE_UNKNOWN || b == SOURCE_UNKNOWN || a > UINT64_MAX - 1 - b ? SOURCE_UNKNOWN : a + b;
}

/* ------------------------------------------------------------ backup.json */

void source_add_up(struct source_output *output) {
    output->size = output->items = 0;
    for (size_t i = 0; i < output->object_count; i++) {
        output->size = source_plus(output->size, output->objects[i].size);
        output->items = source_plus(output->items, output->objects[i].items);
    }
}

static void read_manifests(struct source *source, const struct json_object *root) {
    struct json_object *manifests = json_array_at(root, "manifests");
    for (size_t i = 0; i < length_of(manifests) && source->manifest_count < SOURCE_MANIFESTS; i++) {
        struct json_object *one = json_object_array_get_idx(manifests, i);
        struct source_manifest manifest = {.size = source_count(one, "size")};
        const char *name = json_string(one, "name");
        if (!name || !source_bytes(one, "md5", manifest.md5, MD5_LENGTH))
            continue;
        manifest.name = x_strdup(name);
        source->manifests[source->manifest_count++] = manifest;
    }
}

static void read_types(struct source *source, const struct json_object *root) {
    const struct json_object *types = json_object_at(root, "types");
    uint64_t b = source_count(types, "B"), ss = source_count(types, "SS"), ns = source_count(types, "NS"),
             bs = source_count(types, "BS");
    source->has_types =
        types && b != SOURCE_UNKNOWN && ss != SOURCE_UNKNOWN && ns != SOURCE_UNKNOWN && bs != SOURCE_UNKNOWN;
    if (source->has_types)
        source->types = (struct type_counts){b, ss, ns, bs};
}

/* Behind the number of items. */
static void read_digest(struct source *source, const struct json_object *root) {
    const char *text = json_string(root, "item_digest");
    source->has_digest =
        text && source->items != SOURCE_UNKNOWN && item_digest_read(&source->digest, text, source->items);
}

void source_read_head(struct source *source, const struct json_object *root) {
    const char *id = json_string(root, "id");
    if (id && backup_id_valid(id))
        memcpy(source->id, id, sizeof source->id);
    source->job = source_text(root, "job");
    source->run = source_text(root, "run");
    source->host = source_text(root, "host");
    source->machine_id = source_text(root, "machine_id");
    source->table = source_text(root, "table_name");
    source->table_arn = source_text(root, "table_arn");
    source->table_id = source_text(root, "table_id");
    source->region = source->table_arn ? table_home_region(source->table_arn) : NULL;
    source->started = source_time(root, "scan_started");
    source->ended = source_time(root, "scan_ended");
    source->resumed = (unsigned)json_integer(root, "resumed", 0);
    source->items = source_count(root, "items");
    source->definition = json_object_get(json_object_at(root, "table"));
    read_types(source, root);
    read_digest(source, root);
    read_manifests(source, root);
}

struct source *source_parse_backup(const char *text, size_t length, bool lenient, struct error *error) {
    struct backup_feed *feed = backup_feed_new(lenient);
    backup_feed_add(feed, text, length);
    return backup_feed_end(feed, error);
}

/* ------------------------------------------------------------ its place */

/* A backup that was copied elsewhere, with all its folder and the plain objects beside AWSDynamoDB/, is read where it stands. */
static void lead_home(struct source *source, const char *folder, char **key) {
    const char *inside = strstr(*key, folder), *last = strrchr(*key, '/'), *home;
    last = last ? last + 1 : *key;
    if (inside) {
        home = source->root;
        inside += strlen(folder);
    } else if (strncmp(last, "backup-", strlen("backup-")) == 0) {
        home = source->prefix;
        inside = last;
    } else {
        return;
    }
    size_t length = strlen(home);
    if ((size_t)(inside - *key) == length && memcmp(*key, home, length) == 0)
        return;
    _cleanup_free_ char *here = x_printf("%s%s", home, inside);
    *key = arena_strdup(&source->texts, here);
}

void source_settle(struct source *source, const char *bucket, const char *prefix) {
    source->bucket = x_strdup(bucket);
    source->prefix = x_strdup(prefix);
    source->root = x_printf("%sAWSDynamoDB/%s/", prefix, source->id);
    source->uri = x_printf("s3://%s/%s", bucket, source->root);
    _cleanup_free_ char *folder = x_printf("AWSDynamoDB/%s/", source->id);
    for (size_t i = 0; i < source->output_count; i++)
        for (size_t k = 0; k < source->outputs[i].object_count; k++)
            if (source->outputs[i].objects[k].key)
                lead_home(source, folder, &source->outputs[i].objects[k].key);
}
