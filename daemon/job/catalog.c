/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The backups of a job, as they stand in S3.
 *
 *     place -+-> LIST the folders below AWSDynamoDB/ -> READ the head of each backup.json, several at a time -+-> done,
 *            +-> whose table is it? (job/own_table.h; not where Table= is an ARN) ----------------------------+    in order of ID
 */
#include "job/catalog.h"

#include <stdlib.h>
#include <string.h>

#include "aws/s3.h"
#include "base/memory.h"
#include "job/own_table.h"
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
    struct own_table *own; /* NULL: it has answered */
    char *table_arn;       /* the job's table's; NULL: not known */
    char *parent;          /* PREFIXAWSDynamoDB/ */
    struct folder **folders;
    size_t count, started, ended;
    int64_t now;             /* seconds since 1970, by the store's clock; 0: it sent no Date */
    struct error unreadable; /* the first backup.json that could not be read */
    unsigned reading;
    bool listed;
    catalog_done *done;
    void *arg;
};

static void catalog_free(struct catalog *catalog) {
    if (catalog->list)
        s3_cancel(catalog->list);
    own_table_cancel(catalog->own);
    free(catalog->table_arn);
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

/* A job of this name may back up a table of this name in another region or account: its backups are not ours. */
static bool is_own(const struct catalog *catalog, const struct folder *folder) {
    return folder->found && (!catalog->table_arn || strcmp(folder->summary.table_arn, catalog->table_arn) == 0);
}

static void finish(struct catalog *catalog) {
    struct backup_summary *backups = x_calloc(catalog->count + 1, sizeof *backups);
    size_t count = 0;
    for (size_t i = 0; i < catalog->count; i++)
        if (is_own(catalog, catalog->folders[i]))
            backups[count++] = catalog->folders[i]->summary; /* borrowed */
    catalog->done(catalog->arg, backups, count, catalog->unreadable.code ? &catalog->unreadable : NULL);
    free(backups);
    catalog_free(catalog);
}

static void read_more(struct catalog *catalog);

static bool is_arn(const char *table) {
    return strncmp(table, "arn:", 4) == 0;
}

/* Two hosts may have a job of one name for different tables. `table` is a name or an ARN. */
static bool is_of_table(const struct backup_summary *summary, const char *table) {
    const char *ours = is_arn(table) ? summary->table_arn : summary->table;
    return summary->table_arn && ours && strcmp(ours, table) == 0;
}

/* Where nobody knows the table's ARN its region is still known. Of a job whose Table= is an ARN there are no others. */
static bool is_elsewhere(const struct catalog *catalog, const char *arn) {
    _cleanup_free_ char *region = arn && !is_arn(catalog->job->table) ? table_home_region(arn) : NULL;
    return region && strcmp(region, aws_session_region(catalog->place->bucket.session)) != 0;
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
    folder->summary.elsewhere = is_elsewhere(catalog, folder->summary.table_arn);
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

/* Where there is nothing, nobody has to know whose it is. */
static void all_read(struct catalog *catalog) {
    bool found = false;
    for (size_t i = 0; i < catalog->count; i++)
        found = found || catalog->folders[i]->found;
    if (catalog->own && found)
        own_table_hurry(catalog->own);
    else
        finish(catalog);
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
        all_read(catalog);
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
    catalog->listed = !answer->next;
    if (answer->next)
        list_folders(catalog, answer->next);
    else
        read_more(catalog);
}

static void list_folders(struct catalog *catalog, const char *token) {
    struct s3_list list = {.prefix = catalog->parent, .delimiter = "/", .token = token};
    catalog->list = s3_list_objects(&catalog->place->bucket, &list, on_list, catalog);
}

static void on_own_table(void *arg, const char *arn) {
    struct catalog *catalog = arg;
    catalog->own = NULL;
    catalog->table_arn = x_strdup(arn);
    if (catalog->listed && catalog->ended == catalog->count)
        finish(catalog);
}

static void begin(struct catalog *catalog) {
    const char *region = aws_session_region(catalog->place->bucket.session);
    if (!is_arn(catalog->job->table))
        catalog->own = own_table_start(catalog->place->engine, catalog->job, region, on_own_table, catalog);
    list_folders(catalog, NULL);
}

static void on_place(void *arg, const struct error *error) {
    struct catalog *catalog = arg;
    if (error)
        fail(catalog, error);
    else
        begin(catalog);
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

/* ------------------------------------------------------------ the newest */

static bool of_one_table(const struct backup_summary *backups, size_t count, struct error *error) {
    size_t first = 0;
    while (first < count && backups[first].elsewhere)
        first++;
    for (size_t i = first + 1; i < count; i++) {
        if (backups[i].elsewhere || strcmp(backups[i].table_arn, backups[first].table_arn) == 0)
            continue;
        error_set(
            error, ERROR_INVALID,
            "there are backups of job \"%s\" of two tables, %s and %s, and neither DynamoDB nor our own history says "
            "which of them is the job's: name the backup by its ID, or give the ARN as Table=",
            backups[first].job, backups[first].table_arn, backups[i].table_arn);
        return false;
    }
    return true;
}

static const struct backup_summary *newest(const struct backup_summary *backups, size_t count) {
    while (count && (backups[count - 1].elsewhere || backups[count - 1].after_now))
        count--;
    return count ? &backups[count - 1] : NULL;
}

/* A table that was lost with its region, or a job whose Region= is another now: a person can tell, we cannot. */
static bool has_of_here(const struct backup_summary *backups, size_t count, struct error *error) {
    for (size_t i = 0; i < count; i++)
        if (!backups[i].elsewhere)
            return true;
    if (!count)
        return true;
    error_set(
        error, ERROR_INVALID,
        "there are backups of job \"%s\" of a table in another region alone, %s, and neither DynamoDB nor our own "
        "history says that it is the job's: name the backup by its ID, or give the ARN as Table=",
        backups[0].job, backups[count - 1].table_arn);
    return false;
}

const struct backup_summary *catalog_latest(const struct backup_summary *backups, size_t count, struct error *error) {
    const struct backup_summary *latest = newest(backups, count);
    size_t all = count;
    if (!of_one_table(backups, count, error) || !has_of_here(backups, count, error))
        return NULL;
    if (latest)
        return latest;
    error_set(error, ERROR_NOT_FOUND, "there is no backup of this job%s; see dynamodb-backupctl list",
              all ? " but such as are dated in the future" : "");
    return NULL;
}
