/* SPDX-License-Identifier: Apache-2.0 */
/* The cloud's scratch table, whatever it is called: made, filled (cloud_puts.c), scanned in one page, deleted; neither is done at once. */
#include "cloud_private.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/digest.h"
#include "base/json.h"
#include "base/memory.h"

const char *cloud_scratch(const struct cloud *cloud) {
    return cloud->scratch;
}

void cloud_scratch_taken(struct cloud *cloud) {
    cloud->scratch_foreign = true;
}

static char *table_of(const struct request *request) {
    struct json_object *body = request->length ? json_parse(request->body, request->length, NULL) : NULL;
    char *name = x_strdup(json_string(body, "TableName"));
    json_object_put(body);
    return name;
}

bool is_of_scratch(const struct request *request) {
    _cleanup_free_ char *name = table_of(request);
    return name && strstr(name, "-drill-");
}

static void answer(struct request *request, const char *body) {
    _cleanup_free_ char *head = x_printf("x-amz-crc32: %" PRIu32 "\r\n", crc32_update(0, body, strlen(body)));
    reply(request, 200, head, body, strlen(body));
}

static void describe(struct cloud *cloud, struct request *request) {
    const char *status = cloud->scratch_going ? "DELETING" : cloud->scratch_seen++ ? "ACTIVE" : "CREATING";
    _cleanup_free_ char *body =
        x_printf("{\"Table\":{\"TableName\":\"%s\",\"TableArn\":\"arn:aws:dynamodb:eu-west-1:123456789012:table/%s\","
                 "\"KeySchema\":[{\"AttributeName\":\"id\",\"KeyType\":\"HASH\"}],\"TableId\":\"id-2\","
                 "\"TableStatus\":\"%s\",\"CreationDateTime\":%.3f,\"ItemCount\":0}}",
                 cloud->scratch, cloud->scratch, status, cloud->scratch_created);
    answer(request, body);
    if (cloud->scratch_going)
        free(take_pointer(cloud->scratch));
}

static void create(struct cloud *cloud, struct request *request) {
    bool exists = cloud->scratch || cloud->scratch_foreign;
    if (!cloud->scratch) {
        cloud->scratch = table_of(request);
        cloud->scratch_created = (double)clock_wall() / SECOND_MS;
        cloud->scratch_seen = 0;
        cloud->scratch_going = false;
    }
    if (exists)
        reply_error(request, 400, "ResourceInUseException");
    else
        answer(request, "{\"TableDescription\":{\"TableStatus\":\"CREATING\"}}");
}

static void scan(const struct cloud *cloud, struct request *request) {
    struct buffer body = BUFFER_INIT(BUFFER_OURS);
    buffer_printf(&body, "{\"Count\":%zu,\"ScannedCount\":%zu,\"Items\":[", cloud->item_count, cloud->item_count);
    for (size_t i = cloud->item_count; i-- > 0;) /* in another order than they came */
        buffer_printf(&body, "%s%s", cloud->items[i].text, i ? "," : "");
    buffer_add(&body, "]}");
    answer(request, body.data);
    buffer_fini(&body);
}

void scratch_serve(struct cloud *cloud, struct request *request) {
    _cleanup_free_ char *name = table_of(request);
    if (strncmp(request->label, "CreateTable", 11) == 0)
        create(cloud, request);
    else if (!cloud->scratch || strcmp(cloud->scratch, name) != 0)
        reply_error(request, 400, "ResourceNotFoundException");
    else if (strncmp(request->label, "DescribeTable", 13) == 0)
        describe(cloud, request);
    else if (strncmp(request->label, "Scan", 4) == 0)
        scan(cloud, request);
    else if (strncmp(request->label, "DeleteTable", 11) == 0) {
        cloud->scratch_going = true;
        answer(request, "{\"TableDescription\":{\"TableStatus\":\"DELETING\"}}");
    } else
        reply_error(request, 400, "UnknownOperationException");
}
