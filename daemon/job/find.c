/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A backup by what a person calls it.
 *
 *     JOB@latest -> the job's catalog -> its newest ID --+
 *     ID ------------- in every job's place ------------ +--> OPEN the source, place by place, until one has it
 *     s3://... -+----- in the jobs of that bucket ------ +
 *               +----- no job has it, or it was said how to read it: by a job made for the address
 *     s3://BUCKET/KEY, told to be a plain JSON array: the same, and the object is the source
 *
 * Several jobs may be able to read it. Whose it is, it says itself: where that job is one of ours, it is asked once more as that job,
 * so that all that follows goes by its own region and role.
 */
#include "job/find.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "job/catalog.h"

struct find {
    struct engine *engine;
    struct config *config; /* by which it is read: `all`, or that of a job made for an address */
    struct config *all;
    char *text, *bucket, *prefix; /* the latter two of an s3:// address */
    char *plain_key;              /* of one that is a plain JSON array */
    bool plain;
    char *region, *profile, *role_arn; /* how to read it */
    char id[ID_LENGTH + 1];
    const struct job_config *only; /* JOB@latest */
    size_t at;                     /* the job that is asked now */
    struct catalog *catalog;
    struct source_open *open;
    struct source *first;         /* found, while its own job is asked for it */
    const struct job_config *own; /* of `all`; NULL: none that we know */
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
    source_unref(find->first);
    config_unref(find->config);
    config_unref(find->all);
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

/* ------------------------------------------------------------ whose it is */

/* Two hosts may have a job of one name for different tables, and one host the same table in two regions. */
static bool is_made_by(const struct source *source, const struct job_config *job) {
    bool is_arn = strncmp(job->table, "arn:", 4) == 0;
    _cleanup_free_ char *region = engine_region(job);
    return text_equal(is_arn ? source->table_arn : source->table, job->table) &&
           (!region || !source->region || strcmp(region, source->region) == 0);
}

static const struct job_config *own_job(const struct find *find, const struct source *source) {
    const struct job_config *job = source->job ? config_job(find->all, source->job) : NULL;
    if (find->only)
        return find->only;
    return job && is_made_by(source, job) ? job : NULL;
}

static bool same_way(const struct job_config *a, const struct job_config *b) {
    _cleanup_free_ char *region = engine_region(a), *other = engine_region(b);
    return a->source == b->source && text_equal(region, other) && text_equal(a->profile, b->profile) &&
           text_equal(a->role_arn, b->role_arn);
}

/* A plain array does not say where it comes from: then all jobs of that bucket must lead to one place. */
static bool is_foreign(const struct find *find, const struct job_config *reader) {
    if (find->own || find->config != find->all)
        return false;
    if (!find->plain)
        return true;
    for (size_t i = 0; i < find->config->job_count; i++)
        if (is_candidate(find, find->config->jobs[i]) && !same_way(reader, find->config->jobs[i]))
            return true;
    return false;
}

static void tell(struct find *find, struct source *source, const struct job_config *reader) {
    struct found_backup found = {.config = find->config,
                                 .job = reader,
                                 .writer_config = find->own ? find->all : find->config,
                                 .writer = find->own ? find->own : reader,
                                 .foreign = is_foreign(find, reader),
                                 .prefix = source->prefix,
                                 .id = find->id,
                                 .uri = source->uri,
                                 .backup = source->document,
                                 .source = source};
    find->done(find->arg, &found, NULL);
    find_free(find);
}

/* What its own job cannot read, or has under that ID and is another, is taken as it was found. */
static void on_open_as_own(void *arg, struct source *source, const struct error *error) {
    struct find *find = arg;
    bool same = !error && text_equal(source->job, find->first->job) && text_equal(source->run, find->first->run);
    find->open = NULL;
    if (same)
        tell(find, source, find->own);
    else
        tell(find, find->first, find->config->jobs[find->at]);
}

static void open_as_own(struct find *find) {
    struct source_request request = {.engine = find->engine,
                                     .config = find->all,
                                     .job = find->own,
                                     .prefix = prefix_of(find, find->own),
                                     .id = find->id,
                                     .lenient = true};
    find->open = source_open_start(&request, on_open_as_own, find);
}

static void on_open(void *arg, struct source *source, const struct error *error) {
    struct find *find = arg;
    find->open = NULL;
    if (error) {
        on_failure(find, error);
        return;
    }
    const struct job_config *reader = find->config->jobs[find->at];
    find->own = own_job(find, source);
    if (find->own && find->own != reader && find->config == find->all && is_candidate(find, find->own)) {
        find->first = source_ref(source);
        open_as_own(find);
    } else {
        tell(find, source, reader);
    }
}

/* ------------------------------------------------------------ place by place */

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

/* Whoever says how to read what a job reads means something else, and would write where they do not expect it. */
static bool has_no_access(const struct find *find, struct error *error) {
    if (!find->region && !find->profile && !find->role_arn)
        return true;
    error_set(
        error, ERROR_INVALID,
        "--region, --profile and --role-arn say how to read an s3:// address, and \"%s\" is read as its job says: "
        "--to-region and --to-role-arn of restore say where and by which role a table is written",
        find->text);
    return false;
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
    if (!has_no_access(find, error))
        return false;
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
    find->all = config_ref(jobs_config(jobs));
    find->config = config_ref(find->all);
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
