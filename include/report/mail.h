/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The mail of a run: facts and templates in, subject, HTML and text out. Pure but for mail_templates_load().
 *
 * A template is a small part of Mustache: {{name}} is replaced, escaped as the file's kind wants; {{#name}}...{{/name}} stays
 * where it is set, and repeats for links; {{^name}}...{{/name}} stays where it is not; {{! ... }} is a comment. The first line
 * of a .txt is "Subject: ...". A name that is not in the table of report/mail.c is an error at load time, with file and line.
 */
#ifndef REPORT_MAIL_H
#define REPORT_MAIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

#define MAIL_TEMPLATE_LIMIT ((size_t)256 << 10) /* bytes of a template file */
#define MAIL_TEXT_LIMIT     ((size_t)4 << 20)   /* of what one becomes */

struct mail_link {
    const char *name;      /* "backup-20250706-020000-1a2b3c4d.json" */
    const char *url;       /* pre-signed: a secret until sent */
    int64_t ends;          /* seconds since 1970: the true end of its life */
    const char *zone_ends; /* the same in the job's TimeZone, as zone_format() prints it; NULL: UTC alone is said */
    uint64_t size;
};

/* Borrowed. Absent texts are NULL. */
struct mail_facts {
    const char *job, *table, *region, *run, *host;
    bool success;
    bool drill; /* of a drill, not of a backup */
    uint64_t items, stored_bytes;
    int64_t started, ended; /* seconds since 1970 */
    int64_t duration_ms;
    unsigned resumed;              /* how often the backup was interrupted, and went on */
    int64_t read_first, read_last; /* when the table was truly read, seconds since 1970; shown where it was resumed */
    const char *zone_time_started, *zone_time_ended; /* in the job's TimeZone, as zone_format() prints it */
    const char *backup_uri;                          /* s3://BUCKET/PREFIX/AWSDynamoDB/ID/ */
    const char *scratch;                             /* a drill's table */
    const char *restore_command;                     /* dynamodb-backupctl restore s3://... --table NAME */
    const struct mail_link *links;
    size_t link_count, links_left_out;                    /* more than twenty files */
    const char *link_note;                                /* why the link ends before LinkExpires; NULL */
    const char *warning;                                  /* NULL */
    const char *error, *advice, *error_code, *request_id; /* of a failure */
};

struct mail_text {
    char *subject, *html, *text; /* owned: links inside, freed with mail_text_fini(), which zeroes */
};

struct mail_templates;

/*
 * The files success.html success.txt failure.html failure.txt of `folder`, and for drills drill-success.html and so on; one that is
 * not there is the installed one. A folder with none of them is an error, as is a template that does not parse. `folder` NULL: the installed ones, and
 * those built in where there are none (they are the same). Blocking: start-up and worker threads.
 */
struct mail_templates *mail_templates_load(const char *folder, struct error *error);
void mail_templates_free(struct mail_templates *templates);

/* False, with ERROR_TOO_LARGE, where the mail would pass MAIL_TEXT_LIMIT; *mail is then empty. */
bool mail_render(struct mail_text *mail, const struct mail_templates *templates, const struct mail_facts *facts,
                 struct error *error);
void mail_text_fini(struct mail_text *mail);

#endif
