/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A backup by what a person calls it.
 *
 *     JOB@latest -> the job's catalog -> its newest ID --+
 *     ID ------------- in every job's place ------------ +--> READ backup.json, place by place, until one has it
 *     s3://... ------- in the jobs of that bucket ------ +
 */
#include "job/find.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "job/catalog.h"

struct find {
    struct jobs *jobs;
    struct config *config;
    char *text, *bucket, *prefix; /* the latter two of an s3:// address */
    char id[ID_LENGTH + 1];
    const struct job_config *only; /* JOB@latest */
    size_t at;                     /* the job that is asked now */
    struct catalog *catalog;
    struct catalog_read *read;
    uv_timer_t soon;
    struct error failure; /* the first of a place that could not be read */
    find_done *done;
    void *arg;
};

static void on_closed(uv_handle_t *handle) {
    free(handle->data);
}

static void find_free(struct find *find) {
    catalog_cancel(find->catalog);
    catalog_read_cancel(find->read);
    config_unref(find->config);
    error_clear(&find->failure);
    free(find->text);
    free(find->bucket);
    free(find->prefix);
    uv_close((uv_handle_t *)&find->soon, on_closed);
}

void find_cancel(struct find *find) {
    if (find)
        find_free(find);
}

static void fail(struct find *find, const struct error *error) {
    find->done(find->arg, NULL, error);
    find_free(find);
}

static bool is_candidate(const struct find *find, const struct job_config *job) {
    if (find->only)
        return job == find->only;
    return !find->bucket || strcmp(job->bucket, find->bucket) == 0;
}

/* An address says where to look; any job of that bucket lends its credentials. */
static const char *prefix_of(const struct find *find, const struct job_config *job) {
    return find->bucket ? find->prefix : job->prefix;
}

static void read_next(struct find *find);

static void on_read(void *arg, struct json_object *backup, const struct error *error) {
    struct find *find = arg;
    const struct job_config *job = find->config->jobs[find->at];
    find->read = NULL;
    if (error) {
        struct error told = error_copy(error);
        if (told.code == ERROR_NOT_FOUND)
            error_clear(&told);
        error_keep_first(&find->failure, &told);
        find->at++;
        read_next(find);
        return;
    }
    _cleanup_free_ char *uri = x_printf("s3://%s/%sAWSDynamoDB/%s/", job->bucket, prefix_of(find, job), find->id);
    struct found_backup found = {.config = find->config, .job = job, .id = find->id, .uri = uri, .backup = backup};
    find->done(find->arg, &found, NULL);
    find_free(find);
}

static void not_found(struct find *find) {
    if (find->failure.code) {
        struct error told = error_take(&find->failure);
        fail(find, &told);
        error_clear(&told);
        return;
    }
    _cleanup_error_ struct error none = {0};
    error_set(&none, ERROR_NOT_FOUND, "%s: %s; see dynamodb-backupctl list", find->text,
              find->bucket ? "no backup stands there, or no job of this configuration uses that bucket"
                           : "no job of this configuration has such a backup");
    fail(find, &none);
}

static void read_next(struct find *find) {
    const struct config *config = find->config;
    while (find->at < config->job_count && !is_candidate(find, config->jobs[find->at]))
        find->at++;
    if (find->at == config->job_count) {
        not_found(find);
        return;
    }
    const struct job_config *job = config->jobs[find->at];
    _cleanup_free_ char *key = x_printf("%sAWSDynamoDB/%s/backup.json", prefix_of(find, job), find->id);
    find->read = catalog_read_start(jobs_engine(find->jobs), find->config, job, key, on_read, find);
}

static void on_catalog(void *arg, const struct backup_summary *backups, size_t count, const struct error *error) {
    struct find *find = arg;
    find->catalog = NULL;
    if (error) {
        fail(find, error);
        return;
    }
    while (count && backups[count - 1].after_now) /* a host whose clock ran ahead made it */
        count--;
    if (!count) {
        not_found(find);
        return;
    }
    memcpy(find->id, backups[count - 1].id, sizeof find->id);
    read_next(find);
}

/* What the text is; false with an error where it is nothing. */
static bool understand(struct find *find, struct error *error) {
    static const char latest[] = "@latest";
    size_t length = strlen(find->text), tail = sizeof latest - 1;
    if (strncmp(find->text, "s3://", 5) == 0)
        return backup_uri_parse(find->text, &find->bucket, &find->prefix, find->id, error);
    if (length > tail && strcmp(find->text + length - tail, latest) == 0) {
        _cleanup_free_ char *name = x_strndup(find->text, length - tail);
        find->only = config_job(find->config, name);
        if (!find->only)
            error_set(error, ERROR_NOT_FOUND, "there is no job \"%s\"", name);
        return find->only;
    }
    if (!backup_id_valid(find->text)) {
        error_set(error, ERROR_INVALID,
                  "\"%s\" names no backup: expected an ID as list prints it, JOB@latest, or "
                  "s3://BUCKET/PREFIX/AWSDynamoDB/ID/",
                  find->text);
        return false;
    }
    memcpy(find->id, find->text, sizeof find->id);
    return true;
}

static void on_soon(uv_timer_t *timer) {
    struct find *find = timer->data;
    _cleanup_error_ struct error error = {0};
    if (!understand(find, &error))
        fail(find, &error);
    else if (find->only)
        find->catalog = catalog_start(jobs_engine(find->jobs), find->config, find->only, on_catalog, find);
    else
        read_next(find);
}

struct find *find_start(struct jobs *jobs, const char *text, find_done *done, void *arg) {
    struct find *find = x_calloc(1, sizeof *find);
    find->jobs = jobs;
    find->config = config_ref(jobs_config(jobs));
    find->text = x_strdup(text);
    find->done = done;
    find->arg = arg;
    find->soon.data = find;
    uv_timer_init(jobs_engine(jobs)->shared.loop, &find->soon);
    uv_timer_start(&find->soon, on_soon, 0, 0);
    return find;
}
