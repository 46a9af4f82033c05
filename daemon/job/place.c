/* SPDX-License-Identifier: Apache-2.0 */
/* Opens the way to a job's bucket. The region is the job's, its table's, or what the credentials' source knows. */
#include "job/place.h"

#include <stdlib.h>

#include "base/memory.h"

static void open_session(struct place *place, const char *region) {
    place->bucket = (struct s3_bucket){
        .session = aws_session_new(place->engine->client, place->provider, region,
                                   place->patience.retry_for ? &place->patience : NULL),
        .name = place->job->bucket,
        .expected_owner = place->job->expected_bucket_owner,
    };
}

static void on_region(void *arg, const char *region, const struct error *error) {
    struct place *place = arg;
    place->lookup = NULL;
    if (!error)
        open_session(place, region);
    place->ready(place->arg, error);
}

static void on_soon(uv_timer_t *timer) {
    struct place *place = timer->data;
    place->ready(place->arg, NULL);
}

static struct place *open_place(struct engine *engine, struct config *config, const struct job_config *job,
                                int64_t retry_for, void (*ready)(void *arg, const struct error *error), void *arg) {
    struct place *place = x_calloc(1, sizeof *place);
    place->patience = (struct aws_patience){.retry_for = retry_for, .last_success = clock_monotonic()};
    place->engine = engine_ref(engine);
    place->config = config_ref(config);
    place->job = job;
    place->ready = ready;
    place->arg = arg;
    place->provider = engine_provider(engine, job, true);
    place->soon.data = place;
    uv_timer_init(engine->shared.loop, &place->soon);
    _cleanup_free_ char *region = engine_region(job);
    struct credential_settings settings = {.profile = job->profile};
    if (region) {
        open_session(place, region);
        uv_timer_start(&place->soon, on_soon, 0, 0);
    } else {
        place->lookup = region_lookup_start(engine->store, &settings, on_region, place);
    }
    return place;
}

struct place *place_open(struct engine *engine, struct config *config, const struct job_config *job,
                         void (*ready)(void *arg, const struct error *error), void *arg) {
    return open_place(engine, config, job, 0, ready, arg);
}

struct place *place_open_patient(struct engine *engine, struct config *config, const struct job_config *job,
                                 void (*ready)(void *arg, const struct error *error), void *arg) {
    return open_place(engine, config, job, job->retry_for, ready, arg);
}

static void on_closed(uv_handle_t *handle) {
    free(handle->data);
}

void place_close(struct place *place) {
    if (!place)
        return;
    if (place->lookup)
        region_lookup_cancel(place->lookup);
    if (place->bucket.session)
        aws_session_free(place->bucket.session);
    credential_provider_unref(place->provider);
    config_unref(place->config);
    engine_unref(place->engine);
    uv_close((uv_handle_t *)&place->soon, on_closed);
}
