/* SPDX-License-Identifier: Apache-2.0 */
/* The control socket's History: past runs as the state has them, newest first. */
#include <stdlib.h>

#include "base/json.h"
#include "base/memory.h"
#include "daemon_private.h"
#include "state/history.h"

#define HISTORY_PRESET 50
#define HISTORY_MOST   10000

struct asking {
    struct control_request *request;
    struct state_op *op;
};

static void put_time(struct json_object *object, const char *name, int64_t ms) {
    char text[TIME_TEXT];
    json_put_string(object, name, time_format_iso(text, ms / SECOND_MS));
}

static struct json_object *row_json(const struct history_row *row) {
    struct json_object *object = json_object_new_object();
    json_put_string(object, "run", row->run);
    json_put_string(object, "kind", row->kind);
    json_put_string(object, "job", row->job);
    json_put_string(object, "table", row->table);
    json_put_string(object, "result", row->outcome);
    put_time(object, "started", row->started);
    put_time(object, "ended", row->ended);
    json_put_integer(object, "duration_ms", row->ended - row->started);
    json_put_integer(object, "items", row->items);
    json_put_integer(object, "bytes", row->stored_bytes);
    json_put_integer(object, "raw_bytes", row->raw_bytes);
    json_put_integer(object, "resumed", row->resumed);
    json_put_string(object, "id", row->id);
    json_put_string(object, "uri", row->uri);
    json_put_string(object, "warning", row->warning);
    json_put_string(object, "error", row->error);
    json_put_string(object, "error_code", row->error_code);
    json_put_string(object, "request_id", row->request_id);
    return object;
}

static void on_rows(void *arg, const struct history_row *rows, size_t count, const struct error *error) {
    struct asking *asking = arg;
    struct control_request *request = asking->request;
    free(asking);
    if (error) {
        control_reply_failed(request, error);
        return;
    }
    struct json_object *list = json_object_new_array();
    for (size_t i = 0; i < count; i++)
        json_object_array_add(list, row_json(&rows[i]));
    control_reply(request, method_object("runs", list));
}

static void on_gone(void *arg) {
    struct asking *asking = arg;
    state_cancel(asking->op);
    control_reply(asking->request, NULL);
    free(asking);
}

/* A job that is no longer configured may have a history all the same. */
void method_history(void *arg, struct control_request *request) {
    struct daemon *daemon = arg;
    int64_t count = json_integer(control_request_parameters(request), "count", HISTORY_PRESET);
    const char *job;
    if (!control_may_text(request, "job", &job))
        return;
    if (!daemon->shared.state) {
        control_reply(request, method_object("runs", json_object_new_array()));
        return;
    }
    struct asking *asking = x_calloc(1, sizeof *asking);
    asking->request = request;
    count = count < 1 ? 1 : count > HISTORY_MOST ? HISTORY_MOST : count;
    control_request_watch(request, on_gone, asking);
    asking->op = history_list(daemon->shared.state, job, (unsigned)count, on_rows, asking);
}
