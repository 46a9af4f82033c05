/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A backup by what a person calls it.
 *
 *     JOB@latest -> the job's catalog -> its newest ID --+
 *     ID ------------- in every job's place ------------ +--> OPEN the source, place by place, until one has it
 *     s3://... -+----- in the jobs of that bucket ------ +
 *               +----- no job has it, or it was said how to read it: by a job made for the address
 *     s3://BUCKET/KEY, told to be a plain JSON array: the same, and the object is the source
 */
#include "job/find.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "job/catalog.h"

struct find {
    struct engine *engine;
    struct config *config;
    char *text, *bucket, *prefix; /* the latter two of an s3:// address */
    char *plain_key;              /* of one that is a plain JSON array */
    bool plain;
    char *region, *profile, *role_arn; /* how to read it */
    char id[ID_LENGTH + 1];
    const struct job_config *only; /* JOB@latest */
    size_t at;                     /* the job that is asked now */
    struct catalog *catalog;
    struct source_open *open;
    uv_timer_t soon;
    struct error failure; /* the first of a place that could not be read */
    find_done *done;
    void *arg;
};

static void on_closed(uv_handle_t *handle) {
    free(handle->data);
}

static void find_free(struct find *find) {
    char *const texts[] = {find->text,   find->bucket,  find->prefix,  find->plain_key,
                           find->region, find->profile, find->role_arn};
    catalog_cancel(find->catalog);
    source_open_cancel(find->open);
    config_unref(find->config);
    engine_unref(find->engine);
    error_clear(&find->failure);
    for (size_t i = 0; i < array_length(texts); i++)
        free(texts[i]);
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

static void open_next(struct find *find);

/* What stands there and is not for us is the answer; what could not be read may stand elsewhere. */
static void on_failure(struct find *find, const struct error *error) {
    if (error->code == ERROR_INVALID) {
        fail(find, error);
        return;
    }
    struct error told = error_copy(error);
    if (told.code == ERROR_NOT_FOUND && !find->bucket) /* of an address its words are the best there are */
        error_clear(&told);
    error_keep_first(&find->failure, &told);
    find->at++;
    open_next(find);
}

static void on_open(void *arg, struct source *source, const struct error *error) {
    struct find *find = arg;
    find->open = NULL;
    if (error) {
        on_failure(find, error);
        return;
    }
    struct found_backup found = {.config = find->config,
                                 .job = find->config->jobs[find->at],
                                 .prefix = source->prefix,
                                 .id = find->id,
                                 .uri = source->uri,
                                 .backup = source->document,
                                 .source = source};
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
              find->bucket ? "no backup stands there" : "no job of this configuration has such a backup");
    fail(find, &none);
}

static void open_next(struct find *find) {
    const struct config *config = find->config;
    while (find->at < config->job_count && !is_candidate(find, config->jobs[find->at]))
        find->at++;
    if (find->at == config->job_count) {
        not_found(find);
        return;
    }
    const struct job_config *job = config->jobs[find->at];
    struct source_request request = {.engine = find->engine,
                                     .config = find->config,
                                     .job = job,
                                     .prefix = prefix_of(find, job),
                                     .id = find->id,
                                     .plain_key = find->plain_key,
                                     .lenient = true};
    find->open = source_open_start(&request, on_open, find);
}

static void on_catalog(void *arg, const struct backup_summary *backups, size_t count, const struct error *error) {
    struct find *find = arg;
    _cleanup_error_ struct error none = {0};
    const struct backup_summary *latest = error ? NULL : catalog_latest(backups, count, &none);
    find->catalog = NULL;
    if (latest) {
        memcpy(find->id, latest->id, sizeof find->id);
        open_next(find);
    } else if (none.code == ERROR_NOT_FOUND) {
        not_found(find);
    } else {
        fail(find, error ? error : &none);
    }
}

/* An address of no job's bucket, or that is to be read in another way, gets a job of its own. */
static void choose_job(struct find *find) {
    bool told = find->region || find->profile || find->role_arn;
    for (size_t i = 0; i < find->config->job_count && !told; i++)
        if (is_candidate(find, find->config->jobs[i]))
            return;
    const struct config_address address = {.bucket = find->bucket,
                                           .prefix = find->prefix,
                                           .region = find->region,
                                           .profile = find->profile,
                                           .role_arn = find->role_arn};
    struct config *made = config_for_address(find->config, &address);
    config_unref(find->config);
    find->config = made;
}

/* s3://BUCKET/KEY */
static bool is_csv(const char *key) {
    static const char *const ends[] = {".csv", ".csv.gz", ".csv.zst"};
    size_t length = strlen(key);
    for (size_t i = 0; i < array_length(ends); i++)
        if (length > strlen(ends[i]) && strcmp(key + length - strlen(ends[i]), ends[i]) == 0)
            return true;
    return false;
}

static bool understand_plain(struct find *find, struct error *error) {
    const char *bucket = strncmp(find->text, "s3://", 5) == 0 ? find->text + 5 : "", *slash = strchr(bucket, '/');
    if (!slash || slash == bucket || !slash[1]) {
        error_set(error, ERROR_INVALID,
                  "\"%s\" names no object: --assume-plain expects s3://BUCKET/KEY of a plain JSON array", find->text);
        return false;
    }
    if (is_csv(slash + 1)) {
        error_set(error, ERROR_INVALID,
                  "\"%s\" is csv, which does not tell types and absent attributes apart: it does not restore; "
                  "--assume-plain expects a plain JSON array",
                  find->text);
        return false;
    }
    find->bucket = x_strndup(bucket, (size_t)(slash - bucket));
    find->prefix = x_strdup("");
    find->plain_key = x_strdup(slash + 1);
    choose_job(find);
    return true;
}

/* What the text is; false with an error where it is nothing. */
static bool understand(struct find *find, struct error *error) {
    static const char latest[] = "@latest";
    size_t length = strlen(find->text), tail = sizeof latest - 1;
    if (find->plain)
        return understand_plain(find, error);
    if (strncmp(find->text, "s3://", 5) == 0) {
        if (!backup_uri_parse(find->text, &find->bucket, &find->prefix, find->id, error))
            return false;
        choose_job(find);
        return true;
    }
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
        find->catalog = catalog_start(find->engine, find->config, find->only, on_catalog, find);
    else
        open_next(find);
}

struct find *find_by_start(struct jobs *jobs, const char *text, const struct find_access *access, find_done *done,
                           void *arg) {
    struct find *find = x_calloc(1, sizeof *find);
    find->engine = engine_ref(jobs_engine(jobs));
    find->config = config_ref(jobs_config(jobs));
    find->text = x_strdup(text);
    find->region = x_strdup(access ? access->region : NULL);
    find->profile = x_strdup(access ? access->profile : NULL);
    find->role_arn = x_strdup(access ? access->role_arn : NULL);
    find->plain = access && access->plain;
    find->done = done;
    find->arg = arg;
    find->soon.data = find;
    uv_timer_init(find->engine->shared.loop, &find->soon);
    uv_timer_start(&find->soon, on_soon, 0, 0);
    return find;
}

struct find *find_start(struct jobs *jobs, const char *text, find_done *done, void *arg) {
    return find_by_start(jobs, text, NULL, done, arg);
}
