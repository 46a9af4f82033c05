/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Source=auto: the sources in botocore's order, as far as they are built: environment, profile (its role before its keys),
 * instance role. One that has nothing configured makes room for the next; one that is configured and fails is the answer, for
 * the next might be somebody else. Where none has anything, the error says what each one said.
 */
#include "aws/sources.h"
#include "base/buffer.h"
#include "base/memory.h"

#define SOURCES_MOST 3

struct auto_source {
    struct source sources[SOURCES_MOST];
    size_t count, at;
    bool fetching;
    struct buffer said;
    credentials_done *done;
    void *arg;
};

static void ask(struct auto_source *self);

/* The last one's code: a metadata service that does not answer now may do so later. */
static void give_up(struct auto_source *self, const struct error *last) {
    struct error error = {0};
    error_set(&error, last->code, "none of the sources has any: %s", self->said.data);
    self->done(self->arg, NULL, &error);
    error_clear(&error);
}

static void on_fetched(void *arg, const struct credentials *got, const struct error *error) {
    struct auto_source *self = arg;
    const char *name = self->sources[self->at].type->name;
    self->fetching = false;
    if (got) {
        self->done(self->arg, got, NULL);
        return;
    }
    buffer_printf(&self->said, "%s%s: %s", self->said.length ? "; " : "", name, error->message ? error->message : "");
    bool is_last = self->at + 1 == self->count;
    if (is_last) {
        give_up(self, error);
    } else if (error->code == ERROR_NOT_FOUND) {
        self->at++;
        ask(self);
    } else {
        struct error told = error_copy(error);
        error_context(&told, "%s", name);
        self->done(self->arg, NULL, &told);
        error_clear(&told);
    }
}

static void ask(struct auto_source *self) {
    const struct source *source = &self->sources[self->at];
    self->fetching = true;
    source->type->fetch(source->self, on_fetched, self);
}

static void fetch(void *arg, credentials_done *done, void *done_arg) {
    struct auto_source *self = arg;
    self->done = done;
    self->arg = done_arg;
    self->at = 0;
    buffer_clear(&self->said);
    ask(self);
}

static void stop(void *arg) {
    struct auto_source *self = arg;
    const struct source *source = &self->sources[self->at];
    if (self->fetching)
        source->type->stop(source->self);
    self->fetching = false;
}

static void free_self(void *arg) {
    struct auto_source *self = arg;
    for (size_t i = 0; i < self->count; i++)
        self->sources[i].type->free(self->sources[i].self);
    buffer_fini(&self->said);
    free(self);
}

static const char *notice(const void *arg) {
    const struct auto_source *self = arg;
    const struct source *source = &self->sources[self->at];
    return source->type->notice ? source->type->notice(source->self) : NULL;
}

/* The instance role may be what is found: its pace is the pace of all. */
static const struct credential_source auto_source = {.name = "auto",
                                                     .ask_at_most_every_ms = MINUTE_MS,
                                                     .fetch = fetch,
                                                     .stop = stop,
                                                     .free = free_self,
                                                     .notice = notice};

struct source auto_source_new(const struct source_context *context, const char *profile, const char *region) {
    struct auto_source *self = x_calloc(1, sizeof *self);
    self->said = BUFFER_INIT(BUFFER_OURS);
    if (!profile)
        self->sources[self->count++] = env_source_new(context);
    self->sources[self->count++] = profile_source_new(context, profile, region);
    self->sources[self->count++] = imds_source_new(context);
    return (struct source){&auto_source, self};
}
