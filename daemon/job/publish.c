/* SPDX-License-Identifier: Apache-2.0 */
/*
 *     RENDER (worker: texts and their checksums) -> PUT the first -> PUT the next ... -> done
 *
 * The record of a table of terabytes is megabytes of JSON: it is written, and hashed, off the loop.
 */
#include "job/publish.h"

#include <stdlib.h>
#include <string.h>

#include "base/encoding.h"
#include "base/memory.h"
#include "job/settle.h"

#define FILES_MOST 4

struct file {
    const char *name, *content_type;
    struct buffer text;
    char sha256[2 * SHA256_LENGTH + 1];
    unsigned char md5[MD5_LENGTH];
    uint32_t crc32;
    struct http_slice slice;
};

struct publish {
    struct publish_options options;
    struct s3_object_options
        objects; /* the job's, but for the storage class: what is listed must be readable at once */
    enum publish_what what;
    struct file files[FILES_MOST];
    size_t count, at;
    char *key;
    uv_work_t work;
    bool working, cancelled;
    struct s3_call *call;
    struct settle *settle;
    publish_done *done;
    void *arg;
};

static void publish_free(struct publish *publish) {
    for (size_t i = 0; i < publish->count; i++)
        buffer_fini(&publish->files[i].text);
    backup_record_unref(publish->options.record);
    free(publish->key);
    free(publish);
}

static struct file *add_file(struct publish *publish, const char *name, const char *content_type) {
    struct file *file = &publish->files[publish->count++];
    *file = (struct file){.name = name, .content_type = content_type, .text = BUFFER_INIT(SIZE_MAX / 2)};
    return file;
}

static void add_checksum(struct publish *publish, const char *name, const struct file *of) {
    char text[25];
    struct file *file = add_file(publish, name, "text/plain");
    record_checksum(text, &of->text);
    buffer_add(&file->text, text);
}

static void render_manifests(struct publish *publish) {
    struct file *files = add_file(publish, "manifest-files.json", "application/json");
    record_write_manifest_files(publish->options.record, &files->text);
    add_checksum(publish, "manifest-files.checksum", files);
    struct file *summary = add_file(publish, "manifest-summary.json", "application/json");
    record_write_manifest_summary(publish->options.record, &summary->text);
    add_checksum(publish, "manifest-summary.checksum", summary);
}

static void seal(struct file *file) {
    unsigned char hash[SHA256_LENGTH];
    const char *bytes = file->text.data ? file->text.data : "";
    sha256(hash, bytes, file->text.length);
    hex_encode(file->sha256, hash, sizeof hash);
    md5(file->md5, bytes, file->text.length);
    file->crc32 = crc32_update(0, bytes, file->text.length);
    file->slice = (struct http_slice){bytes, file->text.length};
}

/* On a worker thread. */
static void render(uv_work_t *work) {
    struct publish *publish = container_of(work, struct publish, work);
    switch (publish->what) {
    case PUBLISH_STARTED:
        record_write_started(publish->options.record, &add_file(publish, "_started", "application/json")->text);
        break;
    case PUBLISH_MANIFESTS:
        render_manifests(publish);
        break;
    case PUBLISH_BACKUP:
        record_write_backup(publish->options.record, &add_file(publish, "backup.json", "application/json")->text);
        break;
    }
    for (size_t i = 0; i < publish->count; i++)
        seal(&publish->files[i]);
}

static void put_next(struct publish *publish);

static void on_put_ended(struct publish *publish, const struct error *error) {
    if (!error && ++publish->at < publish->count) {
        put_next(publish);
        return;
    }
    publish->done(publish->arg, error);
    publish_free(publish);
}

/* Is this store's ETag the MD5 of what it stored? */
static bool attests(const struct s3_answer *answer, const struct file *file) {
    unsigned char value[MD5_LENGTH];
    return s3_attested_md5(value, answer, file->crc32) && memcmp(value, file->md5, MD5_LENGTH) == 0;
}

static void on_put(void *arg, const struct s3_answer *answer, const struct error *error) {
    struct publish *publish = arg;
    publish->call = NULL;
    if (publish->what == PUBLISH_STARTED && !error)
        *publish->options.attested = attests(answer, &publish->files[publish->at]);
    on_put_ended(publish, error);
}

static void on_settled(void *arg, const char *etag, const struct error *error) {
    struct publish *publish = arg;
    (void)etag;
    publish->settle = NULL;
    on_put_ended(publish, error);
}

static void put_next(struct publish *publish) {
    struct file *file = &publish->files[publish->at];
    free(publish->key);
    if (publish->options.size)
        *publish->options.size = file->slice.length;
    publish->key = backup_key(&publish->options.record->names, file->name);
    struct s3_put put = {.key = publish->key,
                         .content_type = file->content_type,
                         .run = publish->options.record->names.run,
                         .body = {.slices = &file->slice,
                                  .slice_count = 1,
                                  .sha256 = file->sha256,
                                  .md5 = file->md5,
                                  .has_crc32 = true,
                                  .crc32 = file->crc32},
                         .options = &publish->objects};
    if (publish->what == PUBLISH_BACKUP && publish->options.resumed)
        publish->settle = settle_put_again(publish->options.bucket, &put, on_settled, publish);
    else if (publish->what == PUBLISH_BACKUP)
        publish->settle = settle_put(publish->options.bucket, &put, on_settled, publish);
    else
        publish->call = s3_put_object(publish->options.bucket, &put, on_put, publish);
}

static void on_rendered(uv_work_t *work, int status) {
    struct publish *publish = container_of(work, struct publish, work);
    (void)status;
    publish->working = false;
    if (publish->cancelled)
        publish_free(publish);
    else
        put_next(publish);
}

struct publish *publish_start(const struct publish_options *options, enum publish_what what, publish_done *done,
                              void *arg) {
    struct publish *publish = x_calloc(1, sizeof *publish);
    publish->options = *options;
    publish->objects = *options->objects;
    publish->objects.storage_class = NULL;
    publish->options.record = backup_record_ref(options->record);
    publish->what = what;
    publish->done = done;
    publish->arg = arg;
    publish->working = true;
    uv_queue_work(options->loop, &publish->work, render, on_rendered);
    return publish;
}

void publish_cancel(struct publish *publish) {
    if (!publish)
        return;
    if (publish->call)
        s3_cancel(publish->call);
    settle_cancel(publish->settle);
    if (publish->working)
        publish->cancelled = true;
    else
        publish_free(publish);
}
