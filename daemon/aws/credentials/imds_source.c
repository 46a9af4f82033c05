/* SPDX-License-Identifier: Apache-2.0 */
/* The instance's role as a source. The service hands the same ones out until it rotates them: asked at most once a minute. */
#include "aws/imds.h"
#include "aws/sources.h"
#include "base/memory.h"

struct imds_source {
    struct imds *imds;
    struct imds_call *call;
    credentials_done *done;
    void *arg;
};

static void on_imds(void *arg, const struct credentials *credentials, const char *region, const struct error *error) {
    (void)region;
    struct imds_source *self = arg;
    self->call = NULL;
    self->done(self->arg, credentials, error);
}

static void fetch(void *arg, credentials_done *done, void *done_arg) {
    struct imds_source *self = arg;
    self->done = done;
    self->arg = done_arg;
    self->call = imds_credentials_start(self->imds, on_imds, self);
}

static void stop(void *arg) {
    struct imds_source *self = arg;
    if (self->call)
        imds_cancel(take_pointer(self->call));
}

static const struct credential_source imds_source = {
    .name = "imds", .ask_at_most_every_ms = MINUTE_MS, .fetch = fetch, .stop = stop, .free = free};

struct source imds_source_new(const struct source_context *context) {
    struct imds_source *self = x_calloc(1, sizeof *self);
    self->imds = context->imds;
    return (struct source){&imds_source, self};
}
