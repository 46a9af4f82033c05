/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as what describes a backup: backup.json, manifest-summary.json, manifest-files.json. What is taken adds up. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "job/seal.h"
#include "job/source.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

static void check_object(const struct source_object *object) {
    uint64_t at = 0;
    if (!object->key || !object->part_count)
        abort();
    for (size_t i = 0; i < object->part_count; i++) {
        if (object->parts[i].offset != at)
            abort();
        at += object->parts[i].length == SOURCE_UNKNOWN ? 0 : object->parts[i].length;
    }
    if (object->size != SOURCE_UNKNOWN && at != object->size)
        abort();
}

static void check(const struct source *source) {
    if (source->output_count > SOURCE_OUTPUTS || source->manifest_count > SOURCE_MANIFESTS)
        abort();
    for (size_t i = 0; i < source->output_count; i++)
        for (size_t k = 0; k < source->outputs[i].object_count; k++)
            check_object(&source->outputs[i].objects[k]);
    (void)source_restorable(source, NULL);
}

/* As it is, and with a seal, so that what stands behind the seal is reached. */
static void try_backup(const char *text, size_t length, bool lenient) {
    struct error error = {0};
    struct source *source = source_parse_backup(text, length, lenient, &error);
    if (!source == !error.code)
        abort();
    if (source && !lenient)
        check(source);
    source_unref(source);
    error_clear(&error);
}

static void try_sealed(const char *text, size_t length) {
    struct buffer sealed = BUFFER_INIT(BUFFER_OURS);
    while (length && strchr("} \n", text[length - 1]))
        length--;
    buffer_add_bytes(&sealed, text, length);
    seal_add(&sealed);
    if (!seal_check(sealed.data, sealed.length, NULL))
        abort();
    try_backup(sealed.data, sealed.length, false);
    buffer_fini(&sealed);
}

static void try_export(const char *text, size_t length) {
    static const char summary[] =
        "{\"version\":\"2020-06-30\",\"tableArn\":\"arn:aws:dynamodb:r:1:table/t\",\"manifestFilesS3Key\":\"k\"}";
    struct error error = {0};
    struct source *source = source_parse_summary(text, length, &error);
    if (!source == !error.code)
        abort();
    source_unref(source);
    error_clear(&error);
    source = source_parse_summary(summary, sizeof summary - 1, NULL);
    if (source_parse_files(source, text, length, &error))
        check(source);
    else if (!error.code)
        abort();
    source_unref(source);
    error_clear(&error);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length) {
    char *text = x_malloc(length + !length); /* so that a byte read past its end is seen */
    if (length)
        memcpy(text, bytes, length);
    try_backup(text, length, false);
    try_backup(text, length, true);
    try_sealed(text, length);
    try_export(text, length);
    free(text);
    return 0;
}
