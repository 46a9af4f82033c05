/* SPDX-License-Identifier: Apache-2.0 */
/* The cloud's DynamoDB: one table, segments of pages as the test wrote them. A page's key is {"k":{"S":"kN"}}: N pages came. */
#include "cloud_private.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/digest.h"
#include "base/json.h"
#include "base/memory.h"

#define TARGET "X-Amz-Target"

void cloud_page(struct cloud *cloud, unsigned segment, const char *items, unsigned count) {
    cloud->pages = x_realloc(cloud->pages, (cloud->page_count + 1) * sizeof *cloud->pages);
    cloud->pages[cloud->page_count++] = (struct table_page){segment, count, x_strdup(items)};
}

unsigned cloud_pages(const struct cloud *cloud) {
    return (unsigned)cloud->page_count;
}

void cloud_keep_pages(struct cloud *cloud, unsigned count) {
    while (cloud->page_count > count)
        free(cloud->pages[--cloud->page_count].items);
}

void cloud_no_pages(struct cloud *cloud) {
    cloud_keep_pages(cloud, 0);
}

void cloud_circle(struct cloud *cloud) {
    cloud->circle = true;
}

void cloud_table_id(struct cloud *cloud, const char *id) {
    cloud->table_id = id;
}

void cloud_table_made(struct cloud *cloud, int64_t seconds) {
    cloud->table_made = seconds;
}

void cloud_table_bytes(struct cloud *cloud, uint64_t bytes) {
    cloud->table_bytes = bytes;
}

void cloud_page_units(struct cloud *cloud, double units) {
    cloud->page_units = units;
}

void cloud_provisioned(struct cloud *cloud, unsigned read_units) {
    cloud->provisioned = read_units;
}

/* What a Scan asks for: its segment, and how many of its pages came before. */
static void read_scan(const struct request *request, unsigned *segment, unsigned *before) {
    struct json_object *body = json_parse(request->body, request->length, NULL);
    const char *key = json_string(json_object_at(json_object_at(body, "ExclusiveStartKey"), "k"), "S");
    assert_non_null(body);
    *segment = (unsigned)json_integer(body, "Segment", 0);
    *before = key ? (unsigned)strtoul(key + 1, NULL, 10) : 0;
    json_object_put(body);
}

char *table_label(const struct request *request) {
    _cleanup_free_ char *target = request_header(request, TARGET);
    if (!target)
        return NULL;
    const char *operation = strchr(target, '.') + 1;
    if (is_of_scratch(request))
        return x_printf("%s scratch", operation);
    if (strcmp(operation, "Scan") != 0)
        return x_strdup(operation);
    if (strstr(request->body, "\"COUNT\""))
        return x_strdup("Count");
    unsigned segment, before;
    read_scan(request, &segment, &before);
    return x_printf("Scan %u k%u", segment, before);
}

static void describe(const struct cloud *cloud, struct request *request) {
    const char *id = cloud->table_id ? cloud->table_id : "id-1";
    _cleanup_free_ char *told = *id ? x_printf("\"TableId\":\"%s\",", id) : x_strdup("");
    _cleanup_free_ char *made =
        cloud->table_made ? x_printf("\"CreationDateTime\":%" PRId64 ".250,", cloud->table_made) : x_strdup("");
    _cleanup_free_ char *body =
        x_printf("{\"Table\":{\"TableName\":\"tab\",\"TableArn\":\"arn:aws:dynamodb:eu-west-1:123456789012:table/tab\","
                 "\"KeySchema\":[{\"AttributeName\":\"id\",\"KeyType\":\"HASH\"}],\"AttributeDefinitions\":["
                 "{\"AttributeName\":\"id\",\"AttributeType\":\"S\"}],\"DeletionProtectionEnabled\":true,"
                 "\"ProvisionedThroughput\":{\"ReadCapacityUnits\":%u,\"WriteCapacityUnits\":%u},"
                 "%s%s\"TableStatus\":\"ACTIVE\",\"ItemCount\":3,\"TableSizeBytes\":%" PRIu64 "}}",
                 cloud->provisioned, cloud->provisioned, told, made, cloud->table_bytes);
    reply(request, 200, "", body, strlen(body));
}

static void scan(const struct cloud *cloud, struct request *request) {
    static const struct table_page none = {.items = (char *)(uintptr_t) ""};
    const struct table_page *page = &none;
    unsigned segment, before, at = 0;
    bool further = false;
    read_scan(request, &segment, &before);
    for (size_t i = 0; i < cloud->page_count; i++) {
        if (cloud->pages[i].segment != segment)
            continue;
        if (at == before)
            page = &cloud->pages[i];
        further = at++ > before;
    }
    struct buffer body = BUFFER_INIT(BUFFER_OURS);
    buffer_printf(&body, "{\"Count\":%u,\"ScannedCount\":%u,\"ConsumedCapacity\":{\"CapacityUnits\":%.1f},\"Items\":[",
                  page->count, page->count, cloud->page_units > 0 ? cloud->page_units : 0.5);
    buffer_add(&body, page->items);
    buffer_add(&body, "]");
    if (further || cloud->circle)
        buffer_printf(&body, ",\"LastEvaluatedKey\":{\"k\":{\"S\":\"k%u\"}}", cloud->circle ? 0 : before + 1);
    buffer_add(&body, "}");
    _cleanup_free_ char *head = x_printf("x-amz-crc32: %" PRIu32 "\r\n", crc32_update(0, body.data, body.length));
    reply(request, 200, head, body.data, body.length);
    buffer_fini(&body);
}

void table_serve(struct cloud *cloud, struct request *request) {
    if (strstr(request->label, " scratch"))
        scratch_serve(cloud, request);
    else if (strncmp(request->label, "Scan", 4) == 0)
        scan(cloud, request);
    else if (strcmp(request->label, "DescribeTable") == 0 && strstr(request->body, "\"tab\""))
        describe(cloud, request);
    else if (strcmp(request->label, "BatchWriteItem") == 0)
        puts_serve(cloud, request);
    else
        made_serve(cloud, request);
}
