/* SPDX-License-Identifier: Apache-2.0 */
/* Inside the cloud: requests and answers (cloud.c), the table (cloud_table.c), the store (cloud_store.c). */
#ifndef UNIT_JOB_CLOUD_PRIVATE_H
#define UNIT_JOB_CLOUD_PRIVATE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <sys/queue.h>

#include "cloud.h"

#define RULES    32
#define REQUESTS 4096

struct connection;

struct request {
    TAILQ_ENTRY(request) entry; /* of those held */
    struct connection *connection;
    char *label, *method, *path, *query, *head, *body;
    size_t length;
    enum cloud_act act;
    bool ruled;
};

struct upload {
    char *id, *key, *run;
    struct buffer parts[64]; /* number - 1 */
    char *etags[64];         /* of those that came */
    unsigned count;
};

struct table_page {
    unsigned segment, count;
    char *items;
};

struct table_item {
    char *id, *text;
};

struct cloud {
    uv_tcp_t listener;
    char url[64];
    int handles;
    TAILQ_HEAD(, connection) open;
    TAILQ_HEAD(, request) held;
    struct cloud_rule rules[RULES];
    size_t rule_count;
    char *seen[REQUESTS], *bodies[REQUESTS];
    bool summed[REQUESTS];
    size_t seen_count;
    struct table_page *pages;
    size_t page_count;
    bool circle, exists /* the other table */;
    size_t part_least;
    const char *attested; /* lines of PUT's answers beside the CRC-32; NULL: neither */
    unsigned attested_but;
    bool other_etags;
    unsigned described;
    uint64_t table_bytes;
    double page_units;        /* 0: half a one */
    unsigned provisioned;     /* read units; 0: on demand */
    struct table_item *items; /* put by BatchWriteItem */
    size_t item_count;
    unsigned give_back, put_count, made; /* how often the other table was made */
    char *scratch;                       /* a table beside "tab", which holds what was put; NULL: there is none */
    double scratch_created;
    unsigned scratch_seen; /* DescribeTable of it while it is being made or deleted */
    bool scratch_foreign, scratch_going;
    const char *table_id; /* NULL: id-1 */
    int64_t table_made;   /* 0: it does not tell */
    double born;          /* CreationDateTime of the other table */
    const char *account;  /* of the other table; NULL: that of "tab" */
    int64_t date;
    struct cloud_object **objects; /* in order of key */
    size_t object_count;
    struct upload **uploads;
    size_t upload_count, upload_number;
};

/* Ends a request. `head`: lines with CR LF, or "". */
void reply(struct request *request, int status, const char *head, const char *body, size_t length);
void reply_error(struct request *request, int status, const char *code);

/* A header's value, or NULL; the caller frees. */
char *request_header(const struct request *request, const char *name);

/* A query's value decoded, "" where it has none; NULL where absent. The caller frees. */
char *request_query(const struct request *request, const char *name);

char *table_label(const struct request *request);
void table_serve(struct cloud *cloud, struct request *request);
bool is_of_scratch(const struct request *request);
void scratch_serve(struct cloud *cloud, struct request *request);
void puts_serve(struct cloud *cloud, struct request *request);
void made_serve(struct cloud *cloud, struct request *request); /* the other table, that may be made */
void puts_clear(struct cloud *cloud);
void store_serve(struct cloud *cloud, struct request *request);
void store_clear(struct cloud *cloud);

#endif
