/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tables made of a few pages, over and over. A page's items are rendered once, with their CRC-32; what differs from answer to
 * answer, the LastEvaluatedKey behind them, is joined to it. Keys are numbers: the segment's next page.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/digest.h"
#include "base/memory.h"
#include "pages.h"
#include "stand_in.h"

#define PAGES    8 /* of a kind */
#define MEGABYTE UINT64_C(1000000)

static const struct {
    const char *name;
    enum kind_of_items kind;
    unsigned items; /* a page: about 1 MB of JSON */
} kinds[] = {{"small", ITEMS_SMALL, 5600}, {"mixed", ITEMS_MIXED, 660}, {"huge", ITEMS_HUGE, 3}};

/* The answer up to the items' closing bracket. */
struct rendered {
    struct buffer head;
    uint32_t crc;
    unsigned items;
};

static struct rendered rendered[array_length(kinds)][PAGES];

static void render(struct rendered *page, struct dice *dice, enum kind_of_items kind, unsigned items) {
    struct made_page made = {0};
    page_make(&made, dice, &(struct recipe){.kind = kind, .items = items});
    page->head = BUFFER_INIT(BUFFER_OURS);
    page->items = items;
    buffer_printf(&page->head, "{\"Count\":%u,\"Items\":[", items);
    for (size_t i = 0; i < made.count; i++) {
        if (i)
            buffer_add_char(&page->head, ',');
        keep(&page->head, made.page.data + made.items[i].offset, made.items[i].length);
    }
    page->crc = crc32_update(0, page->head.data, page->head.length);
    made_page_fini(&made);
}

void tables_init(void) {
    struct dice dice = {.state = 20250706};
    for (size_t kind = 0; kind < array_length(kinds); kind++)
        for (size_t i = 0; i < PAGES; i++)
            render(&rendered[kind][i], &dice, kinds[kind].kind, kinds[kind].items);
}

/* A table by its name. False: there is none of that name. */
struct table {
    char name[64];
    size_t kind;
    uint64_t megabytes, pages;
};

/* The text behind "name": and white space; NULL where the body has no such member. */
static const char *member(const char *body, const char *name) {
    char quoted[64];
    snprintf(quoted, sizeof quoted, "\"%s\"", name);
    const char *at = body ? strstr(body, quoted) : NULL;
    if (!at)
        return NULL;
    at += strlen(quoted);
    return at + strspn(at, " :");
}

static uint64_t number_of(const char *body, const char *name, uint64_t otherwise) {
    const char *at = member(body, name);
    return at ? strtoull(at, NULL, 10) : otherwise;
}

static bool find_table(struct table *table, const char *body) {
    const char *name = member(body, "TableName");
    char kind[16];
    if (!name || sscanf(name, "\"%15[a-z]-%" SCNu64 "\"", kind, &table->megabytes) != 2)
        return false;
    for (table->kind = 0; table->kind < array_length(kinds); table->kind++)
        if (strcmp(kinds[table->kind].name, kind) == 0)
            break;
    if (table->kind == array_length(kinds))
        return false;
    snprintf(table->name, sizeof table->name, "%s-%" PRIu64, kind, table->megabytes);
    table->pages = table->megabytes * MEGABYTE / rendered[table->kind][0].head.length;
    return true;
}

static void describe(const struct table *table, struct answer *answer) {
    buffer_printf(
        &answer->text,
        "{\"Table\":{\"TableName\":\"%s\",\"TableStatus\":\"ACTIVE\",\"TableArn\":\"arn:aws:dynamodb:us-east-1:"
        "123456789012:table/%s\",\"TableId\":\"00000000-0000-4000-8000-000000000000\",\"TableSizeBytes\":%" PRIu64
        ",\"ItemCount\":%" PRIu64 ",\"KeySchema\":[{\"AttributeName\":\"studentid\",\"KeyType\":\"HASH\"}],"
        "\"AttributeDefinitions\":[{\"AttributeName\":\"studentid\",\"AttributeType\":\"S\"}],"
        "\"BillingModeSummary\":{\"BillingMode\":\"PAY_PER_REQUEST\"}}}",
        table->name, table->name, table->megabytes * MEGABYTE, table->pages * rendered[table->kind][0].items);
}

/* The page asked for: a segment's are its own number, and on by the number of segments. */
static uint64_t page_asked(const char *body, uint64_t segment) {
    const char *key = member(body, "ExclusiveStartKey");
    const char *digits = key ? strstr(key, "\"k") : NULL;
    return digits ? strtoull(digits + 2, NULL, 10) : segment;
}

static void give_page(struct figures *figures, const struct table *table, const char *body, struct answer *answer) {
    uint64_t segments = number_of(body, "TotalSegments", 1), page = page_asked(body, number_of(body, "Segment", 0));
    if (page >= table->pages) {
        buffer_add(&answer->text, "{\"Count\":0,\"Items\":[],\"ScannedCount\":0}");
        return;
    }
    const struct rendered *made = &rendered[table->kind][page % PAGES];
    buffer_add(&answer->text, "]");
    if (page + segments < table->pages)
        buffer_printf(&answer->text, ",\"LastEvaluatedKey\":{\"studentid\":{\"S\":\"k%" PRIu64 "\"}}", page + segments);
    buffer_printf(&answer->text, ",\"ScannedCount\":%u", made->items);
    if (member(body, "ReturnConsumedCapacity"))
        buffer_printf(&answer->text, ",\"ConsumedCapacity\":{\"TableName\":\"%s\",\"CapacityUnits\":128.5}",
                      table->name);
    buffer_add(&answer->text, "}");
    answer->runs[answer->run_count++] = (struct iovec){made->head.data, made->head.length};
    uint32_t tail = crc32_update(0, answer->text.data, answer->text.length);
    buffer_printf(&answer->headers, "x-amz-crc32: %u\r\n", crc32_join(made->crc, tail, answer->text.length));
    atomic_fetch_add(&figures->items, made->items);
}

static void scan(struct figures *figures, const struct table *table, const char *body, struct answer *answer) {
    unsigned now = atomic_fetch_add(&figures->scanning, 1) + 1, most = atomic_load(&figures->most_scanning);
    while (now > most && !atomic_compare_exchange_weak(&figures->most_scanning, &most, now))
        ;
    atomic_fetch_add(&figures->scans, 1);
    answer->scan = true;
    give_page(figures, table, body, answer);
    atomic_fetch_add(&figures->page_bytes, answer->runs[0].iov_len + answer->text.length);
}

void tables_answer(struct figures *figures, const struct request *request, struct answer *answer) {
    struct table table;
    buffer_add(&answer->headers, "Content-Type: application/x-amz-json-1.0\r\nx-amzn-RequestId: BENCH\r\n");
    bool about_a_table = strcmp(request->target, "Scan") == 0 || strcmp(request->target, "DescribeTable") == 0;
    if (about_a_table && find_table(&table, request->body.data)) {
        if (*request->target == 'S')
            scan(figures, &table, request->body.data, answer);
        else
            describe(&table, answer);
        return;
    }
    answer->status = 400;
    buffer_printf(&answer->text, "{\"__type\":\"com.amazonaws.dynamodb.v20120810#%s\",\"message\":\"not here\"}",
                  about_a_table ? "ResourceNotFoundException" : "UnknownOperationException");
}
