/* SPDX-License-Identifier: Apache-2.0 */
/*
 *     LIST   what stands in the folder: nothing under data/ that was not written, nothing longer than it was
 *     FILES  _started, the manifests and their checksums, one after the other
 *     DATA   every object of every format, by the reader
 *     OVER   -> done
 *
 * backup.json itself was judged when the source was opened. What cannot be read for want of a permission or a network ends the story: it is
 * no damage.
 */
#include "verify.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "job/reader.h"
#include "job/reading.h"

#define HOLDER    "a verify"
#define TEXT_MOST ((size_t)64 << 10) /* of a small file; a manifest is known by its MD5 */

enum verify_state { LIST, FILES, DATA, OVER };

static const char *const state_names[] = {[LIST] = "list", [FILES] = "files", [DATA] = "data", [OVER] = "over"};

/* An object that was written: where it stands in the source. */
struct written {
    const char *key;
    uint64_t size;
};

struct verify {
    enum verify_state state;
    struct engine *engine;
    struct source *source;
    struct verify_result result;
    struct written *written; /* in order of key */
    size_t written_count;
    struct s3_call *call;
    enum verify_file file;
    struct verify_sums sums;
    struct http_sink sink;
    struct buffer text;    /* of `file`; of a manifest: nothing */
    struct digest *digest; /* of `file` */
    char *key;             /* of `file` */
    struct error damage;   /* of `file` */
    struct reading *holds; /* the backup is not pruned meanwhile */
    size_t output;
    struct reader *reader;
    struct reader_progress before; /* of the outputs that have been read */
    uint64_t output_items, output_damages;
    struct type_counts types; /* of dynamodb-json, as read */
    verify_done *done;
    void *arg;
    uv_timer_t soon;
};

void verify_result_fini(struct verify_result *result) {
    for (size_t i = 0; i < result->damage_count; i++) {
        free(result->damages[i].key);
        free(result->damages[i].message);
    }
    free(result->damages);
    free(result->id);
    free(result->uri);
    free(result->table_arn);
    error_clear(&result->error);
    *result = (struct verify_result){0};
}

static void on_closed(uv_handle_t *handle) {
    free(handle->data);
}

static void verify_free(struct verify *verify) {
    if (verify->call)
        s3_cancel(verify->call);
    reader_free(verify->reader);
    verify_result_fini(&verify->result);
    error_clear(&verify->damage);
    buffer_fini(&verify->text);
    if (verify->digest)
        digest_free(verify->digest);
    free(verify->written);
    free(verify->key);
    reading_end(verify->holds);
    source_unref(verify->source);
    engine_unref(verify->engine);
    uv_close((uv_handle_t *)&verify->soon, on_closed);
}

void verify_cancel(struct verify *verify) {
    if (verify)
        verify_free(verify);
}

static void verify_step(struct verify *verify, enum verify_state state);

static void fail(struct verify *verify, const struct error *error) {
    verify->result.error = error_copy(error);
    verify_step(verify, OVER);
}

/* ------------------------------------------------------------ damages */

static void add_damage(struct verify *verify, const struct verify_damage *damage) {
    struct verify_result *result = &verify->result;
    if (result->damage_count == VERIFY_DAMAGES) {
        result->damages_left_out++;
        return;
    }
    if (!result->damages)
        result->damages = x_calloc(VERIFY_DAMAGES, sizeof *result->damages);
    struct verify_damage *kept = &result->damages[result->damage_count++];
    *kept = *damage;
    kept->key = x_strdup(damage->key);
    kept->message = x_strdup(damage->message);
}

static void damaged(struct verify *verify, char *key, const struct error *error) {
    add_damage(verify, &(struct verify_damage){.key = key, .message = error->message});
}

/* ------------------------------------------------------------ LIST */

static int by_key(const void *a, const void *b) {
    const struct written *first = a, *second = b;
    return strcmp(first->key, second->key);
}

static void gather_written(struct verify *verify) {
    const struct source *source = verify->source;
    size_t count = 0;
    for (size_t i = 0; i < source->output_count; i++)
        count += source->outputs[i].object_count;
    verify->written = x_calloc(count + 1, sizeof *verify->written);
    for (size_t i = 0; i < source->output_count; i++)
        for (size_t k = 0; k < source->outputs[i].object_count; k++) {
            const struct source_object *object = &source->outputs[i].objects[k];
            if (object->key)
                verify->written[verify->written_count++] = (struct written){object->key, object->size};
        }
    qsort(verify->written, verify->written_count, sizeof *verify->written, by_key);
}

static bool is_folder(const struct s3_entry *entry) {
    size_t length = strlen(entry->key);
    return !entry->size && length && entry->key[length - 1] == '/';
}

static void judge_entry(struct verify *verify, const struct s3_entry *entry) {
    _cleanup_error_ struct error error = {0};
    const struct written wanted = {.key = entry->key}, *found;
    found =
        verify->written_count ? bsearch(&wanted, verify->written, verify->written_count, sizeof wanted, by_key) : NULL;
    bool is_data = strncmp(entry->key + strlen(verify->source->root), "data/", 5) == 0;
    if (!found && is_data && !is_folder(entry))
        error_set(&error, ERROR_CORRUPT, "surplus: it is no object of this backup, and ImportTable would read it");
    else if (found && found->size != SOURCE_UNKNOWN && entry->size > found->size)
        error_set(&error, ERROR_CORRUPT, "it has %" PRIu64 " bytes; %" PRIu64 " were written", entry->size,
                  found->size);
    if (error.code)
        damaged(verify, entry->key, &error);
}

static void list_more(struct verify *verify, const char *token);

static void on_list(void *arg, const struct s3_answer *answer, const struct error *error) {
    struct verify *verify = arg;
    verify->call = NULL;
    if (error) {
        fail(verify, error);
        return;
    }
    for (size_t i = 0; i < answer->entry_count; i++)
        judge_entry(verify, &answer->entries[i]);
    if (answer->next)
        list_more(verify, answer->next);
    else
        verify_step(verify, FILES);
}

static void list_more(struct verify *verify, const char *token) {
    struct s3_list list = {.prefix = verify->source->root, .token = token};
    verify->call = s3_list_objects(source_bucket(verify->source), &list, on_list, verify);
}

static void look_at_folder(struct verify *verify) {
    const struct source *source = verify->source;
    if (source->damage.code) {
        _cleanup_free_ char *key = x_printf("%sbackup.json", source->root);
        _cleanup_error_ struct error damage = error_copy(&source->damage);
        error_advice(&damage, "what is told of other objects may follow from it");
        damaged(verify, key, &damage);
    }
    if (source->kind == BACKUP_PLAIN) {
        verify_step(verify, DATA);
        return;
    }
    gather_written(verify);
    list_more(verify, NULL);
}

/* ------------------------------------------------------------ FILES */

static void begin_file(struct verify *verify) {
    buffer_clear(&verify->text);
    if (verify->digest)
        digest_free(verify->digest);
    verify->digest = verify_file_is_manifest(verify->file) ? digest_new_md5() : NULL;
}

static bool begin_text(void *arg, int status, int64_t length) {
    (void)status;
    (void)length;
    begin_file(arg);
    return true;
}

/* A manifest may be long: a hundred megabytes of it are a fifth of a second's work, in pieces. */
static bool write_text(void *arg, const char *bytes, size_t length) {
    struct verify *verify = arg;
    if (!verify->digest)
        return buffer_append(&verify->text, bytes, length);
    digest_update(verify->digest, bytes, length);
    return true;
}

static void next_file(struct verify *verify);

static void judge_file(struct verify *verify) {
    const char *text = verify->text.data ? verify->text.data : "";
    if (verify->digest)
        digest_final(take_pointer(verify->digest), verify->sums.md5[verify->file]);
    (void)verify_file_check(verify->source, &verify->sums, verify->file, text, verify->text.length, &verify->damage);
}

static void go_on_behind_file(struct verify *verify) {
    if (verify->damage.code)
        damaged(verify, verify->key, &verify->damage);
    else
        verify->result.objects++;
    error_clear(&verify->damage);
    buffer_fini(&verify->text);
    verify->file++;
    next_file(verify);
}

static void on_file(void *arg, const struct s3_answer *answer, const struct error *error) {
    struct verify *verify = arg;
    verify->call = NULL;
    if (error && error->code != ERROR_TOO_LARGE) {
        fail(verify, error);
    } else if (error) {
        error_set(&verify->damage, ERROR_TOO_LARGE, "it has more than %zu KiB", TEXT_MOST >> 10);
        go_on_behind_file(verify);
    } else if (!answer->found) {
        error_set(&verify->damage, ERROR_NOT_FOUND, "the object is missing");
        go_on_behind_file(verify);
    } else {
        judge_file(verify);
        go_on_behind_file(verify);
    }
}

static void next_file(struct verify *verify) {
    while (verify->file < VERIFY_FILES && !verify_file_is_due(verify->source, verify->file))
        verify->file++;
    if (verify->file == VERIFY_FILES) {
        verify_step(verify, DATA);
        return;
    }
    free(verify->key);
    verify->key = x_printf("%s%s", verify->source->root, verify_file_names[verify->file]);
    begin_file(verify);
    struct s3_get get = {.key = verify->key, .sink = &verify->sink};
    verify->call = s3_get_object(source_bucket(verify->source), &get, on_file, verify);
}

/* ------------------------------------------------------------ DATA */

static void on_part(void *arg, const struct reader_part *part) {
    struct verify *verify = arg;
    verify->output_items += part->items;
    type_counts_add(&verify->types, &part->types);
}

static void on_damage(void *arg, const struct reader_damage *damage) {
    struct verify *verify = arg;
    verify->output_damages++;
    add_damage(verify,
               &(struct verify_damage){.key = verify->source->outputs[verify->output].objects[damage->object].key,
                                       .part = damage->part == READER_NO_PART ? 0 : damage->part + 1,
                                       .first_line = damage->first_line,
                                       .last_line = damage->last_line,
                                       .message = damage->error->message});
}

static void add_progress(struct reader_progress *to, const struct reader_progress *more) {
    to->items += more->items;
    to->raw_bytes += more->raw_bytes;
    to->stored_bytes += more->stored_bytes;
}

/* What the record says of all objects together, where each of them is good. */
static void judge_totals(struct verify *verify) {
    const struct source *source = verify->source;
    const struct source_output *output = &source->outputs[verify->output];
    _cleanup_free_ char *key =
        x_printf("%s%s", source->root, source->kind == BACKUP_OURS ? "backup.json" : "manifest-summary.json");
    _cleanup_error_ struct error error = {0};
    bool typed = output->format == FORMAT_DYNAMODB_JSON;
    if (verify->output_damages || source->kind == BACKUP_PLAIN)
        return;
    if (source->items != SOURCE_UNKNOWN && source->items != verify->output_items)
        error_set(&error, ERROR_CORRUPT, "it says %" PRIu64 " items; the %s objects hold %" PRIu64, source->items,
                  format_name(output->format), verify->output_items);
    else if (typed && source->has_types && memcmp(&verify->types, &source->types, sizeof source->types) != 0)
        error_set(&error, ERROR_CORRUPT, "its counts of B, SS, NS and BS are not those of the items");
    if (error.code)
        damaged(verify, key, &error);
}

static void read_output(struct verify *verify);

static void on_ended(void *arg, const struct error *error) {
    struct verify *verify = arg;
    struct reader_progress progress = reader_progress(verify->reader);
    add_progress(&verify->before, &progress);
    if (verify->result.items < progress.items)
        verify->result.items = progress.items;
    if (!error) {
        verify->result.objects += verify->source->outputs[verify->output].object_count;
        judge_totals(verify);
    }
    reader_free(take_pointer(verify->reader));
    if (error) {
        fail(verify, error);
        return;
    }
    verify->output++;
    read_output(verify);
}

static void read_output(struct verify *verify) {
    if (verify->output == verify->source->output_count) {
        verify_step(verify, OVER);
        return;
    }
    struct reader_options options = {.source = verify->source,
                                     .output = verify->output,
                                     .workshop = verify->engine->shared.workshop,
                                     .loop = verify->engine->shared.loop,
                                     .check_only = true};
    struct reader_events events = {.part = on_part, .damage = on_damage, .ended = on_ended, .arg = verify};
    verify->output_items = verify->output_damages = 0;
    verify->types = (struct type_counts){0};
    verify->reader = reader_start(&options, &events);
}

/* ------------------------------------------------------------ the story */

static void on_over(uv_timer_t *timer) {
    struct verify *verify = timer->data;
    verify->result.ended = aws_client_now(verify->engine->client);
    verify->result.stored_bytes = verify->before.stored_bytes;
    verify->result.raw_bytes = verify->before.raw_bytes;
    verify->done(verify->arg, &verify->result);
    verify_free(verify);
}

static void verify_step(struct verify *verify, enum verify_state state) {
    verify->state = state;
    switch (state) {
    case LIST:
        look_at_folder(verify);
        return;
    case FILES:
        next_file(verify);
        return;
    case DATA:
        read_output(verify);
        return;
    case OVER:
        uv_timer_start(&verify->soon, on_over, 0, 0);
        return;
    }
}

static void on_held(void *arg, const char *by) {
    struct verify *verify = arg;
    _cleanup_error_ struct error error = {0};
    if (!by) {
        verify_step(verify, LIST);
        return;
    }
    error_set(&error, ERROR_NOT_FOUND, "%s is being removed by %s", verify->source->uri, by);
    fail(verify, &error);
}

static void on_begin(uv_timer_t *timer) {
    struct verify *verify = timer->data;
    verify->holds = reading_start(verify->engine, verify->source->uri, HOLDER, verify->source->job, on_held, verify);
}

struct verify *verify_start(struct engine *engine, struct source *source, verify_done *done, void *arg) {
    struct verify *verify = x_calloc(1, sizeof *verify);
    verify->engine = engine_ref(engine);
    verify->source = source_ref(source);
    verify->result = (struct verify_result){.id = x_strdup(source->id),
                                            .uri = x_strdup(source->uri),
                                            .table_arn = x_strdup(source->table_arn),
                                            .started = aws_client_now(engine->client)};
    verify->sink = (struct http_sink){begin_text, write_text, verify};
    verify->text = BUFFER_INIT(TEXT_MOST);
    verify->done = done;
    verify->arg = arg;
    verify->soon.data = verify;
    uv_timer_init(engine->shared.loop, &verify->soon);
    uv_timer_start(&verify->soon, on_begin, 0, 0);
    return verify;
}

struct verify_progress verify_progress(const struct verify *verify) {
    const struct source *source = verify->source;
    struct reader_progress all = verify->before;
    if (verify->reader) {
        struct reader_progress now = reader_progress(verify->reader);
        add_progress(&all, &now);
    }
    struct verify_progress progress = {.state = state_names[verify->state],
                                       .items = all.items,
                                       .raw_bytes = all.raw_bytes,
                                       .stored_bytes = all.stored_bytes,
                                       .damages = verify->result.damage_count + verify->result.damages_left_out,
                                       .started = verify->result.started};
    for (size_t i = 0; i < source->output_count; i++) {
        progress.total_items += source->outputs[i].items == SOURCE_UNKNOWN ? 0 : source->outputs[i].items;
        progress.total_bytes += source->outputs[i].size == SOURCE_UNKNOWN ? 0 : source->outputs[i].size;
    }
    return progress;
}
