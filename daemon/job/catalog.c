/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The backups of a job, as they stand in S3.
 *
 *     place -> LIST the folders below AWSDynamoDB/ -> READ the head of each backup.json,
 *     several at a time -> done, in order of ID
 *
 * One whole: place -> GET -> parsed by a worker -> done.
 */
#include "job/catalog.h"

#include <stdlib.h>
#include <string.h>

#include "aws/s3.h"
#include "base/memory.h"
#include "job/place.h"

#define READS_AT_ONCE 8
#define NO_SUCH_RANGE 416 /* what S3 answers for any range of an empty object */

struct folder {
    struct catalog *catalog;
    char *id;
    struct s3_call *call;
    struct backup_summary summary;
    bool found;
};

struct catalog {
    const struct job_config *job; /* kept alive by the place's configuration */
    struct place *place;
    struct s3_call *list;
    char *parent; /* PREFIXAWSDynamoDB/ */
    struct folder **folders;
    size_t count, started, ended;
    int64_t now;             /* seconds since 1970, by the store's clock; 0: it sent no Date */
    struct error unreadable; /* the first backup.json that could not be read */
    unsigned reading;
    catalog_done *done;
    void *arg;
};

static void catalog_free(struct catalog *catalog) {
    if (catalog->list)
        s3_cancel(catalog->list);
    for (size_t i = 0; i < catalog->count; i++) {
        struct folder *folder = catalog->folders[i];
        if (folder->call)
            s3_cancel(folder->call);
        backup_summary_fini(&folder->summary);
        free(folder->id);
        free(folder);
    }
    free(catalog->folders);
    free(catalog->parent);
    error_clear(&catalog->unreadable);
    place_close(catalog->place);
    free(catalog);
}

void catalog_cancel(struct catalog *catalog) {
    if (catalog)
        catalog_free(catalog);
}

static void fail(struct catalog *catalog, const struct error *error) {
    catalog->done(catalog->arg, NULL, 0, error);
    catalog_free(catalog);
}

static void finish(struct catalog *catalog) {
    struct backup_summary *backups = x_calloc(catalog->count + 1, sizeof *backups);
    size_t count = 0;
    for (size_t i = 0; i < catalog->count; i++)
        if (catalog->folders[i]->found)
            backups[count++] = catalog->folders[i]->summary; /* borrowed */
    catalog->done(catalog->arg, backups, count, catalog->unreadable.code ? &catalog->unreadable : NULL);
    free(backups);
    catalog_free(catalog);
}

static void read_more(struct catalog *catalog);

/* Two hosts may have a job of one name for different tables. `table` is a name or an ARN. */
static bool is_of_table(const struct backup_summary *summary, const char *table) {
    bool is_arn = strncmp(table, "arn:", 4) == 0;
    const char *ours = is_arn ? summary->table_arn : summary->table;
    return ours && strcmp(ours, table) == 0;
}

/* Ours is what carries this job's name, and its folder's ID; another's, or one that cannot be read, is not shown as this
 * job's. */
static void take_summary(struct folder *folder, const struct s3_answer *answer) {
    struct catalog *catalog = folder->catalog;
    const struct http_answer *http = answer->http;
    bool whole = http->length < SUMMARY_BYTES;
    if (!answer->found || !backup_summary_parse(&folder->summary, http->body, http->length, whole, NULL))
        return;
    folder->found = strcmp(folder->summary.job, catalog->job->name) == 0 &&
                    strcmp(folder->summary.id, folder->id) == 0 && is_of_table(&folder->summary, catalog->job->table);
    folder->summary.after_now = backup_id_after(folder->id, catalog->now);
    folder->summary.uri = x_printf("s3://%s/%s%s/", catalog->job->bucket, catalog->parent, folder->id);
}

static void on_read(void *arg, const struct s3_answer *answer, const struct error *error) {
    struct folder *folder = arg;
    struct catalog *catalog = folder->catalog;
    folder->call = NULL;
    if (error && error->http_status != NO_SUCH_RANGE) {
        struct error copy = error_copy(error);
        error_keep_first(&catalog->unreadable, &copy);
    }
    if (answer)
        take_summary(folder, answer);
    catalog->reading--;
    catalog->ended++;
    read_more(catalog);
}

static void read_more(struct catalog *catalog) {
    while (catalog->reading < READS_AT_ONCE && catalog->started < catalog->count) {
        struct folder *folder = catalog->folders[catalog->started++];
        _cleanup_free_ char *key = x_printf("%s%s/backup.json", catalog->parent, folder->id);
        struct s3_get get = {.key = key, .last = SUMMARY_BYTES - 1, .limit = SUMMARY_BYTES + 1};
        catalog->reading++;
        folder->call = s3_get_object(&catalog->place->bucket, &get, on_read, folder);
    }
    if (catalog->ended == catalog->count)
        finish(catalog);
}

static void list_folders(struct catalog *catalog, const char *token);

static void add_folder(struct catalog *catalog, const char *prefix) {
    size_t before = strlen(catalog->parent);
    if (strncmp(prefix, catalog->parent, before) != 0)
        return;
    struct folder *folder = x_calloc(1, sizeof *folder);
    folder->catalog = catalog;
    folder->id = x_strndup(prefix + before, strcspn(prefix + before, "/"));
    if (!backup_id_valid(folder->id)) {
        free(folder->id);
        free(folder);
        return;
    }
    catalog->folders = x_realloc(catalog->folders, (catalog->count + 1) * sizeof(struct folder *));
    catalog->folders[catalog->count++] = folder;
}

static void on_list(void *arg, const struct s3_answer *answer, const struct error *error) {
    struct catalog *catalog = arg;
    catalog->list = NULL;
    if (error) {
        fail(catalog, error);
        return;
    }
    catalog->now = answer->date;
    for (size_t i = 0; i < answer->prefix_count; i++)
        add_folder(catalog, answer->prefixes[i]);
    if (answer->next)
        list_folders(catalog, answer->next);
    else
        read_more(catalog);
}

static void list_folders(struct catalog *catalog, const char *token) {
    struct s3_list list = {.prefix = catalog->parent, .delimiter = "/", .token = token};
    catalog->list = s3_list_objects(&catalog->place->bucket, &list, on_list, catalog);
}

static void on_place(void *arg, const struct error *error) {
    struct catalog *catalog = arg;
    if (error)
        fail(catalog, error);
    else
        list_folders(catalog, NULL);
}

struct catalog *catalog_start(struct engine *engine, struct config *config, const struct job_config *job,
                              catalog_done *done, void *arg) {
    struct catalog *catalog = x_calloc(1, sizeof *catalog);
    catalog->job = job;
    catalog->parent = x_printf("%sAWSDynamoDB/", job->prefix);
    catalog->done = done;
    catalog->arg = arg;
    catalog->place = place_open(engine, config, job, on_place, catalog);
    return catalog;
}
