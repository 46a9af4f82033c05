/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From DescribeTable's words to CreateTable's. They are not the same: a description says BillingModeSummary, SSEDescription,
 * TableClassSummary where a request says BillingMode, SSESpecification, TableClass, and holds counts, dates and states that
 * a request must not.
 */
#include "job/definition.h"

#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/json.h"
#include "base/memory.h"

static struct json_object *table_of(struct json_object *definition) {
    return json_object_at(definition, "Table");
}

static size_t length_of(const struct json_object *array) {
    return array ? json_object_array_length(array) : 0;
}

static bool is_text(const struct json_object *object, const char *name, const char *value) {
    const char *text = json_string(object, name);
    return text && strcmp(text, value) == 0;
}

/* to[name] = from[name], where it is there; shared, not copied. */
static void carry(struct json_object *to, struct json_object *from, const char *name) {
    struct json_object *value = NULL;
    if (json_object_object_get_ex(from, name, &value) && value)
        json_object_object_add(to, name, json_object_get(value));
}

static char *text_of(struct json_object *object) {
    char *text =
        x_strdup(json_object_to_json_string_ext(object, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
    json_object_put(object);
    return text;
}

/* ------------------------------------------------------------ keys */

static const char *key_attribute(struct json_object *table, const char *type) {
    struct json_object *schema = json_array_at(table, "KeySchema");
    for (size_t i = 0; i < length_of(schema); i++) {
        struct json_object *element = json_object_array_get_idx(schema, i);
        if (is_text(element, "KeyType", type))
            return json_string(element, "AttributeName");
    }
    return NULL;
}

bool definition_key(struct json_object *table, struct key_names *key, struct error *error) {
    *key = (struct key_names){key_attribute(table, "HASH"), key_attribute(table, "RANGE")};
    if (!key->hash)
        error_set(error, ERROR_CORRUPT, "the table's description names no key");
    return key->hash;
}

static const char *attribute_type(struct json_object *table, const char *name) {
    struct json_object *attributes = json_array_at(table, "AttributeDefinitions");
    for (size_t i = 0; name && i < length_of(attributes); i++) {
        struct json_object *attribute = json_object_array_get_idx(attributes, i);
        if (is_text(attribute, "AttributeName", name))
            return json_string(attribute, "AttributeType");
    }
    return NULL;
}

/* "id (S), at (N)": the key of a table, or of one of its indexes. */
static char *key_words(struct json_object *table, struct json_object *keyed) {
    const char *hash = key_attribute(keyed, "HASH"), *range = key_attribute(keyed, "RANGE");
    const char *hash_type = attribute_type(table, hash), *range_type = attribute_type(table, range);
    return x_printf("%s (%s)%s%s%s%s%s", hash ? hash : "?", hash_type ? hash_type : "?", range ? ", " : "",
                    range ? range : "", range ? " (" : "", range ? (range_type ? range_type : "?") : "",
                    range ? ")" : "");
}

bool definition_matches(struct json_object *definition, struct json_object *existing, struct error *error) {
    _cleanup_free_ char *saved = key_words(table_of(definition), table_of(definition)),
                        *found = key_words(existing, existing);
    if (strcmp(saved, found) == 0)
        return true;
    error_set(error, ERROR_INVALID, "its key is %s, the backup's is %s", found, saved);
    return false;
}

char *definition_index_keys(struct json_object *table) {
    static const char *const kinds[] = {"LocalSecondaryIndexes", "GlobalSecondaryIndexes"};
    struct buffer words = BUFFER_INIT(BUFFER_OURS);
    for (size_t kind = 0; kind < array_length(kinds); kind++) {
        struct json_object *indexes = json_array_at(table, kinds[kind]);
        for (size_t i = 0; i < length_of(indexes); i++) {
            struct json_object *index = json_object_array_get_idx(indexes, i);
            const char *name = json_string(index, "IndexName");
            _cleanup_free_ char *key = key_words(table, index);
            buffer_printf(&words, "%s%s: %s", words.length ? "; " : "", name ? name : "?", key);
        }
    }
    return words.length ? buffer_take(&words) : NULL;
}

double definition_write_capacity(struct json_object *table) {
    return (double)json_integer(json_object_at(table, "ProvisionedThroughput"), "WriteCapacityUnits", 0);
}

double definition_read_capacity(struct json_object *table) {
    int64_t units = json_integer(json_object_at(table, "ProvisionedThroughput"), "ReadCapacityUnits", 0);
    if (units <= 0)
        units = json_integer(json_object_at(table, "OnDemandThroughput"), "MaxReadRequestUnits", 0);
    return units > 0 ? (double)units : 0; /* -1: no maximum */
}

bool definition_is_active(struct json_object *table) {
    struct json_object *indexes = json_array_at(table, "GlobalSecondaryIndexes");
    if (!is_text(table, "TableStatus", "ACTIVE"))
        return false;
    for (size_t i = 0; i < length_of(indexes); i++)
        if (!is_text(json_object_array_get_idx(indexes, i), "IndexStatus", "ACTIVE"))
            return false;
    return true;
}

/* ------------------------------------------------------------ CreateTable */

static bool is_on_demand(struct json_object *table) {
    return is_text(json_object_at(table, "BillingModeSummary"), "BillingMode", "PAY_PER_REQUEST");
}

static struct json_object *throughput(struct json_object *described) {
    struct json_object *from = json_object_at(described, "ProvisionedThroughput"), *to = json_object_new_object();
    int64_t read = json_integer(from, "ReadCapacityUnits", 1), write = json_integer(from, "WriteCapacityUnits", 1);
    json_put_integer(to, "ReadCapacityUnits", read > 0 ? read : 1);
    json_put_integer(to, "WriteCapacityUnits", write > 0 ? write : 1);
    return to;
}

/* MaxReadRequestUnits, MaxWriteRequestUnits; NULL where neither limits anything (absent, or -1). */
static struct json_object *on_demand_limits(struct json_object *described) {
    static const char *const names[] = {"MaxReadRequestUnits", "MaxWriteRequestUnits"};
    struct json_object *from = json_object_at(described, "OnDemandThroughput"), *to = NULL;
    for (size_t i = 0; i < array_length(names); i++) {
        int64_t most = json_integer(from, names[i], -1);
        if (most <= 0)
            continue;
        to = to ? to : json_object_new_object();
        json_put_integer(to, names[i], most);
    }
    return to;
}

static struct json_object *index_of(struct json_object *described, bool global, bool on_demand, unsigned without) {
    struct json_object *index = json_object_new_object(), *limits;
    carry(index, described, "IndexName");
    carry(index, described, "KeySchema");
    carry(index, described, "Projection");
    if (global && !on_demand)
        json_object_object_add(index, "ProvisionedThroughput", throughput(described));
    else if (global && !(without & OPTIONAL_ON_DEMAND_THROUGHPUT) && (limits = on_demand_limits(described)))
        json_object_object_add(index, "OnDemandThroughput", limits);
    return index;
}

static void add_indexes(struct json_object *body, struct json_object *table, const char *name, unsigned without) {
    struct json_object *from = json_array_at(table, name), *to = json_object_new_array();
    bool global = name[0] == 'G';
    for (size_t i = 0; i < length_of(from); i++) {
        struct json_object *described = json_object_array_get_idx(from, i);
        if (!is_text(described, "IndexStatus", "DELETING"))
            json_object_array_add(to, index_of(described, global, is_on_demand(table), without));
    }
    if (length_of(to))
        json_object_object_add(body, name, json_object_get(to));
    json_object_put(to);
}

static const char *table_class(struct json_object *table) {
    const char *class = json_string(json_object_at(table, "TableClassSummary"), "TableClass");
    return class && strcmp(class, "STANDARD") != 0 ? class : NULL; /* what every table is that says nothing */
}

static bool has_stream(struct json_object *table) {
    return json_boolean(json_object_at(table, "StreamSpecification"), "StreamEnabled", false);
}

static bool is_our_tag(struct json_object *tag) {
    const char *key = json_string(tag, "Key");
    return key && strncmp(key, "aws:", 4) != 0;
}

/* Those that anyone but AWS may set; NULL where there are none. */
static struct json_object *our_tags(struct json_object *definition) {
    struct json_object *from = json_array_at(definition, "Tags"), *to = NULL;
    for (size_t i = 0; i < length_of(from); i++) {
        struct json_object *tag = json_object_array_get_idx(from, i);
        if (!is_our_tag(tag))
            continue;
        to = to ? to : json_object_new_array();
        json_object_array_add(to, json_object_get(tag));
    }
    return to;
}

static void add_optional(struct json_object *body, const struct definition_use *use, unsigned without) {
    struct json_object *table = table_of(use->definition), *made;
    if (!(without & OPTIONAL_TABLE_CLASS))
        json_put_string(body, "TableClass", table_class(table));
    if (!(without & OPTIONAL_TAGS) && (made = our_tags(use->definition)))
        json_object_object_add(body, "Tags", made);
    if (!(without & OPTIONAL_ON_DEMAND_THROUGHPUT) && is_on_demand(table) && (made = on_demand_limits(table)))
        json_object_object_add(body, "OnDemandThroughput", made);
    if (!(without & OPTIONAL_STREAM) && has_stream(table))
        carry(body, table, "StreamSpecification");
}

static bool is_named(struct json_object *keyed, const char *attribute) {
    struct json_object *schema = json_array_at(keyed, "KeySchema");
    for (size_t i = 0; i < length_of(schema); i++)
        if (is_text(json_object_array_get_idx(schema, i), "AttributeName", attribute))
            return true;
    return false;
}

static bool is_named_by_any(struct json_object *indexes, const char *attribute) {
    for (size_t i = 0; i < length_of(indexes); i++)
        if (is_named(json_object_array_get_idx(indexes, i), attribute))
            return true;
    return false;
}

/* CreateTable refuses an attribute that no key of the body names: of a scratch table's only its own key is left, and an index that was
 * being deleted leaves its own behind. */
static void add_attributes(struct json_object *body, struct json_object *table) {
    struct json_object *from = json_array_at(table, "AttributeDefinitions"), *to = json_object_new_array();
    for (size_t i = 0; i < length_of(from); i++) {
        struct json_object *attribute = json_object_array_get_idx(from, i);
        const char *name = json_string(attribute, "AttributeName");
        if (name && (is_named(body, name) || is_named_by_any(json_array_at(body, "LocalSecondaryIndexes"), name) ||
                     is_named_by_any(json_array_at(body, "GlobalSecondaryIndexes"), name)))
            json_object_array_add(to, json_object_get(attribute));
    }
    json_object_object_add(body, "AttributeDefinitions", to);
}

static bool has_keys(struct json_object *table, struct error *error) {
    const char *hash = key_attribute(table, "HASH"), *range = key_attribute(table, "RANGE");
    bool whole = hash && attribute_type(table, hash) && (!range || attribute_type(table, range));
    if (!whole)
        error_set(error, ERROR_CORRUPT, "the backup's definition of the table lacks its key");
    return whole;
}

char *definition_create(const struct definition_use *use, unsigned without, struct error *error) {
    struct json_object *table = table_of(use->definition);
    if (!has_keys(table, error))
        return NULL;
    struct json_object *body = json_object_new_object();
    bool on_demand = use->keys_only || is_on_demand(table);
    json_put_string(body, "TableName", use->table);
    carry(body, table, "KeySchema");
    json_put_string(body, "BillingMode", on_demand ? "PAY_PER_REQUEST" : "PROVISIONED");
    if (!on_demand)
        json_object_object_add(body, "ProvisionedThroughput", throughput(table));
    if (!use->keys_only) {
        add_indexes(body, table, "LocalSecondaryIndexes", without);
        add_indexes(body, table, "GlobalSecondaryIndexes", without);
        add_optional(body, use, without);
    }
    add_attributes(body, table);
    return text_of(body);
}

/* ------------------------------------------------------------ what may be refused */

static bool has_index_limits(struct json_object *table) {
    struct json_object *indexes = json_array_at(table, "GlobalSecondaryIndexes");
    bool found = false;
    for (size_t i = 0; i < length_of(indexes) && !found; i++) {
        struct json_object *limits = on_demand_limits(json_object_array_get_idx(indexes, i));
        found = limits;
        json_object_put(limits);
    }
    return found;
}

unsigned definition_optional(const struct definition_use *use) {
    struct json_object *table = table_of(use->definition);
    if (use->keys_only)
        return 0;
    struct json_object *tags = our_tags(use->definition), *limits = on_demand_limits(table);
    unsigned found = (table_class(table) ? OPTIONAL_TABLE_CLASS : 0u) | (tags ? OPTIONAL_TAGS : 0u) |
                     (is_on_demand(table) && (limits || has_index_limits(table)) ? OPTIONAL_ON_DEMAND_THROUGHPUT : 0u) |
                     (has_stream(table) ? OPTIONAL_STREAM : 0u);
    json_object_put(tags);
    json_object_put(limits);
    return found;
}

const char *definition_optional_name(unsigned bit) {
    switch (bit) {
    case OPTIONAL_TABLE_CLASS:
        return "TableClass";
    case OPTIONAL_TAGS:
        return "Tags";
    case OPTIONAL_ON_DEMAND_THROUGHPUT:
        return "OnDemandThroughput";
    default:
        return "StreamSpecification";
    }
}

/* ------------------------------------------------------------ after the data */

static const struct {
    const char *name, *operation;
    bool updates;
} steps[DEFINITION_STEPS] = {
    [STEP_ENCRYPTION] = {"encryption", "UpdateTable", true},
    [STEP_TAGS] = {"tags", "TagResource", false},
    [STEP_TIME_TO_LIVE] = {"time to live", "UpdateTimeToLive", false},
    [STEP_RECOVERY] = {"point-in-time recovery", "UpdateContinuousBackups", false},
    [STEP_PROTECTION] = {"deletion protection", "UpdateTable", true},
};

const char *definition_step_name(enum definition_step step) {
    return steps[step].name;
}

const char *definition_step_operation(enum definition_step step) {
    return steps[step].operation;
}

bool definition_step_updates(enum definition_step step) {
    return steps[step].updates;
}

/* arn:aws:kms:REGION:ACCOUNT:key/ID: the part between two colons. */
static bool arn_part_is(const char *arn, int part, const char *wanted) {
    for (; part && arn; part--) {
        arn = strchr(arn, ':');
        arn = arn ? arn + 1 : NULL;
    }
    size_t length = arn ? strcspn(arn, ":") : 0;
    return arn && length == strlen(wanted) && memcmp(arn, wanted, length) == 0;
}

/* DynamoDB's description of a table that AWS's own key encrypts has none, or SSEType AES256. */
static struct json_object *encryption_of(struct json_object *definition) {
    struct json_object *described = json_object_at(table_of(definition), "SSEDescription");
    bool on = is_text(described, "Status", "ENABLED") || is_text(described, "Status", "UPDATING");
    return on && is_text(described, "SSEType", "KMS") ? described : NULL;
}

/* The ARN of the definition's key as it is known where the new table is; NULL: it is not. The caller frees. */
static char *key_there(const struct definition_use *use, const char *arn) {
    const char *id = strstr(arn, ":key/");
    if (use->other_account || !id)
        return NULL;
    if (arn_part_is(arn, 3, use->region))
        return x_strdup(arn);
    if (strncmp(id, ":key/mrk-", 9) != 0)
        return NULL;
    const char *region = arn + strlen("arn:");
    for (int colons = 0; colons < 2; region++) /* behind "arn:PARTITION:kms:" */
        if (*region == ':')
            colons++;
    return x_printf("%.*s%s%s", (int)(region - arn), arn, use->region, region + strcspn(region, ":"));
}

static struct json_object *encryption_body(const struct definition_use *use) {
    struct json_object *described = encryption_of(use->definition);
    if (!described)
        return NULL;
    const char *arn = json_string(described, "KMSMasterKeyArn");
    _cleanup_free_ char *key = arn ? key_there(use, arn) : NULL;
    struct json_object *body = json_object_new_object(), *specification = json_object_new_object();
    json_put_string(body, "TableName", use->table);
    json_put_boolean(specification, "Enabled", true);
    json_put_string(specification, "SSEType", "KMS");
    json_put_string(specification, "KMSMasterKeyId", key);
    json_object_object_add(body, "SSESpecification", specification);
    return body;
}

static struct json_object *tags_body(const struct definition_use *use, const char *arn) {
    struct json_object *tags = our_tags(use->definition);
    if (!tags)
        return NULL;
    struct json_object *body = json_object_new_object();
    json_put_string(body, "ResourceArn", arn);
    json_object_object_add(body, "Tags", tags);
    return body;
}

static struct json_object *time_to_live_body(const struct definition_use *use) {
    struct json_object *described = json_object_at(use->definition, "TimeToLiveDescription");
    bool on = is_text(described, "TimeToLiveStatus", "ENABLED") || is_text(described, "TimeToLiveStatus", "ENABLING");
    const char *attribute = json_string(described, "AttributeName");
    if (!on || !attribute)
        return NULL;
    struct json_object *body = json_object_new_object(), *specification = json_object_new_object();
    json_put_string(body, "TableName", use->table);
    json_put_boolean(specification, "Enabled", true);
    json_put_string(specification, "AttributeName", attribute);
    json_object_object_add(body, "TimeToLiveSpecification", specification);
    return body;
}

/* RecoveryPeriodInDays is newer than the call itself: it goes along only where it is not what every table has. */
static struct json_object *recovery_body(const struct definition_use *use) {
    struct json_object *described = json_object_at(json_object_at(use->definition, "ContinuousBackupsDescription"),
                                                   "PointInTimeRecoveryDescription");
    if (!is_text(described, "PointInTimeRecoveryStatus", "ENABLED"))
        return NULL;
    struct json_object *body = json_object_new_object(), *specification = json_object_new_object();
    int64_t days = json_integer(described, "RecoveryPeriodInDays", 35);
    json_put_string(body, "TableName", use->table);
    json_put_boolean(specification, "PointInTimeRecoveryEnabled", true);
    if (days > 0 && days < 35)
        json_put_integer(specification, "RecoveryPeriodInDays", days);
    json_object_object_add(body, "PointInTimeRecoverySpecification", specification);
    return body;
}

static struct json_object *protection_body(const struct definition_use *use) {
    if (!json_boolean(table_of(use->definition), "DeletionProtectionEnabled", false))
        return NULL;
    struct json_object *body = json_object_new_object();
    json_put_string(body, "TableName", use->table);
    json_put_boolean(body, "DeletionProtectionEnabled", true);
    return body;
}

char *definition_step_body(const struct definition_use *use, enum definition_step step, const char *arn) {
    struct json_object *body = NULL;
    if (use->keys_only)
        return NULL;
    switch (step) {
    case STEP_ENCRYPTION:
        body = encryption_body(use);
        break;
    case STEP_TAGS:
        body = tags_body(use, arn);
        break;
    case STEP_TIME_TO_LIVE:
        body = time_to_live_body(use);
        break;
    case STEP_RECOVERY:
        body = recovery_body(use);
        break;
    case STEP_PROTECTION:
        body = protection_body(use);
        break;
    case DEFINITION_STEPS:
        break;
    }
    return body ? text_of(body) : NULL;
}

/* ------------------------------------------------------------ what is lost */

static void say(struct json_object *sentences, char *sentence) {
    json_object_array_add(sentences, json_object_new_string(sentence));
    free(sentence);
}

static void say_tags(struct json_object *definition, struct json_object *sentences) {
    struct json_object *tags = json_array_at(definition, "Tags");
    size_t count = 0;
    for (size_t i = 0; i < length_of(tags); i++)
        count += !is_our_tag(json_object_array_get_idx(tags, i));
    if (count)
        say(sentences, x_printf("tags: %zu of AWS's own (aws:...) can be set by AWS alone", count));
}

void definition_lost(const struct definition_use *use, struct json_object *sentences) {
    struct json_object *unknown = json_array_at(use->definition, "unknown"), *table = table_of(use->definition);
    if (use->keys_only)
        return;
    for (size_t i = 0; i < length_of(unknown); i++) {
        const char *what = json_object_get_string(json_object_array_get_idx(unknown, i));
        say(sentences, x_printf("not known since the backup: %s", what ? what : "?"));
    }
    const char *arn = json_string(encryption_of(use->definition), "KMSMasterKeyArn");
    _cleanup_free_ char *key = arn ? key_there(use, arn) : NULL;
    if (arn && !key)
        say(sentences,
            x_printf("encryption: the key %s belongs to another %s; the table is encrypted by AWS's managed key "
                     "instead",
                     arn, use->other_account ? "account" : "region"));
    size_t replicas = length_of(json_array_at(table, "Replicas"));
    if (replicas)
        say(sentences,
            x_printf("replicas: the table was a global one with %zu of them; they are not made again", replicas));
    say_tags(use->definition, sentences);
}
