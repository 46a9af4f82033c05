/* SPDX-License-Identifier: Apache-2.0 */
/*
 *     LIST the folders below AWSDynamoDB/ -> LOOK at each, several at a time -> done
 *
 *     LOOK: READ the head of backup.json -> a backup, or foreign
 *               | there is none
 *               v
 *           READ _started -> foreign (AWS's own is empty)
 *               | it is this job's
 *               v
 *           LIST the folder: how old is its newest object? -> remains
 */
#include "job/survey.h"

#include <stdlib.h>
#include <string.h>

#include "base/encoding.h"
#include "base/json.h"
#include "base/memory.h"
#include "job/lock_check.h"
#include "job/record.h"

#define LOOKS_AT_ONCE 8
#define STARTED_MOST  ((size_t)64 << 10)
#define NO_SUCH_RANGE 416 /* what S3 answers for any range of an empty object */

struct look {
    struct survey *survey;
    struct survey_folder folder;
    struct s3_call *call;
};

struct survey {
    const struct s3_bucket *bucket;
    char *prefix, *job, *table_arn;
    char *parent; /* PREFIXAWSDynamoDB/ */
    struct s3_call *list;
    struct look **looks;
    size_t count, started, ended;
    int64_t (*clock)(void);
    int64_t now, wall;
    survey_done *done;
    void *arg;
};

static void folder_fini(struct survey_folder *folder) {
    backup_names_fini(&folder->names);
    free(folder->host);
    free(folder->machine_id);
    free(folder->locked);
}

static void survey_free(struct survey *survey) {
    if (survey->list)
        s3_cancel(survey->list);
    for (size_t i = 0; i < survey->count; i++) {
        if (survey->looks[i]->call)
            s3_cancel(survey->looks[i]->call);
        folder_fini(&survey->looks[i]->folder);
        free(survey->looks[i]);
    }
    free(survey->looks);
    free(survey->prefix);
    free(survey->job);
    free(survey->table_arn);
    free(survey->parent);
    free(survey);
}

void survey_cancel(struct survey *survey) {
    if (survey)
        survey_free(survey);
}

static void fail(struct survey *survey, const struct error *error) {
    survey->done(survey->arg, NULL, error);
    survey_free(survey);
}

static void finish(struct survey *survey) {
    struct survey_result result = {
        .folders = x_calloc(survey->count + 1, sizeof *result.folders), .now = survey->now, .wall = survey->wall};
    for (size_t i = 0; i < survey->count; i++) {
        const struct survey_folder *folder = &survey->looks[i]->folder;
        if (folder->kind == FOLDER_FOREIGN)
            result.foreign++;
        else
            result.folders[result.count++] = *folder; /* borrowed */
    }
    survey->done(survey->arg, &result, NULL);
    free(result.folders);
    survey_free(survey);
}

/* ------------------------------------------------------------ one folder */

static void look_more(struct survey *survey);

static void look_ended(struct look *look) {
    look->survey->ended++;
    look_more(look->survey);
}

/* Says who made it; false where that is not this job, or where its run is not that of the folder's ID. */
static bool take_origin(struct look *look, struct json_object *origin) {
    const struct survey *survey = look->survey;
    struct survey_folder *folder = &look->folder;
    const char *job = json_string(origin, "job"), *arn = json_string(origin, "table_arn"),
               *run = json_string(origin, "run");
    unsigned char identity[RUN_LENGTH / 2];
    if (!job || !arn || !run || strcmp(job, survey->job) != 0 || strcmp(arn, survey->table_arn) != 0)
        return false;
    if (strlen(run) != RUN_LENGTH || !hex_decode(identity, sizeof identity, run))
        return false;
    backup_names_init(&folder->names, survey->bucket->name, survey->prefix, backup_id_time(folder->id), identity);
    folder->host = x_strdup(json_string(origin, "host"));
    folder->machine_id = x_strdup(json_string(origin, "machine_id"));
    return strcmp(folder->names.id, folder->id) == 0;
}

static struct s3_call *read_file(struct look *look, const char *name, size_t most, s3_done *done) {
    _cleanup_free_ char *key = x_printf("%s%s/%s", look->survey->parent, look->folder.id, name);
    struct s3_get get = {.key = key, .last = most - 1, .limit = most + 1};
    return s3_get_object(look->survey->bucket, &get, done, look);
}

/* Is the answer there at all? An empty object has no range. */
static bool is_there(const struct s3_answer *answer, const struct error *error) {
    return !error && answer->found && answer->http->length > 0;
}

static bool is_failure(const struct error *error) {
    return error && error->http_status != NO_SUCH_RANGE;
}

static void list_remains(struct look *look, const char *token);

static void on_remains(void *arg, const struct s3_answer *answer, const struct error *error) {
    struct look *look = arg;
    look->call = NULL;
    if (error) {
        fail(look->survey, error);
        return;
    }
    for (size_t i = 0; i < answer->entry_count; i++)
        if (answer->entries[i].modified > look->folder.newest)
            look->folder.newest = answer->entries[i].modified;
    if (answer->next) {
        list_remains(look, answer->next);
        return;
    }
    look->folder.kind = FOLDER_REMAINS;
    look_ended(look);
}

static void list_remains(struct look *look, const char *token) {
    struct s3_list list = {.prefix = look->folder.names.root, .token = token};
    look->call = s3_list_objects(look->survey->bucket, &list, on_remains, look);
}

static void on_started(void *arg, const struct s3_answer *answer, const struct error *error) {
    struct look *look = arg;
    _cleanup_json_ struct json_object *started = NULL;
    look->call = NULL;
    if (is_failure(error)) {
        fail(look->survey, error);
        return;
    }
    if (is_there(answer, error))
        started = json_parse(answer->http->body, answer->http->length, NULL);
    if (started && take_origin(look, started))
        list_remains(look, NULL);
    else
        look_ended(look);
}

/* The short members of backup.json stand before `table`, as its summary has them; those that _started has too are the same. */
static void take_backup(struct look *look, const struct s3_answer *answer) {
    struct survey_folder *folder = &look->folder;
    struct backup_summary summary = {0};
    const struct http_answer *http = answer->http;
    if (!backup_summary_parse(&summary, http->body, http->length, http->length < SUMMARY_BYTES, NULL))
        return;
    struct json_object *origin = json_object_new_object();
    json_put_string(origin, "job", summary.job);
    json_put_string(origin, "table_arn", summary.table_arn);
    json_put_string(origin, "run", summary.run);
    if (strcmp(summary.id, folder->id) == 0 && take_origin(look, origin)) {
        folder->kind = FOLDER_BACKUP;
        folder->items = summary.items;
        folder->stored_bytes = summary.stored_bytes;
        folder->locked = lock_words(http, look->survey->now);
    }
    json_object_put(origin);
    backup_summary_fini(&summary);
}

static void on_backup(void *arg, const struct s3_answer *answer, const struct error *error) {
    struct look *look = arg;
    look->call = NULL;
    if (is_failure(error)) {
        fail(look->survey, error);
        return;
    }
    if (!error && !answer->found) {
        look->call = read_file(look, "_started", STARTED_MOST, on_started);
        return;
    }
    if (is_there(answer, error))
        take_backup(look, answer);
    look_ended(look);
}

static void look_more(struct survey *survey) {
    while (survey->started < survey->count && survey->started - survey->ended < LOOKS_AT_ONCE) {
        struct look *look = survey->looks[survey->started++];
        look->call = read_file(look, "backup.json", SUMMARY_BYTES, on_backup);
    }
    if (survey->ended == survey->count)
        finish(survey);
}

/* ------------------------------------------------------------ the folders */

static void list_folders(struct survey *survey, const char *token);

static void add_folder(struct survey *survey, const char *prefix) {
    size_t before = strlen(survey->parent);
    if (strncmp(prefix, survey->parent, before) != 0)
        return;
    _cleanup_free_ char *id = x_strndup(prefix + before, strcspn(prefix + before, "/"));
    if (!backup_id_valid(id))
        return;
    struct look *look = x_calloc(1, sizeof *look);
    look->survey = survey;
    memcpy(look->folder.id, id, sizeof look->folder.id);
    survey->looks = x_realloc(survey->looks, (survey->count + 1) * sizeof(struct look *));
    survey->looks[survey->count++] = look;
}

static void on_list(void *arg, const struct s3_answer *answer, const struct error *error) {
    struct survey *survey = arg;
    survey->list = NULL;
    if (error) {
        fail(survey, error);
        return;
    }
    survey->now = answer->date;
    survey->wall = survey->clock();
    for (size_t i = 0; i < answer->prefix_count; i++)
        add_folder(survey, answer->prefixes[i]);
    if (answer->next)
        list_folders(survey, answer->next);
    else
        look_more(survey);
}

static void list_folders(struct survey *survey, const char *token) {
    struct s3_list list = {.prefix = survey->parent, .delimiter = "/", .token = token};
    survey->list = s3_list_objects(survey->bucket, &list, on_list, survey);
}

struct survey *survey_start(const struct survey_options *options, survey_done *done, void *arg) {
    struct survey *survey = x_calloc(1, sizeof *survey);
    survey->bucket = options->bucket;
    survey->prefix = x_strdup(options->prefix);
    survey->job = x_strdup(options->job);
    survey->table_arn = x_strdup(options->table_arn);
    survey->parent = x_printf("%sAWSDynamoDB/", options->prefix);
    survey->clock = options->wall;
    survey->done = done;
    survey->arg = arg;
    list_folders(survey, NULL);
    return survey;
}
