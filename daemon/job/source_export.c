/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What DynamoDB's own full export says of itself, as a source; and a plain array of which nothing is known. Pure.
 * https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/S3DataExport.Output.html
 */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/memory.h"
#include "source.h"

#define LINE_MOST ((size_t)64 << 10) /* of manifest-files.json: a key has at most 1,024 bytes */

static bool refuse(struct error *error, const char *what) {
    error_set(error, ERROR_INVALID, "%s", what);
    return false;
}

static bool is_readable(const struct json_object *root, struct error *error) {
    const char *type = json_string(root, "exportType"), *format = json_string(root, "outputFormat"),
               *version = json_string(root, "version");
    if ((type && strcmp(type, "INCREMENTAL_EXPORT") == 0) || (version && strcmp(version, "2023-08-01") == 0 && !type))
        return refuse(error, "it is an incremental export (exportType INCREMENTAL_EXPORT): it holds changes, not a "
                             "table; only full exports can be read");
    if (type && strcmp(type, "FULL_EXPORT") != 0) {
        error_set(error, ERROR_INVALID, "it is an export of type %s; FULL_EXPORT can be read", type);
        return false;
    }
    if (format && strcmp(format, "DYNAMODB_JSON") != 0) {
        error_set(error, ERROR_INVALID,
                  "it is an export in %s; outputFormat DYNAMODB_JSON can be read: export it again so", format);
        return false;
    }
    return json_need_string(root, "tableArn", error) && json_need_string(root, "manifestFilesS3Key", error);
}

/* arn:aws:dynamodb:REGION:ACCOUNT:table/NAME */
static char *table_of(const char *arn) {
    const char *name = arn ? strstr(arn, ":table/") : NULL;
    return name ? x_strndup(name + 7, strcspn(name + 7, "/")) : NULL;
}

struct source *source_parse_summary(const char *text, size_t length, struct error *error) {
    struct json_object *root = json_parse(text, length, error);
    if (!root)
        return NULL;
    if (!is_readable(root, error)) {
        json_object_put(root);
        return NULL;
    }
    struct source *source = source_new(BACKUP_EXPORT);
    source->document = root;
    source->table_arn = source_text(root, "tableArn");
    source->table = table_of(source->table_arn);
    source->table_id = source_text(root, "tableId");
    source->region = table_home_region(source->table_arn);
    source->started = source->ended = source_time(root, "exportTime");
    source->items = source_count(root, "itemCount");
    source->output_count = 1;
    return source;
}

static enum stream_compression compression_of(const char *key) {
    size_t length = strlen(key);
    for (enum stream_compression i = COMPRESSION_GZIP; i <= COMPRESSION_ZSTD; i++) {
        size_t suffix = strlen(compression_suffix(i));
        if (length > suffix && strcmp(key + length - suffix, compression_suffix(i)) == 0)
            return i;
    }
    return COMPRESSION_NONE;
}

static void whole_part(struct source *source, struct source_object *object) {
    object->parts = arena_get(&source->texts, sizeof *object->parts);
    object->parts[0] = (struct source_part){.length = object->size, .items = object->items};
    object->part_count = 1;
}

struct source_object *source_add_object(struct source_output *output, struct error *error) {
    if (output->object_count == SOURCE_OBJECTS_MOST) {
        error_set(error, ERROR_TOO_LARGE, "it names more than %zu objects", SOURCE_OBJECTS_MOST);
        return NULL;
    }
    if (output->object_count == output->object_room) {
        output->object_room += output->object_room / 4 + 1;
        output->objects = x_realloc(output->objects, output->object_room * sizeof *output->objects);
    }
    return &output->objects[output->object_count++];
}

/* ------------------------------------------------------------ manifest-files.json */

/* Line by line. */
struct files_feed {
    struct source *source;
    struct buffer line;
    size_t number; /* of lines that are read */
    struct error error;
};

static bool read_file(struct source *source, const char *line, size_t length, struct error *error) {
    struct source_output *output = &source->outputs[0];
    _cleanup_json_ struct json_object *root = json_parse(line, length, error);
    if (!root)
        return false;
    const char *key = json_need_string(root, "dataFileS3Key", error);
    struct source_object *object = key ? source_add_object(output, error) : NULL;
    if (!object)
        return false;
    size_t etag_length = 0;
    const char *etag = source_etag(root, &etag_length);
    *object = (struct source_object){.key = arena_strdup(&source->texts, key),
                                     .etag = etag ? arena_strndup(&source->texts, etag, etag_length) : NULL,
                                     .size = SOURCE_UNKNOWN,
                                     .items = source_count(root, "itemCount")};
    object->has_md5 = source_bytes(root, "md5Checksum", object->md5, MD5_LENGTH);
    whole_part(source, object);
    enum stream_compression compression = compression_of(key);
    bool same = output->object_count == 1 || compression == output->compression;
    output->compression = compression;
    if (!same)
        error_set(error, ERROR_INVALID, "%s is not compressed as the files before it", key);
    return same;
}

static bool end_line(struct files_feed *feed) {
    feed->number++;
    bool good = read_file(feed->source, feed->line.data ? feed->line.data : "", feed->line.length, &feed->error);
    buffer_clear(&feed->line);
    if (!good)
        error_context(&feed->error, "line %zu", feed->number);
    return good;
}

struct files_feed *files_feed_new(struct source *source) {
    struct files_feed *feed = x_calloc(1, sizeof *feed);
    feed->source = source;
    feed->line = BUFFER_INIT(LINE_MOST);
    return feed;
}

void files_feed_free(struct files_feed *feed) {
    if (!feed)
        return;
    buffer_fini(&feed->line);
    error_clear(&feed->error);
    free(feed);
}

static bool add_to_line(struct files_feed *feed, const char *bytes, size_t length) {
    if (buffer_append(&feed->line, bytes, length))
        return true;
    error_set(&feed->error, ERROR_CORRUPT, "line %zu: it has more than %zu bytes", feed->number + 1, LINE_MOST);
    return false;
}

bool files_feed_add(struct files_feed *feed, const char *bytes, size_t length) {
    while (length && !feed->error.code) {
        const char *newline = memchr(bytes, '\n', length);
        size_t part = newline ? (size_t)(newline - bytes) : length, taken = part + (newline != NULL);
        if (!add_to_line(feed, bytes, part) || (newline && !end_line(feed)))
            break;
        bytes += taken;
        length -= taken;
    }
    return !feed->error.code;
}

bool files_feed_end(struct files_feed *feed, struct error *error) {
    if (!feed->error.code && feed->line.length)
        (void)end_line(feed);
    bool good = !feed->error.code;
    error_keep_first(error, &feed->error);
    if (good)
        source_add_up(&feed->source->outputs[0]);
    files_feed_free(feed);
    return good;
}

bool source_parse_files(struct source *source, const char *text, size_t length, struct error *error) {
    struct files_feed *feed = files_feed_new(source);
    files_feed_add(feed, text, length);
    return files_feed_end(feed, error);
}

struct source *source_of_plain(const char *bucket, const char *key) {
    struct source *source = source_new(BACKUP_PLAIN);
    struct source_output *output = &source->outputs[source->output_count++];
    *output = (struct source_output){.format = FORMAT_JSON, .compression = compression_of(key)};
    struct source_object *object = source_add_object(output, NULL);
    *object = (struct source_object){
        .key = arena_strdup(&source->texts, key), .size = SOURCE_UNKNOWN, .items = SOURCE_UNKNOWN};
    whole_part(source, object);
    output->size = output->items = source->items = SOURCE_UNKNOWN;
    source->bucket = x_strdup(bucket);
    source->prefix = x_strdup("");
    source->root = x_strdup(key);
    source->uri = x_printf("s3://%s/%s", bucket, key);
    return source;
}

/* ------------------------------------------------------------ for a person */

static void put_count(struct json_object *object, const char *name, uint64_t value) {
    if (value != SOURCE_UNKNOWN)
        json_put_integer(object, name, (int64_t)value);
}

static void put_time(struct json_object *object, const char *name, int64_t ms) {
    char text[TIME_TEXT];
    json_put_string(object, name, time_format_iso_ms(text, ms));
}

static struct json_object *describe_output(const struct source_output *output) {
    struct json_object *described = json_object_new_object(), *objects = json_object_new_array();
    json_put_string(described, "format", format_name(output->format));
    json_put_string(described, "compression", compression_name(output->compression));
    size_t shown = 0, count = output->object_count;
    for (size_t i = 0; i < count && shown < SOURCE_SHOWN; i++) {
        struct json_object *one = json_object_new_object();
        shown += strlen(output->objects[i].key) + 100;
        json_put_string(one, "key", output->objects[i].key);
        put_count(one, "items", output->objects[i].items);
        json_put_string(one, "etag", output->objects[i].etag);
        json_object_array_add(objects, one);
    }
    if (json_object_array_length(objects) < count)
        json_put_integer(described, "objects_left_out", (int64_t)(count - json_object_array_length(objects)));
    json_object_object_add(described, "objects", objects);
    return described;
}

void source_describe_export(struct source *source) {
    struct json_object *document = json_object_new_object(), *outputs = json_object_new_array();
    json_put_string(document, "id", source->id);
    json_put_string(document, "software", "DynamoDB ExportTableToPointInTime");
    json_put_string(document, "table_name", source->table);
    json_put_string(document, "table_arn", source->table_arn);
    json_put_string(document, "table_id", source->table_id);
    put_time(document, "started", source->started);
    put_time(document, "ended", source->ended);
    put_count(document, "items", source->items);
    json_put_integer(document, "objects", (int64_t)source->outputs[0].object_count);
    json_object_array_add(outputs, describe_output(&source->outputs[0]));
    json_object_object_add(document, "outputs", outputs);
    json_object_put(source->document);
    source->document = document;
}
