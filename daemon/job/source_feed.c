/* SPDX-License-Identifier: Apache-2.0 */
/*
 * backup.json as a source, however long it is: its objects, parts and cuts come one at a time (base/json_split.h) and are kept in few bytes
 * each; what is left, its head and the table's definition, is read as a whole at the end.
 *
 * What it says is checked against itself: parts follow each other, sums are sums. With `lenient` the first thing that is wrong is kept in
 * `damage`, and what can be read is read. Pure.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/json_split.h"
#include "base/memory.h"
#include "job/seal.h"
#include "source.h"

#define HEAD_MOST   ((size_t)16 << 20) /* the table's definition is the most of it */
#define OUTPUT_MOST ((size_t)16 << 20) /* csv's columns: all names of a page */
#define OBJECT_MOST ((size_t)64 << 10) /* a key has at most 1,024 bytes */
#define PART_MOST   ((size_t)4 << 10)

enum { OUTPUTS, OBJECTS, PARTS, CUTS, RULES };

static const struct json_split_rule rules[RULES] = {
    [OUTPUTS] = {"outputs", -1, OUTPUT_MOST},
    [OBJECTS] = {"objects", OUTPUTS, OBJECT_MOST},
    [PARTS] = {"parts", OBJECTS, PART_MOST},
    [CUTS] = {"cuts", -1, PART_MOST},
};

struct backup_feed {
    struct json_split *split;
    struct seal *seal;
    struct source *source;
    bool lenient;
    size_t outputs;        /* that are whole */
    struct error broken;   /* it is no such text at all */
    struct error damage;   /* the first thing of its outputs that is wrong */
    size_t objects, parts; /* of all outputs */
    /* of the object that comes next */
    struct source_part *list;
    size_t count, room;
    uint64_t bytes, items;
    bool parts_wrong;
    /* for `show`, of those that are not whole yet */
    struct json_object *shown[RULES];
    size_t left_out[RULES], room_to_show[RULES];
};

/* ------------------------------------------------------------ for `show` */

static struct json_object *take_shown(struct backup_feed *feed, size_t rule) {
    struct json_object *list = take_pointer(feed->shown[rule]);
    return list ? list : json_object_new_array();
}

/* The elements that were shown of it, back into the object that they came out of. */
static void put_back(struct backup_feed *feed, size_t rule, struct json_object *object) {
    static const char *const left_out[RULES] = {"outputs_left_out", "objects_left_out", "parts_left_out",
                                                "cuts_left_out"};
    struct json_object *list = take_shown(feed, rule);
    if (json_array_at(object, rules[rule].name))
        json_object_object_add(object, rules[rule].name, list);
    else
        json_object_put(list);
    if (feed->left_out[rule])
        json_put_integer(object, left_out[rule], (int64_t)feed->left_out[rule]);
    feed->left_out[rule] = 0;
}

/* Once one has no room, none that follows has. Outputs are few, and always shown. */
static void show(struct backup_feed *feed, size_t rule, struct json_object *one, size_t length) {
    size_t *room = &feed->room_to_show[rule];
    bool fits = rule == OUTPUTS ? feed->outputs <= SOURCE_OUTPUTS : length <= *room;
    *room = fits && rule != OUTPUTS ? *room - length : 0;
    if (!fits) {
        feed->left_out[rule]++;
        return;
    }
    if (!feed->shown[rule])
        feed->shown[rule] = json_object_new_array();
    json_object_array_add(feed->shown[rule], json_object_get(one));
}

/* ------------------------------------------------------------ parts */

static bool crc_of(const struct json_object *object, uint32_t *crc) {
    unsigned char bytes[4];
    if (!source_bytes(object, "crc32", bytes, sizeof bytes))
        return false;
    *crc = (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
    return true;
}

static void add_part(struct backup_feed *feed, const struct source_part *part) {
    if (feed->count == feed->room) {
        feed->room += feed->room / 2 + 1;
        feed->list = x_realloc(feed->list, feed->room * sizeof *feed->list);
    }
    feed->list[feed->count++] = *part;
}

static bool take_part(struct backup_feed *feed, const struct json_object *json, struct error *error) {
    struct source_part part = {.offset = source_count(json, "offset"),
                               .length = source_count(json, "length"),
                               .items = source_count(json, "items")};
    if (feed->parts++ == SOURCE_PARTS_MOST) {
        error_set(error, ERROR_TOO_LARGE, "it names more than %zu parts", SOURCE_PARTS_MOST);
        return false;
    }
    part.has_crc32 = crc_of(json, &part.crc32);
    if (part.offset != feed->bytes || part.length == SOURCE_UNKNOWN || part.items == SOURCE_UNKNOWN || !part.has_crc32)
        feed->parts_wrong = true;
    if (feed->parts_wrong)
        return true;
    feed->bytes = source_plus(feed->bytes, part.length);
    feed->items = source_plus(feed->items, part.items);
    add_part(feed, &part);
    return true;
}

static void take_parts(struct backup_feed *feed, struct source_object *object) {
    if (!feed->count && !object->size && !feed->parts_wrong)
        add_part(feed, &(struct source_part){.has_crc32 = true});
    object->part_count = feed->count;
    object->parts = arena_get(&feed->source->texts, feed->count * sizeof *object->parts);
    if (feed->count)
        memcpy(object->parts, feed->list, feed->count * sizeof *object->parts);
}

static void forget_parts(struct backup_feed *feed) {
    feed->count = 0;
    feed->bytes = feed->items = 0;
    feed->parts_wrong = false;
}

/* ------------------------------------------------------------ objects */

static void wrong(struct backup_feed *feed, const char *key, const char *what) {
    error_set(&feed->damage, ERROR_CORRUPT, "%s: %s", key && *key ? key : "an object", what);
}

/* One that cannot be asked for has no parts: nobody reads it. */
static void judge_object(struct backup_feed *feed, struct source_object *object) {
    if (!object->key || !*object->key || object->size == SOURCE_UNKNOWN || object->items == SOURCE_UNKNOWN) {
        wrong(feed, object->key, "it lacks key, size or items");
        return;
    }
    take_parts(feed, object);
    if (feed->parts_wrong)
        wrong(feed, object->key, "its parts do not follow each other, or one lacks length, items or crc32");
    else if (feed->bytes != object->size || feed->items != object->items)
        wrong(feed, object->key, "its parts' sums are not its size and items");
}

static bool take_object(struct backup_feed *feed, const struct json_object *json, struct error *error) {
    struct source *source = feed->source;
    size_t etag_length = 0;
    const char *etag = source_etag(json, &etag_length);
    if (feed->damage.code || feed->outputs >= SOURCE_OUTPUTS)
        return true;
    struct source_object *object = source_add_object(&source->outputs[feed->outputs], error);
    if (!object)
        return false;
    source->output_count = feed->outputs + 1;
    *object = (struct source_object){.key = arena_strdup(&source->texts, json_string(json, "key")),
                                     .etag = etag ? arena_strndup(&source->texts, etag, etag_length) : NULL,
                                     .size = source_count(json, "size"),
                                     .items = source_count(json, "items")};
    object->has_crc32 = crc_of(json, &object->crc32);
    object->has_md5 = source_bytes(json, "md5", object->md5, MD5_LENGTH);
    judge_object(feed, object);
    return true;
}

/* ------------------------------------------------------------ outputs */

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

static bool read_columns(struct source_output *output, const struct json_object *json, struct error *error) {
    struct json_object *columns = json_array_at(json, "columns");
    if (output->format != FORMAT_CSV || !columns)
        return true;
    const char *text = json_object_to_json_string_ext(columns, JSON_C_TO_STRING_PLAIN);
    output->columns = csv_columns_restore(text, strlen(text), error);
    return output->columns;
}

/* Its objects are there already. One behind the first damage is not taken. */
static void take_output(struct backup_feed *feed, const struct json_object *json) {
    struct source *source = feed->source;
    size_t number = feed->outputs++;
    if (number >= SOURCE_OUTPUTS || (feed->damage.code && source->output_count <= number))
        return;
    struct source_output *output = &source->outputs[number];
    struct error error = {0};
    source->output_count = number + 1;
    if (!read_kind(output, json))
        error_set(&error, ERROR_CORRUPT, "an output of a format or compression that this version does not know");
    else
        (void)read_columns(output, json, &error);
    source_add_up(output);
    error_keep_first(&feed->damage, &error);
}

/* ------------------------------------------------------------ pieces */

static bool take_element(struct backup_feed *feed, size_t rule, struct json_object *json, struct error *error) {
    switch (rule) {
    case PARTS:
        return take_part(feed, json, error);
    case OBJECTS:
        put_back(feed, PARTS, json);
        bool good = take_object(feed, json, error);
        forget_parts(feed);
        return good;
    case OUTPUTS:
        put_back(feed, OBJECTS, json);
        take_output(feed, json);
        return true;
    default:
        return true;
    }
}

static bool on_element(void *arg, size_t rule, const char *text, size_t length, struct error *error) {
    struct backup_feed *feed = arg;
    _cleanup_json_ struct json_object *json = json_parse(text, length, error);
    if (!json || !take_element(feed, rule, json, error))
        return false;
    show(feed, rule, json, length);
    return true;
}

struct backup_feed *backup_feed_new(bool lenient) {
    struct backup_feed *feed = x_calloc(1, sizeof *feed);
    struct json_split_events events = {on_element, feed};
    feed->split = json_split_new(rules, RULES, HEAD_MOST, &events);
    feed->seal = seal_new();
    feed->source = source_new(BACKUP_OURS);
    feed->lenient = lenient;
    feed->room_to_show[OBJECTS] = SOURCE_SHOWN / 2;
    feed->room_to_show[PARTS] = feed->room_to_show[CUTS] = SOURCE_SHOWN / 4;
    return feed;
}

void backup_feed_free(struct backup_feed *feed) {
    if (!feed)
        return;
    json_split_free(feed->split);
    seal_free(feed->seal);
    source_unref(feed->source);
    error_clear(&feed->broken);
    error_clear(&feed->damage);
    for (size_t i = 0; i < RULES; i++)
        json_object_put(feed->shown[i]);
    free(feed->list);
    free(feed);
}

bool backup_feed_add(struct backup_feed *feed, const char *bytes, size_t length) {
    if (feed->broken.code || !json_split_add(feed->split, bytes, length, &feed->broken))
        return false;
    seal_update(feed->seal, bytes, length);
    return true;
}

/* ------------------------------------------------------------ its end */

static bool read_rest(struct backup_feed *feed, struct error *error) {
    const char *text;
    size_t length;
    if (!json_split_end(feed->split, &text, &length, error))
        return false;
    struct json_object *root = feed->source->document = json_parse(text, length, error);
    if (!root || !json_need_string(root, "id", error) || !json_need_string(root, "job", error))
        return false;
    source_read_head(feed->source, root);
    put_back(feed, OUTPUTS, root);
    put_back(feed, CUTS, root);
    return true;
}

static void judge_outputs(struct backup_feed *feed) {
    const struct source *source = feed->source;
    struct error error = {0};
    if (!feed->outputs || feed->outputs > SOURCE_OUTPUTS)
        error_set(&error, ERROR_CORRUPT, "it names %zu outputs; there are one to three", feed->outputs);
    for (size_t i = 0; i < source->output_count && !error.code; i++)
        if (source->outputs[i].items != source->items)
            error_set(&error, ERROR_CORRUPT, "the items of its %s objects add up to %" PRIu64 ", not %" PRIu64,
                      format_name(source->outputs[i].format), source->outputs[i].items, source->items);
    error_keep_first(&feed->damage, &error);
}

/* What is wrong with it as a whole: the seal comes first. */
static struct error judge(struct backup_feed *feed) {
    struct error damage = {0};
    (void)seal_end(take_pointer(feed->seal), &damage);
    judge_outputs(feed);
    error_keep_first(&damage, &feed->damage);
    return damage;
}

struct source *backup_feed_end(struct backup_feed *feed, struct error *error) {
    struct source *source = NULL;
    if (!feed->broken.code)
        (void)read_rest(feed, &feed->broken);
    if (feed->broken.code) {
        error_context(&feed->broken, "it is no record of a backup");
        error_keep_first(error, &feed->broken);
        backup_feed_free(feed);
        return NULL;
    }
    struct error damage = judge(feed);
    if (!damage.code || feed->lenient) {
        source = take_pointer(feed->source);
        source->damage = damage;
    } else {
        error_keep_first(error, &damage);
    }
    backup_feed_free(feed);
    return source;
}
