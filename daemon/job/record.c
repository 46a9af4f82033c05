/* SPDX-License-Identifier: Apache-2.0 */
/* The record of a backup in memory: growing lists of objects, parts and cuts. record_write.c writes it out. */
#include "job/record.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/memory.h"

struct object_record *output_record_add(struct output_record *output, const struct object_record *object) {
    output->objects = x_grow(output->objects, output->object_count, sizeof *object);
    output->objects[output->object_count] = *object;
    return &output->objects[output->object_count++];
}

struct part_record *object_record_add(struct object_record *object, const struct part_record *part) {
    object->parts = x_grow(object->parts, object->part_count, sizeof *part);
    object->parts[object->part_count] = *part;
    return &object->parts[object->part_count++];
}

void backup_record_cut(struct backup_record *record, const struct cut_record *cut) {
    record->cuts = x_grow(record->cuts, record->cut_count, sizeof *cut);
    record->cuts[record->cut_count++] = *cut;
}

static void object_record_fini(struct object_record *object) {
    for (size_t i = 0; i < object->part_count; i++)
        free(object->parts[i].etag);
    free(object->parts);
    free(object->key);
    free(object->etag);
    free(object->upload_id);
}

void object_record_sum(struct object_record *object) {
    object->size = object->items = object->crc32 = 0;
    for (size_t i = 0; i < object->part_count; i++) {
        const struct part_record *part = &object->parts[i];
        object->crc32 = i ? crc32_join(object->crc32, part->crc32, part->length) : part->crc32;
        object->size += part->length;
        object->items += part->items;
    }
}

struct backup_record *backup_record_new(void) {
    struct backup_record *record = x_calloc(1, sizeof *record);
    record->references = 1;
    return record;
}

struct backup_record *backup_record_ref(struct backup_record *record) {
    record->references++;
    return record;
}

void backup_record_unref(struct backup_record *record) {
    if (--record->references)
        return;
    for (size_t i = 0; i < record->output_count; i++) {
        for (size_t k = 0; k < record->outputs[i].object_count; k++)
            object_record_fini(&record->outputs[i].objects[k]);
        free(record->outputs[i].objects);
    }
    free(record->cuts);
    free(record->job);
    free(record->table);
    free(record->table_arn);
    free(record->table_id);
    free(record->region);
    free(record->host);
    free(record->machine_id);
    free(record->kms_key_id);
    free(record->csv_header);
    json_object_put(record->definition);
    backup_names_fini(&record->names);
    free(record);
}

uint64_t backup_record_stored(const struct backup_record *record) {
    uint64_t bytes = 0;
    for (size_t i = 0; i < record->output_count; i++)
        for (size_t k = 0; k < record->outputs[i].object_count; k++)
            bytes += record->outputs[i].objects[k].size;
    return bytes;
}

size_t backup_record_objects(const struct backup_record *record) {
    size_t objects = 0;
    for (size_t i = 0; i < record->output_count; i++)
        objects += record->outputs[i].object_count;
    return objects;
}

const struct output_record *backup_record_output(const struct backup_record *record, enum stream_format format) {
    for (size_t i = 0; i < record->output_count; i++)
        if (record->outputs[i].format == format)
            return &record->outputs[i];
    return NULL;
}

struct csv_columns *record_columns(const struct backup_record *record) {
    const char *text = record->csv_header;
    struct csv_columns *columns = text ? csv_columns_restore(text, strlen(text), NULL) : NULL;
    if (columns)
        return columns;
    columns = csv_columns_new();
    struct json_object *keys = json_array_at(json_object_at(record->definition, "Table"), "KeySchema");
    for (int range = 0; range < 2; range++)
        for (size_t i = 0; keys && i < json_object_array_length(keys); i++) {
            const struct json_object *key = json_object_array_get_idx(keys, i);
            const char *name = json_string(key, "AttributeName"), *type = json_string(key, "KeyType");
            if (name && type && strcmp(type, range ? "RANGE" : "HASH") == 0)
                csv_columns_add(columns, name, strlen(name));
        }
    return columns;
}

void backup_summary_fini(struct backup_summary *summary) {
    free(summary->id);
    free(summary->job);
    free(summary->run);
    free(summary->table_arn);
    free(summary->table);
    free(summary->uri);
    *summary = (struct backup_summary){0};
}
