/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The small files of a backup. Each of ours is proven by another: _started by its own seal, a manifest by what backup.json keeps of it, a
 * .checksum by its manifest as it was written. An export has but the checksums: there one of the two is wrong, and nobody knows which.
 */
#include <string.h>

#include "base/encoding.h"
#include "base/json.h"
#include "base/memory.h"
#include "job/seal.h"
#include "verify.h"

const char *const verify_file_names[VERIFY_FILES] = {
    [FILE_STARTED] = "_started",
    [FILE_SUMMARY] = "manifest-summary.json",
    [FILE_SUMMARY_CHECKSUM] = "manifest-summary.checksum",
    [FILE_FILES] = "manifest-files.json",
    [FILE_FILES_CHECKSUM] = "manifest-files.checksum",
};

static bool has_lines(const struct source *source) {
    for (size_t i = 0; i < source->output_count; i++)
        if (source->outputs[i].format == FORMAT_DYNAMODB_JSON)
            return true;
    return false;
}

bool verify_file_is_due(const struct source *source, enum verify_file file) {
    return file == FILE_STARTED ? source->kind == BACKUP_OURS : has_lines(source);
}

bool verify_file_is_manifest(enum verify_file file) {
    return file == FILE_SUMMARY || file == FILE_FILES;
}

static bool same(const char *a, const char *b) {
    return a && b && strcmp(a, b) == 0;
}

static bool check_started(const struct source *source, const char *text, size_t length, struct error *error) {
    if (!seal_check(text, length, error))
        return false;
    _cleanup_json_ struct json_object *root = json_parse(text, length, error);
    if (!root)
        return false;
    if (same(json_string(root, "run"), source->run) && same(json_string(root, "table_arn"), source->table_arn))
        return true;
    error_set(error, ERROR_CORRUPT, "it is of another run or table than backup.json says");
    return false;
}

static const struct source_manifest *manifest_of(const struct source *source, enum verify_file file) {
    for (size_t i = 0; i < source->manifest_count; i++)
        if (strcmp(source->manifests[i].name, verify_file_names[file]) == 0)
            return &source->manifests[i];
    return NULL;
}

static bool check_manifest(const struct source *source, struct verify_sums *sums, enum verify_file file,
                           struct error *error) {
    const struct source_manifest *told = manifest_of(source, file);
    sums->known[file] = true;
    if (!told || memcmp(sums->md5[file], told->md5, MD5_LENGTH) == 0)
        return true;
    /* its checksum is held to what was written */
    memcpy(sums->md5[file], told->md5, MD5_LENGTH);
    error_set(error, ERROR_CORRUPT, "it is not what was written: its MD5 is not the one in backup.json");
    return false;
}

/* Exports may have hex and a newline; ours are exactly base64. */
static bool is_checksum(const char *text, size_t length, const unsigned char *value, bool ours) {
    char base64[BASE64_LENGTH(MD5_LENGTH) + 1], hex[2 * MD5_LENGTH + 1];
    base64_encode(base64, value, MD5_LENGTH);
    hex_encode(hex, value, MD5_LENGTH);
    while (!ours && length && strchr("\r\n \t", text[length - 1]))
        length--;
    return (length == strlen(base64) && memcmp(text, base64, length) == 0) ||
           (!ours && length == strlen(hex) && strncasecmp(text, hex, length) == 0);
}

static bool check_checksum(const struct source *source, const struct verify_sums *sums, enum verify_file file,
                           const char *text, size_t length, struct error *error) {
    enum verify_file of = file - 1;
    bool proven = manifest_of(source, of);
    if (!sums->known[of] || is_checksum(text, length, sums->md5[of], source->kind == BACKUP_OURS))
        return true;
    if (proven)
        error_set(error, ERROR_CORRUPT, "it is not the MD5 of %s as it was written", verify_file_names[of]);
    else
        error_set(error, ERROR_CORRUPT, "it is not the MD5 of %s: one of the two is not what was written",
                  verify_file_names[of]);
    return false;
}

bool verify_file_check(const struct source *source, struct verify_sums *sums, enum verify_file file, const char *text,
                       size_t length, struct error *error) {
    switch (file) {
    case FILE_STARTED:
        return check_started(source, text, length, error);
    case FILE_SUMMARY:
    case FILE_FILES:
        return check_manifest(source, sums, file, error);
    case FILE_SUMMARY_CHECKSUM:
    case FILE_FILES_CHECKSUM:
        return check_checksum(source, sums, file, text, length, error);
    case VERIFY_FILES:
        break;
    }
    return true;
}
