/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An AWS in small, on the loop of the test, over real sockets: DynamoDB with one table whose pages the test writes, S3 with
 * one store (objects, uploads, lists, If-None-Match, checksums), SES and CloudWatch Logs that take what comes. What goes wrong is
 * said by rules; what is asked can be held and let go in any order.
 *
 * Each request has a label that rules and counts look at: "DescribeTable", "Scan 3 k1" (segment, key it starts after), for S3
 * "PUT /bkt/p/data/x?partNumber=1", for SES "POST /v2/email/outbound-emails", for the logs "PutLogEvents".
 */
#ifndef UNIT_JOB_CLOUD_H
#define UNIT_JOB_CLOUD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "base/buffer.h"

enum cloud_act {
    CLOUD_REFUSE, /* `status`, `code`; nothing is done */
    CLOUD_HOLD,   /* nothing is answered or done before cloud_release() */
    CLOUD_CUT,    /* the connection breaks, nothing is done */
    CLOUD_LOSE,   /* it is done, and the answer is lost: the connection breaks */
    CLOUD_DAMAGE, /* the answer comes with one byte changed, under the checksum of the right one */
    CLOUD_FORGET, /* an upload: completed, and then NoSuchUpload */
};

struct cloud_rule {
    const char *match; /* a part of the label; borrowed */
    enum cloud_act act;
    int status;
    const char *code;
    unsigned after; /* so many pass before */
    unsigned times; /* 0: for ever */
};

struct cloud_object {
    char *key, *run, *etag; /* MD5, as S3 makes it; of an upload "e-whole" */
    struct buffer bytes;
    unsigned parts;   /* of the upload; 0: one PUT */
    int64_t modified; /* seconds since 1970, as lists tell it; 0: not told */
    const char *head; /* further lines of HEAD and GET, with CR LF; borrowed; NULL: none */
};

struct cloud;
struct cloud *cloud_new(uv_loop_t *loop);
void cloud_free(struct cloud *cloud); /* the memory goes when the loop has */
const char *cloud_url(const struct cloud *cloud);

void cloud_rule(struct cloud *cloud, const struct cloud_rule *rule);
void cloud_no_rules(struct cloud *cloud);

/* How many requests came whose label holds `match`, and how many of them are held. */
unsigned cloud_count(const struct cloud *cloud, const char *match);
unsigned cloud_held(const struct cloud *cloud, const char *match);
unsigned cloud_summed(const struct cloud *cloud, const char *match);  /* of those that came, with a Content-MD5 */
const char *cloud_body(const struct cloud *cloud, const char *match); /* of the last such request; NULL where none */

/* Answers the first that is held and matches; false where there is none. */
bool cloud_release(struct cloud *cloud, const char *match);

/* Those that are held are answered never; their connections break. */
void cloud_forget_held(struct cloud *cloud);

/* The table, whose segments are as many as pages were given for; each page's items are a JSON text "{...},{...}". */
void cloud_page(struct cloud *cloud, unsigned segment, const char *items, unsigned count);
unsigned cloud_pages(const struct cloud *cloud);            /* how many were given */
void cloud_keep_pages(struct cloud *cloud, unsigned count); /* the first ones, as they were given */
void cloud_no_pages(struct cloud *cloud);
void cloud_circle(struct cloud *cloud);                      /* every page says that the first follows */
void cloud_table_id(struct cloud *cloud, const char *id);    /* borrowed; "": it tells none */
void cloud_table_made(struct cloud *cloud, int64_t seconds); /* CreationDateTime */
void cloud_table_bytes(struct cloud *cloud, uint64_t bytes);
void cloud_page_units(struct cloud *cloud, double units);         /* that each page costs; half a one without */
void cloud_provisioned(struct cloud *cloud, unsigned read_units); /* of the table; without, it is on demand */

/*
 * Beside the table "tab" there is room for one other, by whatever name: it exists once CreateTable made it (or cloud_make()), is
 * CREATING when it is first described, and takes UpdateTable. DeleteTable and cloud_unmake() end it.
 */
void cloud_make(struct cloud *cloud);
void cloud_unmake(struct cloud *cloud);
void cloud_grow_older(struct cloud *cloud, double seconds);   /* than it is: it says that it was made so long ago */
void cloud_account(struct cloud *cloud, const char *account); /* that it is in, borrowed; else table tab's */

/* What BatchWriteItem put: the item's JSON by its key {"id":{"S":...}}; NULL where there is none. Each `every`-th put is given back as
 * unprocessed (0: none is); an item with a map "bad" is refused with all of its call. */
const char *cloud_item(const struct cloud *cloud, const char *id);
size_t cloud_items(const struct cloud *cloud);
void cloud_change_item(struct cloud *cloud, const char *id, const char *text); /* one that is there */
void cloud_give_back(struct cloud *cloud, unsigned every);

/* A table of a drill: made by CreateTable, seen as CREATING at first and as DELETING for a while; its Scan gives what BatchWriteItem put.
 * Its requests' labels end in "scratch": "DescribeTable scratch". */
const char *cloud_scratch(const struct cloud *cloud); /* its name; NULL: there is none */
void cloud_scratch_taken(struct cloud *cloud); /* somebody else makes it first, under whatever name it is asked for */

/* The store. */
size_t cloud_objects(const struct cloud *cloud);
const struct cloud_object *cloud_object(const struct cloud *cloud, size_t i);
const struct cloud_object *cloud_find(const struct cloud *cloud, const char *part_of_key); /* NULL: none */
struct cloud_object *cloud_put(struct cloud *cloud, const char *key, const char *run, const char *bytes, size_t length);
void cloud_delete(struct cloud *cloud, const char *key);
void cloud_date(struct cloud *cloud, int64_t seconds); /* Date of every answer; 0: none is sent */
size_t cloud_uploads(const struct cloud *cloud);
void cloud_abort_uploads(struct cloud *cloud);            /* somebody else does */
void cloud_part_least(struct cloud *cloud, size_t bytes); /* of every part but the last, as S3's 5 MiB */

/* Answers to PUT repeat its x-amz-checksum-crc32, as S3's do (without, they do not: as older stores), with further
 * lines (with CR LF; borrowed); but not the answer to the `but`-th PUT from now on (0: all do). */
void cloud_attest(struct cloud *cloud, const char *lines, unsigned but);
void cloud_other_etags(struct cloud *cloud); /* that look like MD5 and are not */

#endif
