/* SPDX-License-Identifier: Apache-2.0 */
/*
 *     PLACE -> BACKUP: GET backup.json --404--> STARTED: GET _started --empty or 404--> SUMMARY -> FILES -> done
 *                 |                                       |                               ^
 *                 +-- parsed by a worker -> done          +-- ours -> not found           |
 *                 +-- lenient, and it cannot be read -------------------------------------+
 *
 * What may be long, backup.json and manifest-files.json, is asked for a range at a time; a worker takes in each before the next is asked for.
 *
 * A folder of ours has the manifests of an export too. Without backup.json it is a run that did not end, or a backup that is being
 * removed, and no backup: its _started tells, for an export's is empty.
 */
#include "source.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "job/place.h"

#define RANGE         ((size_t)1 << 20) /* of a long text; a short one must fit */
#define NO_SUCH_RANGE 416               /* there is nothing more of it */

/* ------------------------------------------------------------ its life */

struct source *source_new(enum source_kind kind) {
    struct source *source = x_calloc(1, sizeof *source);
    source->references = 1;
    source->kind = kind;
    return source;
}

struct source *source_ref(struct source *source) {
    source->references++;
    return source;
}

static void output_fini(struct source_output *output) {
    free(output->objects);
    csv_columns_unref(output->columns);
}

void source_unref(struct source *source) {
    if (!source || --source->references)
        return;
    char *const texts[] = {source->uri,   source->bucket,    source->prefix,   source->root,
                           source->job,   source->run,       source->host,     source->machine_id,
                           source->table, source->table_arn, source->table_id, source->region};
    for (size_t i = 0; i < array_length(texts); i++)
        free(texts[i]);
    for (size_t i = 0; i < source->output_count; i++)
        output_fini(&source->outputs[i]);
    for (size_t i = 0; i < source->manifest_count; i++)
        free(source->manifests[i].name);
    json_object_put(source->definition);
    json_object_put(source->document);
    arena_fini(&source->texts);
    error_clear(&source->damage);
    place_close(source->place);
    free(source);
}

const struct s3_bucket *source_bucket(const struct source *source) {
    return &source->place->bucket;
}

static bool restores_exactly(const struct source *source) {
    const struct type_counts *types = &source->types;
    return source->kind == BACKUP_PLAIN || (source->has_types && !types->b && !types->ss && !types->ns && !types->bs);
}

size_t source_restorable(const struct source *source, struct error *error) {
    size_t plain = SIZE_MAX;
    for (size_t i = 0; i < source->output_count; i++) {
        if (source->outputs[i].format == FORMAT_DYNAMODB_JSON)
            return i;
        if (source->outputs[i].format == FORMAT_JSON)
            plain = i;
    }
    if (plain != SIZE_MAX && restores_exactly(source))
        return plain;
    if (plain == SIZE_MAX)
        error_set(
            error, ERROR_INVALID,
            "%s holds csv alone, which does not tell types and absent attributes apart: it does not restore; back "
            "up with Format=dynamodb-json, beside csv if need be",
            source->uri);
    else
        error_set(error, ERROR_INVALID,
                  "%s holds plain json alone, which cannot tell B, SS, NS and BS from strings and lists, and the table "
                  "had %" PRIu64 " B, %" PRIu64 " SS, %" PRIu64 " NS, %" PRIu64
                  " BS: it would not restore exactly; back up with Format=dynamodb-json",
                  source->uri, source->types.b, source->types.ss, source->types.ns, source->types.bs);
    return SIZE_MAX;
}

/* ------------------------------------------------------------ opening */

enum open_state { PLACE, BACKUP, STARTED, SUMMARY, FILES, OVER };

struct source_open {
    enum open_state state;
    struct source_request request;
    struct config *config;
    struct place *place;
    char *prefix, *plain_key, *key;
    char id[ID_LENGTH + 1];
    struct s3_call *call;
    struct http_sink sink;
    struct buffer text; /* or the range of it at hand */
    uint64_t at;        /* bytes of it before */
    char *etag;         /* of its first range: all must be of one text */
    bool more;          /* another range may follow */
    struct backup_feed *backup;
    struct files_feed *files;
    uv_work_t work;
    bool working, cancelled;
    struct source *source;
    struct error failure; /* of the worker */
    struct error damage;  /* lenient: of a backup.json that cannot be read at all */
    source_done *done;
    void *arg;
};

static void open_free(struct source_open *open) {
    if (open->call)
        s3_cancel(open->call);
    backup_feed_free(open->backup);
    files_feed_free(open->files);
    source_unref(open->source);
    place_close(open->place);
    config_unref(open->config);
    buffer_fini(&open->text);
    error_clear(&open->failure);
    error_clear(&open->damage);
    free(open->prefix);
    free(open->plain_key);
    free(open->key);
    free(open->etag);
    free(open);
}

void source_open_cancel(struct source_open *open) {
    if (!open)
        return;
    open->cancelled = true;
    if (!open->working)
        open_free(open);
}

static void fail(struct source_open *open, const struct error *error) {
    open->state = OVER;
    open->done(open->arg, NULL, error);
    open_free(open);
}

static void succeed(struct source_open *open) {
    open->state = OVER;
    open->source->place = take_pointer(open->place);
    if (open->damage.code) {
        error_clear(&open->source->damage);
        open->source->damage = error_take(&open->damage);
    }
    open->done(open->arg, open->source, NULL);
    open_free(open);
}

static void open_step(struct source_open *open, enum open_state state);

static const char *file_of(enum open_state state) {
    return state == BACKUP    ? "backup.json"
           : state == STARTED ? "_started"
           : state == SUMMARY ? "manifest-summary.json"
                              : "manifest-files.json";
}

static bool is_long(enum open_state state) {
    return state == BACKUP || state == FILES;
}

/* A backup.json under the name of another folder's is none of this one. */
static bool is_this(const struct source_open *open, struct error *error) {
    if (!*open->source->id || strcmp(open->source->id, open->id) == 0)
        return true;
    error_set(error, ERROR_CORRUPT, "it is of another backup, %s", open->source->id);
    return false;
}

static void settle(struct source_open *open) {
    memcpy(open->source->id, open->id, sizeof open->id);
    source_settle(open->source, open->place->bucket.name, open->prefix);
}

static void end_backup(struct source_open *open) {
    struct error other = {0};
    open->source = backup_feed_end(take_pointer(open->backup), &open->failure);
    if (!open->source)
        return;
    if (!is_this(open, &other))
        error_keep_first(open->request.lenient ? &open->source->damage : &open->failure, &other);
    settle(open);
}

static void take_backup(struct source_open *open, const char *bytes, size_t length) {
    if (!open->backup)
        open->backup = backup_feed_new(open->request.lenient);
    if (!backup_feed_add(open->backup, bytes, length))
        open->more = false;
    if (!open->more)
        end_backup(open);
}

static void take_files(struct source_open *open, const char *bytes, size_t length) {
    if (!open->files)
        open->files = files_feed_new(open->source);
    if (!files_feed_add(open->files, bytes, length))
        open->more = false;
    if (open->more)
        return;
    if (!files_feed_end(take_pointer(open->files), &open->failure)) {
        error_context(&open->failure, "manifest-files.json");
        return;
    }
    settle(open);
    source_describe_export(open->source);
}

/* On a worker thread. */
static void parse(uv_work_t *work) {
    struct source_open *open = container_of(work, struct source_open, work);
    const char *text = open->text.data ? open->text.data : "";
    if (open->state == BACKUP)
        take_backup(open, text, open->text.length);
    else if (open->state == SUMMARY)
        open->source = source_parse_summary(text, open->text.length, &open->failure);
    else
        take_files(open, text, open->text.length);
}

static void get_range(struct source_open *open);

static void on_refused(struct source_open *open) {
    error_context(&open->failure, "s3://%s/%s", open->place->bucket.name, open->key);
    bool goes_on = open->state == BACKUP && open->request.lenient;
    if (!goes_on) {
        fail(open, &open->failure);
        return;
    }
    open->damage = error_take(&open->failure);
    open_step(open, SUMMARY);
}

static void on_parsed(uv_work_t *work, int status) {
    struct source_open *open = container_of(work, struct source_open, work);
    (void)status;
    open->working = false;
    open->at += open->text.length;
    buffer_clear(&open->text);
    if (open->cancelled)
        open_free(open);
    else if (open->failure.code)
        on_refused(open);
    else if (open->more)
        get_range(open);
    else if (open->state == SUMMARY)
        open_step(open, FILES);
    else
        succeed(open);
}

static bool begin_text(void *arg, int status, int64_t length) {
    struct source_open *open = arg;
    (void)status;
    (void)length;
    buffer_clear(&open->text);
    return true;
}

static bool write_text(void *arg, const char *bytes, size_t length) {
    struct source_open *open = arg;
    return buffer_append(&open->text, bytes, length);
}

static void nothing_there(struct source_open *open) {
    _cleanup_error_ struct error error = {0};
    if (open->damage.code) {
        fail(open, &open->damage);
        return;
    }
    if (open->state == FILES)
        error_set(&error, ERROR_CORRUPT, "s3://%s/%s is missing: the export is not whole", open->place->bucket.name,
                  open->key);
    else
        error_set(&error, ERROR_NOT_FOUND,
                  "no such backup: s3://%s/%sAWSDynamoDB/%s/ has neither a backup.json nor a manifest-summary.json",
                  open->place->bucket.name, open->prefix, open->id);
    fail(open, &error);
}

static void not_whole(struct source_open *open) {
    _cleanup_error_ struct error error = {0};
    error_set(&error, ERROR_NOT_FOUND,
              "no such backup: s3://%s/%sAWSDynamoDB/%s/ has no backup.json: it is of a run that did not end, or is "
              "being removed",
              open->place->bucket.name, open->prefix, open->id);
    fail(open, &error);
}

static void give_to_worker(struct source_open *open) {
    open->working = true;
    uv_queue_work(open->request.engine->shared.loop, &open->work, parse, on_parsed);
}

/* Written anew between two ranges? It never is by us. */
static bool is_same_text(struct source_open *open, const struct s3_answer *answer) {
    if (!open->at)
        x_replace(&open->etag, answer->etag);
    if (!open->etag || !answer->etag || strcmp(open->etag, answer->etag) == 0)
        return true;
    error_set(&open->failure, ERROR_CORRUPT, "it changed while it was read");
    return false;
}

static void on_found(struct source_open *open, const struct s3_answer *answer) {
    open->more = is_long(open->state) && open->text.length == RANGE;
    if (is_long(open->state) && !is_same_text(open, answer))
        on_refused(open);
    else
        give_to_worker(open);
}

static void on_text(void *arg, const struct s3_answer *answer, const struct error *error) {
    struct source_open *open = arg;
    open->call = NULL;
    if (error && error->http_status == NO_SUCH_RANGE && is_long(open->state)) {
        open->more = false;
        buffer_clear(&open->text);
        give_to_worker(open);
    } else if (error) {
        fail(open, error);
    } else if (open->state == STARTED) {
        if (open->text.length)
            not_whole(open);
        else
            open_step(open, SUMMARY);
    } else if (answer->found) {
        on_found(open, answer);
    } else if (open->state == BACKUP) {
        open_step(open, STARTED);
    } else {
        nothing_there(open);
    }
}

static void get_range(struct source_open *open) {
    struct s3_get get = {.key = open->key, .sink = &open->sink};
    if (is_long(open->state)) {
        get.first = open->at;
        get.last = open->at + RANGE - 1;
    }
    buffer_clear(&open->text);
    open->call = s3_get_object(&open->place->bucket, &get, on_text, open);
}

static void get_text(struct source_open *open) {
    free(open->key);
    open->at = 0;
    open->key = x_printf("%sAWSDynamoDB/%s/%s", open->prefix, open->id, file_of(open->state));
    get_range(open);
}

static void open_step(struct source_open *open, enum open_state state) {
    open->state = state;
    get_text(open);
}

static void on_place(void *arg, const struct error *error) {
    struct source_open *open = arg;
    if (error) {
        fail(open, error);
    } else if (open->plain_key) {
        open->source = source_of_plain(open->place->bucket.name, open->plain_key);
        succeed(open);
    } else {
        open_step(open, BACKUP);
    }
}

struct source_open *source_open_start(const struct source_request *request, source_done *done, void *arg) {
    struct source_open *open = x_calloc(1, sizeof *open);
    open->request = *request;
    open->config = config_ref(request->config);
    open->sink = (struct http_sink){begin_text, write_text, open};
    open->text = BUFFER_INIT(RANGE);
    open->prefix = x_strdup(request->prefix ? request->prefix : request->job->prefix);
    open->plain_key = x_strdup(request->plain_key);
    if (request->id)
        memcpy(open->id, request->id, strnlen(request->id, ID_LENGTH));
    open->done = done;
    open->arg = arg;
    open->place = place_open_patient(request->engine, request->config, request->job, on_place, open);
    return open;
}
