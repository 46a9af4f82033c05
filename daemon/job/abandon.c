/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An interrupted run, taken back.
 *
 *     LAND   what the process before had sent lands, or never will
 *     ASK    HEAD backup.json: one of this run? then it had been over, and stands
 *     UNDO   uploads by their ids and by the very keys, objects, _started last
 */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "job/backup.h"
#include "job/resume.h"
#include "job/undo.h"

struct abandon {
    struct engine *engine;
    struct config *config;
    const struct job_config *job;
    struct checkpoint checkpoint;
    struct backup_names names;
    char *key; /* of backup.json */
    struct aws_session *session;
    struct aws_patience patience;
    struct s3_bucket bucket;
    struct s3_call *call;
    struct undo *undo;
    uv_timer_t timer;
    abandon_done *done;
    void *arg;
};

static void on_closed(uv_handle_t *handle) {
    free(handle->data);
}

static void abandon_free(struct abandon *abandon) {
    aws_session_free(abandon->session);
    backup_names_fini(&abandon->names);
    checkpoint_fini(&abandon->checkpoint);
    free(abandon->key);
    config_unref(abandon->config);
    engine_unref(abandon->engine);
    uv_close((uv_handle_t *)&abandon->timer, on_closed);
}

void backup_abandon_cancel(struct abandon *abandon) {
    if (!abandon)
        return;
    if (abandon->call)
        s3_cancel(abandon->call);
    undo_cancel(abandon->undo);
    abandon_free(abandon);
}

static void end(struct abandon *abandon, bool stands, const struct error *error) {
    abandon->done(abandon->arg, stands, error);
    abandon_free(abandon);
}

static void on_undone(void *arg, const struct error *error) {
    struct abandon *abandon = arg;
    abandon->undo = NULL;
    end(abandon, false, error);
}

static void on_asked(void *arg, const struct s3_answer *answer, const struct error *error) {
    struct abandon *abandon = arg;
    const struct checkpoint *checkpoint = &abandon->checkpoint;
    abandon->call = NULL;
    bool stands = !error && answer->found && answer->run && strcmp(answer->run, abandon->names.run) == 0;
    if (error || stands) {
        end(abandon, stands, error);
        return;
    }
    abandon->undo = undo_start(&abandon->bucket, &abandon->names, on_undone, abandon);
    for (size_t i = 0; i < checkpoint->object_count; i++)
        if (checkpoint->objects[i].upload_id)
            undo_add_upload(abandon->undo, checkpoint->objects[i].key, checkpoint->objects[i].upload_id);
}

static void on_landed(uv_timer_t *timer) {
    struct abandon *abandon = timer->data;
    abandon->patience.last_success = clock_monotonic();
    abandon->call = s3_head_object(&abandon->bucket, abandon->key, on_asked, abandon);
}

/* A run whose very id cannot be read has no names: nothing of it is touched. */
static void on_nameless(uv_timer_t *timer) {
    _cleanup_error_ struct error error = {0};
    error_set(&error, ERROR_CORRUPT, "the state holds a run without a proper id; nothing of it was looked for");
    end(timer->data, false, &error);
}

struct abandon *backup_abandon_start(const struct backup_order *order, abandon_done *done, void *arg) {
    struct abandon *abandon = x_calloc(1, sizeof *abandon);
    abandon->engine = engine_ref(order->engine);
    abandon->config = config_ref(order->config);
    abandon->job = order->job;
    abandon->checkpoint = *order->resume;
    *order->resume = (struct checkpoint){0};
    abandon->done = done;
    abandon->arg = arg;
    const struct checkpoint_run *run = &abandon->checkpoint.run;
    bool named = backup_names_restore(&abandon->names, run->run, run->bucket, run->prefix, run->started);
    abandon->key = named ? backup_key(&abandon->names, "backup.json") : NULL;
    abandon->patience = (struct aws_patience){.retry_for = order->job->retry_for};
    struct credential_provider *provider = engine_provider(order->engine, order->job, true);
    abandon->session = aws_session_new(order->engine->client, provider, run->region, &abandon->patience);
    credential_provider_unref(provider);
    abandon->bucket = (struct s3_bucket){
        .session = abandon->session, .name = run->bucket, .expected_owner = order->job->expected_bucket_owner};
    abandon->timer.data = abandon;
    uv_timer_init(order->engine->shared.loop, &abandon->timer);
    uv_timer_start(&abandon->timer, named ? on_landed : on_nameless, (uint64_t)engine_landing(order->engine), 0);
    return abandon;
}
