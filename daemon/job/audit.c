/* SPDX-License-Identifier: Apache-2.0 */
/*
 *     COMMITTED  HEAD backup.json: one of this run? then there is nothing to resume
 *     UPLOADS    object by object: ListParts, every recorded part with its size and ETag; HEAD what was one PUT. An upload that is
 *                said to be gone is asked for again, at the retry policy's pace, before that is believed: a store may say so of one
 *                that stands, for a moment, and starting over costs the whole scan
 *     FILES      list data/: every recorded file with its size and ETag; others are strays
 *     STRAYS     deleted
 *     LOOSE      name by name: the upload that is known, those that are listed under the very key, the object if it is the run's
 *
 * Nothing is deleted before all that is recorded has been found.
 */
#include "job/audit.h"

#include <stdlib.h>
#include <string.h>

#include "aws/retry.h"
#include "base/memory.h"
#include "base/random.h"

enum audit_state { COMMITTED, UPLOADS, FILES, STRAYS, LOOSE, AUDITED };

/* What is done about a loose name, one after the other. */
enum loose_step { ABORT_KNOWN, LIST, ABORT_LISTED, ASK, NEXT_NAME };

struct audit {
    struct audit_options options;
    enum audit_state state;
    bool files_only;
    const struct output_record *files; /* NULL where the backup has none */
    size_t output, object;             /* of the plain ones */
    size_t parts_seen;
    struct retry_record doubts; /* how often the object at hand was said to be gone */
    struct retry_quota quota;
    uv_timer_t timer;
    bool *seen; /* a file each */
    char *prefix, *key, *next;
    char **strays;
    size_t stray_count;
    enum loose_step step;
    size_t name; /* of the loose ones */
    char **ids;  /* uploads listed under it */
    size_t id_count;
    struct s3_call *call;
    struct error error;
    audit_done *done;
    void *arg;
};

static void audit_step(struct audit *audit);

static void forget_ids(struct audit *audit) {
    for (size_t i = 0; i < audit->id_count; i++)
        free(audit->ids[i]);
    free(take_pointer(audit->ids));
    audit->id_count = 0;
}

static void on_closed(uv_handle_t *handle) {
    free(handle->data);
}

static void audit_free(struct audit *audit) {
    for (size_t i = 0; i < audit->stray_count; i++)
        free(audit->strays[i]);
    forget_ids(audit);
    free(audit->strays);
    free(audit->seen);
    free(audit->prefix);
    free(audit->key);
    free(audit->next);
    error_clear(&audit->error);
    uv_close((uv_handle_t *)&audit->timer, on_closed);
}

void audit_cancel(struct audit *audit) {
    if (!audit)
        return;
    if (audit->call)
        s3_cancel(audit->call);
    audit_free(audit);
}

static void end(struct audit *audit, enum audit_result result, const struct error *error) {
    audit->done(audit->arg, result, error);
    audit_free(audit);
}

static void fail(struct audit *audit, const struct error *error) {
    struct error told = error_copy(error);
    error_context(&told, "comparing what S3 holds with what is recorded");
    end(audit, AUDIT_FAILED, &told);
    error_clear(&told);
}

/* The words of an AUDIT_DIFFERS: "s3://bucket/KEY WHAT". */
static void differ(struct audit *audit, const char *key, const char *what) {
    error_set(&audit->error, ERROR_CORRUPT, "s3://%s/%s %s", audit->options.bucket->name, key, what);
    end(audit, AUDIT_DIFFERS, &audit->error);
}

static bool is_the_runs(const struct audit *audit, const struct s3_answer *answer) {
    return answer->found && answer->run && strcmp(answer->run, audit->options.record->names.run) == 0;
}

/* ------------------------------------------------------------ COMMITTED */

static void on_backup_asked(void *arg, const struct s3_answer *answer, const struct error *error) {
    struct audit *audit = arg;
    audit->call = NULL;
    if (error) {
        fail(audit, error);
    } else if (is_the_runs(audit, answer)) {
        end(audit, AUDIT_COMMITTED, NULL);
    } else {
        audit->state = UPLOADS;
        audit_step(audit);
    }
}

/* ------------------------------------------------------------ UPLOADS */

static const struct object_record *object_at(const struct audit *audit) {
    return &audit->options.record->outputs[audit->output].objects[audit->object];
}

static void next_object(struct audit *audit) {
    audit->object++;
    audit->parts_seen = 0;
    audit->doubts = (struct retry_record){0};
    x_replace(&audit->next, NULL);
    audit_step(audit);
}

static void on_time_to_ask(uv_timer_t *timer) {
    audit_step(timer->data);
}

/* The object at hand is said to be gone: it is looked at anew, from its first part. False: that was said often enough. */
static bool doubt(struct audit *audit) {
    const struct error gone = {.code = ERROR_TRANSIENT, .http_status = 404};
    int64_t delay_ms;
    if (retry_decide(&audit->doubts, &audit->quota, NULL, &gone, -1, 0, clock_monotonic(), random_uniform, &delay_ms) !=
        RETRY_AFTER)
        return false;
    audit->parts_seen = 0;
    x_replace(&audit->next, NULL);
    uv_timer_start(&audit->timer, on_time_to_ask, (uint64_t)delay_ms, 0);
    return true;
}

static bool same_etag(const char *recorded, const char *listed) {
    return !recorded || !*recorded || (listed && strcmp(recorded, listed) == 0);
}

/* Recorded parts are numbered from 1 without a gap, and lists are in order; what comes behind them will be sent again. */
static bool part_agrees(struct audit *audit, const struct s3_entry *entry) {
    const struct object_record *object = object_at(audit);
    if (entry->part_number > object->part_count)
        return true;
    const struct part_record *part = &object->parts[entry->part_number - 1];
    if (entry->part_number != audit->parts_seen + 1 || entry->size != part->length ||
        !same_etag(part->etag, entry->etag))
        return false;
    audit->parts_seen++;
    return true;
}

/* One PUT, or an upload that has been completed. */
static void on_object_asked(void *arg, const struct s3_answer *answer, const struct error *error) {
    struct audit *audit = arg;
    audit->call = NULL;
    if (error)
        fail(audit, error);
    else if (is_the_runs(audit, answer) && answer->length == object_at(audit)->size)
        next_object(audit);
    else if (answer->found || !doubt(audit))
        differ(audit, object_at(audit)->key, answer->found ? "is another than was made" : "is gone");
}

static void ask_object(struct audit *audit) {
    audit->call = s3_head_object(audit->options.bucket, object_at(audit)->key, on_object_asked, audit);
}

static void list_parts(struct audit *audit);

static void on_parts(void *arg, const struct s3_answer *answer, const struct error *error) {
    struct audit *audit = arg;
    const struct object_record *object = object_at(audit);
    audit->call = NULL;
    if (error && error->code == ERROR_NOT_FOUND && audit->options.complete) {
        ask_object(audit);
        return;
    }
    if (error && error->code == ERROR_NOT_FOUND) {
        if (!doubt(audit))
            differ(audit, object->key, "has lost its upload: somebody, or a lifecycle rule, has aborted it");
        return;
    }
    if (error) {
        fail(audit, error);
        return;
    }
    for (size_t i = 0; i < answer->entry_count; i++)
        if (!part_agrees(audit, &answer->entries[i])) {
            differ(audit, object->key, "has another part in its upload than was recorded");
            return;
        }
    if (audit->parts_seen < object->part_count && !answer->next) {
        differ(audit, object->key, "lacks a part in its upload that was recorded");
        return;
    }
    if (audit->parts_seen == object->part_count) {
        next_object(audit);
        return;
    }
    x_replace(&audit->next, answer->next);
    list_parts(audit);
}

static void list_parts(struct audit *audit) {
    const struct object_record *object = object_at(audit);
    unsigned marker = audit->next ? (unsigned)strtoul(audit->next, NULL, 10) : 0;
    audit->call = s3_list_parts(audit->options.bucket, object->key, object->upload_id, marker, on_parts, audit);
}

/* Moves on to an output that has an object left to ask for. False: none has. */
static bool find_object(struct audit *audit) {
    const struct backup_record *record = audit->options.record;
    for (; audit->output < record->output_count; audit->output++, audit->object = 0) {
        const struct output_record *output = &record->outputs[audit->output];
        if (output->format != FORMAT_DYNAMODB_JSON && audit->object < output->object_count)
            return true;
    }
    return false;
}

static void ask_next_object(struct audit *audit) {
    const struct object_record *object = object_at(audit);
    if (object->single)
        ask_object(audit);
    else if (object->upload_id)
        list_parts(audit);
    else
        differ(audit, object->key, "has parts, but the id of its upload was never recorded");
}

/* ------------------------------------------------------------ FILES, STRAYS */

static int by_number(const void *key, const void *item) {
    unsigned wanted = *(const unsigned *)key, found = ((const struct object_record *)item)->number;
    return wanted < found ? -1 : wanted > found;
}

/* The recorded file of that very key; numbers ascend in the record. */
static const struct object_record *file_of(const struct audit *audit, const char *key) {
    unsigned number = (unsigned)strtoul(key + strlen(audit->prefix), NULL, 10);
    const struct output_record *files = audit->files;
    const struct object_record *file =
        files->object_count ? bsearch(&number, files->objects, files->object_count, sizeof *files->objects, by_number)
                            : NULL;
    return file && strcmp(file->key, key) == 0 ? file : NULL;
}

static bool take_file(struct audit *audit, const struct s3_entry *entry) {
    if (strncmp(entry->key, audit->prefix, strlen(audit->prefix)) != 0)
        return true; /* a store that gave more than was asked for */
    const struct object_record *file = file_of(audit, entry->key);
    if (!file) {
        audit->strays = x_grow(audit->strays, audit->stray_count, sizeof *audit->strays);
        audit->strays[audit->stray_count++] = x_strdup(entry->key);
        return true;
    }
    audit->seen[file - audit->files->objects] = true;
    if (entry->size == file->size && same_etag(file->etag, entry->etag))
        return true;
    differ(audit, file->key, "is another than was made");
    return false;
}

static void list_files(struct audit *audit);

static void on_files(void *arg, const struct s3_answer *answer, const struct error *error) {
    struct audit *audit = arg;
    audit->call = NULL;
    if (error) {
        fail(audit, error);
        return;
    }
    for (size_t i = 0; i < answer->entry_count; i++)
        if (!take_file(audit, &answer->entries[i]))
            return;
    x_replace(&audit->next, answer->next);
    if (audit->next) {
        list_files(audit);
        return;
    }
    for (size_t i = 0; i < audit->files->object_count; i++)
        if (!audit->seen[i]) {
            differ(audit, audit->files->objects[i].key, "is gone");
            return;
        }
    audit->state = STRAYS;
    audit_step(audit);
}

static void list_files(struct audit *audit) {
    struct s3_list list = {.prefix = audit->prefix, .token = audit->next};
    audit->call = s3_list_objects(audit->options.bucket, &list, on_files, audit);
}

static void on_strays_deleted(void *arg, const struct s3_answer *answer, const struct error *error) {
    struct audit *audit = arg;
    audit->call = NULL;
    if (error) {
        fail(audit, error);
        return;
    }
    if (answer->failure_count) {
        const struct s3_failure *first = &answer->failures[0];
        error_set(
            &audit->error, ERROR_DENIED,
            "deleting s3://%s/%s, which no cut holds: %s: %s (%zu objects in all): the role needs s3:DeleteObject",
            audit->options.bucket->name, first->key, first->code, first->message, answer->failure_count);
        fail(audit, &audit->error);
        return;
    }
    audit->state = LOOSE;
    audit_step(audit);
}

/* ------------------------------------------------------------ LOOSE */

static const struct checkpoint_object *loose_at(const struct audit *audit) {
    return &audit->options.loose[audit->name];
}

static void on_aborted(void *arg, const struct s3_answer *answer, const struct error *error) {
    struct audit *audit = arg;
    (void)answer;
    audit->call = NULL;
    if (error) {
        fail(audit, error);
        return;
    }
    if (audit->step == ABORT_LISTED)
        free(audit->ids[--audit->id_count]);
    else
        audit->step = LIST;
    audit_step(audit);
}

/* A store or a role that does not list uploads leaves them to the end of the run, which says so. */
static void on_uploads(void *arg, const struct s3_answer *answer, const struct error *error) {
    struct audit *audit = arg;
    audit->call = NULL;
    for (size_t i = 0; !error && i < answer->entry_count; i++) {
        if (strcmp(answer->entries[i].key, loose_at(audit)->key) != 0)
            continue;
        audit->ids = x_grow(audit->ids, audit->id_count, sizeof *audit->ids);
        audit->ids[audit->id_count++] = x_strdup(answer->entries[i].upload_id);
    }
    audit->step = ABORT_LISTED;
    audit_step(audit);
}

static void on_loose_deleted(void *arg, const struct s3_answer *answer, const struct error *error) {
    struct audit *audit = arg;
    (void)answer;
    audit->call = NULL;
    if (error) {
        fail(audit, error);
        return;
    }
    audit->step = NEXT_NAME;
    audit_step(audit);
}

static void on_loose_asked(void *arg, const struct s3_answer *answer, const struct error *error) {
    struct audit *audit = arg;
    audit->call = NULL;
    if (!error && is_the_runs(audit, answer)) {
        audit->call = s3_delete_object(audit->options.bucket, loose_at(audit)->key, on_loose_deleted, audit);
        return;
    }
    on_loose_deleted(audit, answer, error);
}

/* False where the last name has been dealt with. */
static bool deal_with_loose(struct audit *audit) {
    if (audit->step == NEXT_NAME) {
        audit->step = ABORT_KNOWN;
        audit->name++;
        forget_ids(audit);
    }
    if (audit->name >= audit->options.loose_count)
        return false;
    const struct checkpoint_object *loose = loose_at(audit);
    if (audit->step == ABORT_KNOWN && !loose->upload_id)
        audit->step = LIST;
    if (audit->step == ABORT_LISTED && !audit->id_count)
        audit->step = ASK;
    const struct s3_bucket *bucket = audit->options.bucket;
    if (audit->step == ABORT_KNOWN)
        audit->call = s3_abort_upload(bucket, loose->key, loose->upload_id, on_aborted, audit);
    else if (audit->step == LIST)
        audit->call = s3_list_uploads(bucket, loose->key, NULL, on_uploads, audit);
    else if (audit->step == ABORT_LISTED)
        audit->call = s3_abort_upload(bucket, loose->key, audit->ids[audit->id_count - 1], on_aborted, audit);
    else
        audit->call = s3_head_object(bucket, loose->key, on_loose_asked, audit);
    return true;
}

/* ------------------------------------------------------------ */

static void audit_step(struct audit *audit) {
    if (audit->state == COMMITTED) {
        audit->call = s3_head_object(audit->options.bucket, audit->key, on_backup_asked, audit);
        return;
    }
    if (audit->state == UPLOADS) {
        if (find_object(audit)) {
            ask_next_object(audit);
            return;
        }
        audit->state = audit->files ? FILES : LOOSE;
    }
    if (audit->state == FILES) {
        list_files(audit);
        return;
    }
    if (audit->state == STRAYS) {
        if (audit->stray_count) {
            audit->call = s3_delete_objects(audit->options.bucket, (const char *const *)audit->strays,
                                            audit->stray_count, on_strays_deleted, audit);
            return;
        }
        audit->state = LOOSE;
    }
    if (audit->state == LOOSE && !audit->files_only && deal_with_loose(audit))
        return;
    audit->state = AUDITED;
    end(audit, AUDIT_AGREES, NULL);
}

static struct audit *audit_new(const struct audit_options *options, audit_done *done, void *arg) {
    struct audit *audit = x_calloc(1, sizeof *audit);
    const struct backup_record *record = options->record;
    audit->options = *options;
    audit->done = done;
    audit->arg = arg;
    audit->quota.tokens = RETRY_TOKENS;
    audit->timer.data = audit;
    uv_timer_init(aws_client_loop(aws_session_client(options->bucket->session)), &audit->timer);
    audit->files = backup_record_output(record, FORMAT_DYNAMODB_JSON);
    audit->prefix = backup_data_prefix(&record->names);
    audit->key = backup_key(&record->names, "backup.json");
    if (audit->files)
        audit->seen = x_calloc(audit->files->object_count + 1, sizeof *audit->seen);
    return audit;
}

struct audit *audit_start(const struct audit_options *options, audit_done *done, void *arg) {
    struct audit *audit = audit_new(options, done, arg);
    audit_step(audit);
    return audit;
}

struct audit *audit_files_start(const struct audit_options *options, audit_done *done, void *arg) {
    struct audit *audit = audit_new(options, done, arg);
    audit->files_only = true;
    audit->state = FILES;
    audit_step(audit);
    return audit;
}
