/* SPDX-License-Identifier: Apache-2.0 */
/* What stays of a run when it is over. */
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/memory.h"
#include "job/backup.h"

static const char *const outcomes[] = {[RUN_SUCCEEDED] = "success",
                                       [RUN_FAILED] = "failure",
                                       [RUN_CANCELLED] = "cancelled",
                                       [RUN_STOPPED] = "stopped",
                                       [RUN_STARTS_OVER] = "starts-over"};

const char *run_outcome_name(enum run_outcome outcome) {
    return outcomes[outcome];
}

enum run_outcome run_outcome_parse(const char *name) {
    for (size_t i = 0; name && i < array_length(outcomes); i++)
        if (strcmp(outcomes[i], name) == 0)
            return (enum run_outcome)i;
    return RUN_FAILED;
}

static const char *const kinds[] = {[RUN_BACKUP] = "backup", [RUN_DRILL] = "drill"};

const char *run_kind_name(enum run_kind kind) {
    return kinds[kind];
}

static enum run_kind run_kind_parse(const char *name) {
    return name && strcmp(name, kinds[RUN_DRILL]) == 0 ? RUN_DRILL : RUN_BACKUP;
}

void run_result_warn(struct run_result *result, char *sentence) {
    char *before = result->warning;
    result->warning = before ? x_printf("%s; %s", before, sentence) : sentence;
    if (before) {
        free(before);
        free(sentence);
    }
}

void run_result_fini(struct run_result *result) {
    for (size_t i = 0; i < result->key_count; i++)
        free(result->keys[i]);
    free(result->keys);
    free(result->sizes);
    free(result->table);
    free(result->table_arn);
    free(result->region);
    free(result->uri);
    free(result->scratch);
    free(result->warning);
    error_clear(&result->error);
    error_clear(&result->undo_error);
    *result = (struct run_result){0};
}

struct run_result run_result_copy(const struct run_result *result) {
    struct run_result copy = *result;
    copy.table = x_strdup(result->table);
    copy.table_arn = x_strdup(result->table_arn);
    copy.region = x_strdup(result->region);
    copy.uri = x_strdup(result->uri);
    copy.scratch = x_strdup(result->scratch);
    copy.warning = x_strdup(result->warning);
    copy.error = error_copy(&result->error);
    copy.undo_error = error_copy(&result->undo_error);
    copy.keys = x_calloc(result->key_count + 1, sizeof *copy.keys);
    copy.sizes = x_calloc(result->key_count + 1, sizeof *copy.sizes);
    for (size_t i = 0; i < result->key_count; i++) {
        copy.keys[i] = x_strdup(result->keys[i]);
        copy.sizes[i] = result->sizes[i];
    }
    return copy;
}

/* ------------------------------------------------------------ as text */

static struct json_object *error_json(const struct error *error) {
    if (!error->code)
        return NULL;
    struct json_object *object = json_object_new_object();
    json_put_integer(object, "code", error->code);
    json_put_integer(object, "http_status", error->http_status);
    json_put_string(object, "aws_code", error->aws_code);
    json_put_string(object, "request_id", error->request_id);
    json_put_string(object, "message", error->message);
    return object;
}

static struct json_object *keys_json(const struct run_result *result) {
    struct json_object *keys = json_object_new_array();
    for (size_t i = 0; i < result->key_count; i++) {
        struct json_object *one = json_object_new_object();
        json_put_string(one, "key", result->keys[i]);
        json_put_integer(one, "size", (int64_t)result->sizes[i]);
        json_object_array_add(keys, one);
    }
    return keys;
}

void run_result_write(const struct run_result *result, int64_t since, struct buffer *out) {
    _cleanup_json_ struct json_object *object = json_object_new_object();
    json_put_integer(object, "since", since);
    json_put_string(object, "outcome", run_outcome_name(result->outcome));
    json_put_string(object, "kind", run_kind_name(result->kind));
    json_put_string(object, "scratch", result->scratch);
    json_put_string(object, "run", result->run);
    json_put_string(object, "id", result->id);
    json_put_string(object, "table", result->table);
    json_put_string(object, "table_arn", result->table_arn);
    json_put_string(object, "region", result->region);
    json_put_string(object, "uri", result->uri);
    json_put_integer(object, "started", result->started);
    json_put_integer(object, "ended", result->ended);
    json_put_integer(object, "items", (int64_t)result->items);
    json_put_integer(object, "stored_bytes", (int64_t)result->stored_bytes);
    json_put_integer(object, "raw_bytes", (int64_t)result->raw_bytes);
    json_put_integer(object, "resumed", result->resumed);
    json_put_integer(object, "read_first", result->read_first);
    json_put_integer(object, "read_last", result->read_last);
    json_put_string(object, "warning", result->warning);
    json_object_object_add(object, "error", error_json(&result->error));
    json_object_object_add(object, "undo_error", error_json(&result->undo_error));
    json_object_object_add(object, "keys", keys_json(result));
    json_put_integer(object, "keys_left_out", (int64_t)result->keys_left_out);
    buffer_add(out, json_object_to_json_string_ext(object, JSON_C_TO_STRING_PLAIN));
}

static void read_error(const struct json_object *object, struct error *error) {
    const char *message = json_string(object, "message");
    int64_t code = json_integer(object, "code", ERROR_NONE);
    if (!object || code <= ERROR_NONE || code > ERROR_SYSTEM)
        return;
    error_set(error, (enum error_code)code, "%s", message ? message : "");
    error->http_status = (int)json_integer(object, "http_status", 0);
    error->aws_code = x_strdup(json_string(object, "aws_code"));
    error->request_id = x_strdup(json_string(object, "request_id"));
}

static void read_keys(const struct json_object *keys, struct run_result *result) {
    size_t count = keys ? json_object_array_length(keys) : 0;
    result->keys = x_calloc(count + 1, sizeof *result->keys);
    result->sizes = x_calloc(count + 1, sizeof *result->sizes);
    for (size_t i = 0; i < count && result->key_count < RESULT_KEYS; i++) {
        const struct json_object *one = json_object_array_get_idx(keys, i);
        if (!json_string(one, "key"))
            continue;
        result->keys[result->key_count] = x_strdup(json_string(one, "key"));
        result->sizes[result->key_count++] = (uint64_t)json_integer(one, "size", 0);
    }
}

bool run_result_read(struct run_result *result, int64_t *since, const char *text, struct error *error) {
    _cleanup_json_ struct json_object *object = json_parse(text, strlen(text), error);
    const char *run = object ? json_need_string(object, "run", error) : NULL;
    const char *outcome = run ? json_need_string(object, "outcome", error) : NULL, *id = json_string(object, "id");
    if (!outcome)
        return false;
    *since = json_integer(object, "since", 0);
    *result = (struct run_result){.kind = run_kind_parse(json_string(object, "kind")),
                                  .scratch = x_strdup(json_string(object, "scratch")),
                                  .outcome = run_outcome_parse(outcome),
                                  .table = x_strdup(json_string(object, "table")),
                                  .table_arn = x_strdup(json_string(object, "table_arn")),
                                  .region = x_strdup(json_string(object, "region")),
                                  .uri = x_strdup(json_string(object, "uri")),
                                  .started = json_integer(object, "started", 0),
                                  .ended = json_integer(object, "ended", 0),
                                  .items = (uint64_t)json_integer(object, "items", 0),
                                  .stored_bytes = (uint64_t)json_integer(object, "stored_bytes", 0),
                                  .raw_bytes = (uint64_t)json_integer(object, "raw_bytes", 0),
                                  .resumed = (unsigned)json_integer(object, "resumed", 0),
                                  .read_first = json_integer(object, "read_first", 0),
                                  .read_last = json_integer(object, "read_last", 0),
                                  .warning = x_strdup(json_string(object, "warning")),
                                  .keys_left_out = (size_t)json_integer(object, "keys_left_out", 0)};
    strncpy(result->run, run, RUN_LENGTH);
    strncpy(result->id, id ? id : "", ID_LENGTH);
    read_error(json_object_at(object, "error"), &result->error);
    read_error(json_object_at(object, "undo_error"), &result->undo_error);
    read_keys(json_array_at(object, "keys"), result);
    return true;
}
