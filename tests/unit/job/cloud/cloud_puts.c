/* SPDX-License-Identifier: Apache-2.0 */
/* The cloud's other table, that is made and written to: keeps what is put by its key "id", gives some back, is as strict as DynamoDB. */
#include "cloud_private.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/digest.h"
#include "base/json.h"
#include "base/memory.h"

void cloud_give_back(struct cloud *cloud, unsigned every) {
    cloud->give_back = every;
}

const char *cloud_item(const struct cloud *cloud, const char *id) {
    for (size_t i = 0; i < cloud->item_count; i++)
        if (strcmp(cloud->items[i].id, id) == 0)
            return cloud->items[i].text;
    return NULL;
}

void cloud_change_item(struct cloud *cloud, const char *id, const char *text) {
    size_t at = 0;
    while (strcmp(cloud->items[at].id, id) != 0)
        at++;
    x_replace(&cloud->items[at].text, text);
}

size_t cloud_items(const struct cloud *cloud) {
    return cloud->item_count;
}

void puts_clear(struct cloud *cloud) {
    while (cloud->item_count) {
        free(cloud->items[--cloud->item_count].id);
        free(cloud->items[cloud->item_count].text);
    }
    free(cloud->items);
    cloud->items = NULL;
}

static void keep(struct cloud *cloud, const char *id, struct json_object *item) {
    const char *text = json_object_to_json_string_ext(item, JSON_C_TO_STRING_PLAIN);
    for (size_t i = 0; i < cloud->item_count; i++)
        if (strcmp(cloud->items[i].id, id) == 0) {
            x_replace(&cloud->items[i].text, text);
            return;
        }
    cloud->items = x_realloc(cloud->items, (cloud->item_count + 1) * sizeof *cloud->items);
    cloud->items[cloud->item_count++] = (struct table_item){x_strdup(id), x_strdup(text)};
}

static const char *id_of(struct json_object *put) {
    struct json_object *item = json_object_at(json_object_at(put, "PutRequest"), "Item");
    return json_string(json_object_at(item, "id"), "S");
}

/* At most 25, each with its key, no key twice, none that says {"bad": ...}. */
static bool is_valid(struct json_object *puts) {
    size_t count = json_object_array_length(puts);
    for (size_t i = 0; i < count; i++) {
        struct json_object *put = json_object_array_get_idx(puts, i);
        const char *id = id_of(put);
        if (!id || json_object_at(json_object_at(json_object_at(put, "PutRequest"), "Item"), "bad"))
            return false;
        for (size_t k = 0; k < i; k++)
            if (strcmp(id_of(json_object_array_get_idx(puts, k)), id) == 0)
                return false;
    }
    return count >= 1 && count <= 25;
}

/* The one table that a call puts into. */
static const char *table_put(struct json_object *body) {
    struct json_object_iterator first = json_object_iter_begin(json_object_at(body, "RequestItems"));
    return json_object_iter_peek_name(&first);
}

void puts_serve(struct cloud *cloud, struct request *request) {
    struct json_object *body = json_parse(request->body, request->length, NULL);
    const char *table = table_put(body);
    struct json_object *puts = json_array_at(json_object_at(body, "RequestItems"), table);
    if (!puts || !is_valid(puts)) {
        json_object_put(body);
        reply_error(request, 400, "ValidationException");
        return;
    }
    struct json_object *answer = json_object_new_object(), *unprocessed = json_object_new_object(),
                       *back = json_object_new_array();
    size_t count = json_object_array_length(puts);
    for (size_t i = 0; i < count; i++) {
        struct json_object *put = json_object_array_get_idx(puts, i);
        if (cloud->give_back && ++cloud->put_count % cloud->give_back == 0)
            json_object_array_add(back, json_object_get(put));
        else
            keep(cloud, id_of(put), json_object_at(json_object_at(put, "PutRequest"), "Item"));
    }
    size_t kept = count - json_object_array_length(back);
    if (kept < count)
        json_object_object_add(unprocessed, table, json_object_get(back));
    json_object_put(back);
    json_object_object_add(answer, "UnprocessedItems", unprocessed);
    struct json_object *consumed = json_object_new_array(), *units = json_object_new_object();
    json_object_object_add(units, "CapacityUnits", json_object_new_double((double)kept));
    json_object_array_add(consumed, units);
    json_object_object_add(answer, "ConsumedCapacity", consumed);
    const char *text = json_object_to_json_string(answer);
    _cleanup_free_ char *head = x_printf("x-amz-crc32: %" PRIu32 "\r\n", crc32_update(0, text, strlen(text)));
    reply(request, 200, head, text, strlen(text));
    json_object_put(answer);
    json_object_put(body);
}

/* ------------------------------------------------------------ the other table */

void cloud_make(struct cloud *cloud) {
    cloud->made++;
    cloud->exists = true;
    cloud->born = (double)clock_wall() / SECOND_MS;
    cloud->described = 1;
}

void cloud_grow_older(struct cloud *cloud, double seconds) {
    cloud->born -= seconds;
}

void cloud_account(struct cloud *cloud, const char *account) {
    cloud->account = account;
}

void cloud_unmake(struct cloud *cloud) {
    cloud->exists = false;
    puts_clear(cloud);
}

static void describe_made(struct cloud *cloud, struct request *request) {
    _cleanup_free_ char *body = x_printf("{\"Table\":{\"TableName\":\"new\",\"TableArn\":\"arn:aws:dynamodb:eu-west-1:"
                                         "%s:table/new\",\"TableId\":\"made-%u\","
                                         "\"KeySchema\":[{\"AttributeName\":\"id\",\"KeyType\":\"HASH\"}],"
                                         "\"AttributeDefinitions\":[{\"AttributeName\":\"id\","
                                         "\"AttributeType\":\"S\"}],\"TableStatus\":\"%s\","
                                         "\"CreationDateTime\":%.3f}}",
                                         cloud->account ? cloud->account : "123456789012", cloud->made,
                                         cloud->described++ ? "ACTIVE" : "CREATING", cloud->born);
    reply(request, 200, "", body, strlen(body));
}

void made_serve(struct cloud *cloud, struct request *request) {
    bool creates = strcmp(request->label, "CreateTable") == 0;
    if (strcmp(request->label, "DescribeTable") && strcmp(request->label, "Count") &&
        strcmp(request->label, "UpdateTable") && strcmp(request->label, "DeleteTable") && !creates) {
        reply_error(request, 400, "UnknownOperationException");
    } else if (creates == cloud->exists) {
        reply_error(request, 400, creates ? "ResourceInUseException" : "ResourceNotFoundException");
    } else if (strcmp(request->label, "DescribeTable") == 0) {
        describe_made(cloud, request);
    } else if (strcmp(request->label, "Count") == 0) {
        const char *body = cloud->item_count ? "{\"Count\":1}" : "{\"Count\":0}";
        reply(request, 200, "", body, strlen(body));
    } else {
        if (creates)
            cloud_make(cloud);
        cloud->described = creates ? 0 : 1;
        if (strcmp(request->label, "DeleteTable") == 0)
            cloud_unmake(cloud);
        reply(request, 200, "", "{}", 2);
    }
}
