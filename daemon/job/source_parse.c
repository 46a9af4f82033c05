/* SPDX-License-Identifier: Apache-2.0 */
/*
 * backup.json as a source. What it says is checked against itself: parts follow each other, sums are sums. With `lenient` the first thing that is wrong is kept in `damage`, and what can be read is read. Pure.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/encoding.h"
#include "base/json.h"
#include "base/memory.h"
#include "job/seal.h"
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

static bool crc_of(const struct json_object *object, uint32_t *crc) {
    unsigned char bytes[4];
    if (!source_bytes(object, "crc32", bytes, sizeof bytes))
        return false;
    *crc = (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
    return true;
}

char *source_etag(const struct json_object *object) {
    const char *text = json_string(object, "etag");
    if (!text || !*text)
        return NULL;
    size_t length = strlen(text);
    bool quoted = length >= 2 && text[0] == '"' && text[length - 1] == '"';
    return quoted ? x_strndup(text + 1, length - 2) : x_strdup(text);
}

static size_t length_of(const struct json_object *array) {
    return array ? json_object_array_length(array) : 0;
}

static uint64_t plus(uint64_t a, uint64_t b) {
    return a == SOURCE_UNKNOWN || b == SOURCE_UNKNOWN || a > UINT64_MAX - 1 - b ? SOURCE_UNKNOWN : a + b;
}

/* ------------------------------------------------------------ backup.json */

static bool wrong(struct error *error, const char *key, const char *what) {
    error_set(error, ERROR_CORRUPT, "%s: %s", key ? key : "an object", what);
    return false;
}

static bool read_parts(struct source_object *object, const struct json_object *json, struct error *error) {
    struct json_object *parts = json_array_at(json, "parts");
    size_t count = length_of(parts);
    uint64_t items = 0, bytes = 0;
    object->parts = x_calloc(count + 1, sizeof *object->parts);
    for (size_t i = 0; i < count; i++) {
        struct json_object *one = json_object_array_get_idx(parts, i);
        struct source_part part = {.offset = source_count(one, "offset"),
                                   .length = source_count(one, "length"),
                                   .items = source_count(one, "items")};
        part.has_crc32 = crc_of(one, &part.crc32);
        if (part.offset != bytes || part.length == SOURCE_UNKNOWN || part.items == SOURCE_UNKNOWN || !part.has_crc32)
            return wrong(error, object->key, "its parts do not follow each other, or one lacks length, items or crc32");
        bytes = plus(bytes, part.length);
        items = plus(items, part.items);
        object->parts[object->part_count++] = part;
    }
    if (!count && !object->size)
        object->parts[object->part_count++] = (struct source_part){.has_crc32 = true};
    return (bytes == object->size && items == object->items) ||
           wrong(error, object->key, "its parts' sums are not its size and items");
}

static bool read_object(struct source_object *object, const struct json_object *json, struct error *error) {
    *object = (struct source_object){.key = source_text(json, "key"),
                                     .etag = source_etag(json),
                                     .size = source_count(json, "size"),
                                     .items = source_count(json, "items")};
    object->has_crc32 = crc_of(json, &object->crc32);
    object->has_md5 = source_bytes(json, "md5", object->md5, MD5_LENGTH);
    if (!object->key || !*object->key || object->size == SOURCE_UNKNOWN || object->items == SOURCE_UNKNOWN)
        return wrong(error, object->key, "it lacks key, size or items");
    return read_parts(object, json, error);
}

static bool read_kind(struct source_output *output, const struct json_object *json) {
    const char *format = json_string(json, "format"), *compression = json_string(json, "compression");
    int found = 0;
    for (enum stream_format i = FORMAT_DYNAMODB_JSON; format && i <= FORMAT_CSV; i++)
        if (strcmp(format, format_name(i)) == 0) {
            output->format = i;
            found++;
        }
    for (enum stream_compression i = COMPRESSION_NONE; compression && i <= COMPRESSION_ZSTD; i++)
        if (strcmp(compression, compression_name(i)) == 0) {
            output->compression = i;
            found++;
        }
    return found == 2;
}

void source_add_up(struct source_output *output) {
    output->size = output->items = 0;
    for (size_t i = 0; i < output->object_count; i++) {
        output->size = plus(output->size, output->objects[i].size);
        output->items = plus(output->items, output->objects[i].items);
    }
}

static bool read_columns(struct source_output *output, const struct json_object *json, struct error *error) {
    struct json_object *columns = json_array_at(json, "columns");
    if (output->format != FORMAT_CSV || !columns)
        return true;
    const char *text = json_object_to_json_string_ext(columns, JSON_C_TO_STRING_PLAIN);
    output->columns = csv_columns_restore(text, strlen(text), error);
    return output->columns;
}

static bool read_output(struct source_output *output, const struct json_object *json, struct error *error) {
    struct json_object *objects = json_array_at(json, "objects");
    size_t count = length_of(objects);
    if (!read_kind(output, json)) {
        error_set(error, ERROR_CORRUPT, "an output of a format or compression that this version does not know");
        return false;
    }
    if (!read_columns(output, json, error))
        return false;
    output->objects = x_calloc(count + 1, sizeof *output->objects);
    for (size_t i = 0; i < count; i++)
        if (!read_object(&output->objects[output->object_count++], json_object_array_get_idx(objects, i), error))
            return false;
    source_add_up(output);
    return true;
}

static bool read_outputs(struct source *source, const struct json_object *root, struct error *error) {
    struct json_object *outputs = json_array_at(root, "outputs");
    size_t count = length_of(outputs);
    if (!count || count > SOURCE_OUTPUTS) {
        error_set(error, ERROR_CORRUPT, "it names %zu outputs; there are one to three", count);
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        struct source_output *output = &source->outputs[source->output_count++];
        if (!read_output(output, json_object_array_get_idx(outputs, i), error))
            return false;
        if (output->items != source->items) {
            error_set(error, ERROR_CORRUPT, "the items of its %s objects add up to %" PRIu64 ", not %" PRIu64,
                      format_name(output->format), output->items, source->items);
            return false;
        }
    }
    return true;
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

static void read_head(struct source *source, const struct json_object *root) {
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
    source->region = source->table_arn ? table_arn_region(source->table_arn) : NULL;
    source->started = source_time(root, "scan_started");
    source->ended = source_time(root, "scan_ended");
    source->resumed = (unsigned)json_integer(root, "resumed", 0);
    source->items = source_count(root, "items");
    source->definition = json_object_get(json_object_at(root, "table"));
    read_types(source, root);
    read_digest(source, root);
}

static bool read_backup(struct source *source, const char *text, size_t length, struct error *error) {
    struct json_object *root = source->document;
    read_head(source, root);
    read_manifests(source, root);
    bool sealed = seal_check(text, length, error);
    struct error further = {0};
    bool whole = read_outputs(source, root, &further);
    error_keep_first(error, &further);
    return sealed && whole;
}

struct source *source_parse_backup(const char *text, size_t length, bool lenient, struct error *error) {
    struct json_object *root = json_parse(text, length, error);
    if (!root || !json_need_string(root, "id", error) || !json_need_string(root, "job", error)) {
        error_context(error, "it is no record of a backup");
        json_object_put(root);
        return NULL;
    }
    struct source *source = source_new(BACKUP_OURS);
    source->document = root;
    struct error damage = {0};
    if (read_backup(source, text, length, &damage))
        return source;
    if (lenient) {
        source->damage = damage;
        return source;
    }
    error_keep_first(error, &damage);
    source_unref(source);
    return NULL;
}

/* ------------------------------------------------------------ its place */

/* A backup that was copied elsewhere, with all its folder and the plain objects beside AWSDynamoDB/, is read where it stands. */
static void lead_home(struct source *source, char **key) {
    _cleanup_free_ char *folder = x_printf("AWSDynamoDB/%s/", source->id);
    const char *inside = strstr(*key, folder), *last = strrchr(*key, '/');
    char *here;
    last = last ? last + 1 : *key;
    if (inside)
        here = x_printf("%s%s", source->root, inside + strlen(folder));
    else if (strncmp(last, "backup-", strlen("backup-")) == 0)
        here = x_printf("%s%s", source->prefix, last);
    else
        return;
    free(*key);
    *key = here;
}

void source_settle(struct source *source, const char *bucket, const char *prefix) {
    source->bucket = x_strdup(bucket);
    source->prefix = x_strdup(prefix);
    source->root = x_printf("%sAWSDynamoDB/%s/", prefix, source->id);
    source->uri = x_printf("s3://%s/%s", bucket, source->root);
    for (size_t i = 0; i < source->output_count; i++)
        for (size_t k = 0; k < source->outputs[i].object_count; k++)
            if (source->outputs[i].objects[k].key)
                lead_home(source, &source->outputs[i].objects[k].key);
}
