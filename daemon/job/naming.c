/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names of runs, backups and their objects. An ID begins with its start in milliseconds, so that S3's listing, which is in
 * order of keys, is in order of time; its last digits are the run's, so that two hosts never share one.
 */
#include "job/naming.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "aws/store.h"
#include "base/clock.h"
#include "base/digest.h"
#include "base/encoding.h"
#include "base/memory.h"
#include "config/names.h"

#define FOLDER          "AWSDynamoDB/"
#define TABLE_NAME_MOST 255 /* DynamoDB */

static void stamp_time(char stamp[16], int64_t now) {
    struct civil civil = civil_from_seconds(now / SECOND_MS);
    snprintf(stamp, 16, "%04u%02u%02u-%02u%02u%02u", (unsigned)civil.year % 10000, (unsigned)civil.month % 100,
             (unsigned)civil.day % 100, (unsigned)civil.hour % 100, (unsigned)civil.minute % 100,
             (unsigned)civil.second % 100);
}

void backup_names_init(struct backup_names *names, const char *bucket, const char *prefix, int64_t now,
                       const unsigned char random[16]) {
    *names = (struct backup_names){0};
    hex_encode(names->run, random, RUN_LENGTH / 2);
    snprintf(names->id, sizeof names->id, "%014llu-%.8s", (unsigned long long)now % 100000000000000ULL, names->run);
    stamp_time(names->stamp, now);
    names->bucket = x_strdup(bucket);
    names->prefix = x_strdup(prefix);
    names->root = x_printf("%s" FOLDER "%s/", prefix, names->id);
    names->uri = x_printf("s3://%s/%s", bucket, names->root);
}

bool backup_names_restore(struct backup_names *names, const char *run, const char *bucket, const char *prefix,
                          int64_t started) {
    unsigned char identity[RUN_LENGTH / 2];
    *names = (struct backup_names){0};
    if (strlen(run) != RUN_LENGTH || !hex_decode(identity, sizeof identity, run))
        return false;
    backup_names_init(names, bucket, prefix, started, identity);
    return true;
}

struct backup_names backup_names_copy(const struct backup_names *names) {
    unsigned char identity[RUN_LENGTH / 2] = {0};
    struct backup_names copy;
    (void)hex_decode(identity, sizeof identity, names->run);
    backup_names_init(&copy, names->bucket, names->prefix, backup_id_time(names->id), identity);
    return copy;
}

void backup_names_fini(struct backup_names *names) {
    free(names->bucket);
    free(names->prefix);
    free(names->root);
    free(names->uri);
    *names = (struct backup_names){0};
}

char *backup_key(const struct backup_names *names, const char *file) {
    return x_printf("%s%s", names->root, file);
}

char *backup_data_prefix(const struct backup_names *names) {
    return backup_key(names, "data/");
}

char *backup_data_key(const struct backup_names *names, unsigned number, enum stream_compression compression) {
    return x_printf("%sdata/%05u.json%s", names->root, number, compression_suffix(compression));
}

char *backup_plain_key(const struct backup_names *names, unsigned number, enum stream_format format,
                       enum stream_compression compression) {
    char which[16] = "";
    if (number > 1)
        snprintf(which, sizeof which, ".%u", number);
    return x_printf("%sbackup-%s-%.8s%s.%s%s", names->prefix, names->stamp, names->run, which,
                    format == FORMAT_CSV ? "csv" : "json", compression_suffix(compression));
}

char *backup_plain_stem(const struct backup_names *names) {
    return x_printf("s3://%s/%sbackup-%s-%.8s.", names->bucket, names->prefix, names->stamp, names->run);
}

bool backup_plain_key_is(const struct backup_names *names, const char *key) {
    _cleanup_free_ char *stem = x_printf("%sbackup-%s-%.8s.", names->prefix, names->stamp, names->run);
    size_t length = strlen(stem);
    if (strncmp(key, stem, length) != 0)
        return false;
    const char *digits = key + length;
    size_t count = strspn(digits, "0123456789");
    unsigned number = count ? (unsigned)strtoul(digits, NULL, 10) : 1;
    for (enum stream_format format = FORMAT_JSON; format <= FORMAT_CSV; format++)
        for (enum stream_compression by = COMPRESSION_NONE; by <= COMPRESSION_ZSTD; by++) {
            _cleanup_free_ char *one = backup_plain_key(names, number, format, by);
            if (strcmp(one, key) == 0)
                return true;
        }
    return false;
}

const char *backup_content_type(enum stream_format format, enum stream_compression compression) {
    switch (compression) {
    case COMPRESSION_GZIP:
        return "application/gzip";
    case COMPRESSION_ZSTD:
        return "application/zstd";
    case COMPRESSION_NONE:
        break;
    }
    switch (format) {
    case FORMAT_DYNAMODB_JSON:
        return "application/x-ndjson";
    case FORMAT_CSV:
        return "text/csv; charset=utf-8";
    case FORMAT_JSON:
        break;
    }
    return "application/json";
}

bool backup_id_valid(const char *id) {
    return strlen(id) == ID_LENGTH && strspn(id, "0123456789") == 14 && id[14] == '-' &&
           strspn(id + 15, "0123456789abcdef") == 8;
}

int64_t backup_id_time(const char *id) {
    return strtoll(id, NULL, 10);
}

bool backup_id_after(const char *id, int64_t date) {
    return date && backup_id_time(id) > date * SECOND_MS + BACKUP_DATE_SLACK;
}

static bool bad_uri(const char *uri, struct error *error) {
    error_set(error, ERROR_INVALID, "\"%s\" names no backup: expected s3://BUCKET/PREFIX/AWSDynamoDB/ID/", uri);
    return false;
}

bool backup_uri_parse(const char *uri, char **bucket, char **prefix, char id[ID_LENGTH + 1], struct error *error) {
    static const char scheme[] = "s3://";
    if (strncmp(uri, scheme, sizeof scheme - 1) != 0)
        return bad_uri(uri, error);
    const char *name = uri + sizeof scheme - 1, *slash = strchr(name, '/');
    if (!slash || slash == name)
        return bad_uri(uri, error);
    size_t length = strlen(slash + 1);
    if (length && slash[length] == '/')
        length--;
    size_t tail = strlen(FOLDER) + ID_LENGTH;
    if (length < tail)
        return bad_uri(uri, error);
    const char *folder = slash + 1 + length - tail;
    memcpy(id, folder + strlen(FOLDER), ID_LENGTH);
    id[ID_LENGTH] = '\0';
    bool at_start = folder == slash + 1 || folder[-1] == '/';
    if (!at_start || strncmp(folder, FOLDER, strlen(FOLDER)) != 0 || !backup_id_valid(id))
        return bad_uri(uri, error);
    *bucket = x_strndup(name, (size_t)(slash - name));
    *prefix = x_strndup(slash + 1, (size_t)(folder - slash - 1));
    return true;
}

void backup_digest_key(unsigned char key[32], const char *run) {
    _cleanup_free_ char *text = x_printf("dynamodb-backupd item digest %s", run);
    sha256(key, text, strlen(text));
}

char *scratch_table_name(const char *prefix, int64_t now, const unsigned char random[4]) {
    char stamp[16], hex[9];
    stamp_time(stamp, now);
    hex_encode(hex, random, 4);
    _cleanup_free_ char *whole = x_printf("%s%s-%s", prefix, stamp, hex);
    return name_within(whole, TABLE_NAME_MOST);
}

char *table_arn_region(const char *table) {
    if (strncmp(table, "arn:", 4) != 0)
        return NULL;
    const char *at = table;
    for (int colons = 0; colons < 3 && at; colons++) {
        at = strchr(at, ':');
        at = at ? at + 1 : NULL;
    }
    return at && strcspn(at, ":") ? x_strndup(at, strcspn(at, ":")) : NULL;
}

char *table_home_region(const char *table) {
    _cleanup_free_ char *region = table_arn_region(table);
    return region && name_is_region(region) ? take_pointer(region) : NULL;
}
